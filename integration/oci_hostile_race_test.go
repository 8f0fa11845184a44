package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// replaces has somebody outside replace what is at some paths, by symbolic links that lead to where a container may not go and back,
// until the returned function is called, which tells how often that was.
func replaces(t *testing.T, volume, file, dir string, owner int) func() int {
	t.Helper()
	end, times, done := make(chan struct{}), 0, sync.WaitGroup{}
	at := func(name string) string { return filepath.Join(volume, name) }
	done.Go(func() {
		for ; ; times++ {
			select {
			case <-end:
				return
			default:
			}
			// What the container does to it meanwhile may have any of this fail.
			_ = os.WriteFile(at("new"), []byte("public"), 0o600)
			_ = os.Lchown(at("new"), owner, owner)
			_ = os.Rename(at("new"), at("file"))
			_ = os.Mkdir(at("dir"), 0o777)
			_ = os.Lchown(at("dir"), owner, owner)
			_ = os.WriteFile(at("dir/file"), []byte("public"), 0o600)
			_ = os.Lchown(at("dir/file"), owner, owner)
			_ = os.Symlink(dir, at("way"))
			_ = os.Symlink(file, at("new"))
			_ = os.Rename(at("new"), at("file"))
			_ = unix.Renameat2(unix.AT_FDCWD, at("dir"), unix.AT_FDCWD, at("way"), unix.RENAME_EXCHANGE)
			if fi, err := os.Lstat(at("way")); err == nil && fi.Mode()&os.ModeSymlink != 0 {
				continue
			}
			_ = unix.Renameat2(unix.AT_FDCWD, at("dir"), unix.AT_FDCWD, at("way"), unix.RENAME_EXCHANGE)
		}
	})
	return func() int {
		close(end)
		done.Wait()
		return times
	}
}

// TestOCIHostileRace has somebody who shares a directory with a container replace files and directories there while the container
// makes calls on them: by none does it get at what it may not, be that the container's root's or the host's.
func TestOCIHostileRace(t *testing.T) {
	for _, user := range []string{"1000", "0"} {
		b := deterministicBundle(t, "")
		b.hostile("deputy")
		caps := []string{"CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER"}
		b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
		volume, host, owner := filepath.Join(b.dir, "volume"), filepath.Join(b.dir, "host"), 1000
		b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/volume", Type: "bind", Source: volume, Options: []string{"bind"}})
		closed, file, dir := filepath.Join(b.root, "closed"), "/closed/file", "/closed"
		if user == "0" { // in the host's root this is a file, and in the container's nothing
			closed, file, dir, owner = host, filepath.Join(host, "file"), host, 0
		}
		for _, err := range []error{
			os.MkdirAll(filepath.Join(b.root, "tmp"), 0o777), os.Chmod(filepath.Join(b.root, "tmp"), 0o777),
			os.Mkdir(volume, 0o777), os.Chmod(volume, 0o777), os.Mkdir(closed, 0o700),
			os.WriteFile(filepath.Join(closed, "file"), []byte("secret"+strings.Repeat(".", 4236)), 0o600),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		var before, after unix.Stat_t
		if err := unix.Stat(filepath.Join(closed, "file"), &before); err != nil {
			t.Fatal(err)
		}
		stop := replaces(t, volume, file, dir, owner)
		calls := without(deputyCalls(t, false), "chdir")
		lines := strings.Split(b.deputyRuns(user, calls, "/volume", slices.Repeat([]string{"file", "/volume/dir/file", "dir/../file", "/proc/self/cwd/dir/file"}, 25)...), "\n")
		if times := stop(); times < 100 {
			t.Errorf("replaced %d times", times)
		}
		did := 0
		for _, line := range lines {
			if strings.HasPrefix(line, "READ") {
				t.Error(line)
			}
			if strings.HasPrefix(line, "DID") {
				did++
			}
		}
		if did == 0 {
			t.Error("nothing succeeds")
		}
		err := unix.Stat(filepath.Join(closed, "file"), &after)
		if before.Atim, after.Atim = (unix.Timespec{}), (unix.Timespec{}); err != nil || before != after {
			t.Errorf("%v, %+v was %+v", err, after, before)
		}
		if entries, _ := os.ReadDir(closed); len(entries) != 1 {
			t.Errorf("there is more: %v", entries)
		}
	}
}
