package policy

import (
	"fmt"
	"io"
	"strings"
)

// intro opens docs/syscalls.md.
const intro = `# System calls

<!-- Generated from determinize/policy: go test ./determinize/policy -update -->

What becomes of each x86-64 system call of Linux 6.18 in a box, and why.
` + "`laplace syscalls`" + ` prints the same table.

| class | what happens | calls |
|---|---|---|
`

// classTexts explain the classes, in their order.
var classTexts = [...]string{
	Refuse:  "stops; answered with the errno, counted, and named in the verdict",
	Pass:    "the kernel runs it without a stop, unless a condition on its arguments holds",
	Emulate: "stops; answered without the kernel",
	Data:    "stops; runs, leaves accesses, and its result may be rewritten",
	Order:   "stops; may block or hangs on other tasks, so the engine decides when it runs and what it returns",
	Control: "stops; changes tasks, programs, descriptors, signals or limits that the engine keeps track of",
}

// afterClasses stands between the classes and the calls.
const afterClasses = `
A number without a row, an x32 entry (bit 30 of the number) and an entry of
another architecture (` + "`int 0x80`" + `) stop too and are answered ENOSYS.
Stopped calls whose meaning hangs on a request, an option, a command or flags
are judged by the rules further down; what has no rule there is refused.

## Calls

`

// cell makes text safe inside a cell of a Markdown table.
func cell(s string) string {
	return strings.ReplaceAll(s, "|", `\|`)
}

func writeMarkdown(w io.Writer) {
	fmt.Fprint(w, intro)
	var count [len(classTexts)]int
	for _, nr := range numbers() {
		count[Table[nr].Class]++
	}
	for c, text := range classTexts {
		fmt.Fprintf(w, "| %v | %s | %d |\n", Class(c), text, count[c])
	}
	fmt.Fprint(w, afterClasses)
	fmt.Fprint(w, "| number | call | class | stops | accesses | why |\n|---:|---|---|---|---|---|\n")
	for _, nr := range numbers() {
		r := &Table[nr]
		class := r.Class.String()
		if e := answer(r.Class, r.Refusal()); e != "" {
			class += " " + e
		}
		fmt.Fprintf(w, "| %d | %s | %s | %s | %s | %s |\n", nr, signature(r), class, cell(r.Stop()), r.Access, cell(r.Why))
	}
	for _, rs := range allRules {
		fmt.Fprintf(w, "\n## Rules: %s\n\n", rs.Name)
		fmt.Fprint(w, "| value | name | class | why |\n|---:|---|---|---|\n")
		for _, r := range rs.Rows {
			fmt.Fprintf(w, "| %#x | %s | %s | %s |\n", r.Value, r.Name, ruleClass(r), cell(r.Why))
		}
		fmt.Fprintf(w, "| other | | %s | %s |\n", ruleClass(rs.Default), cell(rs.Default.Why))
	}
}

// signature is the call with the names of its arguments.
func signature(r *Row) string {
	ps := r.Params()
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.Name
	}
	return fmt.Sprintf("`%s(%s)`", r.Name, strings.Join(names, ", "))
}

func ruleClass(r Rule) string {
	if e := answer(r.Class, r.Errno); e != "" {
		return r.Class.String() + " " + e
	}
	return r.Class.String()
}
