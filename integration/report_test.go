package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// report is what laplace do --report writes.
type report struct {
	Version  string    `json:"version"`
	Command  []string  `json:"command"`
	Exit     int       `json:"exit"`
	Verdict  string    `json:"verdict"`
	Taints   []taint   `json:"taints"`
	Attempts int       `json:"attempts"`
	Refused  []refusal `json:"refused"`
	Unmasked []string  `json:"unmasked"`
	CPU      cpu       `json:"cpu"`
	Execs    execs     `json:"execs"`
	Ticks    int64     `json:"ticks"`
	Tree     string    `json:"tree"`   // sha256
	Stdout   string    `json:"stdout"` // sha256
	Stderr   string    `json:"stderr"` // sha256
	Record   record    `json:"record"`
	WallMS   float64   `json:"wall_ms"`

	Conflicts []conflict `json:"conflicts"`
}

// conflict is two accesses to one object that a box left to chance, or that the program does.
type conflict struct {
	Class   string       `json:"class"`
	Path    string       `json:"path"`
	First   conflictSide `json:"first"`
	Second  conflictSide `json:"second"`
	Ordered bool         `json:"ordered"`
	Count   int          `json:"count"`
}

type conflictSide struct {
	Exec int      `json:"exec"`
	PID  int      `json:"pid"`
	Task string   `json:"task"`
	Argv []string `json:"argv"`
	Call string   `json:"call"`
}

type record struct {
	ID      string `json:"id"`
	Digest  string `json:"digest"` // sha256
	Missing string `json:"missing"`
}

type cpu struct {
	Vendor   string `json:"vendor"`
	Family   int    `json:"family"`
	Model    int    `json:"model"`
	Stepping int    `json:"stepping"`
	Features string `json:"features"` // sha256
}

type taint struct {
	Kind   string          `json:"kind"`
	Detail string          `json:"detail"`
	Exec   json.RawMessage `json:"exec"`
}

type refusal struct {
	Syscall string `json:"syscall"`
	Count   int64  `json:"count"`
}

type execs struct {
	Total   int64 `json:"total"`
	Run     int64 `json:"run"`
	Skipped int64 `json:"skipped"`
}

// reportKeys are the members that every report has.
var reportKeys = []string{"version", "command", "exit", "verdict", "taints", "refused", "unmasked", "cpu", "execs",
	"ticks", "tree", "stdout", "stderr", "record", "wall_ms", "conflicts"}

// readReport reads a report and checks that no member is missing.
func readReport(name string) (report, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return report{}, err
	}
	return parseReport(data)
}

func parseReport(data []byte) (report, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return report{}, fmt.Errorf("report: %w", err)
	}
	for _, key := range reportKeys {
		value, ok := keys[key]
		if !ok {
			return report{}, fmt.Errorf("report has no %q", key)
		}
		if string(value) == "null" {
			return report{}, fmt.Errorf("report has null as %q: an empty list is []", key)
		}
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("report: %w", err)
	}
	return r, nil
}

// check returns what in a report contradicts the directive or the run.
func (r report) check(d directive, run result) []string {
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if r.Verdict != d.Verdict && d.Verdict != "*" {
		bad("verdict %q, want %q (taints %+v)", r.Verdict, d.Verdict, r.Taints)
	}
	if tainted := len(r.Taints) > 0; tainted != (r.Verdict == "tainted") {
		bad("verdict %q with taints %+v", r.Verdict, r.Taints)
	}
	kinds := make(map[string]bool)
	for _, t := range r.Taints {
		kinds[t.Kind] = true
	}
	got := make([]string, 0, len(kinds))
	for kind := range kinds {
		got = append(got, kind)
	}
	sort.Strings(got)
	want := append([]string{}, d.Taints...)
	sort.Strings(want)
	if diff := cmp.Diff(want, got); diff != "" && !slices.Contains(want, "*") {
		bad("taint kinds (-want +got)\n%s%+v", diff, r.Taints)
	}
	named := make(map[string]bool)
	for _, f := range r.Refused {
		name := syscallName(f.Syscall)
		named[name] = true
		_, listed := d.Refused[name]
		_, any := d.Refused["*"]
		if !listed && !any {
			bad("refused %s %d times, which the directive does not list", f.Syscall, f.Count)
		}
		if f.Count < 1 {
			bad("refused %s %d times", f.Syscall, f.Count)
		}
	}
	for name, must := range d.Refused {
		if must && !named[name] {
			bad("%s is not listed as refused", name)
		}
	}
	for _, name := range d.Unmasked {
		if !slices.ContainsFunc(r.Unmasked, func(s string) bool { return path.Base(s) == name }) {
			bad("unmasked %q, want one named %s", r.Unmasked, name)
		}
	}
	if len(d.Unmasked) == 0 && slices.ContainsFunc(r.Unmasked, func(s string) bool { return path.Base(s) == "prog" }) {
		bad("unmasked %q, but prog has no such instruction", r.Unmasked)
	}
	if r.Exit != run.Exit {
		bad("exit %d, but laplace exited with %d", r.Exit, run.Exit)
	}
	for name, stream := range map[string][2]string{"stdout": {r.Stdout, run.Stdout}, "stderr": {r.Stderr, run.Stderr}} {
		if want := digest(stream[1]); strings.TrimPrefix(stream[0], "sha256:") != want {
			bad("digest of %s %q, want %s", name, stream[0], want)
		}
	}
	if tree := strings.TrimPrefix(r.Tree, "sha256:"); len(tree) != 2*sha256.Size {
		bad("tree %q is no SHA-256", r.Tree)
	}
	if features := strings.TrimPrefix(r.CPU.Features, "sha256:"); r.CPU.Vendor == "" || len(features) != 2*sha256.Size {
		bad("cpu %+v", r.CPU)
	}
	if r.Execs.Total < 1 || r.Execs.Run+r.Execs.Skipped != r.Execs.Total {
		bad("execs %+v do not add up", r.Execs)
	}
	if r.Ticks < 1 {
		bad("%d ticks", r.Ticks)
	}
	sort.Strings(wrong)
	return wrong
}

// syscallName is the call of an entry that may name a request or option too,
// as in "ioctl TIOCSTI".
func syscallName(s string) string {
	if i := strings.IndexAny(s, " (:,"); i >= 0 {
		return s[:i]
	}
	return s
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// diffReports fails the test if the reports of two runs of one command differ in anything but
// the time that the runs took, the names of their records, and which accesses to an object were found to be in conflict:
// that depends on the schedule.
func diffReports(t *testing.T, what string, want, got report) {
	t.Helper()
	want.WallMS, got.WallMS = 0, 0
	want.Record.ID, got.Record.ID = "", ""
	want.Conflicts, got.Conflicts = nil, nil
	want.Attempts, got.Attempts = 0, 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: the reports differ (-want +got)\n%s", what, diff)
	}
}

func TestReportCheck(t *testing.T) {
	run := result{Stdout: "hello\n"}
	const empty = `"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	good := `{"version":"1","command":["./prog"],"exit":0,"verdict":"deterministic","taints":[],` +
		`"refused":[{"syscall":"ioctl(TIOCSTI)","count":2}],"unmasked":[],` +
		`"cpu":{"vendor":"GenuineIntel","family":6,"model":158,"stepping":10,"features":` + empty + `},"execs":{"total":1,"run":1,"skipped":0},` +
		`"ticks":12,"tree":` + empty + `,"stdout":"sha256:` + digest("hello\n") + `","stderr":` + empty + `,"conflicts":[],"record":{"id":"a","digest":` + empty + `,"missing":""},"wall_ms":3.5}`
	d, err := parseDirective("same refused=ioctl!,bpf")
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseReport([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if wrong := r.check(d, run); wrong != nil {
		t.Errorf("good report: %q", wrong)
	}
	for name, change := range map[string][2]string{
		"verdict": {"deterministic", "tainted"}, "exit": {`"exit":0`, `"exit":1`}, "ticks": {"12", "0"},
		"execs": {`"run":1`, `"run":0`}, "stdout": {digest("hello\n"), digest("hullo\n")},
		"taints":     {`"taints":[]`, `"taints":[{"kind":"live","detail":"","exec":0}]`},
		"must":       {"ioctl(TIOCSTI)", "bpf"},
		"not listed": {`{"syscall":"ioctl`, `{"syscall":"userfaultfd","count":1},{"syscall":"ioctl`},
		"unmasked":   {`"unmasked":[]`, `"unmasked":["/p/prog"]`},
		"tree":       {`"tree":"sha256:e3`, `"tree":"sha256:`},
		"vendor":     {"GenuineIntel", ""},
		"features":   {`"features":"sha256:e3`, `"features":"sha256:`},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		r, err := parseReport([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if text == good || len(r.check(d, run)) == 0 {
			t.Errorf("%s: a wrong report passes", name)
		}
	}
	for _, key := range reportKeys {
		if _, err := parseReport([]byte(strings.Replace(good, `"`+key+`":`, `"x":`, 1))); err == nil {
			t.Errorf("a report without %q passes", key)
		}
	}
}
