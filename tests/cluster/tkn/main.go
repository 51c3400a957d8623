// Tkn's commands for Tekton Pipelines and Triggers, as released; left out are those that talk to a hub or a registry.
package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/tektoncd/cli/pkg/cli"
	"github.com/tektoncd/cli/pkg/cmd/eventlistener"
	"github.com/tektoncd/cli/pkg/cmd/pipeline"
	"github.com/tektoncd/cli/pkg/cmd/pipelinerun"
	"github.com/tektoncd/cli/pkg/cmd/task"
	"github.com/tektoncd/cli/pkg/cmd/taskrun"
)

func main() {
	params := &cli.TektonParams{}
	root := &cobra.Command{Use: "tkn", SilenceUsage: true}
	root.AddCommand(
		eventlistener.Command(params),
		pipeline.Command(params),
		pipelinerun.Command(params),
		task.Command(params),
		taskrun.Command(params),
	)
	if root.Execute() != nil {
		os.Exit(1)
	}
}
