package app

import (
	"context"
	"encoding/json"
	"fmt"

	"holdfast/internal/id"
	"holdfast/internal/mail"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// alarm is what staff are told at once.
type alarm struct {
	tenant  id.Tenant
	site    id.Site
	subject string
	title   string
	lines   []string
	facts   [][2]string
}

// alarmStaff queues a mail to everybody who runs the service, in the
// transaction of what it tells.
func (a *App) alarmStaff(ctx context.Context, tx *store.Tx, m alarm) error {
	if !a.CanMail() {
		return nil
	}
	l := mail.Letter{Subject: m.subject, Title: m.title, Lines: m.lines, Facts: m.facts, Button: "Open the site", Link: "/sites/" + m.site.String()}
	words, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("words of an alarm: %w", err)
	}
	readers, err := tx.StaffToAlarm(ctx)
	if err != nil {
		return err
	}
	for _, r := range readers {
		err := queueLetter(ctx, tx, dbq.InsertTicketMailParams{TenantID: m.tenant, Kind: dbq.MailKindAlarm, Recipient: r.Email, Words: words, AccountID: r.ID})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *App) writeAlarm(ctx context.Context, m dbq.MailOutbox) mail.Message {
	var l mail.Letter
	_ = json.Unmarshal(m.Words, &l) // written by alarmStaff; what cannot be read is left out
	return a.writeLetter(ctx, m, l, false)
}
