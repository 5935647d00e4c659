package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/serve"
)

// newUnseal opens a plain sealed file with the master key alone: no database,
// no repository, no control plane.
func newUnseal(s *settings) *cobra.Command {
	var to, of string
	c := leaf("unseal FILE", "Open a plain sealed file with the master key alone",
		"holdfast copies unseal 0190b3a0-7c1e-7d2a-9c3b-0123456789ab.hfs --to-file dump.sql --master-key-file master.key", 1, nil)
	c.Flags().StringVar(&to, "to-file", "", "new file for the dump")
	c.Flags().StringVar(&of, "copy", "", "the copy's id (default: the file's name)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if to == "" {
			return usageError{errors.New("--to-file: name a new file for the dump")}
		}
		if of == "" {
			of = strings.TrimSuffix(filepath.Base(args[0]), ".hfs")
		}
		copyID, err := id.Parse[id.Copy](of)
		if err != nil {
			return errs.Field("copy", "%v; the file's name is the copy's id, or give it with --copy", err)
		}
		cfg, err := s.config()
		if err != nil {
			return err
		}
		master, err := serve.MasterKey(cfg)
		if err != nil {
			return err
		}
		key, err := app.SealedFileKey(master, copyID)
		if err != nil {
			return err
		}
		n, err := unseal(args[0], to, key)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "Wrote %d bytes to %s.\n", n, to)
		return err
	}
	return c
}

// unseal writes the content of the sealed file to a new file, or leaves none.
func unseal(from, to string, key []byte) (n int64, err error) {
	in, err := os.Open(from) //nolint:gosec // the operator names the file
	if err != nil {
		return 0, errs.Wrap(errs.Invalid, err, "%s cannot be read", from)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return 0, errs.Wrap(errs.Invalid, err, "to-file: %s cannot be made; name a new file", to)
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	plain, err := engine.OpenSealed(bufio.NewReaderSize(in, 1<<20), key)
	if err != nil {
		return 0, errs.Wrap(errs.Incomplete, err, "%s does not open: it is damaged, or the master key or the copy's id is another one", from)
	}
	w := bufio.NewWriterSize(out, 1<<20)
	n, err = io.Copy(w, plain)
	if err = errors.Join(err, plain.Close()); err != nil {
		return n, errs.Wrap(errs.Incomplete, err, "%s does not open: it is damaged, or the master key or the copy's id is another one", from)
	}
	return n, errors.Join(w.Flush(), out.Sync())
}
