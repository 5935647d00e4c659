package app

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds a look at the fleet.
const (
	FleetMost     = 100   // characters that may be searched for
	FleetCounted  = 10000 // sites are counted so far where a question narrows them
	fleetGathered = 20000 // sites that are put in order rather than passed by in it
	fleetFound    = 2000  // sites that a search may find before it is as good as no search
)

// The words of FleetOrder and FleetRisk, for doors.
type (
	FleetOrder = store.FleetOrder
	FleetRisk  = store.FleetRisk
)

// FleetOrders are the orders that the list of sites is offered in.
func FleetOrders() []FleetOrder {
	return []FleetOrder{store.ByRisk, store.ByName, store.ByTenant, store.ByHost, store.ByDatabase, store.ByData, store.ByBytes}
}

// FleetRisks are the ways in which a site may need somebody, the worst first.
func FleetRisks() []FleetRisk { return store.FleetRisks() }

// FleetLook is a question about the sites of every tenant.
type FleetLook struct {
	Search      string
	Tenant      string // slug
	Host        string // name
	Destination string // name
	Policy      string // name
	Risk        FleetRisk
	Active      bool // not suspended
	Order       FleetOrder
	Down        bool     // the order reversed
	After       []string // keys of the site to go on after
	Before      []string // or of the one to go back before
	Size        int
}

// FleetView is one page of the answer.
type FleetView struct {
	Sites       []dbq.FleetRowsRow
	First, Last []string // keys of the first and last of them
	More, Less  bool     // there are others after and before them
	All         int64    // in question, whatever the risk; more than FleetCounted when AllOver
	AllOver     bool
	Risks       map[FleetRisk]int64 // likewise; nil where they would cost a look at everything
	Now         time.Time
}

// LookAtFleet gives a page of sites and counts how they stand. It is for who
// may see every tenant's sites.
func (a *App) LookAtFleet(ctx context.Context, who authz.Actor, l FleetLook) (FleetView, error) {
	if err := l.check(); err != nil {
		return FleetView{}, err
	}
	var v FleetView
	err := a.do(ctx, who, authz.ViewFleet, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		v = FleetView{Now: tx.Now}
		ask, wide, err := l.ask(ctx, tx)
		if err != nil {
			return err
		}
		if err := v.count(ctx, tx, ask, wide, l); err != nil {
			return err
		}
		if ask.Sites != nil && len(ask.Sites) == 0 {
			return nil
		}
		few, err := v.few(ctx, tx, ask, wide, l)
		if err != nil {
			return err
		}
		return v.page(ctx, tx, ask, few, l)
	})
	return v, err
}

// check refuses what no list has.
func (l *FleetLook) check() error {
	l.Search = strings.TrimSpace(l.Search)
	if utf8.RuneCountInString(l.Search) > FleetMost {
		return errs.Field("q", "look for less, %d characters at most", FleetMost)
	}
	for name, s := range map[string]string{"q": l.Search, "tenant": l.Tenant, "host": l.Host, "destination": l.Destination, "policy": l.Policy} {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return errs.Field(name, "it holds characters that no name has; type it anew")
		}
	}
	if l.Order == "" {
		l.Order = store.ByRisk
	}
	if !slices.Contains(FleetOrders(), l.Order) {
		return errs.Field("sort", "%q is not one of the orders above the list", l.Order)
	}
	if l.Risk != "" && !slices.Contains(FleetRisks(), l.Risk) {
		return errs.Field("filter", "%q is not one of the choices above the list", l.Risk)
	}
	if l.Size < 1 || l.Size > 500 {
		l.Size = 100
	}
	for name, keys := range map[string][]string{"after": l.After, "before": l.Before} {
		if keys != nil && !soundKeys(l.Order, keys) {
			return errs.Field(name, "it leads to no place in this list; open the list anew from its start")
		}
	}
	return nil
}

// soundKeys tells whether keys can be a place in the order, so that the
// database never has to read what is none.
func soundKeys(by FleetOrder, keys []string) bool {
	if len(keys) != store.FleetKeys(by) {
		return false
	}
	last := len(keys) - 1
	if _, err := uuid.Parse(keys[last]); err != nil || len(keys[last]) != 36 {
		return false
	}
	number := func(s string, bits int) bool { _, err := strconv.ParseInt(s, 10, bits); return err == nil }
	moment := func(s string) bool {
		at, err := time.Parse(time.RFC3339Nano, s)
		return err == nil && at.Year() > 0
	}
	switch by {
	case store.ByRisk:
		return number(keys[0], 16) && moment(keys[1])
	case store.ByBytes:
		return number(keys[0], 64)
	case store.ByDatabase, store.ByData:
		return moment(keys[0])
	case store.ByName, store.ByTenant, store.ByHost:
	}
	for _, s := range keys[:last] {
		if len(s) > 1000 || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return false
		}
	}
	return true
}

// ask turns names into what they name. Wide tells that the search finds so
// many sites that they are passed by in the list's order instead of looked up.
func (l FleetLook) ask(ctx context.Context, tx *store.Tx) (q store.FleetAsk, wide bool, err error) {
	q = store.FleetAsk{Host: l.Host, Risk: l.Risk, Active: l.Active, Now: tx.Now, Published: l.Policy == PublishedPolicy}
	if l.Tenant != "" {
		t, err := tx.TenantBySlug(ctx, l.Tenant)
		if err != nil {
			return q, false, unnamed(err, "tenant", "organisation", l.Tenant)
		}
		q.Tenant = t.ID
	}
	if l.Host != "" {
		if _, err := tx.HostByName(ctx, l.Host); err != nil {
			return q, false, unnamed(err, "host", "host", l.Host)
		}
	}
	if l.Destination != "" {
		d, err := tx.DestinationByName(ctx, l.Destination)
		if err != nil {
			return q, false, unnamed(err, "destination", "destination", l.Destination)
		}
		q.Destination = d.ID
	}
	if l.Policy != "" && !q.Published {
		p, err := tx.PolicyByName(ctx, l.Policy)
		if err != nil {
			return q, false, unnamed(err, "policy", "policy", l.Policy)
		}
		q.Policy = p.ID
	}
	text := strings.ToLower(l.Search)
	switch {
	case text == "":
	case utf8.RuneCountInString(text) < findLetters:
		q.Begins = text
	default:
		found, err := tx.FleetSearch(ctx, dbq.FleetSearchParams{Part: text, Most: fleetFound + 1})
		if err != nil {
			return q, false, err
		}
		if len(found) > fleetFound {
			q.Holds, wide = text, true
			break
		}
		q.Sites = make([]uuid.UUID, len(found))
		for i, s := range found {
			q.Sites[i] = s.UUID()
		}
	}
	return q, wide, nil
}

func unnamed(err error, field, what, name string) error {
	if isNoRows(err) {
		return errs.Field(field, "there is no %s %q", what, clip(name, 80))
	}
	return err
}

// few tells whether the sites in question are so few that they are gathered
// before they are put in order. How many there are was counted, to a limit;
// where something that an index knows narrows them, it is counted once more, a
// little further.
func (v *FleetView) few(ctx context.Context, tx *store.Tx, ask store.FleetAsk, wide bool, l FleetLook) (bool, error) {
	if wide {
		return false, nil
	}
	n, over := v.All, v.AllOver || l.bare()
	if l.Risk != "" {
		n, over = v.Risks[l.Risk], v.Risks[l.Risk] > FleetCounted
	}
	if !over || ask.Sites != nil {
		return n <= fleetGathered, nil
	}
	if ask.Tenant.IsZero() && ask.Host == "" && ask.Destination.IsZero() && ask.Policy.IsZero() {
		return false, nil
	}
	n, err := tx.CountWithin(ctx, ask, fleetGathered+1)
	return n <= fleetGathered, err
}

// page reads the sites from the place that is asked for, either way.
func (v *FleetView) page(ctx context.Context, tx *store.Tx, ask store.FleetAsk, few bool, l FleetLook) error {
	back := l.Before != nil
	from, down := l.After, l.Down
	if back {
		from, down = l.Before, !l.Down
	}
	places, err := tx.Fleet(ctx, ask, store.FleetCut{By: l.Order, Down: down, After: from, Most: l.Size + 1, Few: few})
	if err != nil {
		return err
	}
	more := len(places) > l.Size
	if more {
		places = places[:l.Size]
	}
	v.More, v.Less = more, from != nil
	if back {
		if !more && len(places) < l.Size { // the list's start came nearer meanwhile: show it whole
			l.Before = nil
			return v.page(ctx, tx, ask, few, l)
		}
		slices.Reverse(places)
		v.More, v.Less = true, more
	}
	if len(places) == 0 {
		return nil
	}
	v.First, v.Last = places[0].Keys, places[len(places)-1].Keys
	p := dbq.FleetRowsParams{}
	at := map[id.Site]int{}
	for i, s := range places {
		p.Tenants, p.Sites = append(p.Tenants, store.Optional(s.Tenant.UUID())), append(p.Sites, pgtype.UUID{Bytes: s.Site.UUID(), Valid: true})
		at[s.Site] = i
	}
	if v.Sites, err = tx.FleetRows(ctx, p); err != nil {
		return err
	}
	slices.SortFunc(v.Sites, func(x, y dbq.FleetRowsRow) int { return at[x.ID] - at[y.ID] })
	return nil
}

// count tells how many sites are in question and how they stand. Everything is
// counted to the end where nothing narrows it: that is one pass over an index.
func (v *FleetView) count(ctx context.Context, tx *store.Tx, ask store.FleetAsk, wide bool, l FleetLook) error {
	if wide {
		v.All, v.AllOver = fleetFound, true
		return nil
	}
	if ask.Sites != nil && len(ask.Sites) == 0 {
		v.Risks = map[FleetRisk]int64{}
		return nil
	}
	all, risks, err := tx.CountFleet(ctx, ask, FleetCounted+1, !l.bare())
	if err != nil {
		return err
	}
	v.All, v.Risks, v.AllOver = min(all, FleetCounted), risks, all > FleetCounted
	if l.bare() {
		v.All, err = tx.CountSites(ctx, pgtype.UUID{})
	}
	return err
}

// bare tells that nothing but a risk narrows the list.
func (l FleetLook) bare() bool {
	return l.Search == "" && l.Tenant == "" && l.Host == "" && l.Destination == "" && l.Policy == "" && !l.Active
}

// FleetNames are the choices of what is few: hosts, destinations and policies.
type FleetNames struct{ Hosts, Destinations, Policies []string }

// NamesOfFleet gives them, each by name.
func (a *App) NamesOfFleet(ctx context.Context, who authz.Actor) (FleetNames, error) {
	var n FleetNames
	err := a.do(ctx, who, authz.ViewFleet, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		n = FleetNames{}
		hosts, err := tx.FleetHosts(ctx)
		if err != nil {
			return err
		}
		for _, h := range hosts {
			n.Hosts = append(n.Hosts, h.Name)
		}
		destinations, err := tx.FleetDestinations(ctx)
		if err != nil {
			return err
		}
		for _, d := range destinations {
			n.Destinations = append(n.Destinations, d.Name)
		}
		policies, err := tx.FleetPolicies(ctx)
		for _, p := range policies {
			n.Policies = append(n.Policies, p.Name)
		}
		return err
	})
	return n, err
}
