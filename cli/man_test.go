package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMan checks that every command has a manual page, and that they are the same each time.
func TestMan(t *testing.T) {
	var first map[string]string
	for range 2 {
		dir := filepath.Join(t.TempDir(), "man1")
		c := &Caller{Stdout: os.Stdout, Stderr: os.Stderr}
		cmd := root(c)
		cmd.SetArgs([]string{"man", dir})
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		pages := make(map[string]string)
		names, err := filepath.Glob(dir + "/*.1")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			pages[filepath.Base(name)] = string(b)
		}
		for _, verb := range root(c).Commands() {
			if page := "laplace-" + verb.Name() + ".1"; !verb.Hidden && pages[page] == "" && verb.Name() != "help" {
				t.Errorf("no page %s", page)
			}
		}
		if !strings.Contains(pages["laplace-do.1"], "on-conflict") {
			t.Errorf("laplace-do.1 does not tell of its flags: %.300s", pages["laplace-do.1"])
		}
		if first == nil {
			first = pages
			continue
		}
		for name, text := range pages {
			if first[name] != text {
				t.Errorf("%s differs from run to run", name)
			}
		}
	}
}
