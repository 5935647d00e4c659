package app

import (
	"context"
	"strings"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// NewAccount is a person to add: staff, or a member of one tenant.
type NewAccount struct {
	Email, Name, Password string
	Staff                 tenant.StaffRole // "" for a customer
	Tenant                string           // slug, for a customer
	Role                  tenant.Role      // in that tenant
}

// AddAccount adds a person who may sign in.
func (a *App) AddAccount(ctx context.Context, who authz.Actor, n NewAccount) (id.Account, error) {
	email, err := tenant.ValidateAccount(n.Email, n.Name)
	if err != nil {
		return id.Account{}, err
	}
	if err := identity.CheckPassword(n.Password, email, n.Name); err != nil {
		return id.Account{}, err
	}
	if (n.Staff == "") == (n.Tenant == "") {
		return id.Account{}, errs.Field("staff", "give either a staff role or a tenant, not both and not neither")
	}
	if n.Staff != "" && !dbq.StaffRole(n.Staff).Valid() {
		return id.Account{}, errs.Field("staff", "%q must be owner, operator, support, billing or auditor", n.Staff)
	}
	if n.Tenant != "" && !dbq.MemberRole(n.Role).Valid() {
		return id.Account{}, errs.Field("role", "%q must be admin, member or viewer", n.Role)
	}
	hash, err := seal.HashPassword(n.Password)
	if err != nil {
		return id.Account{}, err
	}
	made := id.New[id.Account]()
	err = a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		p := dbq.InsertAccountParams{ID: made, Email: email, Name: strings.TrimSpace(n.Name), PasswordHash: hash, CreatedAt: tx.Now}
		if n.Staff != "" {
			p.StaffRole = &n.Staff
		}
		if err := tx.InsertAccount(ctx, p); err != nil {
			if store.Constraint(err) == "account_email_key" {
				return errs.Field("email", "%s is taken", email)
			}
			return err
		}
		of := store.Subject{Kind: "account", ID: made.UUID()}
		if n.Tenant != "" {
			t, err := tx.TenantBySlug(ctx, n.Tenant)
			if err != nil {
				return noSuch(err, "tenant", n.Tenant, "holdfast tenant list")
			}
			of.Tenant = t.ID
			m := dbq.InsertMemberParams{TenantID: t.ID, ID: id.New[id.Member](), AccountID: made, Role: n.Role, CreatedAt: tx.Now}
			if err := tx.InsertMember(ctx, m); err != nil {
				return err
			}
		}
		return tx.Event(ctx, "account.added", of, map[string]any{"staff": n.Staff, "role": n.Role})
	})
	return made, err
}

// ListAccounts gives everybody who may sign in.
func (a *App) ListAccounts(ctx context.Context, who authz.Actor) (rows []dbq.ListAccountsRow, err error) {
	err = a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err = tx.ListAccounts(ctx)
		return err
	})
	return rows, err
}

// SignIn tells who email and password belong to, or errs.Unsigned. It does the
// same work whether or not there is such a person. What the person still owes
// (a second factor) Next tells; nobody is signed in before OpenSession.
func (a *App) SignIn(ctx context.Context, from From, email, password string) (Person, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	var p Person
	var acc dbq.Account
	err := a.system(ctx, "sign-in", func(ctx context.Context, tx *store.Tx) error {
		var err error
		acc, err = tx.AccountByEmail(ctx, email)
		if err != nil {
			return err
		}
		p, err = a.personOf(ctx, tx, acc)
		return err
	})
	if err != nil && !errs.Is(err, errs.NotFound) {
		return Person{}, err
	}
	if !seal.CheckPassword(acc.PasswordHash, password) || err != nil || acc.DisabledAt != nil {
		if err := a.SignInFailed(ctx, from, acc.ID, identity.Password); err != nil {
			return Person{}, err
		}
		return Person{}, errs.New(errs.Unsigned, "This address and password do not belong together.")
	}
	return p, nil
}

// SignInFailed puts a refused try to sign in on record; account is none where
// there is no such.
func (a *App) SignInFailed(ctx context.Context, from From, account id.Account, how identity.Proof) error {
	return a.system(ctx, "sign-in", func(ctx context.Context, tx *store.Tx) error {
		return tx.Event(ctx, "account.sign_in_failed", store.Subject{Kind: "account", ID: account.UUID()}, map[string]any{"how": how, "from": from.Address, "device": from.Device})
	})
}

// Person is somebody who signed in.
type Person struct {
	Actor       authz.Actor
	Name, Email string
	Tenants     []dbq.MembershipsOfRow
	Holder      identity.Holder // which factors they have
	CodesLeft   int             // recovery codes that were not used yet
	MustEnrol   bool            // to get a second factor before anything else
	TimeZone    string          // whose clock they are shown, "" for each site's own
	rules       identity.Rules  // what was asked of people when they were loaded
}

// PersonByID loads a signed-in person anew, so that a role that was taken away
// is gone at the next click. A disabled or unknown account is errs.Unsigned.
func (a *App) PersonByID(ctx context.Context, account id.Account) (Person, error) {
	var p Person
	err := a.system(ctx, "session", func(ctx context.Context, tx *store.Tx) error {
		var err error
		p, err = a.personByID(ctx, tx, account)
		return err
	})
	if errs.Is(err, errs.NotFound) {
		return Person{}, errs.Wrap(errs.Unsigned, err, "Sign in to go on.")
	}
	return p, err
}

func (a *App) personByID(ctx context.Context, tx *store.Tx, account id.Account) (Person, error) {
	acc, err := tx.AccountByID(ctx, account)
	if err != nil {
		return Person{}, err
	}
	if acc.DisabledAt != nil {
		return Person{}, errs.New(errs.Unsigned, "Sign in to go on.")
	}
	return a.personOf(ctx, tx, acc)
}

func (a *App) personOf(ctx context.Context, tx *store.Tx, acc dbq.Account) (Person, error) {
	rows, err := tx.MembershipsOf(ctx, acc.ID)
	if err != nil {
		return Person{}, err
	}
	f, err := tx.FactorsOf(ctx, acc.ID)
	if err != nil {
		return Person{}, err
	}
	p := Person{Name: acc.Name, Email: acc.Email, TimeZone: acc.TimeZone, Tenants: rows, CodesLeft: int(f.CodesLeft), Actor: authz.Actor{Account: acc.ID, Name: "customer:" + acc.ID.String()}}
	if acc.StaffRole != nil {
		p.Actor.Staff, p.Actor.Name = *acc.StaffRole, "staff:"+acc.ID.String()
	}
	for _, r := range rows {
		p.Actor.Memberships = append(p.Actor.Memberships, authz.Membership{Tenant: r.TenantID, Role: r.Role})
	}
	p.Holder = identity.Holder{Staff: acc.StaffRole != nil, TOTP: f.Totp, Passkeys: int(f.Passkeys)}
	s, err := a.settingsIn(ctx, tx)
	if err != nil {
		return Person{}, err
	}
	p.rules = identity.Rules{StaffSecondFactor: s.StaffSecondFactor}
	p.MustEnrol = identity.MustEnrol(p.Holder, p.rules)
	return p, nil
}

func noSuch(err error, what, name, remedy string) error {
	if errs.Is(err, errs.NotFound) || isNoRows(err) {
		return errs.Wrap(errs.NotFound, err, "There is no %s %q; see: %s", what, name, remedy)
	}
	return err
}
