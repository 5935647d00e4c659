package main

import (
	"time"

	"holdfast/internal/ticket"
)

// ticketJSON is a ticket as scripts read it.
type ticketJSON struct {
	ID       string          `json:"id"`
	Number   int64           `json:"number"`
	Version  int             `json:"version"`
	Kind     string          `json:"kind"`
	State    string          `json:"state"`
	Priority string          `json:"priority"`
	Subject  string          `json:"subject"`
	Customer string          `json:"customer"`
	Site     string          `json:"site,omitempty"`
	Assignee string          `json:"assignee,omitempty"`
	Due      *time.Time      `json:"due,omitempty"`
	Late     bool            `json:"late"`
	Stands   string          `json:"stands,omitempty"`
	Created  time.Time       `json:"created"`
	Restore  string          `json:"restore,omitempty"`
	Charge   string          `json:"charge,omitempty"`
	Request  *ticket.Request `json:"request,omitempty"`
	Messages []messageJSON   `json:"messages,omitempty"`
}

type messageJSON struct {
	At       time.Time `json:"at"`
	Author   string    `json:"author"`
	By       string    `json:"by,omitempty"`
	Internal bool      `json:"internal"`
	Body     string    `json:"body"`
	Files    []string  `json:"files,omitempty"`
}

func someTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
