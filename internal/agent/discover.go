package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// phaseLooking is the one phase of a discovery.
const phaseLooking = "looking"

// maxFoundBytes is how long the answer of a discovery may be.
const maxFoundBytes = 4 << 20

// checkDiscover names what is wrong with a lease that looks for sites, "" if
// nothing is.
func checkDiscover(l agentproto.Lease) string {
	if l.Discover == nil || l.Restore != nil || l.Repository.Name != "" {
		return "what to look for"
	}
	for _, r := range l.Discover.Roots {
		if !filepath.IsAbs(r) {
			return "a folder"
		}
	}
	return ""
}

// discover looks for sites below the allowed roots, or those of them that the
// lease names. It holds no site's lock: it only reads.
func (j job) discover(ctx context.Context, clk clock.Clock, log *slog.Logger, tell func(agentproto.Progress)) Result {
	fail := func(err error) Result {
		log.Error("looking for sites failed", "run", j.Lease.Run, "error", err)
		r := resultOf(ctx, agentproto.Copy{}, err, clk.Now())
		if r.Outcome == agentproto.OutcomeStopped {
			r.Error = "Looking for sites was stopped before it ended."
		}
		return r
	}
	roots := Roots{Dirs: j.AllowRoots}
	where := j.AllowRoots
	if len(j.Lease.Discover.Roots) > 0 {
		where = nil
		for _, r := range j.Lease.Discover.Roots {
			real, err := roots.Resolve("The folder", r)
			if err != nil {
				return fail(err)
			}
			where = append(where, real)
		}
	}
	found, err := scan(ctx, where, roots, moodle.Options{PHP: j.PHP}, tell)
	if err != nil {
		return fail(err)
	}
	raw, err := fit(&found)
	if err != nil {
		return fail(err)
	}
	return Result{Outcome: agentproto.OutcomeGood, Evidence: raw}
}

// scan looks for sites. Nothing that lies outside of may is read.
func scan(ctx context.Context, where []string, may Roots, read moodle.Options, tell func(agentproto.Progress)) (agentproto.Discovery, error) {
	report, err := moodle.Scan(ctx, where, moodle.ScanOptions{
		Read: read, May: may.allow,
		Progress: func(p moodle.ScanProgress) {
			tell(agentproto.Progress{Phase: phaseLooking, DoneFiles: p.Folders, DoneTables: p.Read, AllTables: p.Found, Detail: scanWords(p)})
		},
	})
	if err != nil {
		return agentproto.Discovery{}, fmt.Errorf("looking for sites: %w", err)
	}
	out := agentproto.Discovery{Sites: make([]agentproto.FoundSite, 0, len(report.Sites)), Folders: report.Folders, Truncated: report.Truncated}
	for _, f := range report.Sites {
		out.Sites = append(out.Sites, agentproto.FoundSite{
			CodeDir: f.CodeDir, AccountRoot: f.AccountRoot, Layout: f.Layout, Release: f.Release, Branch: f.Branch, WWWRoot: f.WWWRoot, DataRoot: f.DataRoot,
			DBType: f.DB.Type, DBName: f.DB.Name, Prefix: f.DB.Prefix, ReadBy: f.ReadBy, Warnings: f.Warnings, Problem: clip(f.Problem, maxErrorBytes),
		})
	}
	return out, nil
}

func scanWords(p moodle.ScanProgress) string {
	switch {
	case p.Found == 0:
		return "no site yet"
	case p.Walking && p.Found == 1:
		return "one site so far"
	case p.Walking:
		return fmt.Sprintf("%d sites so far", p.Found)
	}
	return fmt.Sprintf("reading config.php, %d of %d", p.Read, p.Found)
}

// allow tells whether a folder lies in an allowed root; one that is not there
// counts by its name.
func (r Roots) allow(path string) bool {
	_, err := r.Resolve("The folder", path)
	return err == nil || errs.Is(err, errs.NotFound)
}

// fit gives what was found as JSON that the control plane takes: warnings go
// first, then what of the sites is one too many.
func fit(d *agentproto.Discovery) (json.RawMessage, error) {
	raw, err := json.Marshal(d)
	if err != nil || len(raw) <= maxFoundBytes {
		return raw, err
	}
	for i := range d.Sites {
		d.Sites[i].Warnings = []string{}
	}
	all := d.Sites
	for n := len(all); ; n = n * 9 / 10 {
		d.Sites = all[:n]
		if n < len(all) {
			d.Truncated = strings.TrimSpace(fmt.Sprintf("%d sites were found, more than can be told at once; only %d are listed.", len(all), n))
		}
		if raw, err = json.Marshal(d); err != nil || len(raw) <= maxFoundBytes || n == 0 {
			return raw, err
		}
	}
}

// Scan looks for every Moodle below the named folders of this machine.
func (l Local) Scan(ctx context.Context, roots []string) (agentproto.Discovery, error) {
	return scan(ctx, roots, Roots{Everywhere: true}, l.inspection(), l.Progress)
}
