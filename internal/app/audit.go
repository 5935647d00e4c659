package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// WithAddress makes what a person does from here on note from where: the
// network that their door saw. It changes nothing for the system's own work.
func WithAddress(ctx context.Context, address string) context.Context {
	return store.WithAddress(ctx, address)
}

// AuditQuery says which events are looked for. What is empty is not asked.
type AuditQuery struct {
	Tenant       id.Tenant // none for all, which is staff's
	TenantSlug   string    // the same for staff, by name
	Site         string    // name or id
	Who          string    // a mail address, or an actor as events name it: "cli", "system:plan", "token:<id>"
	Verb         string
	Since, Until time.Time // [Since, Until)
	Everything   bool      // what the system does by itself too
	After        AuditCursor
	Before       AuditCursor // go back before this event, in place of After
	Size         int32       // 0 means 100; 1000 at most
}

// AuditCursor is an event to go on after. The zero value is the newest end.
type AuditCursor struct {
	At time.Time
	ID id.Event
}

// String writes the cursor for an address.
func (c AuditCursor) String() string {
	if c.ID.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%s", c.At.UnixMicro(), c.ID)
}

// ParseAuditCursor reads what String wrote.
func ParseAuditCursor(s string) (AuditCursor, error) {
	if s == "" {
		return AuditCursor{}, nil
	}
	var micro int64
	before, after, _ := strings.Cut(s, ".")
	_, err := fmt.Sscanf(before, "%d", &micro)
	made, perr := id.Parse[id.Event](after)
	if err != nil || perr != nil || micro < 0 || micro > 1<<53 || fmt.Sprint(micro) != before {
		return AuditCursor{}, errs.Field("after", "is not a place in this list; begin at the newest")
	}
	return AuditCursor{At: time.UnixMicro(micro).UTC(), ID: made}, nil
}

// AuditEvent is one event with the names behind its identifiers, as far as
// whoever asks may know them.
type AuditEvent struct {
	dbq.AuditPageRow
	Who     string // a person's or token's name; "" where it is none, or not to be told
	WhoMail string
	Subject string // the name of what it is about, besides its site
	Site    string
	Tenant  string
}

// AuditPage is a page of events, the newest first.
type AuditPage struct {
	Events []AuditEvent
	Next   AuditCursor // zero at the end
	Prev   AuditCursor // to go back before; zero at the newest
}

const (
	auditSize    = 100
	maxAuditSize = 1000
)

// routineVerbs are the verbs of runs that go well, which are most of all
// events. The query and an index name the same.
var routineVerbs = []string{"run.planned", "run.queued", "run.leased", "run.started", "copy.taken"}

// Audit gives a page of events.
func (a *App) Audit(ctx context.Context, who authz.Actor, q AuditQuery) (AuditPage, error) {
	if q.Size == 0 {
		q.Size = auditSize
	}
	if q.Size < 1 || q.Size > maxAuditSize {
		return AuditPage{}, errs.Field("size", "%d must be from 1 to %d", q.Size, maxAuditSize)
	}
	g, err := authz.Check(who, authz.ViewAudit, q.Tenant)
	if err != nil {
		return AuditPage{}, err
	}
	staff := g.Scope() == authz.StaffScope
	p := dbq.AuditPageParams{Staff: staff, TenantID: store.Optional(q.Tenant.UUID()), PageSize: q.Size + 1, People: !q.Everything}
	if err := a.narrowToSite(ctx, who, q, &p); err != nil {
		return AuditPage{}, err
	}
	p.Since, p.Until = optionalTime(q.Since), optionalTime(q.Until)
	if q.Verb != "" {
		p.Verb, p.Remarkable = &q.Verb, !slices.Contains(routineVerbs, q.Verb)
	}
	from, back := q.After, !q.Before.ID.IsZero()
	if back {
		from = q.Before
	}
	if !from.ID.IsZero() {
		p.AfterAt, p.AfterID = &from.At, store.Optional(from.ID.UUID())
	}
	var page AuditPage
	err = a.store.Tx(ctx, g, func(ctx context.Context, tx *store.Tx) error {
		page = AuditPage{}
		if err := narrowAudit(ctx, tx, staff, q, &p); err != nil {
			return err
		}
		if err := tx.PlanEachLook(ctx); err != nil {
			return err
		}
		rows, err := auditRows(ctx, tx, p, back)
		if err != nil {
			return err
		}
		if back && len(rows) <= int(q.Size) { // the newest came nearer: show that page whole
			back, from = false, AuditCursor{}
			p.AfterAt, p.AfterID = nil, pgtype.UUID{}
			if rows, err = auditRows(ctx, tx, p, false); err != nil {
				return err
			}
		}
		more := len(rows) > int(q.Size)
		if back {
			rows = rows[1:] // it tells only that there are newer ones
		} else if more {
			rows = rows[:q.Size]
		}
		if n := len(rows); n > 0 && (more || back) {
			page.Next = AuditCursor{rows[n-1].At.UTC(), rows[n-1].ID}
		}
		if len(rows) > 0 && !from.ID.IsZero() {
			page.Prev = AuditCursor{rows[0].At.UTC(), rows[0].ID}
		}
		page.Events, err = nameEvents(ctx, tx, staff, rows)
		return err
	})
	return page, err
}

// auditRows reads a page, the newest first, from either side.
func auditRows(ctx context.Context, tx *store.Tx, p dbq.AuditPageParams, back bool) ([]dbq.AuditPageRow, error) {
	if !back {
		return tx.AuditPage(ctx, p)
	}
	found, err := tx.AuditPageBefore(ctx, dbq.AuditPageBeforeParams(p))
	rows := make([]dbq.AuditPageRow, len(found))
	for i, r := range found {
		rows[len(found)-1-i] = dbq.AuditPageRow(r)
	}
	return rows, err
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// narrowToSite finds the site's tenant too, which its index begins with.
func (a *App) narrowToSite(ctx context.Context, who authz.Actor, q AuditQuery, p *dbq.AuditPageParams) error {
	if q.Site == "" {
		return nil
	}
	of, sid, _, err := a.findSite(ctx, q.Site)
	if err == nil && !q.Tenant.IsZero() && of != q.Tenant {
		err = errs.New(errs.NotFound, "another tenant's")
	}
	if err == nil {
		_, err = authz.Check(who, authz.ViewSite, of)
	}
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Forbidden) {
		return errs.Field("site", "there is no site of this name, or none that you may see")
	}
	p.TenantID, p.SiteID = store.Optional(of.UUID()), store.Optional(sid.UUID())
	return err
}

func narrowAudit(ctx context.Context, tx *store.Tx, staff bool, q AuditQuery, p *dbq.AuditPageParams) error {
	if q.TenantSlug != "" && staff {
		t, err := tx.TenantBySlug(ctx, q.TenantSlug)
		if isNoRows(err) {
			return errs.Field("tenant", "there is no customer %q", clip(q.TenantSlug, 80))
		}
		if err != nil {
			return err
		}
		p.TenantID = store.Optional(t.ID.UUID())
	}
	if q.Who == "" {
		return nil
	}
	actor, err := actorOf(ctx, tx, staff, q.Who)
	p.Actor, p.People = &actor, !strings.HasPrefix(actor, "system:")
	return err
}

// actorOf turns a mail address into the actor that events name.
func actorOf(ctx context.Context, tx *store.Tx, staff bool, who string) (string, error) {
	if !strings.Contains(who, "@") {
		return who, nil
	}
	email := strings.ToLower(strings.TrimSpace(who))
	prefix := "customer:"
	var account id.Account
	var err error
	if staff {
		var acc dbq.Account
		acc, err = tx.AccountByEmail(ctx, email)
		account = acc.ID
		if acc.StaffRole != nil {
			prefix = "staff:"
		}
	} else {
		var acc dbq.AccountOfAddressRow
		acc, err = tx.AccountOfAddress(ctx, email)
		account = acc.ID
	}
	if isNoRows(err) {
		return "", errs.Field("who", "nobody with the address %s is known", clip(email, 120))
	}
	return prefix + account.String(), err
}

// names are those behind the identifiers of a page of events.
type names map[uuid.UUID]string

// nameEvents looks the names up that the role of the transaction may read.
func nameEvents(ctx context.Context, tx *store.Tx, staff bool, rows []dbq.AuditPageRow) ([]AuditEvent, error) {
	ids := map[string][]pgtype.UUID{}
	note := func(kind string, u uuid.UUID) {
		if v := store.Optional(u); v.Valid && !slices.Contains(ids[kind], v) {
			ids[kind] = append(ids[kind], v)
		}
	}
	for _, r := range rows {
		note("site", r.SiteID.UUID())
		note("tenant", r.TenantID.UUID())
		if kind, of := actorID(r.Actor); kind != "" {
			note(kind, of)
		}
		if r.SubjectID != nil {
			note(r.SubjectKind, *r.SubjectID)
		}
	}
	known, mails, err := readNames(ctx, tx, staff, ids)
	if err != nil {
		return nil, err
	}
	out := make([]AuditEvent, 0, len(rows))
	for _, r := range rows {
		e := AuditEvent{AuditPageRow: r, Site: known[r.SiteID.UUID()], Tenant: known[r.TenantID.UUID()]}
		if kind, of := actorID(r.Actor); kind != "" {
			e.Who, e.WhoMail = known[of], mails[of]
		}
		if r.SubjectID != nil && *r.SubjectID != r.SiteID.UUID() && *r.SubjectID != r.TenantID.UUID() {
			e.Subject = known[*r.SubjectID]
		}
		out = append(out, e)
	}
	return out, nil
}

// actorID takes an actor apart: "staff:<id>" is an account.
func actorID(actor string) (kind string, of uuid.UUID) {
	prefix, rest, _ := strings.Cut(actor, ":")
	of, err := uuid.Parse(rest)
	if err != nil {
		return "", of
	}
	switch prefix {
	case "staff", "customer":
		return "account", of
	case "token":
		return "token", of
	}
	return "", of
}

func readNames(ctx context.Context, tx *store.Tx, staff bool, ids map[string][]pgtype.UUID) (known, mails names, err error) {
	known, mails = names{}, names{}
	accounts, err := tx.NamesOfAccounts(ctx, ids["account"])
	for _, a := range accounts {
		known[a.ID.UUID()], mails[a.ID.UUID()] = a.Name, a.Email
	}
	if err != nil {
		return known, mails, err
	}
	sites, err := tx.NamesOfSites(ctx, ids["site"])
	for _, s := range sites {
		known[s.ID.UUID()] = s.Name
	}
	if err != nil {
		return known, mails, err
	}
	tenants, err := tx.NamesOfTenants(ctx, ids["tenant"])
	for _, t := range tenants {
		known[t.ID.UUID()] = t.Name
	}
	if err != nil || !staff { // the customer's role may not even ask for the others
		return known, mails, err
	}
	tokens, err := tx.NamesOfTokens(ctx, ids["token"])
	for _, t := range tokens {
		known[t.ID.UUID()] = t.Name
	}
	if err != nil {
		return known, mails, err
	}
	hosts, err := tx.NamesOfHosts(ctx, ids["host"])
	for _, h := range hosts {
		known[h.ID.UUID()] = h.Name
	}
	if err != nil {
		return known, mails, err
	}
	destinations, err := tx.NamesOfDestinations(ctx, ids["destination"])
	for _, d := range destinations {
		known[d.ID.UUID()] = d.Name
	}
	return known, mails, err
}

// NoteExport puts on record that somebody took events away as a file.
func (a *App) NoteExport(ctx context.Context, who authz.Actor, q AuditQuery) error {
	return a.do(ctx, who, authz.ViewAudit, q.Tenant, func(ctx context.Context, tx *store.Tx) error {
		return tx.Event(ctx, "audit.exported", store.Subject{Kind: "audit", Tenant: q.Tenant}, map[string]any{
			"site": clip(q.Site, 253), "verb": clip(q.Verb, 80), "everything": q.Everything,
		})
	})
}
