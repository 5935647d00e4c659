package copyback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"holdfast/internal/engine"
	"holdfast/internal/inplace"
	"holdfast/internal/reference"
)

// namedBase is the folder of a snapshot of named files.
const namedBase = "filedir"

// Named is what was kept beside a database copy: the list of the contents that
// its rows name, and those contents. It is an inplace.Named.
type Named struct {
	List  Copy // in the database repository
	Files Copy // in the data repository
}

// Wanted gives the contents that the list names, and which of them are kept;
// last those that are not, without what an object store holds alone. It holds
// the names of all that are kept or are not, some 40 bytes each.
func (n Named) Wanted(ctx context.Context) iter.Seq2[inplace.WantedContent, error] {
	return func(yield func(inplace.WantedContent, error) bool) {
		kept := map[reference.Hash]struct{}{}
		for name, err := range n.Files.Repository.Names(ctx, n.Files.Snapshot, namedBase) {
			if err != nil {
				yield(inplace.WantedContent{}, fmt.Errorf("listing the named files: %w", err))
				return
			}
			if h, ok := reference.ParseHash(name); ok {
				kept[h] = struct{}{}
			}
		}
		away, external := map[reference.Hash]int64{}, map[reference.Hash]struct{}{}
		for e, err := range n.entries(ctx) {
			if err != nil {
				yield(inplace.WantedContent{}, err)
				return
			}
			_, there := kept[e.Hash]
			switch {
			case e.External:
				external[e.Hash] = struct{}{}
			case !there:
				away[e.Hash] = e.Bytes
			case !yield(inplace.WantedContent{Hash: e.Hash.String(), Bytes: e.Bytes, Kept: true}, nil):
				return
			}
		}
		for h, size := range away {
			if _, elsewhere := external[h]; elsewhere {
				continue
			}
			if !yield(inplace.WantedContent{Hash: h.String(), Bytes: size}, nil) {
				return
			}
		}
	}
}

// entries reads the list as it comes out of the repository.
func (n Named) entries(ctx context.Context) iter.Seq2[reference.Entry, error] {
	return func(yield func(reference.Entry, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		in, out := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := n.List.Repository.ReadStream(ctx, n.List.Snapshot, out)
			_ = out.CloseWithError(err)
		}()
		for e, err := range reference.Read(in) {
			if err != nil {
				err = fmt.Errorf("reading the list of named files: %w", err)
			}
			if !yield(e, err) {
				break
			}
		}
		stop()
		_ = in.CloseWithError(errors.New("no more is wanted"))
		<-done
	}
}

// Fetch writes kept contents into a folder that is not there yet.
func (n Named) Fetch(ctx context.Context, hashes []string, into string) error {
	paths := make([]string, 0, len(hashes))
	for _, s := range hashes {
		if h, ok := reference.ParseHash(s); ok {
			paths = append(paths, h.Path())
		}
	}
	if len(paths) == 0 {
		return nil
	}
	if _, err := n.Files.Repository.RestoreTree(ctx, n.Files.Snapshot, into, engine.RestoreOptions{Base: namedBase, Only: paths}); err != nil {
		return fmt.Errorf("reading the named files: %w", err)
	}
	return nil
}

// Unnamed stands for what should be kept and cannot be had; it says why.
type Unnamed struct{ Why error }

// Wanted gives the reason.
func (u Unnamed) Wanted(context.Context) iter.Seq2[inplace.WantedContent, error] {
	return func(yield func(inplace.WantedContent, error) bool) { yield(inplace.WantedContent{}, u.Why) }
}

// Fetch gives the reason.
func (u Unnamed) Fetch(context.Context, []string, string) error { return u.Why }
