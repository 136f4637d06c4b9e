// Command node is every Kubernetes program of the test bed in one file: links named after each program point to it.
//
// What belongs here: choosing the program by the name it was called with.  What never does: behaviour of our own; the
// cluster that the tests speak to must be the real one.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// The control plane; worker.go adds the rest.
var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": manager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

// Programs that read os.Args themselves.
var plain = map[string]func(){}

func main() {
	name := filepath.Base(os.Args[0])
	if run, known := plain[name]; known {
		run()
		return
	}
	command, known := commands[name]
	if !known {
		fmt.Fprintf(os.Stderr, "%s: call me by a link named after one of the Kubernetes programs\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command()))
}
