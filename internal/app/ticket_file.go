package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// Attachments lie in a folder outside of anything that is served, each under
// its own identifier and nothing of the name that it came with. A file is whole
// and synced before the row that names it is committed; one that no row names
// is swept.

// Attached is an attachment to be handed out: as a download only, with nosniff
// and a Content-Security-Policy of "sandbox", whatever it holds.
type Attached struct {
	Name      string
	MediaType string
	Bytes     int64
	SHA256    string
	Body      io.ReadSeekCloser
}

// UseAttachments sets the folder in which attachments are kept, and makes it.
// It is called before anything is served. Processes that share a database
// share the folder too.
func (a *App) UseAttachments(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errs.Wrap(errs.Unavailable, err, "HOLDFAST_ATTACHMENTS: the folder %s cannot be made.", dir)
	}
	f, err := os.CreateTemp(dir, stagingPrefix)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "HOLDFAST_ATTACHMENTS: nothing can be written into %s.", dir)
	}
	err = errors.Join(f.Close(), os.Remove(f.Name()))
	a.desk.dir = dir
	return err
}

const stagingPrefix = ".incoming-"

// stagedFile is a file that lies in the folder, and that no row names yet.
type stagedFile struct {
	id     id.Attachment
	name   string
	media  string
	bytes  int64
	sha256 string
}

// place gives where an attachment lies. The name is made of an identifier's
// own digits alone.
func (a *App) place(of id.Attachment) string {
	name := of.String()
	return filepath.Join(a.desk.dir, name[len(name)-2:], name)
}

// stage takes files in: each is read to its limit, looked at, and put in its
// place. On an error nothing of them is left.
func (a *App) stage(files []Upload) (out []stagedFile, err error) {
	if len(files) == 0 {
		return nil, nil
	}
	if a.desk.dir == "" {
		return nil, errs.New(errs.Unsupported, "Files cannot be attached here: HOLDFAST_ATTACHMENTS is not set.")
	}
	if len(files) > ticket.MaxFiles {
		return nil, errs.Field("files", "are %d; %d at most in one message (put more into a zip file)", len(files), ticket.MaxFiles)
	}
	var sum int64
	for _, f := range files {
		s, err := a.stageOne(f)
		if err != nil {
			a.unstage(out)
			return nil, err
		}
		out = append(out, s)
		if sum += s.bytes; sum > ticket.MaxTicketBytes {
			a.unstage(out)
			return nil, errs.Field("files", "are larger than %d MB together", ticket.MaxTicketBytes>>20)
		}
	}
	return out, nil
}

func (a *App) stageOne(u Upload) (s stagedFile, err error) {
	s = stagedFile{id: id.New[id.Attachment](), name: ticket.CleanName(u.Name)}
	f, err := os.CreateTemp(a.desk.dir, stagingPrefix)
	if err != nil {
		return s, cannotKeep(err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = cannotKeep(cerr)
		}
		if err != nil {
			_ = os.Remove(f.Name()) // else the sweep takes it
		}
	}()
	sum := sha256.New()
	s.bytes, err = io.Copy(io.MultiWriter(f, sum), io.LimitReader(u.Body, ticket.MaxFileBytes+1))
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			return s, cannotKeep(err)
		}
		return s, errs.Wrap(errs.Invalid, err, "The file %q did not arrive whole; send it again.", s.name)
	}
	if s.media, err = ticket.CheckFile(s.name, f, s.bytes); err != nil {
		return s, err
	}
	s.sha256 = hex.EncodeToString(sum.Sum(nil))
	to := a.place(s.id)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return s, cannotKeep(err)
	}
	if err := f.Sync(); err != nil {
		return s, cannotKeep(err)
	}
	if err := os.Rename(f.Name(), to); err != nil {
		return s, cannotKeep(err)
	}
	if err := errors.Join(syncFolder(filepath.Dir(to)), syncFolder(a.desk.dir)); err != nil {
		_ = os.Remove(to)
		return s, cannotKeep(err)
	}
	return s, nil
}

func cannotKeep(err error) error {
	return errs.Wrap(errs.Unavailable, err, "The file could not be kept just now. Send it again in a while, or send your message without it.")
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// unstage removes files whose rows did not come to be.
func (a *App) unstage(files []stagedFile) {
	for _, f := range files {
		_ = os.Remove(a.place(f.id)) // else the sweep takes it
	}
}

// attach inserts the rows of a message's files.
func (w *work) attach(ctx context.Context, message id.Message, files []stagedFile, internal bool) error {
	for _, f := range files {
		err := w.tx.InsertTicketAttachment(ctx, dbq.InsertTicketAttachmentParams{
			TenantID: w.t.TenantID, ID: f.id, TicketID: w.t.ID, MessageID: message, Name: f.name, MediaType: f.media, Bytes: f.bytes, Sha256: f.sha256,
			Internal: internal, CreatedAt: w.tx.Now,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// OpenAttachment opens an attachment; the caller closes its body.
func (a *App) OpenAttachment(ctx context.Context, who authz.Actor, of id.Attachment) (Attached, error) {
	var row dbq.TicketAttachment
	err := a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) (err error) {
		row, err = tx.AttachmentByID(ctx, of)
		return err
	})
	if err != nil {
		return Attached{}, hide(err, "file")
	}
	g, err := authz.Check(who, authz.ViewTickets, row.TenantID)
	if err != nil {
		return Attached{}, hide(err, "file")
	}
	staff := g.Scope() == authz.StaffScope
	err = a.store.Tx(ctx, g, func(ctx context.Context, tx *store.Tx) (err error) {
		row, err = tx.ReadAttachment(ctx, dbq.ReadAttachmentParams{TenantID: row.TenantID, ID: of, Staff: staff})
		return err
	})
	if err != nil {
		return Attached{}, hide(err, "file")
	}
	if a.desk.dir == "" {
		return Attached{}, errs.New(errs.Unavailable, "This server has no folder of attachments: HOLDFAST_ATTACHMENTS is not set.")
	}
	f, err := os.Open(a.place(of))
	if err != nil {
		return Attached{}, errs.Wrap(errs.Unavailable, err, "The file cannot be read just now.")
	}
	return Attached{Name: row.Name, MediaType: row.MediaType, Bytes: row.Bytes, SHA256: row.Sha256, Body: f}, nil
}

// orphanAfter is how old a file is that no row names before it is removed: no
// transaction that is still to name it takes as long.
const orphanAfter = 24 * time.Hour

// sweepFiles removes files of attachments that no row names.
func (a *App) sweepFiles(ctx context.Context) (removed int, err error) {
	if a.desk.dir == "" {
		return 0, nil
	}
	cutoff := a.clock.Now().Add(-orphanAfter)
	shelves, err := os.ReadDir(a.desk.dir)
	if err != nil {
		return 0, err
	}
	for _, s := range shelves {
		if ctx.Err() != nil {
			return removed, ctx.Err()
		}
		path := filepath.Join(a.desk.dir, s.Name())
		if !s.IsDir() {
			if strings.HasPrefix(s.Name(), stagingPrefix) && olderThan(s, cutoff) && os.Remove(path) == nil {
				removed++
			}
			continue
		}
		n, err := a.sweepShelf(ctx, path, cutoff)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func olderThan(e os.DirEntry, cutoff time.Time) bool {
	info, err := e.Info()
	return err == nil && info.ModTime().Before(cutoff)
}

func (a *App) sweepShelf(ctx context.Context, dir string, cutoff time.Time) (removed int, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	old := map[string]bool{}
	var ids []pgtype.UUID
	for _, f := range files {
		if of, err := id.Parse[id.Attachment](f.Name()); err == nil && f.Type().IsRegular() && olderThan(f, cutoff) {
			old[f.Name()] = true
			ids = append(ids, store.Optional(of.UUID()))
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	err = a.system(ctx, "attachments", func(ctx context.Context, tx *store.Tx) error {
		there, err := tx.AttachmentsThere(ctx, ids)
		for _, t := range there {
			delete(old, t.String())
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	for name := range old {
		if os.Remove(filepath.Join(dir, name)) == nil {
			removed++
		}
	}
	return removed, nil
}
