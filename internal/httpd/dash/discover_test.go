package dash_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/httpd/dash"
)

// askedToLook has host-a's agent, of the present protocol, look for sites, and
// gives its lease.
func (h *house) askedToLook(b *browser) agentproto.Lease {
	h.t.Helper()
	h.hello()
	h.wantTo(b.post(h.hostPath()+"/discovery"), http.StatusSeeOther, h.hostPath()+"/discovery")
	for _, l := range h.lease() {
		if l.Kind == agentproto.KindDiscover {
			return l
		}
	}
	h.t.Fatal("no lease looks for sites")
	return agentproto.Lease{}
}

func (h *house) hostPath() string { return "/hosts/" + h.host.ID.String() }

// tellFound completes a look with n sites, the first one's words hostile.
func (h *house) tellFound(l agentproto.Lease, n int) {
	h.t.Helper()
	d := agentproto.Discovery{Folders: 1234, Sites: []agentproto.FoundSite{{CodeDir: "/srv/own", WWWRoot: "https://own.example", Release: hostile, DBName: hostile, Warnings: []string{hostile}, Problem: hostile}}}
	for i := range n {
		d.Sites = append(d.Sites, agentproto.FoundSite{CodeDir: fmt.Sprintf("/srv/f%d/moodle", i), AccountRoot: fmt.Sprintf("/srv/f%d", i), WWWRoot: fmt.Sprintf("https://f%d.example", i), Release: "4.5.6", DBName: "x", Warnings: []string{hostile}})
	}
	raw, err := json.Marshal(d)
	h.must(err)
	h.must(h.app.Complete(h.t.Context(), h.host, agentproto.CompleteRequest{Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood, Evidence: raw}))
}

var lookMark = regexp.MustCompile(`name="look" value="([^"]+)"`)

// A host is looked through and its sites are registered, without any script.
func TestDiscovery_FromTheButtonToTheSites(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	h.wantAll(b.get(h.hostPath()), "Find sites", "not looked yet")
	l := h.askedToLook(b)
	h.beat(l, agentproto.Progress{Phase: "looking", DoneFiles: 4321, Detail: "12 sites so far"})
	h.wantAll(b.get(h.hostPath()+"/discovery"), "4,321 folders looked into", "12 sites so far", `hx-sse:connect="`+h.hostPath()+`/discovery/stream"`)
	if got := b.openStream(h.hostPath() + "/discovery/stream").next(t); !strings.Contains(got, "4,321 folders") {
		t.Errorf("the stream sends %q", got)
	}
	h.tellFound(l, 3)
	page := b.get(h.hostPath() + "/discovery?tick=all")
	h.wantAll(page, "4 Moodles were found; 3 are not registered yet", "f0.example", "with its account root", "Registered already", "3 of 3 ticked")
	h.wantNone(page, "<script>alert")
	look := lookMark.FindStringSubmatch(page.body)[1]
	wrong := b.do(http.MethodPost, h.hostPath()+"/discovery/sites", url.Values{"look": {look}, "pick": {"1", "3", "99"}, "tenant": {"own"}, "zone": {"Europe/Berlin"}, "name-1": {"f0.example"}, "name-3": {hostile}, "owner-3": {"nobody"}})
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("%d", wrong.status)
	}
	h.wantAll(wrong, "so none was", "There is no customer", "must be the site")
	h.wantNone(wrong, "<script>alert")
	for _, c := range []struct {
		form   []string
		status int
		want   string
	}{
		{[]string{"look", look}, http.StatusUnprocessableEntity, "Nothing is ticked"},
		{[]string{"look", look, "pick", "1", "name-1", "f0.example"}, http.StatusUnprocessableEntity, "The customer is missing"},
		{[]string{"look", look, "pick", "1", "name-1", "f0.example", "tenant", "own", "zone", "Mars"}, http.StatusUnprocessableEntity, "so none was"},
		{[]string{"look", "other", "pick", "1", "name-1", "f0.example", "tenant", "own"}, http.StatusConflict, "tick again"},
	} {
		got := b.post(h.hostPath()+"/discovery/sites", c.form...)
		if got.status != c.status || !strings.Contains(got.body, c.want) {
			t.Errorf("%v: %d, without %q", c.form, got.status, c.want)
		}
	}
	h.wantTo(b.do(http.MethodPost, h.hostPath()+"/discovery/sites", url.Values{"look": {look}, "pick": {"1", "3"}, "tenant": {"own"}, "zone": {"Europe/Berlin"}, "name-1": {"f0.example"}, "name-3": {"f2.example"}, "owner-3": {"other"}, "root": {"1"}}), http.StatusSeeOther, h.hostPath()+"/discovery")
	h.wantAll(b.get(h.hostPath()+"/discovery"), "2 sites are registered", "1 is not registered yet")
	v, err := h.app.ViewSite(t.Context(), authz.Console(), "f2.example")
	h.must(err)
	if v.Site.TenantName != "other"+hostile || v.Site.AccountRoot != "" || v.Site.TimeZone != "Europe/Berlin" || v.Site.CodeDir != "/srv/f2/moodle" {
		t.Errorf("registered %+v", v.Site)
	}
}

// Who may only look sees what was found and no form; whoever sees no hosts
// sees nothing.
func TestDiscovery_ShowsToEachWhatIsTheirs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tellFound(h.askedToLook(h.signIn("owner")), 2)
	auditor := h.signIn("auditor").get(h.hostPath() + "/discovery")
	h.wantAll(auditor, "f0", "Not registered yet")
	h.wantNone(auditor, "Register what is ticked", "Look again", "<script>alert")
	if got := h.signIn("admin").get(h.hostPath() + "/discovery"); got.status != http.StatusNotFound {
		t.Errorf("a customer gets %d", got.status)
	}
}

// A host that cannot be asked says why, and its button does nothing.
func TestDiscovery_SaysWhyItCannot(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *dash.Config) { c.Version = "1.0.0" })
	b := h.signIn("owner")
	h.hello()
	for change, want := range map[string]string{
		"UPDATE host SET protocol = 3, last_seen_at = now()":                    "install the newer agent",
		"UPDATE host SET protocol = 4, last_seen_at = now() - interval '1 day'": "The host is offline",
	} {
		h.exec(change)
		h.wantAll(b.get(h.hostPath()), want, "disabled")
		h.wantTo(b.post(h.hostPath()+"/discovery"), http.StatusSeeOther, h.hostPath()+"/discovery")
		h.wantAll(b.get(h.hostPath()+"/discovery"), want)
	}
}
