package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"golang.org/x/sys/unix"
)

// Formats of Write.
const (
	FormatTable    = "table"    // aligned columns for a terminal
	FormatJSON     = "json"     // one object, for programs
	FormatMarkdown = "markdown" // docs/syscalls.md
)

// Write prints the policy in one of the formats. The same table gives the same
// bytes. It fails for an unknown format and when w does.
func Write(w io.Writer, format string) error {
	var buf bytes.Buffer
	var err error
	switch format {
	case FormatTable:
		err = writeTable(&buf)
	case FormatJSON:
		err = writeJSON(&buf)
	case FormatMarkdown:
		writeMarkdown(&buf)
	default:
		return fmt.Errorf("unknown format %q: table, json or markdown", format)
	}
	if err != nil {
		return fmt.Errorf("print the syscall table: %w", err)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("write the syscall table: %w", err)
	}
	return nil
}

// numbers returns the numbers of the table that have a row, ascending.
func numbers() []int {
	var ns []int
	for nr := range Table {
		if Table[nr].Name != "" {
			ns = append(ns, nr)
		}
	}
	return ns
}

// Stop says in words when a call stops: "always", "never", or the conditions,
// any of which is enough.
func (r Row) Stop() string {
	if r.Class != Pass {
		return "always"
	}
	if len(r.Trap) == 0 {
		return "never"
	}
	params := r.Params()
	parts := make([]string, len(r.Trap))
	for i, c := range r.Trap {
		parts[i] = c.text(params)
	}
	return strings.Join(parts, ", or ")
}

// text prints a condition with the names of the arguments.
func (c Cond) text(params []Param) string {
	name := fmt.Sprintf("arg%d", c.Arg)
	value := number(c.Value)
	if c.Arg < len(params) {
		name = params[c.Arg].Name
		if rs, ok := RulesOf(params[c.Arg].Kind); ok && !rs.Flags {
			if rule, ok := rs.Lookup(c.Value); ok {
				value = rule.Name
			}
		}
	}
	if c.Op == AnySet {
		return fmt.Sprintf("%s has a bit of %#x", name, c.Value)
	}
	if c.Mask != 0 {
		name = fmt.Sprintf("%s & %#x", name, c.Mask)
	}
	return fmt.Sprintf("%s %v %s", name, c.Op, value)
}

func number(v uint64) string {
	if v < 1024 {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%#x", v)
}

// answer says in one word what a refused call returns; "" for other classes.
func answer(c Class, e unix.Errno) string {
	if c != Refuse {
		return ""
	}
	return unix.ErrnoName(e)
}

func writeTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "NUMBER\tNAME\tCLASS\tERRNO\tSTOPS\tWHY")
	for _, nr := range numbers() {
		r := &Table[nr]
		stop := r.Stop()
		if len(r.Trap) > 0 {
			stop = "by argument"
		}
		fmt.Fprintf(tw, "%d\t%s\t%v\t%s\t%s\t%s\n", nr, r.Name, r.Class, answer(r.Class, r.Refusal()), stop, r.Why)
	}
	for _, rs := range allRules {
		fmt.Fprintf(tw, "\n%s\t\t\t\t\t\n", strings.ToUpper(rs.Name))
		for _, r := range rs.Rows {
			fmt.Fprintf(tw, "%#x\t%s\t%v\t%s\t\t%s\n", r.Value, r.Name, r.Class, answer(r.Class, r.Errno), r.Why)
		}
		fmt.Fprintf(tw, "other\t\t%v\t%s\t\t%s\n", rs.Default.Class, answer(rs.Default.Class, rs.Default.Errno), rs.Default.Why)
	}
	return tw.Flush()
}

// The shapes of the JSON form.
type (
	jsonPolicy struct {
		Linux    string      `json:"linux"`
		Arch     string      `json:"arch"`
		Syscalls []jsonRow   `json:"syscalls"`
		Rules    []jsonRules `json:"rules"`
	}
	jsonRow struct {
		Number int         `json:"number"`
		Name   string      `json:"name"`
		Class  Class       `json:"class"`
		Errno  string      `json:"errno,omitempty"`
		Stops  string      `json:"stops"`
		Args   []jsonParam `json:"args,omitempty"`
		Access []string    `json:"access,omitempty"`
		Why    string      `json:"why"`
	}
	jsonParam struct {
		Name string `json:"name"`
		Kind Kind   `json:"kind"`
	}
	jsonRules struct {
		Name    string     `json:"name"`
		Flags   bool       `json:"flags"`
		Rows    []jsonRule `json:"rows"`
		Default jsonRule   `json:"default"`
	}
	jsonRule struct {
		Value uint64 `json:"value"`
		Name  string `json:"name,omitempty"`
		Class Class  `json:"class"`
		Errno string `json:"errno,omitempty"`
		Why   string `json:"why"`
	}
)

func writeJSON(w io.Writer) error {
	p := jsonPolicy{Linux: "6.18", Arch: "x86_64"}
	for _, nr := range numbers() {
		r := &Table[nr]
		row := jsonRow{
			Number: nr, Name: r.Name, Class: r.Class, Errno: answer(r.Class, r.Refusal()),
			Stops: r.Stop(), Access: r.Accesses(), Why: r.Why,
		}
		for _, q := range r.Params() {
			row.Args = append(row.Args, jsonParam(q))
		}
		p.Syscalls = append(p.Syscalls, row)
	}
	rule := func(r Rule) jsonRule {
		return jsonRule{r.Value, r.Name, r.Class, answer(r.Class, r.Errno), r.Why}
	}
	for _, rs := range allRules {
		set := jsonRules{Name: rs.Name, Flags: rs.Flags, Default: rule(rs.Default)}
		for _, r := range rs.Rows {
			set.Rows = append(set.Rows, rule(r))
		}
		p.Rules = append(p.Rules, set)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(p)
}
