package serve

import (
	"net/netip"
	"strings"

	"holdfast/internal/errs"
)

// networks reads the networks of our own proxies. A bare address is itself
// alone; the whole internet is refused, for anybody could then say that they
// are somebody else.
func networks(list string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		p, err := netip.ParsePrefix(one)
		if a, aerr := netip.ParseAddr(one); err != nil && aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, errs.Field("HOLDFAST_PROXIES", "%q must be a network like 10.0.0.0/24, or an address", one)
		}
		if p.Bits() == 0 {
			return nil, errs.Field("HOLDFAST_PROXIES", "%q is everybody; name your own proxies' networks alone", one)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
