package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mostMemory is how much memory a supervisor may have had at a time, in KiB, whatever its container does.
const mostMemory = 200 << 10

// statusField is a number in a process's status; proc_pid_status(5). 0: it is gone.
func statusField(pid int, name string) int {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.Atoi(strings.Fields(text)[0])
			return n
		}
	}
	return 0
}

// TestOCIHostileCalls makes calls at random, with arguments that make no sense, in a deterministic container: its supervisor
// survives, stays small, and the container ends as it would have.
func TestOCIHostileCalls(t *testing.T) {
	for seed := range 3 {
		b := deterministicBundle(t, "")
		b.hostile("wild")
		work := filepath.Join(b.root, "work")
		for _, err := range []error{os.Mkdir(work, 0o777), os.Chmod(work, 0o777)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
		b.spec.Process.Rlimits = nil
		b.spec.Process.Args = []string{"wild", strconv.Itoa(seed), "60", "300", "/work"}
		b.write()
		cmd, out, errs := b.command("run", "--keep", "box")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end", func() bool { return content(out) == "END\n" })
		supervisor := statusField(b.stateOf("box").Pid, "TracerPid")
		if most := statusField(supervisor, "VmHWM"); supervisor == 0 || most == 0 || most > mostMemory {
			t.Errorf("seed %d: supervisor %d has had %d KiB", seed, supervisor, most)
		}
		if err := os.WriteFile(filepath.Join(work, "go"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || content(errs) != "" {
			t.Errorf("seed %d: %v, %s", seed, err, content(errs))
		}
		b.verdictOf("box") // there is one
		if text := b.stateOf("box").Annotations["dev.laplace.verdict"]; strings.Contains(text, `"error"`) {
			t.Errorf("seed %d: %s", seed, text)
		}
		b.ok("delete", "box")
		out.Close()
		errs.Close()
	}
}

// TestOCIHostileCallsOfBox is TestOCIHostileCalls in a box of `laplace do`.
func TestOCIHostileCallsOfBox(t *testing.T) {
	dir, err := os.MkdirTemp(base, "wild-")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-O1", "-static", "-pthread", "-o", filepath.Join(dir, "wild"), "testdata/hostile/wild.c").CombinedOutput(); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for seed := range 3 {
		cmd := exec.Command(laplace(t), "do", "--no-commit", "--", "./wild", fmt.Sprint(seed), "60", "300", ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(base, "wild-state"))
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || string(out) != "END\n" || strings.Contains(errs.String(), "internal") || strings.Contains(errs.String(), "goroutine") {
			t.Errorf("seed %d: %v, %q, %s", seed, err, out, errs.String())
		}
		if most := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; most > mostMemory {
			t.Errorf("seed %d: it has had %d KiB", seed, most)
		}
	}
}
