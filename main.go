// Laplace runs a command so that it is a pure function of its files, arguments and
// environment. See README.md.
package main

import (
	"os"

	"laplace.dev/laplace/cli"
	"laplace.dev/laplace/runtime"
	"laplace.dev/laplace/runtime/probe"
)

// stages are what the program becomes when it starts itself under another name.
var stages = map[string]func(){
	runtime.SupervisorName: runtime.SupervisorMain, // traces a box
	runtime.InitName:       runtime.InitMain,       // the first process of a box
	probe.ChildName:        probe.ChildMain,        // tries something out, for laplace host
}

func main() {
	if stage, ok := stages[os.Args[0]]; ok {
		stage()
		return
	}
	runtime.RaiseLimits()
	os.Exit(cli.Main(os.Args[1:], cli.Process(runtime.Run)))
}
