package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/app"
)

// verification are the operations on whether what is stored can be had back,
// and whether somebody destroys a site.
func (d *Door) verification(api huma.API) {
	accepted := func(id, path, summary string) huma.Operation {
		o := operation(id, http.MethodPost, path, summary, "copies")
		o.DefaultStatus = http.StatusAccepted
		return o
	}
	huma.Register(api, operation("view-verification", http.MethodGet, "/sites/{site}/verification", "See how what is stored of a site was read again, and what is damaged", "copies"), d.viewVerification)
	huma.Register(api, accepted("verify-site", "/sites/{site}/verification", "Have what is stored of a site read again"), d.verifySite)
	huma.Register(api, accepted("repair-site", "/sites/{site}/repair", "Have what is stored of a site repaired; what is sound is not touched"), d.repairSite)
	huma.Register(api, operation("acknowledge-damage", http.MethodPost, "/sites/{site}/damage/acknowledgement", "Let go of what is lost of a site, so that retention goes on", "copies"), d.acknowledgeDamage)
	huma.Register(api, operation("view-tamper", http.MethodGet, "/sites/{site}/tamper", "See a site's tamper alarm, and what its newest data runs saw", "sites"), d.viewTamper)
	huma.Register(api, operation("clear-tamper", http.MethodPost, "/sites/{site}/tamper/clearance", "Clear a site's tamper alarm, with a reason", "sites"), d.clearTamper)
}

// Verification is how one repository of a site was read again.
type Verification struct {
	Kind         string     `json:"kind" enum:"database,data"`
	SampledAt    *time.Time `json:"sampled_at" doc:"when a new copy was read at once, in part or whole"`
	LookedAt     *time.Time `json:"looked_at" doc:"when the lengths of what is stored were compared"`
	ScannedAt    *time.Time `json:"scanned_at" doc:"when every byte was read"`
	ScannedBytes int64      `json:"scanned_bytes"`
	NextScan     *time.Time `json:"next_scan" doc:"when every byte is read next"`
	Overdue      bool       `json:"overdue" doc:"it was not read whole for more than 30 days"`
	AtWork       bool       `json:"at_work" doc:"a look waits or runs"`
	Repairing    bool       `json:"repairing" doc:"a repair waits or runs"`
	Copies       int64      `json:"copies" doc:"that can be offered"`
	Proven       int64      `json:"proven" doc:"of these, whose every byte was read"`
	Damaged      int64      `json:"damaged" doc:"copies that cannot be had back now"`
	State        string     `json:"state" doc:"of the damage; empty is none" enum:",found,healing,proving,lost,acknowledged"`
	Damage       string     `json:"damage" doc:"what is wrong, in words"`
	DamagedAt    *time.Time `json:"damaged_at" doc:"when it was first seen"`
	Trouble      string     `json:"trouble" doc:"why the last look did not come to its end; empty for none"`
}

type verificationOutput struct {
	Body struct {
		Repositories []Verification `json:"repositories" nullable:"false"`
	}
}

func (d *Door) viewVerification(ctx context.Context, in *siteInput) (*verificationOutput, error) {
	rows, err := d.app.Verification(ctx, who(ctx).Actor, in.Site)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	out := &verificationOutput{}
	out.Body.Repositories = VerificationOf(rows)
	return out, nil
}

// VerificationOf writes how a site's repositories were read again.
func VerificationOf(rows []app.Verified) []Verification {
	out := make([]Verification, len(rows))
	for i, v := range rows {
		out[i] = Verification{
			Kind: string(v.Kind), SampledAt: moment(v.SampledAt), LookedAt: moment(v.LookedAt), ScannedAt: moment(v.ScannedAt), ScannedBytes: v.ScannedBytes,
			NextScan: moment(v.NextScan), Overdue: v.Overdue, AtWork: v.AtWork, Repairing: v.Repairing, Copies: v.Copies, Proven: v.Proven, Damaged: v.Damaged,
			State: string(v.State), Damage: v.Damage, DamagedAt: moment(v.DamagedAt), Trouble: v.Trouble,
		}
	}
	return out
}

type verifyInput struct {
	Site string `path:"site" maxLength:"300" doc:"a site's id, or its name with / written as %2F"`
	Body struct {
		Whole bool `json:"whole,omitempty" required:"false" doc:"read every byte; without it only lengths are compared"`
	}
}

func (d *Door) verifySite(ctx context.Context, in *verifyInput) (*struct{}, error) {
	return nil, d.fail(ctx, d.app.VerifySite(ctx, who(ctx).Actor, in.Site, in.Body.Whole))
}

func (d *Door) repairSite(ctx context.Context, in *siteInput) (*struct{}, error) {
	return nil, d.fail(ctx, d.app.RepairSite(ctx, who(ctx).Actor, in.Site))
}

type becauseInput struct {
	Site string `path:"site" maxLength:"300" doc:"a site's id, or its name with / written as %2F"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"300" doc:"why, in a few words; it stands in the log"`
	}
}

func (d *Door) acknowledgeDamage(ctx context.Context, in *becauseInput) (*struct{}, error) {
	return nil, d.fail(ctx, d.app.AcknowledgeDamage(ctx, who(ctx).Actor, in.Site, in.Body.Reason))
}

func (d *Door) clearTamper(ctx context.Context, in *becauseInput) (*struct{}, error) {
	return nil, d.fail(ctx, d.app.ClearTamper(ctx, who(ctx).Actor, in.Site, in.Body.Reason))
}

// Tamper is a site's tamper alarm.
type Tamper struct {
	Alarm    string       `json:"alarm" doc:"why it is on; empty: it is not"`
	Since    *time.Time   `json:"since"`
	Evidence []string     `json:"evidence" nullable:"false"`
	Looks    []TamperLook `json:"looks" nullable:"false" doc:"at the newest data runs, the newest first"`
}

// TamperLook is what was made of one data run.
type TamperLook struct {
	Run       string     `json:"run"`
	At        time.Time  `json:"at"`
	Why       string     `json:"why" doc:"it was an alarm; empty: it was none"`
	ClearedAt *time.Time `json:"cleared_at"`
}

type tamperOutput struct {
	Body Tamper
}

func (d *Door) viewTamper(ctx context.Context, in *siteInput) (*tamperOutput, error) {
	t, err := d.app.TamperOf(ctx, who(ctx).Actor, in.Site)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	out := &tamperOutput{Body: Tamper{Alarm: t.Alarm, Since: moment(t.Since), Evidence: t.Evidence, Looks: make([]TamperLook, len(t.Looks))}}
	for i, l := range t.Looks {
		out.Body.Looks[i] = TamperLook{Run: l.Run, At: l.At, Why: l.Why, ClearedAt: moment(l.ClearedAt)}
	}
	return out, nil
}
