package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestOCIBinary has nobody write the program's file through a process that executes it,
// CVE-2019-5736: not even root outside, who could otherwise once the process has ended.
func TestOCIBinary(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"/proc/self/exe", "version"}
	b.write()
	b.ok("create", "box")
	exe, err := os.Open(fmt.Sprintf("/proc/%d/exe", b.stateOf("box").Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	if self, err := os.Open(b.runtime); err != nil {
		t.Error(err)
	} else {
		same, other := make([]byte, 1<<16), make([]byte, 1<<16)
		_, err := exe.ReadAt(same, 1<<16)
		_, err2 := self.ReadAt(other, 1<<16)
		self.Close()
		if err != nil || err2 != nil || !bytes.Equal(same, other) {
			t.Errorf("not the program that the process executes: %v, %v", err, err2)
		}
	}
	b.ok("delete", "box") // what is executed cannot be written anyhow
	reap()
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", exe.Fd()), os.O_WRONLY, 0)
	if err == nil {
		f.Close()
	}
	if !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.EPERM) {
		t.Errorf("write to the program: %v", err)
	}
}

// TestOCILeaks has no descriptor of the caller's, and no directory of the host's, reach the
// container: CVE-2016-9962, CVE-2024-21626.
func TestOCILeaks(t *testing.T) {
	b := newBundle(t)
	b.script("ls /proc/self/fd")
	b.write()
	cmd, stdout, stderr := b.command("run", "box")
	defer stdout.Close()
	defer stderr.Close()
	slash, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer slash.Close()
	cmd.ExtraFiles = []*os.File{slash, slash, slash}
	if err := cmd.Run(); err != nil || content(stdout) != "0\n1\n2\n3\n" {
		t.Errorf("%v, descriptors %q", err, content(stdout))
	}
	for fd := range 20 {
		b.spec.Process.Cwd = fmt.Sprintf("/proc/self/fd/%d", fd)
		b.script("pwd; ls")
		b.write()
		cmd, stdout, stderr := b.command("run", "box")
		cmd.ExtraFiles = []*os.File{slash, slash, slash}
		if err := cmd.Run(); err == nil {
			t.Errorf("descriptor %d as working directory: %s", fd, content(stdout))
		}
		stdout.Close()
		stderr.Close()
	}
}

// TestOCINull masks nothing with what only looks like the null device, CVE-2025-31133.
func TestOCINull(t *testing.T) {
	for _, kind := range []string{"link", "file", "device"} {
		b := newBundle(t)
		dev := filepath.Join(b.dir, "dev")
		if err := os.Mkdir(dev, 0o755); err != nil {
			t.Fatal(err)
		}
		null, err := filepath.Join(dev, "null"), error(nil)
		switch kind {
		case "link":
			err = os.Symlink("/proc/sys/kernel/core_pattern", null)
		case "file":
			err = os.WriteFile(null, nil, 0o666)
		case "device":
			err = unix.Mknod(null, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))
		}
		if err != nil {
			t.Fatal(err)
		}
		b.spec.Mounts = append(b.spec.Mounts[:1], specs.Mount{Destination: "/dev", Source: dev, Options: []string{"bind"}})
		b.script("true")
		b.write()
		b.refused(1, "/dev/null is not the null device", "run", "box")
	}
}

// TestOCISysctl writes kernel parameters to the kernel, whatever the root has in place of
// /proc: CVE-2025-52881.
func TestOCISysctl(t *testing.T) {
	b := newBundle(t)
	fake := filepath.Join(b.root, "proc/sys/net/ipv4/ip_forward")
	if err := os.MkdirAll(filepath.Dir(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fake, []byte("fake"), 0o666); err != nil {
		t.Fatal(err)
	}
	b.spec.Mounts = b.spec.Mounts[1:]
	b.spec.Linux.MaskedPaths, b.spec.Linux.ReadonlyPaths = nil, nil
	b.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	b.script("cat /proc/sys/net/ipv4/ip_forward")
	b.write()
	if out := b.ok("run", "box"); out != "fake" {
		t.Errorf("the file has %q", out)
	}
}

// TestOCIRace makes containers that share a directory with one which swaps a directory and
// a link to / in it all the time: nothing is made outside, CVE-2021-30465.
func TestOCIRace(t *testing.T) {
	b := newBundle(t)
	volume := filepath.Join(b.dir, "volume")
	if err := os.MkdirAll(filepath.Join(volume, "a"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/../../../../../../../..", filepath.Join(volume, "b")); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		x, y := filepath.Join(volume, "a"), filepath.Join(volume, "b")
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_EXCHANGE)
			}
		}
	})
	defer func() { close(stop); wait.Wait() }()
	escape := "escape-" + filepath.Base(b.dir)
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/volume", Source: volume, Options: []string{"bind"}},
		specs.Mount{Destination: "/volume/a/" + escape, Type: "tmpfs", Source: "tmpfs"})
	b.script("grep -c " + escape + " /proc/self/mounts")
	b.write()
	made := 0
	for range 60 {
		if r := b.do("run", "box"); r.Exit == 0 && r.Stdout == "1\n" {
			made++
		}
		if _, err := os.Lstat("/" + escape); err == nil {
			os.Remove("/" + escape)
			t.Fatal("a directory was made outside of the root")
		}
	}
	if made == 0 {
		t.Error("no container was made at all")
	}
}

// TestOCIMany makes containers one after the other, and many at once: nothing is left.
func TestOCIMany(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"true"}
	b.spec.Linux.CgroupsPath = ""
	b.write()
	name := func(i int) string { return fmt.Sprintf("%s-%d", filepath.Base(b.dir), i) }
	for i := range 200 {
		b.ok("run", name(i))
	}
	const atOnce = 50
	var wait sync.WaitGroup
	for i := range atOnce {
		wait.Go(func() {
			if r := b.do("run", name(i)); r.Exit != 0 {
				t.Errorf("exit status %d: %s", r.Exit, r.Stderr)
			}
		})
	}
	wait.Wait()
	for i := range 200 {
		if left := groups(t, name(i)); len(left) > 0 {
			t.Fatalf("control groups are left: %v", left)
		}
	}
}

// TestOCIPropagation has nothing that a container mounts show up on the host, even where the
// host's mount is shared.
func TestOCIPropagation(t *testing.T) {
	b := newBundle(t)
	shared := filepath.Join(b.dir, "shared")
	if err := os.Mkdir(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", shared, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(shared, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	if err := unix.Mount("", shared, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(shared, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	admin := []string{"CAP_SYS_ADMIN"}
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: admin, Effective: admin, Permitted: admin}
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/mnt", Source: shared, Options: []string{"rbind"}})
	b.script("mount -t tmpfs none /mnt/x && grep -c ' /mnt/x ' /proc/self/mounts; sleep 1000")
	b.write()
	b.ok("run", "-d", "box")
	eventually(t, "its mount", func() bool {
		return strings.Contains(b.ok("exec", "box", "cat", "/proc/1/mounts"), " /mnt/x ")
	})
	if seen := mounts(t, shared+"/x"); len(seen) > 0 {
		t.Errorf("the host sees %v", seen)
	}
	b.ok("delete", "-f", "box")
}
