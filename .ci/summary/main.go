// Command summary runs `go test -json` with the arguments that it is given, prints what
// failed and what was skipped and why, and ends with "N passed, N failed, N skipped".
// Its exit status is 1 when anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	s := summary{out: os.Stdout, text: map[name][]string{}, failedIn: map[string]int{}}
	err = s.read(events)
	if werr := cmd.Wait(); err == nil {
		err = werr
	}
	if !s.finish(err) {
		os.Exit(1)
	}
}

// An event is a line of `go test -json`, see `go doc test2json`, or of a build.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build's output
	Test       string
	Elapsed    float64
	Output     string
}

// A name names a test, or, where Test is empty, all of a package.
type name struct{ Package, Test string }

func (n name) String() string { return strings.TrimSpace(n.Package + " " + n.Test) }

// A summary counts tests; a test with subtests counts too.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	text                    map[name][]string // what each has printed so far
	failedIn                map[string]int    // failed tests of each package
	skips                   []string
}

// read reads events to their end. What is no event is printed.
func (s *summary) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Action == "" {
			fmt.Fprintln(s.out, lines.Text())
			continue
		}
		s.add(e)
	}
	return lines.Err()
}

func (s *summary) add(e event) {
	who := name{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.text[who] = append(s.text[who], e.Output)
		return
	case "build-output":
		fmt.Fprint(s.out, e.Output)
		return
	case "pass":
		if e.Test != "" {
			s.passed++
		}
	case "skip":
		if e.Test != "" {
			s.skipped++
			s.skips = append(s.skips, fmt.Sprintf("SKIP %s: %s", who, s.reason(who)))
		}
	case "fail":
		if e.Test != "" {
			s.failedIn[e.Package]++
		}
		if e.Test != "" || s.failedIn[e.Package] == 0 { // else a test has failed it
			s.failed++
		}
		fmt.Fprintf(s.out, "FAIL %s (%.1f s)\n%s", who, e.Elapsed, strings.Join(s.text[who], ""))
	default:
		return
	}
	if e.Test == "" && e.Action == "pass" {
		fmt.Fprintf(s.out, "ok   %s (%.1f s)\n", e.Package, e.Elapsed)
	}
	delete(s.text, who)
}

// reason is what a test said before it was skipped, in one line.
func (s *summary) reason(who name) string {
	var said []string
	for _, line := range s.text[who] {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}

// finish prints the end, and reports whether nothing failed; err is how the go command
// ended.
func (s *summary) finish(err error) bool {
	if err != nil && s.failed == 0 {
		fmt.Fprintln(s.out, "FAIL go test:", err)
		s.failed++
	}
	for _, skip := range s.skips {
		fmt.Fprintln(s.out, skip)
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	return s.failed == 0
}
