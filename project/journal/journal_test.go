package journal

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"laplace.dev/laplace/cachelayer/layer"
)

// tb is what tests and properties have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// host is a project on a host, whose clock goes on with everything that is done.
type host struct {
	now     int64
	files   map[string]*hostFile
	tracked map[string]bool
	ino     uint64
}

type hostFile struct {
	content      string
	mtime, ctime int64
	ino          uint64
}

func newHost(tracked ...string) *host {
	h := &host{now: 1_700_000_000e9, files: map[string]*hostFile{}, tracked: map[string]bool{}}
	for _, name := range tracked {
		h.tracked[name] = true
	}
	return h
}

// write writes a file, now.
func (h *host) write(name, content string) {
	h.now += 10e9
	f := h.files[name]
	if f == nil {
		h.ino++
		f = &hostFile{ino: h.ino}
		h.files[name] = f
	}
	f.content, f.mtime, f.ctime = content, h.now, h.now
}

func (h *host) touch(name string) { h.write(name, h.files[name].content) }

// restore puts something there with an old time, as cp -p and tar do.
func (h *host) restore(name string, old hostFile) {
	h.write(name, old.content)
	h.files[name].mtime = old.mtime
}

func digest(content string) Digest { return sha256.Sum256([]byte(content)) }

func (f *hostFile) stamp() layer.Stamp {
	return layer.Stamp{Mode: unix.S_IFREG | 0o644, Ino: f.ino, Size: int64(len(f.content)), Mtime: f.mtime, Ctime: f.ctime}
}

func (h *host) seen() (all []Seen) {
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		f := h.files[name]
		all = append(all, Seen{name, f.stamp(), digest(f.content), h.tracked[name]})
	}
	return all
}

// advance brings a journal up to date.
func (h *host) advance(t tb, j *Journal) How {
	t.Helper()
	before := j.Next
	seen := h.seen()
	how := j.Advance(seen, Clean(seen), h.now)
	for _, p := range j.Paths {
		if !p.Gone && p.Mtime >= j.Next {
			t.Fatalf("time %d given, the next one is %d", p.Mtime, j.Next)
		}
	}
	if before != 0 && j.Next < before {
		t.Fatalf("the next time went from %d to %d", before, j.Next)
	}
	var b bytes.Buffer
	if err := j.Write(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&b)
	if err != nil || !reflect.DeepEqual(j.Paths, again.Paths) {
		t.Fatalf("it is not what was written: %v", err)
	}
	return how
}

// make is a run of make in a box: out of each input, if that is later or out is not there.
// It returns what it has built.
func (h *host) make(t tb, j *Journal, rules [][2]string) (built []string) {
	t.Helper()
	h.advance(t, j)
	times := map[string]int64{}
	for name := range h.files {
		times[name], _ = j.Mtime(name)
	}
	at := j.Next
	var wrote []Wrote
	for _, r := range rules {
		if out, ok := times[r[1]]; ok && out >= times[r[0]] {
			continue
		}
		h.write(r[1], "made of "+h.files[r[0]].content)
		times[r[1]] = at
		built = append(built, r[1])
		wrote = append(wrote, Wrote{r[1], h.files[r[1]].stamp(), digest(h.files[r[1]].content), at})
		at += 1000
	}
	j.Commit(wrote, Run{j.Era, j.Next, at - 1})
	return built
}

// nativeMake is one on the host.
func (h *host) nativeMake(rules [][2]string) {
	for _, r := range rules {
		if out := h.files[r[1]]; out == nil || out.mtime < h.files[r[0]].mtime {
			h.write(r[1], "made of "+h.files[r[0]].content)
		}
	}
}

// right tells whether every output is made of what its input is now.
func (h *host) right(t tb, rules [][2]string) {
	t.Helper()
	for _, r := range rules {
		if out := h.files[r[1]]; out == nil || out.content != "made of "+h.files[r[0]].content {
			t.Fatalf("%s is %+v, %s is %q", r[1], out, r[0], h.files[r[0]].content)
		}
	}
}

var rules = [][2]string{{"a.c", "a.o"}, {"b.c", "b.o"}, {"config", "config.h"}, {"config.h", "prog"}}

// project is a project that a box has built.
func project(t tb, tracked ...string) (*host, *Journal) {
	h := newHost(tracked...)
	for _, name := range []string{"a.c", "b.c", "config"} {
		h.write(name, name)
	}
	j := &Journal{}
	h.make(t, j, rules)
	h.right(t, rules)
	return h, j
}

func TestRebuilt(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, h *host, j *Journal)
		want []string
	}{
		{"nothing", func(*testing.T, *host, *Journal) {}, nil},
		{"touch", func(t *testing.T, h *host, j *Journal) { h.touch("a.c"); h.touch("a.o") }, nil},
		{"edit", func(t *testing.T, h *host, j *Journal) { h.write("a.c", "new") }, []string{"a.o"}},
		{"edit, and touch of an output", func(t *testing.T, h *host, j *Journal) { h.write("a.c", "new"); h.touch("b.o") }, []string{"a.o"}},
		{"edit and back", func(t *testing.T, h *host, j *Journal) { h.write("a.c", "new"); h.write("a.c", "a.c") }, nil},
		{"edit, seen, and back", func(t *testing.T, h *host, j *Journal) {
			h.write("a.c", "new")
			h.advance(t, j)
			h.write("a.c", "a.c")
		}, nil},
		{"edit, built, and back", func(t *testing.T, h *host, j *Journal) {
			h.write("a.c", "new")
			h.make(t, j, rules)
			h.write("a.c", "a.c")
		}, []string{"a.o"}},
		{"deleted output", func(t *testing.T, h *host, j *Journal) { delete(h.files, "a.o") }, []string{"a.o"}},
		{"deleted and back", func(t *testing.T, h *host, j *Journal) {
			old := *h.files["a.c"]
			delete(h.files, "a.c")
			h.advance(t, j)
			h.write("a.c", old.content)
		}, nil},
		{"edited output", func(t *testing.T, h *host, j *Journal) { h.write("config.h", "mine") }, []string{"prog"}},
		{"native make", func(t *testing.T, h *host, j *Journal) { h.write("a.c", "new"); h.nativeMake(rules) }, []string{"a.o"}},
		{"native make of something else", func(t *testing.T, h *host, j *Journal) {
			h.write("a.c", "other")
			h.nativeMake(rules)
			h.write("a.c", "a.c")
		}, []string{"a.o"}},
		{"old output restored", func(t *testing.T, h *host, j *Journal) {
			h.restore("a.o", hostFile{content: "made of something old", mtime: 1_600_000_000e9})
		}, []string{"a.o", "b.o", "config.h", "prog"}},
	} {
		for _, tracked := range [][]string{nil, {"a.c", "b.c", "config"}} {
			t.Run(fmt.Sprintf("%s/%d tracked", test.name, len(tracked)), func(t *testing.T) {
				h, j := project(t, tracked...)
				test.do(t, h, j)
				if got := h.make(t, j, rules); !slices.Equal(got, test.want) {
					t.Errorf("built %q, want %q", got, test.want)
				}
				if got := h.make(t, j, rules); len(got) > 0 {
					t.Errorf("built %q again", got)
				}
			})
		}
	}
}

func TestFirst(t *testing.T) {
	h := newHost("a", "b")
	h.write("a", "1")
	h.write("b", "2")
	j := &Journal{}
	if how := h.advance(t, j); how != Flat {
		t.Errorf("a clean clone is %s", how)
	}
	if a, b := j.Paths["a"].Mtime, j.Paths["b"].Mtime; a != Start || b != Start || j.Next != First {
		t.Errorf("times %d, %d, then %d", a, b, j.Next)
	}
	h.write("c", "3")
	j = &Journal{}
	if how := h.advance(t, j); how != Ranked {
		t.Errorf("one with another file is %s", how)
	}
	if a, c := j.Paths["a"].Mtime, j.Paths["c"].Mtime; a != Start || c != Start+2*Step || j.Next != First {
		t.Errorf("times %d, %d, then %d", a, c, j.Next)
	}
}

// TestNeverStale does things to a little project, natively and in boxes: what a box has
// built is always what a clean build would be, and a second build has nothing to do.
func TestNeverStale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inputs := []string{"a.c", "b.c", "config"}
		h := newHost()
		for _, name := range inputs {
			h.write(name, "0")
			h.tracked[name] = rapid.Bool().Draw(t, "tracked")
		}
		j := &Journal{}
		backups := map[string]hostFile{}
		input := rapid.SampledFrom(inputs)
		outputs := rapid.SampledFrom([]string{"a.o", "b.o", "prog"})
		if rapid.Bool().Draw(t, "built natively before") {
			h.nativeMake(rules)
		}
		t.Repeat(map[string]func(*rapid.T){
			"edit":        func(t *rapid.T) { h.write(input.Draw(t, "file"), fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "content"))) },
			"touch":       func(t *rapid.T) { h.touch(input.Draw(t, "file")) },
			"native make": func(t *rapid.T) { h.nativeMake(rules) },
			"look":        func(t *rapid.T) { h.advance(t, j) },
			"delete": func(t *rapid.T) {
				delete(h.files, outputs.Draw(t, "file"))
			},
			"restore": func(t *rapid.T) {
				// Of two files that nobody has built, with times that somebody has set, it cannot be
				// known which is made of the other.
				for name := range backups {
					if p := j.Paths[name]; !slices.Contains(inputs, name) && (p == nil || !p.Box) {
						delete(backups, name)
					}
				}
				if len(backups) > 0 && j.Next != 0 { // a first run goes by the host's times
					name := rapid.SampledFrom(slices.Sorted(maps.Keys(backups))).Draw(t, "file")
					h.restore(name, backups[name])
				}
			},
			"back up": func(t *rapid.T) {
				name := rapid.SampledFrom(slices.Sorted(maps.Keys(h.files))).Draw(t, "file")
				backups[name] = *h.files[name]
			},
			"make": func(t *rapid.T) {
				h.make(t, j, rules)
				h.right(t, rules)
				if again := h.make(t, j, rules); len(again) > 0 {
					t.Fatalf("built %q again", again)
				}
			},
		})
	})
}

func FuzzRead(f *testing.F) {
	h, j := project(f)
	h.advance(f, j)
	var b bytes.Buffer
	if err := j.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if j, err := Read(bytes.NewReader(data)); err == nil {
			j.Advance(nil, false, 1)
		}
	})
}
