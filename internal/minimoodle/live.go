package minimoodle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"holdfast/internal/moodle"
)

// Live changes a built site as Moodle would while people use it: content
// first and row after, row away first and content to trashdir after. Its
// methods may be called by several goroutines, Delete once for each content.
type Live struct {
	site   Site
	db     *store
	serial atomic.Int64
}

// Live connects to the site's database; site.DB must hold its password.
func (s Site) Live(ctx context.Context) (*Live, error) {
	db, err := connect(s.DB)
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("reach the miniature's database: %w", err)
	}
	l := &Live{site: s, db: db}
	l.serial.Store(1_000_000)
	return l, nil
}

// Close ends the connection.
func (l *Live) Close() error { return l.db.Close() }

// Exec runs a statement; {name} stands for a table of the site and ? for a
// parameter.
func (l *Live) Exec(ctx context.Context, query string, args ...any) error {
	_, err := l.db.ExecContext(ctx, l.expand(query), args...)
	return err
}

// Count gives the single number that a query answers, written as for Exec.
func (l *Live) Count(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = l.db.QueryRowContext(ctx, l.expand(query), args...).Scan(&n)
	return n, err
}

func (l *Live) expand(query string) string {
	out := make([]byte, 0, len(query)+16)
	for i := 0; i < len(query); i++ {
		if query[i] != '{' {
			out = append(out, query[i])
			continue
		}
		end := i + 1
		for end < len(query) && query[end] != '}' {
			end++
		}
		out = append(out, l.db.quote(l.site.DB.Prefix+query[i+1:end])...)
		i = end
	}
	return l.db.rewrite(string(out))
}

// Create stores a content and its row, in that order.
func (l *Live) Create(ctx context.Context, text []byte) (Content, error) {
	c := Content{Hash: hashOf(text), Size: int64(len(text))}
	path := moodle.ContentPath(l.site.FileDir, c.Hash)
	if err := mkdirs(filepath.Dir(path)); err != nil {
		return c, err
	}
	n := l.serial.Add(1)
	part := fmt.Sprintf("%s.%d.tmp", path, n)
	if err := os.WriteFile(part, text, dataFile); err != nil { //nolint:gosec // Moodle's own mode
		return c, fmt.Errorf("write a content: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return c, fmt.Errorf("write a content: %w", err)
	}
	name := fmt.Sprintf("live-%d-%s", n, c.Hash[:8])
	err := l.Exec(ctx, "INSERT INTO {files} (contenthash, pathnamehash, contextid, component, filearea, itemid, filepath, filename, userid, filesize, timecreated, timemodified) VALUES (?, ?, 10, 'user', 'private', ?, '/', ?, 2, ?, ?, ?)",
		c.Hash, pathHash(10, "user", "private", int(n), name), n, name, c.Size, Epoch.Unix(), Epoch.Unix())
	if err != nil {
		return c, fmt.Errorf("insert a file's row: %w", err)
	}
	return c, nil
}

// Delete deletes one row of a content and, if it was the last, moves the
// content to trashdir, in that order.
func (l *Live) Delete(ctx context.Context, hash string) error {
	if err := l.Exec(ctx, "DELETE FROM {files} WHERE id = (SELECT id FROM (SELECT MAX(id) AS id FROM {files} WHERE contenthash = ?) AS last)", hash); err != nil {
		return fmt.Errorf("delete a file's row: %w", err)
	}
	left, err := l.Count(ctx, "SELECT COUNT(*) FROM {files} WHERE contenthash = ?", hash)
	if err != nil {
		return fmt.Errorf("count a content's rows: %w", err)
	}
	if left > 0 {
		return nil
	}
	to := moodle.ContentPath(l.site.TrashDir, hash)
	if err := mkdirs(filepath.Dir(to)); err != nil {
		return err
	}
	if err := os.Rename(moodle.ContentPath(l.site.FileDir, hash), to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move a content to trashdir: %w", err)
	}
	return nil
}

// EmptyTrash deletes trashdir with all in it, as Moodle's cleanup task does.
func (l *Live) EmptyTrash() error { return os.RemoveAll(l.site.TrashDir) }

// Churn creates and deletes files until ctx ends: each round makes one new
// content if create is set, and deletes the oldest of the given ones or of
// its own if remove is. It gives how many rounds were whole.
func (l *Live) Churn(ctx context.Context, create, remove bool, given []Content) (rounds int, err error) {
	queue := append([]Content(nil), given...)
	for ctx.Err() == nil {
		if create {
			c, err := l.Create(ctx, []byte(fmt.Sprintf("made under load, %d", l.serial.Add(1))))
			if err != nil {
				return rounds, ignoreEnd(ctx, err)
			}
			queue = append(queue, c)
		}
		if remove {
			if len(queue) == 0 {
				return rounds, nil
			}
			if err := l.Delete(ctx, queue[0].Hash); err != nil {
				return rounds, ignoreEnd(ctx, err)
			}
			queue = queue[1:]
		}
		if !create && !remove {
			return rounds, nil
		}
		rounds++
	}
	return rounds, nil
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// mkdirs makes folders of moodledata with Moodle's modes.
func mkdirs(path string) error {
	return (&builder{}).dir(path, dataDir)
}
