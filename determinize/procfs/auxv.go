package procfs

import "encoding/binary"

// Entries of the auxiliary vector (getauxval(3), <linux/auxvec.h>) whose values
// come from the executable, the arguments or the box. AT_PLATFORM points to
// "x86_64" on every host. All others, CPU features above all, are the host's.
var auxvKept = map[uint64]string{
	3:  "AT_PHDR",
	4:  "AT_PHENT",
	5:  "AT_PHNUM",
	6:  "AT_PAGESZ",
	7:  "AT_BASE",
	8:  "AT_FLAGS",
	9:  "AT_ENTRY",
	11: "AT_UID",
	12: "AT_EUID",
	13: "AT_GID",
	14: "AT_EGID",
	15: "AT_PLATFORM",
	17: "AT_CLKTCK",
	23: "AT_SECURE",
	25: "AT_RANDOM",
	31: "AT_EXECFN",
	33: "AT_SYSINFO_EHDR",
}

const (
	auxvNull  = 0 // AT_NULL ends the vector
	auxvEntry = 16
	// auxvMax bounds the entries that are looked at; the kernel has room for 50.
	auxvMax = 128
)

// auxv is /proc/PID/auxv. The engine changes the vector on the stack, which the
// kernel's copy does not show, so the engine's is used where it is known. Else
// the entries that could differ between hosts are left out.
func auxv(in input) []byte {
	if in.proc.Auxv != nil {
		return in.proc.Auxv
	}
	var out []byte
	for i := 0; i < auxvMax && (i+1)*auxvEntry <= len(in.real); i++ {
		entry := in.real[i*auxvEntry : (i+1)*auxvEntry]
		key := binary.LittleEndian.Uint64(entry)
		if key == auxvNull {
			break
		}
		if _, keep := auxvKept[key]; keep {
			out = append(out, entry...)
		}
	}
	return append(out, make([]byte, auxvEntry)...)
}
