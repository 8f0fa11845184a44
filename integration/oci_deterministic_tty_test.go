package integration

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// kinds are the kinds of a verdict's taints, each once, in their order.
func (b *bundle) kindsOf(id string) string {
	b.t.Helper()
	var kinds []string
	for _, taint := range b.verdictOf(id).Taints {
		if len(kinds) == 0 || kinds[len(kinds)-1] != taint.Kind {
			kinds = append(kinds, taint.Kind)
		}
	}
	return strings.Join(kinds, " ")
}

// attended runs a container with a terminal, hands talk what it shows so far, and the other end, and returns all
// that it has shown, when it has ended.
func (b *bundle) attended(talk func(shown func() string, master *os.File)) string {
	b.t.Helper()
	socket := filepath.Join(b.dir, "console")
	os.Remove(socket)
	got := descriptors(b.t, socket)
	b.ok("create", "--console-socket", socket, "box")
	master := <-got
	if master == nil {
		b.t.Fatal("no terminal")
	}
	// As one that can be closed while somebody reads it.
	fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	master.Close()
	master = os.NewFile(uintptr(fd), "terminal")
	defer master.Close()
	var mu sync.Mutex
	var text strings.Builder
	end := make(chan struct{})
	go func() {
		defer close(end)
		buf := make([]byte, 1000)
		for {
			n, err := master.Read(buf)
			mu.Lock()
			text.Write(buf[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	shown := func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
	b.ok("start", "box")
	talk(shown, master)
	b.stopped("box")
	<-end
	return shown()
}

// TestOCIDeterministicTerminal runs containers with a terminal, twice each: what only writes there stays
// deterministic; what is typed, as a line, by a key that makes a signal, or by changing the size, taints.
func TestOCIDeterministicTerminal(t *testing.T) {
	typed := func(after, text string) func(*testing.T, func() string, *os.File) {
		return func(t *testing.T, shown func() string, master *os.File) {
			eventually(t, after, func() bool { return strings.Contains(shown(), after) })
			if _, err := master.WriteString(text); err != nil {
				t.Error(err)
			}
		}
	}
	for name, test := range map[string]struct {
		script string
		talk   func(*testing.T, func() string, *os.File)
		taints string
		want   string
	}{
		"output":                      {script: "tty; stty size; for i in 1 2 3; do (echo $i) & done; wait; sleep 0.1; [ -t 0 ] && echo >/dev/tty terminal", want: "/dev/pts/0\r\n30 100\r\n1\r\n2\r\n3\r\nterminal\r\n"},
		"not read":                    {script: "touch /ready; sleep 0.2; echo slept", want: "slept\r\n"},
		"a line":                      {script: "echo ready; read x; echo got $x", talk: typed("ready", "words\n"), taints: "input", want: "ready\r\nwords\r\ngot words\r\n"},
		"end of input":                {script: "echo ready; cat; echo end", talk: typed("ready", "\x04"), want: "ready\r\nend\r\n"},
		"a key":                       {script: "trap 'echo caught; exit' INT; echo ready; while :; do sleep 0.1; done", talk: typed("ready", "\x03"), taints: "input", want: "ready\r\n^Ccaught\r\n"},
		"a key while nothing happens": {script: "trap 'echo caught; exit' INT; echo ready; sleep 1000 & wait", talk: typed("ready", "\x03"), taints: "input", want: "ready\r\n^Ccaught\r\n"},
		"hanging up": {script: "trap 'echo >/kept $?; exit' HUP; echo ready; sleep 1000 & wait", taints: "input", want: "ready\r\n",
			talk: func(t *testing.T, shown func() string, master *os.File) {
				eventually(t, "ready", func() bool { return strings.Contains(shown(), "ready") })
				master.Close()
			}},
		"size": {script: "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.1; done", taints: "input", want: "ready\r\n11 22\r\n",
			talk: func(t *testing.T, shown func() string, master *os.File) {
				eventually(t, "ready", func() bool { return strings.Contains(shown(), "ready") })
				c, err := master.SyscallConn()
				if err == nil {
					err = c.Control(func(fd uintptr) { _ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 11, Col: 22}) })
				}
				if err != nil {
					t.Error(err)
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				b := newBundle(t)
				b.spec.Annotations = nil
				b.spec.Root.Readonly = false
				b.spec.Process.Terminal = true
				b.spec.Process.ConsoleSize = &specs.Box{Height: 30, Width: 100}
				b.script(test.script)
				b.write()
				shown := b.attended(func(shown func() string, master *os.File) {
					if test.talk != nil {
						test.talk(t, shown, master)
					}
				})
				if shown != test.want {
					t.Errorf("the terminal shows %q, not %q", shown, test.want)
				}
				if kinds := b.kindsOf("box"); kinds != test.taints {
					t.Errorf("tainted by %q, not %q: %+v", kinds, test.taints, b.verdictOf("box"))
				}
				b.ok("delete", "box")
			}
		})
	}
}

// TestOCIDeterministicDefault runs what `laplace spec` writes, unchanged: a shell at a terminal.
func TestOCIDeterministicDefault(t *testing.T) {
	b := newBundle(t)
	if r := b.do("spec", "--bundle", b.dir); r.Exit == 0 {
		t.Error("spec has overwritten a configuration")
	}
	os.Remove(b.config())
	b.ok("spec", "--bundle", b.dir)
	shown := b.attended(func(shown func() string, master *os.File) {
		eventually(t, "the prompt", func() bool { return strings.Contains(shown(), "# ") })
		if _, err := master.WriteString("echo $((6*7)); sleep 100 | cat\n"); err != nil {
			t.Error(err)
		}
		eventually(t, "the answer", func() bool { return strings.Contains(shown(), "42\r\n") })
		time.Sleep(50 * time.Millisecond) // a key that comes before the pipeline runs is the shell's
		if _, err := master.WriteString("\x03"); err != nil {
			t.Error(err)
		}
		eventually(t, "another prompt", func() bool { return strings.Count(shown(), "# ") > 1 })
		if _, err := master.WriteString("exit 7\n"); err != nil {
			t.Error(err)
		}
	})
	if !strings.Contains(shown, "^C") {
		t.Errorf("the terminal shows %q", shown)
	}
	if kinds := b.kindsOf("box"); !strings.Contains(kinds, "input") {
		t.Errorf("tainted by %q", kinds)
	}
	b.ok("delete", "box")
}

// TestOCIDeterministicOpenInput has containers whose input is a pipe that stays open and that they do not read: they
// are not tainted by it, also when something lies there.
func TestOCIDeterministicOpenInput(t *testing.T) {
	for _, text := range []string{"", "unread\n"} {
		for _, script := range []string{"echo out", "sleep 0.1; echo out", "(sleep 0.1; echo out) & wait"} {
			b := newBundle(t)
			b.spec.Annotations = nil
			b.script(script)
			b.write()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.WriteString(text); err != nil {
				t.Fatal(err)
			}
			cmd, stdout, stderr := b.command("run", "--keep", "box")
			cmd.Stdin = r
			if err := cmd.Run(); err != nil || content(stdout) != "out\n" {
				t.Errorf("%q: %v, %q %s", script, err, content(stdout), content(stderr))
			}
			r.Close()
			w.Close()
			if v := b.verdictOf("box"); v.Verdict != "deterministic" {
				t.Errorf("%q: %+v", script, v)
			}
			b.ok("delete", "box")
		}
	}
}

// TestOCIDeterministicClientTerminals has podman and containerd ask for terminals.
func TestOCIDeterministicClientTerminals(t *testing.T) {
	if os.Getenv("LAPLACE_OCI_RUNTIME") != "" {
		t.Skip("LAPLACE_OCI_RUNTIME is another runtime")
	}
	// Both want a terminal themselves: script(1) is one, which makes a key of the end of its input.
	tty := &client{t: t, args: []string{"script", "-qec"}}
	const mode = "dev.laplace.mode=deterministic"
	script := "'tty; echo $$; date +%s; exit 6'"
	want := "/dev/pts/0\n1\n1577836801\n"
	p := newPodman(t)
	line := strings.Join(append(p.env, append(p.args, plain("--rm", "--annotation", mode, "--interactive", "--tty", "busybox", "sh", "-c", script)...)...), " ")
	if r := tty.do(line, "/dev/null"); r.Exit != 6 || !strings.HasSuffix(strings.NewReplacer("^@", "", "\r", "").Replace(r.Stdout), want) {
		t.Errorf("podman: status %d, %q", r.Exit, r.Stdout)
	}
	c := newContainerd(t)
	line = strings.Join(append(c.args, c.run([]string{"--rm", "-t", "--annotation", mode}, "tty", "sh", "-c", script)...), " ")
	if r := tty.do("stty rows 11 cols 22; "+line, "/dev/null"); r.Exit != 6 || !strings.HasSuffix(strings.NewReplacer("^@", "", "\r", "").Replace(r.Stdout), want) {
		t.Errorf("containerd: status %d, %q", r.Exit, r.Stdout)
	}
}
