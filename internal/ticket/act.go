package ticket

// ActKind is one of the moves of a macro.
type ActKind string

// The moves of a macro, which are done in this order after its reply.
const (
	ActAssignMe   ActKind = "assign_me"
	ActPrioritise ActKind = "prioritise" // Act.To: a priority
	ActAsk        ActKind = "ask"        // the reply is a question: wait for the customer
	ActClose      ActKind = "close"
)

// ActKinds are all of them.
func ActKinds() []ActKind { return []ActKind{ActAssignMe, ActPrioritise, ActAsk, ActClose} }

// Act is one move of a macro.
type Act struct {
	Do ActKind `json:"do"`
	To string  `json:"to,omitempty"`
}
