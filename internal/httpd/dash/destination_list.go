package dash

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/capacity"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

func destinationPath(of id.Destination) string { return dash.DestinationsPath + "/" + of.String() }

var storageKinds = map[string]string{"filesystem": "file system", "s3": "S3", "sftp": "SFTP"}

func (d *Door) destinations(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	all, err := d.app.ListDestinations(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	now := d.clock.Now()
	props := dash.DestinationsProps{Page: d.page(r.Context(), p, dash.DestinationsSection)}
	if may(p, authz.ManageVault, id.Tenant{}) {
		props.AddCommand = "holdfast destination add NAME --kind s3 --backend-file s3.json"
	}
	slices.SortStableFunc(all, func(a, b app.DestinationInfo) int {
		return cmp.Or(cmp.Compare(destinationRank(a, now), destinationRank(b, now)), cmp.Compare(untilFull(a.Forecast), untilFull(b.Forecast)))
	})
	for _, i := range all {
		props.Destinations = append(props.Destinations, destinationRow(i, now))
	}
	props.State, props.Sentence = destinationsSentence(all, now)
	return dash.Destinations(props), nil
}

// untilFull puts forecasts in order, the soonest first.
func untilFull(f capacity.Forecast) time.Duration {
	if f.Outlook == capacity.Fills {
		return f.In
	}
	return math.MaxInt64
}

// staleAfter is how old a sample may be before the page says that nothing
// measures any more. The keeper measures every five minutes.
const staleAfter = 30 * time.Minute

func destinationStanding(i app.DestinationInfo, now time.Time) (state ui.State, word, note string) {
	switch alarm := i.Forecast.Alarm(); {
	case i.Forecast.Outlook == capacity.Full:
		return ui.Failed, "full", "Nothing more can be stored. Make room, or send its sites elsewhere."
	case alarm == capacity.Urgent:
		return ui.Failed, "nearly full", "Backups may soon fail for want of room."
	case i.Queue.Failed > 0:
		return ui.Failed, "tasks failed", words.Many(i.Queue.Failed, "task of the keeper", "tasks of the keeper") + " failed and " + verb(i.Queue.Failed, "is", "are") + " not tried again."
	case i.Newest != nil && now.Sub(i.Newest.At) > staleAfter:
		return ui.Unreachable, "not measured", "Last measured " + words.Ago(now, i.Newest.At) + "; see that its keeper runs."
	case alarm == capacity.Soon:
		return ui.Late, "filling", "Plan for more room."
	case i.ReadOnly:
		return ui.Waiting, "read-only", "Nothing is written or deleted; copies can be read."
	case i.Newest == nil:
		return ui.None, "not measured yet", "Its keeper measures it within minutes of its start."
	}
	return ui.Good, "takes copies", ""
}

func destinationRank(i app.DestinationInfo, now time.Time) int {
	state, _, _ := destinationStanding(i, now)
	return map[ui.State]int{ui.Failed: 0, ui.Unreachable: 1, ui.Late: 2, ui.Waiting: 3, ui.None: 4, ui.Good: 5}[state]
}

func destinationRow(i app.DestinationInfo, now time.Time) dash.DestinationRow {
	row := dash.DestinationRow{Href: destinationPath(i.ID), Name: i.Name, Kind: storageKinds[i.Kind]}
	row.State, row.Word, row.Note = destinationStanding(i, now)
	if i.ReadOnly && row.Word != "read-only" {
		row.Note += " It is read-only."
	}
	if n := i.Newest; n != nil {
		row.Stored, row.Copies = size(n.StoredBytes), words.Count(n.Copies)
		if n.FreeBytes != nil {
			row.Free, row.FreeNote = size(*n.FreeBytes), share(*n.FreeBytes, *n.TotalBytes)+" of "+words.Bytes(*n.TotalBytes)
		}
	}
	row.Full, row.FullNote = fullWords(i.Forecast)
	row.Queue = queueWords(i)
	return row
}

func queueWords(i app.DestinationInfo) string {
	n := i.Queue.Waiting + i.Queue.Running
	if n == 0 {
		return "nothing waits"
	}
	return words.Many(n, "task waits", "tasks wait")
}

// share writes a part of a whole: "41 %".
func share(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	p := float64(part) / float64(whole) * 100
	if p < 10 {
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}

// fullWords says when a storage is full, and how sure that is.
func fullWords(f capacity.Forecast) (full, note string) {
	switch f.Outlook {
	case capacity.Unbounded:
		return "", "it does not say how large it is"
	case capacity.Unknown:
		return "not known yet", fmt.Sprintf("needs %d days of samples, has %.0f", capacity.MinDays, math.Floor(f.Growth.Days))
	case capacity.Steady:
		return "not in sight", "it does not grow"
	case capacity.Distant:
		return "in more than 2 years", ""
	case capacity.Full:
		return "now", ""
	default:
		return "in " + aboutDays(f.In), rangeWords(f)
	}
}

// aboutDays writes a forecast's time no finer than it is known.
func aboutDays(d time.Duration) string {
	days := int64(math.Floor(d.Hours() / 24))
	switch {
	case days < 1:
		return "less than a day"
	case days > 365:
		return fmt.Sprintf("about %.1f years", d.Hours()/24/365)
	case days > 120:
		return "about " + words.Many(int64(math.Round(d.Hours()/24/30.4)), "month", "months")
	}
	return "about " + words.Many(days, "day", "days")
}

// rangeWords says between when and when, if that is not a single day.
func rangeWords(f capacity.Forecast) string {
	low, high := int64(f.Soonest.Hours()/24), int64(f.Latest.Hours()/24)
	switch {
	case f.Latest == 0 || f.Latest >= capacity.Horizon:
		return fmt.Sprintf("in %s at the soonest; it grows unevenly", words.Many(low, "day", "days"))
	case low == high:
		return ""
	}
	return fmt.Sprintf("between %s and %s days", words.Count(low), words.Count(high))
}

func destinationsSentence(all []app.DestinationInfo, now time.Time) (ui.State, []ui.Phrase) {
	if len(all) == 0 {
		return ui.None, ui.Say(ui.Text("There is no destination yet."))
	}
	var stored, wrong, unknown int64
	for _, i := range all {
		if i.Newest != nil {
			stored += i.Newest.StoredBytes
		}
		switch state, _, _ := destinationStanding(i, now); state {
		case ui.Failed, ui.Late, ui.Unreachable:
			wrong++
		case ui.None:
			unknown++
		default:
		}
	}
	holds := ui.Say(ui.Text(words.Capital(words.Many(int64(len(all)), "destination holds", "destinations hold"))+" "), ui.Strong(words.Bytes(stored)), ui.Text(". "))
	first := all[0]
	switch {
	case wrong > 0 && first.Forecast.Outlook == capacity.Fills && first.Forecast.Alarm() != capacity.Calm:
		full, _ := fullWords(first.Forecast)
		state, _, _ := destinationStanding(first, now)
		return state, append(holds, ui.Strong(first.Name), ui.Text(" is full "), ui.Strong(full), ui.Text("."))
	case wrong > 0:
		state, _, note := destinationStanding(first, now)
		return state, append(holds, ui.Strong(first.Name), ui.Text(" needs you: "+note))
	case unknown == int64(len(all)):
		return ui.None, ui.Say(ui.Text("Nothing was measured yet. The keeper measures within minutes of its start."))
	}
	return ui.Good, append(holds, ui.Text(soonestWords(all)))
}

// soonestWords says what is known of room, when nothing is short of it.
func soonestWords(all []app.DestinationInfo) string {
	soonest := slices.MinFunc(all, func(a, b app.DestinationInfo) int { return cmp.Compare(untilFull(a.Forecast), untilFull(b.Forecast)) })
	if soonest.Forecast.Outlook == capacity.Fills {
		return "The first to be full is " + soonest.Name + ", in " + aboutDays(soonest.Forecast.In) + "."
	}
	for _, i := range all {
		if i.Forecast.Outlook == capacity.Unknown {
			return "When they are full is not known yet."
		}
	}
	return "None of them is known to be filling up."
}
