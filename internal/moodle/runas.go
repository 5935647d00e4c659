package moodle

import (
	"errors"
	"syscall"
)

// RunAs says as which user a site's own PHP is run: never as root, see
// phpUser. Nil means as this process. An error says why it is not run at all.
func RunAs(configPath, dataRoot string) (*syscall.Credential, error) {
	who := phpUser(configPath, dataRoot)
	if who.refuse != "" {
		return nil, errors.New(who.refuse)
	}
	return who.credential, nil
}

// Environment gives what a site's PHP may see, as KEY=value: own, or this
// process's environment without what belongs to Holdfast or could change how
// PHP starts.
func Environment(own map[string]string) []string { return phpEnvironment(environment(own)) }
