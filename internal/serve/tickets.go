package serve

import (
	"time"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/httpd/mw"
)

// How the limits of addresses are counted.
const (
	ticketWindow = time.Hour
	ticketKeys   = 50_000
)

// useTickets sets what tickets need of this process: the folder of
// attachments, and the limits of addresses.
func useTickets(c Config, a *app.App) error {
	at := clock.System{}
	a.UseTicketLimits(app.TicketLimits{
		Open:   mw.NewLimiter(at, app.OpenPerAddress, ticketWindow, ticketKeys),
		Reply:  mw.NewLimiter(at, app.ReplyPerAddress, ticketWindow, ticketKeys),
		Attach: mw.NewLimiter(at, app.AttachPerAddress, ticketWindow, ticketKeys),
	})
	return a.UseAttachments(c.Attachments)
}
