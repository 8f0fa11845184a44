package container

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"laplace.dev/laplace/oci"
)

// runHooks runs the hooks of one point, one after the other, until one fails: each reads
// the state from its standard input. See the section "POSIX-platform Hooks" of config.
func runHooks(h *specs.Hooks, point string, state specs.State) error {
	input, err := json.Marshal(state)
	if err != nil {
		return err
	}
	for i, hook := range oci.Hooks(h, point) {
		if err := runHook(&hook, input); err != nil {
			return fmt.Errorf("error running %s hook #%d: %w", point, i, err)
		}
	}
	return nil
}

func runHook(h *specs.Hook, input []byte) error {
	ctx := context.Background()
	if h.Timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*h.Timeout)*time.Second)
		defer cancel()
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, h.Path)
	// The first argument is the hook's own name, as execv(3) has it.
	if len(h.Args) > 0 {
		cmd.Args = h.Args
	}
	cmd.Env = h.Env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would be ours
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	// What a hook that is killed leaves behind may hold its output open.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("%s: killed after %d s, its timeout", h.Path, *h.Timeout)
	}
	if err != nil {
		return fmt.Errorf("%w, stdout: %s, stderr: %s", err, bytes.TrimSpace(stdout.Bytes()), bytes.TrimSpace(stderr.Bytes()))
	}
	return nil
}
