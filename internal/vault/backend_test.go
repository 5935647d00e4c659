package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// contract is what every kind of storage has to keep behind the same verbs.
func contract(t *testing.T, b vault.Backend) {
	t.Helper()
	ctx := t.Context()
	st, err := b.Open(ctx, "site1/data")
	must(t, err)
	other, err := b.Open(ctx, "site2/data")
	must(t, err)
	big := strings.Repeat("0123456789abcdef", 100_000)
	put(t, st, "p1", big)
	put(t, st, "q1", "meta")
	put(t, other, "p1", "of another")
	if get(t, st, "p1") != big || get(t, other, "p1") != "of another" {
		t.Error("read back other bytes")
	}
	var o output
	must(t, st.GetBlob(ctx, "p1", 16, 4, &o))
	if o.String() != "0123" {
		t.Errorf("range gave %q", o.String())
	}
	var at time.Time
	must(t, st.PutBlob(ctx, "s1", content("x"), blob.PutOptions{GetModTime: &at}))
	if at.IsZero() {
		t.Error("no time of a blob that was put")
	}
	m, err := st.GetMetadata(ctx, "q1")
	must(t, err)
	if m.Length != 4 {
		t.Errorf("metadata %+v", m)
	}
	all, err := blob.ListAllBlobs(ctx, st, "")
	must(t, err)
	if len(all) != 3 {
		t.Errorf("listed %v", all)
	}
	must(t, st.DeleteBlob(ctx, "s1"))
	if _, err := st.GetMetadata(ctx, "s1"); !errors.Is(err, blob.ErrBlobNotFound) {
		t.Errorf("after a delete: %v", err)
	}
	must(t, st.Close(ctx))
	must(t, other.Close(ctx))
	sealed(t, b)

	// The vault keeps its rule before any of them.
	r := start(t, func(c *vault.ServerConfig) { c.Backend = b })
	door := r.dial(t, r.token(nil))
	put(t, door, "p2", "through the vault")
	put(t, door, "p2", "through the vault")
	if err := door.PutBlob(ctx, "p1", content("evil"), blob.PutOptions{}); !errors.Is(err, blob.ErrBlobAlreadyExists) {
		t.Errorf("replace: %v", err)
	}
	if get(t, door, "p2") != "through the vault" || get(t, door, "q1") != "meta" {
		t.Error("read other bytes through the vault")
	}
}

// sealed is the same contract for plain sealed files: one is deleted, and
// nothing beside it, however often.
func sealed(t *testing.T, b vault.Backend) {
	t.Helper()
	ctx, key := t.Context(), bytes.Repeat([]byte{7}, 32)
	var names []string
	for _, name := range []string{"copy-1", "copy-2"} {
		f, err := engine.PutSealed(ctx, b, "site1", name, key, t.TempDir(), func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, name)
			return err
		})
		must(t, err)
		names = append(names, f.Name)
	}
	for range 2 {
		must(t, engine.DeleteSealed(ctx, b, names[0]))
	}
	must(t, engine.DeleteSealed(ctx, b, "site2/sealed/never.hfs"))
	var plain bytes.Buffer
	if err := engine.ReadSealed(ctx, b, names[0], key, &plain); err == nil {
		t.Error("a deleted sealed file was read")
	}
	plain.Reset()
	must(t, engine.ReadSealed(ctx, b, names[1], key, &plain))
	if plain.String() != "copy-2" {
		t.Errorf("the other came back as %q", plain.String())
	}
	for _, name := range []string{"", "site1/data/p1", "site1/sealed/..", "site1/sealed/../data/q1.hfs", "../sealed/x.hfs", "site1/sealed/x", "/sealed/x.hfs"} {
		if err := engine.DeleteSealed(ctx, b, name); !errs.Is(err, errs.Invalid) {
			t.Errorf("deleting %q: %v", name, err)
		}
	}
}

func TestBackend_Filesystem(t *testing.T) {
	t.Parallel()
	contract(t, vault.Backend{Kind: vault.Filesystem, Path: filepath.Join(t.TempDir(), "blobs")})
}

// run starts a server and waits until it listens.
func run(t *testing.T, addr string, name string, arg ...string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, arg...)
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for range 600 {
		select {
		case err := <-ended:
			t.Fatalf("%s ended: %v\n%s", name, err, said.String())
		default:
		}
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			must(t, c.Close())
			return
		}
		time.Sleep(50 * time.Millisecond) // no server here tells when it is ready
	}
	t.Fatalf("%s does not listen", name)
}

func freePort(t *testing.T) (string, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	a := l.Addr().(*net.TCPAddr)
	must(t, l.Close())
	return a.String(), a.Port
}

func TestBackend_S3(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := filepath.Join(dir, "versitygw")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", server, "github.com/versity/versitygw/cmd/versitygw")
	build.Dir = filepath.Join("..", "..", ".ci", "s3server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the S3 server: %v\n%s", err, out)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "buckets", "backups"), 0o755))
	addr, _ := freePort(t)
	run(t, addr, server, "--access", "testaccess", "--secret", "testsecret", "--port", addr,
		"posix", "--nometa", filepath.Join(dir, "buckets"))
	contract(t, vault.Backend{Kind: vault.OnS3, Path: "prefix", S3: &vault.S3{
		Endpoint: addr, Bucket: "backups", AccessKey: "testaccess", SecretKey: "testsecret", Region: "us-east-1", Plain: true,
	}})
}

func TestBackend_SFTP(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, k := range []string{"host", "user"} {
		out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, k)).CombinedOutput()
		if err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	if os.Geteuid() == 0 {
		must(t, os.MkdirAll("/run/sshd", 0o755)) // where sshd, as root, puts its unprivileged part
	}
	addr, port := freePort(t)
	config := fmt.Sprintf("ListenAddress 127.0.0.1\nPort %d\nHostKey %s/host\nAuthorizedKeysFile %s/user.pub\nStrictModes no\n"+
		"PidFile none\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n", port, dir, dir)
	must(t, os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config), 0o600))
	run(t, addr, "/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	key, err := os.ReadFile(filepath.Join(dir, "user"))
	must(t, err)
	host, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	must(t, err)
	me, err := user.Current()
	must(t, err)
	b := vault.Backend{Kind: vault.OnSFTP, Path: filepath.Join(dir, "blobs"), SFTP: &vault.SFTP{
		Host: "127.0.0.1", Port: port, User: me.Username, Key: string(key),
		KnownHosts: fmt.Sprintf("[127.0.0.1]:%d %s", port, host),
	}}
	contract(t, b)
	// A server with another key is none that was agreed upon.
	b.SFTP = &vault.SFTP{Host: b.SFTP.Host, Port: port, User: me.Username, Key: string(key)}
	otherKey, err := os.ReadFile(filepath.Join(dir, "user.pub"))
	must(t, err)
	b.SFTP.KnownHosts = fmt.Sprintf("[127.0.0.1]:%d %s", port, otherKey)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if st, err := b.Open(ctx, "site1/data"); err == nil {
		_ = st.Close(ctx)
		t.Error("a server with another key was accepted")
	}
}
