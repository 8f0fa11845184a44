// Package integration holds the whole-program tests: C programs and shell
// scripts that run natively, in boxes, and in boxes on a disturbed host, and
// testscript files for the command line. README.md has the conventions.
package integration
