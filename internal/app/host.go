package app

import (
	"context"
	"regexp"
	"strings"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/host"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// EnrolmentLife is how long an enrolment token waits for its one use.
const EnrolmentLife = 24 * time.Hour

var hostName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

// AddHost adds a machine and gives the one-time token with which its agent
// enrols. maxRuns is the exact number of runs the host may have at once.
func (a *App) AddHost(ctx context.Context, who authz.Actor, name string, maxRuns int32) (id.Host, string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if !hostName.MatchString(name) {
		return id.Host{}, "", errs.Field("name", "%q must be letters, digits, dots and hyphens, 63 at most, like host-a", name)
	}
	if err := checkMaxRuns(maxRuns); err != nil {
		return id.Host{}, "", err
	}
	made := id.New[id.Host]()
	var token string
	err := a.do(ctx, who, authz.ManageHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		err := tx.InsertHost(ctx, dbq.InsertHostParams{ID: made, Name: name, MaxRuns: maxRuns, CreatedAt: tx.Now})
		if store.Constraint(err) == "host_name_key" {
			return errs.Field("name", "%s is taken", name)
		}
		if err != nil {
			return err
		}
		if err := tx.Event(ctx, "host.added", store.Subject{Kind: "host", ID: made.UUID()}, map[string]any{"name": name, "to": maxRuns}); err != nil {
			return err
		}
		token, err = newEnrolment(ctx, tx, made, name)
		return err
	})
	return made, token, err
}

// NewEnrolment gives a fresh enrolment token for a host that exists, say after
// its agent's credential was lost or revoked.
func (a *App) NewEnrolment(ctx context.Context, who authz.Actor, name string) (token string, err error) {
	err = a.do(ctx, who, authz.ManageHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		h, err := tx.HostByName(ctx, name)
		if err != nil {
			return noSuch(err, "host", name, "holdfast host list")
		}
		token, err = newEnrolment(ctx, tx, h.ID, h.Name)
		return err
	})
	return token, err
}

func newEnrolment(ctx context.Context, tx *store.Tx, of id.Host, name string) (string, error) {
	token, err := seal.NewToken("hfe_")
	if err != nil {
		return "", err
	}
	p := dbq.InsertEnrolmentParams{
		ID: id.New[id.Enrolment](), HostID: of, TokenHash: seal.Hash(token), ExpiresAt: tx.Now.Add(EnrolmentLife), CreatedAt: tx.Now,
	}
	if err := tx.InsertEnrolment(ctx, p); err != nil {
		return "", err
	}
	return token, tx.Event(ctx, "host.enrolment_made", store.Subject{Kind: "host", ID: of.UUID()}, map[string]any{"name": name})
}

// MoveHost puts a host into maintenance (no new leases), back to active, or
// revokes its agent's credential. What runs there goes on: in maintenance it
// ends as ever; a revoked agent can report it to nobody. reason is kept in the
// event; it may be "".
func (a *App) MoveHost(ctx context.Context, who authz.Actor, name string, to dbq.HostState, reason string) error {
	reason = strings.TrimSpace(reason)
	if len([]rune(reason)) > maxReason {
		return errs.Field("reason", "must be %d characters at most", maxReason)
	}
	return a.do(ctx, who, authz.ManageHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		h, err := tx.HostByName(ctx, name)
		if err != nil {
			return noSuch(err, "host", name, "holdfast host list")
		}
		if _, err := host.Toward(host.State(h.State), host.State(to)); err != nil {
			return err
		}
		n, err := tx.SetHostState(ctx, dbq.SetHostStateParams{ID: h.ID, ToState: to, FromState: h.State})
		if err == nil && n == 0 {
			err = errs.New(errs.Conflict, "The host changed just now; look again.")
		}
		if err != nil {
			return err
		}
		if to == dbq.HostStateRevoked { // a token that is still about must not undo it
			if _, err := tx.DropEnrolments(ctx, dbq.DropEnrolmentsParams{HostID: h.ID, Now: tx.Now}); err != nil {
				return err
			}
		}
		if err := tx.Notify(ctx, store.ChannelWork, h.ID.String()); err != nil {
			return err
		}
		return tx.Event(ctx, "host."+string(to), store.Subject{Kind: "host", ID: h.ID.UUID()}, map[string]any{"name": h.Name, "reason": clip(reason, 4*maxReason)})
	})
}

// maxReason is how long a reason may be, in characters.
const maxReason = 300

// SetHostLimit changes how many runs a host may have at once. Runs that are at
// work go on, also where there are now more than may be.
func (a *App) SetHostLimit(ctx context.Context, who authz.Actor, name string, maxRuns int32) error {
	if err := checkMaxRuns(maxRuns); err != nil {
		return err
	}
	return a.do(ctx, who, authz.ManageHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		h, err := tx.HostByName(ctx, name)
		if err != nil {
			return noSuch(err, "host", name, "holdfast host list")
		}
		if h.MaxRuns == maxRuns {
			return nil
		}
		if _, err := tx.SetHostLimit(ctx, dbq.SetHostLimitParams{ID: h.ID, MaxRuns: maxRuns}); err != nil {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelWork, h.ID.String()); err != nil {
			return err
		}
		return tx.Event(ctx, "host.limited", store.Subject{Kind: "host", ID: h.ID.UUID()}, map[string]any{"name": h.Name, "from": h.MaxRuns, "to": maxRuns})
	})
}

// MaxHostRuns is the highest limit of a host.
const MaxHostRuns = 64

func checkMaxRuns(n int32) error {
	if n < 1 || n > MaxHostRuns {
		return errs.Field("max-runs", "must be 1 to %d, not %d", MaxHostRuns, n)
	}
	return nil
}

// EnrolCommand is the one line to paste on a host. The token comes by a pipe:
// printf is the shell's own, so no list of processes shows it. pin is "" where
// the system's authorities vouch for the door.
func EnrolCommand(token, server, pin string) string {
	line := "printf %s " + token + " | holdfast-agent enrol --token-file - --server " + server
	if pin != "" {
		line += " --pin " + pin
	}
	return line + " --allow-root /var/www"
}

// ListHosts gives every host with its load.
func (a *App) ListHosts(ctx context.Context, who authz.Actor) (rows []dbq.ListHostsRow, err error) {
	err = a.do(ctx, who, authz.ViewHosts, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err = tx.ListHosts(ctx)
		return err
	})
	return rows, err
}

// Enrol trades a one-time token for a credential, of which only the hash is kept.
func (a *App) Enrol(ctx context.Context, r agentproto.EnrolRequest) (agentproto.EnrolAnswer, error) {
	credential, err := seal.NewToken("hfa_")
	if err != nil {
		return agentproto.EnrolAnswer{}, err
	}
	answer := agentproto.EnrolAnswer{Credential: credential}
	err = a.system(ctx, "enrol", func(ctx context.Context, tx *store.Tx) error {
		of, err := tx.UseEnrolment(ctx, dbq.UseEnrolmentParams{TokenHash: seal.Hash(r.Token), Now: tx.Now})
		if isNoRows(err) {
			return errs.New(errs.Unsigned, "This enrolment token is unknown, used or older than a day; make another with: holdfast host enrol NAME")
		}
		if err != nil {
			return err
		}
		h, err := tx.HostByID(ctx, of)
		if err != nil {
			return err
		}
		if _, err := host.Apply(host.State(h.State), host.Enrol); err != nil {
			return err
		}
		answer.HostID, answer.HostName = h.ID.String(), h.Name
		_, err = tx.ActivateHost(ctx, dbq.ActivateHostParams{
			ID: of, CredentialHash: seal.Hash(credential), Hostname: clip(r.Hostname, 253), AgentVersion: clip(r.AgentVersion, 64),
		})
		if err != nil {
			return err
		}
		return tx.Event(ctx, "host.enrolled", store.Subject{Kind: "host", ID: of.UUID()}, map[string]any{"name": h.Name, "hostname": clip(r.Hostname, 253)})
	})
	return answer, err
}

// clip cuts a text from outside to at most n bytes, at a rune's edge, without
// control characters.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > n {
		r := []rune(s[:n+1])
		s = string(r[:len(r)-1])
		if len(s) > n {
			s = strings.ToValidUTF8(s[:n], "")
		}
	}
	return s
}
