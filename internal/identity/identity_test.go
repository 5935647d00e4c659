package identity_test

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/identity"
)

// All holders × all sets of proofs × both rules: what each may and may not.
func TestNext_OverAllProofsAndHolders(t *testing.T) {
	t.Parallel()
	all := []identity.Proof{identity.Password, identity.Passkey, identity.MailLink, identity.Provider, identity.Code, identity.Recovery}
	for set := range 1 << len(all) {
		var shown []identity.Proof
		has := map[identity.Proof]bool{}
		for i, p := range all {
			if set&(1<<i) != 0 {
				shown, has[p] = append(shown, p), true
			}
		}
		for _, staff := range []bool{false, true} {
			for _, totp := range []bool{false, true} {
				for _, keys := range []int{0, 2} {
					for _, required := range []bool{false, true} {
						h := identity.Holder{Staff: staff, TOTP: totp, Passkeys: keys}
						got := identity.Next(shown, h, identity.Rules{StaffSecondFactor: required})
						first := has[identity.Password] || has[identity.Passkey] || has[identity.Provider] && staff || has[identity.MailLink] && !staff
						second := has[identity.Passkey] || has[identity.Provider] && staff || has[identity.Code] || has[identity.Recovery]
						if !first && got != identity.WantFirst {
							t.Errorf("%v %+v: %s without a first proof", shown, h, got)
						}
						if asked := totp || staff && keys > 0; first && asked && !second && got != identity.WantSecond {
							t.Errorf("%v %+v: %s without the second", shown, h, got)
						}
						if got == identity.Done && required && staff && !second {
							t.Errorf("%v %+v: staff came in without a second factor", shown, h)
						}
						if got == identity.WantEnrol && (!required || !staff || h.HasSecond()) {
							t.Errorf("%v %+v: led to enrol for nothing", shown, h)
						}
						if first && second && got != identity.Done {
							t.Errorf("%v %+v: %s though both were shown", shown, h, got)
						}
					}
				}
			}
		}
	}
}

func TestFresh_LastsFifteenMinutes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{0: true, 15*time.Minute - time.Second: true, 15 * time.Minute: false, -time.Hour: false} {
		if got := identity.Fresh(now.Add(-age), now); got != want {
			t.Errorf("%s ago: %v", age, got)
		}
	}
	if identity.Fresh(time.Time{}, now) {
		t.Error("never is fresh")
	}
}

func TestCheckPassword_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]string{
		"":                        "at least 12",
		"elevenchars":             "at least 12",
		"äöüäöüäöüß1":             "at least 12",
		strings.Repeat("ab3", 86): "at most 256",
		"bad\xff\xfe bytes here":  "cannot be read",
		"aaaaaaaaaaaaaa":          "repeats",
		"abcabcabcabcabc":         "repeats",
		"123456789012":            "repeats",
		"abcdefghijklmnop":        "repeats",
		"qwertyuiop1234":          "repeats",
		"password1234":            "guessed first",
		"Password!2026!":          "guessed first",
		"p@ssw0rd2024":            "guessed first",
		"passwordpassword":        "guessed first",
		"Administrator1":          "guessed first",
		"1qaz2wsx3edc":            "guessed first",
		"moodleadmin!1":           "guessed first",
		"anna.brandt2026":         "your own name",
		"annaschool1!":            "your own name",
	} {
		err := identity.CheckPassword(password, "anna@school.example", "Anna Brandt")
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "password: ") {
			t.Errorf("%q: %v, want %q", password, err, want)
		}
	}
	for _, password := range []string{
		"correct horse battery", "demo staff password", "Tr0ub4dor&3 xkcd", "лошадь скрепка верно", "mR4!kq9Zt2wx",
		"anna likes seven purple boats",
	} {
		if err := identity.CheckPassword(password, "anna@school.example", "Anna Brandt"); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestCommon_IsTheListRecorded(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("common.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("COMMON.md")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(list); !strings.Contains(string(doc), hex.EncodeToString(sum[:])) {
		t.Error("common.txt.gz is not the file that COMMON.md records")
	}
}

// The vectors of RFC 6238, appendix B, of SHA-1, in six digits.
func TestTOTP_IsThatOfTheRFC(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := identity.TOTPAt(secret, time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestCheckTOTP_TakesACodeOnceAndOneStepOff(t *testing.T) {
	t.Parallel()
	secret, now := []byte("a secret of the tests"), time.Date(2026, 11, 22, 10, 0, 15, 0, time.UTC)
	for off, want := range map[time.Duration]bool{0: true, -30 * time.Second: true, 30 * time.Second: true, -60 * time.Second: false, 60 * time.Second: false} {
		if _, ok := identity.CheckTOTP(secret, identity.TOTPAt(secret, now.Add(off)), now, 0); ok != want {
			t.Errorf("%s off: %v", off, ok)
		}
	}
	code := identity.TOTPAt(secret, now)
	step, ok := identity.CheckTOTP(secret, " "+code[:3]+" "+code[3:], now, 0)
	if !ok {
		t.Fatal("a code with spaces is refused")
	}
	if _, ok := identity.CheckTOTP(secret, code, now, step); ok {
		t.Error("a code works twice")
	}
	if _, ok := identity.CheckTOTP(secret, identity.TOTPAt(secret, now.Add(-30*time.Second)), now, step); ok {
		t.Error("an older code works after a newer one")
	}
	for _, bad := range []string{"", "12345", "1234567", "abcdef", code + "0"} {
		if _, ok := identity.CheckTOTP(secret, bad, now, 0); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestKeyURI_IsReadByAuthenticators(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	uri := identity.KeyURI(secret, "Bright Hosting", "anna@school.example")
	want := "otpauth://totp/Bright%20Hosting:anna@school.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bright%20Hosting&algorithm=SHA1&digits=6&period=30"
	if uri != want {
		t.Errorf("%s", uri)
	}
	back, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(identity.SecretText(secret), " ", ""))
	if err != nil || string(back) != string(secret) {
		t.Errorf("%q, %v", identity.SecretText(secret), err)
	}
}

func TestRecoveryCodes_DifferAndAreReadHoweverTyped(t *testing.T) {
	t.Parallel()
	codes, err := identity.NewRecoveryCodes()
	if err != nil || len(codes) != 10 {
		t.Fatal(codes, err)
	}
	seen := map[string]bool{}
	for _, c := range codes {
		plain := identity.PlainRecovery(c)
		if seen[plain] || len(plain) != 12 || identity.LooksLikeTOTP(c) {
			t.Errorf("%q", c)
		}
		seen[plain] = true
		if identity.PlainRecovery(" "+strings.ToUpper(strings.ReplaceAll(c, "-", " "))) != plain {
			t.Errorf("%q typed otherwise is another", c)
		}
	}
}

func TestDevice_SaysWhatAPersonRecognises(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0":               "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari on an iPhone",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                   "Chrome on a Mac",
		"":           "A browser that says nothing of itself",
		`"><script>`: "A browser that says nothing of itself",
	} {
		if got := identity.Device(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

func TestLetter_CarriesItsLinkAndNoSecondLineInItsSubject(t *testing.T) {
	t.Parallel()
	for _, k := range []identity.LetterKind{identity.SignInLetter, identity.ResetLetter, identity.InvitationLetter, identity.NoticeLetter} {
		l := identity.Letter{Kind: k, Product: "Bright\r\nBcc: x@y.example", Link: "https://h.example/x/abc", Into: "A School\nBcc: z@y.example", Role: "admin", What: "Your password was changed", At: time.Unix(0, 0)}
		subject, text := l.Write()
		if subject == "" || strings.ContainsAny(subject, "\r\n") || !strings.Contains(text, l.Link) || k.Lasts() <= 0 {
			t.Errorf("%s: %q\n%s", k, subject, text)
		}
	}
}
