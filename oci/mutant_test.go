package oci

import (
	"errors"
	"math/rand"
	"os"
	"strings"
	"testing"

	"laplace.dev/laplace/integration/mutants"
)

// FuzzMutants is FuzzLoad of documents that are almost right, and what comes after: settings,
// and what the host can do.
func FuzzMutants(f *testing.F) {
	full, err := os.ReadFile("testdata/full.json")
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	for seed := range int64(300) {
		f.Add(seed, uint8(seed%5))
	}
	f.Fuzz(func(t *testing.T, seed int64, changes uint8) {
		m := mutants.Mutator{Choose: rand.New(rand.NewSource(seed)).Intn}
		text, err := m.Mutate(full, int(changes%32))
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseSpec(ConfigName, text, quiet)
		if err != nil {
			oneLine(t, err)
			return
		}
		if err := Validate(s, quiet); err != nil {
			t.Fatalf("valid, and not: %v", err)
		}
		for _, err := range []error{CheckHost(dir, s), ValidateRootless(s), s2(ParseMode(s.Annotations)), s2(ParseSettings(s.Annotations)), CheckContainer(s.Annotations, s.Annotations)} {
			if err != nil {
				oneLine(t, err)
			}
		}
		for _, mount := range s.Mounts {
			ParseMountOptions(mount.Options)
		}
	})
}

func s2[T any](_ T, err error) error { return err }

// oneLine checks that an error is one that people can read, and a DocumentError where it is
// about a document.
func oneLine(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if strings.ContainsAny(text, "\n\x00") || len(text) > 4096 {
		t.Errorf("an error of %d bytes: %.300q", len(text), text)
	}
	var doc *DocumentError
	if errors.As(err, &doc) && doc.Path == "" && doc.Line == 0 {
		t.Errorf("an error about nothing: %s", text)
	}
}
