package throttle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Weights are what the group of a working process gets of a host that is busy:
// 100 is what every other service has. A host that is not busy gives all it has.
type Weights struct {
	CPU            int   // 1 to 10,000
	IO             int   // 1 to 10,000
	MemoryHighByte int64 // above it the kernel takes memory back from the group; 0 is no bound
}

// Groups makes control groups (version 2) for working processes below the
// agent's own. A nil Groups makes none.
type Groups struct {
	dir         string   // the agent's own group
	controllers []string // of cpu, io and memory, those that the groups below have
}

// groupPrefix begins the name of every group that we make for a process.
const groupPrefix = "run-"

// OpenGroups takes the agent's own group as its to divide: moves the agent into
// a group below it, and has the controllers handed down. The error says why
// there are to be no groups: no cgroup v2, no right to it (systemd gives it
// with Delegate=), or a group that is not the agent's alone. Root is where the
// host keeps its groups, "" for /sys/fs/cgroup, and proc "" for /proc.
func OpenGroups(root, proc string) (*Groups, error) {
	if root == "" {
		root = "/sys/fs/cgroup"
	}
	if proc == "" {
		proc = "/proc"
	}
	dir, err := ownGroup(root, proc)
	if err != nil {
		return nil, err
	}
	offered, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers")) //nolint:gosec // below /sys/fs/cgroup
	if err != nil {
		return nil, fmt.Errorf("the agent's control group is not of version 2: %w", err)
	}
	if err := alone(dir); err != nil {
		return nil, err
	}
	self := filepath.Join(dir, "agent")
	if err := os.Mkdir(self, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // as the kernel makes them
		return nil, fmt.Errorf("a group below the agent's cannot be made: %w", err)
	}
	// A group with processes of its own hands down no controllers.
	if err := put(self, "cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
		return nil, fmt.Errorf("moving the agent into a group of its own: %w", err)
	}
	g := &Groups{dir: dir}
	for _, c := range []string{"cpu", "io", "memory"} {
		if slices.Contains(strings.Fields(string(offered)), c) && put(dir, "cgroup.subtree_control", "+"+c) == nil {
			g.controllers = append(g.controllers, c)
		}
	}
	if len(g.controllers) == 0 {
		return nil, errors.New("none of the controllers cpu, io and memory is handed to the agent")
	}
	g.sweep()
	return g, nil
}

// ownGroup finds the agent's group of version 2.
func ownGroup(root, proc string) (string, error) {
	b, err := os.ReadFile(filepath.Join(proc, "self", "cgroup")) //nolint:gosec // below /proc
	if err != nil {
		return "", fmt.Errorf("the agent's control group is not known: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			// A life before this one, of the same service, may have ended in "agent".
			return filepath.Join(root, strings.TrimSuffix(path, "/agent")), nil
		}
	}
	return "", errors.New("this host has no control groups of version 2")
}

// alone wants that no process but this one is in the group: a login's session,
// say, is not the agent's to divide.
func alone(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")) //nolint:gosec // below /sys/fs/cgroup
	if err != nil {
		return fmt.Errorf("the agent's control group cannot be read: %w", err)
	}
	for _, p := range strings.Fields(string(b)) {
		if p != strconv.Itoa(os.Getpid()) {
			return errors.New("the agent's control group holds other processes too: it is not the agent's to divide")
		}
	}
	return nil
}

// put writes a setting of a group.
func put(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE, 0o644) //nolint:gosec // as the kernel makes them
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// Controllers names what the groups bound: of cpu, io and memory. It is empty
// for none.
func (g *Groups) Controllers() []string {
	if g == nil {
		return nil
	}
	return g.controllers
}

// Join puts a process into a group of its own, before it has started others.
// Leave removes the group once its processes are gone. With no Groups both do
// nothing.
func (g *Groups) Join(name string, pid int, w Weights) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	dir := filepath.Join(g.dir, groupPrefix+name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // as the kernel makes them
		return func() {}, fmt.Errorf("making a control group: %w", err)
	}
	leave = func() { _ = os.Remove(dir) } // swept at the next start if something is still in it
	for _, s := range g.settings(w) {
		if err := put(dir, s[0], s[1]); err != nil {
			leave()
			return func() {}, fmt.Errorf("setting %s of a control group: %w", s[0], err)
		}
	}
	if err := put(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
		leave()
		return func() {}, fmt.Errorf("moving a process into its control group: %w", err)
	}
	return leave, nil
}

func (g *Groups) settings(w Weights) [][2]string {
	var out [][2]string
	if slices.Contains(g.controllers, "cpu") && w.CPU > 0 {
		out = append(out, [2]string{"cpu.weight", strconv.Itoa(w.CPU)})
	}
	if slices.Contains(g.controllers, "io") && w.IO > 0 {
		out = append(out, [2]string{"io.weight", "default " + strconv.Itoa(w.IO)})
	}
	if slices.Contains(g.controllers, "memory") && w.MemoryHighByte > 0 {
		out = append(out, [2]string{"memory.high", strconv.FormatInt(w.MemoryHighByte, 10)})
	}
	return out
}

// sweep removes the groups of an earlier life.
func (g *Groups) sweep() {
	old, err := filepath.Glob(filepath.Join(g.dir, groupPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		_ = os.Remove(dir) // one that is not empty stays
	}
}
