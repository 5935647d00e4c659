package fakestripe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// request is one API call. The handler runs under the server's lock.
type request struct {
	form url.Values
	id   string // of the path
}

type call func(*request) answer

type answer struct {
	status int
	body   any
}

// idempotent is an answer that is given again.
type idempotent struct {
	Hash   string `json:"hash"`
	Status int    `json:"status"`
	Body   []byte `json:"body"`
	At     int64  `json:"at"`
}

func ok(body any) answer { return answer{http.StatusOK, body} }

func failed(status int, kind, code, param, message string) answer {
	e := map[string]any{"type": kind, "message": message}
	if code != "" {
		e["code"] = code
	}
	if param != "" {
		e["param"] = param
	}
	return answer{status, map[string]any{"error": e}}
}

func wrong(param, code, message string) answer {
	return failed(http.StatusBadRequest, "invalid_request_error", code, param, message)
}

func missing(what, id string) answer {
	return failed(http.StatusNotFound, "invalid_request_error", "resource_missing", "id", "No such "+what+": '"+id+"'")
}

// Fault is how a call goes wrong.
type Fault string

// The faults.
const (
	Down    Fault = "down"    // 503, and nothing is done
	Limited Fault = "limited" // 429, and nothing is done
	Hang    Fault = "hang"    // no answer, and nothing is done
	Lost    Fault = "lost"    // it is done, and the answer is lost
)

type fault struct {
	pattern string
	kind    Fault
	left    int
}

// Fail makes the next n calls of pattern, like "POST /v1/refunds", go wrong;
// "" means every call. n of -1 means until Heal.
func (s *Server) Fail(pattern string, kind Fault, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault{pattern, kind, n})
}

// Heal ends all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Calls tells how often pattern was called.
func (s *Server) Calls(pattern string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[pattern]
}

// fault gives how this call goes wrong, "" if it does not.
func (s *Server) fault(pattern string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[pattern]++
	for i := range s.faults {
		f := &s.faults[i]
		if f.left != 0 && (f.pattern == "" || f.pattern == pattern) {
			if f.left > 0 {
				f.left--
			}
			return f.kind
		}
	}
	return ""
}

const maxBody = 1 << 20

// api is the frame of every call: faults, key, form, idempotency, lock.
func (s *Server) api(pattern string, h call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			write(w, failed(http.StatusRequestEntityTooLarge, "invalid_request_error", "", "", "The request is too large"))
			return
		}
		bad := s.fault(pattern)
		switch bad {
		case Down:
			write(w, failed(http.StatusServiceUnavailable, "api_error", "", "", "We are having trouble"))
			return
		case Limited:
			write(w, failed(http.StatusTooManyRequests, "invalid_request_error", "rate_limit", "", "Too many requests"))
			return
		case Hang:
			<-r.Context().Done()
			return
		default:
		}
		if r.Header.Get("Authorization") != "Bearer "+s.o.Key {
			write(w, failed(http.StatusUnauthorized, "invalid_request_error", "", "", "Invalid API Key provided: "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
			return
		}
		form, err := url.ParseQuery(string(body))
		if r.Method == http.MethodGet {
			form, err = r.URL.Query(), nil
		}
		if err != nil {
			write(w, wrong("", "", "Invalid request body"))
			return
		}
		a := s.once(r, form, func() answer { return h(&request{form: form, id: r.PathValue("id")}) })
		if bad == Lost {
			panic(http.ErrAbortHandler)
		}
		write(w, a)
	}
}

// once gives the answer of before to a call with an idempotency key that was
// used already for the same, and refuses one for something else.
func (s *Server) once(r *http.Request, form url.Values, do func() answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass()
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || key == "" {
		a := do()
		if r.Method == http.MethodPost {
			s.save()
		}
		return a
	}
	sum := sha256.Sum256([]byte(r.URL.Path + "?" + form.Encode()))
	hash := hex.EncodeToString(sum[:])
	if old, used := s.state.Answers[key]; used {
		if old.Hash != hash {
			return failed(http.StatusBadRequest, "idempotency_error", "", "", "Keys for idempotent requests can only be used with the same parameters they were first used with.")
		}
		return answer{old.Status, json.RawMessage(old.Body)}
	}
	a := do()
	if a.status < 400 { // a request that failed validation leaves its key free
		raw, err := json.Marshal(a.body)
		if err != nil {
			return failed(http.StatusInternalServerError, "api_error", "", "", "Cannot write the answer")
		}
		s.state.Answers[key] = &idempotent{Hash: hash, Status: a.status, Body: raw, At: s.o.Clock.Now().Unix()}
	}
	s.save()
	return a
}

func write(w http.ResponseWriter, a answer) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(a.body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", newID("req_"))
	w.WriteHeader(a.status)
	_, _ = w.Write(b.Bytes())
}

// known refuses parameters that Stripe would not know. A name that ends in
// "[" allows all below it.
func (r *request) known(names ...string) *answer {
	for have := range r.form {
		if !slices.ContainsFunc(names, func(n string) bool {
			return have == n || strings.HasSuffix(n, "[") && strings.HasPrefix(have, n)
		}) {
			a := wrong(have, "parameter_unknown", "Received unknown parameter: "+have)
			return &a
		}
	}
	return nil
}

// number reads a whole number.
func (r *request) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(r.form.Get(name), 10, 64)
	return n, err == nil
}

// under gives the values below a name, like metadata[…].
func (r *request) under(name string) map[string]string {
	m := map[string]string{}
	for k := range r.form {
		if key, ok := strings.CutPrefix(k, name+"["); ok && strings.HasSuffix(key, "]") {
			m[strings.TrimSuffix(key, "]")] = r.form.Get(k)
		}
	}
	return m
}

// expand gives what is to be expanded, by its path.
func (r *request) expand() []string {
	var all []string
	for k, v := range r.form {
		if strings.HasPrefix(k, "expand[") {
			all = append(all, v...)
		}
	}
	return all
}

// page cuts a list, the newest first, to what was asked for.
func page[T any](r *request, path string, all []T, idOf func(T) string, show func(T) any) answer {
	limit := 10
	if n, ok := r.number("limit"); ok {
		limit = int(min(max(n, 1), 100))
	}
	if after := r.form.Get("starting_after"); after != "" {
		i := slices.IndexFunc(all, func(v T) bool { return idOf(v) == after })
		if i < 0 {
			return wrong("starting_after", "resource_missing", "No such object: '"+after+"'")
		}
		all = all[i+1:]
	}
	if before := r.form.Get("ending_before"); before != "" {
		i := slices.IndexFunc(all, func(v T) bool { return idOf(v) == before })
		if i < 0 {
			return wrong("ending_before", "resource_missing", "No such object: '"+before+"'")
		}
		all = all[max(0, i-limit):i]
	}
	data := []any{}
	for _, v := range all[:min(limit, len(all))] {
		data = append(data, show(v))
	}
	return ok(map[string]any{"object": "list", "url": path, "has_more": len(all) > limit, "data": data})
}
