package advisor

import "time"

// The rules.
const (
	AutoBackupOff      Rule = "autobackup-off"
	AutoBackupByHand   Rule = "autobackup-by-hand"
	AutoBackupOnce     Rule = "autobackup-kept-once"
	AutoBackupDropped  Rule = "autobackup-stored-where-dropped"
	AutoBackupDoubles  Rule = "autobackup-doubles-files"
	AutoBackupFailing  Rule = "autobackup-failing"
	AutoBackupCutShort Rule = "autobackup-unfinished"
	AutoBackupStale    Rule = "autobackup-stale"
	AutoBackupNever    Rule = "autobackup-never-ran"
	AutoBackupNoFiles  Rule = "autobackup-without-files"
	CourseFilesDropped Rule = "course-backups-dropped"
	CronDisabled       Rule = "cron-disabled"
	CronStopped        Rule = "cron-stopped"
	CronLate           Rule = "cron-late"
	TasksFailing       Rule = "tasks-failing"
	TasksPilingUp      Rule = "tasks-piling-up"
	UpgradePending     Rule = "upgrade-pending"
	UpgradeUnfinished  Rule = "upgrade-unfinished"
	MaintenanceLong    Rule = "maintenance-long"
	MoodleUnsupported  Rule = "moodle-unsupported"
	MoodleEnding       Rule = "moodle-support-ends"
	PHPUnsupported     Rule = "php-unsupported"
	PHPEnding          Rule = "php-support-ends"
	PHPUnfit           Rule = "php-does-not-fit"
	ServerUnsupported  Rule = "database-server-unsupported"
	ServerEnding       Rule = "database-server-support-ends"
	TableOld           Rule = "support-table-old"
	DataInWeb          Rule = "moodledata-in-web"
	ConfigStatic       Rule = "config-read-statically"
	StoreLeftovers     Rule = "file-store-leftovers"
	ContentMissing     Rule = "content-missing"
	ObjectStore        Rule = "object-store"
	NoAdmins           Rule = "no-administrators"
	ManyAdmins         Rule = "many-administrators"
	DatabaseRights     Rule = "database-user-too-powerful"
)

// Where a rule begins to speak.
const (
	staleAfter      = 8 * 24 * time.Hour // a weekly backup with a day to spare
	cronLateAfter   = time.Hour
	cronStopped     = 24 * time.Hour
	upgradeLate     = 30 * time.Minute
	maintenanceLate = 24 * time.Hour
	manyWaiting     = 500
	manyAdmins      = 10
	manyLeftovers   = 100
	gigabyte        = 1 << 30
)

// rules are all rules, by topic. The order is that of findings of the same
// severity.
func rules() []rule {
	return []rule{
		{AutoBackupDropped, CourseBackups, life, storedWhereDropped},
		{AutoBackupOff, CourseBackups, life, autoBackupOff},
		{AutoBackupByHand, CourseBackups, life, autoBackupByHand},
		{AutoBackupNever, CourseBackups, life, neverRan},
		{AutoBackupFailing, CourseBackups, life, failing},
		{AutoBackupCutShort, CourseBackups, life, cutShort},
		{AutoBackupStale, CourseBackups, life, stale},
		{AutoBackupOnce, CourseBackups, life, keptOnce},
		{AutoBackupNoFiles, CourseBackups, life, withoutFiles},
		{AutoBackupDoubles, CourseBackups, life, doublesFiles},
		{CourseFilesDropped, Places, files, courseFilesDropped},
		{CronDisabled, Background, life, cronDisabled},
		{CronStopped, Background, life, cronHasStopped},
		{CronLate, Background, life, cronIsLate},
		{TasksFailing, Background, life, tasksFailing},
		{TasksPilingUp, Background, life, tasksPilingUp},
		{UpgradePending, Upgrades, anything, upgradePending},
		{UpgradeUnfinished, Upgrades, life, upgradeUnfinished},
		{MaintenanceLong, Upgrades, life, maintenanceLong},
		{MoodleUnsupported, Support, anything, moodleUnsupported},
		{MoodleEnding, Support, anything, moodleEnding},
		{PHPUnsupported, Support, anything, phpUnsupported},
		{PHPEnding, Support, anything, phpEnding},
		{PHPUnfit, Support, anything, phpUnfit},
		{ServerUnsupported, Support, anything, serverUnsupported},
		{ServerEnding, Support, anything, serverEnding},
		{TableOld, Support, anything, tableOld},
		{DataInWeb, Places, anything, dataInWeb},
		{ConfigStatic, Places, anything, configStatic},
		{StoreLeftovers, Places, files, storeLeftovers},
		{ContentMissing, Content, contents, contentMissing},
		{ObjectStore, Content, contents, objectStore},
		{NoAdmins, Access, life, noAdmins},
		{ManyAdmins, Access, life, hasManyAdmins},
		{DatabaseRights, Access, life, databaseRights},
	}
}

// RuleNames are the names of all rules, in their order.
func RuleNames() []Rule {
	var out []Rule
	for _, r := range rules() {
		out = append(out, r.name)
	}
	return out
}
