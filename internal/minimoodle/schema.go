package minimoodle

import (
	"fmt"
	"strings"
)

// table is one table of the miniature. Each column is written
// name:type[!][=default], where the type is big, small (a tinyint of MariaDB),
// text, or v and a length, and ! stands for NOT NULL. An id comes first in
// each and is not written. unique lists column names joined by +.
type table struct {
	name    string
	columns string
	unique  string
	index   string
}

// tables has the columns that were measured on real sites, of Moodle 4.5.
var tables = []table{
	{name: "config", columns: "name:v255!= value:text!", unique: "name"},
	{name: "config_plugins", columns: "plugin:v100!=core name:v100!= value:text!", unique: "plugin+name"},
	{
		name: "files", unique: "pathnamehash", index: "contenthash",
		columns: "contenthash:v40!= pathnamehash:v40!= contextid:big! component:v100!= filearea:v50!= itemid:big! filepath:v255!= filename:v255!= userid:big filesize:big! mimetype:v100 status:big!=0 source:text author:v255 license:v255 timecreated:big! timemodified:big! sortorder:big!=0 referencefileid:big",
	},
	{name: "files_reference", columns: "repositoryid:big! lastsync:big reference:text referencehash:v40!=", unique: "referencehash+repositoryid"},
	{name: "repository", columns: "type:v255!= visible:small=1 sortorder:big!=0"},
	{name: "repository_instances", columns: "name:v255!= typeid:big! userid:big!=0 contextid:big! username:v255 password:v255 timecreated:big timemodified:big readonly:small!=0"},
	{name: "context", columns: "contextlevel:big!=0 instanceid:big!=0 path:v255 depth:small!=0 locked:small!=0", unique: "contextlevel+instanceid"},
	{name: "course_categories", columns: "name:v255!= idnumber:v100 description:text descriptionformat:small!=0 parent:big!=0 sortorder:big!=0 coursecount:big!=0 visible:small!=1 visibleold:small!=1 timemodified:big!=0 depth:big!=0 path:v255!= theme:v50"},
	{
		name: "course", index: "category",
		columns: "category:big!=0 sortorder:big!=0 fullname:v254!= shortname:v255!= idnumber:v100!= summary:text summaryformat:small!=0 format:v21!=topics showgrades:small!=1 newsitems:small!=1 startdate:big!=0 enddate:big!=0 marker:big!=0 maxbytes:big!=0 visible:small!=1 lang:v30!= theme:v50!= timecreated:big!=0 timemodified:big!=0 enablecompletion:small!=0 cacherev:big!=0",
	},
	{
		name: "user", unique: "mnethostid+username",
		columns: "auth:v20!=manual confirmed:small!=0 deleted:small!=0 suspended:small!=0 mnethostid:big!=0 username:v100!= password:v255!= idnumber:v255!= firstname:v100!= lastname:v100!= email:v100!= lang:v30!=en timezone:v100!=99 firstaccess:big!=0 lastaccess:big!=0 lastlogin:big!=0 currentlogin:big!=0 lastip:v45!= description:text timecreated:big!=0 timemodified:big!=0",
	},
	{name: "task_scheduled", unique: "classname", columns: "component:v255!= classname:v255!= lastruntime:big nextruntime:big minute:v200!= hour:v70!= day:v90!= month:v30!= dayofweek:v25!= faildelay:big customised:small!=0 disabled:small!=0 timestarted:big hostname:v255 pid:big"},
	{name: "task_adhoc", columns: "component:v255!= classname:v255!= nextruntime:big! faildelay:big customdata:text userid:big timecreated:big!=0 timestarted:big hostname:v255 pid:big attemptsavailable:small firststartingtime:big"},
	{name: "task_log", columns: "type:small! component:v255!= classname:v255!= userid:big! timestart:big! timeend:big! dbreads:big! dbwrites:big! result:small! output:text! hostname:v255 pid:big"},
	{
		name: "logstore_standard_log", index: "timecreated",
		columns: "eventname:v255!= component:v100!= action:v100!= target:v100!= objecttable:v50 objectid:big crud:v1!= edulevel:small! contextid:big! contextlevel:big! contextinstanceid:big! userid:big! courseid:big relateduserid:big anonymous:small!=0 other:text timecreated:big! origin:v10 ip:v45 realuserid:big",
	},
	{name: "sessions", unique: "sid", columns: "state:big!=0 sid:v128!= userid:big! sessdata:text timecreated:big! timemodified:big! firstip:v45 lastip:v45"},
	{name: "backup_courses", unique: "courseid", columns: "courseid:big!=0 laststarttime:big!=0 lastendtime:big!=0 laststatus:v1!=5 nextstarttime:big!=0"},
	{name: "upgrade_log", columns: "type:big! plugin:v100 version:v100 targetversion:v100 info:v255!= details:text backtrace:text userid:big! timemodified:big!"},
	{name: "external_tokens", columns: "token:v128!= privatetoken:v64 tokentype:small! userid:big! externalserviceid:big! sid:v128 contextid:big! creatorid:big!=1 iprestriction:v255 validuntil:big timecreated:big! lastaccess:big name:v255"},
	{name: "registration_hubs", columns: "token:v255!= hubname:v255!= huburl:v255!= confirmed:small!=0 secret:v255 timemodified:big!=0"},
	{name: "context_temp", columns: "path:v255!= depth:small! locked:small!=0"},
}

// dialect is what the two families write differently.
type dialect struct {
	postgres bool
}

func (d dialect) quote(name string) string {
	if d.postgres {
		return `"` + name + `"`
	}
	return "`" + name + "`"
}

// create gives the statements that make a table.
func (d dialect) create(prefix string, t table) []string {
	name := prefix + t.name
	id := "`id` bigint(10) NOT NULL AUTO_INCREMENT, PRIMARY KEY (`id`)"
	if d.postgres {
		id = `"id" bigserial NOT NULL, PRIMARY KEY ("id")`
	}
	parts := []string{id}
	for _, c := range strings.Fields(t.columns) {
		parts = append(parts, d.column(c))
	}
	var after []string
	for _, ix := range []struct{ columns, word, short string }{{t.unique, "UNIQUE ", "ux"}, {t.index, "", "ix"}} {
		if ix.columns == "" {
			continue
		}
		var cols []string
		for _, c := range strings.Split(ix.columns, "+") {
			cols = append(cols, d.quote(c))
		}
		label := d.quote(name + "_" + ix.short)
		if d.postgres {
			after = append(after, fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)", ix.word, label, d.quote(name), strings.Join(cols, ", ")))
		} else {
			parts = append(parts, fmt.Sprintf("%sKEY %s (%s)", ix.word, label, strings.Join(cols, ", ")))
		}
	}
	made := fmt.Sprintf("CREATE TABLE %s (%s)", d.quote(name), strings.Join(parts, ", "))
	if !d.postgres {
		made += " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci ROW_FORMAT=COMPRESSED COMMENT='A table of the miniature'"
	}
	return append([]string{made}, after...)
}

// column translates one column of a table's description.
func (d dialect) column(c string) string {
	name, rest, _ := strings.Cut(c, ":")
	rest, value, hasDefault := strings.Cut(rest, "=")
	kind, notNull := strings.CutSuffix(rest, "!")
	var typ string
	switch {
	case kind == "big" && d.postgres:
		typ = "bigint"
	case kind == "big":
		typ = "bigint(10)"
	case kind == "small" && d.postgres:
		typ = "smallint"
	case kind == "small":
		typ = "tinyint(2)"
	case kind == "text" && d.postgres:
		typ = "text"
	case kind == "text":
		typ = "longtext"
	case d.postgres:
		typ = "character varying(" + kind[1:] + ")"
	default:
		typ = "varchar(" + kind[1:] + ")"
	}
	out := d.quote(name) + " " + typ
	if !d.postgres && (kind == "text" || kind[0] == 'v') {
		out += " COLLATE utf8mb4_unicode_ci"
	}
	if notNull {
		out += " NOT NULL"
	}
	if hasDefault {
		out += " DEFAULT '" + value + "'"
	}
	return out
}
