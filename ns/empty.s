// This file is empty on purpose: its presence lets the package declare
// functions without bodies, which fork.go links to the Go runtime.
