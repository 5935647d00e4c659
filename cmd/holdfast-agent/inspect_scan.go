package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
)

// scanHost looks for every Moodle below the named folders and prints them.
func scanHost(ctx context.Context, c *cobra.Command, l agent.Local, roots []string, asJSON bool) error {
	found, err := l.Scan(ctx, roots)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), found)
	}
	return showScan(c.OutOrStdout(), found)
}

// showScan prints what was found, a site at a time: paths are long.
func showScan(w io.Writer, found agentproto.Discovery) error {
	t := newTable(w)
	for _, f := range found.Sites {
		release := f.Release
		if release == "" {
			release = "not known"
		}
		t.row("code", f.CodeDir)
		t.row("  release", release+", "+f.Layout)
		if f.Problem != "" {
			t.row("  PROBLEM", f.Problem)
		}
		for _, x := range []struct{ what, is string }{{"  wwwroot", f.WWWRoot}, {"  dataroot", f.DataRoot}, {"  account root", f.AccountRoot}} {
			if x.is != "" {
				t.row(x.what, x.is)
			}
		}
		if f.DBName != "" {
			t.row("  database", fmt.Sprintf("%s %s, prefix %s", f.DBType, f.DBName, f.Prefix))
		}
		if f.ReadBy != "" {
			t.row("  config.php", "read by "+f.ReadBy)
		}
		for _, warning := range f.Warnings {
			t.row("  warning", warning)
		}
	}
	if len(found.Sites) > 0 {
		t.row("", "")
	}
	t.row("found", count(int64(len(found.Sites)))+" sites in "+count(found.Folders)+" folders")
	if found.Truncated != "" {
		t.row("not all", found.Truncated)
	}
	return bad(t.flush())
}
