package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A raceCase is a container that is made while another one, which shares a directory with it,
// exchanges two names in it all the time: mine, which is what the container needs there, and
// theirs.
type raceCase struct {
	name         string
	mine, theirs string
	// fill puts both, and what else has to be there, into the directory. victim is a file of the host's.
	fill func(dir, victim string) error
	// set changes the configuration, in which the directory is not mounted yet.
	set    func(s *specs.Spec, dir string)
	script string
	// right tells whether what a container has printed that has been made is right.
	right func(out string) bool
}

// first is the first of some errors.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func bindOf(destination, source string) specs.Mount {
	return specs.Mount{Destination: destination, Source: source, Options: []string{"bind"}}
}

// bareDev has the directory be /dev, with nothing else of the configuration there but terminals.
func bareDev(s *specs.Spec, dir string) {
	s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool {
		return strings.HasPrefix(m.Destination, "/dev") && m.Destination != "/dev/pts"
	})
	s.Mounts = slices.Insert(s.Mounts, 1, bindOf("/dev", dir))
}

var raceCases = []raceCase{
	{ // CVE-2021-30465, CVE-2024-45310
		name: "mountpoint", mine: "a", theirs: "b",
		fill: func(dir, victim string) error {
			return first(os.Mkdir(filepath.Join(dir, "a"), 0o777), os.Symlink("/../../../../../.."+filepath.Dir(victim), filepath.Join(dir, "b")))
		},
		set: func(s *specs.Spec, dir string) {
			s.Mounts = append(s.Mounts, bindOf("/volume", dir), specs.Mount{Destination: "/volume/a/escape", Type: "tmpfs", Source: "tmpfs"})
		},
		script: "grep -c /escape /proc/self/mounts",
		right:  func(out string) bool { return out == "1\n" },
	},
	{
		name: "device", mine: "a", theirs: "b",
		fill: func(dir, victim string) error {
			return first(unix.Mknod(filepath.Join(dir, "a"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))), os.Symlink(victim, filepath.Join(dir, "b")))
		},
		set: func(s *specs.Spec, dir string) {
			s.Mounts = append(s.Mounts, bindOf("/volume", dir))
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/volume/a", Type: "c", Major: 1, Minor: 3, FileMode: p(os.FileMode(0o666)), UID: p(uint32(7)), GID: p(uint32(7))}}
		},
		script: "echo made",
		right:  func(out string) bool { return out == "made\n" },
	},
	{ // CVE-2025-31133
		name: "masked path", mine: "null", theirs: "other",
		fill: func(dir, victim string) error {
			return first(unix.Mknod(filepath.Join(dir, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))), os.Symlink("/proc/version", filepath.Join(dir, "other")),
				os.Mkdir(filepath.Join(dir, "pts"), 0o755))
		},
		set: func(s *specs.Spec, dir string) {
			bareDev(s, dir)
			s.Linux.MaskedPaths = []string{"/proc/keys"}
		},
		script: "stat -c %t:%T /proc/keys; wc -c </proc/keys",
		right:  func(out string) bool { return out == "1:3\n0\n" },
	},
	{ // CVE-2025-52565
		name: "console", mine: "console", theirs: "other",
		fill: func(dir, victim string) error {
			return first(os.WriteFile(filepath.Join(dir, "console"), nil, 0o600), os.Symlink("/proc/version", filepath.Join(dir, "other")),
				os.Mkdir(filepath.Join(dir, "pts"), 0o755), os.Symlink("pts/ptmx", filepath.Join(dir, "ptmx")))
		},
		set: func(s *specs.Spec, dir string) {
			bareDev(s, dir)
			s.Linux.MaskedPaths, s.Process.Terminal = nil, true
		},
		script: "grep devpts /proc/self/mounts | cut -d' ' -f2 | sort; head -c 5 /proc/version",
		// Where the names have been exchanged since the mount is at the other one.
		right: func(out string) bool {
			return out == "/dev/console\r\n/dev/pts\r\nLinux" || out == "/dev/other\r\n/dev/pts\r\nLinux"
		},
	},
}

// TestOCIRacingContainer makes containers beside one that tries to have the runtime do things
// elsewhere: nothing of the host is changed, and what is made is what was asked for.
func TestOCIRacingContainer(t *testing.T) {
	for _, test := range raceCases {
		t.Run(test.name, func(t *testing.T) {
			b := newBundle(t)
			shared, victim := filepath.Join(b.dir, "shared"), filepath.Join(b.dir, "victim/file")
			err := first(os.Mkdir(shared, 0o755), os.Mkdir(filepath.Dir(victim), 0o755), os.WriteFile(victim, []byte("host\n"), 0o600), test.fill(shared, victim),
				os.Symlink("busybox", filepath.Join(b.root, "bin/cut")))
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("gcc", "-O1", "-static", "-o", filepath.Join(b.root, "bin/swap"), "testdata/oci/swap.c").CombinedOutput(); err != nil {
				t.Fatalf("%v, %s", err, out)
			}
			plain := b.spec
			b.spec.Mounts = append(slices.Clone(plain.Mounts), bindOf("/shared", shared))
			b.spec.Process = p(*plain.Process)
			b.spec.Process.Args = []string{"swap", "/shared", test.mine, test.theirs}
			b.write()
			b.ok("run", "--detach", "racer")
			b.spec = plain
			b.spec.Linux = p(*plain.Linux)
			b.spec.Linux.CgroupsPath += "-other"
			b.spec.Mounts = slices.Clone(plain.Mounts)
			test.set(&b.spec, shared)
			b.script(test.script)
			b.write()
			made := 0
			for range 60 {
				r := b.do("run", "box")
				if r.Exit == 0 {
					if made++; !test.right(r.Stdout) {
						t.Errorf("%q %s", r.Stdout, r.Stderr)
					}
				}
				var st unix.Stat_t
				if err := unix.Stat(victim, &st); err != nil || st.Mode != unix.S_IFREG|0o600 || st.Uid != 0 {
					t.Fatalf("a file of the host: mode %o of %d, %v", st.Mode, st.Uid, err)
				}
				if entries, err := os.ReadDir(filepath.Dir(victim)); err != nil || len(entries) != 1 {
					t.Fatalf("a directory of the host: %v, %v", entries, err)
				}
			}
			if made == 0 {
				t.Error("no container was made at all")
			}
			b.ok("delete", "--force", "racer")
		})
	}
}

// TestOCIConsoleLink shows the terminal nowhere else than where it belongs, CVE-2025-52565.
func TestOCIConsoleLink(t *testing.T) {
	for _, target := range []string{"/proc/version", "../bin/sh", "/none"} {
		b := newBundle(t)
		dev := filepath.Join(b.dir, "dev")
		err := first(os.Mkdir(dev, 0o755), os.Mkdir(filepath.Join(dev, "pts"), 0o755), os.Symlink("pts/ptmx", filepath.Join(dev, "ptmx")), os.Symlink(target, filepath.Join(dev, "console")))
		if err != nil {
			t.Fatal(err)
		}
		bareDev(&b.spec, dev)
		b.spec.Linux.MaskedPaths, b.spec.Process.Terminal = nil, true
		b.script("cat /proc/self/mounts")
		b.write()
		b.refused(1, "too many levels of symbolic links", "run", "box")
	}
}

// TestOCIRootlessGroups gives the container of a user without privileges no control group to
// write to, not even one that is the user's own: CVE-2023-25809.
func TestOCIRootlessGroups(t *testing.T) {
	b := newRootless(t)
	var own []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if _, err := os.Stat(filepath.Join(path, "cgroup.procs")); err != nil {
			return nil
		}
		mine := filepath.Join(path, filepath.Base(b.dir))
		own = append(own, mine)
		return first(os.Mkdir(mine, 0o755), os.Chown(mine, strangerID, strangerID), os.Chown(filepath.Join(mine, "cgroup.procs"), strangerID, strangerID), filepath.SkipDir)
	})
	defer func() {
		for _, dir := range own {
			os.Remove(filepath.Join(dir, "x")) // which a container should not have made
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		}
	}()
	if err != nil || len(own) == 0 {
		t.Fatalf("control groups: %v, %v", own, err)
	}
	if err := os.Symlink("busybox", filepath.Join(b.root, "bin/find")); err != nil {
		t.Fatal(err)
	}
	cgroup := specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}}
	for name, change := range map[string]func(*specs.Spec){
		"as spec has it": func(*specs.Spec) {},
		"a namespace": func(s *specs.Spec) {
			s.Linux.Namespaces = append(slices.Clone(s.Linux.Namespaces), specs.LinuxNamespace{Type: specs.CgroupNamespace})
		},
		"another mount": func(s *specs.Spec) {
			cgroup.Destination = "/mnt"
			s.Mounts = append(slices.Clone(s.Mounts), cgroup)
		},
	} {
		plain, linux := b.spec, *b.spec.Linux
		change(&b.spec)
		b.script("find / -name " + filepath.Base(b.dir) + " 2>/dev/null | grep -v ^/proc | while read d; do mkdir $d/x 2>/dev/null && echo made $d/x; (echo 0 >$d/cgroup.procs) 2>/dev/null && echo joined $d; done; echo done")
		b.write()
		if r := b.do("run", "box"); r.Exit != 0 || r.Stdout != "done\n" {
			t.Errorf("%s: exit status %d, %q, %s", name, r.Exit, r.Stdout, r.Stderr)
		}
		b.spec = plain
		b.spec.Linux = &linux
	}
}
