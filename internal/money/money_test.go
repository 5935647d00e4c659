package money

import (
	"math"
	"testing"
	"testing/quick"
)

func TestParse_ReadsWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]USD{
		"100": 10000, "100.00": 10000, "100.5": 10050, "$100": 10000, "USD 100.00": 10000, "usd100": 10000, " 1,234.50 ": 123450,
		"0.05": 5, "-0.05": -5, "USD -1,000,000.01": -100000001, "-$3": -300,
	} {
		if got, err := Parse(s); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
}

func TestParse_RefusesWhatItCannotHoldExactly(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "usd", ".", "1.", ".5", "1.234", "1e3", "1,23", "1234,567", ",100", "1,,000", "--1", "€5", "0x10", "١٠", "1 000", "92233720368547758.08", "99999999999999999999"} {
		if got, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", s, got)
		}
	}
}

func TestPrint_IsForPeopleAndForFiles(t *testing.T) {
	t.Parallel()
	for u, want := range map[USD][3]string{
		10000:         {"USD 100.00", "USD 100", "100.00"},
		123456789:     {"USD 1,234,567.89", "USD 1,234,567.89", "1234567.89"},
		-5:            {"USD -0.05", "USD -0.05", "-0.05"},
		0:             {"USD 0.00", "USD 0", "0.00"},
		math.MinInt64: {"USD -92,233,720,368,547,758.08", "USD -92,233,720,368,547,758.08", "-92233720368547758.08"},
	} {
		if got := [3]string{u.String(), u.Short(), u.Decimal()}; got != want {
			t.Errorf("%d prints %q, want %q", int64(u), got, want)
		}
	}
}

func TestParse_ReadsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	again := func(n int64) bool {
		u := USD(n)
		a, err1 := Parse(u.String())
		b, err2 := Parse(u.Decimal())
		c, err3 := Parse(u.Short())
		return n == math.MinInt64 || err1 == nil && err2 == nil && err3 == nil && a == u && b == u && c == u
	}
	if err := quick.Check(again, nil); err != nil {
		t.Error(err)
	}
}

func TestAdd_RefusesWhatItCannotHold(t *testing.T) {
	t.Parallel()
	if _, err := USD(math.MaxInt64).Add(1); err == nil {
		t.Error("the largest amount and a cent")
	}
	if _, err := USD(math.MinInt64).Add(-1); err == nil {
		t.Error("the least amount less a cent")
	}
	if got, err := USD(10000).Add(-10000); err != nil || got != 0 {
		t.Error(got, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"100", "$1,234.50", "USD -0.05", "1,,2", "usd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(u.String()); err != nil || again != u {
			t.Errorf("%q is %d, prints %q, reads %d, %v", s, int64(u), u.String(), int64(again), err)
		}
	})
}
