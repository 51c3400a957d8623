package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Expected is a case and the first level that is meant to take it: stable, beta, alpha, never, or ? where the oracle's
// answer is the interesting part.
type Expected struct {
	Case
	Level string
}

var (
	frameLine = regexp.MustCompile(`^@ ?([\w./-]+)$`)
	caseLine  = regexp.MustCompile(`^(stable|beta|alpha|never|\?)(\*?) ([\w./-]+) =(?: (.*))?$`)
)

// readCases reads frames (`@ name` and an indented text with one `%`) and cases (`level name = text`, or `level name =`
// and an indented text). A case's text takes the place of the `%` of the frame above it. Where several frames stand
// together, the first of them takes every case and the others only those with a `*` after the level.
func readCases(path string) (cases []Expected, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	type frame struct{ name, text string }
	var frames []frame
	framesOpen := false
	lines := strings.Split(string(content), "\n")
	for at := 0; at < len(lines); at++ {
		line := strings.TrimRight(lines[at], " ")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		indented := func() string {
			var block []string
			for at+1 < len(lines) && (strings.HasPrefix(lines[at+1], "  ") || strings.TrimSpace(lines[at+1]) == "" && at+2 < len(lines) && strings.HasPrefix(lines[at+2], "  ")) {
				at++
				block = append(block, strings.TrimPrefix(lines[at], "  "))
			}
			return strings.Join(block, "\n")
		}
		if match := frameLine.FindStringSubmatch(line); match != nil {
			if !framesOpen {
				frames = nil
			}
			framesOpen = true
			text := indented()
			if strings.Count(text, "%") != 1 {
				return nil, fmt.Errorf("%s:%d: a frame has one %%", path, at+1)
			}
			frames = append(frames, frame{match[1], text + "\n"})
			continue
		}
		match := caseLine.FindStringSubmatch(line)
		if match == nil || len(frames) == 0 {
			return nil, fmt.Errorf("%s:%d: neither a frame nor a case: %s", path, at+1, line)
		}
		framesOpen = false
		text := match[4]
		if text == "" {
			text = indented()
		}
		takers := frames
		if match[2] == "" {
			takers = frames[:1]
		}
		for _, f := range takers {
			cases = append(cases, Expected{Case{Name: f.name + "/" + match[3], YAML: fill(f.text, text)}, match[1]})
		}
	}
	return cases, nil
}

// fill puts a text where the frame has its `%`, all lines of it as deep as the first.
func fill(frame, text string) string {
	before, after, _ := strings.Cut(frame, "%")
	line := before[strings.LastIndex(before, "\n")+1:]
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	return before + strings.ReplaceAll(text, "\n", "\n"+indent) + after
}
