package serve

import (
	"strings"
	"sync"

	"holdfast/internal/store"
)

// hub passes the database's notifications on to whoever waits in this process.
type hub struct {
	mu      sync.Mutex
	waiting map[string]chan struct{} // by topic; closed at the next news

	watching map[chan struct{}]bool // of the pages that show runs
}

func newHub() *hub {
	return &hub{waiting: map[string]chan struct{}{}, watching: map[chan struct{}]bool{}}
}

// topic gives the channel that is closed at the next news of the topic.
func (h *hub) topic(name string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	ch, ok := h.waiting[name]
	if !ok {
		ch = make(chan struct{})
		h.waiting[name] = ch
	}
	return ch
}

// news wakes everyone who waits on the topic. An empty payload, which comes
// after a broken connection, wakes everyone of the channel.
func (h *hub) news(channel, payload string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if channel == store.ChannelRuns {
		for ch := range h.watching {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
	}
	for name, ch := range h.waiting {
		if name == channel+"/"+payload || payload == "" && strings.HasPrefix(name, channel+"/") {
			close(ch)
			delete(h.waiting, name)
		}
	}
}

// Wait is agentdoor's Waiter.
func (h *hub) Wait(host string) (<-chan struct{}, func()) {
	return h.topic(store.ChannelWork + "/" + host), func() {}
}

// runs subscribes to the moves of runs until the function it gives is called.
// News that come faster than they are taken are one.
func (h *hub) runs() (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watching[ch] = true
	return ch, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watching, ch)
	}
}
