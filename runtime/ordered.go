package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a command's run came to order is remembered, and its next run begins with it: else it
// would be run twice each time. To order more than there are conflicts about changes no
// result, so this is no input: it may be forgotten, and nobody need trust it.

// orderedDir is where it is remembered, a file for each project and command.
func orderedDir(state string) string {
	return filepath.Join(state, "v"+strconv.Itoa(Format), "ordered")
}

// Bounds of what is remembered.
const (
	maxOrderedSize  = 256 << 10 // bytes of a file
	maxOrderedFiles = 1000
)

// orderedSerial, in the place of paths, stands for all calls. No path is like it.
const orderedSerial = "serial"

// orderedName is what the file of a box's project and command is called: its project's part,
// then its command's.
func orderedName(box *Box) string {
	h := sha256.New()
	p := box.Spec.Process
	for _, s := range append([]string{box.Project, p.Cwd}, p.Args...) {
		_, _ = io.WriteString(h, strconv.Quote(s)+"\n")
	}
	return orderedProject(box.Project) + hex.EncodeToString(h.Sum(nil)[:16])
}

// orderedProject is how the names of all of a project's files begin.
func orderedProject(project string) string {
	sum := sha256.Sum256([]byte(project))
	return hex.EncodeToString(sum[:8]) + "-"
}

// recall is the first attempt at a box: with what is remembered of it. A damaged file says nothing.
func recall(box *Box) attempt {
	a := attempt{N: 1}
	f, err := os.Open(filepath.Join(orderedDir(box.State), orderedName(box)))
	if err != nil {
		return a
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxOrderedSize+1))
	if err != nil || len(text) > maxOrderedSize || len(text) == 0 {
		return a
	}
	if string(text) == orderedSerial {
		a.Serial = true
		return a
	}
	paths := strings.Split(string(text), "\x00")
	for _, p := range paths {
		if !filepath.IsAbs(p) || filepath.Clean(p) != p {
			return a
		}
	}
	if slices.Sort(paths); len(paths) <= maxOrdered {
		a.Ordered = slices.Compact(paths)
	}
	return a
}

// remember writes down what an attempt ordered, in the place of what is there.
func remember(box *Box, a *attempt, log *slog.Logger) {
	text := strings.Join(a.Ordered, "\x00")
	if a.Serial {
		text = orderedSerial
	}
	if len(text) > maxOrderedSize {
		return
	}
	if err := writeOrdered(orderedDir(box.State), orderedName(box), text); err != nil {
		log.Debug("remember what was ordered", "err", err)
	}
}

// writeOrdered writes one of the files, and removes the oldest ones if there are too many.
func writeOrdered(dir, name, text string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "new-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return trimOrdered(dir)
}

// trimOrdered removes the oldest files of a directory that has too many.
func trimOrdered(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= maxOrderedFiles {
		return err
	}
	age := make(map[string]time.Time, len(entries))
	for _, e := range entries {
		if fi, err := e.Info(); err == nil {
			age[e.Name()] = fi.ModTime()
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return age[a.Name()].Compare(age[b.Name()]) })
	for _, e := range entries[:len(entries)-maxOrderedFiles*9/10] {
		_ = os.Remove(filepath.Join(dir, e.Name())) // somebody else may have
	}
	return nil
}

// forget removes what is remembered of a box's command.
func forget(box *Box) { _ = os.Remove(filepath.Join(orderedDir(box.State), orderedName(box))) }

// forgetOrdered removes what is remembered of a project's commands.
func forgetOrdered(state, project string) {
	all, _ := filepath.Glob(filepath.Join(orderedDir(state), orderedProject(project)+"*"))
	for _, path := range all {
		_ = os.Remove(path)
	}
}
