package hook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/fakestripe"
	"holdfast/internal/httpd/hook"
	"holdfast/internal/stripeapi"
)

const secret = "whsec_0123456789abcdefghij"

// keeper verifies as the use case does and keeps what it took.
type keeper struct {
	api  *stripeapi.Client
	mu   sync.Mutex
	kept [][]byte
	err  error
}

func (k *keeper) TakeWebhook(_ context.Context, body []byte, signature string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	if _, err := k.api.ReadEvent(body, signature); err != nil {
		return err
	}
	k.kept = append(k.kept, body)
	return nil
}

func newDoor(t testing.TB) (http.Handler, *keeper, *bytes.Buffer) {
	t.Helper()
	api, err := stripeapi.New(stripeapi.Config{Key: "sk_test_0123456789abcdefghij", WebhookSecrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	k, log := &keeper{api: api}, &bytes.Buffer{}
	return hook.New(k, slog.New(slog.NewTextHandler(log, nil)), clock.System{}), k, log
}

func post(door http.Handler, body io.Reader, signature string) int {
	r := httptest.NewRequest(http.MethodPost, hook.StripePath, body)
	r.Header.Set("Stripe-Signature", signature)
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w.Code
}

func sign(body string) string {
	return fakestripe.Sign(secret, []byte(body), clock.System{}.Now())
}

const event = `{"id":"evt_1","object":"event","type":"charge.refunded","created":1,"data":{"object":{"id":"ch_1","object":"charge","payment_intent":"pi_1"}}}`

func TestStripe_AnswersEachBodyAsItIs(t *testing.T) {
	t.Parallel()
	door, k, log := newDoor(t)
	large := `{"id":"` + strings.Repeat("e", 64<<10) + `"}`
	for name, c := range map[string]struct {
		body, signature string
		want            int
	}{
		"signed": {event, sign(event), 200}, "unsigned": {event, "", 400}, "signed by another": {event, fakestripe.Sign("whsec_another_one_0000", []byte(event), clock.System{}.Now()), 400},
		"another body": {event + " ", sign(event), 400}, "old": {event, fakestripe.Sign(secret, []byte(event), clock.System{}.Now().Add(-6*time.Minute)), 400},
		"no event": {"{}", sign("{}"), 400}, "no JSON": {"x", sign("x"), 400}, "nothing": {"", sign(""), 400}, "too large": {large, sign(large), 413},
		"a long signature": {event, sign(event) + strings.Repeat(",v1=00", 2000), 400},
	} {
		if got := post(door, strings.NewReader(c.body), c.signature); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if len(k.kept) != 1 || string(k.kept[0]) != event {
		t.Errorf("kept %q", k.kept)
	}
	if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "evt_1") {
		t.Errorf("the log holds too much: %s", log)
	}
}

// What cannot be kept now is sent again by Stripe; what is not set up is not
// there.
func TestStripe_AsksForItAgainWhereItCannotBeKept(t *testing.T) {
	t.Parallel()
	door, k, _ := newDoor(t)
	for want, err := range map[int]error{
		503: errs.New(errs.Unavailable, "no database"), 404: errs.New(errs.Unsupported, "no Stripe"),
	} {
		k.err = err
		if got := post(door, strings.NewReader(event), sign(event)); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
	k.err = errors.New("something else")
	if got := post(door, strings.NewReader(event), sign(event)); got != 503 {
		t.Errorf("something else: %d", got)
	}
}

func TestDoor_HasOneWayIn(t *testing.T) {
	t.Parallel()
	door, _, _ := newDoor(t)
	for _, c := range []struct {
		method, path string
		want         int
	}{{"GET", hook.StripePath, 405}, {"PUT", hook.StripePath, 405}, {"POST", hook.Prefix + "/other", 404}, {"POST", hook.StripePath + "/", 404}} {
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(event)))
		if w.Code != c.want || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, w.Code, c.want)
		}
	}
}

// A sender that says nothing is not waited for for ever.
func TestStripe_EndsASenderThatHangs(t *testing.T) {
	t.Parallel()
	api, err := stripeapi.New(stripeapi.Config{Key: "sk_test_0123456789abcdefghij", WebhookSecrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	past := clock.NewFixed(clock.System{}.Now().Add(-9900 * time.Millisecond)) // the deadline is a tenth of a second from now
	srv := httptest.NewServer(hook.New(&keeper{api: api}, slog.New(slog.DiscardHandler), past))
	t.Cleanup(srv.Close)
	body, hold := io.Pipe()
	t.Cleanup(func() { _ = hold.Close() })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+hook.StripePath, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%d", res.StatusCode)
		}
	}
}

func FuzzStripe(f *testing.F) {
	door, k, _ := newDoor(f)
	f.Add([]byte(event), sign(event), true)
	f.Add([]byte(`{"id":"evt_1","type":"x","data":{"object":[]}}`), "t=1,v1=", true)
	f.Add([]byte(`[]`), "t=9999999999999999999,v1=zz", false)
	f.Fuzz(func(t *testing.T, body []byte, signature string, signed bool) {
		if signed {
			signature = sign(string(body))
		}
		before := len(k.kept)
		code := post(door, bytes.NewReader(body), signature)
		taken := len(k.kept) > before
		if taken != (code == 200) || code >= 500 || taken && !signed {
			t.Errorf("%d, taken %v, signed %v: %q %q", code, taken, signed, body, signature)
		}
	})
}
