// oc-mirror stands in for openshift/oc-mirror v2: it mirrors nothing, and refuses what that refuses. What it looks at is
// what can be wrong in the workload that runs it: arguments, environment, credentials, volumes.
//
// A file exit-code beside the configuration makes it fail so, with one line about an error; a file wait makes it wait
// until it is told to end, or until the URL in the file answers. As `sleep` it is the toolbox's command.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The flags that have a value, and those that have none.
var (
	values = map[string]bool{"--config": true, "--cache-dir": true, "--from": true, "--workspace": true, "--since": true}
	plain  = map[string]bool{"--v2": true, "--dry-run": true}
)

func fail(code int, format string, args ...any) {
	fmt.Printf(" [ERROR]  : "+format+"\n", args...)
	os.Exit(code)
}

func must(err error) {
	if err != nil {
		fail(1, "%v", err)
	}
}

func main() {
	if filepath.Base(os.Args[0]) == "sleep" {
		wait()
	}
	for _, variable := range os.Environ() {
		// Its embedded registry reads them as its configuration. (openshift/oc-mirror#1453)
		if strings.HasPrefix(variable, "REGISTRY_") {
			panic("error parsing " + strings.SplitN(variable, "=", 2)[0])
		}
	}
	given, destination := arguments()
	fmt.Printf(" [INFO]   : oc-mirror %s\n", strings.Join(os.Args[1:], " "))
	if _, ok := given["--v2"]; !ok {
		fail(1, "either the flag --v1 or the flag --v2 is needed")
	}
	config, err := os.ReadFile(given["--config"])
	must(err)
	if !strings.Contains(string(config), "kind: ImageSetConfiguration") {
		fail(1, "configuration missing `kind`")
	}
	if since, ok := given["--since"]; ok {
		if _, err := time.Parse(time.DateOnly, since); err != nil {
			fail(1, "--since flag needs to be in format yyyy-MM-dd")
		}
	}
	credentials()
	cache := filepath.Join(given["--cache-dir"], ".oc-mirror", ".cache")
	must(os.MkdirAll(cache, 0o755))
	beside := filepath.Dir(given["--config"])
	if url, err := os.ReadFile(filepath.Join(beside, "wait")); err == nil {
		fmt.Println(" [INFO]   : waiting")
		if len(url) == 0 {
			wait()
		}
		_, err := http.Get(string(url))
		must(err)
	}
	if text, err := os.ReadFile(filepath.Join(beside, "exit-code")); err == nil {
		code, err := strconv.Atoi(strings.TrimSpace(string(text)))
		must(err)
		fail(code, "some errors occurred during the mirroring")
	}
	mirror(given, destination)
	fmt.Println(" [INFO]   : 👋 Goodbye, thank you for using oc-mirror")
}

// Until somebody says that it is enough.
func wait() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	os.Exit(143)
}

// The flags with their values, and the destination.
func arguments() (map[string]string, string) {
	given, rest := map[string]string{}, []string{}
	for args := os.Args[1:]; len(args) > 0; args = args[1:] {
		name, value, has := strings.Cut(args[0], "=")
		switch {
		case !strings.HasPrefix(name, "-"):
			rest = append(rest, args[0])
		case plain[name]:
			given[name] = "true"
		case values[name] && has:
			given[name] = value
		case values[name] && len(args) > 1:
			given[name] = args[1]
			args = args[1:]
		default:
			fail(1, "unknown flag: %s", name)
		}
	}
	if given["--config"] == "" {
		fail(1, "use the --config flag it is mandatory")
	}
	if len(rest) != 1 {
		fail(1, "destination must have one of the prefixes file:// and docker://")
	}
	return given, rest[0]
}

// Where containers/image looks for credentials.
func credentials() {
	for _, path := range []string{
		filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "containers", "auth.json"),
		filepath.Join(os.Getenv("HOME"), ".docker", "config.json"),
	} {
		text, err := os.ReadFile(path)
		must(err)
		var file struct {
			Auths map[string]any `json:"auths"`
		}
		must(json.Unmarshal(text, &file))
		fmt.Printf(" [INFO]   : %s has credentials for %d registries\n", path, len(file.Auths))
	}
}

// One of the three ways.
func mirror(given map[string]string, destination string) {
	from, fromDisk := given["--from"]
	workspace, direct := given["--workspace"]
	dryRun := given["--dry-run"] == "true"
	directory := func(url string) string {
		path, ok := strings.CutPrefix(url, "file://")
		if !ok {
			fail(1, "%s must begin with file://", url)
		}
		return path
	}
	archives := func(path string) []string {
		all, _ := filepath.Glob(filepath.Join(path, "mirror_*.tar"))
		return all
	}
	var place string
	switch {
	case strings.HasPrefix(destination, "file://"):
		if fromDisk || direct {
			fail(1, "when destination is file://, --from and --workspace must not be given")
		}
		place = directory(destination)
		// Also when it only says what it would do. (openshift/oc-mirror, pull request 1144)
		for _, archive := range archives(place) {
			must(os.Remove(archive))
		}
	case !strings.HasPrefix(destination, "docker://"):
		fail(1, "destination must have one of the prefixes file:// and docker://")
	case fromDisk == direct:
		fail(1, "when destination is docker://, either --from or --workspace is needed")
	case fromDisk:
		place = directory(from)
		if match := regexp.MustCompile(`mirror_[0-9]{6}\.tar$`); len(archives(place)) == 0 || !match.MatchString(archives(place)[0]) {
			fail(1, "no tar archives matching \"mirror_[0-9]{6}\\.tar\" found in %q", place)
		}
	default:
		place = directory(workspace)
	}
	logs := filepath.Join(place, "working-dir", "logs")
	must(os.MkdirAll(logs, 0o755))
	must(os.WriteFile(filepath.Join(logs, "oc-mirror.log"), []byte("done\n"), 0o644))
	if strings.HasPrefix(destination, "file://") && !dryRun {
		must(os.WriteFile(filepath.Join(place, "mirror_000001.tar"), make([]byte, 1024), 0o644))
	}
	fmt.Printf(" [INFO]   : %d archives in %s\n", len(archives(place)), place)
}
