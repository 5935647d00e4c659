package agent

import (
	"context"
	"path/filepath"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/throttle"
)

// RestraintOf gives how backups hold back on this host, for a person's own
// commands: as the agent's configuration says, or by default where there is
// none that can be read.
func RestraintOf(stateDir string) Restraint {
	c, err := LoadConfig(filepath.Join(stateDir, ConfigName))
	if err != nil {
		return Restraint{}
	}
	return c.Restraint
}

// GiveWay gives a progress that stands still while the host is busy, as a
// working process's does, until ctx ends.
func (r Restraint) GiveWay(ctx context.Context, clk clock.Clock, gauge throttle.Gauge, tell func(agentproto.Progress)) func(agentproto.Progress) {
	if !r.Ceiling().Any() {
		return tell
	}
	gate, governor := throttle.NewGate(throttle.SystemTimer{}), throttle.NewGovernor(r.Ceiling())
	look := func() {
		reading, err := gauge.Read()
		if err != nil {
			reading = throttle.Reading{} // what cannot be measured stops nothing
		}
		lowered, _ := r.orders(governor.See(clk.Now(), reading), 1)
		gate.Obey(lowered)
	}
	look()
	go func() {
		for pause(ctx, lookEvery) == nil {
			look()
		}
	}()
	return func(p agentproto.Progress) {
		tell(p)
		gate.Exempt(p.Phase == phaseDumping)
		_ = gate.Hold(ctx) // a command that is stopped ends by its own context
	}
}
