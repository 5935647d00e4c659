package mailin

import (
	"html"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// Marker stands in every mail of ours above what is not to come back.
const Marker = "— Please write your answer above this line —"

// attribution are the lines by which mail programs begin a quotation, in the
// languages that schools here write in.
var attribution = []*regexp.Regexp{
	regexp.MustCompile(`(?i)^\s*(on|am|le|el|il|op|em|dnia|den)\b.{4,200}\s(wrote|schrieb|écrit|escribió|scritto|schreef|escreveu|napisał\(?a?\)?|skrev)(\s.{0,120})?:\s*$`),
	regexp.MustCompile(`(?i)^\s*-{2,}\s*(original message|ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|forwarded message)\s*-{2,}\s*$`),
	regexp.MustCompile(`^_{20,}\s*$`),
}

// head is a quotation's head as Outlook writes it: From, Sent or Date, To.
var (
	head = regexp.MustCompile(`(?i)^\s*\*?(from|von|de|da|van)\s*:\*?\s+\S`)
	sent = regexp.MustCompile(`(?i)^\s*\*?(sent|gesendet|envoyé|enviado|inviato|verzonden|date|datum|fecha|data)\s*:\*?\s+\S`)
)

// Newest gives what somebody wrote newly in a mail: all above the marker, the
// quotation or the signature, without quoted lines at its end. A mail that is
// nothing but quotations gives "".
func Newest(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if above, _, found := strings.Cut(text, Marker); found {
		text = above
	}
	lines := strings.Split(text, "\n")
	end := len(lines)
	for i := range lines {
		if begins(lines, i) {
			end = i
			break
		}
	}
	lines = lines[:end]
	for len(lines) > 0 {
		last := strings.TrimSpace(lines[len(lines)-1])
		if last != "" && !strings.HasPrefix(last, ">") {
			break
		}
		lines = lines[:len(lines)-1]
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// begins tells whether a quotation or the signature begins at line i.
func begins(lines []string, i int) bool {
	line := lines[i]
	if line == "-- " {
		return true
	}
	for _, re := range attribution {
		if re.MatchString(line) {
			return true
		}
	}
	if i+1 < len(lines) {
		// "On Monday ... <long address>" that a program broke in two.
		if two := line + " " + strings.TrimSpace(lines[i+1]); len(line) > 30 && attribution[0].MatchString(two) {
			return true
		}
		if head.MatchString(line) {
			for _, next := range lines[i+1 : min(i+4, len(lines))] {
				if sent.MatchString(next) {
					return true
				}
			}
		}
	}
	return false
}

// blocks end a line of text where HTML ends a block.
var (
	blocks = regexp.MustCompile(`(?i)<\s*(br|/p|/div|/li|/tr|/h[1-6]|/blockquote)\b[^>]*>`)
	quotes = regexp.MustCompile(`(?is)<\s*blockquote\b.*`)
	hidden = regexp.MustCompile(`(?is)<\s*(style|script|head|title)\b.*?<\s*/\s*(style|script|head|title)\s*>`)
	strict = bluemonday.StrictPolicy()
)

// fromHTML gives the text of a mail that came as HTML alone. Every tag goes,
// what is in scripts and styles too; a quoted block ends what is new.
func fromHTML(page string) string {
	page = hidden.ReplaceAllString(page, "")
	page = quotes.ReplaceAllString(page, "")
	page = blocks.ReplaceAllString(page, "$0\n")
	text := html.UnescapeString(strict.Sanitize(page))
	text = strings.ReplaceAll(text, "\u00a0", " ")
	var out []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}
