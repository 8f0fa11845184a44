package integration

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// directive says how a program runs and what is expected of it. README.md
// documents its text form.
type directive struct {
	Same    bool            // boxed output and files equal the native ones
	Args    []string        // arguments
	Stdin   *string         // standard input; nil is /dev/null
	Exit    int             // exit status, 128+N for signal N
	Refused map[string]bool // calls that may be refused, "*" for any; true: must be
	Taints  []string        // exactly the kinds of taint, "*" for any
	Verdict string          // "deterministic" or "tainted", "*" for either
	Flags   []string        // further flags of laplace do
	CFlags  []string        // further flags of gcc

	// Unmasked are the base names of the executables of the project that the
	// report names for instructions that cannot be masked.
	Unmasked []string
}

const directiveMark = "laplace: "

// readDirective returns the directive of a program: in its first line if it
// is a C file, in its second if it is a script.
func readDirective(path string) (directive, error) {
	f, err := os.Open(path)
	if err != nil {
		return directive{}, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	prefix := "// "
	if strings.HasSuffix(path, ".sh") {
		prefix = "# "
		s.Scan()
	}
	s.Scan()
	text, ok := strings.CutPrefix(s.Text(), prefix+directiveMark)
	if !ok {
		return directive{}, fmt.Errorf("%s: no %q line", path, prefix+directiveMark)
	}
	d, err := parseDirective(text)
	if err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// parseDirective parses what follows the mark.
func parseDirective(text string) (directive, error) {
	var d directive
	kind, rest, _ := strings.Cut(text, " ")
	switch kind {
	case "same":
		d.Same = true
	case "pinned":
	default:
		return d, fmt.Errorf("directive starts with %q, not same or pinned", kind)
	}
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return d, fmt.Errorf("directive word %q has no value", rest)
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			quoted, err := strconv.QuotedPrefix(after)
			if err != nil {
				return d, fmt.Errorf("directive value of %s: %w", key, err)
			}
			if value, err = strconv.Unquote(quoted); err != nil {
				return d, fmt.Errorf("directive value of %s: %w", key, err)
			}
			rest = after[len(quoted):]
		} else {
			value, rest, _ = strings.Cut(after, " ")
		}
		if err := d.set(key, value); err != nil {
			return d, err
		}
	}
	if d.Verdict == "" {
		d.Verdict = "deterministic"
		if len(d.Taints) > 0 {
			d.Verdict = "tainted"
		}
	}
	return d, nil
}

// set sets the field that key names.
func (d *directive) set(key, value string) error {
	switch key {
	case "args":
		d.Args = strings.Fields(value)
	case "stdin":
		d.Stdin = &value
	case "exit":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 255 {
			return fmt.Errorf("directive exit=%q is no exit status", value)
		}
		d.Exit = n
	case "refused":
		d.Refused = make(map[string]bool)
		for name := range strings.SplitSeq(value, ",") {
			name, must := strings.CutSuffix(name, "!")
			d.Refused[name] = must
		}
	case "taints":
		d.Taints = strings.Split(value, ",")
	case "verdict":
		if value != "deterministic" && value != "tainted" && value != "*" {
			return fmt.Errorf("directive verdict=%q is no verdict", value)
		}
		d.Verdict = value
	case "flags":
		d.Flags = strings.Fields(value)
	case "unmasked":
		d.Unmasked = strings.Split(value, ",")
	case "cflags":
		d.CFlags = strings.Fields(value)
	default:
		return fmt.Errorf("directive key %q is unknown", key)
	}
	return nil
}

func TestParseDirective(t *testing.T) {
	hello := "hello you\n"
	good := map[string]directive{
		"same":   {Same: true, Verdict: "deterministic"},
		"pinned": {Verdict: "deterministic"},
		`same args="a  b" stdin="hello you\n" exit=137`: {
			Same: true, Args: []string{"a", "b"}, Stdin: &hello, Exit: 137, Verdict: "deterministic"},
		"pinned taints=live,spin": {Taints: []string{"live", "spin"}, Verdict: "tainted"},
		"pinned refused=ioctl!,bpf flags=--strict": {
			Refused: map[string]bool{"ioctl": true, "bpf": false}, Flags: []string{"--strict"}, Verdict: "deterministic"},
		"same taints=x verdict=deterministic cflags=-static": {
			Same: true, Taints: []string{"x"}, Verdict: "deterministic", CFlags: []string{"-static"}},
	}
	for text, want := range good {
		got, err := parseDirective(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", text, diff)
		}
	}
	for _, text := range []string{"", "equal", "same args", "same nope=1", `same args="a`, "same exit=-1",
		"same exit=x", "same verdict=maybe"} {
		if d, err := parseDirective(text); err == nil {
			t.Errorf("%q: accepted as %+v", text, d)
		}
	}
}
