package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/fleetseed"
	"holdfast/internal/store/dbq"
	"holdfast/internal/vault"
)

// fleetFolder is where the fictitious fleet's storage would be; it stays empty.
const fleetFolder = "vault-fleet"

// seedFleet makes fictitious sites, as far as they are not there yet.
func (d *demo) seedFleet(ctx context.Context, sites int) error {
	if sites == 0 {
		return nil
	}
	backend, err := json.Marshal(vault.Backend{Kind: vault.Filesystem, Path: filepath.Join(d.dir, fleetFolder)})
	if err != nil {
		return err
	}
	_, err = d.srv.App.AddDestination(ctx, authz.Console(), app.NewDestination{Name: fleetseed.Destination, Kind: string(vault.Filesystem), Backend: backend})
	if ignoreTaken(err) != nil {
		return err
	}
	d.say("  making %d fictitious sites; 100,000 take about a minute", sites)
	began := clock.System{}.Now()
	made, err := fleetseed.Seed(ctx, d.srv.DB.Superuser(), fleetseed.Fleet{Sites: sites, Now: began})
	if err != nil {
		return err
	}
	if made == 0 {
		d.say("  the fictitious sites are there already; --reset takes them away")
		return nil
	}
	d.say("  made %d fictitious sites in %s; nothing ever copies them", made, clock.System{}.Now().Sub(began).Round(100*time.Millisecond))
	return nil
}

// newest gives the demo's own sites, however many fictitious ones there are.
func (d *demo) newest(ctx context.Context) ([]dbq.FleetPageRow, error) {
	var out []dbq.FleetPageRow
	for _, s := range demoSites {
		f, err := d.srv.App.ListFleet(ctx, authz.Console(), app.FleetQuery{Search: s.name})
		if err != nil {
			return nil, err
		}
		out = append(out, f.Sites...)
	}
	return out, nil
}

// waitForCopies waits until each site has a copy of each kind, and says what
// went wrong with those that will have none.
func (d *demo) waitForCopies(ctx context.Context) error {
	told := map[string]bool{}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		sites, err := d.newest(ctx)
		if err != nil {
			return err
		}
		missing := 0
		for _, s := range sites {
			for kind, state := range map[backup.Kind]string{backup.Database: s.DatabaseState, backup.Data: s.DataState} {
				key := s.Name + " " + string(kind)
				if state == "" {
					missing++
				} else if !told[key] {
					told[key] = true
					d.say("  copied %-26s %s (%s)", s.Name, kind, state)
				}
			}
			if s.FailedError != "" {
				return errs.New(errs.Incomplete, "The first %s copy of %s failed: %s", s.FailedKind, s.Name, s.FailedError)
			}
		}
		if missing == 0 && len(sites) >= len(demoSites) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case name := <-d.ended:
			return errs.New(errs.Unavailable, "The agent of %s ended; see %s", name, filepath.Join(d.dir, name+".log"))
		case <-tick.C:
		}
	}
}
