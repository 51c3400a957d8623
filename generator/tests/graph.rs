//! `stepwright graph`: what its pictures say, that nothing in a name breaks them, and that an SVG is one that can be read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;
use stepwright::graph::{Form, draw};
use stepwright::render::{Definition, Options};
use tekton::v1::{Param, PipelineSpec, PipelineTask};

const RELEASE: &str = "tests/graph/release.yaml";
const NASTY: &str = "tests/graph/nasty.yaml";

fn stepwright(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright"));
    command.arg("graph").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // A command that does not read its input may have gone.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn graph(arguments: &[&str]) -> String {
    let output = stepwright(arguments, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(arguments: &[&str], input: &str) -> String {
    let output = stepwright(arguments, input);
    assert!(output.stdout.is_empty());
    format!("{}exit {}", String::from_utf8_lossy(&output.stderr), output.status.code().unwrap())
}

#[test]
fn a_pipeline_in_mermaid() {
    insta::assert_snapshot!(graph(&[RELEASE]));
}

#[test]
fn a_pipeline_in_dot() {
    insta::assert_snapshot!(graph(&[RELEASE, "-o", "dot"]));
}

#[test]
fn a_pipeline_in_svg() {
    insta::assert_snapshot!(graph(&[RELEASE, "--output", "svg"]));
}

/// Names that are keywords, quotes, comments, HTML, mathematics; tasks that are not there; tasks that wait for each other.
/// Mermaid's own parser and Graphviz read these.
#[test]
fn nasty_names_in_mermaid() {
    insta::assert_snapshot!(graph(&[NASTY]));
}

#[test]
fn nasty_names_in_dot() {
    insta::assert_snapshot!(graph(&[NASTY, "-o", "dot"]));
}

#[test]
fn nasty_names_in_svg() {
    let svg = graph(&[NASTY, "-o", "svg"]);
    for text in ["<title>Pipeline end \"&lt;x&gt;</title>", ">runs &lt;script&gt;alert(1)&lt;/script&gt;<", "&amp;quot; #quot;<"]
    {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn a_run_of_several_documents() {
    let two = "{apiVersion: tekton.dev/v1, kind: Pipeline, metadata: {name: a}, spec: {tasks: [{name: t, taskRef: {name: t}}]}}
---
{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {generateName: b-}, spec: {pipelineSpec: {tasks: [{name: u, taskSpec: {steps: [{image: i}]}}]}}}
";
    let named = stepwright(&["-", "--name", "b-"], two);
    insta::assert_snapshot!(String::from_utf8(named.stdout).unwrap(), @r#"
    flowchart TD
      task_u["u"]
    "#);
    insta::assert_snapshot!(refused(&["-"], two), @"
    error: standard input has 2 Pipelines; hint: say which with --name; there is: a, b-
    exit 2
    ");
    insta::assert_snapshot!(refused(&["-", "--name", "c"], two), @r#"
    error: standard input has no Pipeline "c"; hint: there is: a, b-
    exit 5
    "#);
}

#[test]
fn what_cannot_be_drawn() {
    insta::assert_snapshot!(refused(&["no-such"], ""), @r#"
    error: there is no pipeline "no-such"; hint: there is: copy-image, oc-mirror-build-pipeline, oc-mirror-deployment-pipeline, remove-operators
    exit 5
    "#);
    insta::assert_snapshot!(refused(&["-"], "{apiVersion: v1, kind: ConfigMap}"), @"
    error: standard input has no Pipeline that can be drawn; hint: give a file with a Pipeline or a PipelineRun that holds one, or a definition's name
    exit 3
    ");
    let typo = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: a}\nspec:\n  taks: []\n";
    insta::assert_snapshot!(refused(&["-"], typo), @"
    standard input:5:3: error[unknown-field]: there is no field `taks` here
        taks: []
        ^
        hint: did you mean `tasks`?
    error: standard input has no Pipeline that can be drawn; hint: give a file with a Pipeline or a PipelineRun that holds one, or a definition's name
    exit 3
    ");
}

#[test]
fn the_graphs_in_the_readmes_are_up_to_date() {
    const BEGIN: &str = "<!-- graph -->\n";
    const END: &str = "<!-- /graph -->";
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines");
    let names: Vec<&str> = Definition::embedded_names().collect();
    assert!(!names.is_empty());
    for name in names {
        let definition = Definition::open(&pipelines.join(name)).unwrap();
        let rendered = definition.render(&definition.values(&[], &[]).unwrap(), &Options::default()).unwrap();
        let graphs = rendered.pipelines().map(|pipeline| draw(pipeline.name(), &pipeline.spec, Form::Mermaid).unwrap());
        let graphs: String = graphs.map(|graph| format!("```mermaid\n{graph}```\n")).collect();
        let path = pipelines.join(name).join("README.md");
        let readme = std::fs::read_to_string(&path).unwrap();
        let Some((before, (_, after))) = readme.split_once(BEGIN).and_then(|(b, rest)| Some((b, rest.split_once(END)?))) else {
            panic!("{} has no lines\n{BEGIN}{END}", path.display());
        };
        let updated = format!("{before}{BEGIN}{graphs}{END}{after}");
        if std::env::var_os("STEPWRIGHT_UPDATE").is_some() {
            std::fs::write(&path, &updated).unwrap();
        } else {
            assert!(readme == updated, "{} is stale: STEPWRIGHT_UPDATE=1 cargo test -p stepwright", path.display());
        }
    }
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/tekton/examples/pipelineruns")
}

/// Tekton's own examples: each has a picture, the same one every time.
#[test]
fn every_example_has_a_picture() {
    let mut directories = vec![data()];
    let mut drawn = 0;
    while let Some(directory) = directories.pop() {
        let entries = std::fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let source = tekton::source::Source::new(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
            for (_, object) in tekton::check::check(&[source], &tekton::check::Options::default()).objects {
                let (name, spec) = match object {
                    tekton::check::Object::Pipeline(pipeline) => (pipeline.name().to_owned(), pipeline.spec),
                    tekton::check::Object::PipelineRun(run) if run.spec.pipeline_spec.is_some() => {
                        (run.name().to_owned(), run.spec.pipeline_spec.unwrap())
                    }
                    _ => continue,
                };
                for form in [Form::Mermaid, Form::Dot, Form::Svg] {
                    let picture = draw(&name, &spec, form).unwrap();
                    assert_eq!(picture, draw(&name, &spec, form).unwrap());
                    for task in spec.tasks.iter().chain(&spec.finally) {
                        assert!(picture.contains(task.name()), "{} in {}", task.name(), path.display());
                    }
                }
                drawn += 1;
            }
        }
    }
    assert!(drawn > 40, "{drawn}");
}

/// A Pipeline in which tasks wait for some of those before them, some in `finally`.
fn any_pipeline() -> impl Strategy<Value = PipelineSpec> {
    let task = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4u8, "[a-z]{1,24}", any::<bool>());
    (prop::collection::vec(task, 1..24), 0..4usize).prop_map(|(tasks, finally)| {
        let mut spec = PipelineSpec::default();
        for (number, (first, second, kind, name, long)) in tasks.into_iter().enumerate() {
            let mut task = PipelineTask { name: Some(format!("{name}-{number}")), ..PipelineTask::default() };
            let on = |index: prop::sample::Index| spec.tasks[index.index(number)].name().to_owned();
            if number > 0 && kind > 0 {
                task.run_after = vec![on(first)];
            }
            if number > 0 && kind > 1 {
                let result = if long { "A_VERY_LONG_NAME_OF_A_RESULT" } else { "R" };
                task.params = vec![Param::new("p".into(), format!("$(tasks.{}.results.{result})", on(second)).into())];
            }
            spec.tasks.push(task);
        }
        for number in 0..finally.min(spec.tasks.len()) {
            let status = format!("$(tasks.{}.status)", spec.tasks[number].name());
            let params = vec![Param::new("p".into(), status.into())];
            spec.finally.push(PipelineTask { name: Some(format!("last-{number}")), params, ..PipelineTask::default() });
        }
        spec
    })
}

fn attribute(element: &str, name: &str) -> f64 {
    let (_, rest) = element.split_once(&format!(" {name}=\"")).unwrap();
    rest.split_once('"').unwrap().0.parse().unwrap()
}

/// Points along a path of `M`, `V` and `C`.
fn points(path: &str) -> Vec<(f64, f64)> {
    let (_, rest) = path.split_once(" d=\"").unwrap();
    let data = rest.split_once('"').unwrap().0;
    let mut points = Vec::new();
    let (mut x, mut y) = (0.0, 0.0);
    let mut at = 0;
    while at < data.len() {
        let kind = data.as_bytes()[at];
        let end = data[at + 1..].find(['M', 'V', 'C']).map_or(data.len(), |next| at + 1 + next);
        let numbers: Vec<f64> = data[at + 1..end].split(' ').map(|number| number.parse().unwrap()).collect();
        match (kind, &numbers[..]) {
            (b'M', [to_x, to_y]) => (x, y) = (*to_x, *to_y),
            (b'V', [to_y]) => {
                points.extend((0..=8).map(|i| (x, y + (to_y - y) * f64::from(i) / 8.0)));
                y = *to_y;
            }
            (b'C', [ax, ay, bx, by, to_x, to_y]) => {
                let bezier = |t: f64, p: [f64; 4]| {
                    let u = 1.0 - t;
                    u * u * u * p[0] + 3.0 * u * u * t * p[1] + 3.0 * u * t * t * p[2] + t * t * t * p[3]
                };
                points.extend((0..=16).map(|i| {
                    let t = f64::from(i) / 16.0;
                    (bezier(t, [x, *ax, *bx, *to_x]), bezier(t, [y, *ay, *by, *to_y]))
                }));
                (x, y) = (*to_x, *to_y);
            }
            _ => panic!("{data}"),
        }
        at = end;
    }
    points
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_goes_through_a_box_and_no_box_lies_on_another(spec in any_pipeline()) {
        let svg = draw("p", &spec, Form::Svg).unwrap();
        let boxes: Vec<[f64; 4]> = svg
            .lines()
            .filter(|line| line.starts_with("<rect") && !line.contains("finally"))
            .map(|line| ["x", "y", "width", "height"].map(|name| attribute(line, name)))
            .collect();
        prop_assert_eq!(boxes.len(), spec.tasks.len() + spec.finally.len());
        for (index, a) in boxes.iter().enumerate() {
            for b in &boxes[index + 1..] {
                let apart = a[0] + a[2] < b[0] || b[0] + b[2] < a[0] || a[1] + a[3] < b[1] || b[1] + b[3] < a[1];
                prop_assert!(apart, "{:?} {:?}\n{}", a, b, svg);
            }
        }
        let paths: Vec<&str> = svg.lines().filter(|line| line.starts_with("<path")).collect();
        prop_assert!(paths.len() >= spec.tasks.iter().filter(|task| !task.run_after.is_empty()).count());
        for path in paths {
            for (x, y) in points(path) {
                let inside = |b: &&[f64; 4]| x > b[0] + 1.0 && x < b[0] + b[2] - 1.0 && y > b[1] + 1.0 && y < b[1] + b[3] - 1.0;
                prop_assert!(boxes.iter().find(inside).is_none(), "{} {} {}\n{}", x, y, path, svg);
            }
        }
    }
}
