package engine

import (
	"bufio"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/chacha20poly1305"

	"holdfast/internal/errs"
)

// The plain sealed file: a dump that needs nothing but this package to be read
// again, beside and apart from Kopia. The layout, in order:
//
//	8 bytes   "HFSEAL1\n"
//	32 bytes  salt, random
//	chunks    4 bytes big-endian: length of the sealed chunk, top bit set on the last one;
//	          then the sealed chunk
//
// The plaintext is one zstd stream cut into chunks of sealedChunk bytes. The
// file's own key is HKDF-SHA256(key, salt, "holdfast sealed file 1"); a chunk
// is sealed by ChaCha20-Poly1305 with its number as the nonce and its length
// word as additional data. So chunks cannot be reordered, exchanged between
// files, or left out, and the end cannot be missing.
const (
	sealedMagic = "HFSEAL1\n"
	sealedSalt  = 32
	sealedChunk = 1 << 20
	sealedLast  = 1 << 31
	sealedInfo  = "holdfast sealed file 1"
)

// ErrSealed is what every damage to a sealed file is: it was cut, changed,
// reordered, or the key is another one.
var ErrSealed = errors.New("the sealed file is damaged, or the key is not its own")

// SealStream gives a writer that compresses and seals what is written to it
// into w under key (at least 32 bytes). Only after Close returned nil is the
// file whole; it does not close w.
func SealStream(w io.Writer, key []byte) (io.WriteCloser, error) {
	salt := make([]byte, sealedSalt)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("make a salt: %w", err)
	}
	aead, err := sealedCipher(key, salt)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append([]byte(sealedMagic), salt...)); err != nil {
		return nil, fmt.Errorf("write the sealed file's head: %w", err)
	}
	c := &chunkSealer{w: w, aead: aead, buf: make([]byte, 0, sealedChunk)}
	z, err := zstd.NewWriter(c, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("start compressing: %w", err)
	}
	return &sealer{z: z, c: c}, nil
}

func sealedCipher(key, salt []byte) (cipher.AEAD, error) {
	if len(key) < 32 {
		return nil, errs.New(errs.Invalid, "The key of a sealed file has at least 32 bytes.")
	}
	k, err := hkdf.Key(sha256.New, key, salt, sealedInfo, chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the sealed file's key: %w", err)
	}
	aead, err := chacha20poly1305.New(k)
	if err != nil {
		return nil, fmt.Errorf("make the sealed file's cipher: %w", err)
	}
	return aead, nil
}

type sealer struct {
	z *zstd.Encoder
	c *chunkSealer
}

// Write compresses and seals p.
func (s *sealer) Write(p []byte) (int, error) { return s.z.Write(p) } //nolint:wrapcheck // a plain pass-through

// Close writes the rest and the final marker.
func (s *sealer) Close() error {
	if err := s.z.Close(); err != nil {
		return fmt.Errorf("finish compressing: %w", err)
	}
	return s.c.emit(true)
}

// chunkSealer cuts what it gets into chunks. A full buffer is only sealed
// when more comes, so that the last chunk is always still to be written.
type chunkSealer struct {
	w    io.Writer
	aead cipher.AEAD
	buf  []byte
	out  []byte
	n    uint64
	err  error
}

// Write takes p in.
func (c *chunkSealer) Write(p []byte) (int, error) {
	taken := 0
	for len(p) > 0 {
		if len(c.buf) == sealedChunk {
			if err := c.emit(false); err != nil {
				return taken, err
			}
		}
		k := min(len(p), sealedChunk-len(c.buf))
		c.buf = append(c.buf, p[:k]...)
		p, taken = p[k:], taken+k
	}
	return taken, nil
}

func (c *chunkSealer) emit(last bool) error {
	if c.err != nil {
		return c.err
	}
	word := uint32(len(c.buf) + c.aead.Overhead()) //nolint:gosec // at most a chunk and a tag
	if last {
		word |= sealedLast
	}
	c.out = binary.BigEndian.AppendUint32(c.out[:0], word)
	c.out = c.aead.Seal(c.out, chunkNonce(c.n), c.buf, c.out[:4])
	c.n++
	c.buf = c.buf[:0]
	if _, err := c.w.Write(c.out); err != nil {
		c.err = fmt.Errorf("write a sealed chunk: %w", err)
	}
	return c.err
}

func chunkNonce(n uint64) []byte {
	b := make([]byte, chacha20poly1305.NonceSize)
	binary.BigEndian.PutUint64(b[4:], n)
	return b
}

// OpenSealed gives what was written into a sealed file. Bytes come out before
// the end of the file was seen: they count only once Read gave io.EOF. Any
// damage is an ErrSealed. Close does not close r.
func OpenSealed(r io.Reader, key []byte) (io.ReadCloser, error) {
	head := make([]byte, len(sealedMagic)+sealedSalt)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(sealedMagic)]) != sealedMagic {
		return nil, fmt.Errorf("%w: it has no head of ours", ErrSealed)
	}
	aead, err := sealedCipher(key, head[len(sealedMagic):])
	if err != nil {
		return nil, err
	}
	c := &chunkOpener{r: bufio.NewReaderSize(r, 64<<10), aead: aead}
	z, err := zstd.NewReader(c, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return nil, fmt.Errorf("start unpacking: %w", err)
	}
	return &opener{z: z, c: c}, nil
}

type opener struct {
	z *zstd.Decoder
	c *chunkOpener
}

// Read gives the plaintext. It gives io.EOF only after the last chunk.
func (o *opener) Read(p []byte) (int, error) {
	n, err := o.z.Read(p)
	switch {
	case err == nil:
		return n, nil
	case o.c.err != nil:
		return n, o.c.err
	case errors.Is(err, io.EOF):
		// The zstd stream may end before the file does.
		if _, rest := io.Copy(io.Discard, o.c); rest != nil {
			return n, rest
		}
		return n, io.EOF
	default:
		return n, fmt.Errorf("%w: %w", ErrSealed, err)
	}
}

// Close lets go of the unpacker.
func (o *opener) Close() error { o.z.Close(); return nil }

type chunkOpener struct {
	r    *bufio.Reader
	aead cipher.AEAD
	in   []byte
	out  []byte
	n    uint64
	last bool
	err  error
}

// Read gives the opened chunks' bytes.
func (c *chunkOpener) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if c.last {
			if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
				c.err = fmt.Errorf("%w: something follows its end", ErrSealed)
				return 0, c.err
			}
			return 0, io.EOF
		}
		if c.err = c.next(); c.err != nil {
			return 0, c.err
		}
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

func (c *chunkOpener) next() error {
	var word [4]byte
	if _, err := io.ReadFull(c.r, word[:]); err != nil {
		return fmt.Errorf("%w: it ends too early", ErrSealed)
	}
	w := binary.BigEndian.Uint32(word[:])
	n := int(w &^ sealedLast)
	if n < c.aead.Overhead() || n > sealedChunk+c.aead.Overhead() {
		return fmt.Errorf("%w: chunk %d cannot have %d bytes", ErrSealed, c.n, n)
	}
	if cap(c.in) < n {
		c.in = make([]byte, sealedChunk+c.aead.Overhead())
	}
	c.in = c.in[:n]
	if _, err := io.ReadFull(c.r, c.in); err != nil {
		return fmt.Errorf("%w: it ends too early", ErrSealed)
	}
	out, err := c.aead.Open(c.in[:0], chunkNonce(c.n), c.in, word[:])
	if err != nil {
		return fmt.Errorf("%w: chunk %d", ErrSealed, c.n)
	}
	c.out, c.last = out, w&sealedLast != 0
	c.n++
	return nil
}
