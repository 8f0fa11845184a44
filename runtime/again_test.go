package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/oci"
)

// races are conflicts about paths; "" is one about a process id.
func races(paths ...string) (list []conflict.Conflict) {
	for _, p := range paths {
		class := conflict.ClassContent
		if p == "" {
			class = conflict.ClassPid
		}
		list = append(list, conflict.Conflict{Class: class, Path: p, First: conflict.Side{Argv: []string{"a"}}, Second: conflict.Side{Task: "0"}})
	}
	return list
}

func TestNextAttempt(t *testing.T) {
	many := make([]string, maxOrdered)
	for i := range many {
		many[i] = fmt.Sprintf("/%04d", i)
	}
	for name, test := range map[string]struct {
		after     attempt
		found     []conflict.Conflict
		overtaken bool
		ordered   []string
		serial    bool
		ends      bool
	}{
		"the first conflicts": {after: attempt{N: 1}, found: races("/p/b", "/p/a", "/p/b"), ordered: []string{"/p/a", "/p/b"}},
		"new ones":            {after: attempt{N: 2, Ordered: []string{"/p/b"}}, found: races("/p/a", "/p/c"), ordered: []string{"/p/a", "/p/b", "/p/c"}},
		"the last new ones":   {after: attempt{N: 4, Ordered: []string{"/p/b"}}, found: races("/p/c"), ordered: []string{"/p/b", "/p/c"}},
		"once too often":      {after: attempt{N: 5, Ordered: []string{"/p/b"}}, found: races("/p/c"), serial: true},
		"the same again":      {after: attempt{N: 2, Ordered: []string{"/p/b"}}, found: races("/p/b"), serial: true},
		"not about a file":    {after: attempt{N: 1}, found: races("/p/b", ""), serial: true},
		"somebody overtaken":  {after: attempt{N: 1, Ordered: []string{"/p/b"}}, overtaken: true, ordered: []string{"/p/b"}, serial: true},
		"both":                {after: attempt{N: 1, Ordered: []string{"/p/b"}}, found: races("/p/a"), overtaken: true, ordered: []string{"/p/a", "/p/b"}, serial: true},
		"overtaken all alone": {after: attempt{N: 2, Serial: true}, overtaken: true, ends: true},
		"too many":            {after: attempt{N: 2, Ordered: many}, found: races("/p/c"), serial: true},
		"in spite of all":     {after: attempt{N: 3, Serial: true}, found: races("/p/c"), ends: true},
	} {
		before := slices.Clone(test.after.Ordered)
		n, ok := test.after.next(test.found, test.overtaken)
		if ok == test.ends || n.Serial != test.serial || n.Chance != (test.overtaken && ok) || !slices.Equal(n.Ordered, test.ordered) {
			t.Errorf("%s: %v, %+v", name, ok, n)
		}
		if ok && n.N != test.after.N+1 {
			t.Errorf("%s: attempt %d after %d", name, n.N, test.after.N)
		}
		if !slices.Equal(before, test.after.Ordered) {
			t.Errorf("%s: the attempt before has changed", name)
		}
	}
}

// TestAttemptsEnd checks that a box is not run for ever, whatever comes up.
func TestAttemptsEnd(t *testing.T) {
	a, ok := attempt{N: 1}, true
	for ok {
		var n attempt
		if n, ok = a.next(races(fmt.Sprintf("/p/%d", a.N)), false); ok {
			a = n
		}
		if a.N > maxAttempts+1 {
			t.Fatalf("attempt %d", a.N)
		}
	}
	if !a.Serial || a.N != maxAttempts+1 || len(a.Found) != maxAttempts {
		t.Errorf("the last attempt is %+v", a)
	}
}

func TestUnresolved(t *testing.T) {
	all := races("/a", "/b", "/c")
	all[0].Ordered, all[1].Ordered = true, true
	if got := unresolved(all); len(got) != 1 || got[0].Path != "/c" {
		t.Errorf("%+v", got)
	}
}

func TestMergeConflicts(t *testing.T) {
	now := races("/b")
	now[0].Count = 7
	got := mergeConflicts(races("/c", "/b", "/a"), now)
	want := races("/a", "/b", "/c")
	want[0].Ordered, want[2].Ordered, want[1].Count = true, true, 7
	for _, c := range []*conflict.Conflict{&want[0], &want[2]} {
		c.First.Exec, c.Second.Exec = -1, -1 // of another attempt
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if now[0].Ordered {
		t.Error("what was merged has changed")
	}
}

func TestConflictTaints(t *testing.T) {
	got := conflictTaints(races("/a", "/b", "/c", "/d", "/e", "/f", "/g"), "it has a terminal")
	if len(got) != maxConflictTaints+1 || got[5].Detail != "2 more; not ordered: it has a terminal" {
		t.Errorf("%+v", got)
	}
	if want := `content of /a, between "a" (process 0) and "" (process 0); not ordered: it has a terminal`; got[0].Detail != want || got[0].Kind != TaintConflict {
		t.Errorf("%+v", got[0])
	}
	if len(conflictTaints(nil, "it has a terminal")) > 0 {
		t.Error("taints without conflicts")
	}
}

// TestHeard checks that what came through a pipe comes again, and then the rest.
func TestHeard(t *testing.T) {
	f, err := nameless(t.TempDir(), "input")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, test := range []struct{ before, more string }{{"", "ab"}, {"ab", "cd"}, {"abcd", ""}, {"abcd", "e"}} {
		h, err := openHeard(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(h); string(got) != test.before || err != nil {
			t.Errorf("%d: %q, %v", i, got, err)
		}
		h.add([]byte(test.more))
	}
	h, err := openHeard(f)
	if err != nil {
		t.Fatal(err)
	}
	h.max = 6
	if h.add([]byte("f")); h.lost {
		t.Error("lost what fits")
	}
	if h.add([]byte("g")); !h.lost {
		t.Error("kept more than the bound")
	}
	if fi, err := f.Stat(); err != nil || fi.Size() != 0 {
		t.Errorf("%d bytes are left, %v", fi.Size(), err)
	}
}

// TestOutlet checks what a second run passes on of its output, whatever its pieces.
func TestOutlet(t *testing.T) {
	type piece struct {
		stream int
		text   string
	}
	first := []piece{{1, "abc"}, {2, "de"}, {1, "f"}}
	for name, test := range map[string]struct {
		second []piece
		rest   string
		fails  bool
	}{
		"the same":          {second: first},
		"in other pieces":   {second: []piece{{1, "a"}, {1, ""}, {1, "bc"}, {2, "d"}, {2, "e"}, {1, "f"}}},
		"more":              {second: []piece{{1, "abc"}, {2, "de"}, {1, "fgh"}, {2, "i"}}, rest: "ghi"},
		"less":              {second: []piece{{1, "abc"}, {2, "d"}}, fails: true},
		"something else":    {second: []piece{{1, "abc"}, {2, "dx"}, {1, "f"}}, fails: true},
		"in another order":  {second: []piece{{1, "abcf"}, {2, "de"}}, fails: true},
		"by another stream": {second: []piece{{1, "abcd"}, {2, "e"}, {1, "f"}}, fails: true},
	} {
		one, _ := written(t)
		both := [2]*os.File{one, one}
		o := outletsOf(both, [2]released{})
		if o[0] != o[1] {
			t.Fatal("one file has two outlets")
		}
		passed := ""
		for _, p := range first {
			rest, err := o[0].write(p.stream, []byte(p.text))
			if err != nil {
				t.Fatal(err)
			}
			passed += string(rest)
		}
		if passed != "abcdef" {
			t.Errorf("the first run passed %q on", passed)
		}
		again := outletsOf(both, [2]released{{N: o[0].n, Sum: o[0].sum()}})[0]
		rest := ""
		for _, p := range test.second {
			b, _ := again.write(p.stream, []byte(p.text))
			rest += string(b)
		}
		err := again.end()
		if e, ok := errors.AsType[*Error](err); (err != nil) != test.fails || err != nil && (!ok || e.Exit != ExitConflict) {
			t.Errorf("%s: %v", name, err)
		}
		if rest != test.rest {
			t.Errorf("%s: passed %q on", name, rest)
		}
	}
	a, _ := written(t)
	b, _ := written(t)
	if o := outletsOf([2]*os.File{a, b}, [2]released{}); o[0] == o[1] {
		t.Error("two files have one outlet")
	}
}

// TestStreamsAgain checks that what a run has passed on, because of --stream or a full
// spool, counts as released, and what is kept does not.
func TestStreamsAgain(t *testing.T) {
	both, text := written(t)
	for _, kept := range []bool{true, false} {
		st := testStreams(t, both)
		st.spool, st.kept = testSpool(t), [2]bool{kept, kept}
		if err := st.write(2, "", []byte("ab")); err != nil {
			t.Fatal(err)
		}
		r := st.released()
		if (r[0].N == 2) == kept || r[1].N != 0 {
			t.Errorf("kept %v: released %d and %d bytes", kept, r[0].N, r[1].N)
		}
		again := testStreams(t, both)
		again.outlets = outletsOf(again.out, r)
		if err := again.write(2, "", []byte("abc")); err != nil {
			t.Error(err)
		}
		if err := again.whole(); err != nil {
			t.Error(err)
		}
		if r = again.released(); r[0].N != 3 {
			t.Errorf("then %d", r[0].N)
		}
	}
	if text() != "abcabc" {
		t.Errorf("%q", text())
	}
}

func commandBox(t *testing.T, args ...string) *Box {
	t.Helper()
	b := &Box{State: t.TempDir(), Project: "/p"}
	b.Spec = &specs.Spec{Process: &specs.Process{Args: args, Cwd: "/p"}, Annotations: oci.DefaultSettings().Annotations()}
	return b
}

func TestRemember(t *testing.T) {
	box := commandBox(t, "make", "-j4")
	path := filepath.Join(orderedDir(box.State), orderedName(box))
	log := slog.New(slog.DiscardHandler)
	if a := recall(box); !gocmp.Equal(a, attempt{N: 1}) {
		t.Errorf("before: %+v", a)
	}
	for _, want := range []attempt{{N: 1, Ordered: []string{"/p/a", "/p/b c\n"}}, {N: 1, Serial: true}, {N: 1, Ordered: []string{"/p"}}} {
		remember(box, &want, log)
		if a := recall(box); !gocmp.Equal(a, want) {
			t.Errorf("%+v, want %+v", a, want)
		}
	}
	for _, other := range []*Box{commandBox(t, "make", "-j5"), commandBox(t, "make -j4")} {
		other.State = box.State
		if a := recall(other); a.Ordered != nil {
			t.Errorf("another command: %+v", a)
		}
	}
	for _, damaged := range []string{"", "p/a", "/p/a\x00", "/p/a\x00/p/../b", "/\x00serial", strings.Repeat("/a\x00", maxOrdered*2) + "/b",
		"/" + strings.Repeat("x", maxOrderedSize)} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if a := recall(box); len(a.Ordered) > 2 || a.Serial || damaged == "" && a.Ordered != nil {
			t.Errorf("damaged %.20q: %d paths", damaged, len(a.Ordered))
		}
	}
	clean, raced := &Report{}, &Report{Conflicts: races("/p/a")}
	one, both := &attempt{N: 1, Ordered: []string{"/p/a"}}, &attempt{N: 2, Ordered: []string{"/p/a", "/p/b"}}
	for _, test := range []struct {
		known, last *attempt
		r           *Report
		want        []string
	}{
		{&attempt{N: 1}, one, raced, one.Ordered},
		{one, one, raced, one.Ordered},
		{one, both, raced, both.Ordered},
		{both, &attempt{N: 2, Ordered: both.Ordered, Serial: true, Chance: true}, raced, both.Ordered},
		{one, &attempt{N: 2, Ordered: both.Ordered, Serial: true, Chance: true}, raced, both.Ordered},
		{both, both, clean, nil},
		{&attempt{N: 1}, &attempt{N: 1}, clean, nil},
	} {
		if learn(box, test.known, test.last, test.r, log); !slices.Equal(recall(box).Ordered, test.want) {
			t.Errorf("learned %v, want %v", recall(box).Ordered, test.want)
		}
	}
	remember(box, one, log)
	forgetOrdered(box.State, "/q")
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	forgetOrdered(box.State, "/p")
	if _, err := os.Stat(path); err == nil {
		t.Error("not forgotten")
	}
}

// TestRememberBounded checks that the oldest files go when there are too many.
func TestRememberBounded(t *testing.T) {
	box := commandBox(t, "make")
	dir := orderedDir(box.State)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range maxOrderedFiles {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte("/p"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	remember(box, &attempt{Serial: true}, slog.New(slog.DiscardHandler))
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != maxOrderedFiles*9/10 {
		t.Fatalf("%d files, %v", len(left), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "0")); err == nil {
		t.Error("the oldest one is left")
	}
	if !recall(box).Serial {
		t.Error("the new one is not")
	}
}

// TestFinal says which boxes are not run again.
func TestFinal(t *testing.T) {
	file, _ := written(t)
	readOnly, err := os.Open(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	for name, test := range map[string]struct {
		change func(*Box)
		again  bool
	}{
		"nothing as input": {func(b *Box) { b.StdinKind = StdinNull }, true},
		"a pipe":           {func(b *Box) { b.StdinKind = StdinPipe }, true},
		"a file":           {func(b *Box) { b.StdinKind, b.Stdin = StdinFile, readOnly }, true},
		"streamed":         {func(b *Box) { b.Stream = true }, true},
		"a file to change": {func(b *Box) { b.StdinKind, b.Stdin = StdinFile, file }, false},
		"live":             {func(b *Box) { b.StdinKind = StdinLive }, false},
		"at a terminal":    {func(b *Box) { b.Terminal = true }, false},
		"canonical":        {func(b *Box) { b.Canonical = true }, false},
		"traced":           {func(b *Box) { b.Trace = &Trace{} }, false},
		"in the network":   {func(b *Box) { network(b, oci.NetworkHost) }, false},
	} {
		b := commandBox(t, "true")
		if test.change(b); (b.final() == "") != test.again {
			t.Errorf("%s: %q", name, b.final())
		}
	}
}

// TestRewind checks that a file is read again from where it was.
func TestRewind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	b := commandBox(t, "cat")
	b.StdinKind, b.Stdin = StdinFile, f
	var in input
	defer in.close()
	if err := in.open(t.Context(), b, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, []byte("two\n")) {
			t.Errorf("%q, %v", got, err)
		}
		if err := in.rewind(); err != nil {
			t.Error(err)
		}
	}
}
