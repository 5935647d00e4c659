package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
)

// changes are the operations that do something.
func (d *Door) changes(api huma.API) {
	backups := operation("start-backups", http.MethodPost, "/sites/{site}/backups", "Back up a site now; the copies are protected, outside the policy's counts", "copies")
	backups.DefaultStatus = http.StatusAccepted
	huma.Register(api, backups, d.startBackups)
	for _, c := range []struct {
		id, method, path, summary string
		fn                        func(context.Context, *keepInput) (*struct{}, error)
	}{
		{"protect-copy", http.MethodPost, "/copies/{copy}/protection", "Keep a copy outside the counts, for some days from now", d.protect},
		{"take-copy-back", http.MethodPost, "/copies/{copy}/recovery", "Take a copy back from the bin, and protect it", d.takeBack},
	} {
		huma.Register(api, operation(c.id, c.method, c.path, c.summary, "copies"), c.fn)
	}
	huma.Register(api, operation("unprotect-copy", http.MethodDelete, "/copies/{copy}/protection", "End a copy's protection; rules may keep it still", "copies"), d.unprotect)
	huma.Register(api, operation("pin-copy", http.MethodPut, "/copies/{copy}/pin", "Keep a copy until it is unpinned", "copies"), d.pin)
	huma.Register(api, operation("unpin-copy", http.MethodDelete, "/copies/{copy}/pin", "Unpin a copy", "copies"), d.unpin)
	huma.Register(api, operation("cancel-run", http.MethodPost, "/runs/{run}/cancellation", "Stop a run that has not ended", "runs"), d.cancelRun)
}

type backupsInput struct {
	Site string `path:"site" maxLength:"300" doc:"a site's id, or its name with / written as %2F"`
	Body struct {
		Kinds       []string `json:"kinds,omitempty" required:"false" nullable:"false" maxItems:"2" enum:"database,data" doc:"both when left out"`
		ProtectDays int      `json:"protect_days,omitempty" required:"false" minimum:"1" maximum:"3650" doc:"30 when left out"`
		Reason      string   `json:"reason,omitempty" required:"false" maxLength:"300" doc:"why, in a few words; it stands beside the copies"`
	}
}

type backupsOutput struct {
	Body struct {
		Runs []Started `json:"runs" nullable:"false"`
	}
}

func (d *Door) startBackups(ctx context.Context, in *backupsInput) (*backupsOutput, error) {
	asked, err := d.app.StartBackup(ctx, who(ctx).Actor, in.Site, kindsOf(in.Body.Kinds), app.Protection{Days: in.Body.ProtectDays, Reason: in.Body.Reason})
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	out := &backupsOutput{}
	out.Body.Runs = startedOf(asked)
	return out, nil
}

// copyInput names one copy.
type copyInput struct {
	Copy string `path:"copy" format:"uuid"`
}

// parseCopy reads the id of a copy. What cannot be one is the id of none.
func parseCopy(s string) (id.Copy, error) {
	of, err := id.Parse[id.Copy](s)
	if err != nil {
		return of, errs.Wrap(errs.NotFound, err, "%s", nothingHere)
	}
	return of, nil
}

type keepInput struct {
	Copy string `path:"copy" format:"uuid"`
	Body struct {
		Days   int    `json:"days,omitempty" required:"false" minimum:"1" maximum:"3650" doc:"from now; 30 when left out"`
		Reason string `json:"reason,omitempty" required:"false" maxLength:"300" doc:"why, in a few words"`
	}
}

func (in *keepInput) protection() app.Protection {
	return app.Protection{Days: in.Body.Days, Reason: in.Body.Reason}
}

func (d *Door) protect(ctx context.Context, in *keepInput) (*struct{}, error) {
	of, err := parseCopy(in.Copy)
	if err == nil {
		err = d.app.ProtectCopy(ctx, who(ctx).Actor, of, in.protection())
	}
	return nil, d.fail(ctx, err)
}

func (d *Door) takeBack(ctx context.Context, in *keepInput) (*struct{}, error) {
	of, err := parseCopy(in.Copy)
	if err == nil {
		err = d.app.TakeBack(ctx, who(ctx).Actor, of, in.protection())
	}
	return nil, d.fail(ctx, err)
}

func (d *Door) unprotect(ctx context.Context, in *copyInput) (*struct{}, error) {
	of, err := parseCopy(in.Copy)
	if err == nil {
		err = d.app.UnprotectCopy(ctx, who(ctx).Actor, of)
	}
	return nil, d.fail(ctx, err)
}

type pinInput struct {
	Copy string `path:"copy" format:"uuid"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"300" doc:"why, in a few words"`
	}
}

func (d *Door) pin(ctx context.Context, in *pinInput) (*struct{}, error) {
	of, err := parseCopy(in.Copy)
	if err == nil {
		err = d.app.PinCopy(ctx, who(ctx).Actor, of, true, in.Body.Reason)
	}
	return nil, d.fail(ctx, err)
}

func (d *Door) unpin(ctx context.Context, in *copyInput) (*struct{}, error) {
	of, err := parseCopy(in.Copy)
	if err == nil {
		err = d.app.PinCopy(ctx, who(ctx).Actor, of, false, "")
	}
	return nil, d.fail(ctx, err)
}

type cancelInput struct {
	Run  string `path:"run" format:"uuid"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"300" doc:"why, for the log"`
	}
}

// cancelRun refuses whoever may cancel nothing before it looks for the run:
// the refusal is the same whether the run is there or not.
func (d *Door) cancelRun(ctx context.Context, in *cancelInput) (*struct{}, error) {
	if _, err := authz.Check(who(ctx).Actor, authz.CancelRun, who(ctx).Tenant); err != nil {
		return nil, d.fail(ctx, err)
	}
	run, err := id.Parse[id.Run](in.Run)
	if err != nil {
		return nil, d.fail(ctx, errs.Wrap(errs.NotFound, err, "%s", nothingHere))
	}
	return nil, d.fail(ctx, d.app.CancelRun(ctx, who(ctx).Actor, run, in.Body.Reason))
}
