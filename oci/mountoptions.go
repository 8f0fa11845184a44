package oci

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// MountOptions are the options of a mount, sorted by what takes them: see the section
// "Linux mount options" of config-linux. Of options that contradict each other the later
// counts.
type MountOptions struct {
	// Set are flags of mount(2) to set, MS_*.
	Set uintptr
	// Clear are flags of mount(2) that an option switches off, such as MS_RDONLY for
	// "rw": a bind that is made again must not keep them.
	Clear uintptr
	// Propagation are the types of propagation, MS_SHARED and so on, with MS_REC where
	// they are recursive, in order: each is a call of mount(2) of its own.
	Propagation []uintptr
	// Recursive is what mount_setattr(2) does to the mount and all below it: attr_set and
	// attr_clr. Both are 0 when no option asks for it.
	Recursive unix.MountAttr
	// CopyUp fills a tmpfs with what it hides, "tmpcopyup".
	CopyUp bool
	// IDMap maps owners, "idmap"; IDMapRecursive those of mounts below it too, "ridmap".
	IDMap, IDMapRecursive bool
	// Data are all other options, for the file system, with commas between them.
	Data string
}

// Bind reports whether the mount is a bind.
func (o *MountOptions) Bind() bool { return o.Set&unix.MS_BIND != 0 }

// flagOption is an option that sets or clears flags.
type flagOption[T any] struct {
	clear bool
	flag  T
}

// mountFlags are runc's; "acl" is none: it is for the file system.
var mountFlags = table[string, flagOption[uintptr]]{
	"async":         {true, unix.MS_SYNCHRONOUS},
	"atime":         {true, unix.MS_NOATIME},
	"bind":          {false, unix.MS_BIND},
	"defaults":      {false, 0},
	"dev":           {true, unix.MS_NODEV},
	"diratime":      {true, unix.MS_NODIRATIME},
	"dirsync":       {false, unix.MS_DIRSYNC},
	"exec":          {true, unix.MS_NOEXEC},
	"iversion":      {false, unix.MS_I_VERSION},
	"lazytime":      {false, unix.MS_LAZYTIME},
	"loud":          {true, unix.MS_SILENT},
	"mand":          {false, unix.MS_MANDLOCK},
	"noatime":       {false, unix.MS_NOATIME},
	"nodev":         {false, unix.MS_NODEV},
	"nodiratime":    {false, unix.MS_NODIRATIME},
	"noexec":        {false, unix.MS_NOEXEC},
	"noiversion":    {true, unix.MS_I_VERSION},
	"nolazytime":    {true, unix.MS_LAZYTIME},
	"nomand":        {true, unix.MS_MANDLOCK},
	"norelatime":    {true, unix.MS_RELATIME},
	"nostrictatime": {true, unix.MS_STRICTATIME},
	"nosuid":        {false, unix.MS_NOSUID},
	"nosymfollow":   {false, unix.MS_NOSYMFOLLOW},
	"rbind":         {false, unix.MS_BIND | unix.MS_REC},
	"relatime":      {false, unix.MS_RELATIME},
	"remount":       {false, unix.MS_REMOUNT},
	"ro":            {false, unix.MS_RDONLY},
	"rw":            {true, unix.MS_RDONLY},
	"silent":        {false, unix.MS_SILENT},
	"strictatime":   {false, unix.MS_STRICTATIME},
	"suid":          {true, unix.MS_NOSUID},
	"sync":          {false, unix.MS_SYNCHRONOUS},
	"symfollow":     {true, unix.MS_NOSYMFOLLOW},
}

var recursiveFlags = table[string, flagOption[uint64]]{
	"ratime":         {true, unix.MOUNT_ATTR_NOATIME},
	"rdev":           {true, unix.MOUNT_ATTR_NODEV},
	"rdiratime":      {true, unix.MOUNT_ATTR_NODIRATIME},
	"rexec":          {true, unix.MOUNT_ATTR_NOEXEC},
	"rnoatime":       {false, unix.MOUNT_ATTR_NOATIME},
	"rnodev":         {false, unix.MOUNT_ATTR_NODEV},
	"rnodiratime":    {false, unix.MOUNT_ATTR_NODIRATIME},
	"rnoexec":        {false, unix.MOUNT_ATTR_NOEXEC},
	"rnorelatime":    {true, unix.MOUNT_ATTR_RELATIME},
	"rnostrictatime": {true, unix.MOUNT_ATTR_STRICTATIME},
	"rnosuid":        {false, unix.MOUNT_ATTR_NOSUID},
	"rnosymfollow":   {false, unix.MOUNT_ATTR_NOSYMFOLLOW},
	"rrelatime":      {false, unix.MOUNT_ATTR_RELATIME},
	"rro":            {false, unix.MOUNT_ATTR_RDONLY},
	"rrw":            {true, unix.MOUNT_ATTR_RDONLY},
	"rstrictatime":   {false, unix.MOUNT_ATTR_STRICTATIME},
	"rsuid":          {true, unix.MOUNT_ATTR_NOSUID},
	"rsymfollow":     {true, unix.MOUNT_ATTR_NOSYMFOLLOW},
}

var propagations = table[string, uintptr]{
	"private":     unix.MS_PRIVATE,
	"rprivate":    unix.MS_PRIVATE | unix.MS_REC,
	"rshared":     unix.MS_SHARED | unix.MS_REC,
	"rslave":      unix.MS_SLAVE | unix.MS_REC,
	"runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
	"shared":      unix.MS_SHARED,
	"slave":       unix.MS_SLAVE,
	"unbindable":  unix.MS_UNBINDABLE,
}

// Propagation is the type of propagation that mount(2) takes, MS_SHARED and so on, with
// MS_REC where it is recursive: the values of rootfsPropagation, and options of mounts.
func Propagation(name string) (flags uintptr, ok bool) {
	flags, ok = propagations[name]
	return flags, ok
}

// mountExtensions are options that are no flags.
var mountExtensions = table[string, func(*MountOptions)]{
	"tmpcopyup": func(o *MountOptions) { o.CopyUp = true },
	"idmap":     func(o *MountOptions) { o.IDMap, o.IDMapRecursive = true, false },
	"ridmap":    func(o *MountOptions) { o.IDMap, o.IDMapRecursive = true, true },
}

// ParseMountOptions sorts the options of a mount.
func ParseMountOptions(options []string) MountOptions {
	var o MountOptions
	var data []string
	for _, option := range options {
		if f, ok := mountFlags[option]; ok && f.flag != 0 {
			if f.clear {
				o.Set, o.Clear = o.Set&^f.flag, o.Clear|f.flag
			} else {
				o.Set, o.Clear = o.Set|f.flag, o.Clear&^f.flag
			}
		} else if flag, ok := propagations[option]; ok {
			o.Propagation = append(o.Propagation, flag)
		} else if f, ok := recursiveFlags[option]; ok {
			o.recursive(f)
		} else if extend, ok := mountExtensions[option]; ok {
			extend(&o)
		} else if option != "defaults" {
			data = append(data, option)
		}
	}
	o.Data = strings.Join(data, ",")
	return o
}

func (o *MountOptions) recursive(f flagOption[uint64]) {
	attr := &o.Recursive
	if f.clear {
		attr.Attr_set, attr.Attr_clr = attr.Attr_set&^f.flag, attr.Attr_clr|f.flag
	} else {
		attr.Attr_set, attr.Attr_clr = attr.Attr_set|f.flag, attr.Attr_clr&^f.flag
	}
	if f.flag&unix.MOUNT_ATTR__ATIME == f.flag {
		// These are values of one field, which must be cleared to be set, see
		// mount_setattr(2).
		attr.Attr_clr |= unix.MOUNT_ATTR__ATIME
	}
}

// idMapped reports whether owners are mapped in the mount.
func idMapped(m *specs.Mount, o *MountOptions) bool {
	return o.IDMap || m.UIDMappings != nil || m.GIDMappings != nil
}
