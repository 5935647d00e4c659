package agent

import (
	"fmt"
	"strings"

	"holdfast/internal/errs"
	"holdfast/internal/throttle"
)

// examineRestraint says how backups hold back for this host, and which of it
// holds: what the agent found at its start stands in its state directory.
func examineRestraint(stateDir string, r Restraint, gauge throttle.Gauge) []Finding {
	found, known, err := readLimits(stateDir)
	if err != nil {
		return []Finding{{"holding back", StateWarn, errs.Sentence(err), "remove the file; the agent writes it anew at its start"}}
	}
	return []Finding{examinePriority(r, found), examineGroups(found, known), examineLine(r), examineCeiling(r, found, gauge)}
}

func examinePriority(r Restraint, found Limits) Finding {
	p := r.Priority()
	f := Finding{"priority", StateOK, fmt.Sprintf("backups run at nice %d, with the disks' priority %q; restores like every other process", p.Nice, p.IO), ""}
	if found.Priority != "" && found.Priority != "ok" {
		f.State, f.Detail, f.Remedy = StateWarn, "could not be lowered: "+found.Priority, "let the agent's unit allow setpriority and ioprio_set (SystemCallFilter=@system-service has both)"
	}
	return f
}

func examineGroups(found Limits, known bool) Finding {
	f := Finding{"control groups", StateOK, "", ""}
	switch {
	case !known:
		f.Detail = "not known until the agent has run"
	case len(found.Controllers) > 0:
		f.Detail = "each backup has one of its own, with the controllers " + strings.Join(found.Controllers, ", ")
	default:
		f.Detail = "none (" + found.NoGroups + "); the priority holds all the same"
		f.Remedy = "where the host has cgroup v2, run the agent by its unit, which asks for Delegate=cpu io memory"
	}
	return f
}

func examineLine(r Restraint) Finding {
	if r.UploadBytesPerSec == 0 && r.DownloadBytesPerSec == 0 {
		return Finding{"bandwidth", StateOK, "no limit", ""}
	}
	word := func(n int64) string {
		if n == 0 {
			return "no limit"
		}
		return fmt.Sprintf("%.1f MiB/s", float64(n)/(1<<20))
	}
	return Finding{"bandwidth", StateOK, fmt.Sprintf("to the storage %s, from it %s, of all runs together", word(r.UploadBytesPerSec), word(r.DownloadBytesPerSec)), ""}
}

func examineCeiling(r Restraint, found Limits, gauge throttle.Gauge) Finding {
	c := r.Ceiling()
	now, err := gauge.Read()
	if !c.Any() {
		return Finding{"load ceiling", StateOK, "none: backups never give way to a busy host", ""}
	}
	if err != nil {
		return Finding{"load ceiling", StateWarn, "has no effect: " + err.Error(), "only Linux tells its load in /proc"}
	}
	if !now.HasPressure && (c.CPUPressure > 0 || c.IOPressure > 0) {
		return Finding{"load ceiling", StateWarn, "the kernel tells no pressures, so that max_cpu_pressure and max_io_pressure have no effect", "start it with psi=1, or set max_load_per_cpu"}
	}
	detail := fmt.Sprintf("load %.1f per processor", now.LoadPerCPU)
	if now.HasPressure {
		detail += fmt.Sprintf(", pressure of processors %.0f %%, of disks %.0f %%", now.CPUPressure, now.IOPressure)
	}
	switch found.Mode {
	case "paused":
		return Finding{"load ceiling", StateWarn, detail + "; backups pause, for " + found.Why, "none is needed: they go on when the host is calm, or after max_pause_minutes slowly"}
	case "slow":
		return Finding{"load ceiling", StateWarn, detail + "; backups go on slowly, for " + found.Why, "give the host room, or raise the ceiling: its backups take long"}
	}
	return Finding{"load ceiling", StateOK, detail + "; backups go as they like", ""}
}
