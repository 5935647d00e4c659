package agent

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

// The codes of a run that gave no good copy. docs/agent-protocol.md lists them.
const (
	CodeUpgradeRunning = "upgrade-running"
	CodeTablesChanging = "tables-changing"
	CodeSiteBusy       = "site-busy"
	CodeNotFound       = "not-found"
	CodeInvalidSite    = "invalid-site"
	CodeForbidden      = "forbidden"
	CodeUnavailable    = "unavailable"
	CodeQuota          = "quota"
	CodeChecksum       = "checksum"
	CodeFailed         = "failed"
	CodeStopped        = "stopped"
	CodeChildDied      = "child-died"
	CodeBadLease       = "bad-lease"
	CodeUnreadable     = "unreadable-files"
	CodeCopyDamaged    = "copy-damaged"
	CodeCheckFailed    = "check-failed"
	CodeNotVerified    = "not-verified"
	CodeRolledBack     = "rolled-back"
	CodeNotRolledBack  = "not-rolled-back"
	CodeNothingKept    = "nothing-kept"
	CodeNoRoom         = "no-room"
)

// siteBusyWait is how long a run waits when another process works on its site.
const siteBusyWait = time.Minute

// maxErrorBytes bounds the sentence that a result carries.
const maxErrorBytes = 1000

// Result is what came of one run, before it is known who reports it.
type Result struct {
	Outcome   string           `json:"outcome"`
	Error     string           `json:"error,omitempty"`
	ErrorCode string           `json:"error_code,omitempty"`
	NotBefore string           `json:"not_before,omitempty"`
	Copy      *agentproto.Copy `json:"copy,omitempty"`
	Evidence  json.RawMessage  `json:"evidence,omitempty"` // of what is no backup
}

// resultOf turns what Take gave into an outcome. secrets are cut out of the
// sentence, should a library have put one there.
func resultOf(ctx context.Context, c agentproto.Copy, err error, now time.Time, secrets ...string) Result {
	if err == nil {
		if len(c.Problems) == 0 {
			return Result{Outcome: agentproto.OutcomeGood, Copy: &c}
		}
		return Result{
			Outcome: agentproto.OutcomeIncomplete, ErrorCode: CodeUnreadable, Copy: &c,
			Error: "Some files could not be read, so the copy lacks them; the first is " + redact(clip(c.Problems[0].Path, 300), secrets...) + ".",
		}
	}
	r := Result{Outcome: agentproto.OutcomeFailed, ErrorCode: CodeFailed, Error: redact(clip(sentence(err), maxErrorBytes), secrets...)}
	var outside *outsideError
	var coded *codedError
	var upgrade *sitedb.UpgradeRunningError
	switch {
	case ctx.Err() != nil:
		return Result{Outcome: agentproto.OutcomeStopped, ErrorCode: CodeStopped, Error: "The backup was stopped before it ended; nothing of it counts."}
	case errors.As(err, &outside):
		r.Outcome, r.ErrorCode = agentproto.OutcomeRefused, CodeOutsideRoots
	case errors.As(err, &upgrade):
		r.ErrorCode, r.NotBefore = CodeUpgradeRunning, upgrade.Until.UTC().Format(time.RFC3339)
	case errors.As(err, &coded):
		r.ErrorCode = coded.code
		if coded.code == CodeSiteBusy {
			r.NotBefore = now.Add(siteBusyWait).UTC().Format(time.RFC3339)
		}
	default:
		r.ErrorCode = codeOfKind(errs.KindOf(err))
	}
	return r
}

// codeIn gives the code that an error names itself, "" if none.
func codeIn(err error) string {
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return ""
}

func codeOfKind(k errs.Kind) string {
	switch k {
	case errs.NotFound:
		return CodeNotFound
	case errs.Invalid, errs.Unsupported:
		return CodeInvalidSite
	case errs.Forbidden, errs.Unsigned:
		return CodeForbidden
	case errs.Unavailable:
		return CodeUnavailable
	case errs.TooLarge:
		return CodeQuota
	case errs.Other, errs.Conflict, errs.Stale, errs.Incomplete:
		return CodeFailed
	}
	return CodeFailed
}

// sentence gives the public sentence of an error, or the error's own words
// where it has none: an agent has no better place to send a person to.
func sentence(err error) string {
	var outside *outsideError
	if errors.As(err, &outside) {
		return outside.Error()
	}
	var e *errs.Error
	if errors.As(err, &e) {
		s := errs.Sentence(err)
		// An Unavailable or Conflict sentence seldom says why; the cause does.
		if e.Cause != nil && e.Kind != errs.Forbidden && e.Kind != errs.Unsigned && e.Kind != errs.Invalid {
			bare, cause := strings.TrimSuffix(s, "."), e.Cause.Error()
			if !strings.Contains(cause, bare) { // the vault says its sentence, and its client the same
				s = bare + ": " + cause
			}
		}
		return s
	}
	return err.Error()
}

// redact cuts secrets out of a text.
func redact(s string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) >= 4 {
			s = strings.ReplaceAll(s, secret, "[secret]")
		}
	}
	return s
}
