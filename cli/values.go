package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime"
	"laplace.dev/laplace/runtime/boxcache"
)

// The types of flags. Each implements pflag.Value.

// An epochFlag is a point in time: seconds since 1970, or RFC 3339.
type epochFlag struct {
	seconds int64
	set     bool
}

func (e *epochFlag) Type() string { return "TIME" }

func (e *epochFlag) String() string {
	if !e.set {
		return ""
	}
	return strconv.FormatInt(e.seconds, 10)
}

func (e *epochFlag) Set(text string) error {
	seconds, err := parseEpoch(text)
	if err != nil {
		return err
	}
	*e = epochFlag{seconds, true}
	return nil
}

// parseEpoch reads seconds since 1970, or RFC 3339 without a fraction of a second.
func parseEpoch(text string) (int64, error) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t, terr := time.Parse(time.RFC3339, text)
		if terr != nil || t.Nanosecond() != 0 {
			return 0, errors.New("neither seconds since 1970 nor like 2020-01-01T00:00:00Z")
		}
		seconds = t.Unix()
	}
	if seconds < 0 || seconds > oci.MaxEpoch {
		return 0, fmt.Errorf("not between 1970-01-01T00:00:00Z and %s",
			time.Unix(oci.MaxEpoch, 0).UTC().Format(time.RFC3339))
	}
	return seconds, nil
}

// A durationFlag is a positive duration: 90s, 1h30m, or plain seconds as timeout(1) has
// them.
type durationFlag time.Duration

func (d *durationFlag) Type() string { return "DURATION" }

func (d *durationFlag) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (d *durationFlag) Set(text string) error {
	if strings.Trim(text, "0123456789.") == "" {
		text += "s"
	}
	value, err := time.ParseDuration(text)
	if err != nil || value <= 0 {
		return errors.New("not a positive duration like 90, 90s or 1h30m")
	}
	*d = durationFlag(value)
	return nil
}

// A sizeFlag is a number of bytes: plain, or in K, M, G or T of 1024.
type sizeFlag int64

func (s *sizeFlag) Type() string { return "SIZE" }

func (s *sizeFlag) String() string {
	n := int64(*s)
	for i, unit := range []string{"T", "G", "M", "K"} {
		if u := int64(1) << (40 - 10*i); n > 0 && n%u == 0 {
			return strconv.FormatInt(n/u, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func (s *sizeFlag) Set(text string) error {
	number, shift := text, 0
	if i := strings.IndexAny(text, "KMGT"); i > 0 && i == len(text)-1 {
		number, shift = text[:i], 10*(1+strings.IndexByte("KMGT", text[i]))
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<(62-shift) {
		return errors.New("neither bytes nor like 500M or 10G")
	}
	*s = sizeFlag(n << shift)
	return nil
}

// A limitFlag is a durationFlag, or 0 for no limit.
type limitFlag time.Duration

func (l *limitFlag) Type() string { return "DURATION" }

func (l *limitFlag) String() string { return time.Duration(*l).String() }

func (l *limitFlag) Set(text string) error {
	if text == "0" {
		*l = 0
		return nil
	}
	return (*durationFlag)(l).Set(text)
}

// A userFlag is root, user, UID or UID:GID.
type userFlag oci.User

func (u *userFlag) Type() string { return "USER" }

func (u *userFlag) String() string { return fmt.Sprintf("%d:%d", u.UID, u.GID) }

func (u *userFlag) Set(text string) error {
	switch text {
	case "root":
		*u = userFlag(oci.Root)
		return nil
	case "user":
		*u = userFlag(oci.Guest)
		return nil
	}
	first, second, pair := strings.Cut(text, ":")
	if !pair {
		second = first
	}
	uid, uerr := parseID(first)
	gid, gerr := parseID(second)
	if uerr != nil || gerr != nil {
		return errors.New("not root, user, UID or UID:GID with numbers up to 65534")
	}
	*u = userFlag{UID: uid, GID: gid}
	return nil
}

// A conflictFlag says what becomes of a run with conflicts.
type conflictFlag runtime.OnConflict

func (f *conflictFlag) Type() string { return "POLICY" }

func (f *conflictFlag) String() string { return string(*f) }

func (f *conflictFlag) Set(text string) error {
	switch p := runtime.OnConflict(text); p {
	case runtime.ConflictOrder, runtime.ConflictFail, runtime.ConflictTaint:
		*f = conflictFlag(p)
		return nil
	}
	return errors.New("not order, fail or taint")
}

// A cacheFlag says what is done with the cache.
type cacheFlag boxcache.Mode

func (f *cacheFlag) Type() string { return "MODE" }

func (f *cacheFlag) String() string { return string(*f) }

func (f *cacheFlag) Set(text string) error {
	switch m := boxcache.Mode(text); m {
	case boxcache.On, boxcache.Read, boxcache.Write, boxcache.Verify:
		*f = cacheFlag(m)
		return nil
	}
	return errors.New("not on, read, write or verify")
}

// A pinsFlag is a list of pins that are off; it may be repeated.
type pinsFlag determinize.Pins

func (p *pinsFlag) Type() string { return "PINS" }

func (p *pinsFlag) String() string { return determinize.Pins(*p).String() }

func (p *pinsFlag) Set(text string) error {
	more, err := determinize.ParsePins(text)
	*p = append(*p, more...)
	return err
}

// parseID reads a user or group ID. Those above 65534 are not in the tables that
// programs and archives keep.
func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err == nil && id > 65534 {
		err = strconv.ErrRange
	}
	return uint32(id), err
}

// cause strips what the os package adds to an errno: our messages name the path already.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
