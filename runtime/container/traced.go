package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/oci"
)

// A process of exec is traced by the supervisor of its container, as all others there. What makes
// it asks the supervisor before and after, over a socket in the container's directory: first for
// a pid, then, when the process is there, to have it join the others, which it does when
// it asks for it itself, as init does.

// supervisorSocket is the name of that socket.
const supervisorSocket = "supervisor"

// A Request is what is asked of a supervisor, one message each. It answers with a Reply.
type Request struct {
	// PID is the process that has been made, as the host calls it; 0 asks for a place for one.
	PID int `json:"pid,omitempty"`
	// Stir tells in place of that that a process has been sent a signal.
	Stir bool `json:"stir,omitempty"`
	// Streams are the pipes that the process has in place of the caller's standard streams: their
	// device and number; nothing where it has the caller's own, or a terminal. With a PID come descriptors:
	// the socket to the process, then, for each pipe, the caller's stream and the pipe's other end.
	Streams [3]*Pipe `json:"streams"`
	// Terminal tells that the process has one.
	Terminal bool `json:"terminal,omitempty"`
	// File is the caller's file that the process has as its standard input.
	File *Pipe `json:"file,omitempty"`
}

// A Pipe is a file, by its device and number, stat(2).
type Pipe struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// A Reply is what a supervisor answers.
type Reply struct {
	// Error says why it can't be; "" that all is well.
	Error string `json:"error,omitempty"`
	// Over tells that the container has ended, or is about to.
	Over bool `json:"over,omitempty"`
}

// MaxRequest is the greatest length of a request in bytes, and MaxRights the greatest number of
// descriptors that come with one.
const (
	MaxRequest = 4096
	MaxRights  = 7
)

// near calls f with a name of a file in a directory that is short enough for sockaddr_un,
// whatever the directory's is; unix(7).
func near(dir, name string, f func(path string) error) error {
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return f("/proc/self/fd/" + strconv.Itoa(at) + "/" + name)
}

// listen makes the socket at which a supervisor is asked.
func (c *Container) listen() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket of the supervisor: %w", err)
	}
	err = near(c.dir, supervisorSocket, func(path string) error { return unix.Bind(fd, &unix.SockaddrUnix{Name: path}) })
	if err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("socket of the supervisor: %w", err)
	}
	return fd, nil
}

// A visit is a process of exec that is about to join those of its container.
type visit struct {
	socket int // to the supervisor
	*supervisor
}

// visit connects with the container's supervisor; nil where nothing is traced yet: before start. The
// caller closes it by done.
func (c *Container) visit(terminal bool) (v *visit, err error) {
	status, err := c.status()
	if err != nil || status == oci.Created {
		return nil, err
	}
	v = &visit{socket: -1}
	defer func() {
		if err != nil {
			v.done()
		}
	}()
	v.socket, err = c.connect()
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOENT) {
		return v, c.over()
	}
	if err != nil {
		return v, fmt.Errorf("supervisor: %w", err)
	}
	v.supervisor, err = newSupervisor(terminal)
	return v, err
}

// connect connects with the container's supervisor.
func (c *Container) connect() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = near(c.dir, supervisorSocket, func(path string) error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Signalled has the supervisor of a deterministic container look for a signal that one of its
// processes has been sent: it does by itself, but only now and then.
func (c *Container) Signalled() {
	if !deterministic(c.record.Config) {
		return
	}
	fd, err := c.connect()
	if err != nil {
		return // it has ended, or not begun
	}
	defer unix.Close(fd)
	if data, err := json.Marshal(&Request{Stir: true}); err == nil {
		_ = unix.Sendmsg(fd, data, nil, nil, unix.MSG_NOSIGNAL)
	}
}

// over is the error of exec in a container that has ended.
func (c *Container) over() error { return oci.Allowed(oci.Exec, c.record.ID, oci.Stopped) }

// ask sends a request and waits for the answer.
func (v *visit) ask(c *Container, r *Request, fds ...int) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	buf := make([]byte, MaxRequest)
	n := 0
	if err = retry(func() error { return unix.Sendmsg(v.socket, data, rights, nil, unix.MSG_NOSIGNAL) }); err == nil {
		err = retry(func() (err error) { n, err = unix.Read(v.socket, buf); return err })
	}
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || err == nil && n == 0 {
		return c.over()
	}
	var reply Reply
	if err == nil {
		err = json.Unmarshal(buf[:n], &reply)
	}
	switch {
	case err != nil:
		return fmt.Errorf("supervisor: %w", err)
	case reply.Over:
		return c.over()
	case reply.Error != "":
		return errors.New("supervisor: " + reply.Error)
	}
	return nil
}

func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

// start makes the process in the place that the supervisor has for it.
func (v *visit) start(c *Container, sp *spawn, t *task) error {
	sp.inherit = append(sp.inherit, v.theirs)
	t.Supervisor = v.theirs
	if err := v.ask(c, &Request{}); err != nil {
		return err
	}
	if err := v.instead(func() error { return sp.start(t) }); err != nil {
		return err
	}
	r := &Request{PID: sp.pid, Terminal: t.Spec.Process.Terminal}
	fds := []int{v.ours}
	for i, fd := range v.streams {
		if fd >= 0 {
			r.Streams[i] = pipeOf(fd)
			fds = append(fds, v.stdio[i], v.ends[i])
		}
	}
	if v.streams[0] < 0 && v.stdio[0] >= 0 {
		r.File = pipeOf(v.stdio[0])
	}
	return v.ask(c, r, fds...)
}

// pipeOf is what a descriptor leads to.
func pipeOf(fd int) *Pipe {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return nil
	}
	return &Pipe{st.Dev, st.Ino}
}

// done closes what this process has of it.
func (v *visit) done() {
	closeAll([]int{v.socket})
	if v.supervisor != nil {
		v.supervisor.done()
	}
}

// ParseRequest reads a request, and the descriptors that come with it, which the caller owns.
func ParseRequest(data, oob []byte) (r *Request, fds []int, err error) {
	list, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range list {
		some, err := unix.ParseUnixRights(&m)
		if err != nil {
			closeAll(fds)
			return nil, nil, err
		}
		fds = append(fds, some...)
	}
	r = new(Request)
	err = json.Unmarshal(data, r)
	if err == nil && r.PID != 0 && len(fds) != 1+2*len(slices.DeleteFunc(slices.Clone(r.Streams[:]), func(p *Pipe) bool { return p == nil })) {
		err = unix.EPROTO
	}
	if err != nil {
		closeAll(fds)
		return nil, nil, err
	}
	return r, fds, nil
}
