package runtime

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"laplace.dev/laplace/runtime/rootfs"
)

// TestPatched checks that a patched bind looks the same whichever way it is made.
func TestPatched(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		source := c.dir(t, "source")
		const makeSource = `chmod 775 .; mkdir dir; echo kept >kept; echo host >replaced; echo secret >secret; chmod 600 secret
			echo deep >dir/file; ln -s kept link; ln -s kept moved; mkfifo pipe; ln -s /nowhere dangling; mkdir 'mount point'`
		look := func(t *testing.T, more string) string {
			return c.sh(t, `cd /mnt; stat -c '%a %F %n' . *; cat kept replaced dir/file link moved new; readlink link moved dangling; ls -d secret absent 2>/dev/null; `+
				try("touch /mnt/x", "touch /mnt/dir/x", "rm /mnt/kept")+`; grep -c " /mnt" /proc/self/mountinfo`,
				func(s *scenario) {
					s.Before = "cd " + source + "; " + makeSource + more
					s.Request.Spec.Mounts = append(s.Request.Spec.Mounts,
						specs.Mount{Destination: "/mnt", Type: "bind", Source: source, Options: []string{"rbind", "rro", "rnosuid", "patched"}},
						specs.Mount{Destination: "/mnt/mount point", Type: "bind", Source: "/usr/bin", Options: []string{"rbind", "rro"}})
					s.Request.Extra.Append(rootfs.Extra{
						Symlinks: []rootfs.Symlink{{Path: "/mnt/moved", Target: "replaced"}},
						Files: []rootfs.File{
							{Path: "/mnt/replaced", Content: []byte("ours\n"), Mode: 0o640, Guest: true},
							{Path: "/mnt/new", Content: []byte("new\n"), Mode: 0o444},
						},
						Omitted: []string{"/mnt/secret", "/mnt/absent"},
					})
				})
		}
		const ro = "Read-only file system"
		want := "775 directory .\n777 symbolic link dangling\n755 directory dir\n644 regular file kept\n777 symbolic link link\n755 directory mount point\n" +
			"777 symbolic link moved\n444 regular file new\n644 fifo pipe\n640 regular file replaced\n" +
			"kept\nours\ndeep\nkept\nours\nnew\nkept\nreplaced\n/nowhere\n" +
			fmt.Sprintf("touch /mnt/x: %[1]s\ntouch /mnt/dir/x: %[1]s\nrm /mnt/kept: %[1]s\n", ro)
		t.Run("layers", func(t *testing.T) {
			if d := cmp.Diff(want+"2\n", look(t, "")); d != "" {
				t.Error(d)
			}
		})
		if os.Getuid() != 0 {
			return // only root can mount on the host
		}
		source = c.dir(t, "source")
		t.Run("entries", func(t *testing.T) {
			// dir, kept and pipe, the mount point and what is mounted on it.
			if d := cmp.Diff(want+"5\n", look(t, "; mount --bind /etc/passwd replaced; mount -t tmpfs -o mode=755 x dir; echo deep >dir/file; mount --bind kept kept")); d != "" {
				t.Error(d)
			}
		})
	})
}
