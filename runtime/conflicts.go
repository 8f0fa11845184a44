package runtime

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"laplace.dev/laplace/conflict"
)

// TaintConflict is the kind of the taint of a box in which the order of accesses was left to
// chance.
const TaintConflict = "conflict"

// maxConflictTaints is how many taints tell of conflicts; one more tells of the rest.
const maxConflictTaints = 5

// conflictTaints are the taints of conflicts that were left to chance. finality says why the
// box was not run again; it may be empty.
func conflictTaints(all []conflict.Conflict, finality string) (taints []Taint) {
	found := unresolved(all)
	if finality != "" {
		finality = "; not ordered: " + finality
	}
	for i := range found {
		if i == maxConflictTaints {
			taints = append(taints, Taint{Kind: TaintConflict, Detail: fmt.Sprintf("%d more%s", len(found)-i, finality)})
			break
		}
		taints = append(taints, Taint{Kind: TaintConflict, Detail: DescribeConflict(&found[i]) + finality})
	}
	return taints
}

// DescribeConflict tells of a conflict in one line: the object, and both execs.
func DescribeConflict(c *conflict.Conflict) string {
	return fmt.Sprintf("%s, between %s and %s", object(c), side(&c.First), side(&c.Second))
}

// object names what a conflict is about.
func object(c *conflict.Conflict) string {
	if c.Path == "" {
		return "a " + string(c.Class)
	}
	return string(c.Class) + " of " + c.Path
}

// maxArgv is how many bytes of a command line a message shows.
const maxArgv = 60

// side names an exec, by its command line and pid.
func side(s *conflict.Side) string {
	line := strings.Join(s.Argv, " ")
	if len(line) > maxArgv {
		line = strings.ToValidUTF8(line[:maxArgv], "") + "..."
	}
	who := fmt.Sprintf("%q (process %d)", line, s.PID)
	if s.Call == "" {
		return who
	}
	return s.Call + " of " + who
}

// mergeConflicts adds conflicts of earlier attempts to those of one in which they are ordered:
// what was in conflict and is not any more. Of an object that still is, the later ones tell more. The
// result is sorted.
func mergeConflicts(earlier, found []conflict.Conflict) []conflict.Conflict {
	list := slices.Clone(found)
	for _, c := range earlier {
		if len(list) >= conflict.MaxReported {
			break
		}
		c.First.Exec, c.Second.Exec = -1, -1 // the last attempt may count its execs otherwise
		if c.Ordered = true; !slices.ContainsFunc(list, func(have conflict.Conflict) bool { return have.Path == c.Path && have.Class == c.Class }) {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b conflict.Conflict) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Class, b.Class), cmp.Compare(a.First.B, b.First.B), cmp.Compare(a.First.Task, b.First.Task),
			cmp.Compare(a.Second.B, b.Second.B), cmp.Compare(a.Second.Task, b.Second.Task))
	})
	return list
}
