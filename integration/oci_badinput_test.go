package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// What is given to the commands of an OCI runtime that they cannot do: one line says what is wrong, and where, and
// nothing is left.

// bothModes runs a test in a bundle of each mode.
func bothModes(t *testing.T, test func(t *testing.T, b *bundle)) {
	for _, mode := range []string{"plain", "deterministic"} {
		t.Run(mode, func(t *testing.T) {
			b := newBundle(t)
			b.spec.Annotations["dev.laplace.mode"] = mode
			b.spec.Process.Args = []string{"sleep", "1000"}
			b.write()
			test(t, b)
			b.nothingLeft()
		})
	}
}

// oneLine is refused for errors of a line, with all of some words.
func (b *bundle) oneLine(words []string, args ...string) {
	b.t.Helper()
	r := b.do(args...)
	missing := slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(r.Stderr, word) })
	if r.Exit != 1 || missing || strings.Count(r.Stderr, "\n") != 1 || r.Stdout != "" {
		b.t.Errorf("%v: exit status %d, %q, %q; want %q", args, r.Exit, r.Stdout, r.Stderr, words)
	}
}

// TestOCIBadConfig has no configuration, none that is JSON, and some that mean nothing.
func TestOCIBadConfig(t *testing.T) {
	bothModes(t, func(t *testing.T, b *bundle) {
		good, err := os.ReadFile(b.config())
		if err != nil {
			t.Fatal(err)
		}
		at := func(text, of string) string { // the line of what is wrong
			before, _, ok := strings.Cut(text, of)
			if !ok {
				t.Fatalf("no %s in %s", of, text)
			}
			return fmt.Sprintf("config.json:%d:", strings.Count(before, "\n")+1)
		}
		for _, test := range []struct{ old, bad, words string }{
			{`"sleep",`, `"sleep"`, `process.args[1]: invalid character '"' after array element`},
			{`"sleep"`, `7`, "process.args[0]: number, must be a string"},
			{`"cwd": "/"`, `"cwd": "x"`, `process.cwd: "x" is not an absolute path`},
			{`"uid": 0`, `"uid": -1`, "process.user.uid: number -1, must be an integer of 32 bits without a sign"},
			{`"type": "pid"`, `"type": "pids"`, "linux.namespaces[0].type: "},
			{`"path": "rootfs"`, `"path": ""`, "root.path: missing, or empty"},
			{`"cwd": "/"`, `"cwd": "/", "cwd": "/"`, "process.cwd: given twice"},
		} {
			text := strings.Replace(string(good), test.old, test.bad, 1)
			if err := os.WriteFile(b.config(), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			line := at(text, test.bad)
			if strings.Contains(test.words, "after array") {
				line = fmt.Sprintf("config.json:%d:", strings.Count(text[:strings.Index(text, `"1000"`)], "\n")+1)
			}
			for _, command := range []string{"create", "run"} {
				b.oneLine([]string{line, test.words}, command, "box")
			}
		}
		for text, words := range map[string]string{"": "config.json:1:1: unexpected end", "null": "null, must be an object", string(good) + "x": "after top-level value"} {
			if err := os.WriteFile(b.config(), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			b.oneLine([]string{words}, "create", "box")
		}
		os.Remove(b.config())
		b.oneLine([]string{"JSON specification file config.json not found"}, "create", "box")
		b.oneLine([]string{"no such file or directory"}, "create", "--bundle", "/no/such", "box")
		b.spec.Root.Path = "elsewhere"
		b.write()
		b.oneLine([]string{"config.json", "root.path: invalid rootfs", "elsewhere: no such file or directory"}, "create", "box")
		b.spec.Root.Path = "config.json"
		b.write()
		b.oneLine([]string{"config.json", "root.path: invalid rootfs", "is not a directory"}, "create", "box")
		b.spec.Root.Path = "rootfs"
		for name, value := range map[string]string{
			"mode": "fast", "epoch": "soon", "cpus": "0", "on-conflict": "order", "cache": "maybe", "network": "everything", "report": "",
		} {
			if name != "mode" && b.spec.Annotations["dev.laplace.mode"] == "plain" {
				continue // they mean nothing there
			}
			old := b.spec.Annotations
			b.spec.Annotations = map[string]string{"dev.laplace.mode": old["dev.laplace.mode"]}
			b.spec.Annotations["dev.laplace."+name] = value
			b.write()
			b.oneLine([]string{"annotation dev.laplace." + name}, "run", "box")
			b.spec.Annotations = old
		}
	})
}

// TestOCIBadID has names that no container can have, that one has already, and that none has.
func TestOCIBadID(t *testing.T) {
	bothModes(t, func(t *testing.T, b *bundle) {
		commands := [][]string{{"state"}, {"start"}, {"kill"}, {"delete"}, {"ps"}, {"pause"}, {"resume"}, {"update", "--pids-limit", "7"}, {"events", "--stats"}}
		for _, id := range []string{"a/b", "..", ".", "a b", "ä", "a\nb", strings.Repeat("x", 256), "../" + filepath.Base(b.state)} {
			for _, command := range append(slices.Clone(commands), []string{"create"}, []string{"run"}, []string{"delete", "--force"}) {
				b.oneLine([]string{"invalid container ID format"}, append(slices.Clone(command), id)...)
			}
			b.refused(255, "invalid container ID format", "exec", id, "true")
		}
		b.oneLine([]string{"container id cannot be empty"}, "create", "")
		for _, command := range commands {
			b.oneLine([]string{"container does not exist"}, append(slices.Clone(command), "box")...)
		}
		b.refused(255, "container does not exist", "exec", "box", "true")
		b.ok("create", "box")
		b.oneLine([]string{"container with given ID already exists"}, "create", "box")
		b.oneLine([]string{"container with given ID already exists"}, "run", "box")
		b.oneLine([]string{"container's cgroup is not empty"}, "create", "other")
		b.oneLine([]string{"container does not exist"}, "state", "other")
		b.ok("delete", "box")
	})
}

// TestOCIBadState has a state directory that cannot be written, and one that is full.
func TestOCIBadState(t *testing.T) {
	bothModes(t, func(t *testing.T, b *bundle) {
		if err := os.Mkdir(b.state, 0o700); err != nil {
			t.Fatal(err)
		}
		with := func(flags uintptr, data string, test func()) {
			if err := unix.Mount("tmpfs", b.state, "tmpfs", flags, data); err != nil {
				t.Fatal(err)
			}
			test()
			// A supervisor writes its verdict after the container's end.
			eventually(t, "nobody uses the state directory", func() bool { return unix.Unmount(b.state, 0) == nil })
		}
		with(unix.MS_RDONLY, "", func() {
			b.oneLine([]string{"read-only file system"}, "create", "box")
			b.oneLine([]string{"read-only file system"}, "run", "box")
			b.oneLine([]string{"container does not exist"}, "state", "box")
			if out := b.ok("list", "-q"); out != "" {
				t.Errorf("list: %q", out)
			}
		})
		// A container that was made before can still be looked at and killed.
		with(0, "", func() {
			b.ok("run", "--detach", "box")
			err := first(unix.Mount(b.state, b.state, "", unix.MS_BIND, ""), unix.Mount("", b.state, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
			if err != nil {
				t.Fatal(err)
			}
			if s := b.stateOf("box"); s.Status != specs.StateRunning {
				t.Errorf("status %s", s.Status)
			}
			b.ok("kill", "box", "KILL")
			b.stopped("box")
			b.oneLine([]string{"read-only file system"}, "delete", "box")
			if err := unix.Unmount(b.state, 0); err != nil {
				t.Fatal(err)
			}
			b.ok("delete", "box")
			eventually(t, "the end of the supervisor", func() bool { reap(); return len(running(t, b.runtime)) == 0 })
		})
		made := false
		for inodes := 2; !made && inodes < 40; inodes++ {
			with(0, "nr_inodes="+strconv.Itoa(inodes), func() {
				if r := b.do("create", "box"); r.Exit == 0 {
					made = true
				} else if r.Exit != 1 || !strings.Contains(r.Stderr, "no space left on device") || strings.Count(r.Stderr, "laplace: ") != 1 {
					t.Errorf("%d inodes: exit status %d, %q", inodes, r.Exit, r.Stderr)
				} else if r := b.do("state", "box"); r.Exit != 1 {
					t.Errorf("%d inodes: %s", inodes, r.Stdout)
				}
				b.ok("delete", "--force", "box")
				eventually(t, "the end of the supervisor", func() bool { reap(); return len(running(t, b.runtime)) == 0 })
			})
		}
		if !made {
			t.Error("no container could be made")
		}
	})
}

// TestOCIExhausted has containers without the memory or the processes that they need, and callers
// without them: no container, or one that ends, and nothing left.
func TestOCIExhausted(t *testing.T) {
	bothModes(t, func(t *testing.T, b *bundle) {
		b.script("echo ran")
		for _, limit := range []int64{1, 4096, 1 << 17, 1 << 19, 1 << 20, 1 << 22} {
			b.spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: p(limit), Swap: p(limit)}
			b.write()
			if r := b.do("run", "box"); r.Stdout != "ran\n" && (r.Exit == 0 || r.Exit == 1 && strings.Count(r.Stderr, "\n") != 1) {
				t.Errorf("%d bytes: exit status %d, %q, %q", limit, r.Exit, r.Stdout, r.Stderr)
			}
			b.refused(1, "does not exist", "state", "box")
		}
		b.spec.Linux.Resources.Memory = nil
		for _, limit := range []int64{1, 2, 3, 5} {
			b.spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: p(limit)}
			b.write()
			if r := b.do("run", "box"); r.Stdout != "ran\n" && (r.Exit != 1 || strings.Count(r.Stderr, "\n") != 1) {
				t.Errorf("%d processes: exit status %d, %q, %q", limit, r.Exit, r.Stdout, r.Stderr)
			}
			b.refused(1, "does not exist", "state", "box")
		}
		b.spec.Linux.Resources.Pids = nil
		b.script("sleep 1000")
		b.write()
		// The caller's own limits: of what Go cannot do without it does not say so in a line.
		for _, limit := range []struct {
			controller, file string
			values           []int
		}{{"pids", "pids.max", []int{1, 4, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 30}}, {"memory", "memory.limit_in_bytes", []int{1 << 20, 4 << 20, 6 << 20, 8 << 20, 12 << 20, 20 << 20, 60 << 20}}} {
			group := filepath.Join("/sys/fs/cgroup", limit.controller, filepath.Base(b.dir)+"-caller")
			if err := os.Mkdir(group, 0o755); err != nil {
				t.Fatalf("needs the %s controller of v1: %v", limit.controller, err)
			}
			made := 0
			for _, value := range limit.values {
				if err := os.WriteFile(filepath.Join(group, limit.file), []byte(strconv.Itoa(value)), 0); err != nil {
					t.Fatal(err)
				}
				if b.doIn(group, "create", "box").Exit == 0 {
					made++
				}
				if r := b.do("state", "box"); r.Exit != 0 && !strings.Contains(r.Stderr, "does not exist") {
					t.Errorf("state: %s", r.Stderr)
				}
				b.ok("delete", "--force", "box")
				b.nothingLeft()
			}
			if made == 0 || made == len(limit.values) {
				t.Errorf("%s: %d of %d have been made", limit.file, made, len(limit.values))
			}
			eventually(t, "an empty group", func() bool { reap(); return os.Remove(group) == nil })
		}
	})
}

// doIn is do from a process in a control group.
func (b *bundle) doIn(group string, args ...string) result {
	b.t.Helper()
	cmd, stdout, stderr := b.command(args...)
	defer stdout.Close()
	defer stderr.Close()
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `echo 0 > "$0/cgroup.procs" && exec "$@"`, group}, cmd.Args...)
	_ = cmd.Run()
	return result{Exit: cmd.ProcessState.ExitCode(), Stdout: content(stdout), Stderr: content(stderr)}
}
