package oci

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Direct is a program that is in every box and on no host. It takes the arguments of
// laplace and runs the command in them directly, because that is in a box already. An exec
// of Laplace's own executable in a box becomes one of this script: like all that is
// written in Go, Laplace would need threads, which boxes refuse. And a Laplace that does
// run, of another version, knows by this file that it is in a box.
const Direct = "/run/laplace/direct"

// DefaultHostname is what uname(2) and /etc/hostname call every box.
const DefaultHostname = "laplace"

// maxHostname is __NEW_UTS_LEN, see sethostname(2).
const maxHostname = 64

// A User is who the guest believes to be.
type User struct {
	UID uint32
	GID uint32
}

// HostIDs is added to the IDs of a guest whose caller is root: outside the box it is a user
// that owns nothing.
const HostIDs = 0x70000000

// Users that have names.
var (
	Guest = User{1000, 1000} // the guest, whoever runs the box
	Root  = User{0, 0}       // for package builds and installs
)

// Name is the user's name in the box's /etc/passwd and in USER.
func (u User) Name() string {
	switch u.UID {
	case Root.UID:
		return "root"
	case nobody.UID:
		return "nobody"
	}
	return "user"
}

// Home is the user's home directory, unless Options.Home says otherwise.
func (u User) Home() string {
	if u.UID == Root.UID {
		return "/root"
	}
	return "/home/" + u.Name()
}

// nobody is the overflow user of Linux, see user_namespaces(7).
var nobody = User{65534, 65534}

// A Bind is a file or directory of the host that the box sees read-only.
type Bind struct {
	Source string // on the host: absolute, without symbolic links
	Target string // in the box: absolute and clean
}

// Options are what Build makes a bundle from. All paths are absolute and clean; those
// on the host are free of symbolic links.
type Options struct {
	// Args is the command, as execvp(3) takes it. At least one.
	Args []string
	// Env is added to the environment that every box has; "K=V". Of two entries with
	// the same name the later one counts, and it counts over the box's own.
	Env []string
	// Cwd is the working directory in the box.
	Cwd string
	// User is who the guest is, in the box.
	User User
	// HostUser is who the guest is outside, in the caller's user namespace.
	HostUser User
	// Home is where HOME points to; "" means User.Home(). The directory is fresh and
	// empty unless it lies in a directory that the caller gave.
	Home string
	// Hostname is the box's host name; "" means DefaultHostname.
	Hostname string
	// Terminal gives the command a terminal of 24 rows and 80 columns.
	Terminal bool
	// Settings are the settings that travel as annotations.
	Settings Settings

	// Direct is the content of the script at Direct.
	Direct []byte

	// Root is the directory whose entries the root is composed of.
	Root string
	// Whole takes every entry of Root. Otherwise Root is that of a running host, of
	// which the box sees what programs need and nothing that is private to the host or
	// its users: see hostEntries.
	Whole bool
	// Project is the project's directory.
	Project Overlay
	// Writable are further directories that the box may change.
	Writable []Overlay
	// ReadOnly are further directories, or files, that the box sees.
	ReadOnly []Bind
}

// Validate returns an error that names the first option which makes no sense. It does
// not look at the file system.
func (o *Options) Validate() error {
	if len(o.Args) == 0 || o.Args[0] == "" {
		return errors.New("no command")
	}
	for _, arg := range o.Args {
		if strings.ContainsRune(arg, 0) {
			return errors.New("command: a null byte in an argument")
		}
	}
	for _, entry := range o.Env {
		if name, _, ok := strings.Cut(entry, "="); !ok || name == "" || strings.ContainsRune(entry, 0) {
			return fmt.Errorf("environment %q: not of the form NAME=VALUE", entry)
		}
	}
	if err := validHostname(o.hostname()); err != nil {
		return err
	}
	if err := o.Settings.Validate(); err != nil {
		return err
	}
	if err := o.validTargets(); err != nil {
		return err
	}
	if err := ValidTarget(o.home()); err != nil {
		return fmt.Errorf("home: %w", err)
	}
	if !path.IsAbs(o.Cwd) {
		return fmt.Errorf("working directory %q: not an absolute path", o.Cwd)
	}
	return nil
}

// validTargets checks each place that the caller fills, and that no two are the same.
func (o *Options) validTargets() error {
	seen := map[string]bool{}
	check := func(target string) error {
		if err := ValidTarget(target); err != nil {
			return err
		}
		if seen[target] {
			return fmt.Errorf("%s: given twice", target)
		}
		seen[target] = true
		return nil
	}
	for _, overlay := range o.overlays() {
		if err := check(overlay.Target); err != nil {
			return err
		}
	}
	for _, bind := range o.ReadOnly {
		if err := check(bind.Target); err != nil {
			return err
		}
	}
	return nil
}

// ValidTarget returns an error unless a directory of the host may be placed at target
// in a box.
func ValidTarget(target string) error {
	if !path.IsAbs(target) || path.Clean(target) != target {
		return fmt.Errorf("%q: not an absolute, clean path", target)
	}
	if strings.ContainsRune(target, 0) {
		return fmt.Errorf("%q: a null byte", target)
	}
	if target == "/" {
		return errors.New("/: the root of the box is composed, it cannot be replaced")
	}
	for _, own := range []string{"/proc", "/sys", "/dev", path.Dir(Direct)} {
		if within(target, own) || within(own, target) {
			return fmt.Errorf("%s: %s of a box is its own", target, own)
		}
	}
	return nil
}

// validHostname follows hostname(7).
func validHostname(name string) error {
	ok := len(name) <= maxHostname
	for label := range strings.SplitSeq(name, ".") {
		ok = ok && label != "" && !strings.HasPrefix(label, "-") && !strings.HasSuffix(label, "-") &&
			strings.Trim(label, "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	}
	if !ok {
		return fmt.Errorf("hostname %q: not up to %d letters, digits, hyphens and dots", name, maxHostname)
	}
	return nil
}

func (o *Options) hostname() string {
	if o.Hostname == "" {
		return DefaultHostname
	}
	return o.Hostname
}

func (o *Options) home() string {
	if o.Home == "" {
		return o.User.Home()
	}
	return o.Home
}

// overlays returns the project and the other writable directories.
func (o *Options) overlays() []Overlay {
	return append([]Overlay{o.Project}, o.Writable...)
}

// within reports whether a is dir or lies in it; both are absolute and clean.
func within(a, dir string) bool {
	return a == dir || dir == "/" || strings.HasPrefix(a, dir+"/")
}
