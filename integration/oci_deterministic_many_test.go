package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// running are the processes that execute a file, by its content's place, whatever they are called.
func running(t *testing.T, file string) (pids []int) {
	t.Helper()
	var own unix.Stat_t
	if err := unix.Stat(file, &own); err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		var st unix.Stat_t
		if unix.Stat(link, &st) == nil && st.Dev == own.Dev && st.Ino == own.Ino {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestOCIDeterministicMany makes containers one after the other, and many at once: no process of ours is left, no mount, no
// control group and no file but what all of them share; newBundle's cleanup looks for mounts.
func TestOCIDeterministicMany(t *testing.T) {
	b := newBundle(t)
	b.spec.Annotations = nil
	b.script("(echo behind) & wait; sleep 1000 & exit 3")
	b.spec.Linux.CgroupsPath = ""
	b.write()
	name := func(i int) string { return fmt.Sprintf("%s-%d", filepath.Base(b.dir), i) }
	once := func(i int) {
		if i%10 == 0 { // made, and never started
			if r := b.do("create", name(i)); r.Exit != 0 {
				t.Errorf("create: status %d: %s", r.Exit, r.Stderr)
			}
			if r := b.do("delete", "--force", name(i)); r.Exit != 0 {
				t.Errorf("delete: status %d: %s", r.Exit, r.Stderr)
			}
			return
		}
		if r := b.do("run", name(i)); r.Exit != 3 || r.Stdout != "behind\n" {
			t.Errorf("status %d, %q: %s", r.Exit, r.Stdout, r.Stderr)
		}
	}
	for i := range 200 {
		once(i)
	}
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() { once(i) })
	}
	wait.Wait()
	eventually(t, "the end of all processes", func() bool { reap(); return len(running(t, b.runtime)) == 0 })
	for i := range 200 {
		if left := groups(t, name(i)); len(left) > 0 {
			t.Fatalf("control groups are left: %v", left)
		}
	}
	left, err := os.ReadDir(b.state)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if entry.Name() != "~cache" {
			t.Errorf("left in the state directory: %s", entry.Name())
		}
	}
}

// TestOCIDeterministicDescriptors looks at what a supervisor and its placer have open: nothing of the caller's but its
// streams, and none of the other's.
func TestOCIDeterministicDescriptors(t *testing.T) {
	b := newBundle(t)
	b.spec.Annotations = nil
	b.script("sleep 1000")
	b.write()
	slash, err := os.Open("/usr")
	if err != nil {
		t.Fatal(err)
	}
	defer slash.Close()
	cmd, stdout, stderr := b.command("run", "--detach", "box")
	defer stdout.Close()
	defer stderr.Close()
	cmd.ExtraFiles = []*os.File{slash, slash, slash}
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, content(stderr))
	}
	eventually(t, "supervisor and placer", func() bool { return len(running(t, b.runtime)) == 2 })
	for _, pid := range running(t, b.runtime) {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			t.Fatal(err)
		}
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			t.Fatal(err)
		}
		pipes := 0
		for _, fd := range fds {
			at, _ := os.Readlink(fd)
			if strings.HasPrefix(at, "pipe:") {
				pipes++
			}
			if at == "/usr" {
				t.Errorf("%s has the caller's %s", comm, at)
			}
			if n, _ := strconv.Atoi(filepath.Base(fd)); n < 3 && at != "/dev/null" {
				t.Errorf("%s has %s as descriptor %d", comm, at, n)
			}
		}
		if placer := string(comm) == "laplace-placer\n"; placer && (pipes > 0 || len(fds) > 5) || len(fds) > 40 {
			t.Errorf("%s has %d pipes, and %d descriptors", comm, pipes, len(fds))
		}
	}
	b.ok("delete", "--force", "box")
}
