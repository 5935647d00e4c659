package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/agentproto"
	"holdfast/internal/engine"
)

// besideACopy tells whether a snapshot is no copy itself but is kept beside one.
func besideACopy(source string) bool {
	return strings.HasSuffix(source, listSuffix) || strings.HasSuffix(source, namedSuffix)
}

// files gives the data repository beside a database repository, nil where there
// is none yet.
func (l Local) files(_ context.Context, kind string) *Store {
	if kind != agentproto.KindDatabase || l.direct() {
		return nil
	}
	at := l.location(agentproto.KindData)
	if _, err := os.Stat(filepath.Join(at.Backend.Path, formatBlob)); err != nil {
		return nil
	}
	return &Store{Location: at, Password: l.Password}
}

// beside finds what was kept beside a database copy: the list of what it names
// and the named files, both of the very instant that the copy stands for. It
// gives nil where nothing was kept.
func (l Local) beside(ctx context.Context, database *From, c *LocalCopy) (*From, error) {
	if database == nil || l.direct() {
		return nil, nil //nolint:nilnil // as said
	}
	list, err := l.twin(ctx, agentproto.KindDatabase, listSource(c.Source), c)
	if err != nil || list == "" {
		return nil, err
	}
	files, err := l.twin(ctx, agentproto.KindData, namedSource(c.Source), c)
	if err != nil || files == "" {
		return nil, err
	}
	database.References = list
	return &From{
		RestoreFrom: agentproto.RestoreFrom{Copy: c.Copy, Snapshot: files, TakenAt: c.TakenAt},
		Location:    l.location(agentproto.KindData), Password: l.Password,
	}, nil
}

// twin gives the id of the last snapshot of a source that stands for the same
// instant as a copy, "" if there is none.
func (l Local) twin(ctx context.Context, kind, source string, c *LocalCopy) (string, error) {
	if _, err := os.Stat(filepath.Join(l.location(kind).Backend.Path, formatBlob)); err != nil {
		return "", nil //nolint:nilerr // there is no such repository
	}
	r, err := l.open(ctx, kind)
	if err != nil {
		return "", err
	}
	defer r.Close(context.WithoutCancel(ctx)) //nolint:errcheck // read only
	all, err := r.List(ctx)
	if err != nil {
		return "", err
	}
	var last engine.Snapshot
	for _, s := range all {
		if s.Source == source && s.TakenAt.Equal(c.TakenAt) && !s.EndedAt.Before(last.EndedAt) {
			last = s
		}
	}
	return last.ID, nil
}
