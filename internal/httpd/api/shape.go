package api

import (
	"encoding/json"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/policy"
	"holdfast/internal/store/dbq"
)

// Copy is a copy with what keeps it, as the API and the command line give it.
type Copy struct {
	Copy        string            `json:"copy"`
	Kind        string            `json:"kind" enum:"database,data"`
	State       string            `json:"state" enum:"good,incomplete,damaged,deleting"`
	TakenAt     time.Time         `json:"taken_at"`
	Seconds     float64           `json:"seconds"`
	Files       int64             `json:"files"`
	Bytes       int64             `json:"bytes" doc:"what a restore writes"`
	StoredBytes int64             `json:"stored_bytes" doc:"what it added to the storage when it was taken"`
	Tables      int32             `json:"tables"`
	Rows        int64             `json:"rows"`
	SHA256      string            `json:"sha256,omitempty" doc:"of the dump, for a database copy"`
	Sealed      string            `json:"sealed_file,omitempty" doc:"name of the plain sealed file beside it"`
	VerifiedAt  *time.Time        `json:"verified_at" doc:"when every byte of it was last read"`
	Run         string            `json:"run"`
	Served      map[string]string `json:"served" doc:"the slot that it served, by tier"`
	KeptBy      []string          `json:"kept_by" nullable:"false" doc:"tiers of the rules that keep it, in the order of the policy"`
	Reasons     []string          `json:"reasons" nullable:"false" doc:"why it is not deleted, all of them; empty: it may be"`
	Words       []string          `json:"words" nullable:"false" doc:"the reasons, in words"`
	Protected   *time.Time        `json:"protected_until"`
	Why         string            `json:"protected_why"`
	Pinned      string            `json:"pinned" doc:"why it is pinned; empty: it is not"`
	LegalHold   string            `json:"legal_hold" doc:"why this copy is under a legal hold; empty: it is not, though its site may be"`
	InUse       bool              `json:"in_use"`
	BinnedAt    *time.Time        `json:"in_bin_since"`
	DeletedAt   *time.Time        `json:"deleted_after" doc:"when a copy in the bin is deleted, unless it is taken back"`
	Named       *Named            `json:"named_files" doc:"of a database copy: the files that it names, and where they are; null: it has no list of them"`
	Details     json.RawMessage   `json:"details" doc:"facts of Moodle, exclusions and problems, as the agent reported them"`
}

// CopiesOf gives the copies of a site, the newest first, at most 500.
func CopiesOf(v app.SiteView) []Copy {
	judged := map[string]app.Judged{}
	for _, k := range v.Keeping {
		for _, j := range k.Copies {
			judged[j.Copy.ID] = j
		}
	}
	named := map[string]*Named{}
	for _, c := range v.Complete {
		if c.Listed {
			named[c.Copy.String()] = namedOf(c)
		}
	}
	out := make([]Copy, 0, len(v.Copies))
	for _, r := range v.Copies {
		c := Copy{
			Copy: r.ID.String(), Kind: string(r.Kind), State: string(r.State), TakenAt: r.TakenAt.UTC(), Seconds: r.Seconds, Files: r.Files,
			Bytes: r.Bytes, StoredBytes: r.StoredBytes, Tables: r.TableTotal, Rows: r.RowTotal, SHA256: r.Sha256, Sealed: r.SealedName,
			VerifiedAt: utc(r.VerifiedAt), Run: r.RunID.String(), Protected: utc(r.ProtectedUntil), Why: r.ProtectedWhy, Pinned: r.Pinned,
			LegalHold: r.LegalHold, InUse: r.InUse, BinnedAt: utc(r.BinnedAt), Details: r.Details,
			KeptBy: []string{}, Reasons: []string{}, Words: []string{}, Served: map[string]string{},
		}
		c.Named = named[c.Copy]
		if j, ok := judged[c.Copy]; ok {
			c.judged(j)
		}
		out = append(out, c)
	}
	return out
}

func (c *Copy) judged(j app.Judged) {
	c.Served = serves(j.Copy.Tiers)
	for _, tier := range j.Tiers {
		c.KeptBy = append(c.KeptBy, string(tier))
	}
	for _, r := range j.Reasons {
		c.Reasons, c.Words = append(c.Reasons, string(r)), append(c.Words, r.Words())
	}
	if !j.DeletedAt.IsZero() {
		c.DeletedAt = utc(&j.DeletedAt)
	}
}

// Standing is how a site's copies stand by its policy.
type Standing struct {
	Site          string         `json:"site"`
	At            time.Time      `json:"at" doc:"the instant at which all of it stood so"`
	State         string         `json:"state" enum:"active,suspended,removed"`
	TimeZone      string         `json:"time_zone"`
	Policy        string         `json:"policy"`
	PolicyVersion int32          `json:"policy_version"`
	Window        string         `json:"window" doc:"when scheduled backups may start, by the site's clock; empty is at any hour"`
	Stopped       []string       `json:"deletions_stopped_by" nullable:"false" doc:"what stops every deletion of this site's copies"`
	Kinds         []KindStanding `json:"kinds" nullable:"false"`
}

// KindStanding is one kind's part of it.
type KindStanding struct {
	Kind       string     `json:"kind" enum:"database,data"`
	NewestGood *time.Time `json:"newest_good" doc:"when the newest good copy was taken; null: there is none"`
	AgeSeconds *int64     `json:"age_seconds" doc:"its age: what a restore now would lose"`
	Owed       []Slot     `json:"owed" nullable:"false" doc:"slots that are due and not served yet, oldest first within a tier"`
	DueSince   *time.Time `json:"due_since" doc:"due instant of the oldest owed slot"`
	LateAt     *time.Time `json:"late_at" doc:"from when on what is owed is late"`
	Late       bool       `json:"late"`
	LateSince  *time.Time `json:"late_since"`
	NextStart  *time.Time `json:"next_start" doc:"when the next run is planned; null while one is open, or the site is suspended"`
}

// Slot is a wall-clock moment that a rule names.
type Slot struct {
	Tier string `json:"tier"`
	Slot string `json:"slot" example:"2026-04-24T00:00"`
}

// StandingOf gives the standing of a site. Lateness is a state of active sites
// alone: nothing is asked of a suspended one.
func StandingOf(v app.SiteView) Standing {
	out := Standing{
		Site: v.Site.Name, At: v.Now.UTC(), State: string(v.Site.State), TimeZone: v.Site.TimeZone, Policy: policyName(v.Policy),
		PolicyVersion: v.Policy.Version, Window: v.Policy.Policy.Hours.String(), Stopped: stoppedBy(v.Policy.Alarms), Kinds: []KindStanding{},
	}
	for _, k := range v.Keeping {
		s := k.Standing
		one := KindStanding{Kind: string(k.Kind), Owed: []Slot{}, NextStart: utc(k.Schedule.StartAt), DueSince: moment(s.DueSince), LateAt: moment(s.LateAt)}
		if !s.NewestGood.IsZero() {
			one.NewestGood, one.AgeSeconds = moment(s.NewestGood), seconds(s.Age)
		}
		for _, o := range s.Owed {
			one.Owed = append(one.Owed, Slot{string(o.Tier), o.Slot.String()})
		}
		if s.Late && v.Site.State == dbq.SiteStateActive {
			one.Late, one.LateSince = true, one.LateAt
		}
		out.Kinds = append(out.Kinds, one)
	}
	return out
}

func policyName(p app.SitePolicy) string {
	if p.ID.IsZero() {
		return app.PublishedPolicy
	}
	return p.Name
}

func stoppedBy(a policy.Alarms) []string {
	out := []string{}
	for _, s := range []struct {
		on bool
		by policy.Reason
	}{{a.Tamper, policy.ByTamper}, {a.Damage, policy.ByDamage}, {a.ClockJumped, policy.ByClock}, {a.LegalHold, policy.ByHold}} {
		if s.on {
			out = append(out, string(s.by))
		}
	}
	return out
}

// Late is a site's kind that is late.
type Late struct {
	Site       string     `json:"site"`
	SiteID     string     `json:"site_id"`
	Tenant     string     `json:"tenant"`
	Host       string     `json:"host"`
	Kind       string     `json:"kind" enum:"database,data"`
	LateSince  time.Time  `json:"late_since"`
	DueSince   *time.Time `json:"due_since"`
	NewestGood *time.Time `json:"newest_good"`
	AgeSeconds *int64     `json:"age_seconds" doc:"of the newest good copy; null: there is none"`
}

// LateOf gives what is late, with the ages at now.
func LateOf(rows []app.Overdue, now time.Time) []Late {
	out := make([]Late, 0, len(rows))
	for _, r := range rows {
		l := Late{
			Site: r.SiteName, SiteID: r.SiteID.String(), Tenant: r.TenantName, Host: r.HostName, Kind: string(r.Kind), DueSince: utc(r.DueAt), NewestGood: utc(r.NewestGoodAt),
		}
		if r.OverdueAt != nil {
			l.LateSince = r.OverdueAt.UTC()
		}
		if r.NewestGoodAt != nil {
			l.AgeSeconds = seconds(now.Sub(*r.NewestGoodAt))
		}
		out = append(out, l)
	}
	return out
}

// Site is a site in a list of them.
type Site struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Tenant   string     `json:"tenant"`
	State    string     `json:"state" enum:"active,suspended,removed"`
	Database *time.Time `json:"newest_database_copy"`
	Data     *time.Time `json:"newest_data_copy"`
	Error    string     `json:"last_error,omitempty"`
}

// SitesOf gives the rows of a page of sites.
func SitesOf(rows []dbq.FleetPageRow) []Site {
	out := make([]Site, 0, len(rows))
	newest := func(at time.Time, state string) *time.Time {
		if state == "" {
			return nil
		}
		return utc(&at)
	}
	for _, r := range rows {
		out = append(out, Site{r.ID.String(), r.Name, r.TenantName, string(r.State), newest(r.DatabaseAt, r.DatabaseState), newest(r.DataAt, r.DataState), r.FailedError})
	}
	return out
}

// Run is an attempt at a backup.
type Run struct {
	Run       string     `json:"run"`
	Site      string     `json:"site,omitempty"`
	Kind      string     `json:"kind" enum:"database,data"`
	Reason    string     `json:"reason,omitempty"`
	State     string     `json:"state"`
	Attempt   int32      `json:"attempt"`
	Created   time.Time  `json:"created"`
	Started   *time.Time `json:"started"`
	Finished  *time.Time `json:"finished"`
	Error     string     `json:"error,omitempty"`
	ErrorCode string     `json:"error_code,omitempty"`
}

func runsOf(rows []dbq.ListRunsRow) []Run {
	out := make([]Run, 0, len(rows))
	for _, r := range rows {
		out = append(out, Run{
			r.ID.String(), r.SiteName, string(r.Kind), string(r.Reason), string(r.State), r.Attempt, r.CreatedAt.UTC(), utc(r.StartedAt), utc(r.FinishedAt), r.Error, r.ErrorCode,
		})
	}
	return out
}

// Started is a run that was asked for.
type Started struct {
	Run    string `json:"run"`
	Kind   string `json:"kind" enum:"database,data"`
	Joined bool   `json:"joined" doc:"it was open already; nothing new was planned, and its copy is protected too"`
}

func startedOf(all []app.Started) []Started {
	out := make([]Started, 0, len(all))
	for _, s := range all {
		out = append(out, Started{s.Run.String(), string(s.Kind), s.Joined})
	}
	return out
}

func kindsOf(names []string) []backup.Kind {
	if len(names) == 0 {
		return backup.Kinds()
	}
	var out []backup.Kind
	for _, kind := range backup.Kinds() { // each once, whatever was said twice
		for _, n := range names {
			if n == string(kind) {
				out = append(out, kind)
				break
			}
		}
	}
	return out
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// moment gives null for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return utc(&t)
}

func seconds(d time.Duration) *int64 {
	n := max(0, int64(d/time.Second))
	return &n
}
