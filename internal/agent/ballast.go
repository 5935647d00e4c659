package agent

import (
	"errors"
	"os"
	"path/filepath"

	"holdfast/internal/errs"
)

// ballastBytes is what a restore keeps of the disk while it is at work, and
// throws off when it has to go back: the way back writes a journal too, and a
// disk that is full must not stop it.
const ballastBytes = 512 << 10

// ballast is that file. It lies beside the journals of its site.
type ballast struct{ path string }

func ballastPath(journals string) string { return filepath.Join(journals, "ballast") }

// takeBallast writes it. Where there is no room for it there is none for a
// restore.
func takeBallast(journals string) (*ballast, error) {
	b := &ballast{ballastPath(journals)}
	err := os.MkdirAll(journals, 0o700)
	if err == nil {
		err = b.write()
	}
	if err != nil {
		b.drop()
		return nil, &codedError{code: CodeNoRoom, err: errs.Wrap(errs.Unavailable, err, "The agent's own folder on this host has no room for a restore's journal; nothing of the site was touched.")}
	}
	return b, nil
}

func (b *ballast) write() error {
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, ballastBytes))
	return errors.Join(err, f.Sync(), f.Close())
}

// drop throws it off; it may be gone already.
func (b *ballast) drop() { _ = os.Remove(b.path) }
