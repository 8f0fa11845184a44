package determinize

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vdso"
)

// vdsoPlan is what to do to the vDSO of each new program: all of a box's have
// the same.
type vdsoPlan struct {
	patches []vdso.Patch
	room    uint64 // offset of the place for the code that programs begin with
	data    uint64 // length of the data pages before the image
	clocks  vdso.ClockCode
	counts  bool // there is room for the clocks' code
}

// patchVDSO keeps a new program from what the kernel shows without a call. The
// functions of its vDSO become system calls, and the pages with their data, in
// which the host's time stands, are unmapped by the program itself before its
// first instruction: to have it stop once more would cost more than that.
func (e *engine) patchVDSO(t *task, base uint64) {
	if e.vdso == nil {
		plan, err := e.planVDSO(t, base)
		if errors.Is(err, ErrLost) {
			e.vanished()
			return
		}
		if e.vdso, e.fatal = plan, err; err != nil {
			return
		}
	}
	var regs unix.PtraceRegs
	if e.tr.Regs(t.pid, &regs) != 0 {
		e.vanished()
		return
	}
	at := base + e.vdso.room
	errno := e.tr.Poke(t.pid, at, vdso.Entry(base-e.vdso.data, e.vdso.data, regs.Rip))
	for _, p := range e.vdso.patches {
		if errno == 0 {
			errno = e.tr.Poke(t.pid, base+p.Offset, p.Code)
		}
	}
	if errno == 0 {
		errno = e.tr.SetIP(t.pid, at)
	}
	if errno != 0 {
		e.vanished()
	}
	t.dataLeft, t.syscallAt = at+vdso.EntryFailed, at+vdso.EntrySyscall
	t.vdso, t.reads = base, nil
}

func (e *engine) planVDSO(t *task, base uint64) (*vdsoPlan, error) {
	image := make([]byte, vdso.MaxSize)
	n, errno := e.tr.Read(t.pid, base, image)
	if errno != 0 {
		return nil, ErrLost
	}
	image = image[:n]
	patches, err := vdso.Patches(image)
	if err != nil {
		return nil, err
	}
	room, ok := vdso.Room(image)
	if !ok {
		return nil, fmt.Errorf("%w: no function has %d bytes", vdso.ErrUnpatchable, vdso.EntrySize)
	}
	maps, errno := readAll(e.procFD(), strconv.Itoa(t.pid)+"/maps")
	if errno != 0 {
		return nil, ErrLost
	}
	data, ok := vdsoData(maps, base)
	if !ok {
		return nil, fmt.Errorf("%w: /proc/PID/maps does not show them before the vDSO", vdso.ErrData)
	}
	clocks, counts := vdso.Clocks(image)
	return &vdsoPlan{patches, room, data, clocks, counts}, nil
}

// vdsoData finds the length of the data pages of a vDSO in /proc/PID/maps: the
// mappings whose names begin with "[vvar". ok is false unless they lie, without
// a gap, directly before base.
func vdsoData(maps []byte, base uint64) (length uint64, ok bool) {
	var start, end uint64
	for line := range bytes.Lines(maps) {
		f := strings.Fields(string(line))
		if len(f) < 6 || !strings.HasPrefix(f[5], "[vvar") {
			continue
		}
		low, high, _ := strings.Cut(f[0], "-")
		lo, errLo := strconv.ParseUint(low, 16, 64)
		hi, errHi := strconv.ParseUint(high, 16, 64)
		if errLo != nil || errHi != nil || lo >= hi || end != 0 && lo != end {
			return 0, false
		}
		if end == 0 {
			start = lo
		}
		end = hi
	}
	const most = 1 << 20 // of kernels to come; 6.18 has 24 KiB
	return base - start, end != 0 && end == base && base-start <= most
}

// dataLeft tells whether a task that gets SIGILL could not unmap the data of
// its vDSO.
func (e *engine) dataLeft(t *task) bool {
	var regs unix.PtraceRegs
	return t.dataLeft != 0 && e.tr.Regs(t.pid, &regs) == 0 && regs.Rip == t.dataLeft
}
