package determinize

import (
	"bytes"
	"slices"
)

// sortXattrs sorts a list of attribute names, each with its zero byte, and
// leaves out those that are not shown.
func sortXattrs(list []byte) []byte {
	var names [][]byte
	for _, n := range bytes.Split(bytes.TrimSuffix(list, []byte{0}), []byte{0}) {
		if visibleXattr(string(n)) {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, bytes.Compare)
	var out []byte
	for _, n := range names {
		out = append(append(out, n...), 0)
	}
	return out
}
