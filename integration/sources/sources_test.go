package sources

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCheck fails if a damaged tarball would be taken for the real one.
func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tarball")
	s := Source{Tarball: "tarball", SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if err := s.check(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no tarball: error %v", err)
	}
	for text, good := range map[string]bool{"abc": true, "abd": false, "": false} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := s.check(path); (err == nil) != good {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
