package strace

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
)

// image is a process's memory: one piece, at base.
type image struct {
	base uint64
	mem  []byte
}

func (m *image) Read(addr uint64, b []byte) (int, unix.Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	if addr < m.base || addr-m.base >= uint64(len(m.mem)) {
		return 0, unix.EFAULT
	}
	return copy(b, m.mem[addr-m.base:]), 0
}

// Where things lie in the memory of the tests: in pages of their own, the
// last of which ends at its end.
const (
	base  = 0x10000
	page1 = base + 0x1000
	page2 = base + 0x2000
	last  = base + 0x3000 // 0x100 bytes before the end of memory
	out   = base + 0x100000
)

// piece is what is stored before or during a call.
type piece struct {
	addr uint64
	data any // string, []byte, or fixed-size values in little-endian order
}

func newImage() *image { return &image{base, make([]byte, 0x3100)} }

func (m *image) put(t *testing.T, ps []piece) {
	t.Helper()
	for _, p := range ps {
		var b []byte
		switch d := p.data.(type) {
		case string:
			b = append([]byte(d), 0)
		case []byte:
			b = d
		default:
			var err error
			if b, err = binary.Append(nil, binary.LittleEndian, d); err != nil {
				t.Fatal(err)
			}
		}
		copy(m.mem[p.addr-m.base:], b)
	}
}

// minus is the register that holds a negative number, sign-extended or, as
// compilers leave it for an int, not.
func minus(v int64) uint64   { return uint64(-v) }
func minus32(v int32) uint64 { return uint64(uint32(-v)) }

func TestCalls(t *testing.T) {
	path := strings.Repeat("d/", 2047) + "f" // 4,095 bytes
	sigs := func(list ...int) (set uint64) {
		for _, s := range list {
			set |= 1 << (s - 1)
		}
		return set
	}
	stat := make([]uint64, 18)
	stat[0], stat[1], stat[2], stat[3], stat[4] = unix.Mkdev(0, 65), 77, 1, unix.S_IFREG|0o644|1000<<32, 1001
	stat[6], stat[7], stat[8] = 12345, 4096, 32
	stat[9], stat[10], stat[11], stat[12], stat[13], stat[14] = 1, 2, 1577836800, 5, 6, 7
	chr := append([]uint64{}, stat...)
	chr[3], chr[5] = unix.S_IFCHR|0o666|1000<<32, unix.Mkdev(1, 3)

	for _, test := range []struct {
		nr     uint64
		args   [6]uint64
		before []piece
		during []piece
		ret    int64
		want   string
	}{
		// Kinds.
		{unix.SYS_OPENAT, [6]uint64{minus32(100), base, unix.O_CLOEXEC, 0o123}, []piece{{base, "/etc/passwd"}}, nil, 3,
			`openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3`},
		{unix.SYS_OPENAT, [6]uint64{minus(100), base, unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC, 0o644}, []piece{{base, "a\n\"\\\x01\x017\xff"}}, nil, -int64(unix.EACCES),
			`openat(AT_FDCWD, "a\n\"\\\1\0017\377", O_WRONLY|O_CREAT|O_TRUNC, 0644) = -1 EACCES (permission denied)`},
		{unix.SYS_OPENAT, [6]uint64{7, base, unix.O_TMPFILE | unix.O_RDWR, 0}, []piece{{base, "."}}, nil, 3, `openat(7, ".", O_TMPFILE|O_RDWR, 0) = 3`},
		{unix.SYS_OPEN, [6]uint64{out, unix.O_RDONLY}, nil, nil, -int64(unix.EFAULT), `open(0x110000, O_RDONLY) = -1 EFAULT (bad address)`},
		{unix.SYS_OPEN, [6]uint64{0, unix.O_SYNC | 0x80000000}, nil, nil, -int64(unix.EFAULT), `open(NULL, O_RDONLY|O_SYNC|0x80000000) = -1 EFAULT (bad address)`},
		{unix.SYS_OPEN, [6]uint64{base}, []piece{{base, path}}, nil, 3, `open("` + path + `", O_RDONLY) = 3`},
		{unix.SYS_OPEN, [6]uint64{base}, []piece{{base, path + "x"}}, nil, -int64(unix.ENAMETOOLONG), `open("` + path + `"..., O_RDONLY) = -1 ENAMETOOLONG (file name too long)`},
		{unix.SYS_OPEN, [6]uint64{last + 0xfe}, []piece{{last + 0xfe, "x"}}, nil, 3, `open("x", O_RDONLY) = 3`},
		{unix.SYS_OPEN, [6]uint64{last + 0xff}, []piece{{last + 0xff, []byte("x")}}, nil, -int64(unix.EFAULT), `open(0x130ff, O_RDONLY) = -1 EFAULT (bad address)`},
		{unix.SYS_OPENAT2, [6]uint64{minus(100), base, page1, 24}, []piece{{base, "f"}, {page1, []uint64{unix.O_CREAT, 0o600, unix.RESOLVE_BENEATH}}}, nil, 3,
			`openat2(AT_FDCWD, "f", {flags=O_RDONLY|O_CREAT, mode=0600, resolve=RESOLVE_BENEATH}, 24) = 3`},
		{unix.SYS_CLOSE, [6]uint64{minus(1)}, nil, nil, -int64(unix.EBADF), `close(-1) = -1 EBADF (bad file descriptor)`},
		{unix.SYS_CHOWN, [6]uint64{base, minus32(1), 5}, []piece{{base, "f"}}, nil, 0, `chown("f", -1, 5) = 0`},
		{unix.SYS_LSEEK, [6]uint64{3, minus(8), 2}, nil, nil, 12, `lseek(3, -8, SEEK_END) = 12`},
		{unix.SYS_KILL, [6]uint64{minus32(5), 9}, nil, nil, 0, `kill(-5, SIGKILL) = 0`},
		{unix.SYS_KILL, [6]uint64{5, 0}, nil, nil, -int64(unix.ESRCH), `kill(5, 0) = -1 ESRCH (no such process)`},
		{unix.SYS_TGKILL, [6]uint64{5, 5, 34}, nil, nil, 0, `tgkill(5, 5, SIGRT_2) = 0`},
		{unix.SYS_MLOCKALL, [6]uint64{1<<32 | 3}, nil, nil, 0, `mlockall(0x3) = 0`},
		{unix.SYS_MKDIR, [6]uint64{base, 0o1777}, []piece{{base, "d"}}, nil, 0, `mkdir("d", 01777) = 0`},
		{unix.SYS_MKNOD, [6]uint64{base, unix.S_IFIFO | 0o600}, []piece{{base, "p"}}, nil, 0, `mknod("p", S_IFIFO|0600, 0) = 0`},
		{unix.SYS_ACCESS, [6]uint64{base, 5}, []piece{{base, "f"}}, nil, 0, `access("f", R_OK|X_OK) = 0`},
		{unix.SYS_FACCESSAT2, [6]uint64{minus(100), base, 0, unix.AT_EACCESS}, []piece{{base, "f"}}, nil, 0, `faccessat2(AT_FDCWD, "f", F_OK, AT_EACCESS) = 0`},
		{unix.SYS_UNLINKAT, [6]uint64{3, base, unix.AT_REMOVEDIR}, []piece{{base, "d"}}, nil, 0, `unlinkat(3, "d", AT_REMOVEDIR) = 0`},
		{unix.SYS_RENAMEAT2, [6]uint64{3, base, 4, page1, 1}, []piece{{base, "a"}, {page1, "b"}}, nil, 0, `renameat2(3, "a", 4, "b", RENAME_NOREPLACE) = 0`},
		{unix.SYS_SYMLINK, [6]uint64{base, page1}, []piece{{base, ""}, {page1, "b"}}, nil, -int64(unix.ENOENT), `symlink("", "b") = -1 ENOENT (no such file or directory)`},
		{unix.SYS_MMAP, [6]uint64{0, 1 << 21, 3, unix.MAP_SHARED | unix.MAP_NORESERVE, 3, 4096}, nil, nil, 0x7ffff7d00000,
			`mmap(NULL, 2097152, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_NORESERVE, 3, 4096) = 0x7ffff7d00000`},
		{unix.SYS_MMAP, [6]uint64{0, 1, 0, 0, minus32(1)}, nil, nil, -int64(unix.EINVAL), `mmap(NULL, 1, PROT_NONE, 0, -1, 0) = -1 EINVAL (invalid argument)`},
		{unix.SYS_MADVISE, [6]uint64{0x7000, 4096, unix.MADV_FREE}, nil, nil, 0, `madvise(0x7000, 4096, MADV_FREE) = 0`},
		{unix.SYS_MADVISE, [6]uint64{0x7000, 4096, 99}, nil, nil, -int64(unix.EINVAL), `madvise(0x7000, 4096, 99) = -1 EINVAL (invalid argument)`},

		// Sockets.
		{unix.SYS_CONNECT, [6]uint64{3, base, 7}, []piece{{base, []byte("\x01\x00sock\x00")}}, nil, 0, `connect(3, {sa_family=AF_UNIX, sun_path="sock"}, 7) = 0`},
		{unix.SYS_BIND, [6]uint64{3, base, 5}, []piece{{base, []byte("\x01\x00\x00ab")}}, nil, 0, `bind(3, {sa_family=AF_UNIX, sun_path=@"ab"}, 5) = 0`},
		{unix.SYS_BIND, [6]uint64{3, base, 2}, []piece{{base, []byte("\x01\x00")}}, nil, 0, `bind(3, {sa_family=AF_UNIX}, 2) = 0`},
		{unix.SYS_BIND, [6]uint64{3, base, 1}, nil, nil, -int64(unix.EINVAL), `bind(3, 0x10000, 1) = -1 EINVAL (invalid argument)`},
		{unix.SYS_SENDTO, [6]uint64{3, base, 2, unix.MSG_NOSIGNAL, page1, 16}, []piece{{base, "hi"}, {page1, []byte("\x02\x00\x00\x50\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")}}, nil, 2,
			`sendto(3, "hi", 2, MSG_NOSIGNAL, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 2`},
		{unix.SYS_ACCEPT4, [6]uint64{3, base, page1, unix.SOCK_CLOEXEC}, []piece{{page1, []uint32{28}}},
			[]piece{{base, append([]byte("\x0a\x00\x80\x00\x00\x00\x00\x00"), append(make([]byte, 15), 1, 0, 0, 0, 0)...)}}, 4,
			`accept4(3, {sa_family=AF_INET6, sin6_port=htons(32768), sin6_addr=inet_pton(AF_INET6, "::1")}, [28], SOCK_CLOEXEC) = 4`},
		{unix.SYS_RECVFROM, [6]uint64{3, base, 64, unix.MSG_PEEK | unix.MSG_DONTWAIT}, nil, []piece{{base, "hi"}}, 2, `recvfrom(3, "hi", 64, MSG_PEEK|MSG_DONTWAIT, NULL, NULL) = 2`},

		// Buffers.
		{unix.SYS_READ, [6]uint64{3, base, 4096}, nil, []piece{{base, []byte("root:x\n")}}, 7, `read(3, "root:x\n", 4096) = 7`},
		{unix.SYS_READ, [6]uint64{3, base, 4096}, nil, []piece{{base, []byte(strings.Repeat("a", 40))}}, 40, `read(3, "` + strings.Repeat("a", 32) + `"..., 4096) = 40`},
		{unix.SYS_READ, [6]uint64{3, base, 4096}, nil, nil, 0, `read(3, "", 4096) = 0`},
		{unix.SYS_READ, [6]uint64{3, base, 4096}, nil, nil, -int64(unix.EISDIR), `read(3, 0x10000, 4096) = -1 EISDIR (is a directory)`},
		{unix.SYS_READ, [6]uint64{3, base, 4096}, nil, nil, -512, `read(3, 0x10000, 4096) = ? ERESTARTSYS (to be restarted if SA_RESTART is set)`},
		{unix.SYS_WRITE, [6]uint64{1, base, 3}, []piece{{base, "hi\n"}}, nil, 3, `write(1, "hi\n", 3) = 3`},
		{unix.SYS_WRITE, [6]uint64{1, base, 33}, []piece{{base, strings.Repeat("\x00", 40)}}, nil, 33, `write(1, "` + strings.Repeat(`\0`, 32) + `"..., 33) = 33`},
		{unix.SYS_WRITE, [6]uint64{1, out, 3}, nil, nil, -int64(unix.EFAULT), `write(1, 0x110000, 3) = -1 EFAULT (bad address)`},
		{unix.SYS_WRITE, [6]uint64{1, last + 0xf8, 3}, []piece{{last + 0xf8, "abc"}}, nil, 3, `write(1, "abc", 3) = 3`},
		{unix.SYS_WRITEV, [6]uint64{1, base, 2}, []piece{{base, []uint64{page1, 2, page1 + 2, 1}}, {page1, "abc"}}, nil, 3,
			`writev(1, [{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=1}], 2) = 3`},
		{unix.SYS_READV, [6]uint64{0, base, 2}, []piece{{base, []uint64{page1, 2, page1 + 2, 8}}}, []piece{{page1, "abc"}}, 3,
			`readv(0, [{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=8}], 2) = 3`},
		{unix.SYS_WRITEV, [6]uint64{1, base, 1}, []piece{{base, []uint64{out, 2}}}, nil, -int64(unix.EFAULT), `writev(1, [{iov_base=0x110000, iov_len=2}], 1) = -1 EFAULT (bad address)`},
		{unix.SYS_WRITEV, [6]uint64{1, last + 0xf0, 2}, []piece{{last + 0xf0, []uint64{base, 0}}}, nil, -int64(unix.EFAULT), `writev(1, [{iov_base="", iov_len=0}, ...], 2) = -1 EFAULT (bad address)`},
		{unix.SYS_GETRANDOM, [6]uint64{base, 2, 1}, nil, []piece{{base, []byte{1, '2'}}}, 2, `getrandom("\0012", 2, GRND_NONBLOCK) = 2`},
		{unix.SYS_READLINK, [6]uint64{base, page1, 64}, []piece{{base, "l"}}, []piece{{page1, []byte("target")}}, 6, `readlink("l", "target", 64) = 6`},
		{unix.SYS_GETCWD, [6]uint64{base, 64}, nil, []piece{{base, "/tmp"}}, 5, `getcwd("/tmp", 64) = 5`},
		{unix.SYS_LISTXATTR, [6]uint64{base, 0, 0}, []piece{{base, "f"}}, nil, 20, `listxattr("f", NULL, 0) = 20`},
		{unix.SYS_GETXATTR, [6]uint64{base, page1, page2, 0}, []piece{{base, "f"}, {page1, "user.a"}}, nil, 20, `getxattr("f", "user.a", 0x12000, 0) = 20`},
		{unix.SYS_GETXATTR, [6]uint64{base, page1, page2, 9}, []piece{{base, "f"}, {page1, "user.a"}}, []piece{{page2, "v"}}, 1, `getxattr("f", "user.a", "v", 9) = 1`},
		{unix.SYS_GETDENTS64, [6]uint64{3, base, 4096}, nil, []piece{{base + 16, []byte{24, 0}}, {base + 24 + 16, []byte{32, 0}}}, 56, `getdents64(3, 0x10000 /* 2 entries */, 4096) = 56`},
		{unix.SYS_GETDENTS64, [6]uint64{3, base, 4096}, nil, nil, 56, `getdents64(3, 0x10000, 4096) = 56`},

		// Files.
		{unix.SYS_FSTAT, [6]uint64{1, base}, nil, []piece{{base, stat}}, 0,
			`fstat(1, {st_dev=makedev(0, 0x41), st_ino=77, st_mode=S_IFREG|0644, st_nlink=1, st_uid=1000, st_gid=1001, st_size=12345, st_blksize=4096, st_blocks=32, st_atime=1.000000002, st_mtime=1577836800.000000005, st_ctime=6.000000007}) = 0`},
		{unix.SYS_NEWFSTATAT, [6]uint64{3, base, page1, unix.AT_SYMLINK_NOFOLLOW | 1}, []piece{{base, "n"}}, []piece{{page1, chr}}, 0,
			`newfstatat(3, "n", {st_dev=makedev(0, 0x41), st_ino=77, st_mode=S_IFCHR|0666, st_nlink=1, st_uid=1000, st_gid=1001, st_rdev=makedev(0x1, 0x3), st_size=12345, st_blksize=4096, st_blocks=32, st_atime=1.000000002, st_mtime=1577836800.000000005, st_ctime=6.000000007}, AT_SYMLINK_NOFOLLOW|0x1) = 0`},
		{unix.SYS_STAT, [6]uint64{base, page1}, []piece{{base, "f"}}, nil, -int64(unix.ENOENT), `stat("f", 0x11000) = -1 ENOENT (no such file or directory)`},
		{unix.SYS_STATX, [6]uint64{minus(100), base, unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, page1}, []piece{{base, "f"}},
			[]piece{{page1, unix.Statx_t{Mask: unix.STATX_BASIC_STATS, Blksize: 4096, Nlink: 2, Uid: 3, Gid: 4, Mode: unix.S_IFDIR | 0o755, Ino: 5, Size: 6, Blocks: 7,
				Atime: unix.StatxTimestamp{Sec: 8}, Ctime: unix.StatxTimestamp{Sec: 9}, Mtime: unix.StatxTimestamp{Sec: 10, Nsec: 11}, Dev_major: 12, Dev_minor: 13}}}, 0,
			`statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, STATX_BASIC_STATS, {stx_mask=STATX_BASIC_STATS, stx_blksize=4096, stx_attributes=0, stx_nlink=2, stx_uid=3, stx_gid=4, stx_mode=S_IFDIR|0755, stx_ino=5, stx_size=6, stx_blocks=7, stx_atime=8.000000000, stx_mtime=10.000000011, stx_ctime=9.000000000, stx_dev=makedev(0xc, 0xd)}) = 0`},
		{unix.SYS_FSTATFS, [6]uint64{3, base}, nil, []piece{{base, []uint64{unix.EXT4_SUPER_MAGIC, 4096, 10, 9, 8, 7, 6, 5 | 4<<32, 255, 4096, 0, 0}}}, 0,
			`fstatfs(3, {f_type=EXT2_SUPER_MAGIC, f_bsize=4096, f_blocks=10, f_bfree=9, f_bavail=8, f_files=7, f_ffree=6, f_fsid={0x5, 0x4}, f_namelen=255, f_frsize=4096, f_flags=0}) = 0`},
		{unix.SYS_UTIMENSAT, [6]uint64{minus(100), base, page1, 0}, []piece{{base, "f"}, {page1, []int64{0, 1<<30 - 2, 5, 1<<30 - 1}}}, nil, 0,
			`utimensat(AT_FDCWD, "f", [{tv_sec=0, tv_nsec=UTIME_OMIT}, {tv_sec=5, tv_nsec=UTIME_NOW}], 0) = 0`},
		{unix.SYS_UTIMENSAT, [6]uint64{3, 0, 0, 0}, nil, nil, 0, `utimensat(3, NULL, NULL, 0) = 0`},
		{unix.SYS_UTIME, [6]uint64{base, page1}, []piece{{base, "f"}, {page1, []int64{1, -2}}}, nil, 0, `utime("f", {actime=1, modtime=-2}) = 0`},
		{unix.SYS_UTIMES, [6]uint64{base, page1}, []piece{{base, "f"}, {page1, []int64{1, 2, 3, 4}}}, nil, 0, `utimes("f", [{tv_sec=1, tv_usec=2}, {tv_sec=3, tv_usec=4}]) = 0`},

		// Descriptors.
		{unix.SYS_PIPE2, [6]uint64{base, unix.O_CLOEXEC}, nil, []piece{{base, []int32{3, 4}}}, 0, `pipe2([3, 4], O_CLOEXEC) = 0`},
		{unix.SYS_PIPE2, [6]uint64{base, 0}, nil, []piece{{base, []int32{3, 4}}}, 0, `pipe2([3, 4], 0) = 0`},
		{unix.SYS_FCNTL, [6]uint64{3, unix.F_SETFL, unix.O_NONBLOCK | unix.O_APPEND}, nil, nil, 0, `fcntl(3, F_SETFL, O_RDONLY|O_APPEND|O_NONBLOCK) = 0`},
		{unix.SYS_FCNTL, [6]uint64{3, unix.F_DUPFD_CLOEXEC, 10}, nil, nil, 10, `fcntl(3, F_DUPFD_CLOEXEC, 10) = 10`},
		{unix.SYS_FCNTL, [6]uint64{3, unix.F_GETPIPE_SZ, 99}, nil, nil, 65536, `fcntl(3, F_GETPIPE_SZ) = 65536`},
		{unix.SYS_FCNTL, [6]uint64{3, 777, 1}, nil, nil, -int64(unix.EINVAL), `fcntl(3, 777, 0x1) = -1 EINVAL (invalid argument)`},
		{unix.SYS_FCNTL, [6]uint64{3, unix.F_GETLK, base}, []piece{{base, []uint64{unix.F_WRLCK, 0, 10, 0}}}, []piece{{base, []uint64{unix.F_RDLCK, 1, 2, 77}}}, 0,
			`fcntl(3, F_GETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=10, l_pid=0} => {l_type=F_RDLCK, l_whence=SEEK_SET, l_start=1, l_len=2, l_pid=77}) = 0`},
		{unix.SYS_IOCTL, [6]uint64{1, unix.TIOCGWINSZ, base}, nil, []piece{{base, []uint16{24, 80, 0, 0}}}, 0, `ioctl(1, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0`},
		{unix.SYS_IOCTL, [6]uint64{1, unix.TCGETS, base}, nil, nil, -int64(unix.ENOTTY), `ioctl(1, TCGETS, 0x10000) = -1 ENOTTY (inappropriate ioctl for device)`},
		{unix.SYS_IOCTL, [6]uint64{1, 0x12345678, base}, nil, nil, -int64(unix.ENOTTY), `ioctl(1, 0x12345678, 0x10000) = -1 ENOTTY (inappropriate ioctl for device)`},
		{unix.SYS_IOCTL, [6]uint64{1, 0x5451, base}, nil, nil, 0, `ioctl(1, FIOCLEX) = 0`},
		{unix.SYS_IOCTL, [6]uint64{1, unix.TIOCINQ, base}, nil, []piece{{base, []int32{7}}}, 0, `ioctl(1, FIONREAD, [7]) = 0`},
		{unix.SYS_FLOCK, [6]uint64{3, unix.LOCK_EX | unix.LOCK_NB}, nil, nil, -int64(unix.EAGAIN), `flock(3, LOCK_EX|LOCK_NB) = -1 EAGAIN (resource temporarily unavailable)`},
		{unix.SYS_POLL, [6]uint64{base, 2, minus32(1)}, []piece{{base, []uint32{3, unix.POLLIN, 4, unix.POLLOUT}}}, []piece{{base + 8, []uint32{4, unix.POLLOUT | unix.POLLOUT<<16}}}, 1,
			`poll([{fd=3, events=POLLIN}, {fd=4, events=POLLOUT}] => [{fd=4, revents=POLLOUT}], 2, -1) = 1`},
		{unix.SYS_POLL, [6]uint64{base, 1, 0}, []piece{{base, []uint32{3, unix.POLLIN}}}, nil, 0, `poll([{fd=3, events=POLLIN}], 1, 0) = 0`},
		{unix.SYS_PPOLL, [6]uint64{0, 0, page1, page2, 8}, []piece{{page1, []int64{1, 0}}, {page2, sigs(2, 17)}}, []piece{{page1, []int64{0, 0}}}, 0,
			`ppoll(NULL, 0, {tv_sec=1, tv_nsec=0} => {tv_sec=0, tv_nsec=0}, [INT CHLD], 8) = 0`},
		{unix.SYS_SELECT, [6]uint64{5, base, 0, 0, page1}, []piece{{base, uint64(0xffffff09)}, {page1, []int64{1, 500000}}}, []piece{{base, uint64(8)}, {page1, []int64{1, 0}}}, 1,
			`select(5, [0 3] => [3], NULL, NULL, {tv_sec=1, tv_usec=500000} => {tv_sec=1, tv_usec=0}) = 1`},
		{unix.SYS_PSELECT6, [6]uint64{0, 0, 0, 0, page1, page2}, []piece{{page1, []int64{1, 0}}, {page2, []uint64{base, 8}}, {base, ^sigs(9)}}, nil, 0,
			`pselect6(0, NULL, NULL, NULL, {tv_sec=1, tv_nsec=0}, {sigmask=~[KILL], sigsetsize=8}) = 0`},
		{unix.SYS_SENDFILE, [6]uint64{1, 3, base, 100}, []piece{{base, int64(5)}}, []piece{{base, int64(12)}}, 7, `sendfile(1, 3, [5] => [12], 100) = 7`},
		{unix.SYS_SPLICE, [6]uint64{1, 0, 3, 0, 100, 3}, nil, nil, 7, `splice(1, NULL, 3, NULL, 100, SPLICE_F_MOVE|SPLICE_F_NONBLOCK) = 7`},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_UNIX, unix.SOCK_STREAM | unix.SOCK_CLOEXEC}, nil, nil, -int64(unix.EAFNOSUPPORT), `socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = -1 EAFNOSUPPORT (address family not supported by protocol)`},

		// Time.
		{unix.SYS_CLOCK_GETTIME, [6]uint64{0, base}, nil, []piece{{base, []int64{1577836801, 7}}}, 0, `clock_gettime(CLOCK_REALTIME, {tv_sec=1577836801, tv_nsec=7}) = 0`},
		{unix.SYS_CLOCK_GETTIME, [6]uint64{minus32(6), base}, nil, nil, -int64(unix.EINVAL), `clock_gettime(-6, 0x10000) = -1 EINVAL (invalid argument)`},
		{unix.SYS_GETTIMEOFDAY, [6]uint64{base, page1}, nil, []piece{{base, []int64{1, 2}}}, 0, `gettimeofday({tv_sec=1, tv_usec=2}, {tz_minuteswest=0, tz_dsttime=0}) = 0`},
		{unix.SYS_TIME, [6]uint64{base}, nil, []piece{{base, int64(9)}}, 9, `time([9]) = 9`},
		{unix.SYS_TIME, [6]uint64{}, nil, nil, 9, `time(NULL) = 9`},
		{unix.SYS_TIMES, [6]uint64{base}, nil, []piece{{base, []int64{1, 2, 3, 4}}}, 9, `times({tms_utime=1, tms_stime=2, tms_cutime=3, tms_cstime=4}) = 9`},
		{unix.SYS_SETITIMER, [6]uint64{0, base, 0}, []piece{{base, []int64{1, 2, 3, 4}}}, nil, 0, `setitimer(0, {it_interval={tv_sec=1, tv_usec=2}, it_value={tv_sec=3, tv_usec=4}}, NULL) = 0`},
		{unix.SYS_TIMER_SETTIME, [6]uint64{5, 1, base, 0}, []piece{{base, []int64{1, 2, 3, 4}}}, nil, 0, `timer_settime(5, TIMER_ABSTIME, {it_interval={tv_sec=1, tv_nsec=2}, it_value={tv_sec=3, tv_nsec=4}}, NULL) = 0`},
		{unix.SYS_CLOCK_NANOSLEEP, [6]uint64{1, 1, base, 0}, []piece{{base, []int64{2, 3}}}, nil, 0, `clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, {tv_sec=2, tv_nsec=3}, NULL) = 0`},
		{unix.SYS_NANOSLEEP, [6]uint64{base, page1}, []piece{{base, []int64{2, 3}}}, nil, -514, `nanosleep({tv_sec=2, tv_nsec=3}, 0x11000) = ? ERESTARTNOHAND (to be restarted if no handler)`},

		// Processes.
		{unix.SYS_EXECVE, [6]uint64{base, page1, page2}, []piece{{base, "/bin/sh"}, {page1, []uint64{base, base + 5, out, 0}}, {page2, []uint64{1, 2, 0}}}, nil, 0,
			`execve("/bin/sh", ["/bin/sh", "sh", 0x110000], [/* 2 vars */]) = 0`},
		{unix.SYS_EXECVE, [6]uint64{base, 0, 0}, []piece{{base, "x"}}, nil, -int64(unix.ENOENT), `execve("x", NULL, NULL) = -1 ENOENT (no such file or directory)`},
		{unix.SYS_EXECVE, [6]uint64{base, out, out}, []piece{{base, "x"}}, nil, -int64(unix.EFAULT), `execve("x", 0x110000, 0x110000) = -1 EFAULT (bad address)`},
		{unix.SYS_EXECVE, [6]uint64{base, last + 0xf8, last + 0xf8}, []piece{{base, "x"}, {last + 0xf8, uint64(base)}}, nil, -int64(unix.EFAULT), `execve("x", ["x", ...], 0x130f8) = -1 EFAULT (bad address)`},
		{unix.SYS_CLONE, [6]uint64{unix.CLONE_CHILD_CLEARTID | unix.CLONE_CHILD_SETTID | 17, 0, page1, page2}, nil, []piece{{page1, []int32{301}}}, 301,
			`clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, 0x11000, 0x12000, NULL) = 301`},
		{unix.SYS_CLONE, [6]uint64{unix.CLONE_PARENT_SETTID, 0, page1}, nil, []piece{{page1, []int32{301}}}, 301, `clone(CLONE_PARENT_SETTID, NULL, [301], NULL, NULL) = 301`},
		{unix.SYS_CLONE, [6]uint64{17}, nil, nil, 301, `clone(SIGCHLD, NULL, NULL, NULL, NULL) = 301`},
		{unix.SYS_CLONE3, [6]uint64{base, 88}, []piece{{base, []uint64{unix.CLONE_VM | unix.CLONE_VFORK, 0, 0, 0, 17, 0x7000, 0x1000, 0, 0, 0, 0}}}, nil, 301,
			`clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD, stack=0x7000, stack_size=0x1000}, 88) = 301`},
		{unix.SYS_CLONE3, [6]uint64{base, 8}, nil, nil, -int64(unix.EINVAL), `clone3(0x10000, 8) = -1 EINVAL (invalid argument)`},
		{unix.SYS_WAIT4, [6]uint64{minus(1), base, unix.WNOHANG | unix.WUNTRACED, 0}, nil, []piece{{base, []uint32{3 << 8}}}, 301, `wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], WNOHANG|WSTOPPED, NULL) = 301`},
		{unix.SYS_WAIT4, [6]uint64{minus(1), base, 0, page1}, nil, []piece{{base, []uint32{9}}, {page1, unix.Rusage{Utime: unix.Timeval{Sec: 1, Usec: 2}, Maxrss: 8192}}}, 301,
			`wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], 0, {ru_utime={tv_sec=1, tv_usec=2}, ru_stime={tv_sec=0, tv_usec=0}, ru_maxrss=8192, ...}) = 301`},
		{unix.SYS_WAIT4, [6]uint64{5, base}, nil, []piece{{base, []uint32{0x137f}}}, 5, `wait4(5, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}], 0, NULL) = 5`},
		{unix.SYS_WAIT4, [6]uint64{5, base}, nil, []piece{{base, []uint32{0xffff}}}, 5, `wait4(5, [{WIFCONTINUED(s)}], 0, NULL) = 5`},
		{unix.SYS_WAIT4, [6]uint64{5, base}, nil, []piece{{base, []uint32{6 | 0x80}}}, 5, `wait4(5, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGABRT && WCOREDUMP(s)}], 0, NULL) = 5`},
		{unix.SYS_WAIT4, [6]uint64{minus(1), base, unix.WNOHANG, page1}, nil, nil, 0, `wait4(-1, 0x10000, WNOHANG, 0x11000) = 0`},
		{unix.SYS_WAITID, [6]uint64{1, 5, base, unix.WEXITED | unix.WNOWAIT, 0}, nil, []piece{{base, []int32{17, 0, 1, 0, 5, 1000, 7}}}, 0,
			`waitid(P_PID, 5, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=5, si_uid=1000, si_status=7, si_utime=0, si_stime=0}, WEXITED|WNOWAIT, NULL) = 0`},
		{unix.SYS_WAITID, [6]uint64{0, 0, base, unix.WEXITED | unix.WNOHANG, 0}, nil, nil, 0, `waitid(P_ALL, 0, {}, WNOHANG|WEXITED, NULL) = 0`},
		{unix.SYS_RT_SIGACTION, [6]uint64{2, base, page1, 8}, []piece{{base, []uint64{0x401000, 0x14000000, 0x7000, sigs(1)}}}, nil, 0,
			`rt_sigaction(SIGINT, {sa_handler=0x401000, sa_mask=[HUP], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x7000}, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0`},
		{unix.SYS_RT_SIGTIMEDWAIT, [6]uint64{base, page1, page2, 8}, []piece{{base, sigs(10)}, {page2, []int64{1, 0}}}, []piece{{page1, []int32{10, 0, -1, 0, 5, 1000, 42}}}, 10,
			`rt_sigtimedwait([USR1], {si_signo=SIGUSR1, si_code=SI_QUEUE, si_pid=5, si_uid=1000, si_int=42}, {tv_sec=1, tv_nsec=0}, 8) = 10`},
		{unix.SYS_FUTEX, [6]uint64{0x7000, 129, 1}, nil, nil, 0, `futex(0x7000, FUTEX_WAKE|FUTEX_PRIVATE_FLAG, 1, 0, NULL, 0) = 0`},
		{unix.SYS_PRCTL, [6]uint64{unix.PR_SET_NAME, base, 9, 9, 9}, []piece{{base, "name"}}, nil, 0, `prctl(PR_SET_NAME, "name") = 0`},
		{unix.SYS_PRCTL, [6]uint64{unix.PR_GET_DUMPABLE, 9, 9, 9, 9}, nil, nil, 1, `prctl(PR_GET_DUMPABLE) = 1`},
		{unix.SYS_PRCTL, [6]uint64{unix.PR_SET_PDEATHSIG, 15, 9, 9, 9}, nil, nil, 0, `prctl(PR_SET_PDEATHSIG, SIGTERM) = 0`},
		{unix.SYS_PRCTL, [6]uint64{9999, 1, 2, 3, 4}, nil, nil, -int64(unix.EINVAL), `prctl(9999, 0x1, 0x2, 0x3, 0x4) = -1 EINVAL (invalid argument)`},
		{unix.SYS_PRLIMIT64, [6]uint64{0, 7, base, page1}, []piece{{base, []uint64{5, 6}}}, []piece{{page1, []uint64{1024, ^uint64(0)}}}, 0,
			`prlimit64(0, RLIMIT_NOFILE, {rlim_cur=5, rlim_max=6}, {rlim_cur=1024, rlim_max=RLIM64_INFINITY}) = 0`},
		{unix.SYS_GETRUSAGE, [6]uint64{minus32(1), base}, nil, nil, 0, `getrusage(RUSAGE_CHILDREN, {ru_utime={tv_sec=0, tv_usec=0}, ru_stime={tv_sec=0, tv_usec=0}, ru_maxrss=0, ...}) = 0`},
		{unix.SYS_EXIT_GROUP, [6]uint64{3}, nil, nil, never, `exit_group(3) = ?`},
		{unix.SYS_READ, [6]uint64{0, base, 1}, nil, nil, never, `read(0, 0x10000, 1) = ?`},

		// The machine.
		{unix.SYS_UNAME, [6]uint64{base}, nil, []piece{{base, "Linux"}, {base + 65, "box"}, {base + 5*65, "(none)"}}, 0,
			`uname({sysname="Linux", nodename="box", release="", version="", machine="", domainname="(none)"}) = 0`},
		{unix.SYS_SYSINFO, [6]uint64{base}, nil, []piece{{base, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}}}, 0,
			`sysinfo({uptime=1, loads=[2, 3, 4], totalram=5, freeram=6, sharedram=7, bufferram=8, totalswap=9, freeswap=10, procs=11, totalhigh=12, freehigh=13, mem_unit=14}) = 0`},
		{unix.SYS_SCHED_GETAFFINITY, [6]uint64{0, 128, base}, nil, []piece{{base, uint64(15)}}, 8, `sched_getaffinity(0, 128, [0 1 2 3]) = 8`},
		{unix.SYS_SCHED_SETAFFINITY, [6]uint64{0, 8, base}, []piece{{base, uint64(1 << 63)}}, nil, 0, `sched_setaffinity(0, 8, [63]) = 0`},
		{unix.SYS_GETCPU, [6]uint64{base, 0, 0}, nil, []piece{{base, []uint32{0}}}, 0, `getcpu([0], NULL, 0) = 0`},

		// Calls without a row.
		{9999, [6]uint64{1, 0, 0, 0, 0, 2}, nil, nil, -int64(unix.ENOSYS), `syscall_9999(0x1, 0, 0, 0, 0, 0x2) = -1 ENOSYS (function not implemented)`},
		{x32 | 1, [6]uint64{}, nil, nil, -int64(unix.ENOSYS), `x32_1(0, 0, 0, 0, 0, 0) = -1 ENOSYS (function not implemented)`},
	} {
		m := newImage()
		m.put(t, test.before)
		c := Enter(300, m, true, test.nr, test.args)
		m.put(t, test.during)
		v := c.Never()
		if test.ret != never {
			v = c.Return(test.ret)
		}
		if got := v.Text(); got != "[300] "+test.want {
			t.Errorf("got  %s\nwant [300] %s", got, test.want)
		}
	}
	if got, want := Enter(1, newImage(), false, 20, [6]uint64{}).Return(-int64(unix.ENOSYS)).Text(), "[1] int80_20(0, 0, 0, 0, 0, 0) = -1 ENOSYS (function not implemented)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// never stands for the result of a call that does not return.
const never = -99999

// TestIncomingArguments: what the kernel reads is copied when the call is
// made; what becomes of it afterwards does not show.
func TestIncomingArguments(t *testing.T) {
	m := newImage()
	m.put(t, []piece{{base, "before"}, {page1, []uint64{base, 0}}, {page2, []uint64{base, 6}}})
	calls := []*Call{
		Enter(1, m, true, unix.SYS_OPEN, [6]uint64{base}),
		Enter(1, m, true, unix.SYS_WRITE, [6]uint64{1, base, 6}),
		Enter(1, m, true, unix.SYS_EXECVE, [6]uint64{base, page1, page1}),
		Enter(1, m, true, unix.SYS_WRITEV, [6]uint64{1, page2, 1}),
	}
	clear(m.mem)
	for i, want := range []string{
		`open("before", O_RDONLY) = 0`, `write(1, "before", 6) = 0`, `execve("before", ["before"], [/* 1 vars */]) = 0`,
		`writev(1, [{iov_base="before", iov_len=6}], 1) = 0`,
	} {
		if got := calls[i].Return(0).Text(); got != "[1] "+want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestShapesExist: every shape is for an argument that the policy table knows,
// of a kind whose text it does not take away from a better one.
func TestShapesExist(t *testing.T) {
	known := make(map[string]policy.Kind)
	for _, row := range policy.Table {
		for _, p := range row.Params() {
			known[row.Name+"."+p.Name] = p.Kind
		}
	}
	for arg, s := range shapes {
		kind, ok := known[arg]
		if !ok {
			t.Errorf("no call has the argument %s", arg)
			continue
		}
		pointer := false
		switch kind {
		case policy.KindIn, policy.KindOut, policy.KindInOut, policy.KindStrVec, policy.KindAddr, policy.KindPath, policy.KindStr:
			pointer = true
		}
		if pointer == s.scalar {
			t.Errorf("%s is of kind %s, its shape is scalar: %v", arg, kind, s.scalar)
		}
		if s.in == nil && s.out == nil {
			t.Errorf("the shape of %s is empty", arg)
		}
		fills := strings.HasSuffix(arg, ".vec") // readv reads addresses and fills what they lead to
		if kind == policy.KindIn && s.out != nil && !fills || kind == policy.KindOut && s.in != nil {
			t.Errorf("%s is of kind %s: read at entry %v, at exit %v", arg, kind, s.in != nil, s.out != nil)
		}
	}
	rows := make(map[string]bool)
	for call := range addressResult {
		rows[call] = true
	}
	for _, row := range policy.Table {
		delete(rows, row.Name)
	}
	if len(rows) > 0 {
		t.Errorf("no such calls: %v", rows)
	}
}
