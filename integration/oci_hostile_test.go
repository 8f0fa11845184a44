package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// What a program in a deterministic container may not do itself it must not have the supervisor do,
// which runs beside it with more rights and makes calls on its behalf.

// hostile compiles a program of testdata/hostile into a bundle's /bin.
func (b *bundle) hostile(name string) {
	b.t.Helper()
	out, err := exec.Command("gcc", "-O1", "-static", "-pthread", "-o", filepath.Join(b.root, "bin", name), filepath.Join("testdata/hostile", name+".c")).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v, %s", name, err, out)
	}
}

// pathCalls are the calls that take a path, as deputy.c is told of them: all that the engine has, by its
// table, must be here.
var pathCalls = map[string]string{
	"open": "po", "openat": "dpo", "openat2": "dphz", "creat": "pm", "stat": "pb", "lstat": "pb", "newfstatat": "dpb0", "statx": "dp0sb", "access": "pr",
	"faccessat": "dpr", "faccessat2": "dpr0", "readlink": "pbs", "readlinkat": "dpbs", "statfs": "pb", "truncate": "pl", "getxattr": "pnbs", "lgetxattr": "pnbs",
	"listxattr": "pbs", "llistxattr": "pbs", "setxattr": "pnbs0", "lsetxattr": "pnbs0", "removexattr": "pn", "lremovexattr": "pn",
	"mkdir": "pm", "mkdirat": "dpm", "mknod": "pm0", "mknodat": "dpm0", "rmdir": "p", "unlink": "p", "unlinkat": "dp0", "rename": "pq", "renameat": "dpdq",
	"renameat2": "dpdq0", "link": "pq", "linkat": "dpdq0", "symlink": "qp", "symlinkat": "qdp", "chmod": "pm", "fchmodat": "dpm", "fchmodat2": "dpm0",
	"chown": "puu", "lchown": "puu", "fchownat": "dpuu0", "utime": "pt", "utimes": "pt", "futimesat": "dpt", "utimensat": "dpt0", "chdir": "p",
	"execve": "pee", "execveat": "dpee0", "inotify_add_watch": "ipm",
}

// lookCalls ask what is there, which the directories decide about and not the file itself.
var lookCalls = map[string]bool{"stat": true, "lstat": true, "newfstatat": true, "statx": true, "statfs": true, "listxattr": true, "llistxattr": true,
	"access": true, "faccessat": true, "faccessat2": true, "readlink": true, "readlinkat": true}

// deputyCalls is what deputy.c reads: all calls with a path, but for those that only look, if without.
func deputyCalls(t *testing.T, without bool) string {
	t.Helper()
	out, err := exec.Command(laplace(t), "syscalls", "--format", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Syscalls []struct {
			Number      int
			Name, Class string
			Args        []struct{ Kind string }
		}
	}
	if err := json.Unmarshal(out, &table); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, row := range table.Syscalls {
		takes := false
		for _, arg := range row.Args {
			takes = takes || arg.Kind == "path"
		}
		if row.Class == "refuse" || !takes {
			continue
		}
		args, ok := pathCalls[row.Name]
		if !ok {
			t.Errorf("%s takes a path and is not tested", row.Name)
		}
		if !(without && lookCalls[row.Name]) {
			fmt.Fprintf(&lines, "%s %d %s\n", row.Name, row.Number, args)
		}
	}
	return lines.String() + "connect -1 p\nbind -2 p\n"
}

// deputyRuns runs deputy.c on some paths as a user, and returns a line for each.
func (b *bundle) deputyRuns(user, calls, dir string, paths ...string) string {
	b.t.Helper()
	b.spec.Process.Args = append([]string{"deputy", user, dir}, paths...)
	b.write()
	cmd, out, errs := b.command("run", "box")
	input := filepath.Join(b.dir, "calls")
	if err := os.WriteFile(input, []byte(calls), 0o644); err != nil {
		b.t.Fatal(err)
	}
	f, err := os.Open(input)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	cmd.Stdin = f
	err = cmd.Run()
	text := content(out)
	if err != nil || !strings.HasSuffix(text, "END\n") {
		b.t.Errorf("%v, %s", err, content(errs))
	}
	if n, want := strings.Count(text, "\n"), 1+strings.Count(calls, "\n")*len(paths); n < want {
		b.t.Errorf("%d lines of %d: %s", n, want, text)
	}
	return text
}

// deputy is deputyRuns that complains of each call that did not fail.
func (b *bundle) deputy(user, calls, dir string, paths ...string) {
	b.t.Helper()
	for line := range strings.Lines(b.deputyRuns(user, calls, dir, paths...)) {
		if strings.HasPrefix(line, "DID") || strings.HasPrefix(line, "READ") {
			b.t.Error(strings.TrimSpace(line))
		}
	}
}

// TestOCIHostileUser has an ordinary user refused what only root may, by every call that takes a path.
func TestOCIHostileUser(t *testing.T) {
	b := deterministicBundle(t, "")
	b.hostile("deputy")
	caps := []string{"CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER", "CAP_KILL"}
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	if err := os.MkdirAll(filepath.Join(b.root, "tmp"), 0o1777); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Chmod(filepath.Join(b.root, "tmp"), 0o777|os.ModeSticky),
		os.Mkdir(filepath.Join(b.root, "closed"), 0o700),
		os.WriteFile(filepath.Join(b.root, "closed/file"), []byte("secret"), 0o666),
		os.Mkdir(filepath.Join(b.root, "open"), 0o755),
		os.WriteFile(filepath.Join(b.root, "open/file"), []byte("secret"), 0o600),
		os.Mkdir(filepath.Join(b.root, "open/dir"), 0o700),
		os.Symlink("/open/file", filepath.Join(b.root, "tmp/link")),
		os.Symlink("/closed", filepath.Join(b.root, "tmp/way")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// Where one may not even look, and, of a file that anybody may look at, what changes or reads it.
	b.deputy("1000", deputyCalls(t, false), "/tmp", "/closed/file", "way/file", "/proc/self/root/closed/file", "/tmp/../closed/file", "/proc/self/cwd/way/file", "/closed/none")
	b.deputy("1000", without(deputyCalls(t, true), "chdir"), "/open", "/open/file", "file", "/proc/self/cwd/file", "/proc/thread-self/root/open/file")
	for _, name := range []string{"closed/file", "open/file"} {
		fi, err := os.Stat(filepath.Join(b.root, name))
		if err != nil || fi.Size() != 6 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(b.root, "closed")); len(entries) != 1 {
		t.Errorf("/closed has %v", entries)
	}
}

// without is a list of calls without one.
func without(calls, name string) string {
	var lines strings.Builder
	for line := range strings.Lines(calls) {
		if !strings.HasPrefix(line, name+" ") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// TestOCIHostileProc has root in a container, with the capabilities for it, find nothing of the host by processes that are
// in its pid namespace, and not its own: those of Laplace.
func TestOCIHostileProc(t *testing.T) {
	b := deterministicBundle(t, "")
	b.hostile("deputy")
	all := fileCapabilities()
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
	b.spec.Linux.MaskedPaths, b.spec.Linux.ReadonlyPaths = nil, nil
	marker := filepath.Join(b.dir, "marker")
	if err := os.WriteFile(marker, []byte("#!/bin/true\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(b.root, "ways"), 0o755); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for pid := 2; pid < 40; pid++ { // as low as they are: the container's own are above 300
		link := fmt.Sprintf("ways/%d", pid)
		if err := os.Symlink(fmt.Sprintf("/proc/%d/root", pid), filepath.Join(b.root, link)); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, fmt.Sprintf("/proc/%d/root%s", pid, marker), "/"+link+marker, fmt.Sprintf("/proc/self/../%d/cwd%s", pid, marker),
			fmt.Sprintf("/proc/%d/task/%d/root%s", pid, pid, marker), fmt.Sprintf("../proc/%d/root%s", pid, marker))
	}
	b.deputy("0", "openat 257 dpo\nopen 2 po\ntruncate 76 pl\nunlink 87 p\nchmod 90 pm\nlink 86 pq\nexecve 59 pee\nchown 92 puu\ngetxattr 191 pnbs\nsetxattr 188 pnbs0\nrename 82 pq\nutimes 235 pt\nchdir 80 p\n",
		"/ways", paths...)
	paths = nil
	for pid := 2; pid < 40; pid++ {
		for _, name := range []string{"exe", "fd/3", "fd/4", "fd/5", "fd/6", "fd/7", "fd/8", "fd/9", "mem", "environ"} {
			paths = append(paths, fmt.Sprintf("/proc/%d/%s", pid, name))
		}
	}
	b.deputy("0", "openat 257 dpw\n", "/ways", paths...)
	if text, err := os.ReadFile(marker); err != nil || len(text) == 0 {
		t.Errorf("the host's file: %q, %v", text, err)
	}
}

// fileCapabilities are those that open files of others, and their processes.
func fileCapabilities() []string {
	return strings.Fields(`CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SYS_CHROOT
		CAP_SYS_PTRACE CAP_SYS_ADMIN`)
}
