package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// complete adds what v2 has in one file, or counts together, with what is to be set, as it is: an update of
// a quota leaves the period alone, and swap is counted from the limit of memory.
func (g *Group) complete(r *specs.LinuxResources) *specs.LinuxResources {
	full := *r
	if c := r.CPU; c != nil && g.hasV2("cpu") && (c.Quota == nil) != (c.Period == nil) {
		text, _ := os.ReadFile(path.Join(g.V2, "cpu.max"))
		if f := strings.Fields(string(text)); len(f) == 2 {
			cpu := *c
			full.CPU = &cpu
			quota, qerr := strconv.ParseInt(f[0], 10, 64)
			period, perr := strconv.ParseUint(f[1], 10, 64)
			switch {
			case c.Quota == nil && qerr == nil:
				cpu.Quota = &quota
			case c.Period == nil && perr == nil:
				cpu.Period = &period
			}
		}
	}
	if m := r.Memory; m != nil && g.hasV2("memory") && m.Swap != nil && *m.Swap > 0 && m.Limit == nil {
		if now, err := readUint(path.Join(g.V2, "memory.max")); err == nil && now < 1<<63 {
			memory, limit := *m, int64(now)
			memory.Limit, full.Memory = &limit, &memory
		}
	}
	return &full
}

// write writes settings. Some values are invalid as long as others are as they are: memory is never more
// than memory and swap, a burst no more than the quota, a share of the time no more than the
// parent's. So what is invalid is tried again when something else was written.
func (g *Group) write(all []setting) error {
	for len(all) > 0 {
		var invalid []setting
		var first error
		for _, s := range all {
			err := g.set(s)
			switch {
			case err == nil:
			case errors.Is(err, unix.EINVAL):
				if invalid = append(invalid, s); first == nil {
					first = &FieldError{s.field, err}
				}
			default:
				return &FieldError{s.field, err}
			}
		}
		if len(invalid) == len(all) {
			return first
		}
		all = invalid
	}
	return nil
}

// set writes a setting.
func (g *Group) set(s setting) error {
	dir := g.dirOf(s.controller)
	if dir == "" {
		if s.needless {
			return nil
		}
		if !g.Exists() {
			return ErrNoGroup
		}
		return fmt.Errorf("%s: %w", s.controller, ErrNoController)
	}
	var err error
	for i, name := range s.files {
		value := s.value
		if len(s.values) > 0 {
			value = s.values[i]
		}
		if err = writeFile(path.Join(dir, name), value); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if s.needless {
		return nil
	}
	return err
}

// read reads what some settings change: files of one line, which is not of a single device.
func (g *Group) read(all []setting) (now []setting) {
	for _, s := range all {
		dir := g.dirOf(s.controller)
		if dir == "" || strings.Contains(s.field, "[") || s.controller == "rdma" {
			continue
		}
		for _, name := range s.files {
			text, err := os.ReadFile(path.Join(dir, name))
			if err != nil {
				continue
			}
			if line, more, _ := bytes.Cut(text, []byte("\n")); len(more) == 0 && len(line) > 0 {
				now = append(now, setting{field: s.field, controller: s.controller, files: []string{name}, value: string(line)})
			}
			break
		}
	}
	return now
}
