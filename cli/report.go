package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime"
)

// summary is the verdict in one line.
func summary(r *runtime.Report) string {
	skipped := ""
	if n := r.Execs.Skipped; n > 0 {
		skipped = fmt.Sprintf(" (%d skipped)", n)
	}
	text := fmt.Sprintf("%s: exit %d, %s%s, %s, %d ms%s", r.Verdict, r.Exit,
		count(r.Execs.Total, "exec"), skipped, count(r.Ticks, "tick"), r.WallMS, reasons(r))
	var refused []string
	for _, refusal := range r.Refused {
		refused = append(refused, refusal.Syscall)
	}
	return text + list("; refused ", refused) + list("; unmasked ", r.Unmasked)
}

// reasons are those of a tainted verdict.
func reasons(r *runtime.Report) string {
	var taints []string
	for _, taint := range r.Taints {
		text := taint.Kind
		if taint.Detail != "" {
			text += " (" + taint.Detail + ")"
		}
		taints = append(taints, text)
	}
	return list("; because of ", taints)
}

// list is items after a heading; "" when there are none.
func list(heading string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	return heading + strings.Join(items, ", ")
}

// count is a number with its noun.
func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// outputFile checks, before a box runs, that what a flag asks for can be written to path.
// The file itself is not made: in the project it would be in the box.
func (c *Caller) outputFile(flag, path string) (string, error) {
	path, err := c.abs(path)
	if err != nil {
		return "", err
	}
	target := filepath.Dir(path)
	if real, ok := linked(path); ok {
		target = filepath.Dir(real)
	}
	fi, err := os.Stat(path)
	switch {
	case err == nil && fi.IsDir():
		err = unix.EISDIR
	case err == nil && (!fi.Mode().IsRegular() || special(path)):
		err = unix.Access(path, unix.W_OK)
	default:
		err = unix.Access(target, unix.W_OK)
	}
	if err != nil {
		return "", &runtime.Error{Op: flag, On: path, Err: err, Hint: "a file in a directory that you may write to"}
	}
	return path, nil
}

// special tells whether a path leads to what a process has open, as /dev/stdout does,
// whatever that is: no other file may take its place.
func special(path string) bool {
	return strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/")
}

// linked is the regular file that a symbolic link leads to.
func linked(path string) (real string, ok bool) {
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&os.ModeSymlink == 0 || special(path) {
		return "", false
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil || special(real) {
		return "", false
	}
	fi, err := os.Stat(real)
	return real, err == nil && fi.Mode().IsRegular()
}

// indented is a value as JSON for people to read, with every line but the first after prefix.
func indented(v any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // command lines have > and &
	e.SetIndent(prefix, "  ")
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// writeReport writes r to path: at once, by renaming, where that is a file.
func writeReport(path string, r *runtime.Report) error {
	text, err := indented(r, "")
	if err == nil {
		err = replace(path, append(text, '\n'))
	}
	if err != nil {
		return &runtime.Error{Op: "--report", On: path, Err: cause(err)}
	}
	return nil
}

// replace gives the file path the content data, so that nobody sees half of it.
func replace(path string, data []byte) error {
	if fi, err := os.Lstat(path); err == nil && !fi.Mode().IsRegular() {
		if real, ok := linked(path); ok {
			return replace(real, data)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) // a pipe, or what /dev/stderr leads to
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".laplace-new-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
