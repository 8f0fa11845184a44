package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	hostcpu "golang.org/x/sys/cpu"
)

// TestScripts runs testdata/script against the binary. Besides testscript's
// own commands a script has those of scriptCommands; its working directory,
// which is the project, has neither a .git nor the home directory in it.
func TestScripts(t *testing.T) {
	binary := laplace(t)
	work := filepath.Join(base, "scripts")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:         "testdata/script",
		WorkdirRoot: work, // which other users may enter
		Setup: func(e *testscript.Env) error {
			home, err := os.MkdirTemp(base, "home-")
			if err != nil {
				return err
			}
			if err := os.Chmod(home, 0o755); err != nil {
				return err
			}
			e.Setenv("HOME", home)
			e.Setenv("XDG_STATE_HOME", filepath.Join(home, ".state"))
			e.Setenv("PATH", filepath.Dir(binary)+":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
			e.Setenv("LAPLACE", binary)
			e.Setenv("TMPDIR", home)
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Getuid() == 0, nil
			case "rdrand":
				return hostcpu.X86.HasRDRAND, nil
			}
			return false, fmt.Errorf("condition %q is unknown", name)
		},
		Cmds:                scriptCommands,
		RequireExplicitExec: true,
	})
}

// scriptCommands are the commands of scripts.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// status N COMMAND [ARGUMENT...] runs a command that must end with that
	// exit status, 128+N for signal N.
	"status": status,
	// user N COMMAND [ARGUMENT...] is status as an ordinary user, also when the
	// tests run as root. That user has a state directory of its own.
	"user": func(ts *testscript.TestScript, neg bool, args []string) {
		if os.Getuid() != 0 || len(args) < 2 {
			status(ts, neg, args)
			return
		}
		state := ts.Getenv("XDG_STATE_HOME")
		defer ts.Setenv("XDG_STATE_HOME", state)
		if state == filepath.Join(ts.Getenv("HOME"), ".state") {
			state += "-user"
			ts.Check(os.MkdirAll(state, 0o755))
			ts.Check(os.Chown(state, strangerID, strangerID))
			ts.Setenv("XDG_STATE_HOME", state)
		}
		id := strconv.Itoa(strangerID)
		status(ts, neg, append([]string{args[0], "setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups", "--"}, args[1:]...))
	},
	// failure WORD... : the last command left nothing on standard output and
	// one line on standard error, besides that which says where changes are kept, a
	// message of Laplace with a way out, in which all the words appear, in any case
	// of letters.
	"failure": func(ts *testscript.TestScript, neg bool, args []string) {
		if out := ts.ReadFile("stdout"); out != "" {
			ts.Fatalf("standard output holds %q", out)
		}
		text := ts.ReadFile("stderr")
		if first, rest, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "laplace: the changes are kept: ") {
			text = rest
		}
		if !strings.HasPrefix(text, "laplace: ") || strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
			ts.Fatalf("standard error is not one line of Laplace's: %q", text)
		}
		for _, word := range append(args, ". Try: ") {
			if !strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
				ts.Fatalf("%q does not name %q", text, word)
			}
		}
	},
	// report FILE [KEY=VALUE...] checks that a report has its members and
	// that some have these values: exit, verdict, taints (kinds, separated
	// by commas), refused (names), command (separated by blanks), execs, attempts.
	"report": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: report FILE [KEY=VALUE...]")
		}
		r, err := readReport(ts.MkAbs(args[0]))
		ts.Check(err)
		var kinds, refused []string
		for _, t := range r.Taints {
			kinds = append(kinds, t.Kind)
		}
		for _, f := range r.Refused {
			refused = append(refused, syscallName(f.Syscall))
		}
		values := map[string]string{
			"exit": strconv.Itoa(r.Exit), "verdict": r.Verdict, "command": strings.Join(r.Command, " "),
			"taints": strings.Join(kinds, ","), "refused": strings.Join(refused, ","),
			"execs": strconv.FormatInt(r.Execs.Total, 10), "attempts": strconv.Itoa(r.Attempts),
		}
		for _, arg := range args[1:] {
			key, want, _ := strings.Cut(arg, "=")
			if got, ok := values[key]; !ok || got != want {
				ts.Fatalf("%s is %q, want %q", key, got, want)
			}
		}
		for key, stream := range map[string]string{"stdout": r.Stdout, "stderr": r.Stderr} {
			text := ts.ReadFile(key)
			if want := "sha256:" + digest(text); stream != want && r.Exit == 0 {
				ts.Fatalf("digest of %s is %q, want %q", key, stream, want)
			}
		}
	},
	// json FILE : each line, or the whole, is JSON.
	"json": func(ts *testscript.TestScript, neg bool, args []string) {
		decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
		values := 0
		for decoder.More() {
			var v any
			ts.Check(decoder.Decode(&v))
			values++
		}
		if values == 0 {
			ts.Fatalf("%s holds no JSON", args[0])
		}
	},
	// different FILE FILE : the files differ.
	"different": func(ts *testscript.TestScript, neg bool, args []string) {
		if ts.ReadFile(args[0]) == ts.ReadFile(args[1]) {
			ts.Fatalf("%s and %s are the same", args[0], args[1])
		}
	},
	// elf FILE CLASS : makes an executable of class 32 or 64 that does
	// nothing but exit.
	"elf": func(ts *testscript.TestScript, neg bool, args []string) {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), smallELF(args[1] == "32"), 0o755))
	},
	// leftovers : nothing is left of the boxes of this script.
	"leftovers": func(ts *testscript.TestScript, neg bool, args []string) {
		if err := leftovers(ts.Getenv("XDG_STATE_HOME"), ts.Getenv("WORK")); err != nil {
			ts.Fatalf("%v", err)
		}
	},
}

// status is the command of that name.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		ws := exit.Sys().(syscall.WaitStatus)
		if got = ws.ExitStatus(); ws.Signaled() {
			got = 128 + int(ws.Signal())
		}
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// leftovers reports what boxes left: a box directory in the state directory,
// or a mount of, or below, a directory.
func leftovers(state, dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, dir) || strings.Contains(line, state) {
			return fmt.Errorf("a mount is left: %s", line)
		}
	}
	return filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(state, path)
		if err != nil {
			return err
		}
		// laplace/v1/KIND/NAME/...: what is known of files and projects may stay, boxes
		// and commits do not.
		part := strings.Split(rel, "/")
		if len(part) == 4 && part[2] == "boxes" || len(part) == 5 && part[2] == "projects" && underway.MatchString(part[4]) {
			return fmt.Errorf("%s is left in the state directory", rel)
		}
		return nil
	})
}

// underway matches the names in a project's state that last only as long as a commit.
var underway = regexp.MustCompile("^(commit|new|part-of|old-.*)$")

// smallELF is an executable that exits with status 0. Its instructions mean
// the same to both classes: the 64-bit one makes the call by syscall, the
// 32-bit one by int 0x80.
func smallELF(class32 bool) []byte {
	var b bytes.Buffer
	put := func(size int, values ...uint64) {
		for _, v := range values {
			for i := range size {
				b.WriteByte(byte(v >> (8 * i)))
			}
		}
	}
	ident := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if class32 {
		ident[4] = 1
		b.Write(ident)
		put(2, 2, 3) // ET_EXEC, EM_386
		put(4, 1, 0x8048054, 52, 0, 0)
		put(2, 52, 32, 1, 0, 0, 0)
		put(4, 1, 0, 0x8048000, 0x8048000, 100, 100, 5, 4096)
		b.Write([]byte{0x31, 0xdb, 0x31, 0xc0, 0x40, 0xcd, 0x80}) // xor ebx,ebx; xor eax,eax; inc eax; int 0x80
	} else {
		b.Write(ident)
		put(2, 2, 62) // ET_EXEC, EM_X86_64
		put(4, 1)
		put(8, 0x400078, 64, 0)
		put(4, 0)
		put(2, 64, 56, 1, 0, 0, 0)
		put(4, 1, 5)
		put(8, 0, 0x400000, 0x400000, 132, 132, 4096)
		b.Write([]byte{0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05}) // xor edi,edi; mov eax,60; syscall
	}
	for b.Len() < 132 {
		b.WriteByte(0)
	}
	return b.Bytes()
}

func TestSmallELF(t *testing.T) {
	path := filepath.Join(t.TempDir(), "elf")
	if err := os.WriteFile(path, smallELF(false), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(path).Run(); err != nil {
		t.Errorf("the 64-bit executable: %v", err)
	}
	if got := smallELF(true); len(got) < 100 || got[4] != 1 {
		t.Errorf("the 32-bit executable: %x", got)
	}
}
