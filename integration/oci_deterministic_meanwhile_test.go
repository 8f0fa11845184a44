package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
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
		} else {
			changed = append(changed, path)
		}
	}
	want := []string{"/root.txt", "/volume/absent", "/volume/go", "/volume/link", "/volume/listed", "/volume/mode", "/volume/removed", "/volume/replaced", "/volume/written"}
	if !slices.Equal(changed, want) {
		t.Errorf("changed: %v, not %v", changed, want)
	}
	b.ok("delete", "box")
}
