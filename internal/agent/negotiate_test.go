package agent

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
)

// olderServer speaks up to a version, and keeps what it was sent.
func olderServer(t *testing.T, speaks int) (*httptest.Server, *[]string) {
	t.Helper()
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked, _ := strconv.Atoi(r.Header.Get(agentproto.VersionHeader))
		w.Header().Set(agentproto.VersionHeader, strconv.Itoa(speaks))
		if asked > speaks {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		got = append(got, string(b))
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	return s, &got
}

func TestClient_SpeaksAnOlderServersVersion(t *testing.T) {
	t.Parallel()
	m := agentproto.CompleteRequest{Run: "r", Copy: &agentproto.Copy{
		Facts: agentproto.Facts{Moodle: &agentproto.MoodleFacts{}}, References: &agentproto.References{}, Signals: &agentproto.Signals{},
	}}
	for _, speaks := range []int{agentproto.OldestVersion, 3, agentproto.Version, agentproto.Version + 3} {
		s, got := olderServer(t, speaks)
		c := newClient(s.URL, "", "")
		for range 2 {
			if err := c.post(t.Context(), time.Minute, agentproto.PathComplete, m, nil); err != nil {
				t.Fatalf("a server of version %d: %v", speaks, err)
			}
		}
		if c.version() != min(speaks, agentproto.Version) || len(*got) != 2 {
			t.Errorf("a server of version %d was spoken to in %d, %d times", speaks, c.version(), len(*got))
		}
		for _, field := range []string{"references", "signals", "moodle"} {
			if has := strings.Contains((*got)[0], `"`+field+`"`); has != (speaks >= 4) {
				t.Errorf("a server of version %d got %s: %v", speaks, field, has)
			}
		}
	}
	if m.Copy.References == nil {
		t.Error("the message itself was changed")
	}
}

func TestClient_AServerThatNamesNoVersionIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusUpgradeRequired)
	}))
	t.Cleanup(s.Close)
	err := newClient(s.URL, "", "").post(t.Context(), time.Minute, agentproto.PathHello, agentproto.HelloRequest{}, nil)
	if statusOf(err) != http.StatusUpgradeRequired || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}
