package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Tests with real clients, which start what they need on directories of their own: a daemon, stores, sockets.
// They take the runtime from LAPLACE_OCI_RUNTIME, if it is set: what they ask for, runc does.

// clientRuntime is the runtime that clients are given.
func clientRuntime(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LAPLACE_OCI_RUNTIME"); path != "" {
		return path
	}
	path, err := buildLaplace()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// plainMode is the annotation of a conventional container.
const plainMode = "dev.laplace.mode=plain"

// An image is a busybox image, made once: an OCI layout, and an archive of that.
type image struct{ layout, archive string }

var busyboxImage = sync.OnceValues(func() (img image, err error) {
	dir := filepath.Join(base, "oci-image")
	img = image{filepath.Join(dir, "layout"), filepath.Join(dir, "layout.tar")}
	root := filepath.Join(dir, "unpacked/rootfs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return img, err
	}
	run := func(args ...string) {
		if err == nil {
			var out []byte
			if out, err = exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
			}
		}
	}
	run("umoci", "init", "--layout", img.layout)
	run("umoci", "new", "--image", img.layout+":latest")
	run("umoci", "unpack", "--image", img.layout+":latest", filepath.Dir(root))
	run("mkdir", "-p", root+"/bin", root+"/tmp", root+"/etc", root+"/root", root+"/data")
	run("chmod", "1777", root+"/tmp")
	run("sh", "-c", `cp "$(command -v busybox)" "$1/bin/busybox" && for c in $("$1/bin/busybox" --list); do [ "$c" = busybox ] || ln -s busybox "$1/bin/$c"; done`, "sh", root)
	run("sh", "-c", `printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n' > "$1/etc/passwd"; printf 'root:x:0:\nuser:x:1000:\nmore:x:1001:user\n' > "$1/etc/group"`, "sh", root)
	run("umoci", "repack", "--image", img.layout+":latest", filepath.Dir(root))
	run("umoci", "config", "--image", img.layout+":latest", "--config.cmd", "/bin/sh", "--config.env", "PATH=/bin")
	run("tar", "-C", img.layout, "-cf", img.archive, ".")
	return img, err
})

// client is a command line of a client, to which arguments are added.
type client struct {
	t    *testing.T
	args []string
	env  []string
}

// do runs the client and is what came of it.
func (c *client) do(args ...string) result {
	c.t.Helper()
	cmd := exec.Command(c.args[0], append(c.args[1:len(c.args):len(c.args)], args...)...)
	cmd.Env = append(os.Environ(), c.env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return result{Exit: cmd.ProcessState.ExitCode(), Stdout: out.String(), Stderr: errs.String()}
}

// ok is what a command prints that must succeed, without the last newline.
func (c *client) ok(args ...string) string {
	c.t.Helper()
	r := c.do(args...)
	if r.Exit != 0 {
		c.t.Fatalf("%s: status %d: %s%s", strings.Join(args, " "), r.Exit, r.Stdout, r.Stderr)
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

// gives checks what a command prints, and its exit status.
func (c *client) gives(status int, want string, args ...string) {
	c.t.Helper()
	if r := c.do(args...); r.Exit != status || strings.TrimSuffix(r.Stdout, "\n") != want {
		c.t.Errorf("%s: status %d, %q, want %d, %q; %s", strings.Join(args, " "), r.Exit, r.Stdout, status, want, r.Stderr)
	}
}
