package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime"
)

// A laplace in a box runs its command directly: there is nothing left to pin.

// inBox reports whether this process runs in a box.
func (c *Caller) inBox() bool {
	_, err := os.Lstat(filepath.Join(c.Root, oci.Direct))
	return err == nil
}

// runDirectly replaces this process, which is in a box already, with the command. Of
// the flags only those that say where and with which environment have an effect.
func (f *boxFlags) runDirectly(c *Caller, command []string) error {
	if f.dir != "" {
		if err := os.Chdir(f.dir); err != nil {
			return &runtime.Error{Op: "working directory", On: f.dir, Err: cause(err)}
		}
	}
	path, err := exec.LookPath(command[0])
	if err == nil {
		err = c.Exec(path, command, oci.AddEnv(c.Env, f.env))
	}
	status := runtime.ExitNotFound
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOEXEC) {
		status = runtime.ExitNotExecutable
	}
	return &runtime.Error{Op: "command", On: command[0], Err: lookupCause(err), Exit: status}
}

// directScript does what runDirectly does: it is what a laplace in a box is replaced by,
// see oci.Direct. It understands the flags of the verbs that run a box: which of them have
// a value decides where the command begins.
func directScript() []byte {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&boxFlags{}).add(flags)
	addTraceFlags(flags, new(traceFlags))
	var withValue []string
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.NoOptDefVal != "" {
			return // a switch
		}
		withValue = append(withValue, "--"+flag.Name)
		if flag.Shorthand != "" {
			withValue = append(withValue, "-"+flag.Shorthand)
		}
	})
	return fmt.Appendf(nil, directText, strings.Join(withValue, "|"))
}

// directText has a place for the flags that have a value.
const directText = `#!/bin/sh
# laplace in a box: the command runs directly, there is nothing left to pin.
verb=$1
case $verb in
do | trace) shift ;;
*) echo "laplace: $verb: not in a box. Try: laplace $verb outside of it" >&2; exit 125 ;;
esac
while [ $# -gt 0 ]; do
	flag=$1 value=$2
	case $flag in
	--) shift; break ;;
	--*=*) value=${flag#*=} flag=${flag%%%%=*} ;;
	-[Ceo]?*) value=${flag#-?} flag=${flag%%"$value"} ;;
	-*) ;;
	*) break ;;
	esac
	case $flag in
	-C | --directory) cd -- "$value" || exit 125 ;;
	--env) export "$value" ;;
	esac
	if [ "$flag" = "$1" ]; then
		case $flag in
		%s) shift ;;
		esac
	fi
	shift
done
if [ $# -eq 0 ]; then
	echo "laplace: $verb: no command. Try: laplace $verb -- make" >&2
	exit 125
fi
exec "$@"
`
