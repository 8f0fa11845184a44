package container

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
)

// openReport opens the file that gets the report of a container, as the caller, before there is a command in the
// container; -1 if none is asked for. What a container can write to is no place for it: whatever stood there would be
// the container's doing.
func openReport(c *Container) (int, error) {
	name := oci.ReportPath(c.record.Annotations, c.record.ID)
	if name == "" {
		return -1, nil
	}
	fail := func(err error) (int, error) {
		return -1, fmt.Errorf("annotation %s: %s: %w", oci.AnnotationReport, name, err)
	}
	dir := c.record.Bundle
	if path.IsAbs(name) {
		dir = "/"
	}
	full := filepath.Join(dir, name)
	if rel, err := filepath.Rel(c.record.Rootfs, full); err != nil || rel != ".." && !strings.HasPrefix(rel, "../") {
		return fail(fmt.Errorf("it is in the container's root: %w", unix.EPERM))
	}
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(at)
	fd, err := ns.OpenIn(at, strings.TrimPrefix(path.Clean(name), "/"), unix.O_WRONLY|unix.O_CREAT|unix.O_NONBLOCK|unix.O_NOCTTY, 0o644, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return fail(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1 {
		unix.Close(fd)
		return fail(fmt.Errorf("neither new nor a file of one name: %w", unix.EINVAL))
	}
	// What an earlier run has left is not this one's.
	if err := unix.Ftruncate(fd, 0); err != nil {
		unix.Close(fd)
		return fail(err)
	}
	return fd, nil
}
