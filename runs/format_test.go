package runs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"laplace.dev/laplace/conflict"
)

// parse reads all of a file.
func parse(file []byte) (*conflict.Run, *File, error) {
	f, err := Parse(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, nil, err
	}
	r, err := f.Run()
	return r, f, err
}

// sample is a small run in which nothing is zero.
func sample() *conflict.Run {
	side := func(n int) conflict.Side {
		return conflict.Side{Exec: n, PID: 300 + n, Task: "0.1", Argv: []string{"sh", "-c", "echo"}, Cwd: "/p", Call: "openat", B: 7, Does: "change"}
	}
	d := func(n byte) conflict.Digest { return sha256.Sum256([]byte{n}) }
	return &conflict.Run{
		Host: conflict.Host{ID: "20200101-000000000-abc", Started: 1577836800000, Wall: 12, Attempts: 1, Project: "/home/u/p"},
		Summary: conflict.Summary{Command: []string{"make", "-j4"}, Cwd: "/p", Verdict: "tainted",
			Taints: []conflict.Taint{{Kind: "conflict", Detail: "content, /p/x", Exec: "/bin/sh"}}, Exit: 2, Total: 9, Ticks: 77,
			Tree: d(9).String(), Stdout: d(8).String(), Stderr: d(7).String()},
		Conflicts: []conflict.Conflict{{Class: conflict.ClassContent, Path: "/p/x", First: side(0), Second: side(1), Ordered: true, Count: 3}},
		Execs: []conflict.Record{{
			Parent: -1, PID: 300, Task: "", Argv: []string{"make", "-j4"}, Env: []string{"PATH=/bin", "A=\xff"}, Cwd: "/p", Executable: "/usr/bin/make",
			Digest: d(1), Seed: d(2),
			Inputs: []conflict.Input{{Path: "/p/Makefile", Kind: conflict.SawContent, Digest: d(3)}, {Path: "/p/none", Kind: conflict.SawNothing, Errno: 2},
				{Path: "/p/other", Kind: conflict.SawMetadata, Digest: d(3)}},
			Outputs:  []conflict.Output{{Path: "/p/out", Mode: 0o100644, Digest: d(4), Mtime: -5, From: "/p/tmp", Owner: 1000, Group: 5, Ino: 1 << 40, Xattrs: d(6)}, {Path: "/p/gone", Gone: true}},
			Streams:  []conflict.Stream{{FD: 1, Bytes: 10, Digest: d(5)}},
			Children: []conflict.Child{{Exec: 1, Key: d(6), N: 2}},
			FDs:      []conflict.FD{{Number: 0, Kind: "null", Flags: 2, Path: "/dev/null"}},
			Observed: conflict.Observed{Clock: true, Random: true, Stdin: d(7)}, Status: 0x200, Cut: true,
			Start: conflict.ClockRead{B: 1, World: 2, Over: 3, Known: 4, Ticks: 5}, End: conflict.ClockRead{B: 6, World: -7, Over: 8, Known: 9, Ticks: 10},
		}},
	}
}

// runOf draws any run.
func runOf() *rapid.Generator[*conflict.Run] {
	return rapid.Custom(func(t *rapid.T) *conflict.Run {
		r := rapid.Make[*conflict.Run]().Filter(func(r *conflict.Run) bool { return r != nil }).Draw(t, "run")
		r.ID = rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,63}`).Draw(t, "id")
		return r
	})
}

func TestRoundTrip(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, r *conflict.Run) {
		file, digest := Encode(r)
		got, f, err := parse(file)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		if f.Digest != digest || f.Conflicts != len(r.Conflicts) || f.Execs != len(r.Execs) || f.ID != r.ID {
			t.Fatalf("head %+v, digest %v", f.Head, digest)
		}
		if again, _ := Encode(got); !bytes.Equal(again, file) {
			t.Fatalf("another file of the same run")
		}
	}
	check(t, sample())
	check(t, &conflict.Run{Host: conflict.Host{ID: "a"}})
	rapid.Check(t, func(t *rapid.T) { check(t, runOf().Draw(t, "run")) })
}

// Nothing of a run that was read is nil: its JSON has no null.
func TestNothingIsNil(t *testing.T) {
	file, _ := Encode(&conflict.Run{Host: conflict.Host{ID: "a"}, Execs: make([]conflict.Record, 1), Conflicts: make([]conflict.Conflict, 1)})
	r, _, err := parse(file)
	if err != nil {
		t.Fatal(err)
	}
	e, c := r.Execs[0], r.Conflicts[0]
	if r.Command == nil || r.Taints == nil || e.Argv == nil || e.Env == nil || e.Inputs == nil || e.Outputs == nil || e.Streams == nil ||
		e.Children == nil || e.FDs == nil || c.First.Argv == nil || c.Second.Argv == nil {
		t.Errorf("%#v", r)
	}
}

// The digest is that of everything but the host's part and the conflicts.
func TestDigest(t *testing.T) {
	r := sample()
	file, digest := Encode(r)
	r.Host = conflict.Host{ID: "b", Started: 1, Wall: 2, Attempts: 3, Project: "/elsewhere"}
	r.Conflicts = nil
	other, same := Encode(r)
	if same != digest {
		t.Error("the host's part, or the conflicts, are in the digest")
	}
	if a, b := len(file), len(other); bytes.Equal(file[a-100:], other[b-100:]) != true {
		t.Error("the host's part is in the execs")
	}
	for name, change := range map[string]func(*conflict.Run){
		"exit": func(r *conflict.Run) { r.Exit++ },
		"exec": func(r *conflict.Run) { r.Execs[0].End.Ticks++ },
	} {
		r := sample()
		change(r)
		if _, d := Encode(r); d == digest {
			t.Errorf("%s is not in the digest", name)
		}
	}
}

// A file in which one byte is another is never read as if nothing were.
func TestDamaged(t *testing.T) {
	file, _ := Encode(sample())
	for i := range file {
		bad := slices.Clone(file)
		bad[i] ^= 0x15
		_, _, err := parse(bad)
		want := ErrDamaged
		switch {
		case i < len(magic):
			want = ErrNotRun
		case i < len(magic)+4:
			want = ErrVersion
		}
		if !errors.Is(err, want) {
			t.Errorf("byte %d: %v, want %v", i, err, want)
		}
	}
	if _, _, err := parse(append(slices.Clone(file), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte more: %v", err)
	}
	// Damaged execs do not matter to the conflicts.
	file[len(file)-1] ^= 1
	f, err := Parse(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := f.ReadConflicts(); err != nil || len(list) != 1 {
		t.Errorf("conflicts: %v, %v", list, err)
	}
	if _, err := f.ReadExecs(); !errors.Is(err, ErrDamaged) {
		t.Errorf("execs: %v", err)
	}
}

func TestTruncated(t *testing.T) {
	file, _ := Encode(sample())
	for n := range file {
		if _, _, err := parse(file[:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	// Cut off since it was opened.
	f, err := Parse(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	f.from = bytes.NewReader(file[:len(file)-1])
	if _, err := f.Run(); !errors.Is(err, ErrTruncated) {
		t.Errorf("cut off meanwhile: %v", err)
	}
	for _, text := range []string{"l\n", "#!/bin/sh\nexit", "laplrun 1"} {
		if _, _, err := parse([]byte(text)); !errors.Is(err, ErrNotRun) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestVersion(t *testing.T) {
	file, _ := Encode(sample())
	for v, want := range map[uint32]error{0: ErrVersion, Version - 1: ErrVersion, Version + 1: ErrVersion, 1 << 31: ErrVersion} {
		// Another version may have another header.
		b := binary.LittleEndian.AppendUint32([]byte(magic), v)
		for _, b := range [][]byte{b, append(b, file[12:]...)} {
			if _, _, err := parse(b); !errors.Is(err, want) {
				t.Errorf("version %d: %v", v, err)
			}
		}
	}
}

// What has the right digests is still not believed.
func TestHostile(t *testing.T) {
	host, many := encodeHost(&conflict.Run{Host: conflict.Host{ID: "a"}}), []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	for name, bodies := range map[string][sections][]byte{
		"nothing":            {},
		"no ID":              {encodeHost(&conflict.Run{})},
		"ID is a path":       {encodeHost(&conflict.Run{Host: conflict.Host{ID: "../x"}})},
		"many strings":       {host, nil, many},
		"shared with none":   {host, nil, {1, 9, 1, 'x', 0, 0, 0}},
		"reference":          {host, nil, {0, 0, 0, 0, 5}},
		"many conflicts":     {append(slices.Clone(host[:len(host)-1]), many[:5]...), {0, 0, 0, 0}, encodeSummary(&conflict.Run{}), {0, 0, 0, 0}},
		"after the end":      {append(slices.Clone(host), 0)},
		"number is too long": {bytes.Repeat([]byte{0xff}, 20)},
	} {
		file, _ := seal(bodies)
		if _, _, err := parse(file); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse gives Parse files, and files whose digests are right of four arbitrary sections.
func FuzzParse(f *testing.F) {
	file, _ := Encode(sample())
	f.Add(file, []byte(nil), []byte(nil), []byte(nil))
	r := sample()
	f.Add(encodeHost(r), encodeConflicts(r.Conflicts), encodeSummary(r), encodeExecs(r.Execs))
	long := bytes.Repeat([]byte("x"), 255)
	f.Add(encodeHost(r), append(append([]byte{40, 0, 255, 1}, long...), bytes.Repeat([]byte{255, 0}, 39)...), []byte{}, bytes.Repeat([]byte{0}, 99))
	f.Fuzz(func(t *testing.T, a, b, c, d []byte) {
		sealed, _ := seal([sections][]byte{a, b, c, d})
		for _, file := range [][]byte{a, sealed} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, _, err := parse(file)
			runtime.ReadMemStats(&after)
			if got, most := after.TotalAlloc-before.TotalAlloc, uint64(2*maxGrowth*len(file)+1<<16); got > most {
				t.Errorf("%d bytes took %d", len(file), got)
			}
			if err != nil {
				if r != nil {
					t.Errorf("a run and an error: %v", err)
				}
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrNotRun) && !errors.Is(err, ErrVersion) {
					t.Errorf("an error of another kind: %v", err)
				}
				continue
			}
			// What can be read can be written.
			again, _ := Encode(r)
			if r2, _, err := parse(again); err != nil || !cmp.Equal(r, r2) {
				t.Errorf("read, written and read again: %v", err)
			}
		}
	})
}

func TestReadFails(t *testing.T) {
	if _, err := Parse(failing{}, 1000); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }

// build is a run like that of a build of n programs with m inputs each.
func build(n, m int) *conflict.Run {
	r := sample()
	r.Execs = nil
	var inputs []conflict.Input
	for i := range 5 * m {
		in := conflict.Input{Path: fmt.Sprintf("/usr/include/x86_64-linux-gnu/bits/part-%d/header-%d.h", i/50, i), Kind: conflict.Kind(i % 5)}
		in.Digest = sha256.Sum256([]byte(in.Path))
		if i%7 == 0 {
			in.Kind, in.Digest, in.Errno = conflict.SawNothing, conflict.Digest{}, 2
		}
		inputs = append(inputs, in)
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/user", "LANG=C.UTF-8", "MAKELEVEL=1", "TZ=UTC"}
	for i := range n {
		name := fmt.Sprintf("src/dir-%d/unit-%d", i/100, i)
		e := sample()
		x := e.Execs[0]
		x.Parent, x.PID, x.Task = i/3-1, 300+i, fmt.Sprintf("0.%d.%d", i/50, i%50)
		x.Argv = []string{"gcc", "-O2", "-Wall", "-c", name + ".c", "-o", name + ".o"}
		x.Env = append(slices.Clone(env), fmt.Sprintf("_=%d", i))
		x.Seed = sha256.Sum256([]byte(name))
		at := (i * 37) % (4 * m)
		x.Inputs = append(slices.Clone(inputs[at:at+m-1]), conflict.Input{Path: "/p/" + name + ".c", Digest: sha256.Sum256([]byte(name + ".c"))})
		x.Outputs = []conflict.Output{{Path: "/p/" + name + ".o", Mode: 0o100644, Digest: sha256.Sum256([]byte(name + ".o")), Mtime: int64(i)}}
		r.Execs = append(r.Execs, x)
	}
	return r
}

// The record of a large build is a few megabytes.
func TestSize(t *testing.T) {
	r := build(3000, 200)
	file, _ := Encode(r)
	t.Logf("%d bytes", len(file))
	if len(file) > 4<<20 {
		t.Errorf("%d bytes", len(file))
	}
}

func BenchmarkEncode(b *testing.B) {
	r := build(3000, 200)
	for b.Loop() {
		Encode(r)
	}
}

func BenchmarkParse(b *testing.B) {
	file, _ := Encode(build(3000, 200))
	for b.Loop() {
		if _, _, err := parse(file); err != nil {
			b.Fatal(err)
		}
	}
}
