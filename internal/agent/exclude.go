package agent

import (
	"fmt"

	"holdfast/internal/agentproto"
	"holdfast/internal/moodle"
)

// leaveOut applies a site's own exclusions to its plan. What is refused is
// copied all the same, and the copy's warnings say why.
func (s site) leaveOut(p moodle.Plan) moodle.Plan {
	if s.exclusions == nil {
		return p
	}
	e := moodle.Exclusions{Keep: s.exclusions.Keep}
	for _, d := range s.exclusions.Drop {
		e.Drop = append(e.Drop, moodle.Exclusion{Root: d.Root, Path: d.Path})
	}
	p, refused := p.Apply(e)
	for _, r := range refused {
		p.Warnings = append(p.Warnings, fmt.Sprintf("The exclusion of %s is not applied. %s", clip(r.Path, 300), r.Why))
	}
	return p
}

// protoExcluded is what a plan left out, and what of it is unusual for a site
// of which stored bytes were kept.
func protoExcluded(in []moodle.Excluded, stored int64) []agentproto.Excluded {
	unusual := map[string][]string{}
	for _, u := range moodle.Audit(in, stored) {
		unusual[u.Path] = append(unusual[u.Path], u.Why)
	}
	out := make([]agentproto.Excluded, 0, len(in))
	for _, e := range in {
		out = append(out, agentproto.Excluded{Path: e.Path, Files: e.Files, Bytes: e.Bytes, CourseBackups: e.CourseBackups, Unusual: unusual[e.Path]})
	}
	return out
}
