package inplace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// Check looks at everything that could stand in the way and changes nothing
// (it makes and removes a folder beside each tree, and a table or a database
// beside the site's). The error is ctx's, or that the site cannot be read at all.
func Check(ctx context.Context, o Options) (Checks, error) {
	w := newWork(o)
	if !plainID.MatchString(o.ID) {
		return nil, errs.Field("id", "%q cannot name a restore", o.ID)
	}
	w.j = &journal{Held: Held{ID: o.ID, Parts: o.Parts}, dir: filepath.Join(o.Dir, o.ID)}
	return w.check(ctx)
}

// checker gathers outcomes.
type checker struct {
	*work
	all Checks
}

func (c *checker) add(name, outcome, format string, args ...any) {
	c.all = append(c.all, CheckResult{Name: name, Outcome: outcome, Words: fmt.Sprintf(format, args...)})
}

// failed adds a failure for an error, and tells whether there was one.
func (c *checker) failed(name string, err error) bool {
	if err != nil {
		c.Log.Warn("a check before a restore in place failed", "restore", c.j.ID, "check", name, "error", err)
		words := errs.Sentence(err)
		if errs.KindOf(err) == errs.Other {
			words = "This could not be found out; the cause is in the host's log."
		}
		c.add(name, Fail, "%s", words)
	}
	return err != nil
}

// check does all checks and fills the journal's trees and exchange.
func (w *work) check(ctx context.Context) (Checks, error) {
	if w.Parts == (Parts{}) {
		return nil, errs.Field("parts", "say what is to come back: the database, the code, the data")
	}
	c := &checker{work: w}
	if err := w.inspect(ctx, w.CodeDir); err != nil {
		return nil, err
	}
	c.add("site", Pass, "The site is Moodle %s at %s.", w.in.Release, w.in.CodeDir)
	var err error
	if w.j.Trees, err = w.trees(); err != nil {
		return nil, err
	}
	c.earlier()
	c.places()
	c.roots()
	c.rights()
	c.labels()
	if w.Parts.Database {
		c.database(ctx)
	} else if w.conn.Name != "" {
		c.failed("upgrade", sitedb.UpgradeRunning(ctx, w.conn, w.Clock.Now()))
	}
	c.disk(ctx)
	c.versions(ctx)
	if err := ctx.Err(); err != nil {
		return c.all, context.Cause(ctx)
	}
	return c.all, nil
}

// earlier refuses a second restore while another's old state lies aside: to
// undo the first would then undo both.
func (c *checker) earlier() {
	if c.Dir == "" {
		return
	}
	list, err := List(c.Dir)
	if c.failed("earlier restores", err) {
		return
	}
	for _, h := range list {
		if h.ID == c.j.ID || !h.holds() || h.CodeDir != c.in.CodeDir {
			continue
		}
		c.add("earlier restores", Fail, "The restore %s of this site is %s; accept or undo it first.", h.ID, strings.ReplaceAll(h.State, "_", " "))
		return
	}
	c.add("earlier restores", Pass, "No earlier restore of this site is open.")
}

// places looks at where the trees lie.
func (c *checker) places() {
	if within(c.in.DataRoot, c.in.CodeDir) || within(c.in.CodeDir, c.in.DataRoot) {
		if c.Parts.Code || c.Parts.Data {
			c.add("places", Fail, "Code and moodledata lie one in the other (%s, %s), so neither can be exchanged alone. Move moodledata out of the code first, or bring single files back.", c.in.CodeDir, c.in.DataRoot)
			return
		}
	}
	mounts := mountPoints()
	for _, t := range c.j.Trees {
		if t.Inside {
			c.add("places", Warn, "%s is a mount point, so not it but what is in it is exchanged; what is kept lies in %s until it is accepted.", t.Live, filepath.Dir(t.Beside))
		}
		for _, m := range mounts {
			if m != t.Live && within(m, t.Live) {
				c.add("places", Fail, "%s, inside %s, is a mount of its own and would be left behind. Let config.php name it directly, or unmount it first.", m, t.Live)
				return
			}
		}
		if t.Live == "/" || filepath.Dir(t.Live) == t.Live {
			c.add("places", Fail, "%s cannot be exchanged.", t.Live)
			return
		}
	}
	c.add("places", Pass, "The site's folders can be exchanged.")
}

// within tells whether path is dir or lies in it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// mountPoints lists where something is mounted; none where that is not known.
func mountPoints() []string {
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var out []string
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range bytes.Lines(raw) {
		if f := strings.Fields(string(line)); len(f) > 4 {
			out = append(out, unescape.Replace(f[4]))
		}
	}
	return out
}

// roots compares the copy's roots with where the site has its folders now.
func (c *checker) roots() {
	if !c.Parts.Code && !c.Parts.Data {
		return
	}
	have := c.copyRoots()
	for _, t := range c.j.Trees {
		if !slices.Contains(have, t.Name) {
			c.add("folders", Fail, "The site has its folder %s at %s now, and the copy does not hold it apart: it lay elsewhere when the copy was taken. Put config.php back as it was, or bring the files back to a side folder.", t.Name, t.Live)
			return
		}
	}
	for _, name := range have {
		if !c.Parts.Data || name == moodle.RootCode || name == moodle.RootOthers || c.j.treeOf(name) != nil {
			continue
		}
		if name == "filedir" {
			c.add("folders", Fail, "The copy holds filedir apart, as it lay outside moodledata then, and config.php does not name it now. Put that back first.")
			return
		}
		c.add("folders", Warn, "The copy holds a folder %s apart that config.php does not name any more; it does not come back.", name)
	}
	c.add("folders", Pass, "The copy's folders are those of the site.")
}

// rights tries to write beside every tree, and asks whose it is.
func (c *checker) rights() {
	for _, t := range c.j.Trees {
		dir := c.j.holder(t.Live) + "-probe"
		if err := makeHolder(dir); c.failed("rights", err) {
			return
		}
		err := os.Rename(dir, dir+"2")
		if err == nil {
			dir += "2"
		}
		if err = errors.Join(err, os.Remove(dir)); err != nil {
			c.failed("rights", errs.Wrap(errs.Forbidden, err, "Folders beside %s cannot be renamed.", t.Live))
			return
		}
		fi, err := os.Lstat(t.Live)
		if t.OldIno == 0 {
			continue
		}
		if c.failed("rights", err) {
			return
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && os.Geteuid() != 0 && int(st.Uid) != os.Geteuid() {
			c.add("rights", Fail, "%s belongs to user %d and this agent runs as user %d: it cannot give the restored files their owner. Run the agent as root.", t.Live, st.Uid, os.Geteuid())
			return
		}
	}
	if fi, err := os.Stat(c.in.DataRoot); c.lost() {
		c.add("rights", Warn, "moodledata, %s, is not there; it is made anew from the copy.", c.in.DataRoot)
	} else if err != nil || !fi.IsDir() {
		c.add("rights", Fail, "moodledata, %s, is not there or may not be entered; the site cannot be closed for the restore.", c.in.DataRoot)
		return
	}
	c.add("rights", Pass, "We may write beside the site's folders and rename them.")
}

// labels warns of what a copy does not hold of a file.
func (c *checker) labels() {
	for _, t := range c.j.Trees {
		for _, label := range labelsOf(t.Live) {
			c.add("labels", Warn, "%s carries %s, which copies do not hold; set them anew after the restore.", t.Live, label)
		}
	}
}

// headBytes is how much of a dump is looked at beforehand.
const headBytes = 256 << 10

var errEnough = errors.New("enough was read")

// headOf is the beginning of a stream.
type headOf struct{ buf bytes.Buffer }

// Write takes what is needed and then ends the stream.
func (h *headOf) Write(p []byte) (int, error) {
	room := headBytes - h.buf.Len()
	h.buf.Write(p[:max(0, min(room, len(p)))])
	if h.buf.Len() >= headBytes {
		return 0, errEnough
	}
	return len(p), nil
}

// database looks at the server, the client programs, the user's rights, the
// dump's beginning and whether Moodle is at work on an upgrade.
func (c *checker) database(ctx context.Context) {
	now, err := sitedb.Look(ctx, c.conn)
	if c.failed("database", err) {
		return
	}
	if c.Expect.Flavour != "" && c.Expect.Flavour.Family() != now.Flavour.Family() {
		c.add("database", Fail, "The copy is of a %s database and the site's is %s.", c.Expect.Flavour, now.Flavour)
		return
	}
	for _, t := range c.Expect.Tables {
		if !strings.HasPrefix(t.Name, c.conn.Prefix) {
			c.add("database", Fail, "The copy's tables have another prefix than config.php names now (%q): %s is one of them.", c.conn.Prefix, t.Name)
			return
		}
	}
	if c.Expect.Flavour != "" && c.Expect.Flavour != now.Flavour {
		c.add("database", Warn, "The copy is of %s and the server is %s now; most dumps load, and what does not is refused.", c.Expect.Flavour, now.Flavour)
	} else {
		c.add("database", Pass, "The server is %s %s, and its client program is here.", now.Flavour, now.ServerVersion)
	}
	if c.failed("upgrade", sitedb.UpgradeRunning(ctx, c.conn, c.Clock.Now())) {
		return
	}
	h := &headOf{}
	if err := c.Source.Dump(ctx, h, func(int64, int64) {}); err != nil && h.buf.Len() < headBytes {
		c.failed("dump", errs.Wrap(errs.Incomplete, err, "The copy of the database cannot be read."))
		return
	}
	if c.failed("dump", sitedb.Fits(ctx, c.conn, h.buf.Bytes())) {
		return
	}
	c.add("dump", Pass, "The server takes the copy's dump, as far as its beginning tells.")
	swap, err := sitedb.PlanSwap(ctx, c.conn, c.j.shortID())
	if c.failed("switch", err) {
		return
	}
	c.j.DB = &swap
	if swap.Way == sitedb.WayDatabase {
		c.add("switch", Pass, "The database is loaded beside the site's own while the site is open, and then exchanged.")
		return
	}
	c.add("switch", Pass, "%s It is loaded into the site's own database, with the old tables kept aside, while visitors see the maintenance page.", swap.Why)
}

// versions asks whether the code and the database that will stand together
// fit each other.
func (c *checker) versions(ctx context.Context) {
	if c.Parts.Code && c.Parts.Database {
		c.fit(c.Expect.CodeVersion, c.Expect.DBVersion, "", "")
		return
	}
	if !c.Parts.Code && !c.Parts.Database {
		return
	}
	if c.Parts.Database {
		live := ""
		if v, err := sitedb.ReadVersions(ctx, c.conn); err == nil {
			live = v.AllVersionsHash
		}
		c.fit(c.in.Version, c.Expect.DBVersion, live, c.Expect.AllVersionsHash)
		return
	}
	v, err := sitedb.ReadVersions(ctx, c.conn)
	if c.failed("versions", err) {
		return
	}
	c.fit(c.Expect.CodeVersion, v.Version, c.Expect.AllVersionsHash, v.AllVersionsHash)
}

// fit compares code and database: by core's version, and where both are known
// by the sum of all plug-ins' versions.
func (c *checker) fit(code, db, codeHash, dbHash string) {
	const remedy = "Bring back both, code and database, of one point in time."
	newer := code != "" && db != "" && compareVersions(code, db) > 0
	switch {
	case code != "" && db != "" && compareVersions(code, db) < 0:
		c.add("versions", Fail, "The database would be of version %s and the code of the older version %s, with which Moodle does not start. %s", db, code, remedy)
	case newer && !c.AllowUpgrade:
		c.add("versions", Fail, "The database would be of version %s and the code of the newer version %s: Moodle would upgrade the database, and there is no way back from that. %s", db, code, remedy)
	case newer:
		c.add("versions", Warn, "The code is of version %s and the database of %s: Moodle will upgrade the database.", code, db)
	case codeHash != "" && dbHash != "" && codeHash != dbHash && !c.AllowUpgrade:
		c.add("versions", Fail, "Plug-ins were installed, removed or upgraded between the two. %s", remedy)
	case codeHash != "" && dbHash != "" && codeHash != dbHash:
		c.add("versions", Warn, "Plug-ins were installed, removed or upgraded between the two: Moodle will upgrade the database.")
	case code == "" || db == "":
		c.add("versions", Warn, "Whether code and database fit each other is not known: the copy's record names no version.")
	default:
		c.add("versions", Pass, "Code and database fit each other: both are of version %s.", db)
	}
}
