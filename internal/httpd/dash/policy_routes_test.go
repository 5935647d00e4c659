package dash_test

import "holdfast/internal/authz"

// policyTable is who gets what of the policies' routes, in the order of
// everybody().
func policyTable() []row {
	const site, copied = "/sites/{id:[0-9a-f-]{36}}/", "/copies/{id:[0-9a-f-]{36}}/"
	onSite := func(form string) func(*house) string {
		return func(h *house) string { return "/sites/" + h.site.String() + "/" + form }
	}
	onCopy := func(act string) func(*house) string {
		return func(h *house) string { return "/copies/" + h.anyCopy() + "/" + act }
	}
	policies := []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}
	editors := []int{303, 404, 404, 404, 404, 200, 200, 404, 404, 404}
	protectors := []int{303, 404, 403, 303, 303, 303, 303, 303, 403, 403}
	keepers := []int{303, 404, 403, 403, 403, 303, 303, 303, 403, 403}
	operators := []int{303, 404, 403, 403, 403, 303, 303, 403, 403, 403}
	reason := []string{"reason", "a test"}
	rows := []row{
		{"POST " + site + "hold", onSite("hold"), reason, operators, true},
		{"POST " + site + "hold/end", onSite("hold/end"), nil, operators, true},
		{"POST " + site + "suspension", func(h *house) string { h.resume(); return onSite("suspension")(h) }, reason, operators, true},
		{"POST " + site + "suspension/end", func(h *house) string { h.suspend(); return onSite("suspension/end")(h) }, nil, operators, true},
		{"POST " + site + "alarm/end", func(h *house) string { h.alarm(); return onSite("alarm/end")(h) }, reason, operators, true},
		{"POST " + site + "damage/acknowledgement", func(h *house) string { h.damage(); return onSite("damage/acknowledgement")(h) }, reason, operators, true},
		{"POST " + site + "exclusions", onSite("exclusions"), []string{"do", "look", "version", "0", "keep", "moodledata/backup"}, []int{303, 404, 403, 403, 403, 200, 200, 403, 403, 403}, true},
		{"POST " + site + "policy", onSite("policy"), []string{"site", "own.school.example", "policy", "published", "do", "preview"}, []int{303, 403, 403, 403, 403, 200, 200, 403, 403, 403}, true},
		{"POST " + copied + "protection", onCopy("protection"), []string{"days", "30", "reason", "a test"}, protectors, true},
		{"POST " + copied + "protection/end", onCopy("protection/end"), nil, keepers, true},
		{"POST " + copied + "pin", onCopy("pin"), reason, keepers, true},
		{"POST " + copied + "pin/end", onCopy("pin/end"), nil, keepers, true},
		{"POST " + copied + "hold", onCopy("hold"), reason, operators, true},
		{"POST " + copied + "hold/end", onCopy("hold/end"), nil, operators, true},
		{"POST " + copied + "recovery", func(h *house) string { h.binCopy(); return onCopy("recovery")(h) }, nil, keepers, true},
		{"GET /policies", at("/policies"), nil, policies, true},
		{"GET /policies/new", at("/policies/new"), nil, editors, true},
		{"POST /policies/new", at("/policies/new"), []string{"do", "add"}, []int{303, 403, 403, 403, 403, 200, 200, 403, 403, 403}, true},
		{"GET /policies/{name}", at("/policies/published"), nil, policies, true},
		{"GET /policies/{name}/edit", func(h *house) string { return "/policies/" + h.policy() + "/edit" }, nil, editors, true},
		{
			"POST /policies/{name}/edit", func(h *house) string { return "/policies/" + h.policy() + "/edit" },
			[]string{"do", "add"},
			[]int{303, 403, 403, 403, 403, 200, 200, 403, 403, 403},
			true,
		},
		{
			"POST /policies/{name}/sites", at("/policies/published/sites"),
			[]string{"site", "own.school.example", "do", "preview"},
			[]int{303, 403, 403, 403, 403, 200, 200, 403, 403, 403},
			true,
		},
	}
	// The rows after these start backups, which a suspended site refuses.
	rows = append(rows, row{"GET /sites", func(h *house) string { h.resume(); return "/sites" }, nil, []int{303, 200, 200, 200, 200, 200, 200, 200, 200, 200}, true})
	return rows
}

// anyCopy is a copy of own.
func (h *house) anyCopy() string {
	h.t.Helper()
	v, err := h.app.ViewSite(h.t.Context(), authz.Console(), h.site.String())
	h.must(err)
	if len(v.Copies) == 0 {
		h.t.Fatal("own has no copy")
	}
	return v.Copies[len(v.Copies)-1].ID.String()
}

func (h *house) resume() {
	h.exec(`UPDATE site SET state = 'active' WHERE id = $1`, h.site.UUID())
}

func (h *house) suspend() {
	h.exec(`UPDATE site SET state = 'suspended' WHERE id = $1`, h.site.UUID())
}

// alarm raises a tamper alarm at own.
func (h *house) alarm() {
	h.exec(`UPDATE site SET tamper_alarm = '412 files are not what their names say', tamper_at = now() WHERE id = $1`, h.site.UUID())
}

// damage has something lost of own's copies.
func (h *house) damage() {
	h.exec(`UPDATE repository SET damage_state = 'lost', damage = 'Two files are gone.', damaged_at = now() WHERE site_id = $1 AND kind = 'data'`, h.site.UUID())
}

// binCopy puts that copy into the bin, which nothing keeps out of it.
func (h *house) binCopy() {
	h.exec(`UPDATE copy SET binned_at = now() WHERE id = $1`, h.anyCopy())
}

// policy is a policy that may be edited.
func (h *house) policy() string {
	h.t.Helper()
	all, err := h.app.ListPolicies(h.t.Context(), authz.Console())
	h.must(err)
	if len(all) == 1 {
		_, err := h.app.CreatePolicy(h.t.Context(), authz.Console(), "gold", all[0].Policy, "")
		h.must(err)
	}
	return "gold"
}
