package dash_test

// deskTable are the routes of tickets, canned replies and money. They are the
// staff's; customers have pages of their own and find nothing here.
func deskTable() []row {
	const none = "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"
	const t = "/tickets/{id:[0-9a-f-]{36}}"
	seen := []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}
	stream := []int{401, 404, 404, 404, 404, 200, 200, 200, 200, 200}
	gone := []int{303, 404, 404, 404, 404, 404, 404, 404, 404, 404}
	goneStream := []int{401, 404, 404, 404, 404, 404, 404, 404, 404, 404}
	table := []row{
		{"GET /tickets", at("/tickets"), nil, seen, true},
		{"GET /tickets/stream", at("/tickets/stream"), nil, stream, true},
		{"GET " + t, at("/tickets/" + none), nil, gone, true},
		{"GET " + t + "/stream", at("/tickets/" + none + "/stream"), nil, goneStream, true},
		{"POST " + t + "/messages", at("/tickets/" + none + "/messages"), []string{"version", "1", "body", "x", "as", "note"}, gone, true},
		{"GET /attachments/{id:[0-9a-f-]{36}}", at("/attachments/" + none), nil, gone, true},
		{"GET /replies", at("/replies"), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 404, 404}, true},
		{"POST /replies", at("/replies"), []string{"name", "", "body", ""}, []int{303, 404, 404, 404, 404, 422, 422, 422, 403, 403}, true},
		{"POST /replies/{id:[0-9a-f-]{36}}/deletion", at("/replies/" + none + "/deletion"), nil, []int{303, 404, 404, 404, 404, 404, 404, 404, 403, 403}, true},
		{"GET /money", at("/money"), nil, seen, true},
		{"GET /money/stream", at("/money/stream"), nil, stream, true},
		{"GET /money.csv", at("/money.csv"), nil, seen, true},
		{"GET /money/events", at("/money/events"), nil, seen, true},
		{"POST /money/events/{event}/replay", at("/money/events/evt_none/replay"), nil, []int{303, 404, 404, 404, 404, 404, 403, 403, 404, 403}, true},
	}
	for _, act := range []string{"assignee", "priority", "watch", "macro", "completion", "retry", "reopening", "closure", "merge", "approval", "acceptance", "decline"} {
		table = append(table, row{"POST " + t + "/" + act, at("/tickets/" + none + "/" + act), []string{"version", "1", "text", "because", "number", "1", "do", "on", "priority", "high", "macro", none}, gone, true})
	}
	for _, act := range []string{"waiver", "offline", "refund", "hand-refund", "alarm"} {
		table = append(table, row{"POST /money/{id:[0-9a-f-]{36}}/" + act, at("/money/" + none + "/" + act), []string{"text", "because of a test"}, gone, true})
	}
	return table
}
