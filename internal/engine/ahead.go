package engine

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"github.com/kopia/kopia/repo/blob"
)

// How a storage that is far is read ahead: what is near each other in a pack is
// wanted together, for it was stored so, and each question costs a journey. Of
// folders little is stored, and all of it is wanted. Files are stored by several
// hands at once and lie mixed over some tens of megabytes: only small ones are
// read with what surrounds them, and not much of that, so that what is read in
// vain stays below what is wanted.
const (
	aheadFolders = 1 << 20   // bytes of a pack of folders that are asked for at once
	aheadFiles   = 128 << 10 // of one of files
	aheadSmall   = 64 << 10  // the largest file that is read so
	aheadLimit   = 24 << 20  // bytes that are held
)

// stride gives how much is asked for at once where length bytes are wanted; 0
// for no more than these.
func stride(id blob.ID, length int64) int64 {
	switch {
	case length > 0 && length <= aheadFolders && id[0] == 'q':
		return aheadFolders
	case length > 0 && length <= aheadSmall && id[0] == 'p':
		return aheadFiles
	}
	return 0
}

// ahead reads a storage in blocks while somebody wants that: an operation that
// goes through the tree of a snapshot. Else, and for all but parts of packs, it
// is the storage itself. What is held is forgotten when the last such operation
// ends.
type ahead struct {
	blob.Storage

	mu      sync.Mutex
	wanted  int
	blocks  map[blockKey]*list.Element // of *block
	used    *list.List                 // the last used first
	held    int64
	lengths map[blob.ID]int64
	resets  int
}

type blockKey struct {
	id     blob.ID
	offset int64
}

type block struct {
	key   blockKey
	size  int64
	ready chan struct{}
	data  []byte
	err   error
}

func newAhead(st blob.Storage) *ahead {
	a := &ahead{Storage: st}
	a.reset()
	return a
}

func (a *ahead) reset() {
	a.blocks, a.used, a.held, a.lengths = map[blockKey]*list.Element{}, list.New(), 0, map[blob.ID]int64{}
	a.resets++
}

// readAhead asks for it; the caller ends it with what it gives.
func (r *Repository) readAhead() (end func()) {
	a := r.ahead
	if a == nil {
		return func() {}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.wanted--; a.wanted == 0 {
			a.reset()
		}
	}
}

// GetBlob reads a part of a pack from the blocks that it lies in, and anything
// else from the storage. So it does where a block cannot be had, for the answer
// then is the storage's.
func (a *ahead) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	if by := stride(id, length); by > 0 && offset >= 0 && a.fromBlocks(ctx, id, by, offset, length, out) {
		return nil
	}
	return a.Storage.GetBlob(ctx, id, offset, length, out) //nolint:wrapcheck // a plain pass-through
}

func (a *ahead) fromBlocks(ctx context.Context, id blob.ID, by, offset, length int64, out blob.OutputBuffer) bool {
	size, ok := a.length(ctx, id)
	if !ok || offset+length > size {
		return false
	}
	out.Reset()
	for begin := offset - offset%by; begin < offset+length; begin += by {
		data, err := a.block(ctx, blockKey{id, begin}, min(by, size-begin))
		if err != nil {
			return false
		}
		if _, err := out.Write(data[max(0, offset-begin):min(int64(len(data)), offset+length-begin)]); err != nil {
			return false
		}
	}
	return true
}

// length gives a blob's length; false where it is not known or nobody wants
// blocks.
func (a *ahead) length(ctx context.Context, id blob.ID) (int64, bool) {
	a.mu.Lock()
	n, known := a.lengths[id]
	wanted := a.wanted > 0
	a.mu.Unlock()
	if !wanted || known {
		return n, wanted
	}
	m, err := a.GetMetadata(ctx, id)
	if err != nil {
		return 0, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lengths[id] = m.Length
	return m.Length, true
}

// block gives a block, which is read once however many want it.
func (a *ahead) block(ctx context.Context, key blockKey, length int64) ([]byte, error) {
	a.mu.Lock()
	if e, ok := a.blocks[key]; ok {
		a.used.MoveToFront(e)
		b := e.Value.(*block) //nolint:errcheck,forcetypeassert // the list holds nothing else
		a.mu.Unlock()
		select {
		case <-b.ready:
			return b.data, b.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	b := &block{key: key, size: length, ready: make(chan struct{})}
	since := a.resets
	a.blocks[key] = a.used.PushFront(b)
	a.held += length
	a.makeRoom()
	a.mu.Unlock()

	got := held{b: make([]byte, 0, length)}
	b.err = a.Storage.GetBlob(ctx, key.id, key.offset, length, &got)
	if b.data = got.b; b.err == nil && int64(len(b.data)) != length {
		b.err = errShort // the storage itself is asked, and says why
	}
	close(b.ready)
	if b.err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		if e, ok := a.blocks[key]; ok && a.resets == since && e.Value == b {
			a.drop(e, b)
		}
	}
	return b.data, b.err
}

var errShort = errors.New("a part of a pack is shorter than it should be")

// makeRoom forgets what was not used for longest. Who waits for it has it.
func (a *ahead) makeRoom() {
	for a.held > aheadLimit && a.used.Len() > 1 {
		e := a.used.Back()
		b := e.Value.(*block) //nolint:errcheck,forcetypeassert // the list holds nothing else
		a.drop(e, b)
	}
}

func (a *ahead) drop(e *list.Element, b *block) {
	a.used.Remove(e)
	delete(a.blocks, b.key)
	a.held -= b.size
}
