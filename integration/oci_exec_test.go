package integration

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A process of exec in a deterministic container joins the others: it is traced as they are.

// deterministicBundle is a bundle in the default mode, whose root can be written to, with a script.
func deterministicBundle(t *testing.T, script string) *bundle {
	t.Helper()
	b := newBundle(t)
	b.spec.Annotations = nil
	b.spec.Root.Readonly = false
	b.script(script)
	for _, name := range []string{"date", "od", "seq", "yes", "kill"} {
		if err := os.Symlink("busybox", filepath.Join(b.root, "bin", name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	b.write()
	return b
}

// launch creates and starts a container that says by a file that it is ready.
func (b *bundle) launch(id string) {
	b.t.Helper()
	b.ok("create", id)
	b.ok("start", id)
	b.appears("ready")
}

// appears waits for a file in the root.
func (b *bundle) appears(name string) {
	b.t.Helper()
	eventually(b.t, name, func() bool { _, err := os.Stat(filepath.Join(b.root, name)); return err == nil })
}

// taintsOf are the kinds of the taints of a container that has ended.
func (b *bundle) taintsOf(id string) string {
	b.t.Helper()
	kinds := ""
	for _, taint := range b.verdictOf(id).Taints {
		kinds += taint.Kind + " "
	}
	return kinds
}

// pidIn is the pid in a pid file.
func pidIn(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestOCIExecJoins has processes of exec live with the others of an idle container: they see each
// other, their files and their time, and signal each other.
func TestOCIExecJoins(t *testing.T) {
	b := deterministicBundle(t, "trap 'echo told > /told' USR1; sleep 1000 & echo $! > /pid; sleep 2000 & date +%s > /begun; touch /ready; while :; do wait; done")
	b.launch("box")
	pid := strings.TrimSpace(b.ok("exec", "box", "cat", "/pid"))
	listed := b.ok("exec", "box", "ps", "-o", "pid,args")
	for _, want := range []string{"1 sh -c", pid + " sleep 1000", " ps -o"} {
		if !strings.Contains(listed, want) {
			t.Errorf("without %q: %s", want, listed)
		}
	}
	// Traced: it has an exec's own clock, kernel and randomness, and a pid of the engine's.
	own := b.ok("exec", "box", "sh", "-c", "echo $PPID; uname -r; cat /proc/self/stat | cut -d' ' -f1,4")
	if lines := strings.Fields(own); len(lines) < 2 || lines[0] != "0" {
		t.Errorf("its parent: %q", own)
	}
	begun, err := strconv.Atoi(strings.TrimSpace(b.ok("exec", "box", "cat", "/begun")))
	if err != nil {
		t.Fatal(err)
	}
	last, started := begun, time.Now()
	for range 3 {
		now, err := strconv.Atoi(strings.TrimSpace(b.ok("exec", "box", "sh", "-c", "sleep 1; date +%s")))
		if err != nil || now < last+1 || now > last+5+int(time.Since(started).Seconds()) {
			t.Errorf("begun at %d, then %d, now %d: %v", begun, last, now, err)
		}
		last = now
	}
	// Files.
	b.ok("exec", "box", "sh", "-c", "echo from one > /shared; chmod 600 /shared")
	if got := b.ok("exec", "box", "sh", "-c", "cat /shared; stat -c %a /shared"); got != "from one\n600\n" {
		t.Errorf("of another's file: %q", got)
	}
	// Signals, both ways.
	b.ok("exec", "box", "kill", "-USR1", "1")
	b.appears("told")
	b.ok("exec", "box", "kill", pid)
	if listed := b.ok("exec", "box", "ps", "-o", "pid"); strings.Contains(listed+"\n", " "+pid+"\n") {
		t.Errorf("killed, and there: %s", listed)
	}
	b.ok("kill", "box", "KILL")
	b.stopped("box")
	if v := b.verdictOf("box"); v.Verdict != "tainted" || strings.Count(b.taintsOf("box"), "exec ") != 1 || v.Execs < 10 {
		t.Errorf("verdict %+v", v)
	}
	b.refused(255, "cannot exec in a stopped container", "exec", "box", "true")
	b.ok("delete", "box")
}

// TestOCIExecEnds tells how processes of exec end: to the command that waits, and to who adopts them.
func TestOCIExecEnds(t *testing.T) {
	b := deterministicBundle(t, "touch /ready; sleep 1000")
	b.launch("box")
	for script, want := range map[string]int{
		"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -TERM $$": 143, "sleep 0.05; exit 3": 3,
		"sh -c 'exit 4'": 4, "(sleep 1000 &); exit 5": 5, "exec /bin/false": 1, "kill -SEGV $$": 139,
	} {
		if r := b.do("exec", "box", "sh", "-c", script); r.Exit != want {
			t.Errorf("%q: status %d, %s; want %d", script, r.Exit, r.Stderr, want)
		}
	}
	b.refused(255, "executable file not found in $PATH", "exec", "box", "nothing")
	if err := os.WriteFile(filepath.Join(b.root, "script"), []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if r := b.do("exec", "box", "/script"); r.Exit == 0 || !strings.Contains(r.Stderr, "no such file or directory") {
		t.Errorf("without its interpreter: status %d, %q", r.Exit, r.Stderr)
	}
	// What was left behind by one belongs to pid 1.
	if got := b.ok("exec", "box", "sh", "-c", "ps -o ppid,args | grep '[s]leep 1000$'"); strings.Count(got, " 1 sleep 1000") == 0 {
		t.Errorf("orphans: %q", got)
	}
	// Detached, it becomes the tests' own child.
	pidFile := filepath.Join(b.dir, "pid")
	for script, want := range map[string]unix.WaitStatus{"exit 9": 9 << 8, "kill -KILL $$": 9, "sleep 0.1; exit 2": 2 << 8} {
		b.ok("exec", "--detach", "--pid-file", pidFile, "box", "sh", "-c", script)
		pid := pidIn(t, pidFile)
		var ws unix.WaitStatus
		if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil || ws != want {
			t.Errorf("%q detached: %#x, %v; want %#x", script, ws, err, want)
		}
	}
	b.ok("delete", "--force", "box")
}

// TestOCIExecStreams has a process of exec read and write what its caller gives it.
func TestOCIExecStreams(t *testing.T) {
	b := deterministicBundle(t, "touch /ready; sleep 1000")
	b.launch("box")
	// A conversation.
	cmd, out, errs := b.command("exec", "box", "sh", "-c", "while read x; do echo got $x; done; echo over; echo to stderr >&2")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		fmt.Fprintf(in, "line %d\n", i)
		eventually(t, "an answer", func() bool { return strings.Contains(content(out), fmt.Sprintf("got line %d\n", i)) })
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if got := content(out); !strings.HasSuffix(got, "over\n") || content(errs) != "to stderr\n" {
		t.Errorf("%q, %q", got, content(errs))
	}
	// A file, and one that nobody reads.
	if err := os.WriteFile(filepath.Join(b.dir, "input"), []byte("of a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(b.dir, "input"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd, out, _ = b.command("exec", "box", "cat")
	cmd.Stdin = file
	if err := cmd.Run(); err != nil || content(out) != "of a file\n" {
		t.Errorf("of a file: %q, %v", content(out), err)
	}
	// Who does not read holds up nobody else; who stops reading ends the writer.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd, _, _ = b.command("exec", "box", "yes")
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got := b.ok("exec", "box", "echo", "meanwhile"); got != "meanwhile\n" {
		t.Errorf("beside one that waits: %q", got)
	}
	first := make([]byte, 4)
	if _, err := io.ReadFull(r, first); err != nil || string(first) != "y\ny\n" {
		t.Errorf("%q, %v", first, err)
	}
	r.Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+int(unix.SIGPIPE) {
		t.Errorf("yes without a reader: status %d", code)
	}
	// Everything arrives, in order, before the end shows.
	if got := b.ok("exec", "box", "sh", "-c", "seq 20000; sh -c 'seq 20001 30000'"); len(strings.Fields(got)) != 30000 || !strings.HasSuffix(got, "\n30000\n") {
		t.Errorf("of 30000 lines %d", len(strings.Fields(got)))
	}
	b.ok("delete", "--force", "box")
}

// TestOCIExecMany runs twenty at once, beside processes of the container's own.
func TestOCIExecMany(t *testing.T) {
	b := deterministicBundle(t, "touch /ready; i=0; while :; do i=$((i+1)); (echo $i | cat > /dev/null) ; sleep 0.01; done")
	b.launch("box")
	var group sync.WaitGroup
	for i := range 20 {
		cmd, out, errs := b.command("exec", "box", "sh", "-c", fmt.Sprintf("for j in 1 2 3; do (sleep 0.02; echo %d $j $$) & wait; done; exit %d", i, i))
		group.Go(func() {
			_ = cmd.Run()
			got := content(out)
			lines := strings.Fields(got)
			if code := cmd.ProcessState.ExitCode(); code != i || len(lines) != 9 || lines[0] != strconv.Itoa(i) || lines[2] != lines[5] || lines[5] != lines[8] {
				t.Errorf("number %d: status %d, %q, %s", i, code, got, content(errs))
			}
		})
	}
	group.Wait()
	b.ok("kill", "box", "KILL")
	b.stopped("box")
	b.ok("delete", "box")
}

// TestOCIExecKilled kills processes of exec, by themselves and with their container.
func TestOCIExecKilled(t *testing.T) {
	b := deterministicBundle(t, "touch /ready; sleep 1000")
	b.launch("box")
	pidFile := filepath.Join(b.dir, "pid")
	start := func(script string) int {
		os.Remove(filepath.Join(b.root, "in"))
		b.ok("exec", "--detach", "--pid-file", pidFile, "box", "sh", "-c", script)
		b.appears("in")
		return pidIn(t, pidFile)
	}
	wait := func(pid int) (ws unix.WaitStatus) {
		if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil {
			t.Fatal(err)
		}
		return ws
	}
	for script, sig := range map[string]unix.Signal{
		"touch /in; sleep 1001": unix.SIGKILL, "touch /in; while :; do :; done": unix.SIGKILL,
		"touch /in; while :; do /bin/true; done": unix.SIGKILL, "touch /in; sleep 1001 & wait": unix.SIGTERM,
	} {
		pid := start(script)
		if err := unix.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		if ws := wait(pid); ws.Signal() != sig {
			t.Errorf("%q: ended by %v", script, ws)
		}
		if r := b.do("exec", "box", "echo", "alive"); r.Stdout != "alive\n" {
			t.Fatalf("after %q: %+v, %v", script, r, b.stateOf("box"))
		}
	}
	// What it leaves is pid 1's; the container goes on, and takes it along at its end.
	pid := start("sleep 1002 & touch /in; while :; do :; done")
	b.ok("kill", "box", "KILL")
	if ws := wait(pid); ws.Signal() != unix.SIGKILL {
		t.Errorf("with its container: %v", ws)
	}
	b.stopped("box")
	if taints := b.taintsOf("box"); !strings.Contains(taints, "exec ") || !strings.Contains(taints, "signal ") {
		t.Errorf("taints %s", taints)
	}
	b.ok("delete", "box")

	// The container ends by itself while one runs.
	b.script("touch /ready; while ! [ -e /end ]; do sleep 0.05; done; exit 6")
	b.write()
	os.Remove(filepath.Join(b.root, "ready"))
	b.launch("box")
	cmd, _, _ := b.command("exec", "box", "sh", "-c", "touch /in2; sleep 1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.appears("in2")
	b.ok("exec", "box", "touch", "/end")
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 137 {
		t.Errorf("when its container ended: status %d", cmd.ProcessState.ExitCode())
	}
	b.stopped("box")
	b.ok("delete", "box")
}

// TestOCIExecPaused runs a process in a container that is paused: it waits until that goes on.
func TestOCIExecPaused(t *testing.T) {
	b := deterministicBundle(t, "touch /ready; while :; do sleep 0.02; done")
	b.launch("box")
	b.ok("pause", "box")
	b.refused(255, "cannot exec in a paused container", "exec", "box", "true")
	cmd, out, errs := b.command("exec", "--ignore-paused", "box", "sh", "-c", "touch /in; echo late")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if _, err := os.Stat(filepath.Join(b.root, "in")); err == nil {
		t.Error("it has run in a paused container")
	}
	b.ok("resume", "box")
	if err := cmd.Wait(); err != nil || content(out) != "late\n" {
		t.Errorf("%v, %q, %s", err, content(out), content(errs))
	}
	b.ok("delete", "--force", "box")
}

// TestOCIExecCreated runs a process in a container that has not been started: nobody traces it.
func TestOCIExecCreated(t *testing.T) {
	b := deterministicBundle(t, "touch /ready; sleep 1000")
	b.ok("create", "box")
	if got := b.ok("exec", "box", "echo", "before"); got != "before\n" {
		t.Errorf("%q", got)
	}
	b.ok("start", "box")
	b.appears("ready")
	b.ok("kill", "box", "KILL")
	b.stopped("box")
	if taints := b.taintsOf("box"); !strings.Contains(taints, "exec ") {
		t.Errorf("taints %s", taints)
	}
	b.ok("delete", "box")
}

// TestOCIExecSignalled has signals from outside reach processes that wait, at once.
func TestOCIExecSignalled(t *testing.T) {
	b := deterministicBundle(t, "trap 'exit 3' TERM; sleep 1000 & touch /ready; wait")
	b.launch("box")
	pidFile := filepath.Join(b.dir, "pid")
	b.ok("exec", "--detach", "--pid-file", pidFile, "box", "sh", "-c", "trap 'touch /told' TERM; sleep 1000 & touch /in; wait")
	b.appears("in")
	if err := unix.Kill(pidIn(t, pidFile), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	b.appears("told")
	b.ok("kill", "box", "TERM")
	b.stopped("box")
	b.ok("delete", "box")
}

// TestOCIExecUsers runs processes of several users, whose files are their own.
func TestOCIExecUsers(t *testing.T) {
	b := deterministicBundle(t, "touch /ready; mkdir -p /tmp; chmod 1777 /tmp; sleep 1000")
	b.spec.Process.User = specs.User{}
	b.write()
	b.launch("box")
	b.ok("exec", "box", "sh", "-c", "echo secret > /secret; chmod 600 /secret")
	got := b.ok("exec", "--user", "1000:1001", "box", "sh", "-c", "id -u; id -g; cat /secret 2>/dev/null || echo closed; cat > /tmp/mine < /dev/null; stat -c %u:%g /tmp/mine")
	if got != "1000\n1001\nclosed\n1000:1001\n" {
		t.Errorf("%q", got)
	}
	b.ok("delete", "--force", "box")
}

// TestOCIExecTerminal runs a process with a terminal in a container without one: it is typed at,
// interrupted by a key, and its terminal ends with it.
func TestOCIExecTerminal(t *testing.T) {
	b := deterministicBundle(t, "touch /ready; sleep 1000")
	b.launch("box")
	socket := filepath.Join(b.dir, "console")
	got := descriptors(t, socket)
	pidFile := filepath.Join(b.dir, "pid")
	b.ok("exec", "--tty", "--detach", "--console-socket", socket, "--pid-file", pidFile, "box", "sh", "-c",
		"tty; echo $PPID; read x; echo got $x; trap 'echo key; exit 4' INT; touch /in; while :; do sleep 0.05; done") // a signal just before a long sleep would wait for its end
	master := <-got
	if master == nil {
		t.Fatal("no terminal")
	}
	if _, err := master.WriteString("words\n"); err != nil {
		t.Fatal(err)
	}
	b.appears("in")
	if _, err := master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	text := all(t, master)
	for _, want := range []string{"/dev/pts/0\r\n", "\n0\r\n", "got words\r\n", "key\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the terminal shows %q, without %q", text, want)
		}
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pidIn(t, pidFile), &ws, 0, nil); err != nil || ws.ExitStatus() != 4 {
		t.Errorf("status %#x, %v", ws, err)
	}
	b.ok("kill", "box", "KILL")
	b.stopped("box")
	if v := b.verdictOf("box"); v.Execs < 2 {
		t.Errorf("verdict %+v", v)
	}
	b.ok("delete", "box")
}
