// Package conflict finds accesses whose order was left to chance.
//
// Execs share objects: the content of a file, its metadata, a name in a directory, a
// directory's listing. Two accesses to one object, of which at least one changes it, are
// in conflict if happens-before does not order them: then a run in which they came the
// other way round is possible, and might have given something else. A run without
// conflicts gives the same result however its processes are scheduled.
//
// Happens-before is what Clock knows: program order, fork, a completed wait, bytes through
// a pipe or a socket, a lock that changes hands, a delivered signal, and calls that the
// engine has ordered. A Detector is told of each access when it happens and compares it
// with what it remembers of the object: the last change, and the last read on each chain
// of tasks (Flanagan, Freund: "FastTrack: efficient and precise dynamic race detection",
// PLDI 2009). So it keeps a few words an object, never a list of events.
//
// The package knows nothing of system calls and imports nothing of Laplace. It is not safe
// for concurrent use.
package conflict
