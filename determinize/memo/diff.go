package memo

import (
	"bytes"
	"fmt"
)

// Diff says what the effects of two memos differ in first, was and is; "" if in nothing. What is
// known of clocks is not compared: it may have come another way.
func Diff(was, is *Memo) string {
	for i := range max(len(was.Outputs), len(is.Outputs)) {
		switch {
		case i >= len(is.Outputs) || i < len(was.Outputs) && was.Outputs[i].Path < is.Outputs[i].Path:
			return was.Outputs[i].Path + " is not left any more"
		case i >= len(was.Outputs) || was.Outputs[i].Path > is.Outputs[i].Path:
			return is.Outputs[i].Path + " is left now"
		}
		if what := diffOutput(was.Outputs[i], is.Outputs[i]); what != "" {
			return is.Outputs[i].Path + " has another " + what
		}
	}
	if len(was.Writes) != len(is.Writes) {
		return fmt.Sprintf("it writes %d times to what it has inherited, and not %d times", len(is.Writes), len(was.Writes))
	}
	for i := range is.Writes {
		a, b := &was.Writes[i], &is.Writes[i]
		if a.FD != b.FD || a.B != b.B || !bytes.Equal(a.Data, b.Data) || a.Sets != b.Sets || a.Flags != b.Flags {
			return fmt.Sprintf("it writes something else to descriptor %d", b.FD)
		}
	}
	a, b := was.End, is.End
	a.Known, b.Known = Known{}, Known{}
	switch {
	case a.Status != b.Status:
		return fmt.Sprintf("its wait status is %d, and not %d", b.Status, a.Status)
	case a != b:
		return fmt.Sprintf("its clock comes to %+v, and not %+v", b, a)
	case was.Execs != is.Execs || was.Ticks != is.Ticks:
		return fmt.Sprintf("it makes %d calls in %d programs, and not %d in %d", is.Ticks, is.Execs, was.Ticks, was.Execs)
	}
	return ""
}

// diffOutput says what two outputs at one path differ in.
func diffOutput(a, b Output) string {
	switch {
	case a.Form != b.Form || a.SameAs != b.SameAs || a.From != b.From || a.New != b.New:
		return "origin"
	case a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID:
		return "mode or owner"
	case a.Wrote != b.Wrote || a.Content != b.Content || a.Size != b.Size || a.Target != b.Target:
		return "content"
	case a.Mtime != b.Mtime || a.Stamped != b.Stamped || a.Undated != b.Undated:
		return "modification time"
	case len(a.Xattrs) != len(b.Xattrs):
		return "number of extended attributes"
	}
	for i := range a.Xattrs {
		if a.Xattrs[i].Name != b.Xattrs[i].Name || !bytes.Equal(a.Xattrs[i].Value, b.Xattrs[i].Value) {
			return "extended attribute " + b.Xattrs[i].Name
		}
	}
	return ""
}
