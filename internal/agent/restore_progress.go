package agent

import (
	"fmt"
	"sync"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/copyback"
	"holdfast/internal/inplace"
)

// stepReading is the step before those of inplace: the dump is read to its end
// and compared with its record.
const stepReading = "reading"

// Guesses of the steps that go by no size.
const (
	guessCheck  = 3 * time.Second
	guessShort  = 2 * time.Second
	guessNamed  = 5 * time.Second
	guessClose  = 10 * time.Second
	guessVerify = 5 * time.Second
	guessMoodle = 15 * time.Second
)

// telling makes a restore's steps into the progress of a run.
type telling struct {
	mu    sync.Mutex
	clock clock.Clock
	ahead *copyback.Forecast
	to    func(agentproto.Progress)
}

// restoreSteps are the steps of a restore of these copies; either may be nil.
func restoreSteps(database, data *From, named bool) []copyback.Part {
	steps := []copyback.Part{{Name: inplace.StepCheck, Guess: guessCheck}}
	if database != nil {
		steps = []copyback.Part{{Name: stepReading, Guess: copyback.Reading(database.Bytes)}, {Name: inplace.StepCheck, Guess: guessCheck}}
	}
	if data != nil {
		steps = append(steps, copyback.Part{Name: inplace.StepFiles, Guess: copyback.Writing(data.Files, data.Bytes)})
	}
	if database != nil {
		steps = append(steps, copyback.Part{Name: inplace.StepLoad, Guess: copyback.Loading(len(database.Tables), database.Bytes)})
	}
	if named {
		steps = append(steps, copyback.Part{Name: inplace.StepNamed, Guess: guessNamed})
	}
	return append(steps,
		copyback.Part{Name: inplace.StepClose, Guess: guessClose}, copyback.Part{Name: inplace.StepSwitch, Guess: guessShort},
		copyback.Part{Name: inplace.StepClear, Guess: guessShort}, copyback.Part{Name: inplace.StepVerify, Guess: guessVerify},
		copyback.Part{Name: inplace.StepUpgrade, Guess: guessShort}, copyback.Part{Name: inplace.StepMoodle, Guess: guessMoodle},
		copyback.Part{Name: inplace.StepOpen, Guess: guessShort})
}

// fileSteps are the steps of a restore of files: how much of the copy is
// wanted is not known beforehand.
func fileSteps() []copyback.Part {
	return []copyback.Part{{Name: inplace.StepFiles, Guess: guessClose}, {Name: inplace.StepSwitch, Guess: guessShort}}
}

// newTelling knows the steps of what is done; none means that nothing is known.
func newTelling(steps []copyback.Part, clk clock.Clock, to func(agentproto.Progress)) *telling {
	return &telling{clock: clk, ahead: copyback.NewForecast(steps, clk.Now()), to: to}
}

// reading tells how much of the dump was read for its check.
func (t *telling) reading(done, total int64) {
	words := "Reading the database copy to its end, to be sure of it before anything is touched"
	if total > 0 {
		words += fmt.Sprintf(": %d %%", min(100, done*100/total))
	}
	t.tell(agentproto.Progress{Phase: stepReading, Detail: words, DoneBytes: done, TotalBytes: total}, done, total, 0)
}

// step tells one of inplace's steps.
func (t *telling) step(s inplace.Step) {
	p := agentproto.Progress{Phase: s.Name, Detail: clip(s.Words, maxDetailBytes)}
	if s.Name == inplace.StepLoad && s.Total > 0 {
		p.DoneTables, p.AllTables = int(s.Done), int(s.Total)
	}
	t.tell(p, s.Done, s.Total, s.Left)
}

// maxDetailBytes bounds the sentence of a progress.
const maxDetailBytes = 300

func (t *telling) tell(p agentproto.Progress, done, total int64, own time.Duration) {
	t.mu.Lock()
	left := t.ahead.See(t.clock.Now(), p.Phase, done, total, own)
	p.Step, p.Steps = t.ahead.Step()
	t.mu.Unlock()
	if p.Phase != inplace.StepBack { // the way back is as long as it is
		p.SecondsLeft = int((left + time.Second - 1) / time.Second)
	}
	t.to(p)
}
