package app

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/host"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// discoverProtocol is the first version of the agents' protocol that can look
// for sites.
const discoverProtocol = 4

// discoverAttempts is how often a look that its host began is tried.
const discoverAttempts = 2

// Look is the newest look for the sites of a host, and what the newest that
// ended well has found.
type Look struct {
	Host     id.Host
	HostName string
	State    dbq.DiscoveryState // "" where nobody has asked for one yet
	AskedBy  string
	AskedAt  time.Time
	Started  time.Time // zero before its host began
	Ended    time.Time // zero before it ended
	Progress agentproto.Progress
	Error    string // why it failed, a sentence
	// Cannot is why none can be asked for now, a sentence; "" if one can.
	Cannot string

	FoundAt   time.Time // zero where none has ended well yet
	Folders   int64     // that were looked into
	Truncated string    // why it is not all, a sentence; "" if it is
	Sites     []FoundSite
}

// Open tells whether a look waits or is at work.
func (l Look) Open() bool {
	return l.State == dbq.DiscoveryStateQueued || l.State == dbq.DiscoveryStateLeased
}

// Free counts what was found and is not registered yet.
func (l Look) Free() int {
	n := 0
	for _, f := range l.Sites {
		if f.Site.IsZero() {
			n++
		}
	}
	return n
}

// FoundSite is one Moodle that was found, and which site it is already.
type FoundSite struct {
	agentproto.FoundSite
	Name       string  // a name to register it by, from its address; "" where none can be told
	Site       id.Site // zero: it is free
	SiteName   string
	TenantName string
	// SameData says that it is the site by its moodledata only: its code folder
	// is another, a link or an old copy.
	SameData bool
}

// DiscoverSites has a host's agent look for every Moodle below the folders
// that it may touch.
func (a *App) DiscoverSites(ctx context.Context, who authz.Actor, name string) error {
	return a.do(ctx, who, authz.ManageSites, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		h, err := tx.HostByName(ctx, name)
		if err != nil {
			return noSuch(err, "host", name, "holdfast host list")
		}
		if why := cannotLook(h, tx.Now); why != "" {
			return errs.New(errs.Conflict, "%s", why)
		}
		before, err := tx.LockDiscovery(ctx, h.ID)
		if err != nil && !isNoRows(err) {
			return err
		}
		if before.State == dbq.DiscoveryStateQueued || before.State == dbq.DiscoveryStateLeased {
			return errs.New(errs.Conflict, "Its agent is asked already; what it finds appears here.")
		}
		look := id.New[id.HostTask]()
		if err := tx.AskDiscovery(ctx, dbq.AskDiscoveryParams{HostID: h.ID, ID: look, AskedBy: who.Name, AskedAt: tx.Now}); err != nil {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelWork, h.ID.String()); err != nil {
			return err
		}
		return discoveryEvent(ctx, tx, h.ID, "host.discovery_asked", map[string]any{"name": h.Name})
	})
}

// cannotLook says why a host cannot be asked now, "" if it can.
func cannotLook(h dbq.Host, now time.Time) string {
	switch facts(h.State, h.LastSeenAt, h.ClockSkewMs).Reach(now) {
	case host.Unenrolled, host.Unheard:
		return "Its agent has not been heard of yet; enrol it first."
	case host.Refused:
		return "Its agent is revoked; enrol it anew first."
	case host.Silent:
		return "The host is offline: its agent does not answer. Try again when it does."
	default:
	}
	switch {
	case h.State == dbq.HostStateMaintenance:
		return "The host is in maintenance and is given no work; end that first."
	case h.Protocol < discoverProtocol:
		return "Its agent is too old to look for sites; install the newer agent on the host, and ask again."
	}
	return ""
}

func discoveryEvent(ctx context.Context, tx *store.Tx, of id.Host, verb string, detail map[string]any) error {
	return tx.Event(ctx, verb, store.Subject{Kind: "host", ID: of.UUID()}, detail)
}

// Discovery gives the newest look for the sites of a host.
func (a *App) Discovery(ctx context.Context, who authz.Actor, name string) (Look, error) {
	var l Look
	err := a.do(ctx, who, authz.ViewHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		h, err := tx.HostByName(ctx, name)
		if err != nil {
			return err
		}
		l, err = lookOf(ctx, tx, h)
		return err
	})
	return l, hide(err, "host")
}

func lookOf(ctx context.Context, tx *store.Tx, h dbq.Host) (Look, error) {
	l := Look{Host: h.ID, HostName: h.Name, Cannot: cannotLook(h, tx.Now), Sites: []FoundSite{}}
	d, err := tx.DiscoveryOfHost(ctx, h.ID)
	if isNoRows(err) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	l.State, l.AskedBy, l.AskedAt, l.Error = d.State, d.AskedBy, d.AskedAt, d.Error
	l.Started, l.Ended, l.FoundAt = orZero(d.StartedAt), orZero(d.EndedAt), orZero(d.FoundAt)
	_ = json.Unmarshal(d.Progress, &l.Progress) // the agent's own; one that says it otherwise says nothing
	var found agentproto.Discovery
	if err := json.Unmarshal(d.Found, &found); err != nil {
		return l, err
	}
	l.Folders, l.Truncated = found.Folders, found.Truncated
	places, err := tx.PlacesOfHost(ctx, h.ID)
	if err != nil {
		return l, err
	}
	taken := map[string]bool{}
	for _, p := range places {
		taken[p.Name] = true
	}
	for _, f := range found.Sites {
		l.Sites = append(l.Sites, whose(f, places, taken))
	}
	return l, nil
}

// whose tells which site a found Moodle is, and suggests a name for one that
// is none yet: no two the same.
func whose(f agentproto.FoundSite, places []dbq.PlacesOfHostRow, taken map[string]bool) FoundSite {
	out := FoundSite{FoundSite: f}
	for _, same := range []bool{false, true} {
		for _, p := range places {
			at := p.CodeDir == f.CodeDir || p.CodeDir == f.CodeDir+"/public"
			if same {
				at = f.DataRoot != "" && p.Dataroot == f.DataRoot
			}
			if at {
				out.Site, out.SiteName, out.TenantName, out.SameData = p.ID, p.Name, p.TenantName, same
				return out
			}
		}
	}
	if name := nameOf(f.WWWRoot); name != "" && !taken[name] {
		out.Name = name
		taken[name] = true
	}
	return out
}

// nameOf makes a site's name of its address: "https://Learn.X.org/moodle" is
// "learn.x.org/moodle".
func nameOf(wwwroot string) string {
	_, rest, ok := strings.Cut(strings.ToLower(wwwroot), "://")
	if !ok {
		return ""
	}
	at, path, _ := strings.Cut(strings.TrimRight(rest, "/"), "/")
	if i := strings.LastIndex(at, "@"); i >= 0 {
		at = at[i+1:]
	}
	at, _, _ = strings.Cut(at, ":")
	if path != "" {
		at += "/" + path
	}
	e, err := entryOf(at)
	if err != nil {
		return ""
	}
	return e.Name
}
