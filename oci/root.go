package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// bindOptions mount a directory of the host, with everything mounted in it, so that
// nothing of it can be changed, whoever the guest is.
var bindOptions = []string{"rbind", "rro", "rnosuid", "rnodev"}

// A composer gathers what a composed root consists of. Entries are placed in order of
// rank: what the caller gave, what every box has, and at last the entries of the root
// directory, around what is there.
//
// A directory of the root directory is bound as a whole where that is possible. Where
// files or links are placed right in it, as in /etc, the bind is patched. Where something
// is placed in it that has no mount point there, it is made of its entries instead, each
// bound on its own; so that a project can be placed at a path that does not exist, without
// writing to the host.
type composer struct {
	root   string // host directory that the root is made of
	whole  bool   // all of its entries, not only those of hostEntries
	bundle *Bundle
	placed map[string]placement
	// given maps the targets that the caller gave to their sources. Nothing of ours
	// goes to or below these targets.
	given map[string]string
}

// A placement says what is at a destination.
type placement uint8

const (
	placedMount  placement = iota + 1 // needs a mount point
	placedObject                      // a file or link of the root itself; or nothing, on purpose
)

// give places a directory or file of the host that the caller gave, and returns where.
func (c *composer) give(source, target string) (string, error) {
	target, err := c.resolve(target)
	if err != nil {
		return "", err
	}
	if c.given[target] != "" {
		return "", fmt.Errorf("%s: given twice", target)
	}
	if real, err := filepath.EvalSymlinks(filepath.Join(c.root, target)); err != nil || real != source {
		if err := c.hides(target); err != nil {
			return "", err
		}
	}
	c.placed[target] = placedMount
	c.given[target] = source
	return target, nil
}

// hides returns an error if something else at target hides what every program needs.
func (c *composer) hides(target string) error {
	for _, dir := range needed {
		if _, err := os.Lstat(filepath.Join(c.root, dir)); err == nil && within(dir, target) {
			return fmt.Errorf("%s: it would hide %s, which programs need", target, dir)
		}
	}
	return nil
}

// resolve follows the symbolic links of the root directory in the parents of target,
// as the box will: /lib/x is placed at /usr/lib/x where /lib is a link to it.
func (c *composer) resolve(target string) (string, error) {
	dir, base := path.Split(target)
	if top, _, _ := strings.Cut(target[1:], "/"); !c.takes(top) {
		return target, nil // what the host has there is not in the box
	}
	resolved, err := securejoin.SecureJoin(c.root, dir)
	if err != nil {
		return "", fmt.Errorf("%s: %w", target, err)
	}
	rel, err := filepath.Rel(c.root, resolved)
	if err != nil {
		return "", fmt.Errorf("%s: %w", target, err)
	}
	return path.Join("/", rel, base), nil
}

// takes reports whether the entry name of the root directory is for the box.
func (c *composer) takes(name string) bool {
	return hostEntries[name] != "" || c.whole && ownEntries[name] == ""
}

// checkNested returns an error when something that the caller gave has its place in
// something else that the caller gave, and there is no mount point for it: making one
// would be a change that the command did not make.
func (c *composer) checkNested() error {
	for target := range c.given {
		for dir := path.Dir(target); dir != "/"; dir = path.Dir(dir) {
			source := c.given[dir]
			if source == "" {
				continue
			}
			rel, err := filepath.Rel(dir, target)
			if err != nil || !isMountPoint(source, rel) {
				return fmt.Errorf("%s: nothing to mount on, %s has no %s", target, source, rel)
			}
			break
		}
	}
	return nil
}

// free reports whether nothing is at or above target that the caller gave, and nothing
// at it that every box has: then an entry of ours may go there.
func (c *composer) free(target string) bool {
	if c.placed[target] != 0 {
		return false
	}
	for dir := range c.given {
		if within(target, dir) {
			return false
		}
	}
	return true
}

func (c *composer) mount(m specs.Mount) {
	if c.free(m.Destination) {
		c.bundle.Spec.Mounts = append(c.bundle.Spec.Mounts, m)
		c.placed[m.Destination] = placedMount
	}
}

func (c *composer) bind(target, source string) {
	c.mount(specs.Mount{Destination: target, Type: "bind", Source: source, Options: bindOptions})
}

func (c *composer) patch(target, source string) {
	c.mount(specs.Mount{Destination: target, Type: "bind", Source: source, Options: append(slices.Clone(bindOptions), OptionPatched)})
}

func (c *composer) file(f File) {
	if c.free(f.Path) {
		c.bundle.Files = append(c.bundle.Files, f)
		c.placed[f.Path] = placedObject
	}
}

func (c *composer) symlink(l Symlink) {
	if c.free(l.Path) {
		c.bundle.Symlinks = append(c.bundle.Symlinks, l)
		c.placed[l.Path] = placedObject
	}
}

// omit keeps target empty.
func (c *composer) omit(target string) {
	if c.free(target) {
		c.bundle.Omitted = append(c.bundle.Omitted, target)
		c.placed[target] = placedObject
	}
}

// entries places the entries of the root directory.
func (c *composer) entries() error {
	list, err := os.ReadDir(c.root)
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	for _, entry := range list {
		if c.takes(entry.Name()) {
			if err := c.entry("/" + entry.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry places the root directory's entry target, around what is placed in it.
func (c *composer) entry(target string) error {
	if !c.free(target) {
		return nil
	}
	source := filepath.Join(c.root, target)
	fi, err := os.Lstat(source)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	inside := c.inside(target)
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		if len(inside) > 0 {
			return nil // a directory stands there instead
		}
		text, err := os.Readlink(source)
		if err != nil {
			return fmt.Errorf("root: %w", err)
		}
		c.symlink(Symlink{Path: target, Target: text})
	case fi.IsDir():
		if c.mountable(source, target, inside) {
			c.bind(target, source)
			return nil
		}
		if c.patchable(source, target, inside) {
			c.patch(target, source)
			return nil
		}
		return c.split(source, target)
	case fi.Mode().IsRegular() && len(inside) == 0:
		c.bind(target, source)
	}
	return nil
}

// split makes the directory target of the entries of source.
func (c *composer) split(source, target string) error {
	list, err := os.ReadDir(source)
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	for _, entry := range list {
		if err := c.entry(path.Join(target, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// inside returns what is placed strictly below target, in no order.
func (c *composer) inside(target string) []string {
	var inside []string
	for at := range c.placed {
		if at != target && within(at, target) {
			inside = append(inside, at)
		}
	}
	return inside
}

// mountable reports whether source, bound at target, has a mount point for each of
// inside.
func (c *composer) mountable(source, target string, inside []string) bool {
	for _, at := range inside {
		if c.hidden(at) {
			continue // its mount point is in what the caller gave
		}
		rel, err := filepath.Rel(target, at)
		if err != nil || c.placed[at] != placedMount || !isMountPoint(source, rel) {
			return false
		}
	}
	return true
}

// patchable reports whether source, bound at target, has a mount point for each of
// inside but for files and links that are placed right in it.
func (c *composer) patchable(source, target string, inside []string) bool {
	return c.mountable(source, target, slices.DeleteFunc(slices.Clone(inside), func(at string) bool {
		return c.placed[at] == placedObject && path.Dir(at) == target
	}))
}

// hidden reports whether at lies strictly below something that the caller gave.
func (c *composer) hidden(at string) bool {
	for dir := range c.given {
		if at != dir && within(at, dir) {
			return true
		}
	}
	return false
}

// isMountPoint reports whether rel is a directory, or a file, in dir that is reached
// without following a symbolic link.
func isMountPoint(dir, rel string) bool {
	for name := range strings.SplitSeq(rel, "/") {
		dir = filepath.Join(dir, name)
		fi, err := os.Lstat(dir)
		if err != nil || !fi.IsDir() && !fi.Mode().IsRegular() {
			return false
		}
	}
	return true
}
