package sitedb

import "syscall"

// dieWithParent gives a child a process group of its own and has the kernel
// kill it when we die.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
