package exe

import "bytes"

// headSize is how much of a file the kernel looks at to tell its format
// (BINPRM_BUF_SIZE). A #! line that is longer is cut there.
const headSize = 256

// parseScript parses a #! line exactly as load_script in the kernel's
// fs/binfmt_script.c does: buf is the first headSize bytes of the file, padded
// with NULs, and may be written to. ok is false where that function answers
// ENOEXEC.
func parseScript(buf []byte) (interp, arg string, ok bool) {
	if buf[0] != '#' || buf[1] != '!' {
		return "", "", false
	}
	end := bytes.IndexByte(buf, '\n')
	if nul := bytes.IndexByte(buf, 0); nul >= 0 && nul < end {
		end = -1 // strnchr stops at a NUL
	}
	if end < 0 {
		// Without a newline the interpreter's name may have been cut:
		// only a blank or NUL after it says that it was not.
		end = len(buf) - 1
		name := nextNonBlank(buf, 2, end)
		if name < 0 || nextTerminator(buf, name, end) < 0 {
			return "", "", false
		}
	}
	for blank(buf[end-1]) {
		end--
	}
	name := nextNonBlank(buf, 2, end)
	if name < 0 || name == end {
		return "", "", false
	}
	sep := nextTerminator(buf, name, end)
	argAt := -1
	if sep >= 0 && buf[sep] != 0 {
		argAt = nextNonBlank(buf, sep, end)
	}
	buf[end] = 0
	if argAt >= 0 {
		buf[sep] = 0
		arg = cString(buf[argAt:])
	}
	return cString(buf[name:]), arg, true
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// nextNonBlank returns the first position in [from, to] that is neither space
// nor tab, or -1.
func nextNonBlank(b []byte, from, to int) int {
	for ; from <= to; from++ {
		if !blank(b[from]) {
			return from
		}
	}
	return -1
}

// nextTerminator returns the first position in [from, to] of a space, tab or
// NUL, or -1.
func nextTerminator(b []byte, from, to int) int {
	for ; from <= to; from++ {
		if blank(b[from]) || b[from] == 0 {
			return from
		}
	}
	return -1
}

// cString returns the bytes of b before the first NUL.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
