package dash

import (
	"context"
	"strings"

	"holdfast/internal/app"
	"holdfast/internal/store/dbq"
)

// namesOf gives the names of those who did what is told, for staff; customers
// are told that it was our staff, not who of them.
func (d *Door) namesOf(ctx context.Context, p app.Person, all []dbq.Event, more ...string) (map[string]string, error) {
	if !isStaff(p) {
		return nil, nil
	}
	for _, e := range all {
		more = append(more, e.Actor)
	}
	return d.app.ActorNames(ctx, p.Actor, more)
}

// actorWords is whoWords where no names were looked up.
func actorWords(actor string, p app.Person, organisation string) string {
	return whoWords(actor, p, organisation, nil)
}

// whoWords says by whom something was done, as far as whoever looks needs it;
// nothing for what nobody knows. names are of those who have one.
func whoWords(actor string, p app.Person, organisation string, names map[string]string) string {
	kind, _, _ := strings.Cut(actor, ":")
	name := names[actor]
	switch {
	case actor != "" && actor == p.Actor.Name:
		return "by you"
	case kind == "system" || strings.HasPrefix(actor, "agent"):
		return "by itself"
	case !isStaff(p) && (kind == "staff" || kind == "cli"):
		return "by our staff"
	case kind == "cli":
		return "at the command line"
	case kind == "staff" && name != "":
		return "by " + name + " (staff)"
	case kind == "staff":
		return "by somebody of the staff"
	case kind == "customer" && name != "":
		return "by " + name + " (" + organisation + ")"
	case kind == "customer":
		return "by somebody of " + organisation
	case kind == "token" && name != "":
		return "by a program with the token " + name
	case kind == "token":
		return "by a program with a token"
	}
	return ""
}
