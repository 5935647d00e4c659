package agentdoor_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/httpd/agentdoor"
	"holdfast/internal/testkit"
)

// bell is a Waiter that a test rings.
type bell struct {
	asked chan string
	ring  chan struct{}
}

func (b *bell) Wait(host string) (<-chan struct{}, func()) {
	select {
	case b.asked <- host:
	default:
	}
	return b.ring, func() {}
}

type rig struct {
	t    *testing.T
	app  *app.App
	srv  *httptest.Server
	bell *bell
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, app: testkit.NewApp(t, nil).App, bell: &bell{asked: make(chan string, 1), ring: make(chan struct{})}}
	r.srv = httptest.NewServer(agentdoor.New(r.app, r.bell, slog.New(slog.DiscardHandler)))
	t.Cleanup(r.srv.Close)
	return r
}

// post sends one message and gives the status and the body.
func (r *rig) post(path, credential, version string, body any) (int, []byte) {
	r.t.Helper()
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			r.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.srv.URL+path, bytes.NewReader(raw))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set(agentproto.VersionHeader, version)
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	res, err := r.srv.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, answer
}

func (r *rig) enrolled() string {
	r.t.Helper()
	_, token, err := r.app.AddHost(r.t.Context(), authz.Console(), "host-a", 2)
	if err != nil {
		r.t.Fatal(err)
	}
	status, body := r.post(agentproto.PathEnrol, "", "2", agentproto.EnrolRequest{Token: token})
	var a agentproto.EnrolAnswer
	if err := json.Unmarshal(body, &a); err != nil || status != http.StatusOK {
		r.t.Fatalf("enrol: %d %s", status, body)
	}
	return a.Credential
}

func (r *rig) hello(credential string) (instance string, epoch int64) {
	r.t.Helper()
	instance = uuid.NewString()
	status, body := r.post(agentproto.PathHello, credential, "2", agentproto.HelloRequest{Instance: instance})
	var a agentproto.HelloAnswer
	if err := json.Unmarshal(body, &a); err != nil || status != http.StatusOK {
		r.t.Fatalf("hello: %d %s", status, body)
	}
	return instance, a.Epoch
}

func TestDoor_SpeaksEveryVersionFromTheOldestOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	credential := r.enrolled()
	for version, want := range map[string]int{
		"1": http.StatusOK, "2": http.StatusOK, "3": http.StatusOK,
		strconv.Itoa(agentproto.Version + 1): http.StatusUpgradeRequired, "0": http.StatusUpgradeRequired, "": http.StatusUpgradeRequired, "x": http.StatusUpgradeRequired,
	} {
		status, body := r.post(agentproto.PathHello, credential, version, agentproto.HelloRequest{Instance: uuid.NewString()})
		if status != want {
			t.Errorf("version %q: %d %s", version, status, body)
		}
	}
}

func TestDoor_EveryPathButEnrolWantsACredential(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{agentproto.PathHello, agentproto.PathPoll, agentproto.PathStarted, agentproto.PathHeartbeat, agentproto.PathComplete} {
		for _, credential := range []string{"", "wrong", strings.Repeat("x", 10_000)} {
			status, body := r.post(path, credential, "2", struct{}{})
			var e agentproto.ErrorAnswer
			if status != http.StatusUnauthorized || json.Unmarshal(body, &e) != nil || e.Message == "" {
				t.Errorf("%s with %.10q: %d %.200s", path, credential, status, body)
			}
		}
	}
}

func TestDoor_RefusesWhatIsNotTheMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	credential := r.enrolled()
	for name, body := range map[string][]byte{
		"no JSON": []byte("<xml/>"), "nothing": {}, "two messages": []byte(`{}{}`), "wrong type": []byte(`{"epoch":"x"}`), "no instance": []byte(`{}`),
	} {
		for _, path := range []string{agentproto.PathHello, agentproto.PathPoll} {
			if status, answer := r.post(path, credential, "2", body); status != http.StatusUnprocessableEntity {
				t.Errorf("%s to %s: %d %.200s", name, path, status, answer)
			}
		}
	}
	big := append(append([]byte(`{"instance":"`), bytes.Repeat([]byte("x"), 17<<20)...), '"', '}')
	if status, _ := r.post(agentproto.PathHello, credential, "2", big); status != http.StatusRequestEntityTooLarge {
		t.Errorf("17 MiB: %d", status)
	}
}

func TestPoll_WaitsUntilThereIsWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	credential := r.enrolled()
	instance, epoch := r.hello(credential)
	answered := make(chan int, 1)
	go func() {
		status, _ := r.post(agentproto.PathPoll, credential, "2", agentproto.PollRequest{Instance: instance, Epoch: epoch, PollSeq: 1, WaitSeconds: 60})
		answered <- status
	}()
	<-r.bell.asked
	select {
	case status := <-answered:
		t.Fatalf("an idle poll was answered at once: %d", status)
	default:
	}
	// A later poll of the same agent overtakes the waiting one: at the next
	// look that one is refused, so that it can take no work.
	if status, body := r.post(agentproto.PathPoll, credential, "2", agentproto.PollRequest{Instance: instance, Epoch: epoch, PollSeq: 2}); status != http.StatusOK {
		t.Fatalf("the later poll: %d %s", status, body)
	}
	close(r.bell.ring)
	if status := <-answered; status != http.StatusConflict {
		t.Fatalf("the overtaken poll was answered %d", status)
	}
}

func TestPoll_AnIdleAnswerHasEmptyLists(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	credential := r.enrolled()
	instance, epoch := r.hello(credential)
	status, body := r.post(agentproto.PathPoll, credential, "2", agentproto.PollRequest{Instance: instance, Epoch: epoch, PollSeq: 1})
	if status != http.StatusOK || strings.TrimSpace(string(body)) != `{"leases":[],"stop":[]}` {
		t.Fatalf("%d %s", status, body)
	}
}

// The agent's doctor asks this way whether its credential is known.
func TestHeartbeat_WithoutAHelloIsStaleNotWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	credential := r.enrolled()
	status, body := r.post(agentproto.PathHeartbeat, credential, "2", agentproto.HeartbeatRequest{})
	var e agentproto.ErrorAnswer
	if json.Unmarshal(body, &e) != nil || status != http.StatusConflict || e.Code != agentproto.CodeStaleEpoch {
		t.Fatalf("%d %s", status, body)
	}
}
