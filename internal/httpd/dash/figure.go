package dash

import (
	"encoding/json"
	"regexp"
	"strings"

	"holdfast/internal/agentproto"
	"holdfast/internal/httpd/figure"
)

// What staff see as customers do.
var (
	when     = figure.When
	dated    = figure.Dated
	size     = figure.Size
	number   = figure.Number
	zoneOf   = figure.Zone
	kindWord = figure.Kind
	copyWord = figure.CopyWord
	progress = figure.Progress
)

func readFacts(raw json.RawMessage) agentproto.Facts {
	var f agentproto.Facts
	_ = json.Unmarshal(raw, &f) // what cannot be read is shown as not known
	return f
}

var build = regexp.MustCompile(`\s*\(Build:[^)]*\)`)

// release names the Moodle: "Moodle 4.5.6+".
func release(f agentproto.Facts) string {
	if f.Release == "" {
		return ""
	}
	return "Moodle " + build.ReplaceAllString(f.Release, "")
}

var databases = map[string]string{
	"mariadb": "MariaDB", "mysqli": "MySQL", "auroramysql": "MySQL", "pgsql": "PostgreSQL",
}

var serverNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// databaseOf names the site's database server: "MariaDB 10.11.14".
func databaseOf(f agentproto.Facts) string {
	name, ok := databases[f.DBType]
	if !ok {
		name = f.DBType
	}
	if strings.Contains(strings.ToLower(f.ServerVersion), "mariadb") {
		name = "MariaDB" // whatever driver config.php names
	}
	return strings.TrimSpace(name + " " + serverNumber.FindString(f.ServerVersion))
}
