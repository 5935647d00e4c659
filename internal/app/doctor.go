package app

import (
	"context"
	"fmt"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Finding is one thing that the doctor looked at.
type Finding struct {
	Check  string `json:"check"`
	Good   bool   `json:"good"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"`
}

// silentAfter is how long an agent may be silent before that is a finding.
const silentAfter = 2 * time.Minute

// Examine looks at the database, the queue and the agents, and says what to do.
func (a *App) Examine(ctx context.Context, who authz.Actor) ([]Finding, error) {
	var out []Finding
	err := a.do(ctx, who, authz.ViewQueue, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		out = nil
		theirs, err := tx.ServerTime(ctx)
		if err != nil {
			return err
		}
		skew := a.clock.Now().Sub(theirs)
		out = append(out, Finding{
			Check: "clock", Good: skew.Abs() < 30*time.Second, Found: fmt.Sprintf("this machine and the database differ by %s", skew.Abs().Round(time.Millisecond)),
			Remedy: "Set both clocks by NTP; slots and maintenance depend on them.",
		})
		q, err := tx.LookAtQueue(ctx, "discarded", 0, 1)
		if err != nil {
			return err
		}
		out = append(out, Finding{
			Check: "queue", Good: q.Counts["discarded"] == 0 && q.Counts["available"] < 1000,
			Found:  fmt.Sprintf("%d jobs wait, %d run, %d will be retried, %d were given up", q.Counts["available"], q.Counts["running"], q.Counts["retryable"], q.Counts["discarded"]),
			Remedy: "Look at the queue page for the errors; jobs wait when no `holdfast serve` runs.",
		})
		hosts, err := tx.ListHosts(ctx)
		if err != nil {
			return err
		}
		for _, h := range hosts {
			out = append(out, examineHost(h, tx.Now))
		}
		return nil
	})
	return out, err
}

func examineHost(h dbq.ListHostsRow, now time.Time) Finding {
	f := Finding{Check: "host " + h.Name, Good: true, Found: string(h.State)}
	switch {
	case h.State == dbq.HostStateRevoked:
		f.Found = "revoked"
	case h.State == dbq.HostStatePending:
		f.Good, f.Found, f.Remedy = false, "never enrolled", "Run on it what `holdfast host enrol "+h.Name+"` prints."
	case h.LastSeenAt == nil:
		f.Good, f.Found, f.Remedy = false, "enrolled, never heard of", "Start the agent there: systemctl start holdfast-agent"
	case now.Sub(*h.LastSeenAt) > silentAfter:
		f.Good, f.Found = false, "silent for "+now.Sub(*h.LastSeenAt).Round(time.Second).String()
		f.Remedy = "On the host run: holdfast-agent doctor"
	case h.ClockSkewMs > 300_000 || h.ClockSkewMs < -300_000:
		f.Good, f.Found, f.Remedy = false, fmt.Sprintf("its clock is off by %s", (time.Duration(h.ClockSkewMs)*time.Millisecond).Round(time.Second)), "Set the host's clock by NTP."
	default:
		f.Found = fmt.Sprintf("%s, agent %s, %d of %d runs", h.State, h.AgentVersion, h.Running, h.MaxRuns)
	}
	return f
}

// MaintainSite has the keeper maintain a site's repositories.
func (a *App) MaintainSite(ctx context.Context, who authz.Actor, ref string) error {
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return err
	}
	return a.do(ctx, who, authz.ManageVault, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.RepositoriesOfSite(ctx, dbq.RepositoriesOfSiteParams{TenantID: of, SiteID: sid})
		if err != nil {
			return err
		}
		for _, repo := range rows {
			if repo.State != dbq.RepositoryStateReady {
				continue
			}
			if err := insertTask(ctx, tx, repo, id.Copy{}, dbq.TaskKindMaintain); err != nil {
				return err
			}
		}
		return nil
	})
}
