package sitedb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

func TestReadLife_AnOldOrOddMoodleGivesWarningsAndWhatItHas(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		for _, prefix := range []string{"mdl_", "m_"} {
			c := fresh(t, f)
			c.Prefix = prefix
			fill(t, c)
			run(t, c,
				fmt.Sprintf("INSERT INTO %sconfig (name, value) VALUES ('siteidentifier', 'very secret'), ('siteadmins', '2, 3,,4'), ('auth', 'ldap,email'), ('fileslastcleanup', '99999999999999'), ('maintenance_enabled', '1')", prefix),
				// A table of another age, and one that is not what it should be.
				fmt.Sprintf("CREATE TABLE %sbackup_courses (id int, courseid int, laststatus smallint, lastendtime bigint)", prefix),
				fmt.Sprintf("INSERT INTO %sbackup_courses VALUES (1, 2, 1, 1000), (2, 3, 0, 3000), (3, 4, 6, 0)", prefix),
				fmt.Sprintf("CREATE TABLE %stask_scheduled (id int, lastruntime text)", prefix))
			l, warnings, err := sitedb.ReadLife(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if l.Admins != 3 || !slices.Equal(l.Auth, []string{"ldap", "email"}) || !l.FilesLastCleanup.IsZero() || !l.MaintenanceEnabled || !l.CronEnabled ||
				l.UpgradeRunning.Unix() != 12345 || len(l.SiteHash) != 64 || l.Flavour != f && f != sitedb.MySQL {
				t.Errorf("%+v", l)
			}
			if a := l.AutoBackup; a.OK != 1 || a.Failed != 1 || a.NotYet != 1 || a.LastEnd.Unix() != 3000 || a.MaxKept != 1 || !a.WithFiles {
				t.Errorf("%+v", a)
			}
			all := strings.Join(warnings, "\n")
			for _, want := range []string{"course backups", "courses", "scheduled tasks", "ad-hoc tasks"} {
				if !strings.Contains(all, want) {
					t.Errorf("no warning of %s: %s", want, all)
				}
			}
			if strings.Contains(all+fmt.Sprintf("%+v", l), "very secret") {
				t.Error("the identifier is told")
			}
		}
	})
}

func TestReadLife_TellsRightsBeyondTheDatabase(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		l, _, err := sitedb.ReadLife(t.Context(), c)
		if err != nil || len(l.Rights) != 0 {
			t.Fatalf("a user of one database: %v, %v", l.Rights, err)
		}
		mayCreate(t, c)
		if l, _, err = sitedb.ReadLife(t.Context(), c); err != nil || len(l.Rights) == 0 || strings.Contains(fmt.Sprint(l.Rights), c.Password) {
			t.Errorf("a user of more: %v, %v", l.Rights, err)
		}
	})
}

func TestReadLife_AWrongPasswordIsAnError(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		c.Password = "another"
		if _, _, err := sitedb.ReadLife(t.Context(), c); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%v", err)
		}
	})
}

// What the dump's rows say is what the database says.
func TestDump_NamesWhatTheFilesTableNames(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		text, p := "longtext", c.Prefix
		if f == sitedb.PostgreSQL {
			text = "text"
		}
		run(t, c,
			fmt.Sprintf("CREATE TABLE %sfiles (id int PRIMARY KEY, source %s, contenthash varchar(40), filename varchar(255), filesize bigint, referencefileid bigint, component varchar(100), filearea varchar(50), contextid bigint)", p, text),
			fmt.Sprintf("CREATE TABLE %stool_objectfs_objects (id int PRIMARY KEY, contenthash varchar(40), location smallint)", p))
		for i, s := range nasty {
			run(t, c, fmt.Sprintf("INSERT INTO %sfiles VALUES (%d, %s, '%040x', %s, %d, NULL, 'mod_x', 'content', 5)", p, i, lit(f, strings.Repeat(s, 40)), i, lit(f, s), i))
		}
		run(t, c, fmt.Sprintf("INSERT INTO %stool_objectfs_objects VALUES (1, '%040x', 2), (2, '%040x', 1)", p, 3, 4))
		var names, external []string
		r, err := sitedb.Dump(t.Context(), c, discard{}, sitedb.DumpOptions{
			Files:    func(n sitedb.NamedFile) { names = append(names, n.Hash+n.Name) },
			External: func(h string) { external = append(external, h) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Named.Seen || r.Named.Rows != int64(len(nasty)-1) || r.Named.Odd != 0 || len(names) != len(nasty)-1 {
			t.Errorf("%+v, %d names", r.Named, len(names))
		}
		oneLine := strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")
		for i, s := range nasty[1:] {
			if want := fmt.Sprintf("%040x", i+1) + oneLine.Replace(s); !slices.Contains(names, want) {
				t.Errorf("%q is not named: %q", want, names)
			}
		}
		if !slices.Equal(external, []string{fmt.Sprintf("%040x", 3)}) {
			t.Errorf("external: %v", external)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
