package cli

import (
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
	text := fmt.Sprintf("%s: exit %d, %s, %s, %d ms%s", r.Verdict, r.Exit,
		count(r.Execs.Total, "exec"), count(r.Ticks, "tick"), r.WallMS, reasons(r))
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
	fi, err := os.Stat(path)
	switch {
	case err == nil && fi.IsDir():
		err = unix.EISDIR
	case err == nil && !fi.Mode().IsRegular():
		err = unix.Access(path, unix.W_OK)
	default:
		err = unix.Access(target, unix.W_OK)
	}
	if err != nil {
		return "", &runtime.Error{Op: flag, On: path, Err: err, Hint: "a file in a directory that you may write to"}
	}
	return path, nil
}

// writeReport writes r to path: at once, by renaming, where that is a file.
func writeReport(path string, r *runtime.Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
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
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		return os.WriteFile(path, data, 0) // a pipe, /dev/stderr
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
