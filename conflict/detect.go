package conflict

// Op is what an access does to an object.
type Op uint8

// What can be done. Two operations conflict unless they commute: reads with reads, and
// changes of a set's different elements with each other.
const (
	Read   Op = iota // its content, a listing; a name is looked up
	Change           // its content; a name is given, taken away, or given to something else
	Append           // to its end
	Add              // one of many of it changes: a name in a directory, a link of a file
	ops
)

var opNames = [ops]string{"read", "change", "append", "add"}

// String is the operation as reports call it.
func (o Op) String() string { return opNames[o] }

// commute tells which pairs have the same effect in either order.
var commute = [ops][ops]bool{
	Read: {Read: true},
	Add:  {Add: true},
}

// Aspect says which of a file's objects one is. A write changes the content, and adds to the
// status: two writes are one conflict.
type Aspect uint8

// Aspects of a file.
const (
	Content  Aspect = iota // bytes, and with them size and modification time
	Metadata               // mode, owner, attributes: what permissions are judged by
	Status                 // what else stat shows: size, times, number of links
	Name                   // an entry of a directory: what it leads to, if anything
	Listing                // all entries of a directory
)

// Class says what kind of conflict it is, in the words of the report.
type Class string

// Classes of conflicts.
const (
	ClassContent  Class = "content"  // a file was read or written while another exec wrote it
	ClassMetadata Class = "metadata" // mode, owner, times or attributes were changed and asked for
	ClassName     Class = "name"     // who made, removed or renamed it came first, or who looked for it
	ClassListing  Class = "listing"  // a directory was listed while names in it changed
	ClassAppend   Class = "append"   // two execs appended to one file
	ClassPid      Class = "pid"      // who was given a process id came first
	ClassSignal   Class = "signal"   // a signal found its target where another run might not
)

// classOf is the class of two operations on an aspect.
func classOf(a Aspect, x, y Op) Class {
	switch {
	case a == Content && x == Append && y == Append:
		return ClassAppend
	case a == Content:
		return ClassContent
	case a == Metadata, a == Status:
		return ClassMetadata
	case a == Listing:
		return ClassListing
	}
	return ClassName
}

// Access is one access to an object, as it is remembered.
type Access struct {
	By   *Task
	Call uint16 // number of the system call
	Op   Op
	// Ordered says that the engine makes such accesses in the order of the canonical run.
	// Two of them are not left to chance, even if the program did.
	Ordered bool
	B       uint64 // of the task, at the call
}

// Task is who makes accesses: a process, from its fork or exec to its next exec or its end.
// Its owner fills it in and does not change it.
type Task struct {
	Exec int // position in the run's list of execs
	PID  int // in the box
	Argv []string
	Cwd  string
	Path []uint32 // in the fork tree
}

// mark is an access with its moment.
type mark struct {
	moment
	Access
}

// Object is what is remembered of one object. The zero Object has not been accessed.
type Object struct {
	changed mark   // the last Change or Append
	added   []mark // what was added since, and read, by whom none of the others follows
	read    []mark
}

// Accessed tells whether there was an access to the object.
func (o *Object) Accessed() bool { return o.changed != (mark{}) || len(o.added) > 0 || len(o.read) > 0 }

// Found is told of a conflict: two accesses to an object, in the order in which they were made.
type Found func(o *Object, class Class, first, second Access)

// Detector compares accesses. Found must be set before the first one.
type Detector struct {
	Found Found
}

// Access notes an access to an object and tells Found of those that it is in conflict with:
// of one at least if there is any. An access that repeats one of its task is cheap.
func (d *Detector) Access(c *Clock, o *Object, aspect Aspect, a Access) {
	now := mark{moment{c.chain, c.time}, a}
	if a.Op == Read && repeats(o.read, now.moment) {
		return
	}
	meet := func(m *mark) {
		if !commute[m.Op][a.Op] && !c.knows(m.moment) {
			d.Found(o, classOf(aspect, m.Op, a.Op), m.Access, a)
		}
	}
	if o.changed.By != nil {
		meet(&o.changed)
	}
	for i := range o.added {
		meet(&o.added[i])
	}
	if a.Op == Read {
		o.read = append(dropKnown(o.read, c), now)
		return
	}
	for i := range o.read {
		meet(&o.read[i])
	}
	if a.Op == Add {
		o.added = append(dropKnown(o.added, c), now)
		return
	}
	// Who follows this one follows those that it follows, and it has met the others.
	o.changed, o.added, o.read = now, o.added[:0], o.read[:0]
}

// Meets compares an access of a clock's owner with one that goes on until the present of
// another clock's owner, as that of a mapping does.
func (d *Detector) Meets(c *Clock, o *Object, aspect Aspect, a Access, at *Clock, mapped Access) {
	if !commute[mapped.Op][a.Op] && !c.Knows(at) {
		d.Found(o, classOf(aspect, mapped.Op, a.Op), mapped, a)
	}
}

// ChangedBeside tells whether the object's last change is unknown to a clock's owner, so that it
// may as well come later. A read would be in conflict with it.
func (o *Object) ChangedBeside(c *Clock) bool {
	return o.changed.By != nil && !c.knows(o.changed.moment)
}

// repeats tells whether the last mark is of this very moment.
func repeats(ms []mark, now moment) bool {
	n := len(ms)
	return n > 0 && ms[n-1].moment == now
}

// dropKnown removes the marks that come before what the clock's owner does now.
func dropKnown(ms []mark, c *Clock) []mark {
	kept := ms[:0]
	for _, m := range ms {
		if !c.knows(m.moment) {
			kept = append(kept, m)
		}
	}
	return kept
}
