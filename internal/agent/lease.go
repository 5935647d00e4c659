package agent

import (
	"path/filepath"
	"regexp"
	"slices"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
)

// repositoriesOf gives every repository that a lease names, each once.
func repositoriesOf(l agentproto.Lease) []agentproto.Repository {
	var all []agentproto.Repository
	if l.Repository.Name != "" {
		all = append(all, l.Repository)
	}
	if l.Files != nil && l.Files.Name != "" {
		all = append(all, *l.Files)
	}
	if l.Restore != nil {
		for _, from := range []*agentproto.RestoreFrom{l.Restore.Database, l.Restore.Data, l.Restore.Named} {
			if from != nil && !slices.ContainsFunc(all, func(r agentproto.Repository) bool { return r.Name == from.Repository.Name }) {
				all = append(all, from.Repository)
			}
		}
	}
	return all
}

// withoutTokens is a lease whose storage tokens are elsewhere.
func withoutTokens(l agentproto.Lease) agentproto.Lease {
	l.Repository.Token = ""
	if l.Files != nil {
		bare := *l.Files
		bare.Token = ""
		l.Files = &bare
	}
	if l.Restore == nil {
		return l
	}
	r := *l.Restore
	for _, from := range []**agentproto.RestoreFrom{&r.Database, &r.Data, &r.Named} {
		if *from != nil {
			bare := **from
			bare.Repository.Token = ""
			*from = &bare
		}
	}
	l.Restore = &r
	return l
}

// checkLease refuses what no sound control plane sends; its identifiers become
// file names here.
func checkLease(l agentproto.Lease) error {
	var bad string
	switch {
	case !safeID.MatchString(l.Run):
		bad = "the run's id"
	case l.Kind == agentproto.KindDiscover:
		bad = checkDiscover(l)
	case !safeID.MatchString(l.Site.ID):
		bad = "the site's id"
	case !filepath.IsAbs(l.Site.CodeDir), l.Site.AccountRoot != "" && !filepath.IsAbs(l.Site.AccountRoot):
		bad = "a folder"
	default:
		bad = checkWork(l)
	}
	if bad == "" {
		return nil
	}
	return &codedError{code: CodeBadLease, err: errs.New(errs.Invalid, "The lease is not one that this agent understands: %s is wrong.", bad)}
}

// restoreID is what a journal may be called.
var restoreID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{3,63}$`)

// checkWork names what is wrong with what a lease wants done, "" if nothing is.
func checkWork(l agentproto.Lease) string {
	r := l.Restore
	switch l.Kind {
	case agentproto.KindDatabase, agentproto.KindData:
		if r != nil || !whole(l.Repository) || l.Files != nil && !whole(*l.Files) {
			return "the repository"
		}
		return ""
	case agentproto.KindRestore, agentproto.KindFiles, agentproto.KindSettle, agentproto.KindUndo:
	default:
		return "the kind"
	}
	if r == nil || !restoreID.MatchString(r.ID) {
		return "the restore's id"
	}
	for _, from := range []*agentproto.RestoreFrom{r.Database, r.Data, r.Named} {
		if from != nil && (from.Snapshot == "" || !whole(from.Repository)) {
			return "a copy"
		}
	}
	switch {
	case l.Kind == agentproto.KindRestore && r.Database == nil && r.Data == nil:
		return "what to restore"
	case l.Kind == agentproto.KindFiles && (r.Data == nil || !checkFiles(r.Files)):
		return "which files to restore"
	}
	return ""
}

func whole(r agentproto.Repository) bool { return r.Name != "" && r.Password != "" && r.URL != "" }
