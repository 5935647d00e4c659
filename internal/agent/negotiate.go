package agent

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"holdfast/internal/agentproto"
)

// An agent may be newer than its control plane. Every answer, a refusal too,
// names the version that the server speaks best; the agent speaks that one from
// then on, up to its own.

// version is what is spoken with this control plane.
func (c *client) version() int {
	if v := int(c.spoken.Load()); v > 0 {
		return v
	}
	return agentproto.Version
}

// heed takes up the version that an answer names, and tells whether asking
// again may help what was asked in another.
func (c *client) heed(h http.Header, asked int) bool {
	theirs, err := strconv.Atoi(h.Get(agentproto.VersionHeader))
	if err != nil || theirs < agentproto.OldestVersion {
		return false
	}
	v := min(theirs, agentproto.Version)
	c.spoken.Store(int32(v)) //nolint:gosec // at most our own
	return v < asked
}

// postHeader sends one message, and again where the control plane is older than
// this agent and says so.
func (c *client) postHeader(ctx context.Context, timeout time.Duration, path string, in, out any) (http.Header, error) {
	v := c.version()
	h, err := c.postIn(ctx, timeout, v, path, in, out)
	if c.heed(h, v) && statusOf(err) == http.StatusUpgradeRequired {
		return c.postIn(ctx, timeout, c.version(), path, in, out)
	}
	return h, err
}

// inVersion leaves out of a message what an older control plane does not know.
func inVersion(in any, version int) any {
	m, ok := in.(agentproto.CompleteRequest)
	if !ok || version >= 4 || m.Copy == nil {
		return in
	}
	bare := *m.Copy
	bare.References, bare.Signals, bare.Facts.Moodle = nil, nil, nil
	m.Copy = &bare
	return m
}
