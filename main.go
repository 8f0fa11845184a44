// Laplace runs a command so that it is a pure function of its files, arguments and
// environment. See README.md.
package main

import (
	"os"
	goruntime "runtime"

	"laplace.dev/laplace/cli"
	"laplace.dev/laplace/runtime"
	"laplace.dev/laplace/runtime/container"
	"laplace.dev/laplace/runtime/probe"
	"laplace.dev/laplace/runtime/supervise"
)

// stages are what the program becomes when it starts itself under another name.
var stages = map[string]func(){
	runtime.SupervisorName: runtime.SupervisorMain, // traces a box
	runtime.InitName:       runtime.InitMain,       // the first process of a box
	container.InitName:     container.InitMain,     // the first process of a container, or of exec
	supervise.Name:         supervise.Main,         // traces a deterministic container
	probe.ChildName:        probe.ChildMain,        // tries something out, for laplace host
}

// init keeps a stage on the process's main thread, whose credentials are the process's.
func init() {
	if _, ok := stages[os.Args[0]]; ok {
		goruntime.LockOSThread()
	}
}

func main() {
	if stage, ok := stages[os.Args[0]]; ok {
		stage()
		return
	}
	os.Exit(cli.Main(os.Args[1:], cli.Process(runtime.Run)))
}
