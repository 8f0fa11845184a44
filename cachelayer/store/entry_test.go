package store

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

func TestEntries(t *testing.T) {
	dir, clock := t.TempDir(), &ticker{}
	s := opened(t, dir, Options{Now: clock.now})
	key := digest("key")
	if all, err := s.Entries(key); err != nil || len(all) != 0 {
		t.Errorf("entries of nothing: %v, %v", all, err)
	}
	var names []Digest
	for i := range MaxEntries + 3 {
		name, err := s.Add(key, Entry{Contents: []Digest{digest("x"), digest(fmt.Sprint(i))}, Body: []byte(fmt.Sprint("body", i))})
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	all, err := s.Entries(key)
	if err != nil || len(all) != MaxEntries {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	for i, f := range all {
		if want := names[len(names)-1-i]; f.Name != want {
			t.Errorf("entry %d is not the one that was added %d before the last", i, i)
		}
	}
	e, err := s.Load(key, names[5])
	if err != nil || string(e.Body) != "body5" || len(e.Contents) != 2 || e.Contents[1] != digest("5") {
		t.Errorf("entry 5 is %q, %v", e.Body, err)
	}
	if _, err := s.Load(key, names[0]); !errors.Is(err, ErrMissing) {
		t.Errorf("the oldest entry: %v", err)
	}
	// Another session's use makes it the one that is looked at first.
	later := opened(t, dir, Options{Now: clock.now})
	if _, err := later.Load(key, names[5]); err != nil {
		t.Error(err)
	}
	if all, _ := later.Entries(key); all[0].Name != names[5] {
		t.Error("the entry that was used last is not the first")
	}
	if err := s.Remove(key, names[5]); err != nil {
		t.Error(err)
	}
	if err := s.Remove(key, names[5]); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	if _, err := s.Load(key, names[5]); !errors.Is(err, ErrMissing) {
		t.Errorf("a removed entry: %v", err)
	}
}

// TestStaged has entries that are found when they are committed, and never when they are not.
func TestStaged(t *testing.T) {
	dir, clock := t.TempDir(), &ticker{}
	s := opened(t, dir, Options{Now: clock.now})
	keys := []Digest{digest("one"), digest("two")}
	var staged []*Staged
	for _, key := range keys {
		st, err := s.Stage(key, Entry{Body: []byte("body")})
		if err != nil {
			t.Fatal(err)
		}
		staged = append(staged, st)
		if all, err := s.Entries(key); err != nil || len(all) != 0 {
			t.Errorf("found before it is committed: %v, %v", all, err)
		}
	}
	if _, err := opened(t, dir, Options{Now: clock.now}).GC(0); err != nil { // of somebody else's, meanwhile
		t.Fatal(err)
	}
	name, err := staged[0].Commit()
	if err != nil {
		t.Fatal(err)
	}
	if e, err := s.Load(keys[0], name); err != nil || string(e.Body) != "body" {
		t.Errorf("committed: %q, %v", e.Body, err)
	}
	staged[1].Discard()
	if all, err := s.Entries(keys[1]); err != nil || len(all) != 0 {
		t.Errorf("found although it was thrown away: %v, %v", all, err)
	}
	if left, err := os.ReadDir(s.path("tmp")); err != nil || len(left) > 0 {
		t.Errorf("%d temporary files are left, %v", len(left), err)
	}
}
