package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/billing"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
	"holdfast/internal/money"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
	"holdfast/internal/ticket"
)

// victim is one tenant's rows in every table.
type victim struct {
	tenant      id.Tenant
	account     id.Account
	host        id.Host
	destination id.Destination
	site        id.Site
	repository  id.Repository
	run         id.Run
	copy        id.Copy
	task        id.Task
	policy      id.Policy
	use         id.Use
	invitation  id.Invitation
	mail        id.Mail
	token       id.Token
	view        id.View
	restore     id.Restore
	hostTask    id.HostTask
	ticket      id.Ticket
	message     id.Message
	attachment  id.Attachment
	access      id.Access
	charge      id.Charge
	checkout    id.Checkout
	refund      id.Refund
	dispute     id.Dispute
	fence       int64
	instance    uuid.UUID
}

func second(_ int64, err error) error { return err }

func seed(t *testing.T, s *store.Store, slug string) victim {
	t.Helper()
	v := victim{
		tenant: id.New[id.Tenant](), account: id.New[id.Account](), host: id.New[id.Host](), destination: id.New[id.Destination](),
		site: id.New[id.Site](), repository: id.New[id.Repository](), run: id.New[id.Run](), copy: id.New[id.Copy](), task: id.New[id.Task](),
		instance: uuid.New(), invitation: id.New[id.Invitation](), mail: id.New[id.Mail](), policy: id.New[id.Policy](), use: id.New[id.Use](), token: id.New[id.Token](), view: id.New[id.View](),
	}
	role := tenant.Admin
	err := s.Tx(t.Context(), authz.System("test"), func(ctx context.Context, tx *store.Tx) error {
		steps := []error{
			tx.InsertTenant(ctx, dbq.InsertTenantParams{ID: v.tenant, Name: slug, Slug: slug, CreatedAt: tx.Now}),
			tx.InsertAccount(ctx, dbq.InsertAccountParams{ID: v.account, Email: slug + "@x.example", Name: slug, PasswordHash: "x", CreatedAt: tx.Now}),
			tx.InsertMember(ctx, dbq.InsertMemberParams{TenantID: v.tenant, ID: id.New[id.Member](), AccountID: v.account, Role: tenant.Admin, CreatedAt: tx.Now}),
			tx.InsertInvitation(ctx, dbq.InsertInvitationParams{ID: v.invitation, TenantID: v.tenant, Email: slug + "@y.example", Role: &role, TokenHash: []byte(slug), InvitedBy: slug, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour)}),
			tx.InsertMail(ctx, dbq.InsertMailParams{ID: v.mail, TenantID: v.tenant, Kind: dbq.MailKindInvitation, Recipient: slug + "@y.example", Words: []byte("{}"), CreatedAt: tx.Now}),
			tx.InsertHost(ctx, dbq.InsertHostParams{ID: v.host, Name: slug, MaxRuns: 2, CreatedAt: tx.Now}),
			tx.InsertDestination(ctx, dbq.InsertDestinationParams{ID: v.destination, Name: slug, Kind: "filesystem", ConfigSealed: []byte{1}, CreatedAt: tx.Now}),
			tx.InsertPolicy(ctx, dbq.InsertPolicyParams{ID: v.policy, Name: slug, CreatedAt: tx.Now}),
			tx.InsertPolicyVersion(ctx, dbq.InsertPolicyVersionParams{PolicyID: v.policy, Version: 1, Body: []byte("{}"), Actor: slug, CreatedAt: tx.Now}),
			tx.InsertSite(ctx, dbq.InsertSiteParams{TenantID: v.tenant, ID: v.site, HostID: v.host, DestinationID: v.destination, Name: slug + ".example", CodeDir: "/srv/" + slug, TimeZone: "UTC", CreatedAt: tx.Now}),
			tx.InsertRepository(ctx, dbq.InsertRepositoryParams{TenantID: v.tenant, ID: v.repository, SiteID: v.site, Kind: backup.Data, DestinationID: v.destination, Name: slug + "/data", PasswordSealed: []byte{1}, CreatedAt: tx.Now}),
			tx.InsertRun(ctx, dbq.InsertRunParams{TenantID: v.tenant, ID: v.run, SiteID: v.site, HostID: v.host, Kind: backup.Data, Reason: backup.Manual, Priority: 1, MaxAttempts: 3, NotBefore: tx.Now.Add(-time.Hour)}),
		}
		if err := errors.Join(steps...); err != nil {
			return err
		}
		if _, err := tx.QueueRun(ctx, dbq.QueueRunParams{TenantID: v.tenant, ID: v.run}); err != nil {
			return err
		}
		epoch := int64(1)
		r, err := tx.LeaseRun(ctx, dbq.LeaseRunParams{TenantID: v.tenant, ID: v.run, HostEpoch: &epoch, Now: tx.Now})
		if err != nil {
			return err
		}
		v.fence = *r.Fence
		return errors.Join(
			tx.InsertCopy(ctx, dbq.InsertCopyParams{TenantID: v.tenant, ID: v.copy, SiteID: v.site, RepositoryID: v.repository, RunID: v.run, Fence: v.fence, Kind: backup.Data, State: catalog.Good, Snapshot: "s", Manifest: []byte("{}"), TakenAt: tx.Now, FinishedAt: tx.Now, Details: []byte("{}"), LocalMonth: "2026-01", Tiers: []byte("{}")}),
			tx.InsertReferenceList(ctx, dbq.InsertReferenceListParams{TenantID: v.tenant, CopyID: v.copy, SiteID: v.site, Snapshot: "l", Manifest: []byte("{}"), MissingList: []byte("[]"), FilesRepositoryID: v.repository, FilesSnapshot: "f", FilesManifest: []byte("{}")}),
			second(tx.InsertPair(ctx, dbq.InsertPairParams{TenantID: v.tenant, DatabaseCopyID: v.copy, DataCopyID: v.copy, SiteID: v.site, CreatedAt: tx.Now})),
			tx.InsertSchedule(ctx, dbq.InsertScheduleParams{TenantID: v.tenant, SiteID: v.site, Kind: backup.Data, State: []byte("{}"), Begun: []byte("{}"), RegisteredAt: tx.Now, PolicyID: v.policy}),
			tx.InsertLook(ctx, dbq.InsertLookParams{TenantID: v.tenant, RunID: v.run, SiteID: v.site, At: tx.Now, Signals: []byte("{}"), Alarm: true, Why: "half of it is gone", Evidence: []byte("[]")}),
			tx.InsertMissed(ctx, dbq.InsertMissedParams{TenantID: v.tenant, SiteID: v.site, Kind: backup.Data, MissedAt: tx.Now, Tiers: []string{"daily"}, Slots: []string{"2026-01-01T00:00"}}),
			tx.InsertCopyUse(ctx, dbq.InsertCopyUseParams{TenantID: v.tenant, ID: v.use, CopyID: v.copy, UsedBy: "drill", Since: tx.Now, ExpiresAt: tx.Now.Add(time.Hour)}),
			tx.InsertTask(ctx, dbq.InsertTaskParams{TenantID: v.tenant, ID: v.task, SiteID: v.site, DestinationID: v.destination, RepositoryID: v.repository, Kind: dbq.TaskKindVerifyCopy, NotBefore: tx.Now, CopyID: v.copy}),
			tx.Event(ctx, "seeded", store.Subject{Kind: "site", Tenant: v.tenant, Site: v.site}, nil),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	staff, err := authz.Check(authz.Console(), authz.ManageTokens, id.Tenant{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Tx(t.Context(), staff, func(ctx context.Context, tx *store.Tx) error {
		err := tx.InsertToken(ctx, dbq.InsertTokenParams{ID: v.token, TenantID: v.tenant, Name: slug, Role: &role, TokenHash: []byte(slug), MadeBy: slug, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour)})
		if err != nil {
			return err
		}
		return tx.InsertSavedView(ctx, dbq.InsertSavedViewParams{ID: v.view, AccountID: v.account, Name: slug, Query: "tenant=" + slug, Shared: true, CreatedAt: tx.Now})
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// seedDesk adds the tenant's restore, ticket and charge, each with all that
// hangs on it, as the superuser.
func seedDesk(t *testing.T, url, slug string, v *victim) {
	t.Helper()
	v.restore, v.hostTask, v.ticket, v.message = id.New[id.Restore](), id.New[id.HostTask](), id.New[id.Ticket](), id.New[id.Message]()
	v.attachment, v.access, v.charge = id.New[id.Attachment](), id.New[id.Access](), id.New[id.Charge]()
	v.checkout, v.refund, v.dispute = id.New[id.Checkout](), id.New[id.Refund](), id.New[id.Dispute]()
	c := connect(t, url)
	do := func(query string, args ...any) {
		t.Helper()
		if _, err := c.Exec(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	of, site := v.tenant.String(), v.site.String()
	do(`INSERT INTO ticket (tenant_id, id, number, kind, state, subject, site_id, account_id, created_at, updated_at) VALUES ($1, $2, nextval('ticket_number'), 'restore', 'submitted', $3, $4, $5, now(), now())`, of, v.ticket.String(), slug, site, v.account.String())
	do(`INSERT INTO ticket_message (tenant_id, id, ticket_id, author, body, created_at) VALUES ($1, $2, $3, 'customer', $4, now())`, of, v.message.String(), v.ticket.String(), slug)
	do(`INSERT INTO ticket_message (tenant_id, id, ticket_id, author, internal, body, created_at) VALUES ($1, $2, $3, 'staff', true, $4, now())`, of, id.New[id.Message]().String(), v.ticket.String(), "internal of "+slug)
	do(`INSERT INTO ticket_attachment (tenant_id, id, ticket_id, message_id, name, media_type, bytes, sha256, created_at) VALUES ($1, $2, $3, $4, $5, 'text/plain', 1, 'x', now())`, of, v.attachment.String(), v.ticket.String(), v.message.String(), slug)
	do(`INSERT INTO ticket_watcher (tenant_id, ticket_id, account_id, since) VALUES ($1, $2, $3, now())`, of, v.ticket.String(), v.account.String())
	do(`INSERT INTO staff_access (tenant_id, id, ticket_id, site_id, granted_by, granted_at, expires_at) VALUES ($1, $2, $3, $4, $5, now(), now() + interval '5 hours')`, of, v.access.String(), v.ticket.String(), site, v.account.String())
	do(`INSERT INTO restore (tenant_id, id, site_id, ticket_id, what, data_copy_id, asked_by, created_at) VALUES ($1, $2, $3, $4, 'data', $5, $6, now())`, of, v.restore.String(), site, v.ticket.String(), v.copy.String(), slug)
	do(`INSERT INTO host_task (tenant_id, id, site_id, host_id, restore_id, kind, not_before, created_at) VALUES ($1, $2, $3, $4, $5, 'restore', now(), now())`, of, v.hostTask.String(), site, v.host.String(), v.restore.String())
	do(`INSERT INTO charge (tenant_id, id, ticket_id, amount_cents, created_at, updated_at) VALUES ($1, $2, $3, 10000, now(), now())`, of, v.charge.String(), v.ticket.String())
	do(`INSERT INTO checkout (tenant_id, id, charge_id, try, stripe_id, expires_at, created_at) VALUES ($1, $2, $3, 1, $4, now(), now())`, of, v.checkout.String(), v.charge.String(), "cs_"+slug)
	do(`INSERT INTO refund (tenant_id, id, charge_id, payment_intent, amount_cents, why, asked_by, created_at, updated_at) VALUES ($1, $2, $3, $4, 10000, $5, $5, now(), now())`, of, v.refund.String(), v.charge.String(), "pi_"+slug, slug)
	do(`INSERT INTO dispute (tenant_id, id, charge_id, stripe_id, status, reason, amount_cents, opened_at) VALUES ($1, $2, $3, $4, 'open', $4, 10000, now())`, of, v.dispute.String(), v.charge.String(), slug)
}

// fill gives a value of a query's parameter type that names the victim wherever it can.
func (v victim) fill(p reflect.Value, slug string) {
	switch x := p.Addr().Interface().(type) {
	case *id.Tenant:
		*x = v.tenant
	case *id.Account:
		*x = v.account
	case *id.Host:
		*x = v.host
	case *id.Destination:
		*x = v.destination
	case *id.Site:
		*x = v.site
	case *id.Repository:
		*x = v.repository
	case *id.Run:
		*x = v.run
	case *id.Copy:
		*x = v.copy
	case *id.Task:
		*x = v.task
	case *id.Policy:
		*x = v.policy
	case *id.Use:
		*x = v.use
	case **string:
		*x = &slug
	case *[]string:
		*x = []string{"daily"}
	case *[]int32:
		*x = []int32{1}
	case *[]pgtype.UUID:
		for _, u := range []uuid.UUID{v.copy.UUID(), v.site.UUID(), v.account.UUID(), v.tenant.UUID(), v.host.UUID(), v.destination.UUID(), v.token.UUID()} {
			*x = append(*x, pgtype.UUID{Bytes: u, Valid: true})
		}
	case *id.Invitation:
		*x = v.invitation
	case *id.Mail:
		*x = v.mail
	case *id.Token:
		*x = v.token
	case *id.View:
		*x = v.view
	case *id.Restore:
		*x = v.restore
	case *id.HostTask:
		*x = v.hostTask
	case *id.Ticket:
		*x = v.ticket
	case *id.Message:
		*x = v.message
	case *id.Attachment:
		*x = v.attachment
	case *id.Access:
		*x = v.access
	case *id.Charge:
		*x = v.charge
	case *id.Checkout:
		*x = v.checkout
	case *id.Refund:
		*x = v.refund
	case *id.Dispute:
		*x = v.dispute
	case *billing.ChargeState:
		*x = billing.Void
	case *billing.CheckoutState:
		*x = billing.Expired
	case *billing.RefundState:
		*x = billing.RefundFailed
	case *money.USD:
		*x = billing.Fee
	case *dbq.StripeEventState:
		*x = dbq.StripeEventStateDone
	case *id.Reply:
		*x = id.New[id.Reply]()
	case *ticket.State:
		*x = ticket.Submitted
	case *ticket.Kind:
		*x = ticket.Restore
	case *ticket.Priority:
		*x = ticket.Normal
	case *ticket.Author:
		*x = ticket.ByCustomer
	case *restore.State:
		*x = restore.Restored
	case *restore.What:
		*x = restore.Data
	case *id.Session:
		*x = id.New[id.Session]()
	case *id.Passkey:
		*x = id.New[id.Passkey]()
	case *dbq.MailKind:
		*x = dbq.MailKindInvitation
	case *dbq.LinkPurpose:
		*x = dbq.LinkPurposeReset
	case **tenant.Role:
		role := tenant.Admin
		*x = &role
	case *id.Member:
		*x = id.New[id.Member]()
	case *id.Enrolment:
		*x = id.New[id.Enrolment]()
	case *id.Event:
		*x = id.New[id.Event]()
	case *pgtype.UUID:
		*x = pgtype.UUID{} // every tenant's: the widest that can be asked
	case *backup.Kind:
		*x = backup.Data
	case *backup.State:
		*x = backup.Leased
	case *backup.Reason:
		*x = backup.Manual
	case *catalog.State:
		*x = catalog.Good
	case *tenant.Role:
		*x = tenant.Admin
	case *dbq.RepositoryState:
		*x = dbq.RepositoryStateNew
	case *dbq.TaskKind:
		*x = dbq.TaskKindMaintain
	case *dbq.TaskState:
		*x = dbq.TaskStateQueued
	case *dbq.HostState:
		*x = dbq.HostStatePending
	case *dbq.DestinationKind:
		*x = "filesystem"
	case *dbq.DestinationState:
		*x = dbq.DestinationStateActive
	case *time.Time:
		*x = time.Now().Add(time.Hour)
	case **time.Time:
		n := time.Now()
		*x = &n
	case **int64:
		*x = &v.fence
	case **uuid.UUID:
		*x = &v.instance
	case **tenant.StaffRole, **ticket.State:
	case *float32:
		*x = 3
	case *[]time.Time:
		*x = []time.Time{time.Now()}
	case *json.RawMessage:
		*x = []byte("{}")
	case *[]byte:
		*x = []byte{1}
	case *string:
		*x = slug
	case *bool:
	case *float64:
		*x = 1
	case *int16, *int32, *int64, *int:
		p.SetInt(2)
	default:
		if p.Kind() == reflect.Struct {
			for i := range p.NumField() {
				name := p.Type().Field(i).Name
				v.fill(p.Field(i), slug)
				switch name {
				case "Name":
					p.Field(i).SetString(slug + ".example")
				case "Search", "AfterName":
					p.Field(i).SetString("")
				}
			}
			return
		}
		if p.Kind() == reflect.String {
			p.SetString("maintain")
			return
		}
		panic(fmt.Sprintf("the tenancy test does not know how to fill %s", p.Type()))
	}
}

// touched tells whether a query's answer shows or changes anything.
func touched(results []reflect.Value) bool {
	if len(results) == 1 {
		return true // only an error, and it is nil: something was written
	}
	r := results[0]
	switch r.Kind() {
	case reflect.Slice:
		return r.Len() > 0
	case reflect.Int64:
		return r.Int() != 0
	default:
		return true
	}
}

// Every query there is, called by a customer of another tenant, with the
// victim's identifiers: it shows nothing, changes nothing, or is refused.
func TestEveryQuery_ShowsAForeignTenantNothing(t *testing.T) {
	t.Parallel()
	s, url := migrated(t)
	v := seed(t, s, "victim")
	other := seed(t, s, "other")
	seedDesk(t, url, "victim", &v)
	seedDesk(t, url, "other", &other)
	grant, err := authz.Check(authz.Actor{Name: "customer", Memberships: []authz.Membership{{Tenant: other.tenant, Role: tenant.Admin}}}, authz.ViewSite, other.tenant)
	if err != nil {
		t.Fatal(err)
	}
	before := fingerprint(t, url, v.tenant)
	harmless := []string{"ServerTime", "Setting", "WithTx", "PlanEachLook", "LockOpening"}
	// These answer for the asking tenant alone; the answers are looked through.
	own := []string{"ListTenants", "FleetPage", "CountSites", "ListRuns", "RunByID", "CopyByID", "AuditPage", "AuditPageBefore", "TodayApart", "TodayWithout", "TodayDueOfHost", "TodayBasis", "ListOpenRuns", "FindRuns", "CountPublishedSites", "SitesOfPolicy", "SitesWithoutSchedule", "SitesAfter", "RestoresToMove", "ListRestores", "AttachedSince", "CountTickets", "ListTicketsNewest", "ListTicketsUrgent", "TicketsToMove", "TicketsToRemind", "TicketsLate", "ChargePage", "ChargeSums", "ChargesApart", "CheckoutsToLookAt", "RefundsToLookAt", "NamedFilesOfSites", "StuckPairs"}
	queries := reflect.TypeFor[*dbq.Queries]()
	called := 0
	for i := range queries.NumMethod() {
		m := queries.Method(i)
		if slices.Contains(harmless, m.Name) {
			continue
		}
		called++
		err := s.Tx(t.Context(), grant, func(ctx context.Context, tx *store.Tx) error {
			args := []reflect.Value{reflect.ValueOf(tx.Queries), reflect.ValueOf(ctx)}
			for a := 2; a < m.Type.NumIn(); a++ {
				p := reflect.New(m.Type.In(a)).Elem()
				v.fill(p, "victim")
				args = append(args, p)
			}
			results := m.Func.Call(args)
			if err, _ := results[len(results)-1].Interface().(error); err != nil {
				return err
			}
			if shown := fmt.Sprintf("%+v", results[0].Interface()); strings.Contains(shown, v.tenant.String()) || strings.Contains(shown, "victim") {
				t.Errorf("%s shows a foreign tenant's row: %s", m.Name, shown)
			} else if touched(results) && !slices.Contains(own, m.Name) {
				t.Errorf("%s did something for a foreign tenant: %s", m.Name, shown)
			}
			return nil
		})
		_ = err // a refusal, or no rows: both are right
	}
	if called < 60 {
		t.Fatalf("only %d queries were called", called)
	}
	if after := fingerprint(t, url, v.tenant); after != before {
		t.Errorf("the victim's rows changed:\nbefore %s\nafter  %s", before, after)
	}
}

// fingerprint is a hash of all rows of a tenant, read as the superuser.
func fingerprint(t *testing.T, url string, of id.Tenant) string {
	t.Helper()
	c := connect(t, url)
	var out []string
	for _, table := range []string{"member", "site", "repository", "run", "copy", "keeper_task", "event", "schedule", "missed_slot", "copy_use", "invitation", "mail_outbox", "api_token", "standing", "restore", "host_task", "ticket", "ticket_message", "ticket_attachment", "ticket_watcher", "staff_access", "charge", "checkout", "refund", "dispute", "reference_list", "pair", "tamper_look"} {
		var n int
		var sum *string
		err := c.QueryRow(t.Context(), "SELECT count(*), md5(string_agg(x::text, '|' ORDER BY x::text)) FROM "+table+" x WHERE tenant_id = $1", of.String()).Scan(&n, &sum)
		if err != nil || n == 0 {
			t.Fatalf("%s: %d rows, %v", table, n, err)
		}
		out = append(out, fmt.Sprintf("%s:%d:%s", table, n, *sum))
	}
	return strings.Join(out, " ")
}

// The customer's role reads no row at all when no tenant is set.
func TestTenantRole_WithoutATenantSeesNoRow(t *testing.T) {
	t.Parallel()
	s, url := migrated(t)
	seed(t, s, "someone")
	c := connect(t, url)
	for _, table := range []string{"tenant", "member", "site", "run", "event", "account", "invitation", "standing"} {
		if _, err := c.Exec(t.Context(), "SET ROLE holdfast_tenant"); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := c.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d rows, %v", table, n, err)
		}
	}
	for _, table := range []string{"repository", "keeper_task", "host", "discovery", "destination", "usage_sample", "web_session", "mail_outbox", "account_totp", "link_token", "api_token", "saved_view", "saved_view_default", "river.river_job"} {
		if _, err := c.Exec(t.Context(), "SELECT count(*) FROM "+table); err == nil {
			t.Errorf("a customer's role may read %s", table)
		}
	}
	if _, err := c.Exec(t.Context(), "SELECT password_hash FROM account"); err == nil {
		t.Error("a customer's role may read passwords' hashes")
	}
}
