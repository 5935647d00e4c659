package words_test

import (
	"math"
	"testing"
	"time"
	_ "time/tzdata"

	"holdfast/internal/httpd/words"
)

func TestCount_SeparatesThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 412331: "412,331", 1234567: "1,234,567", -1: "-1", -1000: "-1,000",
		math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := words.Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestBytes_KeepsThreeDigitsAndNeverSays1000(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		-1: "", 0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1 kB", 1049: "1 kB", 1050: "1.1 kB", 41_230_000: "41.2 MB",
		99_949_999: "99.9 MB", 99_950_000: "100 MB", 112_345_678: "112 MB", 999_499: "999 kB", 999_500: "1 MB", 999_999_999: "1 GB",
		44_238_912_311: "44.2 GB", math.MaxInt64: "9.2 EB",
	} {
		if got := words.Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	if got, want := words.ExactBytes(44_238_912_311), "44,238,912,311 bytes"; got != want {
		t.Errorf("ExactBytes = %q, want %q", got, want)
	}
}

func TestSpan_SaysTwoUnitsAtMost(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 0: "0 s", 999 * time.Millisecond: "0 s", 41 * time.Second: "41 s", 60 * time.Second: "1 min",
		59*time.Minute + 59*time.Second: "59 min", time.Hour: "1 h", time.Hour + 59*time.Second: "1 h", 130 * time.Minute: "2 h 10 min",
		10*time.Hour + 30*time.Minute: "10 h", 43 * time.Hour: "43 h", 72 * time.Hour: "3 d", 41 * 24 * time.Hour: "41 d",
	} {
		if got := words.Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestAtMost_NeverSaysLessThanItIs(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-1: "0 s", 0: "0 s", 1: "1 s", 41*time.Second + 1: "42 s", time.Minute: "1 min", time.Minute + 1: "2 min", 59*time.Minute + 1: "1 h",
		129*time.Minute + time.Second: "2 h 10 min", 10*time.Hour + time.Second: "11 h", 71*time.Hour + time.Second: "3 d", 72*time.Hour + 1: "4 d",
	} {
		if got := words.AtMost(d); got != want {
			t.Errorf("AtMost(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestTook_IsExactBelowAnHour(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-1: "", 0: "0 s", 440 * time.Millisecond: "0.4 s", time.Second: "1 s", 9990 * time.Millisecond: "9.9 s", 41 * time.Second: "41 s",
		126 * time.Second: "2 min 06 s", time.Hour + 2*time.Minute + 59*time.Second: "1 h 02 min",
	} {
		if got := words.Took(d); got != want {
			t.Errorf("Took(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestAgo_KnowsPastAndFuture(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "just now", 4 * time.Second: "just now", -4 * time.Second: "just now", 12 * time.Second: "12 s ago", 9 * time.Minute: "9 min ago",
		130 * time.Minute: "2 h 10 min ago", -4 * time.Minute: "in 4 min",
	} {
		if got := words.Ago(now, now.Add(-d)); got != want {
			t.Errorf("Ago(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestExact_StandsInTheGivenZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 15, 0, 4, 0, time.UTC)
	for name, want := range map[string]string{
		"UTC": "21 Nov 2026 15:00:04 UTC", "Europe/Berlin": "21 Nov 2026 16:00:04 CET", "Asia/Kathmandu": "21 Nov 2026 20:45:04 UTC+05:45",
		"America/Sao_Paulo": "21 Nov 2026 12:00:04 UTC-03:00",
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := words.Exact(at, zone); got != want {
			t.Errorf("Exact in %s = %q, want %q", name, got, want)
		}
	}
}

func TestDay_NamesAnotherYear(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC) // 2026 in Tokyo
	if got, want := words.Day(now, now, zone), "1 Jan 01:00"; got != want {
		t.Errorf("Day = %q, want %q", got, want)
	}
	if got, want := words.Day(now, now.Add(-2*time.Hour), zone), "31 Dec 2025 23:00"; got != want {
		t.Errorf("Day = %q, want %q", got, want)
	}
}

func TestSentences_AreFinished(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "too late": "Too late.", "Done.": "Done.", "why?": "Why?", "école\n": "École."} {
		if got := words.Stop(words.Capital(in)); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	for want, in := range map[string][]string{"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"}} {
		if got := words.List(in...); got != want {
			t.Errorf("List(%v) = %q, want %q", in, got, want)
		}
	}
	if words.Many(1, "site", "sites") != "1 site" || words.Many(0, "site", "sites") != "0 sites" || words.Many(1284, "site", "sites") != "1,284 sites" {
		t.Error("Many counts wrongly")
	}
}
