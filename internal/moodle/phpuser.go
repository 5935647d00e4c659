package moodle

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// nobody is the user and group without rights on every Linux.
const nobody = 65534

// phpIdentity says as whom PHP runs a site's config.php. A zero credential
// means as this process; refuse, if set, says why it is not run at all.
type phpIdentity struct {
	credential *syscall.Credential
	refuse     string
}

// phpUser chooses the user that runs a site's PHP. Root never runs it: a
// config.php can hold any code its site's owner likes. It is run by the
// owner of config.php; where that is root, by the owner of moodledata; and
// where that is root too, by nobody.
func phpUser(configPath, dataRoot string) phpIdentity {
	if os.Geteuid() != 0 {
		return phpIdentity{}
	}
	uid, gid, err := ownerOf(configPath)
	if err != nil {
		return phpIdentity{refuse: "the owner of config.php is not known"}
	}
	if uid != 0 {
		return phpIdentity{credential: credentialOf(uid, gid)}
	}
	if dataRoot != "" {
		if duid, dgid, err := ownerOf(dataRoot); err == nil && duid != 0 {
			return phpIdentity{credential: credentialOf(duid, dgid)}
		}
	}
	if gid == 0 {
		gid = nobody
	}
	return phpIdentity{credential: &syscall.Credential{Uid: nobody, Gid: gid, Groups: []uint32{}}}
}

// credentialOf gives a user with the groups the system knows for it, and
// with the file's group where it knows none. Group root is never among them.
func credentialOf(uid, fileGID uint32) *syscall.Credential {
	c := &syscall.Credential{Uid: uid, Gid: fileGID, Groups: []uint32{}}
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		if c.Gid == 0 {
			c.Gid = nobody
		}
		return c
	}
	if g, err := strconv.ParseUint(u.Gid, 10, 32); err == nil {
		c.Gid = uint32(g)
	}
	if c.Gid == 0 {
		c.Gid = nobody
	}
	ids, err := u.GroupIds()
	if err != nil {
		return c
	}
	for _, id := range ids {
		if g, err := strconv.ParseUint(id, 10, 32); err == nil && g != 0 {
			c.Groups = append(c.Groups, uint32(g))
		}
	}
	return c
}
