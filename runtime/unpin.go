package runtime

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/oci"
)

// unpin gives the box, of what the pins that are off would hide, what its command starts
// with. What the engine and init hide they leave out themselves.
func (s *supervisor) unpin() {
	spec, off := s.box.Spec, s.box.Unpinned
	if off.Has(determinize.PinUmask) {
		umask := uint32(syscall.Umask(0))
		syscall.Umask(int(umask))
		spec.Process.User.Umask = &umask
	}
	if off.Has(determinize.PinEnv) {
		spec.Process.Env = oci.AddEnv(spec.Process.Env, os.Environ())
	}
	if off.Has(determinize.PinHostname) {
		spec.Hostname = "" // init leaves it as it is
	}
	if l := spec.Linux; off.Has(determinize.PinUser) && len(l.UIDMappings) > 0 && len(l.GIDMappings) > 0 {
		s.nameGuest(l.UIDMappings[0].HostID, l.GIDMappings[0].HostID)
	}
}

// nameGuest calls the guest by other ids, and what belongs to it in its mounts.
func (s *supervisor) nameGuest(uid, gid uint32) {
	user := &s.box.Spec.Process.User
	for _, m := range s.box.Spec.Mounts {
		for i, option := range m.Options {
			switch option {
			case fmt.Sprintf("uid=%d", user.UID):
				m.Options[i] = fmt.Sprintf("uid=%d", uid)
			case fmt.Sprintf("gid=%d", user.GID):
				m.Options[i] = fmt.Sprintf("gid=%d", gid)
			}
		}
	}
	user.UID, user.GID = uid, gid
}

// unpinned are the taints of the pins that are off.
func unpinned(off determinize.Pins) []Taint {
	var taints []Taint
	for _, pin := range slices.Sorted(slices.Values(off)) {
		taints = append(taints, Taint{Kind: "unpinned", Detail: fmt.Sprintf("%s (--unpin %s)", pin, pin)})
	}
	return slices.Compact(taints)
}
