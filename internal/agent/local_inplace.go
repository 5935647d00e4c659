package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
	"holdfast/internal/moodle"
)

// What a restore in place may bring back.
const (
	WhatEverything = "everything"
	WhatDatabase   = "database"
	WhatData       = "data"
)

// InPlace is a person's own restore of a site in its place.
type InPlace struct {
	CodeDir      string
	AccountRoot  string
	What         string   // WhatEverything, WhatDatabase or WhatData
	Copies       []string // ids, at most one of each kind; of a kind without one the newest good copy is taken
	StateDir     string   // where its journal goes: the agent's own, so that an agent recovers it
	AllowUpgrade bool
	// WithoutSafety is why no safety copy is taken first; empty takes one.
	WithoutSafety string
	// Confirm is asked once everything is known and nothing is touched.
	Confirm func(Intention) error
}

// Intention is what a restore in place is about to do.
type Intention struct {
	Name          string // what a person types to confirm: the site's host, or its code folder
	CodeDir       string
	DataRoot      string
	Database      string // of config.php, without its password; "" stays
	FromDatabase  *LocalCopy
	FromData      *LocalCopy
	WithoutSafety string
}

// RestoredInPlace is what `local restore --in-place` prints.
type RestoredInPlace struct {
	Restore       string            `json:"restore"` // the id, for `restores`
	Code          string            `json:"code"`
	What          string            `json:"what"`
	Database      string            `json:"database_copy,omitempty"`
	Data          string            `json:"data_copy,omitempty"`
	Safety        []LocalCopy       `json:"safety"`
	WithoutSafety string            `json:"without_safety,omitempty"`
	Evidence      *inplace.Evidence `json:"evidence,omitempty"`
	Seconds       float64           `json:"seconds"`
}

// CheckWhat wants one of the parts of a site.
func CheckWhat(what string) error {
	switch what {
	case WhatEverything, WhatDatabase, WhatData:
		return nil
	}
	return errs.Field("what", "must be everything, database or data")
}

// RestoreInPlace brings copies of the folder back into a site's own place: a
// safety copy into the same repositories first, then as a lease would. After
// an error the site is as it was before, unless the error says otherwise.
func (l Local) RestoreInPlace(ctx context.Context, p InPlace) (RestoredInPlace, error) {
	began := l.Clock.Now()
	out := RestoredInPlace{What: p.What, WithoutSafety: p.WithoutSafety, Safety: []LocalCopy{}}
	if err := CheckWhat(p.What); err != nil {
		return out, err
	}
	codeDir, accountRoot, err := absolute(p.CodeDir, p.AccountRoot)
	if err != nil {
		return out, err
	}
	place := placeOf(codeDir)
	held, err := holdSite(ctx, p.StateDir, place, codeDir, true, localLockWait)
	if err != nil {
		return out, err
	}
	defer held.release()
	here := Roots{Everywhere: true}
	if err := l.mending(p.StateDir).mend(ctx, place); err != nil {
		return out, err
	}
	s, err := inspectSite(ctx, here, codeDir, accountRoot, l.inspection())
	if err != nil {
		return out, err
	}
	chosen, err := l.choose(ctx, p)
	if err != nil {
		return out, err
	}
	out.Code = s.install.CodeDir
	intends := chosen.intention(s.install, p.WithoutSafety)
	if p.Confirm != nil {
		if err := p.Confirm(intends); err != nil {
			return out, err
		}
	}
	if out.Restore, err = newLocalID(l.Clock.Now().UTC().Format("20060102-150405")); err != nil {
		return out, err
	}
	if p.WithoutSafety == "" {
		if out.Safety, err = l.safety(ctx, p, s.install.CodeDir, accountRoot); err != nil {
			return out, err
		}
	}
	b := Bring{
		Kind: agentproto.KindRestore, ID: out.Restore, Journals: journalDir(p.StateDir, place), CodeDir: s.install.CodeDir, AccountRoot: accountRoot,
		Database: l.from(chosen.database), Data: l.from(chosen.data), AllowUpgrade: p.AllowUpgrade,
		Roots: here, PHP: l.PHP, Clock: l.Clock, Log: l.Log, Progress: l.Progress,
	}
	if chosen.database != nil {
		if b.Named, err = l.beside(ctx, b.Database, chosen.database); err != nil {
			return out, err
		}
		out.Database = chosen.database.Copy
	}
	if chosen.data != nil {
		out.Data = chosen.data.Copy
	}
	ev, err := b.Do(ctx)
	out.Evidence = ev.Restore
	out.Seconds = l.Clock.Now().Sub(began).Seconds()
	return out, err
}

func (l Local) mending(stateDir string) mending {
	return mending{StateDir: stateDir, Roots: Roots{Everywhere: true}, PHP: l.PHP, Clock: l.Clock, Log: l.Log, Tell: func(s inplace.Step) {
		l.Progress(agentproto.Progress{Phase: s.Name, Detail: s.Words})
	}}
}

// choice is the copies that a restore takes; one that stays away is nil.
type choice struct{ database, data *LocalCopy }

// choose finds the copies that were named, or the newest good ones.
func (l Local) choose(ctx context.Context, p InPlace) (choice, error) {
	var c choice
	all, err := l.List(ctx) // oldest first
	if err != nil {
		return c, err
	}
	wanted := map[string]**LocalCopy{}
	if p.What != WhatData {
		wanted[agentproto.KindDatabase] = &c.database
	}
	if p.What != WhatDatabase {
		wanted[agentproto.KindData] = &c.data
	}
	for _, id := range p.Copies {
		r, s, err := l.find(ctx, id)
		if err != nil {
			return c, err
		}
		if err := r.Close(context.WithoutCancel(ctx)); err != nil {
			return c, fmt.Errorf("closing the repository: %w", err)
		}
		to := wanted[string(s.Kind)]
		if to == nil {
			return c, errs.Field("copy", "%s is a copy of the kind %s, which a restore of %s does not take", s.ID, s.Kind, p.What)
		}
		if *to != nil {
			return c, errs.Field("copy", "name one copy of the kind %s only", s.Kind)
		}
		found := listed(s)
		*to = &found
	}
	for i := range all {
		to := wanted[all[i].Kind]
		if to != nil && (*to == nil || !named(p.Copies, **to)) && all[i].Outcome == agentproto.OutcomeGood {
			*to = &all[i]
		}
	}
	for kind, to := range wanted {
		if *to == nil {
			return c, errs.New(errs.NotFound, "There is no good copy of the kind %s in %s; list them with: holdfast-agent local list. To take one with problems, name it with --copy.", kind, l.Dir)
		}
	}
	return c, nil
}

func named(ids []string, c LocalCopy) bool {
	for _, id := range ids {
		if c.Copy == id || (len(id) >= 6 && len(c.Copy) > len(id) && c.Copy[:len(id)] == id) {
			return true
		}
	}
	return false
}

func (c choice) intention(in moodle.Install, without string) Intention {
	i := Intention{Name: in.CodeDir, CodeDir: in.CodeDir, DataRoot: in.DataRoot, FromDatabase: c.database, FromData: c.data, WithoutSafety: without}
	if u, err := url.Parse(in.WWWRoot); err == nil && u.Host != "" {
		i.Name = u.Host
	}
	if c.database != nil {
		i.Database = in.DB.Type + " " + in.DB.Name
	}
	return i
}

// safety takes a copy of what is about to be replaced.
func (l Local) safety(ctx context.Context, p InPlace, code, accountRoot string) ([]LocalCopy, error) {
	kinds := []string{agentproto.KindDatabase, agentproto.KindData}
	switch p.What {
	case WhatDatabase:
		kinds = kinds[:1]
	case WhatData:
		kinds = kinds[1:]
	}
	taken := []LocalCopy{}
	for _, kind := range kinds {
		c, err := l.Backup(ctx, kind, code, accountRoot)
		if err != nil {
			return taken, errs.Wrap(errs.KindOf(err), err, "The safety copy of the %s could not be taken, and nothing of the site was touched. Where there is nothing left to save, say why: --without-safety WHY", kind)
		}
		taken = append(taken, c)
	}
	return taken, nil
}

func (l Local) from(c *LocalCopy) *From {
	if c == nil {
		return nil
	}
	return &From{
		RestoreFrom: agentproto.RestoreFrom{Copy: c.Copy, Snapshot: c.Copy, TakenAt: c.TakenAt, Files: c.Files, Bytes: c.Bytes, SHA256: c.SHA256},
		Location:    l.location(c.Kind), Password: l.Password,
	}
}

// newLocalID names a restore that no control plane knows.
func newLocalID(at string) (string, error) {
	b := make([]byte, 2)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("naming the restore: %w", err)
	}
	return "local-" + at + "-" + hex.EncodeToString(b), nil
}
