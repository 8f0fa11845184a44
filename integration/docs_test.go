package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// seeded are the digits of a clock below 10 ms: they depend on the program and
// on its directory.
var seeded = regexp.MustCompile(`(:\d\d|\d{10})\.(\d\d)\d{7}\b`)

// TestDocs runs the examples of docs/determinism.md, which are indented: a
// line that begins with $, and what it prints.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/determinism.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(base, "docs-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := plainCaller(filepath.Join(dir, "home"))
	examples := 0
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		command, ok := strings.CutPrefix(line, "    $ laplace ")
		if !ok {
			continue
		}
		examples++
		var want strings.Builder
		for _, line := range lines[i+1:] {
			printed, ok := strings.CutPrefix(line, "    ")
			if !ok {
				break
			}
			want.WriteString(printed + "\n")
		}
		project := filepath.Join(dir, "projects", strconv.Itoa(examples))
		if err := os.MkdirAll(project, 0o777); err != nil {
			t.Fatal(err)
		}
		r := run(t, c, project, nil, "/bin/sh", "-c", laplace(t)+" "+command)
		same := func(s string) string { return seeded.ReplaceAllString(s, "$1.$2") }
		if r.Exit != 0 || r.Stderr != "" || same(r.Stdout) != same(want.String()) {
			t.Errorf("laplace %s: exit status %d, printed\n%s%s\nthe documentation says\n%s", command, r.Exit, r.Stdout, r.Stderr, want.String())
		}
	}
	if examples < 3 {
		t.Errorf("only %d examples were found", examples)
	}
}
