// Package policy is the one table of system calls: for every x86-64 call of
// Linux 6.18 it says what becomes of it in a box, and why.
//
// [Table] is an array indexed by number. A [Row] has a [Class]; the zero class
// is [Refuse], so that a row nobody wrote fails closed. From the table come the
// seccomp program ([Filter]), the text of "laplace syscalls" and
// docs/syscalls.md ([Write]), and the argument names and kinds that the trace
// prints ([Row.Params]).
//
// A row decides by number, and by the few register arguments named in
// Row.Trap. Where the meaning of a call hangs on a request, an option, a
// command or a word of flags, the engine judges the stopped call by the rules
// of that argument: [Ioctls], [Fcntls], [Prctls], [ArchPrctls], [CloneFlags],
// [OpenFlags], [ResolveFlags], [MmapFlags], [ProtFlags], [MremapFlags],
// [Madvises], [SocketFamilies], [GetrandomFlags].
//
// # Numbers
//
// Calls later than 6.18 and the gaps of the number space have no row. They
// stop, and the engine answers ENOSYS, as it does for the x32 entries (number
// with bit 30 set) and for every architecture but AUDIT_ARCH_X86_64, that is
// for int 0x80 and the compatibility entries.
//
// Calls younger than the oldest kernel that a box may run on are refused with
// ENOSYS although 6.18 has them: a call that succeeds on one host and fails on
// another is an observation of the host.
//
// # Registers and the kernel's narrower types
//
// seccomp shows a filter the whole 64-bit registers, but the kernel reads only
// the low half of an int argument. A condition in Row.Trap must therefore not
// be escapable by setting the high half of a register: whatever stops must
// still stop with any high half. Conditions on int arguments are written so
// that a high half that is not zero stops too; a test holds every row to this.
//
// # Testing under the x/net/bpf machine
//
// Classic BPF was made for packets, and the virtual machine of
// golang.org/x/net/bpf loads words in network order. The kernel's seccomp
// loads words of struct seccomp_data in the machine's own order. The offsets
// are the same; so the tests lay seccomp_data out as the kernel does (low half
// of each 64-bit field first) and write each 32-bit word big-endian.
package policy
