package cgroup

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// parts is a rule as rules of one kind of devices each; one of everything stays as it is.
func (r rule) parts() []rule {
	if r.kind != 'a' || r.everything() {
		return []rule{r}
	}
	b, c := r, r
	b.kind, c.kind = 'b', 'c'
	return []rule{b, c}
}

// A deviceSet is some devices of one kind.
type deviceSet struct {
	kind         byte
	major, minor int64
}

// overlaps tells whether a device is in both sets.
func (d deviceSet) overlaps(e deviceSet) bool {
	same := func(a, b int64) bool { return a < 0 || b < 0 || a == b }
	return d.kind == e.kind && same(d.major, e.major) && same(d.minor, e.minor)
}

// line is a set with accesses to it as v1's devices controller writes and reads it.
func (d deviceSet) line(access string) string {
	part := func(n int64) string {
		if n < 0 {
			return "*"
		}
		return number(n)
	}
	return string(d.kind) + " " + part(d.major) + ":" + part(d.minor) + " " + access
}

// v1Rules are rules as v1's devices controller keeps them: what is so by default, and exceptions,
// accesses by set. No exception is of an empty access.
type v1Rules struct {
	allow      bool
	exceptions map[deviceSet]string
}

// everyDevice is the line by which the default is set, and shown if it is to allow.
const everyDevice = "a *:* rwm"

// foldRules brings rules into that form. The controller takes back an exception only whole: that a rule
// denies some of the devices that an earlier one allows cannot be had there.
func foldRules(rules []rule) (v1Rules, error) {
	v := v1Rules{exceptions: map[deviceSet]string{}}
	for _, whole := range rules {
		if whole.everything() {
			v.allow = whole.allow
			clear(v.exceptions)
			continue
		}
		for _, r := range whole.parts() {
			set := deviceSet{r.kind, r.major, r.minor}
			if r.allow != v.allow {
				v.exceptions[set] = union(v.exceptions[set], r.access)
				continue
			}
			for e, access := range v.exceptions {
				switch {
				case e == set:
					if v.exceptions[e] = without(access, r.access); v.exceptions[e] == "" {
						delete(v.exceptions, e)
					}
				case !r.allow && e.overlaps(set) && strings.ContainsAny(access, r.access):
					return v, fmt.Errorf("cgroup v1 cannot deny %q of %q", set.line(r.access), e.line(access))
				}
			}
		}
	}
	return v, nil
}

func union(a, b string) string {
	return accesses(func(c rune) bool { return strings.ContainsRune(a+b, c) })
}
func without(a, b string) string {
	return accesses(func(c rune) bool { return strings.ContainsRune(a, c) && !strings.ContainsRune(b, c) })
}

// accesses are those that are chosen, in one order.
func accesses(chosen func(rune) bool) (out string) {
	for _, c := range "rwm" {
		if chosen(c) {
			out += string(c)
		}
	}
	return out
}

// parseV1Rules reads a devices.list. The kernel shows no exceptions of what allows by default.
func parseV1Rules(text string) v1Rules {
	v := v1Rules{exceptions: map[deviceSet]string{}}
	for line := range strings.Lines(text) {
		f := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == ':' || c == '\n' })
		if len(f) != 4 || len(f[0]) != 1 {
			continue
		}
		if f[0] == "a" {
			return v1Rules{allow: true}
		}
		set := deviceSet{f[0][0], -1, -1}
		if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
			set.major = n
		}
		if n, err := strconv.ParseInt(f[2], 10, 64); err == nil {
			set.minor = n
		}
		v.exceptions[set] = f[3]
	}
	return v
}

// writeRules gives rules to the devices controller of v1. In a group that has some already no access is
// denied meanwhile that is allowed before and after.
func writeRules(dir string, rules []rule) error {
	want, err := foldRules(rules)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path.Join(dir, "devices.list"))
	if err != nil {
		return err
	}
	now := parseV1Rules(string(text))
	allow, deny := path.Join(dir, "devices.allow"), path.Join(dir, "devices.deny")
	except := allow
	switch {
	case want.allow:
		except = deny
		err = writeFile(allow, everyDevice)
	case now.allow:
		err = writeFile(deny, everyDevice)
	}
	if err != nil {
		return err
	}
	for _, set := range sortedSets(want.exceptions) {
		if err := writeFile(except, set.line(want.exceptions[set])); err != nil {
			return err
		}
	}
	if want.allow || now.allow {
		return nil
	}
	for _, set := range sortedSets(now.exceptions) {
		if more := without(now.exceptions[set], want.exceptions[set]); more != "" {
			if err := writeFile(deny, set.line(more)); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedSets(m map[deviceSet]string) []deviceSet {
	return slices.SortedFunc(maps.Keys(m), func(a, b deviceSet) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.major, b.major), cmp.Compare(a.minor, b.minor))
	})
}
