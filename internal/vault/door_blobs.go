package vault

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/errs"
)

// call makes one request, within the time that n bytes may take, and hands a
// good answer to use. The answer is closed after that.
func (c *client) call(ctx context.Context, req *http.Request, n int64, use func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*requestTime+time.Duration(n/slowestBytesPerSec)*time.Second)
	defer cancel()
	req = req.WithContext(ctx)
	req.Header.Set("Authorization", c.bearer())
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the vault: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if resp.StatusCode >= http.StatusOK && resp.StatusCode < http.StatusMultipleChoices {
		return use(resp)
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
	return answer(resp.StatusCode, strings.TrimSpace(string(said)))
}

// answer is what a bad status means. Only those that pass are not final.
func answer(code int, said string) error {
	cause := fmt.Errorf("the vault answered %d: %s", code, said)
	switch code {
	case http.StatusUnauthorized:
		return errs.Wrap(errs.Unsigned, cause, "The vault refuses this token.")
	case http.StatusForbidden:
		return final{errs.Wrap(errs.Forbidden, cause, "The vault does not allow this.")}
	case http.StatusNotFound:
		return final{fmt.Errorf("%w: %w", blob.ErrBlobNotFound, cause)}
	case http.StatusConflict:
		return final{errs.Wrap(errs.Conflict, fmt.Errorf("%w: %w", blob.ErrBlobAlreadyExists, cause), "The vault never replaces a blob.")}
	case http.StatusRequestedRangeNotSatisfiable:
		return final{fmt.Errorf("%w: %w", blob.ErrInvalidRange, cause)}
	case http.StatusRequestEntityTooLarge:
		return final{errs.Wrap(errs.TooLarge, cause, "This run has reached a limit of the vault.")}
	case http.StatusInsufficientStorage:
		return final{errs.Wrap(errs.TooLarge, cause, "The vault's storage is full.")}
	case http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusRequestTimeout:
		return cause
	default:
		if code >= http.StatusInternalServerError {
			return cause
		}
		return final{errs.Wrap(errs.Invalid, cause, "The vault does not understand this.")}
	}
}

func (c *client) request(ctx context.Context, method string, id blob.ID, query string) (*http.Request, error) {
	u := c.base
	if id != "" {
		if err := checkBlob(string(id)); err != nil {
			return nil, final{err}
		}
		u += "/" + url.PathEscape(string(id))
	}
	if query != "" {
		u += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, method, u, http.NoBody)
	if err != nil {
		return nil, final{fmt.Errorf("make a request: %w", err)}
	}
	return req, nil
}

// GetBlob reads a blob, or length bytes of it from offset if length is not
// negative.
func (c *client) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	query := ""
	if length >= 0 {
		if offset < 0 {
			return fmt.Errorf("read %s: %w", id, blob.ErrInvalidRange)
		}
		query = "offset=" + strconv.FormatInt(offset, 10) + "&length=" + strconv.FormatInt(length, 10)
	}
	return c.retry(ctx, false, "read "+string(id), func(ctx context.Context) error {
		out.Reset()
		req, err := c.request(ctx, http.MethodGet, id, query)
		if err != nil {
			return err
		}
		return c.call(ctx, req, max(length, defaultBlobBytes), func(resp *http.Response) error {
			n, err := io.Copy(out, resp.Body)
			if err != nil {
				return fmt.Errorf("receive: %w", err)
			}
			if resp.ContentLength >= 0 && n != resp.ContentLength {
				return fmt.Errorf("received %d bytes of %d", n, resp.ContentLength)
			}
			return wrapFinal(blob.EnsureLengthExactly(out.Length(), length))
		})
	})
}

func wrapFinal(err error) error {
	if err == nil {
		return nil
	}
	return final{err}
}

// GetMetadata tells a blob's length and time.
func (c *client) GetMetadata(ctx context.Context, id blob.ID) (blob.Metadata, error) {
	m := blob.Metadata{BlobID: id}
	err := c.retry(ctx, false, "look at "+string(id), func(ctx context.Context) error {
		req, err := c.request(ctx, http.MethodHead, id, "")
		if err != nil {
			return err
		}
		return c.call(ctx, req, 0, func(resp *http.Response) error {
			m.Length = resp.ContentLength
			m.Timestamp, err = modified(resp)
			return err
		})
	})
	return m, err
}

func modified(resp *http.Response) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, resp.Header.Get(headerModified))
	if err != nil {
		return time.Time{}, final{fmt.Errorf("the vault's answer has no time: %w", err)}
	}
	return t, nil
}

// ListBlobs lists the blobs whose name has prefix. It calls each only once the
// listing came whole.
func (c *client) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	var all []blob.Metadata
	err := c.retry(ctx, false, "list "+string(prefix), func(ctx context.Context) error {
		req, err := c.request(ctx, http.MethodGet, "", "prefix="+url.QueryEscape(string(prefix)))
		if err != nil {
			return err
		}
		return c.call(ctx, req, defaultBlobBytes, func(resp *http.Response) error {
			all, err = readListing(resp.Body)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, m := range all {
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

func readListing(r io.Reader) ([]blob.Metadata, error) {
	var all []blob.Metadata
	in := json.NewDecoder(bufio.NewReader(r))
	for {
		var l listed
		if err := in.Decode(&l); err != nil {
			return nil, fmt.Errorf("the listing broke off: %w", err)
		}
		if l.End {
			return all, nil
		}
		m := blob.Metadata{BlobID: l.ID, Length: l.Length}
		if l.Modified != nil {
			m.Timestamp = *l.Modified
		}
		all = append(all, m)
	}
}

// PutBlob adds a blob. It may be sent several times: the vault takes the same
// content under the same name again.
func (c *client) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, opts blob.PutOptions) error {
	if opts.HasRetentionOptions() || !opts.SetModTime.IsZero() {
		return fmt.Errorf("write %s: %w", id, blob.ErrUnsupportedPutBlobOption)
	}
	sum := sha256.New()
	if _, err := data.WriteTo(sum); err != nil {
		return fmt.Errorf("sum %s: %w", id, err)
	}
	hexed := hex.EncodeToString(sum.Sum(nil))
	n := int64(data.Length())
	return c.retry(ctx, true, "write "+string(id), func(ctx context.Context) error {
		req, err := c.request(ctx, http.MethodPut, id, "")
		if err != nil {
			return err
		}
		f := &fence{}
		defer f.shut()
		req.Body = http.NoBody
		if n > 0 {
			req.Body = f.body(data)
			req.GetBody = func() (io.ReadCloser, error) { return f.body(data), nil }
		}
		req.ContentLength = n
		req.Header.Set(headerSHA256, hexed)
		return c.call(ctx, req, n, func(resp *http.Response) error {
			t, err := modified(resp)
			if err == nil && opts.GetModTime != nil {
				*opts.GetModTime = t
			}
			return err
		})
	})
}

// fence keeps the connection's own goroutine, which may still be sending when
// an early answer has come, from a buffer that Kopia uses for something else
// as soon as PutBlob returns.
type fence struct {
	mu   sync.Mutex
	down bool
}

func (f *fence) shut() {
	f.mu.Lock()
	f.down = true
	f.mu.Unlock()
}

func (f *fence) body(data blob.Bytes) io.ReadCloser { return &fenced{f: f, r: data.Reader()} }

type fenced struct {
	f *fence
	r io.ReadCloser
}

// Read reads on until the fence is shut.
func (b *fenced) Read(p []byte) (int, error) {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if b.f.down {
		return 0, io.ErrClosedPipe
	}
	return b.r.Read(p) //nolint:wrapcheck // io.EOF must stay itself
}

// Close does nothing: the bytes are in memory and not this side's.
func (b *fenced) Close() error { return nil }

// DeleteBlob removes a marker of this session; the vault refuses all else. One
// that is not there is no error.
func (c *client) DeleteBlob(ctx context.Context, id blob.ID) error {
	err := c.retry(ctx, false, "remove "+string(id), func(ctx context.Context) error {
		req, err := c.request(ctx, http.MethodDelete, id, "")
		if err != nil {
			return err
		}
		return c.call(ctx, req, 0, func(*http.Response) error { return nil })
	})
	if errors.Is(err, blob.ErrBlobNotFound) {
		return nil
	}
	return err
}

// ConnectionInfo names the kind of storage and, on purpose, nothing of it.
func (c *client) ConnectionInfo() blob.ConnectionInfo {
	return blob.ConnectionInfo{Type: "holdfast-vault", Config: struct{}{}}
}

// DisplayName is what a person may see.
func (c *client) DisplayName() string { return "vault " + c.door.Name }

// Close lets go of the idle connections.
func (c *client) Close(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}
