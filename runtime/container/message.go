package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// What init and the process that made it tell each other, over a socket that keeps
// messages apart. Init of exec shares its container with programs that nobody trusts: what
// it says is taken as words, never as an order.
const (
	stepFailed  = "failed"  // init cannot go on: Text says why; it exits
	stepHooks   = "hooks"   // the root is composed: hooks of the runtime may run; answered
	stepConsole = "console" // with the master of the terminal; answered
	stepReady   = "ready"   // the command is found, only credentials and start are missing; answered
	stepGo      = "go"      // the answer
)

// A message is one of those.
type message struct {
	Step string `json:"step"`
	Text string `json:"text,omitempty"`
}

// maxMessage is the greatest length of a message in bytes.
const maxMessage = 32 << 10

// send sends a message and, when it is not negative, a descriptor.
func send(socket int, m message, fd int) error {
	if len(m.Text) > maxMessage/8 {
		m.Text = strings.ToValidUTF8(m.Text[:maxMessage/8], "")
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	for {
		if err = unix.Sendmsg(socket, data, rights, nil, unix.MSG_NOSIGNAL); err != unix.EINTR {
			return err
		}
	}
}

// receive returns the next message and the descriptor that came with it, or -1. The end is
// io.EOF.
func receive(socket int) (m message, fd int, err error) {
	data, oob := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4))
	var n, oobn, flags int
	for {
		n, oobn, flags, _, err = unix.Recvmsg(socket, data, oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	fd = -1
	if oobn > 0 && err == nil {
		fd = rightsOf(oob[:oobn])
	}
	switch {
	case err == unix.ECONNRESET || err == nil && n == 0:
		err = io.EOF
	case err == nil && flags&unix.MSG_TRUNC != 0:
		err = unix.EMSGSIZE
	case err == nil:
		err = json.Unmarshal(data[:n], &m)
	}
	if err != nil && fd >= 0 {
		unix.Close(fd)
		fd = -1
	}
	return m, fd, err
}

// rightsOf is the descriptor in a control message, or -1.
func rightsOf(oob []byte) int {
	list, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1
	}
	for _, c := range list {
		if fds, err := unix.ParseUnixRights(&c); err == nil && len(fds) > 0 {
			return fds[0]
		}
	}
	return -1
}

// ask sends a message and waits until it is answered.
func ask(socket int, m message, fd int) error {
	if err := send(socket, m, fd); err != nil {
		return fmt.Errorf("tell the runtime: %w", err)
	}
	answer, extra, err := receive(socket)
	if extra >= 0 {
		unix.Close(extra)
	}
	switch {
	case err != nil:
		return fmt.Errorf("answer of the runtime: %w", err)
	case answer.Step != stepGo:
		return errors.New("the runtime has given up")
	}
	return nil
}
