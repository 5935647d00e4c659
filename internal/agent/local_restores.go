package agent

import (
	"context"
	"sort"
	"strings"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
)

// HeldRestore is one restore of this host that is not settled, as `restores`
// prints it.
type HeldRestore struct {
	inplace.Held
	Site     string `json:"site"`
	Finished bool   `json:"finished"` // false: it was cut short, or is at work
}

// Restores lists the journals of an agent's state directory, oldest first.
func Restores(stateDir string) ([]HeldRestore, error) {
	out := []HeldRestore{}
	sites, err := sitesWithJournals(stateDir)
	if err != nil {
		return out, err
	}
	for _, site := range sites {
		all, err := journals(journalDir(stateDir, site))
		if err != nil {
			return out, err
		}
		for _, h := range all {
			out = append(out, HeldRestore{Held: h, Site: site, Finished: finished(h.State)})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Began.Before(out[j].Began) })
	return out, nil
}

// restoreNamed finds a restore by its id or the beginning of it.
func restoreNamed(stateDir, id string) (HeldRestore, error) {
	all, err := Restores(stateDir)
	if err != nil {
		return HeldRestore{}, err
	}
	var match []HeldRestore
	for _, h := range all {
		if h.ID == id {
			return h, nil
		}
		if len(id) >= 6 && strings.HasPrefix(h.ID, id) {
			match = append(match, h)
		}
	}
	switch len(match) {
	case 0:
		return HeldRestore{}, errs.New(errs.NotFound, "There is no restore %s in %s; list them with: holdfast-agent restores list.", clip(id, 80), stateDir)
	case 1:
		return match[0], nil
	}
	return HeldRestore{}, errs.New(errs.NotFound, "The id %s names several restores; give more of it.", clip(id, 80))
}

// RestoreVerb does one of the things that a restore's lease may want, by a
// person's own command: kind is agentproto.KindSettle or KindUndo, or "" to
// bring one that was cut short to its end. It gives the restore as it is then;
// one that is settled has state settled.
func (l Local) RestoreVerb(ctx context.Context, stateDir, id, kind string) (HeldRestore, error) {
	h, err := restoreNamed(stateDir, id)
	if err != nil {
		return h, err
	}
	held, err := holdSite(ctx, stateDir, h.Site, h.CodeDir, true, localLockWait)
	if err != nil {
		return h, err
	}
	defer held.release()
	if err := l.mending(stateDir).mend(ctx, h.Site); err != nil {
		return h, err
	}
	dir := journalDir(stateDir, h.Site)
	if kind == agentproto.KindSettle || kind == agentproto.KindUndo {
		b := Bring{Kind: kind, ID: h.ID, Journals: dir, CodeDir: h.CodeDir, Roots: Roots{Everywhere: true}, PHP: l.PHP, Clock: l.Clock, Log: l.Log, Progress: l.Progress}
		if _, err := b.Do(ctx); err != nil {
			return h, err
		}
	}
	now, err := journal(dir, h.ID)
	if err != nil {
		return h, err
	}
	if now.State == "" {
		now = h.Held
		now.State = inplace.StateSettled
	}
	return HeldRestore{Held: now, Site: h.Site, Finished: finished(now.State)}, nil
}
