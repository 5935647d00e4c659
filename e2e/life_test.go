package e2e

import (
	"testing"

	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// TestOneControlPlane goes through the life of one control plane with two
// hosts and three sites. Its parts share the machines, so they follow each
// other; the first makes the copies that the later ones need.
func TestOneControlPlane(t *testing.T) { //nolint:paralleltest // it measures and kills processes of the machine
	r := newRig(t)
	sites := threeSites(t, r)
	learn, campus, hillcrest := sites[0], sites[1], sites[2]
	for _, s := range sites {
		r.register(t, s, s.host)
	}
	part := func(name string, fn func(*testing.T)) {
		t.Run(name, func(t *testing.T) {
			defer r.releaseLines()
			fn(t)
		})
	}
	part("BringsBackWhatItTook", func(t *testing.T) { bringsBack(t, r, sites) })
	part("FindsFlippedByte", func(t *testing.T) { flippedByteIsFound(t, r, campus) })
	part("OneHostAtATime", func(t *testing.T) {
		full := r.build(t, spec{name: "full.riverside.example", host: "host-a", layout: moodle.LayoutClassic, flavour: sitedb.MariaDB, seed: 4})
		t.Run("LineIsCut", func(t *testing.T) { t.Parallel(); lineIsCut(t, r, hillcrest) })
		t.Run("DiskIsFull", func(t *testing.T) { t.Parallel(); diskIsFull(t, r, full) })
		t.Run("RootsAreTheAgents", func(t *testing.T) { t.Parallel(); rootsAreTheAgents(t, r) })
	})
	part("PeopleLookAndAsk", func(t *testing.T) { peopleLookAndAsk(t, r, hillcrest) })
	part("ServeDies", func(t *testing.T) { serveDies(t, r, learn) })
	part("DatabaseDies", func(t *testing.T) { databaseDies(t, r, learn) })
	part("AgentDies", func(t *testing.T) { agentDies(t, r, learn) })
	part("AnotherAgentTakesOver", func(t *testing.T) { anotherAgentTakesOver(t, r, learn) })
	part("CancelEndsIt", func(t *testing.T) { cancelEndsIt(t, r, learn) })
	part("DumpShowsNothingOnMariaDB", func(t *testing.T) { dumpShowsNothing(t, r, learn) })
	part("DumpShowsNothingOnPostgreSQL", func(t *testing.T) { dumpShowsNothing(t, r, campus) })
	part("RevokedAgentEnds", func(t *testing.T) { revokedAgentEnds(t, r, hillcrest) })
	part("NoHalfCopies", func(t *testing.T) { r.noHalfCopies(t) })
	part("FollowsThePolicy", func(t *testing.T) { followsThePolicy(t, r, learn) })
	part("NothingWasSeen", func(t *testing.T) { nothingWasSeen(t, r) })
	part("StopsWhole", func(t *testing.T) { stopsWhole(t, r) })
}

// releaseLines gives a failed part's lines back to the next one.
func (r *rig) releaseLines() {
	for name := range r.hosts {
		r.control[name].release()
		r.vault[name].release()
	}
}
