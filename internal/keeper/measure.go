package keeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"holdfast/internal/app"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/reference"
	"holdfast/internal/vault"
)

// measurePairs holds the lists of database copies against the names in the
// filedir of data copies. It reads no file's content, and deletes nothing. A
// pair that cannot be measured says so itself; an error is of all of them.
func (j Job) measurePairs(ctx context.Context, lists *engine.Repository) (Result, error) {
	if len(j.Pairs) == 0 || j.Second == nil {
		return Result{}, nil
	}
	var b vault.Backend
	if err := json.Unmarshal(j.Second.Backend, &b); err != nil {
		return Result{}, fmt.Errorf("the description of the data repository's destination: %w", err)
	}
	trees, err := engine.Open(ctx, engine.Location{Backend: &b, Repository: j.Second.Repository}, j.Second.Password)
	if err != nil {
		return Result{}, err
	}
	m := measurer{lists: lists, trees: trees}
	var out Result
	for _, p := range j.Pairs {
		r, err := m.pair(ctx, p)
		if ctx.Err() != nil {
			return Result{}, errors.Join(ctx.Err(), trees.Close(context.WithoutCancel(ctx)))
		}
		if err != nil {
			r.Error = errs.Sentence(err)
		}
		out.Pairs = append(out.Pairs, r)
	}
	return out, trees.Close(ctx)
}

// measurer keeps the names of the data copy that it looked at last, for
// neighbouring pairs share it.
type measurer struct {
	lists, trees *engine.Repository
	tree         string
	names        contents
}

func (m *measurer) pair(ctx context.Context, p app.PairTask) (app.PairResult, error) {
	r := app.PairResult{Database: p.Database, Data: p.Data}
	if m.tree != p.Tree {
		m.tree, m.names = "", nil
		names, err := contentsOf(ctx, m.trees, p.Tree, nil)
		if err != nil {
			return r, err
		}
		m.tree, m.names = p.Tree, names
	}
	var named contents
	if p.Named != "" {
		var err error
		if named, err = contentsOf(ctx, m.trees, p.Named, m.names); err != nil {
			return r, err
		}
	}
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := m.lists.ReadStream(ctx, p.List, out)
		_ = out.CloseWithError(err)
		done <- err
	}()
	err := count(&r, reference.Read(in), m.names, named)
	_ = in.CloseWithError(io.ErrClosedPipe)
	if rerr := <-done; err == nil {
		err = rerr // its checksum may be wrong though it could be read to its end
	}
	if err != nil {
		return app.PairResult{Database: p.Database, Data: p.Data}, err
	}
	return r, nil
}

// count says what a list names and how much of it is in the data copy, and in
// the named files beyond it.
func count(r *app.PairResult, list iter.Seq2[reference.Entry, error], data, named contents) error {
	size := int64(0) // of the entry that is asked for
	told := func(yield func(reference.Entry, error) bool) {
		for e, err := range list {
			size = e.Bytes
			if !yield(e, err) {
				return
			}
		}
	}
	s, err := reference.Missing(told, func(h reference.Hash) bool {
		if data.has(h) || h == reference.Empty {
			r.Present++
			r.PresentBytes += size
			return true
		}
		return named.has(h)
	})
	if err != nil {
		return err
	}
	r.Referenced, r.ReferencedBytes = s.Present+s.Missing, s.PresentBytes+s.MissingBytes
	r.WithNamed, r.WithNamedBytes = s.Present, s.PresentBytes
	r.Missing = app.Missing{Files: s.Missing, Bytes: s.MissingBytes, More: s.More, By: []app.MissingGroup{}, Others: app.MissingGroup{Files: s.Rest.Files, Bytes: s.Rest.Bytes}}
	for _, g := range s.By {
		r.Missing.By = append(r.Missing.By, app.MissingGroup(g))
	}
	return nil
}

// contents are the names of stored contents, sorted: 20 bytes for each.
type contents []reference.Hash

func compareHash(a, b reference.Hash) int { return bytes.Compare(a[:], b[:]) }

func (c contents) has(h reference.Hash) bool {
	_, ok := slices.BinarySearchFunc(c, h, compareHash)
	return ok
}

// contentsOf gives the contents in the filedir of a tree snapshot that are not
// in known.
func contentsOf(ctx context.Context, repo *engine.Repository, snapshot string, known contents) (contents, error) {
	dirs, err := fileDirs(ctx, repo, snapshot)
	if err != nil {
		return nil, err
	}
	var out contents
	for _, dir := range dirs {
		for name, err := range repo.Names(ctx, snapshot, dir) {
			if err != nil {
				return nil, fmt.Errorf("the names in %s of snapshot %s: %w", dir, snapshot, err)
			}
			if h, ok := reference.ParseHash(name); ok && !known.has(h) {
				out = append(out, h)
			}
		}
	}
	slices.SortFunc(out, compareHash)
	return slices.Compact(out), nil
}

// fileDirs tells where a tree snapshot has its contents: in the moodledata that
// every site has, in a root of its own, or, where a site keeps filedir
// elsewhere, anywhere.
func fileDirs(ctx context.Context, repo *engine.Repository, snapshot string) ([]string, error) {
	roots, err := repo.Roots(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	for _, dir := range []struct{ root, dir string }{{"filedir", "filedir"}, {"moodledata", "moodledata/filedir"}} {
		if !slices.Contains(roots, dir.root) {
			continue
		}
		for _, err := range repo.Names(ctx, snapshot, dir.dir) {
			if err != nil && !errs.Is(err, errs.NotFound) {
				return nil, err
			}
			if err == nil {
				return []string{dir.dir}, nil
			}
		}
	}
	return roots, nil
}
