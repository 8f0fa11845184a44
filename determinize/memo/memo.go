// Package memo describes what an exec did, with all that it started, as a function of what it
// found: enough to skip it the next time that it would find the same, and to leave behind what it
// would have left.
//
// A Memo belongs to an exec and its descendants, which it calls the whole. Whatever passes
// between the parts of a whole is no business of the Memo's: it has what the whole found that
// others had left, and what it left to others. Times are relative to the start, where programs
// cannot tell.
package memo

import "laplace.dev/laplace/conflict"

// Digest is a SHA-256 digest.
type Digest = [32]byte

// Memo is what is known of a whole.
type Memo struct {
	// Argv and Cwd are for people.
	Argv []string
	Cwd  string
	Needs
	Effects
}

// Needs are what a whole depends on, besides what its key is made of.
type Needs struct {
	// Seed is the exec's, where something depends on it: randomness, the last digits of clocks,
	// process ids of its children, numbers of inodes.
	Seed *Digest
	// IDs are set where somebody asked who it is.
	IDs *IDs
	// Clock is that at the start, where somebody read a clock.
	Clock *Clock
	// Heard says that somebody read a clock after others had told what they knew of time: what
	// comes with each input matters.
	Heard bool
	// Stamp is the first modification time that it could give, in nanoseconds since the epoch,
	// where somebody saw one that it gave.
	Stamp  *int64
	Inputs []Input // in the order of their first observation
}

// Clock is a process's clock, in nanoseconds since the epoch: what it knows, and the world's.
type Clock struct{ Known, World int64 }

// Known is the greatest clock value that something tells of.
type Known struct {
	Is   int64 // in nanoseconds since the epoch, where From is Value
	From Source
}

// Source is where a Known comes from.
type Source uint8

// Sources.
const (
	Value  Source = iota // it has been read
	Start                // it was known at the start
	Inputs               // the greatest of what was known at the start and came with the inputs
	sources
)

// IDs are a process's place among the others.
type IDs struct{ PID, Parent, Group, Session int }

// Kind says what was observed of an object.
type Kind uint8

// Kinds of observations.
const (
	Name    Kind = iota // what is there: file type, mode, owner, a symbolic link's target
	Absent              // nothing is: Errno says why; Digest tells whether something was, earlier in the run
	Status              // what stat(2) tells
	Content             // the bytes of a file
	Listing             // the names in a directory, with their types
	Xattrs              // extended attributes
	Base                // mode, owner, attributes and number of links of what it changes
	Date                // modification time of what it changes in other ways
	kinds
)

var kindNames = [kinds]string{"name", "absence", "status", "content", "listing", "attributes", "base", "date"}

// String is the kind in one word.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "observation"
}

// Sight says what of modification times matters to those who saw a file's status.
type Sight uint8

// Sights.
const (
	Exact Sight = iota // the time, and the inode's number
	Order              // which of two files is newer
	Blind              // nothing
	sights
)

// Input is an observation of something that the whole has not made.
type Input struct {
	Path   string // canonical, in the box
	Kind   Kind
	Sight  Sight
	Errno  uint16
	Digest Digest // of what was observed, without the next two
	Mtime  int64  // of a Status or Date: in nanoseconds since the epoch
	Ino    uint64 // of a Status: the number shown
	Known  int64  // of a Content or Status: the greatest clock value that its writers knew
	Own    bool   // the time of a Status was the whole's own
	Bound  bool   // a clock was read by who has observed it: Known may not be more than what is known at the start
}

// Effects are what a whole leaves behind.
type Effects struct {
	Outputs []Output // directories before what is in them
	Writes  []Write  // in order
	Sinks   []Sink
	Read    *Seek // how far it has come in the box's standard input, if that is a file
	End     End
	// What it adds to the report of the run.
	Execs, Ticks, Processes uint64
	Refused                 []Count  // sorted
	Unmasked                []string // sorted
	// Conflicts are those within a box's first exec, all ordered. Whose parts are in conflict is not
	// kept otherwise.
	Conflicts []conflict.Conflict
}

// Count is how often something was refused.
type Count struct {
	Name string
	N    uint64
}

// Form is what is at an output's path.
type Form uint8

// Forms.
const (
	Gone    Form = iota // nothing, and something was
	Passing             // nothing, but something was there in between
	File
	Dir
	Symlink
	Fifo
	forms
)

var formNames = [forms]string{"gone", "passing", "file", "directory", "link", "fifo"}

// String is the form in one word.
func (f Form) String() string {
	if f < forms {
		return formNames[f]
	}
	return "output"
}

// Output is what a whole leaves at a path.
type Output struct {
	Path string
	Form Form
	// New says that the whole made it; else it changed what was there. Existed says that
	// something was at the path.
	New, Existed bool
	From         string // where what is there was before the whole moved it; "" if it did not
	SameAs       string // of which this is another name: an output before this one, or what was there; nothing else is set then
	Mode         uint32 // permissions, with set-user-ID, set-group-ID and sticky
	UID, GID     uint32
	Target       string // of a Symlink
	// Wrote says that a File has the Content, of Size bytes; else it has what it had. If it is Sparse,
	// Extents hold all of its data.
	Wrote   bool
	Content Digest
	Size    int64
	Inline  []byte // the Content, if it is here and not in the cache
	Sparse  bool
	Extents []Extent
	Xattrs  []Xattr // sorted; all of them if Wrote or New, or Retagged
	// Retagged says that the attributes of what was there were changed, Touched that its metadata was,
	// if only to what it had been.
	Retagged, Touched bool
	// Mtime is the modification time: since the start's stamp if Stamped, since the epoch if not; or
	// what it was if Undated.
	Mtime   int64
	Stamped bool
	Undated bool
	Ino     uint64 // shown, of what is New
	Nth     uint64 // of what is New: how many things its maker, the exec itself, had made; 0 if another one made it
	World   int64  // of the last change: since the start's
	Over    int64
	Known   Known
	Writer  string // program that wrote it
}

// Extent is a range of a file.
type Extent struct{ Off, Len int64 }

// Xattr is an extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// Write is bytes that the whole wrote to what it had inherited; or that it changed its flags.
type Write struct {
	FD    int    // that leads there at the start
	B     uint64 // when: since the start
	Data  []byte
	Sets  bool // Flags, which F_SETFL of fcntl(2) takes, and nothing is written
	Flags uint32
	Known Known // of who wrote it
}

// Sink is a file that the whole wrote to through what it had inherited.
type Sink struct {
	FD    int
	Mtime int64 // since the start's stamp
}

// Seek is that the offset of an open file has moved by so many bytes.
type Seek struct {
	FD int
	By int64
}

// End is how a whole ended.
type End struct {
	Status      uint32 // as wait(2) tells it
	B           uint64 // since the start
	Own, Kids   int64  // own time, and that of its children, in nanoseconds
	World, Over int64  // since the start
	Known       Known  // of its process
	Memory      bool   // others may have seen what it wrote to its memory
}
