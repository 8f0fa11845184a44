package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reportOf is a report that a container has left.
func reportOf(t *testing.T, name string) (r struct {
	ID, Verdict, Error string
	Command            []string
	Exit, Conflicts    int
	All                []struct{ Path string } `json:"all_conflicts"`
}) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, text)
	}
	return r
}

// TestOCIDeterministicReport has reports written where the annotation says, or the file of defaults: as soon as run has returned.
func TestOCIDeterministicReport(t *testing.T) {
	b := newBundle(t)
	b.spec.Root.Readonly = false
	b.script("echo x > /made; exit 3")
	run := func(name string, args ...string) []byte {
		b.write()
		var first []byte
		for i := range 2 {
			if r := b.do(append(args, "run", "box")...); r.Exit != 3 {
				t.Fatalf("status %d: %s", r.Exit, r.Stderr)
			}
			rep := reportOf(t, name)
			if rep.ID != "box" || rep.Verdict != "deterministic" || rep.Exit != 3 || len(rep.Command) != 3 {
				t.Errorf("report %+v", rep)
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 && string(text) != string(first) {
				t.Errorf("first %s, then %s", first, text)
			}
			first = text
			os.Remove(filepath.Join(b.root, "made"))
		}
		return first
	}
	b.spec.Annotations = map[string]string{"dev.laplace.report": "report.json"}
	if err := os.WriteFile(filepath.Join(b.dir, "report.json"), []byte(strings.Repeat("old", 10000)), 0o644); err != nil {
		t.Fatal(err)
	}
	run(filepath.Join(b.dir, "report.json"))
	os.Mkdir(filepath.Join(b.dir, "reports"), 0o755)
	b.spec.Annotations = map[string]string{"dev.laplace.report": "reports/"}
	run(filepath.Join(b.dir, "reports/box.json"))

	elsewhere := t.TempDir()
	config := filepath.Join(b.dir, "laplace.toml")
	if err := os.WriteFile(config, []byte("report = \""+elsewhere+"/\"\non-conflict = \"fail\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.spec.Annotations = nil
	run(filepath.Join(elsewhere, "box.json"), "--config", config)

	// A bundle's author is not who runs it: reports of his go nowhere else, and not where the container can write.
	if err := os.Symlink(elsewhere, filepath.Join(b.dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(config, filepath.Join(b.dir, "hard")); err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string]string{
		elsewhere + "/x": "absolute paths are for /etc/laplace/config.toml", "../x": "not below the bundle", "a/../../x": "not below the bundle", ".": "not below the bundle",
		"": "no path", "rootfs/x": "in the container's root", "link/x": "too many levels of symbolic links", "link": "too many levels of symbolic links",
		"hard": "neither new nor a file of one name", "reports/../reports": "is a directory", "absent/x": "no such file",
	} {
		b.spec.Annotations = map[string]string{"dev.laplace.report": name}
		b.write()
		b.refused(1, words, "run", "box")
	}
	if _, err := os.Lstat(filepath.Join(elsewhere, "x")); err == nil {
		t.Error("a report was written outside of the bundle")
	}
}

// TestOCIDeterministicConflict has processes that race for a file: the verdict says so, or the container is ended.
func TestOCIDeterministicConflict(t *testing.T) {
	b := newBundle(t)
	b.spec.Root.Readonly = false
	b.script("for i in 1 2 3 4; do (echo $i > /raced) & done; wait; sleep 0.1; echo end")
	for range 2 {
		for how, exit := range map[string]int{"": 0, "taint": 0, "fail": 137} {
			b.spec.Annotations = map[string]string{"dev.laplace.report": "report.json"}
			if how != "" {
				b.spec.Annotations["dev.laplace.on-conflict"] = how
			}
			b.write()
			if r := b.do("run", "box"); r.Exit != exit || (exit == 0) != (r.Stdout == "end\n") {
				t.Errorf("%s: status %d, %q, %s", how, r.Exit, r.Stdout, r.Stderr)
			}
			r := reportOf(t, filepath.Join(b.dir, "report.json"))
			if r.Verdict != "tainted" || r.Conflicts == 0 || len(r.All) == 0 || r.All[0].Path != "/raced" || r.Exit != exit {
				t.Errorf("%s: %+v", how, r)
			}
			if want := "the order of accesses was left to chance: name of /raced"; how == "fail" && r.Error != want {
				t.Errorf("it was ended because of %q", r.Error)
			}
			os.Remove(filepath.Join(b.root, "raced"))
		}
	}
	for annotation, words := range map[string]string{
		"on-conflict=order": "a container is not run again", "on-conflict=never": "neither taint nor fail", "network=host": "not for deterministic containers",
		"epoch=soon": "not a number", "cpus=0": "cpus 0",
	} {
		name, value, _ := strings.Cut(annotation, "=")
		b.spec.Annotations = map[string]string{"dev.laplace." + name: value}
		b.write()
		b.refused(1, words, "create", "box")
	}
}
