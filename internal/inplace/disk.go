package inplace

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"holdfast/internal/sitedb"
)

// spareShare is what is asked for beyond the sum: a tenth, and spareBytes.
const (
	spareShare = 10
	spareBytes = 64 << 20
)

// need is what one file system must have free.
type need struct {
	path   string
	bytes  int64
	inodes int64
	what   []string
}

// disk adds up what each file system must take, old and new being there at
// once, and asks it.
func (c *checker) disk(ctx context.Context) {
	needs := map[uint64]*need{}
	put := func(path string, bytes, inodes int64, what string) {
		dev, ok := device(path)
		if !ok {
			return
		}
		n := needs[dev]
		if n == nil {
			n = &need{path: path}
			needs[dev] = n
		}
		n.bytes, n.inodes = n.bytes+bytes, n.inodes+inodes
		if !slices.Contains(n.what, what) {
			n.what = append(n.what, what)
		}
	}
	sizes, _ := c.sizes()
	for _, t := range c.j.Trees {
		at := filepath.Dir(t.Live)
		if t.Inside {
			at = t.Live
		}
		if s := sizes[t.Name]; s != (Size{}) {
			put(at, s.Bytes, s.Files, "the files")
		}
	}
	if c.Parts.Database {
		c.databaseDisk(ctx, put)
	}
	for _, n := range needs {
		c.askDisk(n)
	}
	if len(c.j.Trees) > 0 && c.Expect.Bytes == 0 && len(c.Expect.Sizes) == 0 {
		c.add("disk", Warn, "How much space the files need is not known: the copy's record does not say.")
	}
}

func (c *checker) databaseDisk(ctx context.Context, put func(string, int64, int64, string)) {
	now, err := sitedb.Look(ctx, c.conn)
	if err != nil {
		return // the check of the database says so
	}
	size := max(now.Bytes, c.Expect.DumpBytes*3/2)
	local := c.conn.Socket != "" || c.conn.Host == "localhost" || strings.HasPrefix(c.conn.Host, "127.")
	if _, err := os.Stat(now.DataDir); now.DataDir == "" || err != nil || !local {
		c.add("database disk", Warn, "Whether the database server has %s free cannot be seen from here.", amount(size, "bytes"))
		return
	}
	put(now.DataDir, size, 0, "the database")
}

func (c *checker) askDisk(n *need) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(n.path, &st); err != nil {
		c.add("disk", Warn, "How much space is free at %s cannot be found out.", n.path)
		return
	}
	free := int64(st.Bavail) * int64(st.Bsize) //nolint:unconvert // Bsize has other types elsewhere
	if os.Geteuid() == 0 {
		free = int64(st.Bfree) * int64(st.Bsize) //nolint:unconvert // as above
	}
	want := n.bytes + n.bytes/spareShare + spareBytes
	switch {
	case free < want:
		c.add("disk", Fail, "%s need %s beside what is there, and %s are free at %s. Make room first.", capital(strings.Join(n.what, " and ")), amount(want, "bytes"), amount(free, "bytes"), n.path)
	case st.Files > 0 && int64(st.Ffree) < n.inodes+n.inodes/spareShare:
		c.add("disk", Fail, "%d files must be made, and the file system at %s takes only %d more. Make room first.", n.inodes, n.path, st.Ffree)
	default:
		c.add("disk", Pass, "There is room at %s for %s.", n.path, strings.Join(n.what, " and "))
	}
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func device(path string) (uint64, bool) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, false
	}
	return uint64(st.Dev), true //nolint:unconvert // Dev has other types elsewhere
}
