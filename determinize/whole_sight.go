package determinize

import (
	"slices"
	"strings"

	"laplace.dev/laplace/determinize/memo"
)

// What modification times are to programs. A program that is not in these tables may do anything
// with them. They are known by what they are called: an exec of another program by one of these
// names, which writes times of files down, would be skipped where it should not be.

// orders are programs that do nothing with modification times but find out which of two is
// later.
var orders = []string{"make", "gmake", "sh", "dash", "bash", "test", "["}

// blinds are programs to which modification times and inode numbers mean nothing.
var blinds = []string{
	"cc", "c++", "gcc", "g++", "cpp", "cc1", "cc1plus", "collect2", "lto1", "lto-wrapper", "as", "ld", "ld.bfd", "ld.gold", "clang", "clang++",
	"nm", "strip", "objcopy", "objdump", "size", "readelf", "ranlib",
	"cat", "head", "tail", "cut", "tr", "sort", "uniq", "wc", "tee", "od", "cmp", "diff", "grep", "egrep", "fgrep", "sed", "awk", "mawk", "gawk", "m4",
	"echo", "printf", "true", "false", "expr", "basename", "dirname", "uname", "env", "pwd", "yes", "seq",
	"mkdir", "rm", "rmdir", "ln", "chmod", "mktemp", "readlink", "sha256sum", "md5sum",
	"clustalw", "clustalo", "hmmbuild", "hmmsearch", "bwa", "samtools",
}

// careful are programs to which they mean nothing unless they are asked to, by one of these
// letters or words among their options.
var careful = map[string][]string{
	"cp":      {"p", "a", "u", "--preserve", "--archive", "--update"},
	"mv":      {"u", "--update"},
	"install": {"p", "C", "--preserve-timestamps", "--compare"},
	"ar":      {"u", "o", "U"},
}

// sightOfProgram is what modification times are to a program, by its canonical path, with these
// arguments.
func sightOfProgram(program string, argv []string) memo.Sight {
	if len(argv) == 0 {
		return memo.Exact
	}
	_, name := split(program)
	// Compilers for other machines, and of a version: x86_64-linux-gnu-gcc-12.
	name = strings.TrimPrefix(name, "x86_64-linux-gnu-")
	if base, version, ok := strings.Cut(name, "-"); ok && strings.Trim(version, "0123456789.") == "" {
		name = base
	}
	switch options, isCareful := careful[name]; {
	case slices.Contains(orders, name):
		return memo.Order
	case slices.Contains(blinds, name):
		return memo.Blind
	case isCareful && !asksFor(argv[1:], options, name == "ar"):
		return memo.Blind
	}
	return memo.Exact
}

// asksFor tells whether there is one of some options among arguments. bare says that the first
// argument is a word of letters.
func asksFor(args, options []string, bare bool) bool {
	for i, arg := range args {
		long := strings.HasPrefix(arg, "--")
		letters, short := strings.CutPrefix(arg, "-")
		if short = short && !long; bare && i == 0 {
			short = true
		}
		for _, o := range options {
			if long && strings.HasPrefix(o, "--") && (strings.HasPrefix(arg, o) || len(arg) > 2 && strings.HasPrefix(o, arg)) || short && len(o) == 1 && strings.Contains(letters, o) {
				return true
			}
		}
	}
	return false
}
