package agent

import (
	"context"
	"errors"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// notePlugins puts the code's plug-ins and their fingerprint into the facts of
// a data copy. What cannot be read is a warning; the error is ctx's alone.
func notePlugins(ctx context.Context, f *agentproto.Facts, in moodle.Install) error {
	list, err := moodle.Plugins(ctx, in)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		// The version too is read again: the whole is of one moment.
		var v moodle.Version
		if v, err = in.CodeVersion(); err == nil {
			f.Release, f.Version, f.Branch = v.Release, v.Version, v.Branch
			f.Fingerprint = moodle.CodeFingerprint(v.Version, list)
		}
	}
	f.Plugins = protoPlugins(list)
	if err != nil {
		f.Warnings = append(f.Warnings, clip("A change of the code cannot be seen, for its plug-ins could not be read wholly: "+reason(err), maxWarning))
	}
	return nil
}

// noteVersions puts what the dump says is installed into its facts.
func noteVersions(f *agentproto.Facts, r sitedb.DumpReport) {
	if r.VersionsErr != nil {
		f.Warnings = append(f.Warnings, clip("A change of Moodle cannot be seen in this copy, for the database's versions could not be read: "+reason(r.VersionsErr), maxWarning))
		return
	}
	v := r.Versions
	f.DBVersion, f.AllVersionsHash, f.DBPlugins, f.Fingerprint = v.Version, v.AllVersionsHash, protoPlugins(v.Plugins), v.Fingerprint()
}

// reason says why, also where no sentence was written for a person.
func reason(err error) string {
	var said *errs.Error
	if errors.As(err, &said) {
		return errs.Sentence(err)
	}
	return err.Error()
}

func protoPlugins(in []moodle.Plugin) []agentproto.Plugin {
	out := make([]agentproto.Plugin, 0, len(in))
	for _, p := range in {
		out = append(out, agentproto.Plugin(p))
	}
	return out
}

// maxWarning is how many bytes of a warning are kept.
const maxWarning = 1000
