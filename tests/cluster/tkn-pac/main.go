// Tkn-pac's offline resolver, `tkn-pac resolve`: the other commands talk to forges, which no test does.
package main

import (
	"os"

	"github.com/openshift-pipelines/pipelines-as-code/pkg/cli"
	"github.com/openshift-pipelines/pipelines-as-code/pkg/cmd/tknpac/resolve"
	"github.com/openshift-pipelines/pipelines-as-code/pkg/params"
	"github.com/spf13/cobra"
)

func main() {
	clients := params.New()
	root := &cobra.Command{Use: "tkn-pac", SilenceUsage: true}
	clients.Info.Kube.AddFlags(root)
	root.AddCommand(resolve.Command(clients, cli.NewIOStreams()))
	if root.Execute() != nil {
		os.Exit(1)
	}
}
