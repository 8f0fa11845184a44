package procfs

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Fields of /proc/PID/stat by their number in proc_pid_stat(5) that are taken
// from the kernel: they are functions of what the program did.
const (
	statVsize      = 23
	statStartcode  = 26
	statEndcode    = 27
	statStartstack = 28
	statBlocked    = 32
	statSigignore  = 33
	statSigcatch   = 34
	statExitSignal = 38
	statStartdata  = 45 // up to env_end, 51
	statExitcode   = 52
	statFields     = 52
)

// statFlags is the flags field of a process that has executed a program.
const statFlags = 0x400000

// parseStat reads the numbers of a stat line, in which the name may hold any
// byte: the last parenthesis ends it. state is 0 and fields are "0" where the
// line has another form.
func parseStat(real []byte) (state byte, f [statFields + 1]string) {
	for i := range f {
		f[i] = "0"
	}
	end := bytes.LastIndexByte(real, ')')
	if end < 0 {
		return 0, f
	}
	words := strings.Fields(string(real[end+1 : min(len(real), end+4096)]))
	if len(words) == 0 || len(words[0]) != 1 {
		return 0, f
	}
	for i, w := range words[1:] {
		if n := i + 4; n <= statFields && isInteger(w) {
			f[n] = w
		}
	}
	return words[0][0], f
}

// isInteger reports whether s is a number of 64 bits, signed or not.
func isInteger(s string) bool {
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		return true
	}
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

// state is the letter for a task's state. The kernel shows a task that the
// engine holds as t, traced; the guest has no tracer. What the kernel calls a
// task that sleeps depends on how it waits, so one letter is for all.
func (p Process) state(real byte) byte {
	if p.State != 0 {
		real = p.State
	}
	switch real {
	case 'R', 'Z', 'X', 'T':
		return real
	case 't':
		return 'T'
	}
	return 'S'
}

// stat is /proc/PID/stat.
func stat(in input) []byte {
	p := in.proc
	state, f := parseStat(in.real)
	vsize, _ := strconv.ParseUint(f[statVsize], 10, 64)
	own := ticks(p.OwnTime)
	children := ticks(p.ChildTime)

	b := fmt.Appendf(nil, "%d (%s) %c %d %d %d %d %d %d", p.PID, p.Comm, p.state(state),
		p.PPID, p.PGID, p.SID, p.TTY, p.TPGID, uint32(statFlags))
	b = append(b, " 0 0 0 0"...) // page faults
	b = fmt.Appendf(b, " %d 0 %d 0", own, children)
	b = fmt.Appendf(b, " %d %d %d 0 %d", 20+p.Nice, p.Nice, p.Threads, ticks(p.Start))
	b = fmt.Appendf(b, " %d %d %d", vsize, Resident(vsize)/pageSize, p.Limits[limitRSS].Soft)
	b = fmt.Appendf(b, " %s %s %s 0 0", f[statStartcode], f[statEndcode], f[statStartstack])
	b = fmt.Appendf(b, " 0 %s %s %s", f[statBlocked], f[statSigignore], f[statSigcatch])
	b = fmt.Appendf(b, " 0 0 0 %s 0 0 0 0 0 0", f[statExitSignal])
	for n := statStartdata; n <= statExitcode; n++ {
		b = append(b, ' ')
		b = append(b, f[n]...)
	}
	return append(b, '\n')
}

// statm is /proc/PID/statm, in pages: size, resident, shared, text, lib, data,
// dirty.
func statm(in input) []byte {
	words := strings.Fields(string(in.real[:min(len(in.real), 4096)]))
	var n [7]uint64
	for i := range n {
		if i < len(words) {
			// A field that is no number is 0.
			n[i], _ = strconv.ParseUint(words[i], 10, 52)
		}
	}
	size, text, data := n[0], n[3], n[5]
	resident := Resident(size*pageSize) / pageSize
	var shared uint64
	if size > data {
		shared = min(resident, size-data)
	}
	return fmt.Appendf(nil, "%d %d %d %d 0 %d 0\n", size, resident, shared, text, data)
}
