package runtime

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"laplace.dev/laplace/project"
)

func leaseHolder(state string, pid int, reads ...string) *supervisor {
	return &supervisor{box: &Box{State: state, Reads: reads}, who: project.Who{PID: pid, Command: "laplace"}}
}

// TestLeases checks that who reads learns of who commits, whichever of the two came first.
func TestLeases(t *testing.T) {
	state := t.TempDir()
	reader := leaseHolder(state, 10, "/a", "/b/c")
	bystander := leaseHolder(state, 11, "/ab", "/c")
	for _, s := range []*supervisor{reader, bystander} {
		if err := s.leaseReads(); err != nil {
			t.Fatal(err)
		}
	}
	writer := leaseHolder(state, 12)
	done, err := writer.leaseCommit([]string{"/b", "/d"})
	if err != nil {
		t.Fatal(err)
	}
	late := leaseHolder(state, 13, "/x", "/d/e")
	if err := late.leaseReads(); err != nil {
		t.Fatal(err)
	}
	done()
	after := leaseHolder(state, 14, "/d")
	if err := after.leaseReads(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		s    *supervisor
		want []Taint
	}{
		{reader, []Taint{{Kind: TaintLease, Detail: "/b/c was changed by process 12 (laplace) while process 10 (laplace) read it"}}},
		{bystander, nil},
		{late, []Taint{{Kind: TaintLease, Detail: "/d/e was changed by process 12 (laplace) while process 13 (laplace) read it"}}},
		{after, nil},
	} {
		if got := test.s.endReads(); !slices.Equal(got, test.want) {
			t.Errorf("process %d: %+v", test.s.who.PID, got)
		}
	}
	if len(writer.met) != 1 {
		t.Errorf("the writer met %q", writer.met)
	}
	if left, err := os.ReadDir(leasesDir(state)); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}

// TestLeaseLeft checks that what a killed process has left means nothing, and goes.
func TestLeaseLeft(t *testing.T) {
	state := t.TempDir()
	if err := os.MkdirAll(leasesDir(state), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{leaseRead, leaseCommit} {
		if err := os.WriteFile(filepath.Join(leasesDir(state), kind+"dead"), []byte("1 x\x00/a\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := leaseHolder(state, 10, "/a")
	if err := s.leaseReads(); err != nil {
		t.Fatal(err)
	}
	if got := s.endReads(); got != nil {
		t.Errorf("%+v", got)
	}
	done, err := s.leaseCommit([]string{"/a"})
	if err != nil {
		t.Fatal(err)
	}
	done()
	if left, err := os.ReadDir(leasesDir(state)); err != nil || len(left) > 0 || s.met != nil {
		t.Errorf("%v, %v are left, met %q", left, err, s.met)
	}
}
