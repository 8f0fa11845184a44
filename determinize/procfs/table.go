package procfs

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Uses says what else than the box the content of a file depends on.
type Uses uint8

const (
	// UsesClock: to open the file is to read a clock.
	UsesClock Uses = 1 << iota
	// UsesRandom: to open the file is to draw random bytes.
	UsesRandom
)

// Write says what happens when a guest opens a file for writing.
type Write uint8

const (
	// WriteDenied fails with EACCES.
	WriteDenied Write = iota
	// WriteReal reaches the kernel's file.
	WriteReal
	// WriteIgnored succeeds and changes nothing: what it would change has no
	// effect on anything that a guest can see.
	WriteIgnored
)

var writeNames = [...]string{"denied", "real", "ignored"}

// String returns the name that docs print.
func (w Write) String() string {
	if int(w) < len(writeNames) {
		return writeNames[w]
	}
	return "unknown"
}

// Kind is the file type of an entry.
type Kind uint8

const (
	// File is a regular file.
	File Kind = iota
	// Dir is a directory.
	Dir
	// Symlink is a symbolic link; Link says what readlink(2) gives.
	Symlink
)

// Row decides about one file. Row values are read only.
type Row struct {
	// Name is the path below /proc, or below /proc/PID. A component "*" stands
	// for any decimal number.
	Name string
	// Kind is the file's type.
	Kind Kind
	// Disposition is what a guest that opens it gets.
	Disposition Disposition
	// ProcessOnly is for names that /proc/PID has and /proc/PID/task/TID has not,
	// ThreadOnly for the opposite.
	ProcessOnly, ThreadOnly bool
	// Write is what a guest that opens it for writing gets.
	Write Write
	// Mode are the permission bits that the kernel shows; 0 is 0444 for a file,
	// 0555 for a directory, 0777 for a symbolic link.
	Mode uint32
	// Uses are the inputs besides the box and the process.
	Uses Uses
	// Reads names the file in the same directory whose real content the content
	// is made of; empty for none.
	Reads string
	// Why is the reason for the disposition.
	Why string

	make func(input) []byte
}

// input is what content is made from.
type input struct {
	name  string
	real  []byte
	box   Box
	clock Clock
	proc  Process
}

// Perm returns the permission bits.
func (r Row) Perm() uint32 {
	switch {
	case r.Mode != 0:
		return r.Mode
	case r.Kind == Dir:
		return 0o555
	case r.Kind == Symlink:
		return 0o777
	}
	return 0o444
}

// netPrefix is where a process's network files are, below /proc/PID and, through
// a symbolic link, below /proc.
const netPrefix = "net/"

// index finds rows by name, and the entries of directories.
type index struct {
	rows map[string]Row
	dirs map[string][]Entry
}

// Entry is a name in a directory.
type Entry struct {
	Name string
	Kind Kind
}

// newIndex finds the directories that lie on the way to the rows and gives them
// rows of their own, where the tables have none.
func newIndex(tables ...[]Row) index {
	x := index{rows: map[string]Row{}, dirs: map[string][]Entry{"": nil}}
	all := slices.Concat(tables...)
	for _, r := range all {
		x.rows[r.Name] = r
	}
	for _, r := range all {
		if r.Disposition == Absent {
			continue
		}
		if r.Kind == Dir {
			x.dirs[r.Name] = append([]Entry{}, x.dirs[r.Name]...)
		}
		x.enter(r.Name, r.Kind)
	}
	for _, entries := range x.dirs {
		slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	}
	return x
}

// enter puts a name into the listing of its directory, and that directory, if no
// table has it, into the one above.
func (x *index) enter(name string, kind Kind) {
	dir, base := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		dir, base = name[:i], name[i+1:]
	}
	if entry := (Entry{base, kind}); base != "*" && !slices.Contains(x.dirs[dir], entry) {
		x.dirs[dir] = append(x.dirs[dir], entry)
	}
	if _, ok := x.rows[dir]; !ok && dir != "" {
		x.rows[dir] = Row{
			Name: dir, Kind: Dir, Disposition: Real,
			Why: "a directory: only the names in this table are listed",
		}
		x.enter(dir, Dir)
	}
}

// Both indexes hold the tables, which never change. They are made when the
// first guest looks at /proc: most processes of Laplace never need them.
var (
	globalIndex  = sync.OnceValue(func() index { return newIndex(rootRows, netRows, sysctlRows) })
	processIndex = sync.OnceValue(func() index { return newIndex(processRows) })
)

// GlobalRows returns the rows for files of /proc that belong to no process, in
// the order of docs.
func GlobalRows() []Row { return slices.Concat(rootRows, sysctlRows, netRows) }

// ProcessRows returns the rows for files of /proc/PID and /proc/PID/task/TID,
// in the order of docs. Those of net are GlobalRows with that prefix.
func ProcessRows() []Row { return slices.Clone(processRows) }

// GlobalRow finds the row for a path below /proc. Directories that lead to a row
// have one too.
func GlobalRow(rel string) (Row, bool) {
	r, ok := globalIndex().rows[rel]
	return r, ok
}

// ProcessRow finds the row for a path below /proc/PID; one below task/TID has
// the row of the file in /proc/PID.
func ProcessRow(name string) (Row, bool) {
	if strings.HasPrefix(name, netPrefix) {
		return GlobalRow(name)
	}
	if strings.Contains(name, "*") {
		return Row{}, false
	}
	thread := false
	if rest, ok := strings.CutPrefix(name, "task/"); ok {
		tid, below, found := strings.Cut(rest, "/")
		switch {
		case !isNumber(tid):
			return Row{}, false
		case !found:
			r, ok := processIndex().rows["task"]
			return r, ok
		case strings.HasPrefix(below, netPrefix):
			return GlobalRow(below)
		}
		name, thread = below, true
	}
	r, ok := processIndex().rows[pattern(name)]
	if !ok || thread && r.ProcessOnly || !thread && r.ThreadOnly {
		return Row{}, false
	}
	return r, true
}

// pattern replaces a last component that is a number by "*".
func pattern(name string) string {
	dir, base, ok := strings.Cut(name, "/")
	if ok && isNumber(base) {
		return dir + "/*"
	}
	return name
}

// isNumber reports whether s is a decimal number as the kernel prints them in
// names: no sign, no leading zero.
func isNumber(s string) bool {
	if len(s) == 0 || len(s) > 10 || len(s) > 1 && s[0] == '0' {
		return false
	}
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// List gives the entries of a directory below /proc, sorted by name; those that
// are not decided here, process ids and descriptors, are the caller's to add.
// dir is "" for /proc itself, or its clean path; a leading number is a process.
// ok is false where there is no such directory.
func List(dir string) (entries []Entry, ok bool) {
	first, rest, _ := strings.Cut(dir, "/")
	if !isNumber(first) {
		entries, ok = globalIndex().dirs[dir]
		return slices.Clone(entries), ok
	}
	thread := false
	if below, isTask := strings.CutPrefix(rest, "task/"); isTask {
		var tid string
		if tid, rest, _ = strings.Cut(below, "/"); !isNumber(tid) {
			return nil, false
		}
		thread = true
	}
	if rest == "net" || strings.HasPrefix(rest, netPrefix) {
		entries, ok = globalIndex().dirs[rest]
		return slices.Clone(entries), ok
	}
	if r, found := processIndex().rows[rest]; rest != "" && (!found || thread && r.ProcessOnly) {
		return nil, false
	}
	all, ok := processIndex().dirs[rest]
	for _, e := range all {
		full := e.Name
		if rest != "" {
			full = rest + "/" + e.Name
		}
		if r := processIndex().rows[full]; thread && r.ProcessOnly || !thread && r.ThreadOnly {
			continue
		}
		entries = append(entries, e)
	}
	return entries, ok
}

// Visible reports whether the listing of a directory below /proc shows a name
// that the kernel lists there. dir is as for List. Names that are numbers, in
// the directories that have such entries, are decided by the caller: Visible
// reports true for them.
func Visible(dir, name string) bool {
	if isNumber(name) {
		first, rest, _ := strings.Cut(dir, "/")
		if dir == "" {
			return true
		}
		if !isNumber(first) {
			return false
		}
		if below, ok := strings.CutPrefix(rest, "task/"); ok {
			_, rest, _ = strings.Cut(below, "/")
			return rest == "fd" || rest == "fdinfo"
		}
		return rest == "fd" || rest == "fdinfo" || rest == "task"
	}
	entries, _ := List(dir)
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.Name == name })
}
