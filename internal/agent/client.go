package agent

import (
	"bytes"
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
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
)

// maxAnswerBytes is the most that is read of one answer.
const maxAnswerBytes = 16 << 20

// statusError is an answer that is not 2xx.
type statusError struct {
	Status  int
	Code    string
	Message string
}

func (e *statusError) Error() string {
	s := "the control plane answered " + strconv.Itoa(e.Status)
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// statusOf gives the HTTP status of err, 0 if no answer came at all.
func statusOf(err error) int {
	var s *statusError
	if errors.As(err, &s) {
		return s.Status
	}
	return 0
}

// codeOf gives the control plane's code of err.
func codeOf(err error) string {
	var s *statusError
	if errors.As(err, &s) {
		return s.Code
	}
	return ""
}

// client speaks the agent protocol to one control plane.
type client struct {
	base       string
	credential string
	http       *http.Client
	spoken     atomic.Int32 // the protocol's version; 0 is this build's own
}

// newClient dials no one yet.
func newClient(server, pin, credential string) *client {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        pinnedTLS(pin),
		MaxResponseHeaderBytes: 64 << 10,
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{base: strings.TrimSuffix(server, "/"), credential: credential, http: &http.Client{Transport: t, CheckRedirect: noRedirect}}
}

// pinError tells which key the server showed instead of the pinned one.
type pinError struct{ want, got string }

func (e *pinError) Error() string {
	return "the server shows the key " + e.got + ", not the pinned " + e.want
}

// pinnedTLS trusts the system's CAs, or exactly the one public key of the pin.
func pinnedTLS(pin string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if pin == "" {
		return c
	}
	c.InsecureSkipVerify = true //nolint:gosec // the pin decides, in VerifyConnection below
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if got := KeyPin(s.PeerCertificates[0]); got != pin {
			return &pinError{want: pin, got: got}
		}
		return nil
	}
	return c
}

// KeyPin gives the pin of a certificate's public key.
func KeyPin(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// post sends one message and decodes the answer into out (nil to ignore it).
// Its errors are *statusError, or the network's.
func (c *client) post(ctx context.Context, timeout time.Duration, path string, in, out any) error {
	_, err := c.postHeader(ctx, timeout, path, in, out)
	return err
}

func (c *client) postIn(ctx context.Context, timeout time.Duration, version int, path string, in, out any) (http.Header, error) {
	body, err := json.Marshal(inVersion(in, version))
	if err != nil {
		return nil, fmt.Errorf("encoding the message to %s: %w", path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "holdfast-agent/"+Build)
	req.Header.Set(agentproto.VersionHeader, strconv.Itoa(version))
	if c.credential != "" {
		req.Header.Set("Authorization", "Bearer "+c.credential)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", path, err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return res.Header, fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return res.Header, answerError(res.StatusCode, b)
	}
	if out == nil || len(b) == 0 {
		return res.Header, nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		// Not the decoder's own words: they may quote a token.
		return res.Header, fmt.Errorf("the answer of %s is not what the protocol says (is %s really a Holdfast?)", path, c.base)
	}
	return res.Header, nil
}

func answerError(status int, body []byte) error {
	e := &statusError{Status: status}
	var a agentproto.ErrorAnswer
	if json.Unmarshal(body, &a) == nil {
		e.Code, e.Message = clip(a.Code, 100), clip(a.Message, 500)
	}
	return e
}

// clip cuts a foreign string to at most n bytes on one line.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// explain turns a failed request into a sentence with a remedy, for the
// commands that ask once and report.
func explain(err error, server string) error {
	var pin *pinError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pin):
		return errs.Wrap(errs.Forbidden, err, "%s shows the key %s, which is not the pinned one; if the server's key was changed on purpose, enrol with --pin %s", server, pin.got, pin.got)
	case errors.As(err, &unknown):
		got := ""
		if unknown.Cert != nil {
			got = KeyPin(unknown.Cert)
		}
		return errs.Wrap(errs.Forbidden, err, "the certificate of %s is signed by no one this host trusts; compare its key with the control plane's own (holdfast host enrol prints it) and pass --pin %s", server, got)
	case errors.As(err, &host):
		return errs.Wrap(errs.Forbidden, err, "the certificate of %s is for another name; correct --server or the certificate", server)
	case statusOf(err) == http.StatusUnauthorized:
		return errs.Wrap(errs.Unsigned, err, "the control plane does not know this credential, or revoked it; enrol this host again with a fresh token")
	case statusOf(err) == http.StatusUpgradeRequired:
		return errs.Wrap(errs.Unsupported, err, "this agent (protocol %d) is too old or too new for the control plane; install the agent of its release", agentproto.Version)
	case statusOf(err) != 0:
		return errs.Wrap(errs.Unavailable, err, "%s answered %d", server, statusOf(err))
	}
	return errs.Wrap(errs.Unavailable, err, "%s cannot be reached; check the address, the network and the firewall", server)
}
