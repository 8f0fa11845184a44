package determinize

import (
	"strings"
	"testing"

	"laplace.dev/laplace/determinize/policy"
)

// notedElsewhere are the calls whose handlers note what they read.
var notedElsewhere = map[string]string{
	"ioctl":   "asks does for the one that tells a file's size",
	"getcwd":  "asks does: it reads no path, but the way to its directory",
	"connect": "the path is in a socket address",
	"fstatfs": "what it tells of file systems never changes",
}

// TestAccessesOfTable tells whether what the table says that calls read of names and metadata
// is looked up, before they are decided.
func TestAccessesOfTable(t *testing.T) {
	for nr := range policy.Table {
		row := &policy.Table[nr]
		var reads []string
		for _, access := range row.Accesses() {
			switch access {
			case "probe entry", "read entry", "read metadata", "read symlink":
				reads = append(reads, access)
			}
		}
		noted := len(pathCalls[nr]) > 0 || len(fdCalls[nr]) > 0 || notedElsewhere[row.Name] != ""
		if len(reads) > 0 && !noted && row.Class != policy.Refuse {
			t.Errorf("%s: %s, but nobody notes it", row.Name, strings.Join(reads, ", "))
		}
	}
}
