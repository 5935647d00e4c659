package policy_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/policy"
)

const both = `{"kind":"database","tier":"daily","keep":7},{"kind":"data","tier":"daily","keep":7}`

func TestParse_ReadsWhatItWrote(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(b)
	if err != nil || !reflect.DeepEqual(p, policy.Default()) {
		t.Fatalf("Parse(%s) = %+v, %v", b, p, err)
	}
	if err := policy.Default().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestParse_RefusesAndNamesTheKey(t *testing.T) {
	t.Parallel()
	rule := func(more string) string {
		return `{"rules":[` + both + `,{"kind":"data","tier":"extra",` + more + `}]}`
	}
	for text, field := range map[string]string{
		``:                                    "policy",
		`[]`:                                  "policy",
		`{"rules":[` + both + `]} x`:          "policy",
		`{"rules":[` + both + `}`:             "policy",
		strings.Repeat("[", 100_000):          "policy[0][0][0][0][0][0][0][0]",
		`{}`:                                  "rules",
		`{"rules":[]}`:                        "rules",
		`{"rules":null}`:                      "rules",
		`{"rules":[` + both + `],"nite":"x"}`: "nite",
		`{"Rules":[` + both + `]}`:            "Rules",
		`{"rules":[` + both + `],"rules":[]}`: "rules",
		`{"rules":[` + both + `],"night":"24:00"}`:                                                             "night",
		`{"rules":[` + both + `],"night":4}`:                                                                   "night",
		`{"rules":[` + both + `],"name":"a\nb"}`:                                                               "name",
		`{"rules":[` + both + `],"window":"12:01"}`:                                                            "window",
		`{"rules":[` + both + `],"window":"1:30"}`:                                                             "window",
		`{"rules":[` + both + `],"window":"-1:30"}`:                                                            "window",
		`{"rules":[` + both + `],"window":"01:60"}`:                                                            "window",
		`{"rules":[` + both + `],"window":90}`:                                                                 "window",
		`{"rules":[` + both + `],"grace":"00:04"}`:                                                             "grace",
		`{"rules":[` + both + `],"grace":"72:01"}`:                                                             "grace",
		`{"rules":[` + both + `],"grace":null}`:                                                                "grace",
		`{"rules":[` + both + `,{"kind":"data","tier":"x","keep":1,"at":["04:00","05:30"]}],"window":"01:30"}`: "window",
		`{"rules":[` + both + `,{"kind":"data","tier":"x","keep":1,"at":["00:30","23:30"]}],"window":"01:00"}`: "window",
		`{"rules":[{"kind":"data","tier":"daily","keep":1}]}`:                                                  "rules",
		`{"rules":[` + both + `,{"kind":"data","keep":1}]}`:                                                    "rules[2].tier",
		`{"rules":[` + both + `,` + both + `]}`:                                                                "rules[2].tier",
		`{"rules":[{"kind":"all","tier":"daily","keep":1}]}`:                                                   "rules[0].kind",
		`{"rules":[{"kind":"data","tier":"Daily","keep":1}]}`:                                                  "rules[0].tier",
		`{"rules":[{"kind":"data","tier":"initial","keep":1}]}`:                                                "rules[0].tier",
		rule(`"keep":0`):                                             "rules[2].keep",
		rule(`"keep":-3`):                                            "rules[2].keep",
		rule(`"keep":1.5`):                                           "rules[2].keep",
		rule(`"keep":"7"`):                                           "rules[2].keep",
		rule(`"keep":99999999999999999999`):                          "rules[2].keep",
		rule(`"keep":1,"kep":1`):                                     "rules[2].kep",
		rule(`"keep":1,"days":[]`):                                   "rules[2].days",
		rule(`"keep":1,"days":[0]`):                                  "rules[2].days[0]",
		rule(`"keep":1,"days":[1,32]`):                               "rules[2].days[1]",
		rule(`"keep":1,"days":[1,1]`):                                "rules[2].days[1]",
		rule(`"keep":1,"days":[30],"months":[2]`):                    "rules[2].days[0]",
		rule(`"keep":1,"days":[31],"months":[2,4,6,9,11]`):           "rules[2].days[0]",
		rule(`"keep":1,"months":[13]`):                               "rules[2].months[0]",
		rule(`"keep":1,"weekdays":["Friday"]`):                       "rules[2].weekdays[0]",
		rule(`"keep":1,"weekdays":["friday","friday"]`):              "rules[2].weekdays[1]",
		rule(`"keep":1,"at":["04:00","4:00"]`):                       "rules[2].at[1]",
		rule(`"keep":1,"at":["25:00"]`):                              "rules[2].at[0]",
		rule(`"keep":1,"at":["04:00","04:00"]`):                      "rules[2].at[1]",
		rule(`"keep":1,"at":[4]`):                                    "rules[2].at[0]",
		`{"rules":` + strings.Repeat(" ", policy.MaxFileBytes) + `}`: "policy",
	} {
		_, err := policy.Parse([]byte(text))
		e, ok := err.(*errs.Error) //nolint:errorlint // the field is wanted, unwrapped
		if !ok || e.Kind != errs.Invalid || e.Field != field || strings.Contains(e.Error(), "\n") {
			t.Errorf("Parse(%.90s) = %v, want field %s", text, err, field)
		}
	}
}

func TestParse_TakesARuleThatFiresSeldom(t *testing.T) {
	t.Parallel()
	text := `{"night":"02:30","rules":[` + both + `,{"kind":"data","tier":"leap","keep":1,"months":[2],"days":[29],"weekdays":["monday"],"at":["04:00"]}]}`
	p, err := policy.Parse([]byte(text))
	if err != nil || p.Night != 150 {
		t.Fatalf("%+v, %v", p, err)
	}
	if got := p.Rules[2].Schedule.Words(p.Night); got != "every Monday that is the 29th of February at 04:00" {
		t.Error(got)
	}
}

func TestParse_WindowAndGraceMayBeLeftOut(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]time.Duration{
		`{"rules":[` + both + `]}`:                                                                             {policy.DefaultWindow, policy.DefaultGrace},
		`{"rules":[` + both + `],"window":"00:00","grace":"72:00"}`:                                            {0, 72 * time.Hour},
		`{"rules":[` + both + `],"window":"12:00","grace":"00:05"}`:                                            {12 * time.Hour, 5 * time.Minute},
		`{"rules":[` + both + `,{"kind":"data","tier":"x","keep":1,"at":["04:00","05:01"]}]}`:                  {30 * time.Minute, policy.DefaultGrace},
		`{"rules":[` + both + `,{"kind":"data","tier":"x","keep":1,"at":["00:00","23:59"]}]}`:                  {0, policy.DefaultGrace},
		`{"rules":[` + both + `,{"kind":"data","tier":"x","keep":1,"at":["00:00","04:00"]}],"window":"03:59"}`: {239 * time.Minute, policy.DefaultGrace},
	} {
		p, err := policy.Parse([]byte(text))
		if err != nil || p.Window != want[0] || p.Grace != want[1] {
			t.Errorf("Parse(%s): window %s, grace %s, %v", text, p.Window, p.Grace, err)
		}
	}
	odd := policy.Default()
	if odd.Window += time.Second; !errs.Is(odd.Validate(), errs.Invalid) {
		t.Error("a window of seconds could not be written")
	}
}

func FuzzParse(f *testing.F) {
	b, err := json.Marshal(policy.Default())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"night":"02:30","rules":[` + both + `,{"kind":"data","tier":"x","keep":1,"months":[2],"days":[29]}]}`))
	f.Add([]byte(`{"window":"00:20","grace":"72:00","rules":[` + both + `,{"kind":"data","tier":"x","keep":1,"at":["00:10","23:50"]}]}`))
	f.Add([]byte(`{"a":{"a":[[["\u0000"]]]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := policy.Parse(b)
		if err != nil {
			if !errs.Is(err, errs.Invalid) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("not one clear line: %q", err)
			}
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		q, err := policy.Parse(again)
		if err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("%s became %+v, %v", again, q, err)
		}
		for _, r := range append(p.Of("data"), p.Of("database")...) {
			if slots := r.Between(time.UTC, time.Unix(0, 0), time.Unix(0, 0).AddDate(0, 3, 0)); len(slots) > 1 && slots[1].Due.Sub(slots[0].Due) <= p.Window {
				t.Fatalf("a site at the end of the window of %s would miss slots of %+v", p.Window, r)
			}
			if _, ok := r.Next(time.UTC, time.Unix(0, 0)); !ok {
				t.Fatalf("%+v never fires", r)
			}
		}
	})
}

func FuzzParseOutage(f *testing.F) {
	f.Add("2026-04-30T22:00:00Z/2026-05-02T09:30:00Z")
	f.Add("2026-04-30T22:00:00+02:00/2026-05-02T09:30:00.5-11:00")
	f.Add("/")
	f.Fuzz(func(t *testing.T, s string) {
		o, err := policy.ParseOutage("--down", s)
		if err != nil {
			if !errs.Is(err, errs.Invalid) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("not one clear line: %q", err)
			}
			return
		}
		if o.To.Before(o.From) {
			t.Fatalf("%q ends before it begins", s)
		}
		again, err := policy.ParseOutage("--down", o.From.Format(time.RFC3339Nano)+"/"+o.To.Format(time.RFC3339Nano))
		if err != nil || again != o {
			t.Fatalf("%q became %v, %v", s, again, err)
		}
	})
}

func FuzzParseSlot(f *testing.F) {
	for _, s := range []string{"2026-04-24T00:00", "0000-01-01T00:00", "9999-12-31T23:59", "2026-02-30T00:00", "2026-04-24T00:00Z", "-1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		slot, err := policy.ParseSlot(s)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("not one clear line: %q", err)
			}
			return
		}
		if slot.String() != s {
			t.Fatalf("%q became %s", s, slot)
		}
		b, err := json.Marshal(policy.Tiers{{Tier: policy.Daily, Slot: slot}})
		if err != nil {
			t.Fatal(err)
		}
		var tiers policy.Tiers
		if err := json.Unmarshal(b, &tiers); err != nil {
			t.Fatal(err)
		}
		if again, ok := tiers.Get(policy.Daily); !ok || again != slot {
			t.Fatalf("%s became %v", b, tiers)
		}
		if due := policy.Due(slot, time.UTC); due.Format("2006-01-02T15:04") != s {
			t.Fatalf("%s is due %s", s, due)
		}
	})
}
