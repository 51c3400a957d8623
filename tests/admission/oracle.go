package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tektoncd/pipeline/pkg/apis/config"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/apis/pipeline/v1alpha1"
	"github.com/tektoncd/pipeline/pkg/apis/pipeline/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

// object is what Tekton's webhook can default and validate.
type object interface {
	apis.Defaultable
	apis.Validatable
	metav1.Object
}

// kinds are the objects of tekton.dev that the webhook answers for; every other document of a file is somebody else's.
var kinds = map[string]func() object{
	"tekton.dev/v1 Task":                     func() object { return &v1.Task{} },
	"tekton.dev/v1 Pipeline":                 func() object { return &v1.Pipeline{} },
	"tekton.dev/v1 TaskRun":                  func() object { return &v1.TaskRun{} },
	"tekton.dev/v1 PipelineRun":              func() object { return &v1.PipelineRun{} },
	"tekton.dev/v1beta1 StepAction":          func() object { return &v1beta1.StepAction{} },
	"tekton.dev/v1beta1 Task":                func() object { return &v1beta1.Task{} },
	"tekton.dev/v1beta1 Pipeline":            func() object { return &v1beta1.Pipeline{} },
	"tekton.dev/v1beta1 TaskRun":             func() object { return &v1beta1.TaskRun{} },
	"tekton.dev/v1beta1 PipelineRun":         func() object { return &v1beta1.PipelineRun{} },
	"tekton.dev/v1beta1 CustomRun":           func() object { return &v1beta1.CustomRun{} },
	"tekton.dev/v1alpha1 StepAction":         func() object { return &v1alpha1.StepAction{} },
	"tekton.dev/v1alpha1 VerificationPolicy": func() object { return &v1alpha1.VerificationPolicy{} },
}

// levels are the values of enable-api-fields; alpha means the separate flags of alpha features as well.
var levels = [3]string{"stable", "beta", "alpha"}

var contexts = func() (all [3]context.Context) {
	for i, level := range levels {
		flags := map[string]string{"enable-api-fields": level}
		if level == "alpha" {
			for _, flag := range []string{
				config.EnableArtifacts, config.EnableCELInWhenExpression, config.EnableConciseResolverSyntax,
				config.EnableKubernetesSidecar, config.EnableParamEnum, config.EnableTerminationMessageCompression,
				config.EnableWaitExponentialBackoff, config.KeepPodOnCancel,
			} {
				flags[flag] = "true"
			}
		}
		features, err := config.NewFeatureFlagsFromMap(flags)
		if err != nil {
			panic(err)
		}
		defaults, err := config.NewDefaultsFromMap(nil)
		if err != nil {
			panic(err)
		}
		all[i] = apis.WithinCreate(config.ToContext(context.Background(), &config.Config{FeatureFlags: features, Defaults: defaults}))
	}
	return all
}()

// Verdicts has "ok" or the error's text for each level.
type Verdicts struct {
	Stable string `json:"stable"`
	Beta   string `json:"beta"`
	Alpha  string `json:"alpha"`
}

func (v Verdicts) list() [3]string { return [3]string{v.Stable, v.Beta, v.Alpha} }

// admit asks for every document of a YAML text whether Tekton would take it.
func admit(text string) Verdicts {
	var answers [3]string
	for i, ctx := range contexts {
		answers[i] = admitSteadily(ctx, text)
	}
	return Verdicts{answers[0], answers[1], answers[2]}
}

// admitSteadily repeats the question, because some messages depend on the order of a Go map: the least one is taken.
func admitSteadily(ctx context.Context, text string) string {
	answer := admitAt(ctx, text)
	if answer == "ok" {
		return answer
	}
	for range 12 {
		again := admitAt(ctx, text)
		if again == "ok" {
			panic("verdict depends on the order of a map: " + answer + "\n" + text)
		}
		answer = min(answer, again)
	}
	return answer
}

// admitAt gives the first refusal among a text's documents.
func admitAt(ctx context.Context, text string) string {
	documents := k8syaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	var errs []error
	count := 0
	for {
		document, err := documents.Read()
		if err == io.EOF {
			break
		}
		if err == nil && len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		if err == nil {
			err = admitDocument(ctx, document)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("#%d %w", count, err))
		}
		count++
	}
	if len(errs) == 0 {
		return "ok"
	}
	if count == 1 {
		return errors.Unwrap(errs[0]).Error()
	}
	return errs[0].Error()
}

// admitDocument does what happens on the way through the API server: decoding, the mutating webhook (which writes the
// object back, so that empty lists and maps vanish), and the validating one.
func admitDocument(ctx context.Context, document []byte) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	asJSON, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if string(asJSON) == "null" {
		return nil
	}
	var meta metav1.TypeMeta
	if err := json.Unmarshal(asJSON, &meta); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if !strings.HasPrefix(meta.APIVersion, "tekton.dev/") {
		return nil
	}
	create, known := kinds[meta.APIVersion+" "+meta.Kind]
	if !known {
		return fmt.Errorf("decode: unhandled kind: %s %s", meta.APIVersion, meta.Kind)
	}
	asked := create()
	if err := decode(asJSON, asked); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	asked.SetDefaults(ctx)
	written, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("write back: %w", err)
	}
	defaulted := create()
	if err := decode(written, defaulted); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	// The API server does this between the two webhooks.
	if prefix := defaulted.GetGenerateName(); defaulted.GetName() == "" && prefix != "" {
		defaulted.SetName(prefix[:min(len(prefix), 58)] + "abcde")
	}
	if refused := defaulted.Validate(ctx).Filter(apis.ErrorLevel); refused != nil {
		return fmt.Errorf("validate: %w", refused)
	}
	return nil
}

// decode refuses unknown fields. Like the webhook's decoder it takes keys in any case.
func decode(asJSON []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
