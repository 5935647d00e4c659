package main

import (
	"io"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

func printSimulation(w io.Writer, r policy.Result) error {
	rows := [][]string{{"KIND", "TAKEN (UTC)", "KEPT AS"}}
	for _, k := range r.Copies {
		as := make([]string, 0, len(k.Tiers))
		for _, served := range k.Tiers {
			as = append(as, string(served.Tier)+" "+served.Slot.String())
		}
		rows = append(rows, []string{string(k.Kind), k.At.Format(time.RFC3339), strings.Join(as, ", ")})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if len(r.Missed) > 0 {
		rows := [][]string{{"", "", ""}, {"MISSED", "TIER", "SLOT"}}
		for _, m := range r.Missed {
			rows = append(rows, []string{string(m.Kind), string(m.Tier), m.Slot.String()})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	rows = [][]string{{"", "", "", "", ""}, {"KIND", "RUNS", "KEPT", "EXPIRED", "MISSED"}}
	for _, kind := range backup.Kinds() {
		missed := 0
		for _, m := range r.Missed {
			if m.Kind == kind {
				missed++
			}
		}
		rows = append(rows, []string{
			string(kind), strconv.Itoa(r.Runs[kind]), strconv.Itoa(r.Runs[kind] - r.Expired[kind]),
			strconv.Itoa(r.Expired[kind]), strconv.Itoa(missed),
		})
	}
	return table(w, rows)
}
