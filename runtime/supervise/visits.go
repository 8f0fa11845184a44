package supervise

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/vfs"
	"laplace.dev/laplace/runtime/container"
)

// visitTime is how long whoever makes a process may take from the answer that there is a place
// for it until it is there: nobody in the container forks meanwhile.
const visitTime = 10 * time.Second

// receives hears those that make processes in the container, until the socket is closed.
func (w *warden) receives(l *net.UnixListener) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		w.visits.Add(1)
		go func() {
			defer w.visits.Done()
			w.receive(c)
		}()
	}
}

// receive has one process join the container.
func (w *warden) receive(c *net.UnixConn) {
	defer c.Close()
	first, _, err := request(c)
	if err != nil {
		return
	}
	if first.Stir {
		w.run.Stir()
		return
	}
	place, err := w.run.Reserve()
	if err != nil {
		reply(c, err)
		return
	}
	reply(c, nil)
	_ = c.SetReadDeadline(time.Now().Add(visitTime))
	r, fds, err := request(c)
	if err == nil && r.PID <= 0 {
		err = unix.EPROTO
	}
	if err != nil {
		place.Cancel()
		closeAll(fds)
		return
	}
	place.Made()
	reply(c, nil)
	v := &visitor{w: w, init: fds[0], stdin: -1}
	defer v.close()
	fds = fds[1:]
	for i, p := range r.Streams {
		if p == nil {
			continue
		}
		e := end{fd: int32(fds[1]), key: vfs.Key{Dev: p.Dev, Ino: p.Ino}}
		if i == 0 {
			v.stdin = fds[0]
		} else {
			e.out = &outlet{fd: fds[0], owned: true, stir: w.run.Stir, group: &w.passing}
		}
		fds = fds[2:]
		v.ends = append(v.ends, e)
	}
	if !v.asks() {
		place.Cancel()
		return
	}
	g := v.visitor(r)
	defer g.Go.Close()
	if place.Join(g) != nil {
		if g.Stdin != nil {
			g.Stdin.Close()
		}
		return
	}
	v.looksAfter()
}

// request reads a request and the descriptors that come with it.
func request(c *net.UnixConn) (*container.Request, []int, error) {
	data, oob := make([]byte, container.MaxRequest), make([]byte, unix.CmsgSpace(4*container.MaxRights))
	n, k, _, _, err := c.ReadMsgUnix(data, oob)
	if err != nil {
		return nil, nil, err
	}
	return container.ParseRequest(data[:n], oob[:k])
}

// reply answers a request.
func reply(c *net.UnixConn, err error) {
	var r container.Reply
	if err != nil {
		r.Error, r.Over = err.Error(), errors.Is(err, determinize.ErrOver)
	}
	if data, err := json.Marshal(&r); err == nil {
		_, _ = c.Write(data)
	}
}

// visitor is a process that joins the container, as far as others see it.
type visitor struct {
	w     *warden
	init  int // socket to the process
	stdin int // of the caller's, or -1
	ends  []end
}

// end is the supervisor's end of a pipe that the process has as a standard stream.
type end struct {
	fd  int32
	key vfs.Key // of the pipe
	out *outlet // nil: it is standard input's
}

// asks waits until the process asks to be seized, and tells whether it does.
func (v *visitor) asks() bool {
	var b [1]byte
	for {
		n, err := unix.Read(v.init, b[:])
		if err != unix.EINTR {
			return err == nil && n == 1
		}
	}
}

func (v *visitor) visitor(r *container.Request) *determinize.Visitor {
	g := &determinize.Visitor{Command: determinize.Command{PID: r.PID, Go: os.NewFile(uintptr(v.init), "init")}, Terminal: r.Terminal}
	v.init = -1
	if r.File != nil {
		g.StdinFile = vfs.Key{Dev: r.File.Dev, Ino: r.File.Ino}
	}
	out := 0
	for _, e := range v.ends {
		if e.out == nil {
			g.Stdin, g.StdinKey = os.NewFile(uintptr(v.stdin), "stdin"), e.key
			v.stdin = -1
			continue
		}
		g.Outputs[out], g.Outlets[out] = e.key, e.out
		out++
	}
	return g
}

// looksAfter waits until nobody in the container has the pipes open any more.
func (v *visitor) looksAfter() {
	buf := make([]byte, room)
	for len(v.ends) > 0 {
		fds := make([]unix.PollFd, len(v.ends))
		for i, e := range v.ends {
			fds[i].Fd = e.fd
			if e.out != nil {
				fds[i].Events = unix.POLLIN
			}
		}
		if n, err := unix.Poll(fds, -1); err != nil || n == 0 {
			continue
		}
		for i := len(fds) - 1; i >= 0; i-- {
			e := v.ends[i]
			switch {
			case fds[i].Revents&unix.POLLIN != 0:
				// Of Laplace itself, before the command.
				if n, err := unix.Read(int(e.fd), buf); err == nil && n > 0 {
					_ = e.out.Put(buf[:n])
				}
			case fds[i].Revents != 0:
				v.w.run.Leaves(e.key)
				unix.Close(int(e.fd))
				v.ends = slices.Delete(v.ends, i, i+1)
			}
		}
	}
}

// close closes what nobody has taken over.
func (v *visitor) close() {
	closeAll([]int{v.init, v.stdin})
	for _, e := range v.ends {
		unix.Close(int(e.fd))
		if e.out != nil {
			e.out.Close()
		}
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
