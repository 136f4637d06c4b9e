package main

import (
	"context"
	"os"

	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	kubectl "k8s.io/kubectl/pkg/cmd"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// The programs of a worker, and kubectl.  A file of its own: test beds of other Kubernetes versions build only main.go.
func init() {
	commands["kube-proxy"] = proxy.NewProxyCommand
	commands["kubelet"] = func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }
	commands["kubectl"] = kubectl.NewDefaultKubectlCommand
	plain["coredns"] = coremain.Run
	plain["etcd"] = func() { etcdmain.Main(os.Args) }
}
