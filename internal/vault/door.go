package vault

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// Door is the agent's side of a vault: where it is, and the token that opens
// one repository there. It can be sent as JSON to the working process, by a
// pipe or file and never by arguments, for Token is a secret.
type Door struct {
	URL       string        `json:"url"`                  // base, like https://vault:8443
	Name      string        `json:"name"`                 // the repository's name, "SITE/KIND"; must be the token's
	Token     string        `json:"token,omitempty"`      // used when TokenFile is empty
	TokenFile string        `json:"token_file,omitempty"` // holds the token and is read again when the vault refuses it
	Pin       string        `json:"pin,omitempty"`        // "sha256:HEX" of the certificate's public key; "" means the system's CAs
	RetryFor  time.Duration `json:"retry_for,omitempty"`  // how long one operation outlasts a vault that is away; 0 means 15 min
	Gate      Gate          `json:"-"`                    // holds back what goes through the door; nil lets it go as it likes
}

// Gate holds back what a process does to a vault, for the sake of its host.
type Gate interface {
	// Enter waits before a request, and gives what is to be called when it has
	// ended; sends tells whether the request carries a blob. The error is the
	// context's.
	Enter(ctx context.Context, sends bool) (leave func(), err error)
	// Sending and Receiving give the body of a request or an answer at the pace
	// that it is to have.
	Sending(ctx context.Context, body io.ReadCloser) io.ReadCloser
	Receiving(ctx context.Context, body io.ReadCloser) io.ReadCloser
}

const (
	defaultRetryFor = 15 * time.Minute
	tokenPatience   = 2 * time.Minute // how long a new token in TokenFile is waited for
	firstPause      = 100 * time.Millisecond
	longestPause    = 15 * time.Second
)

// Dial gives the storage behind the door. It makes no connection yet. The
// storage outlasts a vault that restarts, a line that breaks, and a token that
// is renewed; each operation gives up after RetryFor or when its context ends.
func (d Door) Dial(context.Context) (blob.Storage, error) {
	if err := CheckRepository(d.Name); err != nil {
		return nil, err
	}
	base, err := url.Parse(d.URL)
	if err != nil || base.Host == "" {
		return nil, errs.Field("url", "the vault's address has the form https://host:port")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())) {
		return nil, errs.Field("url", "the vault's address must be https, for the token goes there")
	}
	transport, err := d.transport()
	if err != nil {
		return nil, err
	}
	if d.RetryFor <= 0 {
		d.RetryFor = defaultRetryFor
	}
	c := &client{
		door: d, now: clock.System{},
		base: strings.TrimRight(d.URL, "/") + PathPrefix + d.Name + "/blobs",
		http: &http.Client{Transport: d.paced(transport), CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token is for this address only
		}},
	}
	if c.token, err = d.readToken(); err != nil {
		return nil, err
	}
	return c, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (d Door) transport() (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: requestTime * 3,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if d.Pin == "" {
		return t, nil
	}
	hexed, ok := strings.CutPrefix(d.Pin, "sha256:")
	pin, err := hex.DecodeString(hexed)
	if !ok || err != nil || len(pin) != sha256.Size {
		return nil, errs.Field("pin", "a pin has the form sha256: and 64 hexadecimal digits")
	}
	t.TLSClientConfig.InsecureSkipVerify = true //nolint:gosec // the pin below takes the place of the CAs
	t.TLSClientConfig.VerifyConnection = func(cs tls.ConnectionState) error {
		got := sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo)
		if subtle.ConstantTimeCompare(got[:], pin) != 1 {
			return errPin
		}
		return nil
	}
	return t, nil
}

var errPin = errors.New("the vault's key is not the pinned one")

func (d Door) readToken() (string, error) {
	if d.TokenFile == "" {
		return d.Token, nil
	}
	b, err := os.ReadFile(d.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read the vault's token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// client is the blob storage behind a Door.
type client struct {
	blob.DefaultProviderImplementation
	door Door
	base string
	http *http.Client
	now  clock.Clock

	mu    sync.Mutex
	token string
}

// final is an answer that asking again will not change.
type final struct{ err error }

func (f final) Error() string { return f.err.Error() }
func (f final) Unwrap() error { return f.err }

// retry runs attempt until it succeeds, its answer is final, or time is up. The
// time that the gate takes is not the vault's. Sends tells whether a blob is sent.
func (c *client) retry(ctx context.Context, sends bool, what string, attempt func(context.Context) error) error {
	start := c.now.Now()
	pause := firstPause
	for {
		arrived := c.now.Now()
		leave, err := c.enter(ctx, what, sends)
		if err != nil {
			return err
		}
		start = start.Add(c.now.Now().Sub(arrived))
		err = attempt(ctx)
		leave()
		var done final
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case errors.As(err, &done):
			return fmt.Errorf("%s: %w", what, done.err)
		case errors.Is(err, errPin):
			return errs.Wrap(errs.Forbidden, err, "The vault is not the one that was agreed upon.")
		}
		patience := c.door.RetryFor
		if errs.Is(err, errs.Unsigned) {
			if !c.renew() {
				patience = min(patience, tokenPatience)
			}
			if c.door.TokenFile == "" {
				patience = 0
			}
		}
		if c.now.Now().Sub(start) >= patience {
			if errs.Is(err, errs.Unsigned) {
				return fmt.Errorf("%s: %w", what, err)
			}
			return errs.Wrap(errs.Unavailable, fmt.Errorf("%s: %w", what, err), "The vault cannot be reached.")
		}
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // jitter, not a secret
			return fmt.Errorf("%s: %w", what, err)
		}
		pause = min(pause*2, longestPause)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// renew reads the token file again and tells whether there is another token.
func (c *client) renew() bool {
	fresh, err := c.door.readToken()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || fresh == c.token {
		return false
	}
	c.token = fresh
	return true
}

func (c *client) bearer() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return "Bearer " + c.token
}
