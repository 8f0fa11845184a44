package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestOCIDeterministicMeanwhile has somebody outside change files of a container's volume and root while it runs: what it has looked
// at taints, each by its name, and what it has not, or has changed itself, does not.
func TestOCIDeterministicMeanwhile(t *testing.T) {
	b := deterministicBundle(t, `cat /volume/written /volume/replaced /volume/removed /root.txt; ls /volume/listed; stat /volume/absent /volume/mode; readlink /volume/link
		echo more >> /volume/own; chmod 600 /volume/kept; mkdir /volume/made; mv /volume/moved /volume/made; touch -d 2001-01-01 /volume/dated; ls /volume/made
		touch /volume/ready; until test -e /volume/go; do sleep 0.05; done; cat /volume/written`)
	volume := filepath.Join(b.dir, "volume")
	at := func(name string) string { return filepath.Join(volume, name) }
	for _, name := range []string{"listed", "unlisted"} {
		if err := os.MkdirAll(at(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"written", "replaced", "removed", "mode", "own", "kept", "moved", "dated", "unseen", "next"} {
		put(at(name), name)
	}
	put(filepath.Join(b.root, "root.txt"), "old")
	if err := os.Symlink("written", at("link")); err != nil {
		t.Fatal(err)
	}
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/volume", Type: "bind", Source: volume, Options: []string{"bind"}})
	b.write()
	cmd, out, errs := b.command("run", "--keep", "box")
	defer out.Close()
	defer errs.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the container is ready", func() bool { _, err := os.Stat(at("ready")); return err == nil })
	put(at("written"), "other")
	put(at("unseen"), "other")
	put(at("absent"), "")
	put(filepath.Join(b.root, "root.txt"), "another")
	for _, name := range []string{"listed/new", "unlisted/new"} {
		put(at(name), "")
	}
	for _, err := range []error{
		os.Rename(at("next"), at("replaced")), os.Remove(at("removed")), os.Chmod(at("mode"), 0o600),
		os.Remove(at("link")), os.Symlink("else", at("link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	put(at("go"), "")
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, %s", err, content(errs))
	}
	var changed []string
	for _, taint := range b.verdictOf("box").Taints {
		if path, ok := strings.CutSuffix(taint.Detail, " was changed from outside while the container ran"); !ok || taint.Kind != "changed" {
			t.Errorf("tainted by %+v", taint)
		} else if path != "/volume/go" { // which it may have looked for in vain
			changed = append(changed, path)
		}
	}
	want := []string{"/root.txt", "/volume/absent", "/volume/link", "/volume/listed", "/volume/mode", "/volume/removed", "/volume/replaced", "/volume/written"}
	if !slices.Equal(changed, want) {
		t.Errorf("changed: %v, not %v", changed, want)
	}
	b.ok("delete", "box")
}

// locker asks for a lock that its child has, and for one that somebody outside may have.
const locker = `#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
	int ends[2], again[2], f = open("/own", O_RDWR | O_CREAT, 0600);
	char c;
	pipe(ends);
	pipe(again);
	if (!fork()) {
		int mine = open("/own", O_RDWR);
		flock(mine, LOCK_EX);
		write(ends[1], "x", 1);
		read(again[0], &c, 1);
		return 0;
	}
	read(ends[0], &c, 1);
	printf("%d", flock(f, LOCK_EX | LOCK_NB));
	write(again[1], "x", 1);
	wait(0);
	printf(" %d\n", flock(open("/volume/file", O_RDWR), LOCK_EX | LOCK_NB));
	return 0;
}
`

// TestOCIDeterministicLock has a file be locked from outside, which taints; locks of a container's own do not.
func TestOCIDeterministicLock(t *testing.T) {
	for _, locked := range []bool{false, true} {
		b := deterministicBundle(t, "")
		b.compile("locker", locker)
		b.spec.Process.Args = []string{"/bin/locker"}
		volume := filepath.Join(b.dir, "volume")
		b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/volume", Type: "bind", Source: volume, Options: []string{"bind"}})
		b.write()
		if err := os.Mkdir(volume, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(volume, "file"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want, taint := "-1 0\n", ""
		if locked {
			want, taint = "-1 -1\n", "/volume/file is locked from outside"
			if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
				t.Fatal(err)
			}
		}
		if out := b.ok("run", "--keep", "box"); out != want {
			t.Errorf("locked %v: %q", locked, out)
		}
		found := ""
		for _, taint := range b.verdictOf("box").Taints {
			found += taint.Detail
		}
		if found != taint {
			t.Errorf("locked %v: tainted by %q", locked, found)
		}
		b.ok("delete", "box")
	}
}
