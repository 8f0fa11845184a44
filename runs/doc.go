// Package runs keeps what boxes did, a file a run: docs/record-format.md is the format.
//
// A file has the host's part (when, how long, where), the conflicts, and the run's own apart:
// the last is byte for byte the same from run to run of a box that is deterministic, and has
// a digest. Which conflicts are found depends on the schedule.
// What is asked for most, the summary and the conflicts, is read without the rest.
//
// Files are checked when they are read: digests first, then bounds. One that is damaged is
// an error, never a panic, and reading it never needs more memory than maxGrowth times its
// size.
package runs
