package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
)

// MaxFileBytes is the size of the largest policy file that Parse reads.
const MaxFileBytes = 1 << 20

// Parse reads a policy file: JSON of the form that MarshalJSON writes. An
// unknown key, a key that is there twice, a wrong type and whatever Validate
// refuses is an errs.Field that names the key.
func Parse(b []byte) (Policy, error) {
	var p Policy
	if len(b) > MaxFileBytes {
		return p, errs.Field("policy", "the file is larger than %d bytes", MaxFileBytes)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	tree, err := value(d, "policy", 0)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errs.Field("policy", "something follows the end of the JSON object")
		}
	}
	if err != nil {
		return p, err
	}
	if p, err = readPolicy(tree); err != nil {
		return Policy{}, err
	}
	return p, p.Validate()
}

// keepReferenced is the key of KeepReferencedFiles. Left out it is on.
const keepReferenced = "keep-referenced-files"

// maxDepth is deeper than any policy goes.
const maxDepth = 8

// value reads one JSON value as nil, bool, string, json.Number, []any or
// map[string]any, and refuses a key that an object has twice.
func value(d *json.Decoder, at string, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, errs.Field("policy", "not JSON, near byte %d", d.InputOffset())
	}
	delim, open := t.(json.Delim)
	if !open {
		return t, nil
	}
	if depth == maxDepth {
		return nil, errs.Field(at, "is nested too deeply")
	}
	var list []any
	object := map[string]any{}
	for d.More() {
		key := at + "[" + strconv.Itoa(len(list)) + "]"
		name := ""
		if delim == '{' {
			if t, err = d.Token(); err != nil {
				return nil, errs.Field("policy", "not JSON, near byte %d", d.InputOffset())
			}
			name = fmt.Sprint(t)
			key = below(at, name)
			if _, twice := object[name]; twice {
				return nil, errs.Field(key, "is there twice")
			}
		}
		v, err := value(d, key, depth+1)
		if err != nil {
			return nil, err
		}
		if delim == '{' {
			object[name] = v
		} else {
			list = append(list, v)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errs.Field("policy", "not JSON, near byte %d", d.InputOffset())
	}
	if delim == '{' {
		return object, nil
	}
	return append([]any{}, list...), nil
}

// below names a key of an object. Keys of the file's own object stand alone.
// A key is made printable, for it may be anything.
func below(at, name string) string {
	if quoted := strconv.QuoteToASCII(name); quoted != `"`+name+`"` || len(name) > 40 {
		name = quoted[:min(len(quoted), 40)]
	}
	if at == "policy" {
		return name
	}
	return at + "." + name
}

func readPolicy(tree any) (Policy, error) {
	var p Policy
	o, err := objectOf("policy", tree, "name", "night", "window", "grace", keepReferenced, "rules")
	if err != nil {
		return p, err
	}
	if v, ok := o["name"]; ok {
		if p.Name, err = text("name", v); err != nil {
			return p, err
		}
	}
	if v, ok := o["night"]; ok {
		if p.Night, err = timeOf("night", v); err != nil {
			return p, err
		}
	}
	p.KeepReferencedFiles = true
	if v, ok := o[keepReferenced]; ok {
		if p.KeepReferencedFiles, ok = v.(bool); !ok {
			return p, errs.Field(keepReferenced, "must be true or false")
		}
	}
	v, ok := o["rules"]
	if !ok {
		return p, errs.Field("rules", "is missing")
	}
	if p.Rules, err = listOf("rules", v, readRule); err != nil {
		return p, err
	}
	return p, p.readSpans(o)
}

// readSpans reads the window and the grace. A window that is left out is the
// usual one, or half the shortest distance between a rule's times of day
// where that does not fit.
func (p *Policy) readSpans(o map[string]any) (err error) {
	p.Window, p.Grace = DefaultWindow, DefaultGrace
	if closest, _ := p.closest(); closest <= p.Window {
		p.Window = (closest / 2).Truncate(time.Minute)
	}
	if v, ok := o["window"]; ok {
		if p.Window, err = spanOf("window", v); err != nil {
			return err
		}
	}
	if v, ok := o["grace"]; ok {
		p.Grace, err = spanOf("grace", v)
	}
	return err
}

func readRule(at string, v any) (Rule, error) {
	var r Rule
	o, err := objectOf(at, v, "kind", "tier", "keep", "months", "days", "weekdays", "at")
	if err != nil {
		return r, err
	}
	for _, key := range []string{"kind", "tier", "keep"} {
		if _, ok := o[key]; !ok {
			return r, errs.Field(at+"."+key, "is missing")
		}
	}
	kind, err := text(at+".kind", o["kind"])
	if err != nil {
		return r, err
	}
	tier, err := text(at+".tier", o["tier"])
	if err != nil {
		return r, err
	}
	r.Kind, r.Tier = backup.Kind(kind), Tier(tier)
	if r.Keep, err = whole(at+".keep", o["keep"]); err != nil {
		return r, err
	}
	r.Schedule, err = readSchedule(at, o)
	return r, err
}

func readSchedule(at string, o map[string]any) (s Schedule, err error) {
	if v, ok := o["months"]; ok {
		if s.Months, err = listOf(at+".months", v, month); err != nil {
			return s, err
		}
	}
	if v, ok := o["days"]; ok {
		if s.Days, err = listOf(at+".days", v, whole); err != nil {
			return s, err
		}
	}
	if v, ok := o["weekdays"]; ok {
		if s.Weekdays, err = listOf(at+".weekdays", v, weekday); err != nil {
			return s, err
		}
	}
	if v, ok := o["at"]; ok {
		s.At, err = listOf(at+".at", v, timeOf)
	}
	return s, err
}

func objectOf(at string, v any, known ...string) (map[string]any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errs.Field(at, "must be an object")
	}
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, errs.Field(below(at, name), "is not a key here; the keys are %s", strings.Join(known, ", "))
		}
	}
	return o, nil
}

func listOf[T any](at string, v any, read func(string, any) (T, error)) ([]T, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errs.Field(at, "must be a list")
	}
	if len(list) == 0 {
		return nil, errs.Field(at, "is empty, so nothing could ever fire; leave the key out to restrict nothing")
	}
	out := make([]T, 0, len(list))
	for i, e := range list {
		t, err := read(at+"["+strconv.Itoa(i)+"]", e)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func text(at string, v any) (string, error) {
	s, ok := v.(string)
	if !ok || len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return "", errs.Field(at, "must be a short printable text")
	}
	return s, nil
}

func whole(at string, v any) (int, error) {
	n, ok := v.(json.Number)
	if ok {
		if i, err := strconv.Atoi(n.String()); err == nil {
			return i, nil
		}
	}
	return 0, errs.Field(at, "must be a whole number")
}

func month(at string, v any) (time.Month, error) {
	n, err := whole(at, v)
	return time.Month(n), err
}

func timeOf(at string, v any) (TimeOfDay, error) {
	s, err := text(at, v)
	if err != nil {
		return 0, errs.Field(at, "must be a time of day, like \"04:00\"")
	}
	return ParseTimeOfDay(at, s)
}

func spanOf(at string, v any) (time.Duration, error) {
	s, err := text(at, v)
	if err != nil {
		return 0, errs.Field(at, "must be hours and minutes, like \"01:30\"")
	}
	return ParseHoursMinutes(at, s)
}

func weekday(at string, v any) (time.Weekday, error) {
	s, _ := v.(string)
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.ToLower(d.String()) == s {
			return d, nil
		}
	}
	return 0, errs.Field(at, "must be a day of the week, like \"friday\"")
}
