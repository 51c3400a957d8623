package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	tries        = 40000
	wanted       = 320
	perRefusal   = 5 // of one message, names and numbers aside
	perDecoding  = 1 // there are very many of these
	perAccepted  = 1 // of one kind of change at one field
	mostAccepted = 120
)

// mutate replaces the mutants by random changes of the cases that some level takes: few of a kind, so that the file
// stays small.
func mutate() error {
	files, err := filepath.Glob("cases/*.txt")
	if err != nil {
		return err
	}
	var bases []Case
	for _, file := range files {
		cases, err := readCases(file)
		if err != nil {
			return err
		}
		for _, c := range cases {
			if len(c.YAML) < 600 && !strings.Contains(c.Name, "document/") && lowest(admit(c.YAML)) != "never" {
				bases = append(bases, c.Case)
			}
		}
	}
	m := mutator{rand: rand.New(rand.NewPCG(1, 15)), fields: map[string][]any{}}
	for _, base := range bases {
		m.collect("", parse(base.YAML))
	}
	var kept []Case
	seen, counts := map[string]bool{}, map[string]int{}
	for range tries {
		base := bases[m.rand.IntN(len(bases))]
		object, changes := parse(base.YAML), []string{}
		for range 1 + m.rand.IntN(2) {
			if change := m.change(object); change != "" {
				changes = append(changes, change)
			}
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		if len(changes) == 0 || len(text) > 700 || seen[string(text)] {
			continue
		}
		seen[string(text)] = true
		mutant := Case{Name: base.Name + "~" + strings.Join(changes, "~"), YAML: string(text), Verdicts: admit(string(text))}
		class, most := m.class(mutant, changes)
		if counts[class] >= most || lowest(mutant.Verdicts) != "never" && counts["accepted"] >= mostAccepted {
			continue
		}
		counts[class]++
		if lowest(mutant.Verdicts) != "never" {
			counts["accepted"]++
		}
		kept = append(kept, mutant)
		if len(kept) == wanted {
			break
		}
	}
	sort.SliceStable(kept, func(i, j int) bool { return kept[i].Name < kept[j].Name })
	return writeCases(mutants, kept)
}

var (
	quoted  = regexp.MustCompile(`"(\\.|[^"\\])*"|\[[^\]]*\]|[0-9]+`)
	address = regexp.MustCompile(`: [\w.,\[\] -]*$`)
)

// class tells mutants of one kind from others.
func (m *mutator) class(mutant Case, changes []string) (string, int) {
	if lowest(mutant.Verdicts) != "never" {
		return fmt.Sprint(changes[0], lowest(mutant.Verdicts)), perAccepted
	}
	message, _, _ := strings.Cut(mutant.Alpha, "\n")
	class := quoted.ReplaceAllString(message, "")
	if strings.HasPrefix(class, "decode") {
		class, _, _ = strings.Cut(class, " into Go ")
		return class, perDecoding
	}
	return address.ReplaceAllString(class, ""), perRefusal
}

func parse(text string) map[string]any {
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		panic(err)
	}
	return object
}

// mutator changes objects; fields has the values that each field was seen with, to put one case's part into another.
type mutator struct {
	rand   *rand.Rand
	fields map[string][]any
}

// place is a value with the means to replace or remove it.
type place struct {
	key    string
	value  any
	set    func(any)
	remove func()
	parent any
}

func (m *mutator) collect(key string, value any) {
	if key != "" {
		m.fields[key] = append(m.fields[key], value)
	}
	for _, p := range places(value, nil) {
		if len(p.key) > 0 {
			m.fields[p.key] = append(m.fields[p.key], p.value)
		}
	}
}

// places lists everything below a value in a steady order, but for what says which kind of object it is.
func places(value any, list []place) []place {
	switch parent := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(parent))
		for key := range parent {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if _, root := parent["kind"]; root && parent["metadata"] != nil && (key == "kind" || key == "apiVersion") {
				continue
			}
			list = append(list, place{key, parent[key], func(v any) { parent[key] = v }, func() { delete(parent, key) }, parent})
			list = places(parent[key], list)
		}
	case []any:
		for i := range parent {
			list = append(list, place{"", parent[i], func(v any) { parent[i] = v }, nil, parent})
			list = places(parent[i], list)
		}
	}
	return list
}

var edges = []any{
	"", "A", "a.b", "a_b", "-a", "a b", "1", "$(params.nope)", "$(params.s)", "$(params.list[*])", "$(params.o.k)", "$(tasks.a.results.r)",
	"$(tasks.b.results.r[*])", "$(context.taskRun.name)", "$(context.pipelineRun.name)", "$(uid)", "$(tasks.status)", "0s", "-1s", "1h", "continue",
	"https://x/y", "array", "object", "in", "#!win", "/tekton/x", "stopAndFail", strings.Repeat("a", 63), strings.Repeat("a", 64),
	nil, true, 1.0, -1.0, []any{}, map[string]any{}, []any{"x"}, map[string]any{"k": "v"}, []any{nil}, []any{"x", 1.0},
}

var reference = regexp.MustCompile(`\$\([^)]*\)`)

// change makes one random change in place and names it, or gives "" where the chosen kind of change does not apply.
func (m *mutator) change(object map[string]any) string {
	all := places(object, nil)
	p := all[m.rand.IntN(len(all))]
	at := p.key
	if at == "" {
		at = "element"
	}
	switch m.rand.IntN(9) {
	case 0:
		if p.remove == nil {
			return ""
		}
		p.remove()
		return "drop-" + at
	case 1:
		if list, ok := p.value.([]any); ok && len(list) > 0 {
			one := list[m.rand.IntN(len(list))]
			p.set(append(slices.Clone(list), clone(one)))
			return "repeat-in-" + at
		}
		return ""
	case 2:
		if list, ok := p.value.([]any); ok && len(list) > 1 {
			i := m.rand.IntN(len(list))
			p.set(slices.Delete(slices.Clone(list), i, i+1))
			return "drop-in-" + at
		}
		return ""
	case 3:
		if p.remove == nil || m.rand.IntN(3) > 0 {
			return ""
		}
		p.remove()
		p.parent.(map[string]any)[p.key+"s"] = p.value
		return "misspell-" + at
	case 4:
		switch value := p.value.(type) {
		case []any:
			if len(value) > 0 {
				p.set(value[0])
				return "unwrap-" + at
			}
		case string:
			p.set([]any{value})
			return "wrap-" + at
		}
		return ""
	case 5:
		value := edges[m.rand.IntN(len(edges))]
		p.set(clone(value))
		return "edge-" + at
	case 6:
		other := all[m.rand.IntN(len(all))]
		a, isText := p.value.(string)
		b, areTexts := other.value.(string)
		if !isText || !areTexts || a == b {
			return ""
		}
		p.set(b)
		other.set(a)
		return "swap-" + at
	case 7:
		donors := m.fields[p.key]
		if len(donors) == 0 {
			return ""
		}
		p.set(clone(donors[m.rand.IntN(len(donors))]))
		return "graft-" + at
	default:
		text, ok := p.value.(string)
		found := reference.FindString(text)
		if !ok || found == "" {
			return ""
		}
		inner := strings.TrimSuffix(found[2:], ")")
		root, rest, _ := strings.Cut(inner, ".")
		variants := []string{
			"$(" + inner + "[*])", "$(" + inner + "[0])", "$(" + inner + ".k)", "$(" + inner, "x" + found, found + found, "$" + found,
			"$(" + root + "[\"" + rest + "\"])", "$(" + root + "['" + rest + "'])", "$( " + inner + ")", "$(" + root + ")", "$(" + inner + ".k.l)", strings.ToUpper(found),
			strings.TrimSuffix(strings.TrimSuffix(found, ")"), "[*]") + ")",
		}
		p.set(strings.Replace(text, found, variants[m.rand.IntN(len(variants))], 1))
		return "reference-in-" + at
	}
}

func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		copied := map[string]any{}
		for key, inner := range v {
			copied[key] = clone(inner)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, inner := range v {
			copied[i] = clone(inner)
		}
		return copied
	}
	return value
}
