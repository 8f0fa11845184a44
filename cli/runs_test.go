package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/runtime"
)

// runsDir is where the session's runs are.
func (s *session) runsDir() string { return filepath.Join(s.Root, "state/laplace/v1/runs") }

// record keeps a run with so many conflicts.
func (s *session) record(id string, conflicts ...conflict.Conflict) *conflict.Run {
	s.t.Helper()
	run := &conflict.Run{
		Host:      conflict.Host{ID: id, Started: 1577934245000, Wall: 7, Attempts: 1, Project: "/elsewhere"},
		Summary:   conflict.Summary{Command: []string{"sh", "-c", "it's $HOME"}, Cwd: "/p", Verdict: runtime.Deterministic, Exit: 3, Total: 1, Ticks: 9},
		Conflicts: conflicts,
		Execs: []conflict.Record{{Parent: -1, PID: 300, Argv: []string{"sh"}, Executable: "/bin/sh", Digest: conflict.Digest{1},
			Inputs: []conflict.Input{{Path: "/p/f", Kind: conflict.SawNothing, Errno: 2}}}},
	}
	if _, err := runtime.Runs(filepath.Join(s.Root, "state/laplace")).Write(run); err != nil {
		s.t.Fatal(err)
	}
	return run
}

// race is a conflict of two programs.
func race(class conflict.Class, first, second string) conflict.Conflict {
	side := func(pid int, task, does string) conflict.Side {
		return conflict.Side{PID: pid, Task: task, Argv: []string{"cp", "a b", "c\n"}, Cwd: "/p", Call: "openat", B: 12, Does: does}
	}
	return conflict.Conflict{Class: class, Path: "/p/c", First: side(300, "", first), Second: side(301, "0.2", second), Count: 1}
}

func TestRuns(t *testing.T) {
	s := newSession(t)
	if status, stdout, stderr := s.run("runs"); status != 0 || stdout+stderr != "" {
		t.Errorf("none: status %d, %q, %q", status, stdout, stderr)
	}
	s.record("20200102-a")
	s.record("20200103-b", race(conflict.ClassContent, "read", "change"))
	s.write(filepath.Join(s.runsDir(), "20200104-c.run"), "laplrun\n", 0o600)
	status, stdout, stderr := s.run("runs")
	want := fmt.Sprintf(`RUN         STARTED              VERDICT        EXIT  EXECS  CONFLICTS  COMMAND
20200104-c  -                    -              -     -      -          the record is cut off
20200103-b  %[1]s  deterministic  3     1      1          sh -c 'it'\''s $HOME'
20200102-a  %[1]s  deterministic  3     1      0          sh -c 'it'\''s $HOME'
`, when(1577934245000))
	if diff := gocmp.Diff(want, stdout); status != 0 || stderr != "" || diff != "" {
		t.Errorf("status %d, %q\n%s", status, stderr, diff)
	}
	status, stdout, stderr = s.run("runs", "--json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || status != 0 || stderr != "" || len(list) != 3 {
		t.Fatalf("status %d, %v, %s%s", status, err, stdout, stderr)
	}
	if list[0]["id"] != "20200104-c" || list[0]["error"] != "the record is cut off" || list[1]["id"] != "20200103-b" || list[1]["conflict_count"] != 1.0 ||
		list[1]["exec_count"] != 1.0 || list[1]["verdict"] != "deterministic" {
		t.Errorf("%v", list)
	}
	if status, stdout, _ := s.run("runs", "rm", "20200103", "20200104-c"); status != 0 || !strings.HasPrefix(stdout, "removed 2 records: ") {
		t.Errorf("rm: status %d, %q", status, stdout)
	}
	if status, stdout, _ := s.run("runs", "rm", "--all"); status != 0 || !strings.HasPrefix(stdout, "removed 1 record: ") {
		t.Errorf("rm --all: status %d, %q", status, stdout)
	}
	if status, stdout, stderr := s.run("runs", "rm", "--all"); status != 0 || stdout+stderr != "" {
		t.Errorf("rm --all of none: status %d, %q%q", status, stdout, stderr)
	}
}

func TestRunsShow(t *testing.T) {
	s := newSession(t)
	s.record("a", race(conflict.ClassContent, "read", "change"))
	status, one, stderr := s.run("runs", "show", "--json", "a")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %q", status, stderr)
	}
	var got conflict.Summary
	var lists struct {
		Execs []struct {
			Digest string
			Inputs []struct{ Path, Kind string }
			Env    []string
		} `json:"execs"`
	}
	for _, v := range []any{&got, &lists} {
		if err := json.Unmarshal([]byte(one), v); err != nil {
			t.Fatalf("%v: %s", err, one)
		}
	}
	if got.Exit != 3 || got.Command[0] != "sh" || len(lists.Execs) != 1 || lists.Execs[0].Inputs[0].Kind != "nothing" ||
		!strings.HasPrefix(lists.Execs[0].Digest, "sha256:01") || lists.Execs[0].Env == nil {
		t.Errorf("%s", one)
	}
	// What is the host's is not in it, nor are conflicts.
	s.record("b", race(conflict.ClassContent, "change", "change"))
	if _, two, _ := s.run("runs", "show", "--json"); two != one || strings.Contains(one, "elsewhere") || strings.Contains(one, "null") {
		t.Errorf("two equal runs: %s", gocmp.Diff(one, two))
	}
	status, stdout, _ := s.run("runs", "show")
	for _, want := range []string{`run b: sh -c 'it'\''s $HOME'`, "deterministic, exit 3, 1 exec, 9 ticks, 1 conflict", "    0  pid 300, 1 input, 0 outputs: sh\n"} {
		if status != 0 || !strings.Contains(stdout, want) {
			t.Errorf("status %d, %q is not in %s", status, want, stdout)
		}
	}
}

func TestConflicts(t *testing.T) {
	s := newSession(t)
	s.record("a")
	if status, stdout, stderr := s.run("conflicts"); status != 0 || stdout != "run a: sh -c 'it'\\''s $HOME'\nno conflicts: nothing was left to chance\n" || stderr != "" {
		t.Errorf("none: status %d, %q, %q", status, stdout, stderr)
	}
	var all []conflict.Conflict
	for _, class := range []conflict.Class{conflict.ClassContent, conflict.ClassMetadata, conflict.ClassName, conflict.ClassListing, "another"} {
		for _, does := range [][2]string{{"read", "change"}, {"change", "read"}, {"change", "change"}} {
			all = append(all, race(class, does[0], does[1]))
		}
	}
	all = append(all, race(conflict.ClassAppend, "append", "append"), race(conflict.ClassContent, "append", "read"), race(conflict.ClassContent, "read", "append"),
		race(conflict.ClassPid, "change", "change"), race(conflict.ClassSignal, "change", "read"), race(conflict.ClassListing, "add", "read"))
	all[1].Ordered, all[2].Count, all[len(all)-3].Path = true, 5, ""
	s.record("b", all...)

	status, stdout, stderr := s.run("conflicts", "--all", "b")
	if status != 1 || stderr != "" {
		t.Errorf("status %d, %q", status, stderr)
	}
	const golden = "testdata/conflicts.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(stdout), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), stdout); diff != "" {
		t.Errorf("%s (go test ./cli -update):\n%s", golden, diff)
	}
	if status, stdout, _ := s.run("conflicts"); status != 1 || !strings.HasSuffix(stdout, "\n1 more: --all shows them\n") || strings.Contains(stdout, "\n21. ") {
		t.Errorf("status %d, %s", status, stdout)
	}
	status, stdout, stderr = s.run("conflicts", "--json")
	var got struct {
		ID        string
		Conflicts []conflict.Conflict
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != 1 || stderr != "" || got.ID != "b" {
		t.Errorf("status %d, %v, %q", status, err, stderr)
	}
	if diff := gocmp.Diff(all, got.Conflicts); diff != "" {
		t.Error(diff)
	}
	if status, stdout, _ := s.run("conflicts", "--json", "a"); status != 0 || !strings.Contains(stdout, `"conflicts": []`) {
		t.Errorf("status %d, %s", status, stdout)
	}
}

func TestRunErrors(t *testing.T) {
	s := newSession(t)
	fails := func(want string, args ...string) {
		t.Helper()
		if status, stdout, stderr := s.run(args...); status != 125 || stdout != "" || stderr != "laplace: "+want+"\n" {
			t.Errorf("%q: status %d, %q\ngot  %swant laplace: %s", args, status, stdout, stderr, want)
		}
	}
	fails("runs: there is no record of any. Try: laplace do -- make; a run that has come to its end has one", "conflicts")
	s.record("2020-a")
	s.record("2020-b")
	fails("runs: 2021: no such run. Try: laplace runs lists them", "conflicts", "2021")
	fails("runs: 2020: several runs begin like this. Try: more of the ID; laplace runs lists them", "runs", "show", "2020")
	fails("runs rm: no run. Try: laplace runs lists them; --all is all of them", "runs", "rm")
	fails("runs: there is no record of any. Try: laplace do -- make; a run that has come to its end has one", "runs", "rm", "")
	fails("--all: cannot be with a run. Try: one of the two", "runs", "rm", "--all", "2020-a")
	fails("conflicts: b: takes one run. Try: laplace conflicts --help", "conflicts", "a", "b")
	fails("runs: a: takes no arguments. Try: laplace runs --help", "runs", "a")
	path := filepath.Join(s.runsDir(), "2020-b.run")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for want, bad := range map[string][]byte{
		"the record is cut off. Try: run the command again; laplace runs rm 2020-b":                                                                 text[:len(text)-1],
		"not a record of a run. Try: run the command again; laplace runs rm 2020-b":                                                                 []byte("#!"),
		"the record is damaged: its header has another digest. Try: run the command again; laplace runs rm 2020-b":                                  append(append([]byte{}, text[:20]...), make([]byte, 300)...),
		"the record is of another version of laplace: it has format 3, this one reads 2. Try: the laplace that wrote it, or laplace runs rm 2020-b": append([]byte("laplrun\n\x03"), text[9:]...),
	} {
		s.write(path, string(bad), 0o600)
		fails("runs: 2020-b: "+want, "conflicts")
		fails("runs: 2020-b: "+want, "runs", "show", "2020-b")
	}
	if err := os.Chmod(s.runsDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	fails("runs: not a directory of yours alone. Try: chmod 700, if it is yours; else another XDG_STATE_HOME", "runs", "rm", "--all")
}
