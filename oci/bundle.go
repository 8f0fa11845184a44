// Package oci knows the formats of the Open Container Initiative: it builds the
// runtime-spec bundle that a box is made of, and the annotations that carry what the
// runtime-spec has no field for.
//
// The package only computes. It reads the directories that it is told to describe and
// changes nothing, mounts nothing and starts nothing: package runtime does.
package oci

import (
	"io/fs"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A Bundle is a runtime-spec bundle in memory: config.json, and the small entries of
// the root file system that a bundle on disk would keep in its rootfs directory.
//
// When the annotation AnnotationRoot is RootComposed, the root file system is an empty
// tmpfs that is filled from Spec.Mounts, Overlays, Files and Symlinks and then made
// read-only. All destinations are absolute and clean. Each list is sorted so that a
// directory comes before what lies in it, and no destination occurs in two lists; whoever
// composes the root merges the lists by destination, parents first (see Before), and
// creates, with mode 0755, the directories on the way that nobody listed.
type Bundle struct {
	// Spec is the config.json. The host IDs in its ID mappings are those that the
	// caller's user namespace knows; uid= and gid= in the options of its tmpfs mounts
	// are the guest's, as the runtime-spec has it.
	Spec *specs.Spec `json:"spec"`
	// Overlays are the directories of the host that the box sees writable.
	Overlays []Overlay `json:"overlays"`
	// Files are the generated files of the root.
	Files []File `json:"files"`
	// Symlinks are the symbolic links of the root.
	Symlinks []Symlink `json:"symlinks"`
	// Omitted are entries of the host that a bind with the option OptionPatched does
	// not show: absolute and clean.
	Omitted []string `json:"omitted"`
}

// OptionPatched is the option of a bind whose directory has entries of Files, Symlinks
// and Omitted right in it, which take the place of the host's.
const OptionPatched = "patched"

// An Overlay is a directory of the host that the box sees, and may change, as an
// overlay: what the box writes goes to an upper layer and reaches Source only when it
// is committed.
type Overlay struct {
	// Source is the directory on the host: an absolute path without symbolic links.
	Source string `json:"source"`
	// Target is where the box sees it: absolute and clean.
	Target string `json:"target"`
}

// A File is a small regular file of a composed root, owned by root.
type File struct {
	// Path is where the box sees it: absolute and clean.
	Path string `json:"path"`
	// Mode holds the permission bits.
	Mode fs.FileMode `json:"mode"`
	// Data is the content.
	Data []byte `json:"data"`
}

// A Symlink is a symbolic link of a composed root.
type Symlink struct {
	// Path is where the box sees it: absolute and clean.
	Path string `json:"path"`
	// Target is the text of the link.
	Target string `json:"target"`
}

// Before reports whether destination a comes before b when a root is composed: paths
// are compared component by component, so that a directory comes before what lies in it.
// It is a strict weak order over absolute, clean paths.
func Before(a, b string) bool {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return a[i] == '/' || (b[i] != '/' && a[i] < b[i])
		}
	}
	return len(a) < len(b)
}
