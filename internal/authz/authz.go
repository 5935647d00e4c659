// Package authz decides who may do what. It is pure: Check looks an action up
// in one table and answers with a Grant, a value that cannot be forged because
// its fields are unexported. The store opens no transaction without one.
package authz

import (
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
)

// Action is one thing that can be done.
type Action string

// The actions of this build.
const (
	ViewFleet      Action = "fleet.view"
	ShareViews     Action = "fleet.share"
	ViewSite       Action = "site.view"
	ViewRuns       Action = "run.view"
	StartBackup    Action = "backup.start"
	CancelRun      Action = "run.cancel"
	ViewHosts      Action = "host.view"
	ManageHosts    Action = "host.manage"
	ManageSites    Action = "site.manage"
	ViewTenants    Action = "tenant.view"
	ManageTenant   Action = "tenant.manage"
	ViewPeople     Action = "people.view"
	InvitePeople   Action = "people.invite"
	ManagePeople   Action = "account.manage"
	ViewQueue      Action = "queue.view"
	ViewVault      Action = "destination.view"
	ManageVault    Action = "destination.manage"
	RestoreCopy    Action = "copy.restore"
	ProtectCopy    Action = "copy.protect"
	KeepCopy       Action = "copy.keep"
	HoldCopies     Action = "copy.hold"
	RepairCopies   Action = "copy.repair"
	ClearAlarms    Action = "alarm.clear"
	ViewPolicies   Action = "policy.view"
	EditPolicies   Action = "policy.edit"
	ManageTokens   Action = "token.manage"
	ViewAudit      Action = "audit.view"
	ManageQueue    Action = "queue.manage"
	ViewSettings   Action = "settings.view"
	ChangeSettings Action = "settings.change"
	ViewRestores   Action = "restore.view"
	StartRestore   Action = "restore.start"
	ApproveRestore Action = "restore.approve"
	ConfirmRestore Action = "restore.confirm"
	AcceptRestore  Action = "restore.accept"
	ViewTickets    Action = "ticket.view"
	OpenTickets    Action = "ticket.open"
	WorkTickets    Action = "ticket.work"
	GrantAccess    Action = "access.grant"
	ViewBilling    Action = "billing.view"
	PayFee         Action = "fee.pay"
	WaiveFee       Action = "fee.waive"
	RefundFee      Action = "fee.refund"
	OfflineFee     Action = "fee.offline"
)

// Actions are all actions, in a stable order.
func Actions() []Action {
	return []Action{
		ViewFleet, ShareViews, ViewSite, ViewRuns, StartBackup, CancelRun, ViewHosts, ManageHosts, ManageSites,
		ViewTenants, ManageTenant, ViewPeople, InvitePeople, ManagePeople, ViewQueue, ViewVault, ManageVault, RestoreCopy,
		ProtectCopy, KeepCopy, HoldCopies, RepairCopies, ClearAlarms, ViewPolicies, EditPolicies, ManageTokens, ViewAudit,
		ManageQueue, ViewSettings, ChangeSettings,
		ViewRestores, StartRestore, ApproveRestore, ConfirmRestore, AcceptRestore, ViewTickets, OpenTickets, WorkTickets, GrantAccess,
		ViewBilling, PayFee, WaiveFee, RefundFee, OfflineFee,
	}
}

// Membership is a person's role in one tenant.
type Membership struct {
	Tenant id.Tenant
	Role   tenant.Role
}

// Actor is somebody who acts: a member of staff, a customer, or the system.
type Actor struct {
	Account     id.Account
	Name        string // for the event log: "staff:<id>", "customer:<id>", "token:<id>", "cli", "system"
	Staff       tenant.StaffRole
	Memberships []Membership
}

// Console is the person at the machine's own command line, who could read the
// database's files anyway: the owner's rights.
func Console() Actor { return Actor{Name: "cli", Staff: tenant.Owner} }

// Scope is which rows a Grant opens.
type Scope int

// The scopes, each a database role of its own.
const (
	none        Scope = iota
	StaffScope        // every tenant's rows, as staff
	TenantScope       // one tenant's rows
	WorkerScope       // every tenant's rows, as the system's own workers and doors
)

// Grant is the proof that Check allowed an action. The zero Grant opens nothing.
type Grant struct {
	scope  Scope
	tenant id.Tenant
	actor  string
	action Action
}

// Scope tells which rows the grant opens.
func (g Grant) Scope() Scope { return g.scope }

// Tenant tells the one tenant of a TenantScope grant; none otherwise.
func (g Grant) Tenant() id.Tenant { return g.tenant }

// Actor names who acts, for the event log.
func (g Grant) Actor() string { return g.actor }

// Action tells what was allowed.
func (g Grant) Action() Action { return g.action }

// System is the grant of the system's own work: River workers, the agents'
// door, sign-in. Only those packages and cmd may call it; a test walks the
// imports and holds it so.
func System(name string) Grant {
	return Grant{scope: WorkerScope, actor: "system:" + name}
}

// Self is the grant of a person over their own account: its sessions, factors
// and password. Whoever opens a transaction with it acts on that account alone.
// Only the use cases may call it; a test walks the sources.
func Self(actor Actor) Grant {
	if actor.Account.IsZero() {
		return Grant{}
	}
	return Grant{scope: WorkerScope, actor: actor.Name, action: "account.own"}
}

// everyone that may do an action.
type allowed struct {
	staff  []tenant.StaffRole
	member []tenant.Role
}

var (
	allStaff   = tenant.StaffRoles()
	operating  = []tenant.StaffRole{tenant.Owner, tenant.Operator}
	helping    = []tenant.StaffRole{tenant.Owner, tenant.Operator, tenant.Support}
	collecting = []tenant.StaffRole{tenant.Owner, tenant.Billing}
	allMembers = tenant.Roles()
)

// table is who may do what; what it omits is refused.
var table = map[Action]allowed{
	ViewFleet:      {staff: allStaff, member: allMembers},
	ShareViews:     {staff: operating},
	ViewSite:       {staff: allStaff, member: allMembers},
	ViewRuns:       {staff: allStaff, member: allMembers},
	StartBackup:    {staff: helping, member: []tenant.Role{tenant.Admin, tenant.Member}},
	CancelRun:      {staff: helping},
	ViewHosts:      {staff: allStaff},
	ManageHosts:    {staff: operating},
	ManageSites:    {staff: operating},
	ViewTenants:    {staff: allStaff},
	ManageTenant:   {staff: operating},
	ViewPeople:     {staff: allStaff, member: []tenant.Role{tenant.Admin}},
	InvitePeople:   {staff: helping, member: []tenant.Role{tenant.Admin}},
	ManagePeople:   {staff: []tenant.StaffRole{tenant.Owner}},
	ViewQueue:      {staff: allStaff},
	ViewVault:      {staff: allStaff},
	ManageVault:    {staff: operating},
	RestoreCopy:    {staff: operating},
	ProtectCopy:    {staff: helping, member: []tenant.Role{tenant.Admin, tenant.Member}},
	KeepCopy:       {staff: helping},
	HoldCopies:     {staff: operating},
	RepairCopies:   {staff: operating},
	ClearAlarms:    {staff: operating},
	ViewPolicies:   {staff: allStaff},
	EditPolicies:   {staff: operating},
	ManageTokens:   {staff: []tenant.StaffRole{tenant.Owner}},
	ViewAudit:      {staff: allStaff, member: []tenant.Role{tenant.Admin}},
	ManageQueue:    {staff: operating},
	ViewSettings:   {staff: allStaff},
	ChangeSettings: {staff: []tenant.StaffRole{tenant.Owner}},
	ViewRestores:   {staff: allStaff, member: allMembers},
	StartRestore:   {staff: operating},
	ApproveRestore: {staff: operating},
	ConfirmRestore: {staff: []tenant.StaffRole{tenant.Owner}, member: []tenant.Role{tenant.Admin}},
	AcceptRestore:  {staff: operating, member: []tenant.Role{tenant.Admin, tenant.Member}},
	ViewTickets:    {staff: allStaff, member: allMembers},
	OpenTickets:    {staff: helping, member: []tenant.Role{tenant.Admin, tenant.Member}},
	WorkTickets:    {staff: helping},
	GrantAccess:    {staff: []tenant.StaffRole{tenant.Owner}, member: []tenant.Role{tenant.Admin}},
	ViewBilling:    {staff: allStaff, member: []tenant.Role{tenant.Admin, tenant.Member}},
	PayFee:         {staff: collecting, member: []tenant.Role{tenant.Admin, tenant.Member}},
	WaiveFee:       {staff: collecting},
	RefundFee:      {staff: collecting},
	OfflineFee:     {staff: collecting},
}

// says is what each action is, in words, for the printed table.
var says = map[Action]string{
	ViewFleet:      "see the list of sites",
	ShareViews:     "share a view of the list of sites with all staff, and delete shared ones",
	ViewSite:       "see a site, its copies and its events",
	ViewRuns:       "see runs",
	StartBackup:    "start a backup now",
	CancelRun:      "cancel a run",
	ViewHosts:      "see hosts",
	ManageHosts:    "add, enrol and revoke hosts",
	ManageSites:    "add and move sites",
	ViewTenants:    "see the customer organisations",
	ManageTenant:   "add and change customer organisations",
	ViewPeople:     "see who may sign in",
	InvitePeople:   "invite people into a customer organisation, and remove them",
	ManagePeople:   "invite staff, change roles, disable accounts, reset factors",
	ViewQueue:      "see the queue",
	ViewVault:      "see the destinations, what they hold and when they are full",
	ManageVault:    "add and change destinations",
	RestoreCopy:    "fetch and restore a copy",
	ProtectCopy:    "protect a copy for some days",
	KeepCopy:       "pin a copy, end a protection, take a copy back from the bin",
	HoldCopies:     "put a legal hold on copies, and lift it",
	RepairCopies:   "have what is stored of a site looked at and repaired, and acknowledge what is lost",
	ClearAlarms:    "clear a tamper alarm, with a reason",
	ViewPolicies:   "see the backup policies",
	EditPolicies:   "edit policies and assign them to sites",
	ManageTokens:   "make, list and revoke tokens of the API",
	ViewAudit:      "see who did what, when and from where",
	ManageQueue:    "try a job of the queue again, or cancel it",
	ViewSettings:   "see what is set for the whole installation",
	ChangeSettings: "change what is set for the whole installation",
	ViewRestores:   "see restores",
	StartRestore:   "start, cancel and undo a restore in place",
	ApproveRestore: "approve a restore that a ticket asks for",
	ConfirmRestore: "confirm a restore by typing the site's name",
	AcceptRestore:  "accept what a restore brought back, or ask for it to be undone",
	ViewTickets:    "see tickets",
	OpenTickets:    "open a ticket, answer in it, withdraw it",
	WorkTickets:    "assign, answer, note, decline, merge and close tickets",
	GrantAccess:    "give staff leave to look into a site for some hours, and take it back",
	ViewBilling:    "see charges, receipts and refunds",
	PayFee:         "pay the fee of a ticket",
	WaiveFee:       "waive a fee, with a reason",
	RefundFee:      "refund a fee",
	OfflineFee:     "record a payment that came another way",
}

// Says tells in a few words what the action is.
func (a Action) Says() string { return says[a] }

// Check tells whether actor may do action on the rows of the tenant in
// question; none means every tenant's rows, which is staff's alone. A refusal
// is errs.Forbidden.
func Check(actor Actor, action Action, of id.Tenant) (Grant, error) {
	may, known := table[action]
	if known && actor.Staff != "" {
		for _, r := range may.staff {
			if r == actor.Staff {
				return Grant{scope: StaffScope, actor: actor.Name, action: action}, nil
			}
		}
	}
	if known && !of.IsZero() {
		for _, m := range actor.Memberships {
			if m.Tenant != of {
				continue
			}
			for _, r := range may.member {
				if r == m.Role {
					return Grant{scope: TenantScope, tenant: of, actor: actor.Name, action: action}, nil
				}
			}
		}
	}
	return Grant{}, errs.New(errs.Forbidden, "You may not do this (%s).", action)
}
