package conflict

// Conflict is two accesses to one object that happens-before does not order, as a user is
// told of it.
type Conflict struct {
	Class Class `json:"class"`
	// Path is the object's path in the box, at the second access.
	Path string `json:"path"`
	// First and Second are the accesses, in the order of the canonical run: by B, then by
	// the path of the task.
	First  Side `json:"first"`
	Second Side `json:"second"`
	// Ordered says that the run made the two in the order of the canonical run, as it always
	// would: the conflict is the program's, and the result does not depend on it.
	Ordered bool `json:"ordered"`
	// Count is how many pairs of accesses of the two execs to the object are in conflict
	// like this; the first one is shown.
	Count int `json:"count"`
}

// MaxReported is how many conflicts a run tells of; of those that were left to chance, half as many.
const MaxReported = 4000

// Side is one of two accesses in conflict.
type Side struct {
	Exec int      `json:"exec"` // position in the run's list of execs; -1: it is one of an earlier attempt, or was skipped
	PID  int      `json:"pid"`
	Task string   `json:"task"` // address in the fork tree, "0.2.1"; "" is the first process
	Argv []string `json:"argv"`
	Cwd  string   `json:"cwd"`
	Call string   `json:"call"` // name of the system call
	B    uint64   `json:"b"`    // the task's logical clock at the call
	// Does is what the access does: "read", "change", "append" or "add".
	Does string `json:"does"`
}
