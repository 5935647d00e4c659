package main

import (
	"strings"
	"testing"
	"time"
)

func TestSite_VerifyRepairAndClearAlarm(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	var got struct {
		Repositories []struct {
			Kind   string `json:"kind"`
			Copies int    `json:"copies"`
			State  string `json:"state"`
			AtWork bool   `json:"at_work"`
			Repair bool   `json:"repairing"`
		} `json:"repositories"`
	}
	p.json(&got, "site", "verify", someSite)
	if len(got.Repositories) != 2 || got.Repositories[0].Kind != "database" || got.Repositories[1].Copies != 1 || got.Repositories[0].AtWork {
		t.Fatalf("%+v", got)
	}
	if out := p.good("site", "verify", someSite, "--whole"); !strings.Contains(out, "being read") || !strings.Contains(out, "never") {
		t.Errorf("%s", out)
	}
	if out := p.good("site", "repair", someSite); !strings.Contains(out, "planned") {
		t.Errorf("%s", out)
	}
	p.json(&got, "site", "verify", someSite)
	if !got.Repositories[0].AtWork || !got.Repositories[1].Repair {
		t.Errorf("%+v", got)
	}
	p.bad(1, "No damage", "site", "repair", someSite, "--acknowledge", "it is gone")
	p.bad(2, "reason", "site", "repair", someSite, "--acknowledge", "")
	p.sql(`UPDATE repository SET damage = '3 copies cannot be had back as it is.', damage_state = 'lost', damaged_at = now() WHERE kind = 'data'`)
	if out := p.good("site", "verify", someSite); !strings.Contains(out, "lost") || !strings.Contains(out, "data: 3 copies") {
		t.Errorf("%s", out)
	}
	p.good("site", "repair", someSite, "--acknowledge", "it is gone from the site too")
	if out := p.good("site", "verify", someSite); !strings.Contains(out, "acknowledged") {
		t.Errorf("%s", out)
	}

	if out := p.good("site", "clear-alarm", someSite); !strings.Contains(out, "No tamper alarm") {
		t.Errorf("%s", out)
	}
	p.bad(1, "No tamper alarm", "site", "clear-alarm", someSite, "--reason", "x")
	p.sql(`UPDATE site SET tamper_alarm = 'half of filedir vanished', tamper_at = now()`)
	if out := p.good("site", "clear-alarm", someSite); !strings.Contains(out, "half of filedir vanished") {
		t.Errorf("%s", out)
	}
	p.bad(2, "reason", "site", "clear-alarm", someSite, "--reason", " ")
	p.good("site", "clear-alarm", someSite, "--reason", "we moved the files ourselves")
	var tamper struct {
		Alarm string    `json:"alarm"`
		Since time.Time `json:"since"`
	}
	p.json(&tamper, "site", "clear-alarm", someSite)
	if tamper.Alarm != "" || !tamper.Since.IsZero() {
		t.Errorf("%+v", tamper)
	}
	for _, verb := range []string{"verify", "repair", "clear-alarm"} {
		p.bad(1, "no site", "site", verb, "no.such.example")
	}
}
