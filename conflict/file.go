package conflict

// File is what is remembered of a file or directory. The zero File has not been accessed.
type File struct {
	Content, Metadata, Status Object
	Listing                   Object // of a directory
	Ordered                   bool   // accesses to it are made in order
	Path                      string // that it had last, if it has lost its last name
	// Shared is what accesses by descriptions that several processes hold have left behind.
	Shared Past

	// Raced says that accesses to it were in conflict, ordered or not.
	Raced bool

	sharer int  // an exec that has used it through such a description
	many   bool // there was another one

	// ChangedBy is the exec that has changed its status last, DatedBy its modification time, ListedBy a
	// directory's entries; 0 if none has. They are noted for a cache.
	ChangedBy, DatedBy, ListedBy uint64

	// Version counts the contents that it has had, and Digests are those of the ones that
	// are known. Writer is the exec that writes, or has written, the present one.
	Version uint32
	Writer  int
	Seen    bool // the present one is in a record: what is written from now on is another one
	Digests []Digest
	// Last is the digest of the content that the file has when the box has ended, once it is
	// known, and Digested how many bytes were read for digests.
	Last     *Digest
	Digested int64
}

// Object is one of the file's objects; not for names, which are directories' own.
func (f *File) Object(a Aspect) *Object {
	switch a {
	case Content:
		return &f.Content
	case Metadata:
		return &f.Metadata
	case Status:
		return &f.Status
	}
	return &f.Listing
}

// SharedBy notes that an exec uses the file through a description that others may hold.
func (f *File) SharedBy(exec int) {
	f.many = f.many || f.sharer != 0 && f.sharer != exec
	f.sharer = exec
}

// ManyShare tells whether several execs have used the file through shared descriptions: what
// it is when one of them ends is nobody's result.
func (f *File) ManyShare() bool { return f.many }
