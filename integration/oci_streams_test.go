package integration

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// descriptors listens for one message with a descriptor.
func descriptors(t *testing.T, path string) <-chan *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan *os.File, 1)
	go func() {
		defer close(got)
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		defer c.Close()
		buf, oob := make([]byte, 100), make([]byte, unix.CmsgSpace(4))
		_, n, _, _, err := c.ReadMsgUnix(buf, oob)
		if err != nil {
			return
		}
		list, err := unix.ParseSocketControlMessage(oob[:n])
		if err != nil || len(list) == 0 {
			return
		}
		if fds, err := unix.ParseUnixRights(&list[0]); err == nil {
			got <- os.NewFile(uintptr(fds[0]), "descriptor")
		}
	}()
	return got
}

// all reads a terminal to its end, when nobody has it open any more.
func all(t *testing.T, master *os.File) string {
	t.Helper()
	var text strings.Builder
	buf := make([]byte, 1000)
	for {
		n, err := master.Read(buf)
		text.Write(buf[:n])
		if errors.Is(err, unix.EIO) {
			return text.String()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOCIConsole gets the master of a terminal over a socket, of create and of exec.
func TestOCIConsole(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Terminal = true
	b.script("tty; echo >/dev/console on the console; read x; echo got $x; sleep 1000")
	b.write()
	b.refused(1, "cannot allocate tty", "create", "box")
	b.refused(1, "cannot allocate tty", "run", "--detach", "box")
	socket := filepath.Join(b.dir, "console")
	got := descriptors(t, socket)
	b.ok("create", "--console-socket", socket, "box")
	master := <-got
	if master == nil {
		t.Fatal("no terminal")
	}
	b.ok("start", "box")
	if _, err := master.WriteString("words\n"); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(b.dir, "second")
	got = descriptors(t, second)
	pidFile := filepath.Join(b.dir, "pid")
	b.ok("exec", "-t", "-d", "--console-socket", second, "--pid-file", pidFile, "box", "sh", "-c", "tty; exit")
	if text := all(t, <-got); text != "/dev/pts/1\r\n" {
		t.Errorf("exec: the terminal shows %q", text)
	}
	pid, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(string(pid)); err != nil {
		t.Error(err)
	} else if _, err := unix.Wait4(n, nil, 0, nil); err != nil {
		t.Error(err)
	}
	b.ok("delete", "--force", "box")
	if text := all(t, master); text != "words\r\n/dev/pts/0\r\non the console\r\ngot words\r\n" && text != "/dev/pts/0\r\nwords\r\non the console\r\ngot words\r\n" &&
		text != "/dev/pts/0\r\non the console\r\nwords\r\ngot words\r\n" {
		t.Errorf("the terminal shows %q", text)
	}
	b.spec.Process.Terminal = false
	b.write()
	b.refused(1, "cannot use console socket", "create", "--console-socket", socket, "box")
}

// TestOCIPidfd gets a pidfd of the container over a socket.
func TestOCIPidfd(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"sleep", "1000"}
	b.write()
	socket := filepath.Join(b.dir, "pidfd")
	got := descriptors(t, socket)
	b.ok("run", "-d", "--pidfd-socket", socket, "box")
	f := <-got
	if f == nil {
		t.Fatal("no pidfd")
	}
	defer f.Close()
	if err := unix.PidfdSendSignal(int(f.Fd()), unix.SIGKILL, nil, 0); err != nil {
		t.Error(err)
	}
	b.stopped("box")
	b.ok("delete", "box")
}

// TestOCIDescriptors hands descriptors on: those of a service manager, and those that are
// preserved; no other is the container's.
func TestOCIDescriptors(t *testing.T) {
	b := newBundle(t)
	b.script("echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd; cat <&3; cat <&4")
	b.write()
	cmd, stdout, stderr := b.command("run", "--preserve-fds", "1", "box")
	defer stdout.Close()
	defer stderr.Close()
	for _, text := range []string{"three\n", "four\n", "five\n"} {
		name := filepath.Join(b.dir, strings.TrimSpace(text))
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, content(stderr))
	}
	if text := content(stdout); text != "1 1\n0\n1\n2\n3\n4\n5\nthree\nfour\n" { // 5 is that of ls
		t.Errorf("it has %q", text)
	}
}

// TestOCINotify passes on that a container is ready.
func TestOCINotify(t *testing.T) {
	b := newBundle(t)
	// No program of busybox sends a datagram to a socket: one of ours does.
	b.script("ls -d $NOTIFY_SOCKET; sleep 1000")
	b.write()
	socket := filepath.Join(b.dir, "manager")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	do := func(args ...string) func() error {
		cmd, stdout, stderr := b.command(args...)
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return func() error {
			err := cmd.Wait()
			if err != nil {
				t.Errorf("%v: %v, %s%s", args, err, content(stdout), content(stderr))
			}
			return err
		}
	}
	if do("create", "box")() != nil {
		return
	}
	started := do("start", "box")
	inside := filepath.Join("/proc", strconv.Itoa(b.stateOf("box").Pid), "root/run/notify/notify.sock")
	var c *net.UnixConn
	eventually(t, "the socket", func() bool {
		c, err = net.DialUnix("unixgram", nil, &net.UnixAddr{Name: inside, Net: "unixgram"})
		return err == nil
	})
	defer c.Close()
	for _, text := range []string{"STATUS=half\n", "READY=1\n"} {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Error(err)
		}
	}
	_ = started()
	buf := make([]byte, 100)
	n, err := l.Read(buf)
	if want := "READY=1\nMAINPID=" + strconv.Itoa(b.stateOf("box").Pid) + "\n"; err != nil || string(buf[:n]) != want {
		t.Errorf("the manager was told %q, %v; want %q", buf[:n], err, want)
	}
	b.ok("delete", "-f", "box")
}

// TestOCIHooks has every hook write down when it ran, and what it was told.
func TestOCIHooks(t *testing.T) {
	b := newBundle(t)
	log := filepath.Join(b.dir, "log")
	hook := func(name string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "{ echo " + name + "; cat; echo; echo $X; } >>" + log}, Env: []string{"X=" + name}}}
	}
	b.spec.Hooks = &specs.Hooks{
		Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"),
		Poststart: hook("poststart"), Poststop: hook("poststop"),
		StartContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat >/started"}}},
	}
	b.spec.Root.Readonly = false
	b.script("cat /started; sleep 1000")
	b.write()
	b.ok("create", "box")
	pid := b.stateOf("box").Pid
	b.ok("start", "box")
	b.ok("delete", "--force", "box")
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	want := []struct {
		name   string
		status specs.ContainerState
		pid    int
	}{{"prestart", "creating", pid}, {"createRuntime", "creating", pid}, {"createContainer", "creating", 1}, {"poststart", "running", pid}, {"poststop", "stopped", 0}}
	if len(lines) != 3*len(want) {
		t.Fatalf("hooks wrote\n%s", text)
	}
	for i, w := range want {
		var s specs.State
		if err := json.Unmarshal([]byte(lines[3*i+1]), &s); err != nil {
			t.Fatal(err)
		}
		if lines[3*i] != w.name || lines[3*i+2] != w.name || s.Status != w.status || s.Pid != w.pid || s.ID != "box" || s.Bundle != b.dir {
			t.Errorf("hook %d: %s, %+v", i, lines[3*i], s)
		}
	}
	if text, err := os.ReadFile(filepath.Join(b.root, "started")); err != nil || !strings.Contains(string(text), `"status":"created"`) {
		t.Errorf("startContainer: %s, %v", text, err)
	}

	b.spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo words >&2; exit 3"}}}}
	b.write()
	b.refused(1, "error running createRuntime hook #0: exit status 3, stdout: , stderr: words", "create", "box")
	second := 1
	b.spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Timeout: &second}}}
	b.write()
	b.refused(1, "killed after 1 s", "create", "box")
	b.spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/false"}}}
	b.write()
	b.ok("create", "box")
	b.refused(1, "startContainer hook #0", "start", "box")
	b.stopped("box")
	b.ok("delete", "box")
	b.spec.Hooks = &specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/false"}}}
	b.write()
	b.ok("create", "box")
	b.refused(1, "poststart hook #0", "start", "box")
	b.stopped("box")
	b.ok("delete", "box")
}
