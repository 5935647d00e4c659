package bench

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"
	"time"

	"holdfast/internal/engine"
	"holdfast/internal/selfcert"
	"holdfast/internal/vault"
)

// memoryMiB is the limit that the agent gives its working child.
const memoryMiB = 200

const (
	password   = "a password of the benchmark"
	repository = "site1/data"
)

var vaultKey = []byte("0123456789abcdef0123456789abcdef")

// job is what a child process does: one operation of the engine, as the agent's
// working child does it, or the vault.
type job struct {
	Do         string // "store", "stream", "restore", "verify", "vault"
	Location   engine.Location
	Tree, To   string
	Walk       bool
	Blobs      string // of the vault
	CPUProfile string
	Run        runner
}

// The benchmark's own program is the child.
func TestMain(m *testing.M) {
	if os.Getenv("HOLDFAST_BENCH_JOB") == "" {
		os.Exit(m.Run())
	}
	var j job
	err := json.NewDecoder(os.Stdin).Decode(&j)
	if err == nil {
		err = j.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (j job) run(ctx context.Context) error {
	if j.CPUProfile != "" {
		f, err := os.Create(j.CPUProfile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	switch j.Do {
	case "vault":
		return j.vault(ctx)
	case "run":
		return j.Run.run(ctx)
	}
	r, err := engine.Open(ctx, j.Location, password)
	if err != nil {
		return err
	}
	switch j.Do {
	case "store":
		err = j.store(ctx, r)
	case "stream":
		err = j.stream(ctx, r)
	case "restore":
		err = j.restore(ctx, r)
	case "unstream":
		err = j.unstream(ctx, r)
	case "verify":
		var rep engine.VerifyReport
		if rep, err = r.Verify(ctx, engine.VerifyOptions{Percent: 100}); err == nil && !rep.Proven {
			err = fmt.Errorf("not proven: %+v", rep)
		}
	default:
		err = fmt.Errorf("no job %q", j.Do)
	}
	return errors.Join(err, r.Close(ctx))
}

func (j job) store(ctx context.Context, r *engine.Repository) error {
	roots := []engine.Root{{
		Name: "moodledata", Path: filepath.Join(j.Tree, "moodledata"), ExcludeDirs: leftOut,
		ContentAddressed: "filedir", ExcludeSuffixIn: map[string]string{"filedir": ".tmp"},
	}}
	if code := filepath.Join(j.Tree, "code"); exists(code) {
		roots = append(roots, engine.Root{Name: "code", Path: code})
	}
	s, err := r.StoreTree(ctx, engine.TreeOptions{Source: "site1", Roots: roots, Previous: true, Fast: !j.Walk, Progress: func(engine.Progress) {}})
	if err == nil && (len(s.Problems) > 0 || s.Content.Mismatched > 0) {
		err = fmt.Errorf("stored with problems: %+v", s.Content)
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (j job) stream(ctx context.Context, r *engine.Repository) error {
	f, err := os.Open(j.Tree)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = r.StoreStream(ctx, engine.StreamOptions{Source: "site1", FileName: "dump.sql"}, func(_ context.Context, w io.Writer) error {
		_, err := io.CopyBuffer(w, struct{ io.Reader }{f}, make([]byte, 256<<10))
		return err
	})
	return err
}

func newest(ctx context.Context, r *engine.Repository) (string, error) {
	list, err := r.List(ctx)
	if err != nil || len(list) == 0 {
		return "", errors.Join(errors.New("no snapshot"), err)
	}
	return list[len(list)-1].ID, nil
}

func (j job) restore(ctx context.Context, r *engine.Repository) error {
	id, err := newest(ctx, r)
	if err != nil {
		return err
	}
	_, err = r.RestoreTree(ctx, id, j.To, engine.RestoreOptions{})
	return err
}

func (j job) unstream(ctx context.Context, r *engine.Repository) error {
	id, err := newest(ctx, r)
	if err != nil {
		return err
	}
	f, err := os.Create(j.To)
	if err != nil {
		return err
	}
	_, err = r.ReadStream(ctx, id, f)
	return errors.Join(err, f.Close())
}

// vault serves a directory until its input ends. It writes its address and the
// pin of its key to j.To.
func (j job) vault(ctx context.Context) error {
	cert, err := selfcert.Load(filepath.Dir(j.To), time.Now())
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return err
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	v, err := vault.NewServer(vault.ServerConfig{
		Key: vaultKey, StateDir: filepath.Join(filepath.Dir(j.To), "vault-state"),
		Backend: vault.Backend{Kind: vault.Filesystem, Path: j.Blobs},
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: v, ReadHeaderTimeout: time.Minute, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(l, "", "") }()
	line := fmt.Sprintf("https://%s sha256:%s\n", l.Addr(), hex.EncodeToString(sum[:]))
	if err := os.WriteFile(j.To+".new", []byte(line), 0o600); err != nil {
		return err
	}
	if err := os.Rename(j.To+".new", j.To); err != nil {
		return err
	}
	_ = ctx
	return <-ended
}
