// Package journal gives the files of a project modification times that move only when
// their content does.
//
// A box does not see the host's times: they say when a clone was made, not what has
// changed since a program was built. It sees virtual ones, which a Journal keeps from run
// to run, together with the digest of what each path held. What holds the same as before
// has the same time, whoever has touched it; what has changed has a later one than
// anything that a box has seen; what has returned to what it was has its time of then
// again, unless something that a box has made of its successor is still there. So make and
// its like, in a box, build again what was edited, and no more.
//
// # What is safe
//
// A program that compares times takes an output for fresh when no input is later. That is
// right for what boxes have made, because the time of an input that changes afterwards is
// later than that of everything made before. What was made outside of boxes, by a native
// make, is not known to belong to the inputs that are there now: an input may have been
// changed for the native build and back. What git does not track may have been made so.
// So, as soon as any of that is new or has changed, the inputs that were touched since the
// last run are later than it, whether or not their content has changed; and all inputs, if
// the host's times say that it comes from elsewhere.
//
// What is not safe: an input outside of the project (a library of the host); a program
// that looks at anything but times and content.
package journal

import (
	"cmp"
	"crypto/sha256"
	"path"
	"slices"

	"laplace.dev/laplace/cachelayer/layer"
)

// Step is the distance between two times that the journal gives, in nanoseconds. Archives
// and compiled Python modules keep whole seconds, zip files two.
const Step = int64(2e9)

// Start is the first time that a journal gives, in nanoseconds since the epoch of the box:
// ten years before. First is the least that a box gives to what it makes in a project that
// no box has seen: two days later, so that it does not show how many times, up to 86,400,
// were needed for what was there.
const (
	Start = -3652 * day
	First = Start + 2*day

	day = 86_400 * int64(1e9)
)

// maxPast is how many earlier contents of a path are remembered, and maxGone how many paths
// that are no more.
const (
	maxPast = 8
	maxGone = 1 << 16
)

// Digest is what a path holds: a hash of a file's bytes, of what a symbolic link says, of
// the names in a directory; each kind has others. The zero Digest is that of what cannot
// be read.
type Digest [sha256.Size]byte

// Seen is what a project holds at a path, at the start of a run.
type Seen struct {
	Path    string // as layer.Entry.Path
	Stamp   layer.Stamp
	Digest  Digest
	Tracked bool // git has it in its index
}

// A Journal is what is remembered of a project. The zero Journal is that of one that no
// box has seen. Its fields are what is written; they are the package's.
type Journal struct {
	Next   int64 // the least time that nothing has, in nanoseconds since the epoch; 0 in a zero Journal
	Looked int64 // when it was last brought up to date, on the host, in nanoseconds since 1970
	Paths  map[string]*Path
	Gone   []string // those of Paths that are no more, the oldest first
	Era    int      // how many times it has begun again
	After  int64    // in one that has, until the next run: Next of what came before; else 0
}

// Path is what is remembered of one path.
type Path struct {
	Version
	Stamp   layer.Stamp // of when it was seen last
	Tracked bool        // git has it in its index
	Box     bool        // a box wrote its content
	Gone    bool        // nothing is there any more
	Past    []Version   // what it was before, the oldest first
}

// Version is a content that a path had.
type Version struct {
	Digest Digest
	Mtime  int64 // nanoseconds since the epoch
	Until  int64 // Next when it was replaced
}

// How a project's times came about.
type How string

// The ways.
const (
	Kept   How = "journal" // from earlier runs
	Flat   How = "flat"    // all the same: a clean clone
	Ranked How = "ranked"  // in the order of the host's times, which are an input
)

// Advance brings the journal up to date with what a project held at a time of the host, in
// nanoseconds since 1970. clean says that a project without a journal is like a clean
// clone. Afterwards Mtime tells the times.
func (j *Journal) Advance(seen []Seen, clean bool, now int64) How {
	j.Looked = now
	if j.Next == 0 {
		return j.begin(seen, clean)
	}
	j.rejoin()
	j.forget(seen)
	if changes, last := j.compare(seen); len(changes) > 0 {
		j.assign(changes, last)
	}
	return Kept
}

// begin starts a journal.
func (j *Journal) begin(seen []Seen, flat bool) How {
	j.Paths = make(map[string]*Path, len(seen))
	var times []int64
	for i := range seen {
		if !flat && !seen[i].Stamp.IsDir() {
			times = append(times, seen[i].Stamp.Mtime)
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	for i := range seen {
		s := &seen[i]
		rank := 0
		if !flat && !s.Stamp.IsDir() {
			rank, _ = slices.BinarySearch(times, s.Stamp.Mtime)
		}
		if inGit(s.Path) && path.Base(s.Path) == "index" {
			rank = 0 // git compares contents with what is as old as its index
		}
		j.Paths[s.Path] = &Path{Version: Version{Digest: s.Digest, Mtime: Start + int64(rank)*Step}, Stamp: s.Stamp, Tracked: s.Tracked}
	}
	j.Next = max(First, Start+int64(len(times))*Step)
	if len(times) > 1 {
		return Ranked
	}
	return Flat
}

// Afresh is a journal that begins again, as that of a clean clone.
func (j *Journal) Afresh() *Journal {
	n := &Journal{Era: j.Era + 1, After: j.Next}
	if j.After != 0 {
		n.After = max(j.Next, j.After)
	}
	return n
}

// rejoin has the times of a journal that began again go on from those of before: what the
// run that began it did not see is there, and may tell of times (compiled Python modules,
// git's index), which must not be given to another content.
func (j *Journal) rejoin() {
	if j.After == 0 {
		return
	}
	base := j.After + Step
	moved := func(t int64) int64 {
		switch {
		case t < Start-Step: // a program has set it
			return t
		case t <= Start:
			return base + t - (Start - Step)
		case t < First: // so too; there are two days, of which only one step is needed
			return base + Step + (t-Start)/int64((First-Start)/Step)
		}
		return base + 2*Step + t - First
	}
	for _, p := range j.Paths {
		p.Mtime = moved(p.Mtime)
		for i := range p.Past {
			p.Past[i].Mtime, p.Past[i].Until = moved(p.Past[i].Mtime), moved(p.Past[i].Until)
		}
	}
	j.Next, j.After = moved(j.Next), 0
}

// Conceal notes what a project holds that the run does not see, after Advance: it is
// older than everything.
func (j *Journal) Conceal(seen []Seen) {
	for i := range seen {
		s := &seen[i]
		j.Paths[s.Path] = &Path{Version: Version{Digest: s.Digest, Mtime: Start - Step}, Stamp: s.Stamp, Tracked: s.Tracked}
	}
}

// A tier is a set of paths that get their times together: after those of lesser tiers.
type tier uint8

const (
	made    tier = iota // is new, or an output of boxes that has changed: in the order of the host's times
	brought             // the same, but its time was set: in the order of when
	input               // no box has written it yet; has changed, or must be later than those: in the order of when
	edited              // has changed, and git tracks it: all at once
)

// forged is how much earlier the time of a file is, than that of the last change of its
// inode, when somebody has set it, as cp -p and tar do; in nanoseconds.
const forged = int64(2e9)

// change is a path that is to have another time.
type change struct {
	*Seen
	path  *Path
	tier  tier
	order int64 // within the tier
}

// compare finds the paths that are to have another time, and the latest times of the rest.
func (j *Journal) compare(seen []Seen) (changes []change, last *lastTimes) {
	var inputs []change // whose content is the same
	var touched []bool
	newest := int64(-1 << 63) // host time of the inputs that nobody has touched
	for i := range seen {
		s := &seen[i]
		p := j.Paths[s.Path]
		if p == nil || p.Gone || p.Digest != s.Digest || s.Digest == (Digest{}) {
			changes = append(changes, change{s, p, edited, 0})
			continue
		}
		if !p.Box && !s.Stamp.IsDir() {
			inputs = append(inputs, change{s, p, input, s.Stamp.Ctime})
			touched = append(touched, p.Stamp != s.Stamp)
			if p.Stamp == s.Stamp {
				newest = max(newest, s.Stamp.Mtime)
			}
		}
		p.Stamp, p.Tracked = s.Stamp, s.Tracked
	}
	last = j.lastMade(changes)
	suspect, elsewhere := false, false
	for i := range changes {
		c := &changes[i]
		if c.Tracked || c.Stamp.IsDir() {
			continue
		}
		set := c.Stamp.Mtime < c.Stamp.Ctime-forged
		switch {
		case c.path != nil && !c.path.Box:
			c.tier, c.order = input, c.Stamp.Ctime
		case set:
			c.tier, c.order = brought, c.Stamp.Ctime
		default:
			c.tier, c.order = made, c.Stamp.Mtime
		}
		suspect = suspect || !c.returns(last)
		elsewhere = elsewhere || set || c.Stamp.Mtime < newest
	}
	for i := range inputs {
		if suspect && (elsewhere || touched[i]) {
			changes = append(changes, inputs[i])
		}
	}
	return changes, last
}

// forget notes the paths that are no more.
func (j *Journal) forget(seen []Seen) {
	there := make(map[string]bool, len(seen))
	for i := range seen {
		there[seen[i].Path] = true
	}
	var gone []string
	for path, p := range j.Paths {
		if !p.Gone && !there[path] {
			p.Gone = true
			p.leave(j.Next)
			gone = append(gone, path)
		}
	}
	slices.Sort(gone)
	j.Gone = slices.DeleteFunc(append(j.Gone, gone...), func(path string) bool { return j.Paths[path] == nil || !j.Paths[path].Gone })
	for len(j.Gone) > maxGone {
		delete(j.Paths, j.Gone[0])
		j.Gone = j.Gone[1:]
	}
}

// leave remembers what a path was until now.
func (p *Path) leave(now int64) {
	v := p.Version
	v.Until = now
	p.Past = slices.DeleteFunc(p.Past, func(old Version) bool { return old.Digest == v.Digest })
	p.Past = append(p.Past, v)
	if len(p.Past) > maxPast {
		p.Past = slices.Delete(p.Past, 0, len(p.Past)-maxPast)
	}
}

// assign gives what has changed its times.
func (j *Journal) assign(changes []change, last *lastTimes) {
	suspect := false
	for i := range changes {
		suspect = suspect || changes[i].tier != edited && !changes[i].returns(last)
	}
	slices.SortStableFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.tier, b.tier), cmp.Compare(a.order, b.order))
	})
	// All that return do so by what was there before any of them did.
	back := make([]int64, len(changes))
	for i := range changes {
		if c := &changes[i]; !suspect && c.returns(last) {
			back[i] = c.path.earlier(c.Digest).Mtime
		}
	}
	first, at := j.Next, j.Next
	for i := range changes {
		c := &changes[i]
		if i > 0 && (c.tier != changes[i-1].tier || c.order != changes[i-1].order) {
			at += Step
		}
		p := c.path
		switch {
		case p == nil:
			p = &Path{}
			j.Paths[c.Path] = p
		case !p.Gone && p.Digest != c.Digest:
			p.leave(first)
		}
		p.Version = Version{Digest: c.Digest, Mtime: at}
		if back[i] != 0 {
			p.Mtime = back[i]
		}
		p.Box = p.Box && !c.Tracked
		p.Stamp, p.Tracked, p.Gone = c.Stamp, c.Tracked, false
	}
	j.Next = at + Step
}

// returns tells whether an input is again what it was before, and nothing is there that
// may have been made of what it was since.
func (c *change) returns(last *lastTimes) bool {
	if c.path == nil || c.path.Box {
		return false
	}
	old := c.path.earlier(c.Digest)
	return old != nil && last.but(c.path) < old.Until
}

// earlier is the version of a path that had a content; nil if there was none.
func (p *Path) earlier(d Digest) *Version {
	for i := range p.Past {
		if p.Past[i].Digest == d {
			return &p.Past[i]
		}
	}
	return nil
}

// lastTimes are the two latest times of what may have been made of something else.
type lastTimes struct {
	path         *Path // of the first
	time, second int64
}

// lastMade finds them, of what has not changed, and of what may return. What git tracks is
// made of something else if a box has made it.
func (j *Journal) lastMade(changes []change) *lastTimes {
	l := &lastTimes{nil, -1 << 63, -1 << 63}
	changed := make(map[*Path]bool, len(changes))
	for i := range changes {
		c := &changes[i]
		if changed[c.path] = true; c.path == nil || c.Tracked || c.Stamp.IsDir() {
			continue
		}
		if old := c.path.earlier(c.Digest); old != nil {
			l.add(c.path, old.Mtime)
		}
	}
	for _, p := range j.Paths {
		if !p.Gone && (!p.Tracked || p.Box) && !p.Stamp.IsDir() && !changed[p] {
			l.add(p, p.Mtime)
		}
	}
	return l
}

func (l *lastTimes) add(p *Path, time int64) {
	if l.path == nil || time > l.time {
		l.path, l.time, l.second = p, time, l.time
	} else {
		l.second = max(l.second, time)
	}
}

// but is the latest of all but one path's.
func (l *lastTimes) but(p *Path) int64 {
	if l.path == p {
		return l.second
	}
	return l.time
}

// Mtime is the time of a path, in nanoseconds since the epoch; ok is false where nothing
// was.
func (j *Journal) Mtime(path string) (mtime int64, ok bool) {
	p := j.Paths[path]
	if p == nil || p.Gone {
		return 0, false
	}
	return p.Mtime, true
}
