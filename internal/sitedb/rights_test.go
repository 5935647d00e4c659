package sitedb

import (
	"slices"
	"testing"
)

func TestGrantBeyond_TellsWhatReachesBeyondTheDatabase(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"GRANT USAGE ON *.* TO `m`@`%` IDENTIFIED BY PASSWORD '*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29'": nil,
		"GRANT ALL PRIVILEGES ON `north`.* TO `m`@`localhost`":                                             nil,
		"GRANT SELECT, INSERT ON `north`.`mdl_user` TO `m`@`%`":                                            nil,
		"GRANT ALL PRIVILEGES ON `nor\\_th`.* TO `m`@`%`":                                                  {"ALL PRIVILEGES ON `nor\\_th`.*"},
		"GRANT ALL PRIVILEGES ON *.* TO `m`@`%` IDENTIFIED BY PASSWORD '*SECRET TO x' WITH GRANT OPTION":   {"ALL PRIVILEGES", "GRANT OPTION"},
		"GRANT SUPER, FILE ON *.* TO `m`@`%`":                                                              {"SUPER", "FILE"},
		"GRANT SELECT (a, b), UPDATE (c) ON `other`.`t` TO `m`@`%`":                                        {"SELECT (a, b) ON `other`.`t`", "UPDATE (c) ON `other`.`t`"},
		"GRANT ALL PRIVILEGES ON `nor%`.* TO `m`@`%`":                                                      {"ALL PRIVILEGES ON `nor%`.*"},
		"GRANT EXECUTE ON PROCEDURE `north`.`p` TO `m`@`%`":                                                nil,
		"GRANT PROXY ON ''@'%' TO 'm'@'%' WITH GRANT OPTION":                                               {"PROXY"},
		"GRANT `boss`@`%` TO `m`@`%`":                                                                      {"role `boss`@`%`"},
		"GRANT ALL PRIVILEGES ON `a TO b ON c`.* TO `m`@`%`":                                               {"ALL PRIVILEGES ON `a TO b ON c`.*"},
		"SET DEFAULT ROLE `boss` FOR `m`@`%`":                                                              nil,
		"GRANT":                                                                                            nil,
		"GRANT  TO ":                                                                                       {"role "},
	} {
		got := grantBeyond(line, "north")
		if len(got) == 0 {
			got = nil
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n gives %q, want %q", line, got, want)
		}
	}
}
