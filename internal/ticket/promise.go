package ticket

import "time"

// Target is what is promised of a priority, in business time.
type Target struct{ Reply, Resolve time.Duration }

// TargetOf gives what is promised: when the first answer comes, and when the
// ticket is done.
func TargetOf(p Priority) Target {
	switch p {
	case Urgent:
		return Target{Reply: time.Hour, Resolve: 4 * time.Hour}
	case High:
		return Target{Reply: 2 * time.Hour, Resolve: 8 * time.Hour}
	case Low:
		return Target{Reply: 16 * time.Hour, Resolve: 80 * time.Hour}
	default:
		return Target{Reply: 8 * time.Hour, Resolve: 40 * time.Hour}
	}
}

// Clock is a ticket's promises of time. Zero is none. While it waits for the
// customer, both stand since WaitsSince.
type Clock struct {
	ReplyDue   time.Time
	ResolveDue time.Time
	WaitsSince time.Time
}

// Begin starts both at an instant.
func Begin(h Hours, p Priority, at time.Time) Clock {
	t := TargetOf(p)
	return Clock{ReplyDue: h.Add(at, t.Reply), ResolveDue: h.Add(at, t.Resolve)}
}

// Wait lets the clocks stand; waiting already changes nothing.
func (c Clock) Wait(at time.Time) Clock {
	if c.WaitsSince.IsZero() {
		c.WaitsSince = at
	}
	return c
}

// GoOn lets them run again: as much business time is left as was when they
// came to stand. What was late already stays as late.
func (c Clock) GoOn(h Hours, at time.Time) Clock {
	if c.WaitsSince.IsZero() {
		return c
	}
	since := c.WaitsSince
	c.WaitsSince = time.Time{}
	if at.Before(since) {
		return c
	}
	shift := func(due time.Time) time.Time {
		if due.IsZero() || !due.After(since) {
			return due
		}
		return h.Add(at, h.Between(since, due))
	}
	c.ReplyDue, c.ResolveDue = shift(c.ReplyDue), shift(c.ResolveDue)
	return c
}

// Answered ends the promise of a first answer.
func (c Clock) Answered() Clock {
	c.ReplyDue = time.Time{}
	return c
}

// Reprioritise moves what is promised from one priority's to another's, from
// begin on; the business time that the clocks stood stays taken off.
func (c Clock) Reprioritise(h Hours, begin time.Time, from, to Priority) Clock {
	was, is := TargetOf(from), TargetOf(to)
	move := func(due time.Time, was, is time.Duration) time.Time {
		if due.IsZero() {
			return due
		}
		stood := max(0, h.Between(begin, due)-was)
		return h.Add(begin, is+stood)
	}
	c.ReplyDue, c.ResolveDue = move(c.ReplyDue, was.Reply, is.Reply), move(c.ResolveDue, was.Resolve, is.Resolve)
	return c
}

// Left gives the business time until due, counted at now or, while the clocks
// stand, when they came to; negative: late by so much. Zero without a promise.
func (c Clock) Left(h Hours, due, now time.Time) time.Duration {
	if due.IsZero() {
		return 0
	}
	if !c.WaitsSince.IsZero() && c.WaitsSince.Before(now) {
		now = c.WaitsSince
	}
	return h.Between(now, due)
}

// Late tells whether due is past and the clocks run.
func (c Clock) Late(due, now time.Time) bool {
	return !due.IsZero() && c.WaitsSince.IsZero() && !now.Before(due)
}
