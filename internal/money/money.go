// Package money holds amounts: United States dollars, counted in whole cents.
// It decides how an amount is read and written and refuses what it cannot
// hold exactly; it never rounds, knows no other currency and uses no floats.
package money

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// USD is an amount in cents of a United States dollar. It may be negative.
type USD int64

// Currency is how a payment provider names what USD counts: ISO 4217, lower case.
const Currency = "usd"

// Cents gives the amount as a bare number of cents.
func (u USD) Cents() int64 { return int64(u) }

// String gives the amount for people, with thousands set apart, like
// "USD 1,234.50" or "USD -0.05".
func (u USD) String() string {
	sign, whole, cents := u.parts()
	var b strings.Builder
	digits := strconv.FormatUint(whole, 10)
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return fmt.Sprintf("USD %s%s.%02d", sign, b.String(), cents)
}

// Short is String without the cents where there are none: "USD 100".
func (u USD) Short() string { return strings.TrimSuffix(u.String(), ".00") }

// Decimal gives the bare amount for files, like "1234.50" or "-0.05".
func (u USD) Decimal() string {
	sign, whole, cents := u.parts()
	return fmt.Sprintf("%s%d.%02d", sign, whole, cents)
}

func (u USD) parts() (sign string, whole, cents uint64) {
	n := uint64(u)
	if u < 0 {
		sign, n = "-", -n // two's complement: right for the least amount too
	}
	return sign, n / 100, n % 100
}

var (
	errForm = errors.New("an amount in US dollars looks like 100, 100.00 or USD 1,234.50")
	errSize = errors.New("this amount is too large")
)

// Parse reads an amount in dollars: "100", "100.5", "$1,234.50", "USD 100.00".
// More than two decimals are refused, never rounded.
func Parse(s string) (USD, error) {
	s = strings.TrimSpace(s)
	if len(s) > 3 && strings.EqualFold(s[:3], "usd") {
		s = strings.TrimSpace(s[3:])
	}
	sign := int64(1)
	if rest, minus := strings.CutPrefix(s, "-"); minus {
		sign, s = -1, rest
	}
	s = strings.TrimPrefix(s, "$")
	whole, fraction, dotted := strings.Cut(s, ".")
	digits, ok := ungroup(whole)
	if !ok || dotted && (fraction == "" || len(fraction) > 2 || !allDigits(fraction)) {
		return 0, fmt.Errorf("%q: %w", s, errForm)
	}
	fraction += "00"[:2-len(fraction)]
	n, err := strconv.ParseUint(digits+fraction, 10, 64)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf("%q: %w", s, errSize)
	}
	return USD(sign * int64(n)), nil
}

// ungroup takes the commas out of a whole number, which stand before each
// three digits or nowhere.
func ungroup(s string) (string, bool) {
	groups := strings.Split(s, ",")
	for i, g := range groups {
		if !allDigits(g) || i > 0 && len(g) != 3 || i == 0 && len(groups) > 1 && len(g) > 3 {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

func allDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// Add gives the sum, or an error where it cannot be held.
func (u USD) Add(v USD) (USD, error) {
	sum := u + v
	if v > 0 && sum < u || v < 0 && sum > u {
		return 0, fmt.Errorf("add %s to %s: %w", v.Decimal(), u.Decimal(), errSize)
	}
	return sum, nil
}
