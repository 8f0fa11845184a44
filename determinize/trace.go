package determinize

// Event is an intercepted call, with the values that the guest saw.
type Event struct {
	PID  int
	Name string
	Nr   uint64
	Args [6]uint64
	Ret  int64
	// Text of the arguments that are strings in the guest's memory.
	Strings [6]string
	// Exec is set for the start of a program.
	Exec []string
}

func (e *engine) traceRun(t *task)                {}
func (e *engine) traceAnswer(t *task, ret int64)  {}
func (e *engine) tracedResult(t *task, ret int64) {}
func (e *engine) traceExec(t *task, x *execution) {}
