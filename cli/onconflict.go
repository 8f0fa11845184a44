package cli

import (
	"fmt"

	"laplace.dev/laplace/runtime"
)

// maxShown is how many conflicts a failure shows.
const maxShown = 3

// conflicts is the error of a run that --on-conflict=fail refuses; nil of any other one.
func (f *boxFlags) conflicts(c *Caller, r *runtime.Report) error {
	if runtime.OnConflict(f.onConflict) != runtime.ConflictFail {
		return nil
	}
	found := r.Unresolved()
	if len(found) == 0 {
		return nil
	}
	for i := range found[:min(len(found), maxShown)] {
		fmt.Fprintf(c.Stderr, "laplace: conflict: %s\n", runtime.DescribeConflict(&found[i]))
	}
	return &runtime.Error{
		Op: "--on-conflict", Err: fmt.Errorf("the order of %s was left to chance", count(uint64(len(found)), "pair")+" of accesses"),
		Hint: "laplace conflicts, which shows all; --on-conflict=order, which runs it again in order", Exit: runtime.ExitConflict,
	}
}
