package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

var key = bytes.Repeat([]byte("k"), 32)

// rig is a vault on a real listener.
type rig struct {
	*httptest.Server
	vault *vault.Server
	cfg   vault.ServerConfig
	clock *clock.Fixed
}

func start(t *testing.T, change func(*vault.ServerConfig)) *rig {
	t.Helper()
	r := &rig{clock: clock.NewFixed(time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC))}
	r.cfg = vault.ServerConfig{
		Key: key, Clock: r.clock, StateDir: filepath.Join(t.TempDir(), "state"),
		Backend: vault.Backend{Kind: vault.Filesystem, Path: filepath.Join(t.TempDir(), "blobs")},
	}
	if change != nil {
		change(&r.cfg)
	}
	s, err := vault.NewServer(r.cfg)
	must(t, err)
	r.vault = s
	r.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		r.Server.Close()
		must(t, r.vault.Close(context.Background()))
	})
	return r
}

func (r *rig) token(change func(*vault.Claims)) string {
	c := vault.Claims{Repository: "site1/data", Session: "run1", Fence: 7, Mode: vault.ModeAppend, Expires: r.clock.Now().Add(time.Hour)}
	if change != nil {
		change(&c)
	}
	return vault.Sign(key, c)
}

// dial opens the storage with a token's repository as its name.
func (r *rig) dial(t *testing.T, token string) blob.Storage {
	t.Helper()
	c, err := vault.Verify(key, token, r.clock.Now())
	must(t, err)
	st, err := vault.Door{URL: r.URL, Name: c.Repository, Token: token, RetryFor: time.Second}.Dial(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, st.Close(context.Background())) })
	return st
}

// raw makes a request as no client of ours would.
func (r *rig) raw(t *testing.T, method, path, token string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, bytes.NewReader(body))
	must(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	sum := sha256.Sum256(body)
	req.Header.Set("Holdfast-Sha256", hex.EncodeToString(sum[:]))
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	must(t, err)
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type content []byte

func (c content) Length() int { return len(c) }
func (c content) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c)
	return int64(n), err
}
func (c content) Reader() io.ReadSeekCloser { return nopCloser{bytes.NewReader(c)} }

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

type output struct{ bytes.Buffer }

func (o *output) Length() int { return o.Len() }

func put(t *testing.T, st blob.Storage, id, text string) {
	t.Helper()
	if err := st.PutBlob(t.Context(), blob.ID(id), content(text), blob.PutOptions{}); err != nil {
		t.Fatalf("put %s: %v", id, err)
	}
}

func get(t *testing.T, st blob.Storage, id string) string {
	t.Helper()
	var o output
	if err := st.GetBlob(t.Context(), blob.ID(id), 0, -1, &o); err != nil {
		t.Fatalf("get %s: %v", id, err)
	}
	return o.String()
}

// keeper opens the destination beneath the vault.
func (r *rig) keeper(t *testing.T, repository string) blob.Storage {
	t.Helper()
	st, err := r.cfg.Backend.Open(t.Context(), repository)
	must(t, err)
	t.Cleanup(func() { must(t, st.Close(context.Background())) })
	return st
}

func TestDoor_ReadsBackWhatItPut(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	st := r.dial(t, r.token(nil))
	big := strings.Repeat("0123456789abcdef", 200_000)
	put(t, st, "pbig", big)
	put(t, st, "q1", "meta")
	put(t, st, "xn0_a", "index")
	put(t, st, "pempty", "")
	if got := get(t, st, "pbig"); got != big {
		t.Errorf("pbig has %d other bytes", len(got))
	}
	if got := get(t, st, "pempty"); got != "" {
		t.Errorf("pempty is %q", got)
	}
	var o output
	must(t, st.GetBlob(t.Context(), "pbig", 16, 4, &o))
	if o.String() != "0123" {
		t.Errorf("range gave %q", o.String())
	}
	m, err := st.GetMetadata(t.Context(), "q1")
	must(t, err)
	if m.Length != 4 || m.Timestamp.IsZero() || m.BlobID != "q1" {
		t.Errorf("metadata %+v", m)
	}
	all, err := blob.ListAllBlobs(t.Context(), st, "p")
	must(t, err)
	if len(all) != 2 {
		t.Errorf("listed %v", all)
	}
	_, err = st.GetMetadata(t.Context(), "pnone")
	if !errors.Is(err, blob.ErrBlobNotFound) {
		t.Errorf("error %v, want not found", err)
	}
	if err := st.GetBlob(t.Context(), "q1", 2, 100, &o); err == nil {
		t.Error("a range beyond the end gave no error")
	}
}

func TestServer_LetsAClientOnlyAppend(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	keeper := r.keeper(t, "site1/data")
	for _, id := range []string{"kopia.repository", "kopia.maintenance", "p1", "q1", "xn0_1", "xe1", "xw1", "s-of-another"} {
		put(t, keeper, id, "kept")
	}
	st := r.dial(t, r.token(nil))
	put(t, st, "s1", "marker")
	for _, id := range []string{"kopia.repository", "kopia.blobcfg", "kopia.new", "xe2", "xw2", "xs2", "xr2", "_log_1", "x", "n1", "m1", ".shards"} {
		err := st.PutBlob(t.Context(), blob.ID(id), content("evil"), blob.PutOptions{})
		if k := errs.KindOf(err); k != errs.Forbidden && k != errs.Invalid {
			t.Errorf("put %s: %v, want a refusal", id, err)
		}
	}
	for _, id := range []string{"p1", "q1", "xn0_1", "s-of-another"} {
		err := st.PutBlob(t.Context(), blob.ID(id), content("evil"), blob.PutOptions{})
		if !errs.Is(err, errs.Conflict) {
			t.Errorf("replace %s: %v, want Conflict", id, err)
		}
		if get(t, keeper, id) != "kept" {
			t.Errorf("%s was replaced", id)
		}
	}
	for _, id := range []string{"kopia.repository", "p1", "q1", "xn0_1", "xe1", "s-of-another", "s-none"} {
		if err := st.DeleteBlob(t.Context(), blob.ID(id)); !errs.Is(err, errs.Forbidden) {
			t.Errorf("delete %s: %v, want Forbidden", id, err)
		}
	}
	must(t, st.DeleteBlob(t.Context(), "s1"))
	must(t, st.DeleteBlob(t.Context(), "s1")) // its first answer may have been lost
	if _, err := keeper.GetMetadata(t.Context(), "s1"); !errors.Is(err, blob.ErrBlobNotFound) {
		t.Errorf("own marker is still there: %v", err)
	}
	if get(t, st, "kopia.repository") != "kept" {
		t.Error("the format cannot be read")
	}
}

func TestServer_ReadTokenWritesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	put(t, r.dial(t, r.token(nil)), "s1", "x")
	st := r.dial(t, r.token(func(c *vault.Claims) { c.Mode = vault.ModeRead }))
	if got := get(t, st, "s1"); got != "x" {
		t.Errorf("read %q", got)
	}
	if err := st.PutBlob(t.Context(), "p9", content("x"), blob.PutOptions{}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("put: %v", err)
	}
	if err := st.DeleteBlob(t.Context(), "s1"); !errs.Is(err, errs.Forbidden) {
		t.Errorf("delete: %v", err)
	}
}

func TestServer_TakesTheSameContentTwice(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	st := r.dial(t, r.token(nil))
	put(t, st, "p1", "content")
	put(t, st, "p1", "content")
	other := r.dial(t, r.token(func(c *vault.Claims) { c.Session = "run2" }))
	put(t, other, "p1", "content")
	recs, err := vault.Records(r.cfg.StateDir, "site1/data", "run2")
	must(t, err)
	if len(recs) != 0 {
		t.Errorf("run2 is recorded for a blob of run1: %v", recs)
	}
}

func TestServer_RefusesAnotherRepository(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	put(t, r.dial(t, r.token(nil)), "p1", "secret")
	thief := r.token(func(c *vault.Claims) { c.Repository = "site2/data" })
	r.dial(t, thief) // its own is fine
	paths := []string{
		"/vault/v1/site1/data/blobs/p1", "/vault/v1/site1/data/blobs",
		"/vault/v1/site2/data/blobs/..%2F..%2Fsite1%2Fdata%2Fp1", "/vault/v1/site2/data/blobs/%2e%2e",
		"/vault/v1/site2/data/../../site1/data/blobs/p1", "/vault/v1/site2%2F..%2Fsite1/data/blobs/p1",
		"/vault/v1/site2/data/blobs/..%5C..%5Cp1", "/vault/v1/site2/data/blobs?prefix=../../site1",
		"/vault/v1/site2/data/blobs/p1%00", "/vault/v1//data/blobs/p1",
	}
	for _, p := range paths {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			code, body := r.raw(t, method, p, thief, []byte("evil"))
			if code < 300 || strings.Contains(body, "secret") {
				t.Errorf("%s %s: %d %q", method, p, code, body)
			}
		}
	}
	if got := get(t, r.keeper(t, "site1/data"), "p1"); got != "secret" {
		t.Errorf("p1 is now %q", got)
	}
}

func TestVerify_RefusesEveryTokenButItsOwn(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	good := vault.Claims{Repository: "s/data", Session: "r", Fence: 1, Mode: vault.ModeAppend, Expires: now.Add(time.Minute), QuotaBytes: 5}
	token := vault.Sign(key, good)
	if c, err := vault.Verify(key, token, now); err != nil || c != good {
		t.Fatalf("good token: %+v, %v", c, err)
	}
	sign := func(change func(*vault.Claims)) string { c := good; change(&c); return vault.Sign(key, c) }
	wide := sign(func(c *vault.Claims) { c.Repository = "other/data" })
	cases := map[string]string{
		"empty": "", "no signature": strings.Split(token, ".")[0], "other key": vault.Sign(bytes.Repeat([]byte("x"), 32), good),
		"claims of one, signature of another": strings.Split(wide, ".")[0] + "." + strings.Split(token, ".")[1],
		"cut":                                 token[:len(token)-1], "with a tail": token + "A",
		"expired":        sign(func(c *vault.Claims) { c.Expires = now }),
		"other mode":     sign(func(c *vault.Claims) { c.Mode = "delete" }),
		"no repository":  sign(func(c *vault.Claims) { c.Repository = "" }),
		"climbing":       sign(func(c *vault.Claims) { c.Repository = "../data" }),
		"climbing run":   sign(func(c *vault.Claims) { c.Session = "../../x" }),
		"three parts":    sign(func(c *vault.Claims) { c.Repository = "a/b/c" }),
		"absolute":       sign(func(c *vault.Claims) { c.Repository = "/etc" }),
		"no run":         sign(func(c *vault.Claims) { c.Session = "" }),
		"far too long":   strings.Repeat("A", 1<<20) + "." + strings.Repeat("A", 43),
		"not even close": "Bearer x.y.z",
	}
	for name, tok := range cases {
		if _, err := vault.Verify(key, tok, now); !errs.Is(err, errs.Unsigned) {
			t.Errorf("%s: %v, want Unsigned", name, err)
		}
	}
	if _, err := vault.Verify(nil, vault.Sign(nil, good), now); err == nil {
		t.Error("an empty key verifies")
	}
}

func TestServer_RefusesExpiredAndForgedTokens(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	token := r.token(nil)
	put(t, r.dial(t, token), "p1", "x")
	forged := vault.Sign(bytes.Repeat([]byte("f"), 32), vault.Claims{
		Repository: "site1/data", Session: "run1", Mode: vault.ModeAppend, Expires: r.clock.Now().Add(time.Hour),
	})
	for _, tok := range []string{"", "nonsense", forged} {
		if code, _ := r.raw(t, http.MethodGet, "/vault/v1/site1/data/blobs/p1", tok, nil); code != http.StatusUnauthorized {
			t.Errorf("token %.10q: %d", tok, code)
		}
	}
	r.clock.Add(time.Hour)
	if code, _ := r.raw(t, http.MethodGet, "/vault/v1/site1/data/blobs/p1", token, nil); code != http.StatusUnauthorized {
		t.Errorf("expired: %d", code)
	}
}

func TestServer_HoldsTheQuotaOverARestart(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	token := r.token(func(c *vault.Claims) { c.QuotaBytes = 100 })
	st := r.dial(t, token)
	put(t, st, "p1", strings.Repeat("a", 60))
	put(t, st, "p1", strings.Repeat("a", 60)) // again, counts once
	put(t, st, "p2", strings.Repeat("b", 40))
	for range 2 {
		err := st.PutBlob(t.Context(), "p3", content("c"), blob.PutOptions{})
		if !errs.Is(err, errs.TooLarge) {
			t.Errorf("beyond the quota: %v", err)
		}
		again, err := vault.NewServer(r.cfg)
		must(t, err)
		r.Config.Handler = again
	}
	if _, err := r.keeper(t, "site1/data").GetMetadata(t.Context(), "p3"); !errors.Is(err, blob.ErrBlobNotFound) {
		t.Errorf("p3: %v", err)
	}
}

func TestServer_RefusesTooLargeBlobs(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *vault.ServerConfig) { c.MaxBlobBytes = 1000 })
	st := r.dial(t, r.token(nil))
	put(t, st, "p1", strings.Repeat("a", 1000))
	if err := st.PutBlob(t.Context(), "p2", content(strings.Repeat("a", 1001)), blob.PutOptions{}); !errs.Is(err, errs.TooLarge) {
		t.Errorf("error %v, want TooLarge", err)
	}
}

func TestServer_RefusesABodyThatIsNotWhatWasSent(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.URL+"/vault/v1/site1/data/blobs/p1", strings.NewReader("abc"))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+r.token(nil))
	req.Header.Set("Holdfast-Sha256", strings.Repeat("0", 64))
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d", resp.StatusCode)
	}
	if all, _ := blob.ListAllBlobs(t.Context(), r.keeper(t, "site1/data"), ""); len(all) != 0 {
		t.Errorf("stored %v", all)
	}
}

func TestServer_RecordsEveryBlobOfASession(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	st := r.dial(t, r.token(nil))
	put(t, st, "s1", "m")
	put(t, st, "p1", "abc")
	put(t, st, "xn0_1", "i")
	must(t, st.DeleteBlob(t.Context(), "s1"))
	recs, err := vault.Records(r.cfg.StateDir, "site1/data", "run1")
	must(t, err)
	var got []string
	for _, rec := range recs {
		got = append(got, rec.Op+" "+rec.Blob)
	}
	want := "put s1,put p1,put xn0_1,remove s1"
	if strings.Join(got, ",") != want {
		t.Errorf("recorded %v, want %s", got, want)
	}
	sum := sha256.Sum256([]byte("abc"))
	if recs[1].SHA256 != hex.EncodeToString(sum[:]) || recs[1].Bytes != 3 || recs[1].Fence != 7 {
		t.Errorf("recorded as %+v", recs[1])
	}
}

func TestServer_GoesOnAfterATornRecord(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	st := r.dial(t, r.token(nil))
	put(t, st, "p1", "abc")
	file := filepath.Join(r.cfg.StateDir, "site1", "data", "run1.jsonl")
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(`{"at":"2026-01-01T00:00:00Z","op":"pu`)
	must(t, err)
	must(t, f.Close())
	again, err := vault.NewServer(r.cfg)
	must(t, err)
	r.Config.Handler = again
	put(t, st, "p2", "def")
	recs, err := vault.Records(r.cfg.StateDir, "site1/data", "run1")
	must(t, err)
	if len(recs) != 2 || recs[1].Blob != "p2" {
		t.Errorf("records %+v", recs)
	}
}

func TestBackend_RefusesNamesThatClimb(t *testing.T) {
	t.Parallel()
	b := vault.Backend{Kind: vault.Filesystem, Path: t.TempDir()}
	for _, name := range []string{"..", "../x", "a/../b", "a/..", "/a/b", "a", "a/b/c", "a//b", "a/b\x00", ".a/b", "a/b.c", strings.Repeat("a", 65) + "/b"} {
		if _, err := b.Open(t.Context(), name); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v, want Invalid", name, err)
		}
	}
}
