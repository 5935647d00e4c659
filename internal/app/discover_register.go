package app

import (
	"context"
	"errors"
	"fmt"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/site"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Choice registers one found Moodle.
type Choice struct {
	CodeDir     string // as it was found
	Tenant      string // slug
	Name        string
	AccountRoot string // "" for none
	TimeZone    string // IANA, "" for UTC
	Destination string // "" for the default one
}

// maxChoices is how many are registered at once.
const maxChoices = 1000

// RowError is what is wrong with one of several choices.
type RowError struct {
	Row   int    // from 0
	Field string // "name", "tenant", "code", "root", "tz", "destination"
	Text  string // a sentence
}

// RowsError says that nothing was registered, and what is wrong row by row.
type RowsError struct{ Rows []RowError }

func (e *RowsError) Error() string {
	return fmt.Sprintf("%d of the rows cannot be registered: %s", len(e.Rows), e.Rows[0].Text)
}

// RegisterFound registers found Moodles as sites: all of them or none. Where
// rows are wrong the error has a *RowsError as its cause, which names each.
func (a *App) RegisterFound(ctx context.Context, who authz.Actor, name string, choices []Choice) ([]id.Site, error) {
	if len(choices) == 0 {
		return nil, errs.Field("sites", "choose at least one of what was found")
	}
	if len(choices) > maxChoices {
		return nil, errs.Field("sites", "at most %d are registered at once", maxChoices)
	}
	var made []id.Site
	err := a.do(ctx, who, authz.ManageSites, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		made = nil
		h, err := tx.HostByName(ctx, name)
		if err != nil {
			return noSuch(err, "host", name, "holdfast host list")
		}
		if _, err := tx.LockDiscovery(ctx, h.ID); err != nil { // two forms at once are one after the other
			return noLook(err)
		}
		l, err := lookOf(ctx, tx, h)
		if err != nil {
			return err
		}
		r := registering{host: h, found: map[string]FoundSite{}, tenants: map[string]id.Tenant{}, places: map[string]id.Destination{}}
		for _, f := range l.Sites {
			r.found[f.CodeDir] = f
		}
		rows, err := r.check(ctx, tx, choices)
		if err != nil {
			return err
		}
		if len(r.wrong) > 0 {
			return wrongRows(r.wrong, len(choices))
		}
		for i, row := range rows {
			s, err := insertSite(ctx, tx, row)
			if err != nil {
				return nameRow(err, i, len(choices))
			}
			made = append(made, s)
		}
		return nil
	})
	return made, err
}

func noLook(err error) error {
	if isNoRows(err) {
		return errs.New(errs.Conflict, "Nobody has looked for sites on this host yet; do that first.")
	}
	return err
}

func wrongRows(rows []RowError, of int) error {
	said := "One of the sites cannot be registered as it is"
	if len(rows) > 1 {
		said = fmt.Sprintf("%d of the %d sites cannot be registered as they are", distinctRows(rows), of)
	}
	return errs.Wrap(errs.Invalid, &RowsError{Rows: rows}, "%s, so none was.", said)
}

func distinctRows(rows []RowError) int {
	seen := map[int]bool{}
	for _, r := range rows {
		seen[r.Row] = true
	}
	return len(seen)
}

// nameRow says of which row an error is, where it is about one.
func nameRow(err error, row, of int) error {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind == errs.Invalid {
		return wrongRows([]RowError{{Row: row, Field: e.Field, Text: errs.Sentence(err)}}, of)
	}
	return err
}

// registering checks choices against what was found and what there is.
type registering struct {
	host    dbq.Host
	found   map[string]FoundSite
	tenants map[string]id.Tenant
	places  map[string]id.Destination
	wrong   []RowError
}

func (r *registering) no(row int, field, format string, args ...any) {
	r.wrong = append(r.wrong, RowError{Row: row, Field: field, Text: fmt.Sprintf(format, args...)})
}

func (r *registering) check(ctx context.Context, tx *store.Tx, choices []Choice) ([]siteRow, error) {
	names := make([]string, 0, len(choices))
	rows := make([]siteRow, len(choices))
	for i, c := range choices {
		e, err := (site.Entry{Name: c.Name, CodeDir: c.CodeDir, AccountRoot: c.AccountRoot, TimeZone: c.TimeZone}).Validate()
		var wrong *errs.Error
		if errors.As(err, &wrong) {
			r.no(i, wrong.Field, "%s", errs.Sentence(err))
		}
		rows[i] = siteRow{host: r.host, entry: e}
		names = append(names, e.Name)
		if err := r.refer(ctx, tx, i, c, &rows[i]); err != nil {
			return nil, err
		}
	}
	taken, err := tx.SiteNamesTaken(ctx, names)
	if err != nil {
		return nil, err
	}
	r.twice(rows, taken)
	return rows, nil
}

// refer finds what a choice refers to: what was found, its customer, its
// destination.
func (r *registering) refer(ctx context.Context, tx *store.Tx, i int, c Choice, row *siteRow) error {
	f, known := r.found[c.CodeDir]
	switch {
	case !known:
		r.no(i, "code", "%s is not among what was found on %s; look again.", c.CodeDir, r.host.Name)
	case !f.Site.IsZero():
		r.no(i, "code", "%s is registered already, as %s.", c.CodeDir, f.SiteName)
	}
	if _, ok := r.tenants[c.Tenant]; !ok {
		t, err := tx.TenantBySlug(ctx, c.Tenant)
		if err != nil && !isNoRows(err) {
			return err
		}
		r.tenants[c.Tenant] = t.ID
	}
	if row.tenant = r.tenants[c.Tenant]; row.tenant.IsZero() {
		if c.Tenant == "" {
			r.no(i, "tenant", "Choose the customer whose site it is.")
		} else {
			r.no(i, "tenant", "There is no customer %q.", c.Tenant)
		}
	}
	if c.Destination == "" {
		c.Destination = DefaultDestination
	}
	if _, ok := r.places[c.Destination]; !ok {
		d, err := tx.DestinationByName(ctx, c.Destination)
		if err != nil && !isNoRows(err) {
			return err
		}
		r.places[c.Destination] = d.ID
	}
	if row.destination = r.places[c.Destination]; row.destination.IsZero() {
		r.no(i, "destination", "There is no destination %q.", c.Destination)
	}
	return nil
}

// twice names the rows whose name or folder another row or site has.
func (r *registering) twice(rows []siteRow, taken []string) {
	names, places, have := map[string]int{}, map[string]int{}, map[string]bool{}
	for _, n := range taken {
		have[n] = true
	}
	for i, row := range rows {
		if have[row.entry.Name] {
			r.no(i, "name", "%s is registered already.", row.entry.Name)
		}
		if at, twice := names[row.entry.Name]; twice && row.entry.Name != "" {
			r.no(i, "name", "%s is the name of row %d too.", row.entry.Name, at+1)
		}
		if at, twice := places[row.entry.CodeDir]; twice {
			r.no(i, "code", "%s is in row %d too.", row.entry.CodeDir, at+1)
		}
		names[row.entry.Name], places[row.entry.CodeDir] = i, i
	}
}

// siteRow is a site that is about to be registered.
type siteRow struct {
	tenant      id.Tenant
	host        dbq.Host
	destination id.Destination
	entry       site.Entry
}

// insertSite registers a site and plans its first two copies.
func insertSite(ctx context.Context, tx *store.Tx, r siteRow) (id.Site, error) {
	made := id.New[id.Site]()
	err := tx.InsertSite(ctx, dbq.InsertSiteParams{
		TenantID: r.tenant, ID: made, HostID: r.host.ID, DestinationID: r.destination, Name: r.entry.Name, CodeDir: r.entry.CodeDir,
		AccountRoot: r.entry.AccountRoot, TimeZone: r.entry.TimeZone, CreatedAt: tx.Now,
	})
	switch store.Constraint(err) {
	case "site_name_once":
		return made, errs.Field("name", "%s is registered already", r.entry.Name)
	case "site_place_once":
		return made, errs.Field("code", "%s on %s is registered already", r.entry.CodeDir, r.host.Name)
	}
	if err != nil {
		return made, err
	}
	if err := tx.Event(ctx, "site.added", store.Subject{Kind: "site", ID: made.UUID(), Tenant: r.tenant, Site: made}, nil); err != nil {
		return made, err
	}
	for _, kind := range backup.Kinds() {
		if _, err := planRun(ctx, tx, r.tenant, made, r.host.ID, kind, backup.Initial, Protection{}); err != nil {
			return made, err
		}
		if err := rederive(ctx, tx, r.tenant, made, kind); err != nil {
			return made, err
		}
	}
	return made, nil
}

// entryOf checks a name alone.
func entryOf(name string) (site.Entry, error) {
	return site.Entry{Name: name, CodeDir: "/x"}.Validate()
}

// entryAt checks folders alone.
func entryAt(codeDir, accountRoot string) (site.Entry, error) {
	return site.Entry{Name: "x", CodeDir: codeDir, AccountRoot: accountRoot}.Validate()
}

// DestinationNames names the storages that new sites may go to, for whoever
// registers them.
func (a *App) DestinationNames(ctx context.Context, who authz.Actor) ([]string, error) {
	names := []string{}
	err := a.do(ctx, who, authz.ManageSites, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.ListDestinations(ctx)
		names = names[:0]
		for _, r := range rows {
			if r.State == dbq.DestinationStateActive {
				names = append(names, r.Name)
			}
		}
		return err
	})
	return names, err
}
