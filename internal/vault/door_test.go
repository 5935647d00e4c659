package vault_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

func TestDoor_OutlastsATokenThatIsRenewed(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(r.token(nil)+"\n"), 0o600))
	st, err := vault.Door{URL: r.URL, Name: "site1/data", TokenFile: file}.Dial(t.Context())
	must(t, err)
	put(t, st, "p1", "x")
	r.clock.Add(2 * time.Hour)
	must(t, os.WriteFile(file, []byte(r.token(nil)), 0o600))
	put(t, st, "p2", "y")
}

func TestDoor_SaysUnsignedAtOnceWithoutATokenFile(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	st, err := vault.Door{URL: r.URL, Name: "site1/data", Token: "x.y"}.Dial(t.Context())
	must(t, err)
	if err := st.PutBlob(t.Context(), "p1", content("x"), blob.PutOptions{}); !errs.Is(err, errs.Unsigned) {
		t.Errorf("error %v, want Unsigned", err)
	}
}

func TestDoor_TriesAgainUntilTheVaultAnswers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	failures := 0
	r := start(t, nil)
	good := r.Config.Handler
	r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		failures++
		n := failures
		mu.Unlock()
		switch n % 4 {
		case 1:
			panic(http.ErrAbortHandler) // the line breaks
		case 2:
			http.Error(w, "no", http.StatusBadGateway)
		case 3: // done, but the answer is lost
			good.ServeHTTP(httptest.NewRecorder(), q)
			panic(http.ErrAbortHandler)
		default:
			good.ServeHTTP(w, q)
		}
	})
	st, err := vault.Door{URL: r.URL, Name: "site1/data", Token: r.token(nil), RetryFor: time.Minute}.Dial(t.Context())
	must(t, err)
	put(t, st, "p1", "content")
	if got := get(t, st, "p1"); got != "content" {
		t.Errorf("read %q", got)
	}
	all, err := blob.ListAllBlobs(t.Context(), st, "")
	must(t, err)
	if len(all) != 1 {
		t.Errorf("listed %v", all)
	}
}

func TestDoor_StopsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	st, err := vault.Door{URL: r.URL, Name: "site1/data", Token: "t"}.Dial(t.Context())
	must(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	cancel(stop)
	if err := st.PutBlob(ctx, "p1", content("x"), blob.PutOptions{}); !errors.Is(err, stop) && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestDoor_KnowsTheVaultByItsPin(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	tlsSide := httptest.NewTLSServer(r.vault)
	t.Cleanup(tlsSide.Close)
	sum := sha256.Sum256(tlsSide.Certificate().RawSubjectPublicKeyInfo)
	d := vault.Door{URL: tlsSide.URL, Name: "site1/data", Token: r.token(nil), Pin: "sha256:" + hex.EncodeToString(sum[:])}
	st, err := d.Dial(t.Context())
	must(t, err)
	put(t, st, "p1", "x")
	d.Pin = "sha256:" + strings.Repeat("0", 64)
	st, err = d.Dial(t.Context())
	must(t, err)
	if err := st.PutBlob(t.Context(), "p2", content("x"), blob.PutOptions{}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("another key: %v, want Forbidden", err)
	}
}

func TestDial_RefusesToSendATokenInTheClear(t *testing.T) {
	t.Parallel()
	for _, d := range []vault.Door{
		{URL: "http://vault.example.org", Name: "s/data"},
		{URL: "ftp://x", Name: "s/data"},
		{URL: "", Name: "s/data"},
		{URL: "https://x", Name: "../data"},
		{URL: "https://x", Name: "s/data", Pin: "sha256:12"},
	} {
		if _, err := d.Dial(t.Context()); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v, want Invalid", d, err)
		}
	}
}
