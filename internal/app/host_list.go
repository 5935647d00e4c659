package app

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/host"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// HostStanding is how a host stands, for the list of hosts.
type HostStanding string

// The standings.
const (
	HostSilent     HostStanding = "silent" // out of reach, or never heard of
	HostSkewed     HostStanding = "clock"  // its clock is wrong
	HostMaintained HostStanding = "maintenance"
	HostUnenrolled HostStanding = "unenrolled"
	HostWell       HostStanding = "answers"
	HostRevoked    HostStanding = "revoked"
)

// HostStandings are all of them, in the list's order.
func HostStandings() []HostStanding {
	return []HostStanding{HostSilent, HostSkewed, HostMaintained, HostUnenrolled, HostWell, HostRevoked}
}

// hostsDue is of how many silent hosts on a page it is told when their next
// copies are due: that is a look at each of their sites. More have one cause.
const hostsDue = 3

// HostPlace is a host's place in the list.
type HostPlace struct {
	Standing HostStanding
	Name     string
}

func (p HostPlace) compare(q HostPlace) int {
	return cmp.Or(cmp.Compare(slices.Index(HostStandings(), p.Standing), slices.Index(HostStandings(), q.Standing)), strings.Compare(p.Name, q.Name))
}

// HostsLook is a question about hosts.
type HostsLook struct {
	Search        string // anywhere in a name
	Standing      HostStanding
	After, Before *HostPlace // the place to go on after, or to go back before
	Size          int        // 50 where it is none from 1 to 200
}

// HostsView is one page of the answer. Hosts are few, thousands at most, and
// sites are many: so every host is looked at, and only the sites of those on
// the page.
type HostsView struct {
	Hosts       []Host
	First, Last HostPlace              // of the page
	More, Less  bool                   // there are others after and before it
	Found       int64                  // that the search and the standing leave
	Standings   map[HostStanding]int64 // of what the search leaves
	All         map[HostStanding]int64 // of every host
	SilentName  string                 // the first of those that are silent
	SilentSites int64                  // sites of all of them
}

// LookAtHosts gives a page of hosts, worst first, and what is at risk at those
// that are silent.
func (a *App) LookAtHosts(ctx context.Context, who authz.Actor, l HostsLook) (HostsView, error) {
	if err := l.check(); err != nil {
		return HostsView{}, err
	}
	var v HostsView
	err := a.do(ctx, who, authz.ViewHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.HostsAtHand(ctx)
		if err != nil {
			return err
		}
		var on []id.Host
		var silent []pgtype.UUID
		v, on, silent = l.page(all, tx.Now)
		if len(silent) > 0 {
			if v.SilentSites, err = tx.CountSitesOfHosts(ctx, silent); err != nil {
				return err
			}
		}
		v.Hosts, err = hostsNamed(ctx, tx, on)
		return err
	})
	return v, err
}

func (l *HostsLook) check() error {
	l.Search = strings.ToLower(strings.TrimSpace(l.Search))
	switch {
	case utf8.RuneCountInString(l.Search) > FleetMost:
		return errs.Field("q", "look for less, %d characters at most", FleetMost)
	case !utf8.ValidString(l.Search) || strings.ContainsRune(l.Search, 0):
		return errs.Field("q", "it holds characters that no name has; type it anew")
	case l.Standing != "" && !slices.Contains(HostStandings(), l.Standing):
		return errs.Field("filter", "%q is not one of the choices above the list", l.Standing)
	}
	for name, p := range map[string]*HostPlace{"after": l.After, "before": l.Before} {
		if p != nil && !slices.Contains(HostStandings(), p.Standing) {
			return errs.Field(name, "it leads to no place in this list; open the list anew from its start")
		}
	}
	if l.Size < 1 || l.Size > 200 {
		l.Size = 50
	}
	return nil
}

// standingOf tells how a host stands at an instant.
func standingOf(r dbq.HostsAtHandRow, now time.Time) HostStanding {
	switch facts(r.State, r.LastSeenAt, r.ClockSkewMs).Reach(now) {
	case host.Unenrolled:
		return HostUnenrolled
	case host.Refused:
		return HostRevoked
	case host.Unheard, host.Silent:
		return HostSilent
	case host.Skewed:
		return HostSkewed
	case host.Answers:
	}
	if host.State(r.State) == host.Maintenance {
		return HostMaintained
	}
	return HostWell
}

// page puts hosts in order, counts them, and cuts the page out: those on it,
// and all that are silent.
func (l HostsLook) page(all []dbq.HostsAtHandRow, now time.Time) (v HostsView, on []id.Host, silent []pgtype.UUID) {
	type placed struct {
		HostPlace
		id id.Host
	}
	v = HostsView{Standings: map[HostStanding]int64{}, All: map[HostStanding]int64{}}
	var found []placed
	for _, r := range all {
		p := placed{HostPlace{standingOf(r, now), r.Name}, r.ID}
		v.All[p.Standing]++
		if p.Standing == HostSilent {
			silent = append(silent, store.Optional(r.ID.UUID()))
			if v.SilentName == "" || r.Name < v.SilentName {
				v.SilentName = r.Name
			}
		}
		if !strings.Contains(strings.ToLower(r.Name), l.Search) {
			continue
		}
		v.Standings[p.Standing]++
		if l.Standing == "" || l.Standing == p.Standing {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(p, q placed) int { return p.compare(q.HostPlace) })
	at := func(place HostPlace) (int, bool) {
		return slices.BinarySearchFunc(found, place, func(p placed, q HostPlace) int { return p.compare(q) })
	}
	from, to := 0, min(l.Size, len(found))
	if l.Before != nil {
		if n, _ := at(*l.Before); n > l.Size { // else the start came nearer: show it whole
			from, to = n-l.Size, n
		}
	} else if l.After != nil {
		n, here := at(*l.After)
		if here {
			n++
		}
		from, to = n, min(n+l.Size, len(found))
	}
	v.Found, v.Less, v.More = int64(len(found)), from > 0, to < len(found)
	for _, p := range found[from:to] {
		on = append(on, p.id)
	}
	if from < to {
		v.First, v.Last = found[from].HostPlace, found[to-1].HostPlace
	}
	return v, on, silent
}

// hostsNamed gives hosts in the order in which they are named.
func hostsNamed(ctx context.Context, tx *store.Tx, on []id.Host) ([]Host, error) {
	if len(on) == 0 {
		return nil, nil
	}
	ids := make([]pgtype.UUID, len(on))
	at := make(map[id.Host]int, len(on))
	for i, h := range on {
		ids[i], at[h] = store.Optional(h.UUID()), i
	}
	rows, err := tx.HostRows(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Host, len(on))
	silent := []pgtype.UUID{}
	for _, r := range rows {
		h := Host{Row: r, Reach: facts(r.State, r.LastSeenAt, r.ClockSkewMs).Reach(tx.Now)}
		if h.Reach == host.Silent {
			h.Silent = tx.Now.Sub(*r.LastSeenAt)
			silent = append(silent, store.Optional(r.ID.UUID()))
		}
		out[at[r.ID]] = h
	}
	if len(silent) == 0 {
		return out, nil
	}
	late, err := tx.HostsLate(ctx, dbq.HostsLateParams{Hosts: silent, Now: tx.Now})
	if err != nil {
		return nil, err
	}
	for _, l := range late {
		out[at[l.HostID]].Late = l.Late
	}
	if len(silent) > hostsDue {
		return out, nil
	}
	due, err := tx.HostsDue(ctx, dbq.HostsDueParams{Hosts: silent, Now: tx.Now})
	for _, d := range due {
		out[at[d.HostID]].DueAt = known(d.DueAt)
	}
	return out, err
}
