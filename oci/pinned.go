package oci

import "fmt"

// hostEntries are the entries of a host's root directory that programs are made of.
// What is not listed is private to the host, to its users or to this moment: /home,
// /root, /srv, /mnt, /media, /boot, /run, /var. Those of them that programs expect are
// made anew for each box.
var hostEntries = map[string]string{
	"bin":    "programs",
	"sbin":   "programs",
	"lib":    "libraries",
	"lib32":  "libraries",
	"lib64":  "libraries; the path of the dynamic loader",
	"libx32": "libraries",
	"usr":    "programs and libraries",
	"opt":    "programs and libraries",
	"etc":    "configuration of programs",
	"nix":    "programs of Nix and NixOS",
	"gnu":    "programs of Guix",
}

// needed are the directories without which no program runs: what takes the place of one
// must be the same directory.
var needed = []string{
	"/bin", "/etc", "/lib", "/lib64", "/usr/bin", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64",
}

// ownEntries are the entries of the root directory that a box makes anew whatever it is
// composed of.
var ownEntries = map[string]string{
	"dev":  "pseudo devices",
	"proc": "the box's processes",
	"run":  "empty, see tmpfiles.d(5)",
	"sys":  "of sysfs only what programs need, see package procfs",
	"tmp":  "empty",
}

// varEntries are the directories below /var that belong to what is installed and not to
// what happened since.
var varEntries = map[string]string{
	"/var/lib/dpkg":                "the package database, read by dpkg-buildpackage",
	"/var/lib/rpm":                 "the package database, read by rpmbuild",
	"/var/lib/pacman":              "the package database, read by makepkg",
	"/var/lib/ghc":                 "Debian's Haskell packages",
	"/var/lib/gems":                "Debian's Ruby packages",
	"/var/lib/texmf":               "Debian's TeX formats",
	"/var/lib/sgml-base":           "Debian's SGML catalogue",
	"/var/lib/xml-core":            "Debian's XML catalogue",
	"/var/lib/aspell":              "dictionaries",
	"/var/lib/dictionaries-common": "dictionaries",
}

// omitted are the files that tell one host from another and that programs which run as
// an ordinary user have no use for.
var omitted = map[string]string{
	"/etc/.pwd.lock":    "lock of the account database",
	"/etc/.updated":     "when the host was updated",
	"/etc/adjtime":      "drift of the host's clock",
	"/etc/crypttab":     "the host's disks",
	"/etc/fstab":        "the host's disks",
	"/etc/group-":       "backup of the account database",
	"/etc/gshadow":      "passwords",
	"/etc/gshadow-":     "passwords",
	"/etc/hostid":       "the host's identity",
	"/etc/machine-info": "the host's identity",
	"/etc/passwd-":      "backup of the account database",
	"/etc/shadow":       "passwords",
	"/etc/shadow-":      "passwords",
	"/etc/subgid":       "the host's users",
	"/etc/subgid-":      "the host's users",
	"/etc/subuid":       "the host's users",
	"/etc/subuid-":      "the host's users",
	"/etc/timezone":     "the host's time zone",
}

// pinnedSymlinks replace links of the host that differ between hosts.
var pinnedSymlinks = []Symlink{
	{Path: "/etc/localtime", Target: "/usr/share/zoneinfo/UTC"},
	{Path: "/etc/mtab", Target: "../proc/self/mounts"},
	{Path: "/var/run", Target: "/run"},
}

// networkFiles are taken from the host when the box is in the host's network.
var networkFiles = []string{"/etc/hosts", "/etc/resolv.conf"}

// pinnedFiles are the generated files of every box.
func (o *Options) pinnedFiles() []File {
	text := func(path, format string, args ...any) File {
		return File{Path: path, Mode: 0o644, Data: fmt.Appendf(nil, format, args...)}
	}
	host := o.hostname()
	return []File{
		text("/etc/group", "%s", o.group()),
		text("/etc/hostname", "%s\n", host),
		text("/etc/hosts", "127.0.0.1\tlocalhost %s\n::1\tlocalhost\n", host),
		text("/etc/machine-id", "6c61706c61636520626f780000000000\n"),
		text("/etc/passwd", "%s", o.passwd()),
		text("/etc/resolv.conf", ""),
		{Path: Direct, Mode: 0o755, Data: o.Direct},
	}
}

// An account is a line of passwd(5) and of group(5).
type account struct {
	User
	group string
	home  string
}

// accounts are the users that a box knows: root, the guest, and nobody. The one that
// the command runs as has the IDs and the home directory that were asked for.
func (o *Options) accounts() []account {
	accounts := []account{
		{Root, "root", Root.Home()},
		{Guest, "user", Guest.Home()},
		{nobody, "nogroup", "/nonexistent"},
	}
	for i := range accounts {
		if accounts[i].Name() == o.User.Name() {
			accounts[i].User, accounts[i].home = o.User, o.home()
		}
	}
	return accounts
}

// passwd is the box's passwd(5).
func (o *Options) passwd() []byte {
	var text []byte
	for _, a := range o.accounts() {
		text = fmt.Appendf(text, "%s:x:%d:%d:%s:%s:/bin/sh\n", a.Name(), a.UID, a.GID, a.Name(), a.home)
	}
	return text
}

// group is the box's group(5). Of two groups with one number the first is found.
func (o *Options) group() []byte {
	var text []byte
	for _, a := range o.accounts() {
		text = fmt.Appendf(text, "%s:x:%d:\n", a.group, a.GID)
	}
	return text
}
