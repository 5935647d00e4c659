package job

import (
	"github.com/riverqueue/river"

	"holdfast/internal/id"
)

// QueueMail is apart from the others, so that a mail server that hangs holds
// up nothing but mail.
const QueueMail = "mail"

// SendMail renders and sends one mail of the outbox.
type SendMail struct {
	Mail id.Mail `json:"mail"`
}

// Kind names the job in River's table.
func (SendMail) Kind() string { return "send_mail" }

// InsertOpts gives a mail server more than an hour to come back.
func (SendMail) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueMail, MaxAttempts: 8}
}
