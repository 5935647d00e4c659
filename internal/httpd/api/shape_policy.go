package api

import (
	"encoding/json"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

// Policy is a policy as it is today.
type Policy struct {
	Name     string          `json:"name"`
	Version  int32           `json:"version" doc:"0 for the published policy"`
	BuiltIn  bool            `json:"built_in"`
	Sites    int64           `json:"sites"`
	EditedAt *time.Time      `json:"edited_at"`
	EditedBy string          `json:"edited_by,omitempty"`
	Note     string          `json:"note,omitempty"`
	Policy   json.RawMessage `json:"policy" doc:"the policy itself, in the form that a policy file has"`
}

// PolicyOf gives a policy.
func PolicyOf(p app.PolicyInfo) (Policy, error) {
	body, err := json.Marshal(p.Policy)
	return Policy{p.Name, p.Version, p.BuiltIn(), p.Sites, moment(p.EditedAt), p.EditedBy, p.Note, body}, err
}

// PoliciesOf gives policies.
func PoliciesOf(all []app.PolicyInfo) ([]Policy, error) {
	out := make([]Policy, 0, len(all))
	for _, p := range all {
		one, err := PolicyOf(p)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// PolicyVersion is what a policy was at a time.
type PolicyVersion struct {
	Version int32           `json:"version"`
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Note    string          `json:"note,omitempty"`
	Policy  json.RawMessage `json:"policy"`
}

// PolicyView is a policy with its history and the first of its sites.
type PolicyView struct {
	Policy
	Versions []PolicyVersion `json:"versions" nullable:"false" doc:"newest first"`
	Members  []string        `json:"members" nullable:"false" doc:"names of its sites, at most 200"`
}

// PolicyViewOf gives a policy with its history.
func PolicyViewOf(v app.PolicyView) (PolicyView, error) {
	p, err := PolicyOf(v.PolicyInfo)
	out := PolicyView{Policy: p, Versions: []PolicyVersion{}, Members: []string{}}
	for _, k := range v.Versions {
		out.Versions = append(out.Versions, PolicyVersion{k.Version, k.CreatedAt.UTC(), k.Actor, k.Note, k.Body})
	}
	for _, m := range v.Members {
		out.Members = append(out.Members, m.Name)
	}
	return out, err
}

// Preview is what a policy would do to sites, summed.
type Preview struct {
	Sites       int64             `json:"sites" doc:"that it would concern"`
	Looked      int64             `json:"sites_looked_at" doc:"of these; all figures below are theirs"`
	Days        int               `json:"days" doc:"how far it looks ahead"`
	Runs        map[string]int    `json:"runs" doc:"in these days, by kind"`
	FirstRuns   []PreviewRun      `json:"first_runs" nullable:"false"`
	Expires     int               `json:"expires_at_once" doc:"copies that would go to the bin at once"`
	Expire      []PreviewCopy     `json:"expire_first" nullable:"false" doc:"these copies, at most a hundred"`
	In30Days    map[string]KeptOf `json:"kept_in_30_days" doc:"by kind"`
	Steady      map[string]KeptOf `json:"kept_in_full_swing" doc:"by kind: when every rule keeps as many as it may"`
	BytesNow    int64             `json:"bytes_now"`
	BytesSteady *int64            `json:"bytes_in_full_swing" doc:"an estimate from the sites' own history; null: not known yet"`
	Named       NamedFiles        `json:"named_files" doc:"of the files that database copies name: whether the policy keeps them, and what that took until now"`
	BytesWhy    string            `json:"bytes_why" doc:"what the figure stands on, or why it is not known"`
}

// NamedFiles is what keeping the files that database copies name takes.
type NamedFiles struct {
	Kept   bool  `json:"kept" doc:"the policy's keep-referenced-files"`
	Sites  int64 `json:"sites" doc:"that have such files"`
	Copies int64 `json:"copies" doc:"database copies that they are kept with"`
	Bytes  int64 `json:"stored_bytes" doc:"what that added to the storage when the copies were taken"`
}

// PreviewRun is a run that a preview foretells.
type PreviewRun struct {
	Kind   string            `json:"kind" enum:"database,data"`
	Due    time.Time         `json:"due"`
	Serves map[string]string `json:"serves" doc:"the slots by tier; empty: the first copy of a site that has none"`
}

// PreviewCopy is a copy that no rule would keep.
type PreviewCopy struct {
	Copy    string    `json:"copy"`
	Kind    string    `json:"kind" enum:"database,data"`
	TakenAt time.Time `json:"taken_at"`
}

// KeptOf is how many copies of a kind there are, and how many serve each tier.
type KeptOf struct {
	Copies int            `json:"copies"`
	Tiers  map[string]int `json:"tiers" doc:"one copy may serve several"`
}

// PreviewOf gives a preview.
func PreviewOf(p app.PolicyPreview) Preview {
	out := Preview{
		Sites: p.Total, Looked: p.Looked, Days: policy.PreviewDays, Runs: map[string]int{}, FirstRuns: []PreviewRun{}, Expires: p.Expires, Expire: []PreviewCopy{},
		In30Days: kept(p.KeptIn30Days), Steady: kept(p.Steady), BytesNow: p.BytesNow,
		Named: NamedFiles{Kept: p.Named.Kept, Sites: p.Named.Sites, Copies: p.Named.Copies, Bytes: p.Named.StoredBytes},
	}
	for _, kind := range backup.Kinds() {
		out.Runs[string(kind)] = p.Runs[kind]
	}
	for _, r := range p.FirstRuns {
		out.FirstRuns = append(out.FirstRuns, PreviewRun{string(r.Kind), r.Due.UTC(), serves(r.Tiers)})
	}
	for _, c := range p.Expire {
		out.Expire = append(out.Expire, PreviewCopy{c.ID, string(c.Kind), c.TakenAt.UTC()})
	}
	switch {
	case p.Looked == 0:
		out.BytesWhy = "not known: no site was looked at"
	case p.BytesKnown:
		out.BytesSteady, out.BytesWhy = &p.BytesSteady, "estimate, from the sites' own history"
	default:
		out.BytesWhy = "not known yet: a site needs two copies of each kind for an estimate, and some have fewer"
	}
	return out
}

func serves(t policy.Tiers) map[string]string {
	out := make(map[string]string, len(t))
	for _, e := range t {
		out[string(e.Tier)] = e.Slot.String()
	}
	return out
}

func kept(counts map[backup.Kind]policy.Count) map[string]KeptOf {
	out := map[string]KeptOf{}
	for _, kind := range backup.Kinds() {
		one := KeptOf{Copies: counts[kind].Copies, Tiers: map[string]int{}}
		for tier, n := range counts[kind].Tiers {
			one.Tiers[string(tier)] = n
		}
		out[string(kind)] = one
	}
	return out
}
