//go:build !linux

package sitedb

import "syscall"

// dieWithParent gives a child a process group of its own. This system cannot
// tie its life to ours; it ends when the pipe it writes to breaks.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
