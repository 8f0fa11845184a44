// This file is empty on purpose: its presence lets the package declare
// a function without a body, which nofile.go links to package syscall.
