package app

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/host"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Host is a host as a list shows it.
type Host struct {
	Row    dbq.HostRowsRow
	Reach  host.Reach
	DueAt  time.Time // when the next copy of any of its sites is due; zero for none, or not told. Of silent hosts only
	Late   int64     // its sites that are late already, likewise
	Silent time.Duration
}

// HostNames names every host, for who may see hosts.
func (a *App) HostNames(ctx context.Context, who authz.Actor) (map[id.Host]string, error) {
	names := map[id.Host]string{}
	err := a.do(ctx, who, authz.ViewHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.HostsAtHand(ctx)
		for _, r := range rows {
			names[r.ID] = r.Name
		}
		return err
	})
	return names, err
}

func facts(state dbq.HostState, seen *time.Time, skewMs int64) host.Facts {
	f := host.Facts{State: host.State(state), Skew: time.Duration(skewMs) * time.Millisecond}
	if seen != nil {
		f.LastSeen = *seen
	}
	return f
}

// known turns the epoch, by which queries say "none", into the zero time.
func known(t time.Time) time.Time {
	if t.Unix() <= 0 {
		return time.Time{}
	}
	return t
}

// How much a host's page shows.
const (
	sitesOfHost = 12
	runsOfHost  = 15
)

// HostView is what one host's page shows.
type HostView struct {
	Host
	Sites       []dbq.SitesOfHostRow // what is late or due first; not all of them
	Runs        []dbq.RunsOfHostRow  // newest first
	EnrolsUntil time.Time            // a token is about until then; zero for none
}

// HostByID gives one host's page.
func (a *App) HostByID(ctx context.Context, who authz.Actor, of id.Host) (HostView, error) {
	var v HostView
	err := a.do(ctx, who, authz.ViewHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		o, err := tx.HostOverview(ctx, of)
		if err != nil {
			return err
		}
		h := o.Host
		v = HostView{Host: Host{Row: dbq.HostRowsRow{
			ID: h.ID, Name: h.Name, State: h.State, MaxRuns: h.MaxRuns, AgentVersion: h.AgentVersion, Protocol: h.Protocol, Hostname: h.Hostname,
			ClockSkewMs: h.ClockSkewMs, LastSeenAt: h.LastSeenAt, CreatedAt: h.CreatedAt, Sites: o.Sites, Running: o.Running, Waiting: o.Waiting,
		}}}
		v.Reach = facts(h.State, h.LastSeenAt, h.ClockSkewMs).Reach(tx.Now)
		if v.Reach == host.Silent {
			v.Silent = tx.Now.Sub(*h.LastSeenAt)
		}
		due, err := tx.HostsDue(ctx, dbq.HostsDueParams{Hosts: []pgtype.UUID{store.Optional(of.UUID())}, Now: tx.Now})
		if err != nil {
			return err
		}
		if len(due) > 0 {
			v.DueAt, v.Late = known(due[0].DueAt), due[0].Overdue
		}
		if v.Sites, err = tx.SitesOfHost(ctx, dbq.SitesOfHostParams{HostID: of, Limit: sitesOfHost}); err != nil {
			return err
		}
		if v.Runs, err = tx.RunsOfHost(ctx, dbq.RunsOfHostParams{HostID: of, Limit: runsOfHost}); err != nil {
			return err
		}
		until, err := tx.OpenEnrolment(ctx, dbq.OpenEnrolmentParams{HostID: of, Now: tx.Now})
		v.EnrolsUntil = known(until)
		return err
	})
	return v, hide(err, "host")
}
