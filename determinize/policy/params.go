package policy

import "strings"

// Kind says how an argument register is to be read and printed.
type Kind string

// Kinds of which the kernel reads the low 32 bits or fewer.
const (
	KindFD     Kind = "fd"     // a descriptor
	KindDirFD  Kind = "dirfd"  // a descriptor of a directory, or AT_FDCWD
	KindInt    Kind = "int"    // a signed number
	KindUint   Kind = "uint"   // an unsigned number
	KindHex    Kind = "hex"    // flags, printed in hexadecimal
	KindMode   Kind = "mode"   // file mode, printed in octal
	KindPID    Kind = "pid"    // a process, thread or group
	KindID     Kind = "id"     // a user or group id; -1 for none
	KindSignal Kind = "signal" // a signal number
	KindClock  Kind = "clock"  // a clock id
	KindWhence Kind = "whence" // SEEK_SET and the others
)

// Kinds of which the kernel reads all 64 bits.
const (
	KindLong   Kind = "long"   // a signed number
	KindSize   Kind = "size"   // an unsigned number of bytes or items
	KindOff    Kind = "off"    // a file offset
	KindAddr   Kind = "addr"   // an address that is not followed
	KindWord   Kind = "word"   // flags or an untyped value, in hexadecimal
	KindPath   Kind = "path"   // address of a path
	KindStr    Kind = "str"    // address of another string
	KindStrVec Kind = "strvec" // address of an array of strings
	KindIn     Kind = "in"     // address of bytes or a struct that is read
	KindOut    Kind = "out"    // address of bytes or a struct that is written
	KindInOut  Kind = "inout"  // address of a struct that is read and written
)

// Kinds with rules of their own; see RulesOf.
const (
	KindIoctl      Kind = "ioctl"      // 32 bits, Ioctls
	KindFcntl      Kind = "fcntl"      // 32 bits, Fcntls
	KindPrctl      Kind = "prctl"      // 32 bits, Prctls
	KindArchPrctl  Kind = "archprctl"  // 32 bits, ArchPrctls
	KindFamily     Kind = "family"     // 32 bits, SocketFamilies
	KindOpen       Kind = "open"       // 32 bits, OpenFlags
	KindGetrandom  Kind = "getrandom"  // 32 bits, GetrandomFlags
	KindMadvise    Kind = "madvise"    // 32 bits, Madvises
	KindClone      Kind = "clone"      // 64 bits, CloneFlags
	KindMmapFlags  Kind = "mmap"       // 64 bits, MmapFlags
	KindProt       Kind = "prot"       // 64 bits, ProtFlags
	KindMremapFlag Kind = "mremapflag" // 64 bits, MremapFlags
)

// kindBits is every kind with the width that the kernel reads.
var kindBits = map[Kind]int{
	KindFD: 32, KindDirFD: 32, KindInt: 32, KindUint: 32, KindHex: 32,
	KindMode: 32, KindPID: 32, KindID: 32, KindSignal: 32, KindClock: 32,
	KindWhence: 32,
	KindLong:   64, KindSize: 64, KindOff: 64, KindAddr: 64, KindWord: 64,
	KindPath: 64, KindStr: 64, KindStrVec: 64, KindIn: 64, KindOut: 64,
	KindInOut: 64,
	KindIoctl: 32, KindFcntl: 32, KindPrctl: 32, KindArchPrctl: 32,
	KindFamily: 32, KindOpen: 32, KindGetrandom: 32, KindMadvise: 32,
	KindClone: 64, KindMmapFlags: 64, KindProt: 64, KindMremapFlag: 64,
}

// Bits returns how many low bits of the register the kernel reads at most: 32
// or 64. An unknown kind has 64.
func (k Kind) Bits() int {
	if n, ok := kindBits[k]; ok {
		return n
	}
	return 64
}

// Param is one argument of a system call.
type Param struct {
	Name string // as the manual names it
	Kind Kind   // how to read the register
}

// Params returns the arguments in register order. There are at most six.
func (r Row) Params() []Param {
	fields := strings.Fields(r.Args)
	ps := make([]Param, 0, len(fields))
	for _, f := range fields {
		name, kind, _ := strings.Cut(f, ":")
		ps = append(ps, Param{Name: name, Kind: Kind(kind)})
	}
	return ps
}

// Accesses returns the accesses that the call can leave, each "verb object".
func (r Row) Accesses() []string {
	if r.Access == "" {
		return nil
	}
	return strings.Split(r.Access, ", ")
}

// ruleKinds says which rules judge arguments of a kind.
var ruleKinds = map[Kind]*Rules{
	KindIoctl: &Ioctls, KindFcntl: &Fcntls, KindPrctl: &Prctls,
	KindArchPrctl: &ArchPrctls, KindFamily: &SocketFamilies,
	KindOpen: &OpenFlags, KindGetrandom: &GetrandomFlags,
	KindMadvise: &Madvises, KindClone: &CloneFlags,
	KindMmapFlags: &MmapFlags, KindProt: &ProtFlags,
	KindMremapFlag: &MremapFlags,
}

// RulesOf returns the rules that judge, and name, arguments of this kind.
func RulesOf(k Kind) (*Rules, bool) {
	r, ok := ruleKinds[k]
	return r, ok
}
