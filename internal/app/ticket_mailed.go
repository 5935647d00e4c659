package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/errs"
	"holdfast/internal/store"
	"holdfast/internal/ticket"
)

// mailedFiles takes those of a mail's files that may be attached, and names the
// others with the reason: a mail cannot be corrected and sent again as a form is.
func (a *App) mailedFiles(files []Upload) (good []Upload, left []string) {
	if a.desk.dir == "" && len(files) > 0 {
		return nil, []string{fmt.Sprintf("%d files, which cannot be taken here", len(files))}
	}
	for _, f := range files {
		name := ticket.CleanName(f.Name)
		if len(good) == ticket.MaxFiles {
			left = append(left, name+", for there are more than can be attached")
			continue
		}
		b, err := io.ReadAll(io.LimitReader(f.Body, ticket.MaxFileBytes+1))
		if err == nil {
			_, err = ticket.CheckFile(name, bytes.NewReader(b), int64(len(b)))
		}
		if err != nil {
			var e *errs.Error
			if !errors.As(err, &e) {
				e = errs.New(errs.Invalid, "%q did not arrive whole", name)
			}
			left = append(left, e.Public)
			continue
		}
		good = append(good, Upload{Name: name, Body: bytes.NewReader(b)})
	}
	return good, left
}

// onlyIDs is what readNames asks for, of one kind.
func onlyIDs(kind string, all ...uuid.UUID) map[string][]pgtype.UUID {
	out := map[string][]pgtype.UUID{}
	for _, u := range all {
		if v := store.Optional(u); v.Valid {
			out[kind] = append(out[kind], v)
		}
	}
	return out
}
