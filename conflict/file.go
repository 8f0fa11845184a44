package conflict

// File is what is remembered of a file or directory. The zero File has not been accessed.
type File struct {
	Content, Metadata, Status Object
	Listing                   Object // of a directory
	Ordered                   bool   // accesses to it are made in order
	// Shared is what accesses by descriptions that several processes hold have left behind.
	Shared Past

	// Version counts the contents that it has had, and Digests are those of the ones that
	// are known. Writer is the exec that writes the present one, while nobody else has seen it.
	Version uint32
	Writer  int
	Seen    bool // the present one is in a record
	Digests []Digest
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
