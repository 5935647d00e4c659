package agent

import (
	"context"
	"os"
	"path/filepath"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
)

// EnrolOptions are what a host needs to become known.
type EnrolOptions struct {
	Server     string
	Token      string // one-time, from the control plane
	Pin        string
	StateDir   string
	AllowRoots []string
	MemoryMiB  int
	PHP        string
}

// Enrol trades the one-time token for this host's own credential and writes
// the configuration, 0600. It checks everything it can before it spends the
// token: a token works once.
func Enrol(ctx context.Context, o EnrolOptions) (Config, error) {
	roots, err := CleanRoots(o.AllowRoots)
	if err != nil {
		return Config{}, err
	}
	if o.Token == "" {
		return Config{}, errs.Field("token", "is empty; make one with: holdfast host enrol NAME")
	}
	c := Config{Server: o.Server, Pin: o.Pin, Credential: "to come", AllowRoots: roots, MemoryMiB: o.MemoryMiB, PHP: o.PHP}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	path := filepath.Join(o.StateDir, ConfigName)
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return Config{}, errs.Wrap(errs.Invalid, err, "Cannot make the state directory %s.", o.StateDir)
	}
	probe := filepath.Join(o.StateDir, ".write-test")
	if err := writeWhole(probe, []byte("ok")); err != nil {
		return Config{}, errs.Wrap(errs.Invalid, err, "Cannot write in the state directory %s; the token is not spent.", o.StateDir)
	}
	_ = os.Remove(probe)
	host, _ := os.Hostname()
	var answer agentproto.EnrolAnswer
	err = newClient(o.Server, o.Pin, "").post(ctx, requestTimeout, agentproto.PathEnrol,
		agentproto.EnrolRequest{Token: o.Token, Hostname: host, AgentVersion: Build}, &answer)
	switch status := statusOf(err); {
	case status == 401 || status == 403 || status == 404 || status == 409 || status == 410:
		return Config{}, errs.Wrap(errs.Unsigned, err, "The control plane does not take this token: it was used, ran out, or was never made. Make a fresh one with: holdfast host enrol NAME.")
	case err != nil:
		return Config{}, explain(err, o.Server)
	}
	if answer.Credential == "" {
		return Config{}, errs.New(errs.Unsupported, "The answer held no credential; is %s really a Holdfast?", o.Server)
	}
	c.Credential, c.HostID, c.HostName = answer.Credential, answer.HostID, answer.HostName
	if err := c.Save(path); err != nil {
		return Config{}, err
	}
	return c, nil
}
