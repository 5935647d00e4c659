package vault

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// paced gives a transport whose bodies go at the gate's pace.
func (d Door) paced(t http.RoundTripper) http.RoundTripper {
	if d.Gate == nil {
		return t
	}
	return pacedTransport{t, d.Gate}
}

type pacedTransport struct {
	http.RoundTripper
	gate Gate
}

// RoundTrip makes one request. Its time is bounded by the caller as if nothing
// held it back: a gate's pace is above the slowest that a vault puts up with.
func (t pacedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if req.Body != nil && req.Body != http.NoBody {
		out := req.Clone(ctx)
		out.Body = t.gate.Sending(ctx, req.Body)
		if again := req.GetBody; again != nil {
			out.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				if err != nil {
					return nil, err
				}
				return t.gate.Sending(ctx, body), nil
			}
		}
		req = out
	}
	resp, err := t.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = t.gate.Receiving(ctx, resp.Body)
	return resp, nil
}

// CloseIdleConnections lets go of the idle connections.
func (t pacedTransport) CloseIdleConnections() {
	if c, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// enter waits at the gate, before the time of a request begins to run.
func (c *client) enter(ctx context.Context, what string, sends bool) (leave func(), err error) {
	if c.door.Gate == nil {
		return func() {}, nil
	}
	if leave, err = c.door.Gate.Enter(ctx, sends); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return leave, nil
}
