package host

import (
	"cmp"
	"strconv"
	"strings"
)

// Age is how an agent's version stands to this build's.
type Age int

// The ages. Versions that cannot be put in order, such as those of builds by
// hand, are Different.
const (
	Same Age = iota
	Older
	Newer
	Different
)

// Compare tells how the agent's version stands to the build's. An unknown one
// counts as the same: nothing is claimed of it.
func Compare(agent, build string) Age {
	if agent == "" || build == "" || agent == build {
		return Same
	}
	a, aok := numbers(agent)
	b, bok := numbers(build)
	if !aok || !bok {
		return Different
	}
	for i := range a {
		switch cmp.Compare(a[i], b[i]) {
		case -1:
			return Older
		case 1:
			return Newer
		}
	}
	return Different // the same numbers, with something behind them
}

// numbers reads "v1.2.3" and "1.2.3-rc1" as their three numbers.
func numbers(version string) (out [3]int, ok bool) {
	plain, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	plain, _, _ = strings.Cut(plain, "+")
	parts := strings.Split(plain, ".")
	if len(parts) != 3 {
		return out, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return out, false
		}
		out[i] = n
	}
	return out, true
}
