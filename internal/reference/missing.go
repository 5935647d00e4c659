package reference

import (
	"cmp"
	"iter"
	"slices"
)

// MaxGroups is how many courses and areas a summary names.
const MaxGroups = 200

// Summary is what a list names and how much of it is there. Each content counts
// once, at the place that names it first.
type Summary struct {
	Rows         int64 // entries: contents by the places that name them
	Hashes       int64 // distinct contents
	Bytes        int64 // of these
	External     int64 // contents that an object store holds alone: neither present nor missing
	Present      int64
	PresentBytes int64
	Missing      int64
	MissingBytes int64
	// By are the missing by course and area, most contents first, at most
	// MaxGroups; Rest is the sum of the others, of More groups.
	By   []Group
	Rest Group
	More int
}

// Share is the part of the contents that is present, 0 to 1; 1 of none.
func (s Summary) Share() float64 {
	if s.Present+s.Missing == 0 {
		return 1
	}
	return float64(s.Present) / float64(s.Present+s.Missing)
}

// Group is what is missing of one area of one course.
type Group struct {
	Course string // its short name; "" outside courses
	Area   string // like "mod_resource/content"
	Files  int64  // distinct contents
	Bytes  int64
}

// maxTold is how many courses and areas are told apart while counting; the
// missing of those beyond go to the rest.
const maxTold = 100_000

// Missing reads a list and asks of each content once whether it is there. What
// an object store holds alone is not asked for, wherever the list says so. The
// error is the list's. It holds some 40 bytes for each content.
func Missing(entries iter.Seq2[Entry, error], has func(Hash) bool) (Summary, error) {
	var s Summary
	m := &missing{groups: map[[2]string]*Group{}, lost: map[Hash]lost{}}
	seen, external := map[Hash]struct{}{}, map[Hash]struct{}{}
	for e, err := range entries {
		if err != nil {
			return Summary{}, err
		}
		if e.External {
			external[e.Hash] = struct{}{}
			continue
		}
		s.Rows++
		if _, again := seen[e.Hash]; again {
			continue
		}
		seen[e.Hash] = struct{}{}
		s.Hashes++
		s.Bytes += e.Bytes
		if has(e.Hash) {
			s.Present++
			s.PresentBytes += e.Bytes
		} else if _, away := external[e.Hash]; away {
			s.External++
		} else {
			m.add(e)
		}
	}
	for h := range external {
		if m.drop(h) {
			s.External++
		}
	}
	m.finish(&s)
	return s, nil
}

// missing counts what is missing by course and area.
type missing struct {
	groups map[[2]string]*Group
	rest   Group // of those that are not told apart
	lost   map[Hash]lost
}

type lost struct {
	bytes int64
	of    *Group
}

func (m *missing) add(e Entry) {
	key := [2]string{e.Course, e.Area}
	g := m.groups[key]
	if g == nil {
		if g = &m.rest; len(m.groups) < maxTold {
			g = &Group{Course: e.Course, Area: e.Area}
			m.groups[key] = g
		}
	}
	g.Files++
	g.Bytes += e.Bytes
	m.lost[e.Hash] = lost{bytes: e.Bytes, of: g}
}

func (m *missing) drop(h Hash) bool {
	l, ok := m.lost[h]
	if ok {
		l.of.Files--
		l.of.Bytes -= l.bytes
		delete(m.lost, h)
	}
	return ok
}

func (m *missing) finish(s *Summary) {
	all := make([]Group, 0, len(m.groups))
	for _, g := range m.groups {
		if g.Files > 0 {
			all = append(all, *g)
		}
		s.Missing += g.Files
		s.MissingBytes += g.Bytes
	}
	s.Missing += m.rest.Files
	s.MissingBytes += m.rest.Bytes
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Files, a.Files), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Course, b.Course), cmp.Compare(a.Area, b.Area))
	})
	s.Rest = m.rest
	for len(all) > MaxGroups {
		last := all[len(all)-1]
		s.Rest.Files += last.Files
		s.Rest.Bytes += last.Bytes
		s.More++
		all = all[:len(all)-1]
	}
	s.By = all
}
