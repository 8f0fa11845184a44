package seccomp

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// x32Bit marks the calls of the x32 ABI, __X32_SYSCALL_BIT.
const x32Bit = 1 << 30

// numbers has a line a call: its name, and its number on x86-64, x86 and x32.
//
//go:embed syscalls.txt
var numbers string

// callNumbers are the numbers of a call, by column of the table; -1 where there is none.
type callNumbers [3]int64

// callTable is the table, read once.
var callTable = sync.OnceValue(func() map[string]callNumbers {
	table := map[string]callNumbers{}
	for line := range strings.Lines(numbers) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		var n callNumbers
		for i := range n {
			n[i] = -1
			if fields[i+1] == "-" {
				continue
			}
			number, err := strconv.ParseUint(fields[i+1], 10, 16)
			if err != nil {
				panic(fmt.Sprintf("table of system calls: %q", line)) // it is ours, and tested
			}
			n[i] = int64(number)
		}
		table[fields[0]] = n
	}
	return table
})

// An architecture is a set of system calls that a kernel of x86-64 has.
type architecture struct {
	column int    // in the table
	bit    uint32 // of all numbers
	wide   bool   // arguments have 64 bits; otherwise the lower 32 are compared
	// multiplexed are calls that are made through another one.
	multiplexed map[string]demultiplex
}

// A demultiplex tells one call of several that have one number: by the first argument.
type demultiplex struct {
	number uint32 // of the call that is made
	first  uint64 // its first argument
}

var (
	x86_64 = architecture{column: 0, wide: true}
	x32    = architecture{column: 2, bit: x32Bit}
	x86    = architecture{column: 1, multiplexed: x86Multiplexed}
)

// Calls of x86 that are several, see socketcall(2) and ipc(2).
const (
	socketcall = 102
	ipc        = 117
)

var x86Multiplexed = map[string]demultiplex{
	"socket": {socketcall, 1}, "bind": {socketcall, 2}, "connect": {socketcall, 3},
	"listen": {socketcall, 4}, "accept": {socketcall, 5}, "getsockname": {socketcall, 6},
	"getpeername": {socketcall, 7}, "socketpair": {socketcall, 8}, "send": {socketcall, 9},
	"recv": {socketcall, 10}, "sendto": {socketcall, 11}, "recvfrom": {socketcall, 12},
	"shutdown": {socketcall, 13}, "setsockopt": {socketcall, 14}, "getsockopt": {socketcall, 15},
	"sendmsg": {socketcall, 16}, "recvmsg": {socketcall, 17}, "accept4": {socketcall, 18},
	"recvmmsg": {socketcall, 19}, "sendmmsg": {socketcall, 20},
	"semop": {ipc, 1}, "semget": {ipc, 2}, "semctl": {ipc, 3}, "semtimedop": {ipc, 4},
	"msgsnd": {ipc, 11}, "msgrcv": {ipc, 12}, "msgget": {ipc, 13}, "msgctl": {ipc, 14},
	"shmat": {ipc, 21}, "shmdt": {ipc, 22}, "shmget": {ipc, 23}, "shmctl": {ipc, 24},
}

// number is the number of a call of its own, with the architecture's bit.
func (a *architecture) number(name string) (uint32, bool) {
	n, ok := callTable()[name]
	if !ok || n[a.column] < 0 {
		return 0, false
	}
	return uint32(n[a.column]) | a.bit, true
}

// A target is one of the ways in which a call is made.
type target struct {
	number uint32
	demultiplex
}

// targets are the ways in which a call is made, none if the architecture doesn't have it.
func (a *architecture) targets(name string) []target {
	var targets []target
	if d, ok := a.multiplexed[name]; ok {
		targets = append(targets, target{d.number, d})
	}
	if n, ok := a.number(name); ok {
		targets = append(targets, target{number: n})
	}
	return targets
}

// conditions are those of an entry for the target: the first argument of a call that is
// made through another says which one it is, so that nothing else can be said of it.
func (t *target) conditions(args []specs.LinuxSeccompArg) []specs.LinuxSeccompArg {
	if t.demultiplex == (demultiplex{}) {
		return args
	}
	all := []specs.LinuxSeccompArg{{Index: 0, Value: t.first, Op: specs.OpEqualTo}}
	for _, arg := range args {
		if arg.Index != 0 {
			all = append(all, arg)
		}
	}
	return all
}

// Number is the number of a system call of x86-64 by its name.
func Number(name string) (number uint32, ok bool) { return x86_64.number(name) }
