//! `stepwright render`: what it renders, what it refuses, and that values are data wherever they stand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use stepwright::render::{Definition, Options, Rendered, readme};
use tempfile::TempDir;

/// A Pipeline that says little.
const PIPELINE: &str = "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: p
spec:
  workspaces:
  - name: source
  tasks:
  - name: validate
    taskRef:
      name: validate-catalog
    workspaces:
    - name: source
";

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn render(files: &[(&str, &str)], sets: &[&str]) -> step::Result<Rendered> {
    render_in(directory(files).path(), sets)
}

fn render_in(directory: &Path, sets: &[&str]) -> step::Result<Rendered> {
    let definition = Definition::open(directory)?;
    let given = directory.join("given.values");
    let files: Vec<PathBuf> = given.exists().then_some(given).into_iter().collect();
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    definition.render(&definition.values(&files, &sets)?, &Options::default())
}

/// All that is said about a definition, without the name of the temporary directory.
fn refused(files: &[(&str, &str)], sets: &[&str]) -> String {
    let directory = directory(files);
    let Err(error) = render_in(directory.path(), sets) else { panic!("it renders: {files:?}") };
    let path = directory.path().display().to_string();
    let name = directory.path().file_name().unwrap().to_str().unwrap();
    let text =
        format!("{}error: {error}{}", error.details_text(), error.hint_text().map_or(String::new(), |h| format!("; hint: {h}")));
    text.replace(&format!("{path}/"), "").replace(name, "p")
}

fn refused_template(template: &str) -> String {
    refused(&[("pipeline.yaml.j2", template)], &[])
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn definitions() -> Vec<Definition> {
    let directories = std::fs::read_dir(repository().join("pipelines")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = directories.filter(|path| path.is_dir()).collect();
    paths.sort();
    paths.iter().map(|path| Definition::open(path).unwrap()).collect()
}

fn defaults(definition: &Definition) -> Rendered {
    definition.render(&definition.values(&[], &[]).unwrap(), &Options::default()).unwrap()
}

// === The definitions of the repository ===

#[test]
fn the_pipeline_remove_operators() {
    let definition = Definition::embedded("remove-operators").unwrap().unwrap();
    let rendered = defaults(&definition);
    let pipeline = rendered.pipelines().next().unwrap();
    insta::assert_snapshot!(tekton::yaml::to_string(pipeline).unwrap());
}

#[test]
fn the_examples_of_remove_operators() {
    let definition = Definition::embedded("remove-operators").unwrap().unwrap();
    let sets = ["operators=[a, \"b\"]", "service_account=robot", "git.branch=v4.20", "retries=2"].map(str::to_owned);
    let values = definition.values(&[], &sets).unwrap();
    let rendered = definition.render(&values, &Options::default()).unwrap();
    assert_eq!(rendered.pipelines().next().unwrap().spec.tasks[1].retries, 2);
    insta::assert_snapshot!(rendered.examples_yaml().unwrap(), @"
    apiVersion: tekton.dev/v1
    kind: PipelineRun
    metadata:
      generateName: remove-operators-
    spec:
      pipelineRef:
        name: remove-operators
      params:
      - name: git-url
        value: https://git.example.com/catalogs/operators.git
      - name: branch
        value: v4.20
      - name: operators
        value:
        - a
        - b
      workspaces:
      - name: source
        emptyDir: {}
      - name: git-credentials
        secret:
          secretName: git-credentials
      timeouts:
        pipeline: 30m
      taskRunTemplate:
        serviceAccountName: robot
    ---
    apiVersion: tekton.dev/v1
    kind: PipelineRun
    metadata:
      generateName: remove-operators-
    spec:
      pipelineRef:
        name: remove-operators
      params:
      - name: operators
        value:
        - a
        - b
      workspaces:
      - name: source
        persistentVolumeClaim:
          claimName: catalog
      timeouts:
        pipeline: 30m
      taskRunTemplate:
        serviceAccountName: robot
    ");
}

#[test]
fn every_definition_is_in_the_binary_and_renders_without_warnings() {
    let definitions = definitions();
    let names: Vec<&str> = definitions.iter().map(Definition::name).collect();
    assert_eq!(names, Definition::embedded_names().collect::<Vec<_>>());
    for definition in &definitions {
        let rendered = defaults(definition);
        assert_eq!(rendered.warnings, [], "{}", definition.name());
        assert!(rendered.examples().count() > 0, "{} has no example run", definition.name());
        let embedded = defaults(&Definition::embedded(definition.name()).unwrap().unwrap());
        assert_eq!(
            rendered.files().unwrap(),
            embedded.files().unwrap(),
            "a file is missing in the list of {}",
            definition.name()
        );
    }
}

#[test]
fn the_readmes_of_the_pipelines_are_up_to_date() {
    for definition in definitions() {
        let path = definition.path("README.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let updated = readme::updated(&text, &definition, &defaults(&definition)).unwrap();
        if std::env::var_os("STEPWRIGHT_UPDATE").is_some() {
            std::fs::write(&path, &updated).unwrap();
        } else {
            assert!(text == updated, "{} is stale: STEPWRIGHT_UPDATE=1 cargo test -p stepwright", path.display());
        }
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for definition in definitions() {
        assert_eq!(defaults(&definition).files().unwrap(), defaults(&definition).files().unwrap());
        assert_eq!(defaults(&definition).to_yaml().unwrap(), defaults(&definition).to_yaml().unwrap());
    }
}

#[test]
fn a_pipeline_brings_the_tasks_that_it_refers_to() {
    let rendered = render(&[("pipeline.yaml.j2", PIPELINE)], &[]).unwrap();
    let names: Vec<&str> = rendered.tasks.iter().map(tekton::v1::Task::name).collect();
    assert_eq!(names, ["validate-catalog"]);
    let image = rendered.tasks[0].spec.steps[0].image.clone().unwrap();
    assert!(image.starts_with("ghcr.io/stepwright/validate-catalog:"), "{image}");

    let values = "images: {type: string, default: registry.example/steps}\n";
    let directory = directory(&[("pipeline.yaml.j2", PIPELINE), ("values.yaml", values)]);
    let definition = Definition::open(directory.path()).unwrap();
    let given = definition.values(&[], &[]).unwrap();
    let image = |options: &Options| definition.render(&given, options).unwrap().tasks[0].spec.steps[0].image.clone().unwrap();
    assert!(image(&Options::default()).starts_with("registry.example/steps/validate-catalog:"));
    let options = Options { images: Some("other.example".into()), ..Options::default() };
    assert!(image(&options).starts_with("other.example/validate-catalog:"));
}

// === Values ===

const DECLARED: &str = "\
name: {type: string, description: Who.}
size: {type: integer, default: 1}
fast: {type: boolean, default: false}
level: {type: string, default: info, choices: [debug, info]}
hosts: {type: list, items: {type: string}, default: []}
any: {type: object, default: {}}
git:
  type: object
  properties:
    url: {type: string, default: there}
    depth: {type: integer, default: 1}
";

const SHOWS: &str = "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: p
spec:
  description: >-
    [[ values | yaml ]]
  tasks:
  - name: a
    taskRef: {name: a}
";

#[test]
fn files_and_arguments_give_values() {
    let shown = |given: &str, sets: &[&str]| {
        let files = [("values.yaml", DECLARED), ("pipeline.yaml.j2", SHOWS), ("given.values", given)];
        render(&files, sets).unwrap().pipelines().next().unwrap().spec.description.clone().unwrap()
    };
    let all = [
        shown("name: x\n", &[]),
        shown("name: x\ngit: {depth: 2}\nany: {a: {b: [1, null]}}\n", &["git.url=k=v", "any.a.c=1"]),
        shown("", &["name=07", "size=7", "fast=true", "level=debug", "hosts=[a, 'b: c']"]),
        shown("# nothing\n", &["name=", "any={x: 1.5}"]),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    {"name":"x","size":1,"fast":false,"level":"info","hosts":[],"any":{},"git":{"url":"there","depth":1}}
    {"name":"x","size":1,"fast":false,"level":"info","hosts":[],"any":{"a":{"b":[1,null],"c":"1"}},"git":{"url":"k=v","depth":2}}
    {"name":"07","size":7,"fast":true,"level":"debug","hosts":["a","b: c"],"any":{},"git":{"url":"there","depth":1}}
    {"name":"","size":1,"fast":false,"level":"info","hosts":[],"any":{"x":1.5},"git":{"url":"there","depth":1}}
    "#);
}

#[test]
fn wrong_values_are_refused_where_they_are_written() {
    let refused = |given: &str, sets: &[&str]| {
        refused(&[("values.yaml", DECLARED), ("pipeline.yaml.j2", PIPELINE), ("given.values", given)], sets)
    };
    insta::assert_snapshot!(refused("nam: x\ngit:\n  urll: x\nwhatever: 1\n", &["gti.url=x", "git.dept=2", "name.x=1"]), @"
    --set git.dept=2: error[unknown-value]: there is no value git.dept
        hint: did you mean `depth`?
    --set gti.url=x: error[unknown-value]: there is no value gti
        hint: there is: name, size, fast, level, hosts, any, git
    --set name.x=1: error[wrong-type]: name is a string, and has nothing in it by name
    given.values:1:1: error[unknown-value]: there is no value nam
        nam: x
        ^
        hint: did you mean `name`?
    given.values:3:3: error[unknown-value]: there is no value git.urll
        urll: x
        ^
        hint: did you mean `url`?
    given.values:4:1: error[unknown-value]: there is no value whatever
        whatever: 1
        ^
        hint: there is: name, size, fast, level, hosts, any, git
    error: values of pipeline p: 6 errors
    ");
    insta::assert_snapshot!(refused("name: 1.10\nsize: x\nfast: \"true\"\nhosts: a\ngit: 1\nany: [1]\n", &[]), @r#"
    given.values:1:7: error[wrong-type]: name is a string, not the number 1.1
        name: 1.10
              ^
        hint: write it in quotes: "1.10"
    given.values:2:7: error[wrong-type]: size is an integer, not the string "x"
        size: x
              ^
    given.values:3:7: error[wrong-type]: fast is a boolean, not the string "true"
        fast: "true"
              ^
    given.values:4:8: error[wrong-type]: hosts is a list, not the string "a"
        hosts: a
               ^
    given.values:5:6: error[wrong-type]: git is an object, not the number 1
        git: 1
             ^
    given.values:6:6: error[wrong-type]: any is an object, not a list
        any: [1]
             ^
    error: values of pipeline p: 6 errors
    "#);
    insta::assert_snapshot!(refused("name:\nhosts: [a, {b: c}]\nlevel: info2\n", &["size=1.5", "level=warn", "fast=yes please", "hosts=[a", "name"]), @r#"
    --set fast=yes please: error[wrong-type]: fast is a boolean, not the string "yes please"
    --set hosts=[a: error[yaml-syntax]: this is not YAML: unclosed bracket '['
    --set level=warn: error[unknown-choice]: level is not warn
        hint: there is: debug, info
    --set name: error[invalid-argument]: it has no `=`
        hint: write --set NAME=VALUE
    --set size=1.5: error[wrong-type]: size is an integer, not the number 1.5
    given.values:1:5: error[wrong-type]: name is a string, not nothing
        name:
            ^
    given.values:2:12: error[wrong-type]: hosts[1] is a string, not a mapping
        hosts: [a, {b: c}]
                   ^
    given.values:3:8: error[unknown-choice]: level is not info2
        level: info2
               ^
        hint: did you mean `info`?
    error: values of pipeline p: 8 errors
    "#);
    insta::assert_snapshot!(refused("name: x\nname: y\n", &[]), @r#"
    given.values:2:1: error[duplicate-key]: the key "name" is here twice: first in line 1
        name: y
        ^
        hint: keep one of them: the last one would win without a word
    error: values of pipeline p: 1 error
    "#);
    insta::assert_snapshot!(refused("- name\n", &[]), @"
    given.values:1:1: error[wrong-type]: what gives values is an object, not a list
        - name
        ^
    error: values of pipeline p: 1 error
    ");
    insta::assert_snapshot!(refused("name: x\n---\nname: y\n", &[]), @"
    given.values:3:1: error[yaml-syntax]: there is a second document
        name: y
        ^
    error: values of pipeline p: 1 error
    ");
    insta::assert_snapshot!(refused("name: \"\u{10FFFE}\"\n", &["name=\u{FFFFF}"]), @r#"
    --set name=󿿿: error[reserved-character]: this character (U+FFFFE, U+FFFFF, U+10FFFE or U+10FFFF) is no text to Unicode
    given.values:1:8: error[reserved-character]: this character (U+FFFFE, U+FFFFF, U+10FFFE or U+10FFFF) is no text to Unicode
        name: "􏿾"
               ^
    error: values of pipeline p: 2 errors
    "#);
    insta::assert_snapshot!(refused("", &[]), @"
    values.yaml:1:1: error[missing-value]: the value name is not given, and has no default
        name: {type: string, description: Who.}
        ^
        hint: give it: --set name=…, or in a file of values: -f FILE
    error: values of pipeline p: 1 error
    ");
}

#[test]
fn wrong_declarations_are_refused() {
    let refused = |values: &str| refused(&[("values.yaml", values), ("pipeline.yaml.j2", PIPELINE)], &[]);
    insta::assert_snapshot!(refused("a-b: {type: string}\nb: {type: str}\nc: {}\nd: 1\ne: {type: integer, defualt: 1}\n"), @r#"
    values.yaml:1:1: error[invalid-declaration]: "a-b" is no name for a value
        a-b: {type: string}
        ^
        hint: use letters, digits and '_': templates write values.NAME
    values.yaml:2:11: error[invalid-declaration]: there is no type "str"
        b: {type: str}
                  ^
        hint: did you mean `string`?
    values.yaml:3:1: error[invalid-declaration]: the field `type` is missing
        c: {}
        ^
        hint: there is: string, integer, boolean, list, object
    values.yaml:4:1: error[invalid-declaration]: the field `type` is missing
        d: 1
        ^
        hint: there is: string, integer, boolean, list, object
    values.yaml:4:4: error[invalid-declaration]: a declaration is a mapping, not 1
        d: 1
           ^
    values.yaml:5:20: error[invalid-declaration]: a declaration has no field `defualt`
        e: {type: integer, defualt: 1}
                           ^
        hint: did you mean `default`?
    error: pipeline p: 6 errors
    "#);
    insta::assert_snapshot!(refused("a: {type: integer, default: x}\nb: {type: string, items: {type: string}}\nc: {type: string, choices: [a, 1], default: b}\nd: {type: object, properties: {e: {type: string}}, default: {}}\n"), @r#"
    values.yaml:1:29: error[wrong-type]: the default is an integer, not the string "x"
        a: {type: integer, default: x}
                                    ^
    values.yaml:2:19: error[invalid-declaration]: only a list has `items`
        b: {type: string, items: {type: string}}
                          ^
    values.yaml:3:32: error[wrong-type]: a choice is a string, not the number 1
        c: {type: string, choices: [a, 1], default: b}
                                       ^
        hint: write it in quotes: "1"
    values.yaml:3:45: error[unknown-choice]: the default is not b
        c: {type: string, choices: [a, 1], default: b}
                                                    ^
        hint: there is: a
    values.yaml:4:61: error[invalid-declaration]: an object with properties has their defaults, and none itself
        d: {type: object, properties: {e: {type: string}}, default: {}}
                                                                    ^
    error: pipeline p: 5 errors
    "#);
}

// === Templates ===

#[test]
fn errors_in_templates_have_their_line() {
    let with = |line: &str| refused_template(&format!("{PIPELINE}{line}\n"));
    insta::assert_snapshot!(with("  # [[ vaules.x ]]"), @"
    pipeline.yaml.j2:14:8: error[undefined]: `vaules` is undefined
        # [[ vaules.x ]]
             ^
        hint: a template knows `values`, `steps`, `images` and `version`, and what it sets itself
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("  # [[ values.x ]]"), @"
    pipeline.yaml.j2:14:8: error[undefined]: `values.x` is undefined
        # [[ values.x ]]
             ^
        hint: declare it in values.yaml
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("  # [[ values['x' ]]"), @"
    pipeline.yaml.j2:14:20: error[template-syntax]: unexpected `]`, expected end of variable block
        # [[ values['x' ]]
                         ^
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("[% if values %]"), @"
    pipeline.yaml.j2:14:14: error[template-syntax]: unexpected end of input, expected end of block
        [% if values %]
                     ^
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("  # [[ 'a' | uper ]]"), @"
    pipeline.yaml.j2:14:14: error[template]: filter uper is unknown
        # [[ 'a' | uper ]]
                   ^
        hint: pipelines/README.md has our filters, and says why `safe` is none; the others are minijinja's
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("  # [[ 'a' | safe ]]"), @"
    pipeline.yaml.j2:14:14: error[template]: filter safe is unknown
        # [[ 'a' | safe ]]
                   ^
        hint: pipelines/README.md has our filters, and says why `safe` is none; the others are minijinja's
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("  # [[ steps['remove-operator'].params ]]"), @r#"
    pipeline.yaml.j2:14:8: error[template]: there is no step "remove-operator"
        # [[ steps['remove-operator'].params ]]
             ^
        hint: did you mean `remove-operators`?
    error: pipeline p: 1 error
    "#);
    insta::assert_snapshot!(with("  # [[ steps['remove-operators'].params | except('git-urls') ]]"), @r#"
    pipeline.yaml.j2:14:43: error[template]: there is no "git-urls" in the list
        # [[ steps['remove-operators'].params | except('git-urls') ]]
                                                ^
        hint: did you mean `git-url`?
    error: pipeline p: 1 error
    "#);
    insta::assert_snapshot!(with("  # [[ {'a': values.x} ]]"), @"
    pipeline.yaml.j2:14:8: error[undefined]: a part of the value is undefined
        # [[ {'a': values.x} ]]
             ^
        hint: a template knows `values`, `steps`, `images` and `version`, and what it sets itself
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("[% macro m() %][[ 'a' ]][% endmacro %]  # [[ m() ~ 'b' ]]"), @"
    pipeline.yaml.j2:14:46: error[template]: the text of a macro or a `set` block was changed or made part of a value
        [% macro m() %][[ 'a' ]][% endmacro %]  # [[ m() ~ 'b' ]]
                                                     ^
        hint: write it as it is: [[ name ]]; or set a value instead: [% set name = … %]
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("  # [% for a in range(10000) %][% for b in range(10000) %]x[% endfor %][% endfor %]"), @"
    pipeline.yaml.j2:14:44: error[template-limit]: the template does not come to an end: it took 1000000 instructions
        # [% for a in range(10000) %][% for b in range(10000) %]x[% endfor %][% endfor %]
                                                 ^
        hint: look at its loops and macros
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("[% macro m() %][[ m() ]][% endmacro %]  # [[ m() ]]"), @"
    pipeline.yaml.j2:14:19: error[template]: recursion limit exceeded
        [% macro m() %][[ m() ]][% endmacro %]  # [[ m() ]]
                          ^
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("[% set x %][[ 'a' * 10 ]][% endset %][% import 'nothing.j2' as n %]"), @"
    pipeline.yaml.j2:14:41: error[template]: tried to include non-existing template 'nothing.j2'
        [% set x %][[ 'a' * 10 ]][% endset %][% import 'nothing.j2' as n %]
                                                ^
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(with("  # \u{FFFFE}"), @"
    pipeline.yaml.j2:14:5: error[reserved-character]: this character (U+FFFFE, U+FFFFF, U+10FFFE or U+10FFFF) is no text to Unicode
        # 󿿾
          ^
    error: pipeline p: 1 error
    ");
}

#[test]
fn a_value_that_is_not_declared_has_names_of_those_that_are() {
    let with = |values: &str, line: &str| {
        refused(&[("values.yaml", values), ("pipeline.yaml.j2", &format!("{PIPELINE}{line}\n"))], &["name=x"])
    };
    let shown = [
        with(DECLARED, "  # [[ values.nmae ]]"),
        with(DECLARED, "  # [[ values.whatever ]]"),
        with(DECLARED, "  # [[ values.git.whatever ]]"),
    ];
    insta::assert_snapshot!(shown.join("\n"), @"
    pipeline.yaml.j2:14:8: error[undefined]: `values.nmae` is undefined
        # [[ values.nmae ]]
             ^
        hint: did you mean `name`?
    error: pipeline p: 1 error
    pipeline.yaml.j2:14:8: error[undefined]: `values.whatever` is undefined
        # [[ values.whatever ]]
             ^
        hint: there is: name, size, fast, level, hosts, any, git
    error: pipeline p: 1 error
    pipeline.yaml.j2:14:14: error[undefined]: `values.git.whatever` is undefined
        # [[ values.git.whatever ]]
                   ^
        hint: there is: url, depth
    error: pipeline p: 1 error
    ");
}

#[test]
fn an_error_in_an_imported_template_is_told_there() {
    let pipeline = format!("[% from 'm.j2' import m %]\n{PIPELINE}  # [[ m() ]]\n");
    insta::assert_snapshot!(refused(&[("pipeline.yaml.j2", &pipeline), ("m.j2", "[% macro m() %]\n\n[[ nothing ]]\n[% endmacro %]\n")], &[]), @"
    m.j2:3:4: error[undefined]: `nothing`: undefined value
        [[ nothing ]]
           ^
        hint: a template knows `values`, `steps`, `images` and `version`, and what it sets itself
    error: pipeline p: 1 error
    ");
    let macros = "[% macro m(name) %]\n  - name: [[ name ]]\n    taskReff: {name: x}\n[% endmacro %]\n";
    let pipeline = format!("[% from 'm.j2' import m %]\n{PIPELINE}[[ m('b') ]]");
    insta::assert_snapshot!(refused(&[("pipeline.yaml.j2", &pipeline), ("m.j2", macros)], &[]), @"
    m.j2:3:5: error[unknown-field]: there is no field `taskReff` here
        taskReff: {name: x}
        ^
        hint: did you mean `taskRef`?
    error: pipeline p: 1 error
    ");
}

#[test]
fn errors_in_what_was_rendered_have_the_templates_line() {
    // In a loop; behind lines that are not rendered; behind a text with a value of several lines.
    insta::assert_snapshot!(refused_template(&format!(
        "[% if false %]\nnever\n[% endif %]\n[# nor\nthis #]\n{}",
        PIPELINE.replace("    workspaces:", "    description: |\n      [[ 'a\nb\n' ]]\n      c\n    worksaces:")
    )), @"
    pipeline.yaml.j2:22:5: error[unknown-field]: there is no field `worksaces` here
        worksaces:
        ^
        hint: did you mean `workspaces`?
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(refused_template(&PIPELINE.replace("  name: p\n", "  name: p\n  labels:\n  [% for x in [1, 2] %]\n    a: b\n  [% endfor %]\n")), @r#"
    pipeline.yaml.j2:7:5: error[duplicate-key]: the key "a" is here twice: first in line 7
        a: b
        ^
        hint: keep one of them: the last one would win without a word
    error: pipeline p: 1 error
    "#);
    insta::assert_snapshot!(refused_template(&PIPELINE.replace("  name: p\n", "  name: p\n  labels:\n    [[ 'a' ]]: x\n    a: [[ 'y' ]]\n")), @r#"
    pipeline.yaml.j2:7:5: error[duplicate-key]: the key "a" is here twice: first in line 6
        a: [[ 'y' ]]
        ^
        hint: keep one of them: the last one would win without a word
    error: pipeline p: 1 error
    "#);
    insta::assert_snapshot!(refused_template(&PIPELINE.replace("    taskRef:", "    retries: [[ 'many' ]]\n    taskRef:")), @r#"
    pipeline.yaml.j2:10:14: error[wrong-type]: `retries` wants a whole number, not the string "many"
        retries: [[ 'many' ]]
                 ^
    error: pipeline p: 1 error
    "#);
    insta::assert_snapshot!(refused_template(&PIPELINE.replace("name: source", "name: sourze")), @r#"
    pipeline.yaml.j2:13:13: error[unknown-workspace]: the Task "validate-catalog" has no workspace "sourze"
        - name: sourze
                ^
        hint: did you mean "source"?
    error: pipeline p: 1 error
    "#);
    insta::assert_snapshot!(refused_template("a: [\n"), @"
    pipeline.yaml.j2:1:4: error[yaml-syntax]: this is not YAML: unclosed bracket '['
        a: [
           ^
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(refused_template("a: [[ 'x' ]]\n b: [\n"), @"
    pipeline.yaml.j2:2:3: error[yaml-syntax]: what it renders is not YAML: mapping values are not allowed in this context
        b: [
         ^
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(refused_template("just text\n"), @"
    pipeline.yaml.j2:1:1: error[misplaced-kind]: what has no `kind` does not belong here
        just text
        ^
        hint: pipeline.yaml.j2 holds: Pipeline, Task, StepAction
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(refused_template(""), @"
    pipeline.yaml.j2: error[no-pipeline]: it renders no Pipeline
        hint: write one: apiVersion: tekton.dev/v1, kind: Pipeline
    error: pipeline p: 1 error
    ");
    insta::assert_snapshot!(refused_template(&format!("[# First. #]\n{PIPELINE}---\n{PIPELINE}")), @r#"
    pipeline.yaml.j2:19:9: error[duplicate-object]: there is another Pipeline "p" at pipeline.yaml.j2:5
        name: p
              ^
        hint: rename one, or check them one by one
    error: pipeline p: 1 error
    "#);
    insta::assert_snapshot!(refused_template(&format!("{PIPELINE}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n")), @"
    pipeline.yaml.j2:16:7: error[misplaced-kind]: ConfigMap does not belong here
        kind: ConfigMap
              ^
        hint: pipeline.yaml.j2 holds: Pipeline, Task, StepAction
    error: pipeline p: 1 error
    ");
    let task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: validate-catalog\nspec:\n  steps:\n  - name: a\n    image: a:1\n    command: [a]\n";
    let pipeline = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: p\nspec:\n  tasks:\n  - name: a\n    taskRef: {name: validate-catalog}\n";
    insta::assert_snapshot!(refused_template(&format!("{pipeline}---\n{task}")), @"
    pipeline.yaml.j2:13:9: error[duplicate-object]: validate-catalog is the name of a step
        name: validate-catalog
              ^
        hint: its Task comes by itself where a Pipeline refers to it; give yours another name
    error: pipeline p: 1 error
    ");
    let run = "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  generateName: p-\nspec:\n  pipelineRef: {name: p}\n  workspaces:\n  - name: src\n    emptyDir: {}\n";
    insta::assert_snapshot!(refused(&[("pipeline.yaml.j2", PIPELINE), ("run.yaml.j2", run)], &[]), @r#"
    run.yaml.j2:8:11: error[unknown-workspace]: the Pipeline "p" has no workspace "src"
        - name: src
                ^
        hint: did you mean "source"?
    error: pipeline p: 1 error
    "#);
    insta::assert_snapshot!(refused(&[("pipeline.yaml.j2", PIPELINE), ("run.yaml.j2", PIPELINE)], &[]), @r#"
    run.yaml.j2:2:7: error[misplaced-kind]: Pipeline does not belong here
        kind: Pipeline
              ^
        hint: run.yaml.j2 holds: PipelineRun, TaskRun
    run.yaml.j2:4:9: error[duplicate-object]: there is another Pipeline "p" at pipeline.yaml.j2:4
        name: p
              ^
        hint: rename one, or check them one by one
    error: pipeline p: 2 errors
    "#);
}

#[test]
fn a_template_that_looks_at_its_own_text_is_named_without_line() {
    let template = format!("[% set x %]\n a\n[% endset %]\n{PIPELINE}[% if x | length == 3 %]\n  typo: 1\n[% endif %]\n");
    insta::assert_snapshot!(refused_template(&template), @"
    pipeline.yaml.j2: error[unknown-field]: there is no field `typo` here
        hint: there is: displayName, description, params, workspaces, results, tasks, finally
    error: pipeline p: 1 error
    ");
}

#[test]
fn a_pipeline_has_the_parameters_of_several_steps() {
    let rendered = render(
        &[(
            "pipeline.yaml.j2",
            "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: p
spec:
  params: [[ (steps['validate-catalog'].params + steps['remove-operators'].params) | unique(attribute='name') ]]
  workspaces: [[ steps['remove-operators'].workspaces | only('ca', 'source') ]]
  results: [[ steps['remove-operators'].results | only('CHANGED') | of('remove') ]]
  tasks:
  - name: remove
    taskRef: {name: remove-operators}
    params: [[ steps['remove-operators'].params | only('operators', 'configs-dir') | pass ]]
    workspaces: [[ steps['remove-operators'].workspaces | only('ca', 'source') | bind ]]
",
        )],
        &[],
    )
    .unwrap();
    let spec = &rendered.pipelines().next().unwrap().spec;
    let names: Vec<&str> = spec.params.iter().map(|param| &*param.name).collect();
    insta::assert_snapshot!(names.join(" "), @"catalog-dir opm-version max-file-size log-level log-format git-url branch target-branch configs-dir index-db validate fail-if-missing commit-message author operators");
    let tasks = tekton::yaml::to_string(&(&spec.workspaces, &spec.results, &spec.tasks)).unwrap();
    insta::assert_snapshot!(tasks, @r#"
    - - name: source
        description: The directory with the index database, and with the catalog when there is no `git-url`.
        optional: true
      - name: ca
        description: "Extra certificate authorities to trust: a ConfigMap or Secret with the file `ca-bundle.crt` (PEM)."
        optional: true
    - - name: CHANGED
        value: $(tasks.remove.results.CHANGED)
        description: "Whether anything changed: `true` or `false`."
    - - name: remove
        taskRef:
          name: remove-operators
        params:
        - name: configs-dir
          value: $(params.configs-dir)
        - name: operators
          value: $(params.operators[*])
        workspaces:
        - name: source
          workspace: source
        - name: ca
          workspace: ca
    "#);
}

// === Values are data ===

/// Every place where a template may put a value that is a text.
const PLACES: &str = "\
# [[ values.x ]]
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: p # [[ values.x ]] # [[ values.x ]]
  annotations:
    plain: [[ values.x ]]
    within: a [[ values.x ]] b
    quoted: \"a\\t[[ values.x ]]\"
    single: 'it''s [[ values.x ]]'
    tagged: !!str [[ values.x ]]
    anchored: &anchor [[ values.x ]]
    alias: *anchor
    folded: >- # [[ values.x ]]
      a
      [[ values.x ]]
    literal: |

      a
        [[ values.x ]] b

    flow: [[ {'a': values.x}.a ]]
    kept: |2+
        [[ values.x ]]

    key [[ values.x ]]: of
    json: a [[ values.x | yaml ]]
    set: [[ ('a' ~ values.x) | yaml ]]
    after: all
  finalizers: [ [[ values.x ]], a ]
spec:
  params: [{name: a, description: [[ values.x ]], default: a}]
  tasks: [{name: a, taskRef: {name: a}}]
";

fn arrives(x: &str) {
    arrives_in(PLACES, x);
}

fn arrives_in(places: &str, x: &str) {
    let directory = directory(&[("values.yaml", "x: {type: string}\n"), ("pipeline.yaml.j2", places)]);
    let given = directory.path().join("given.values");
    std::fs::write(&given, tekton::yaml::to_string(&serde_json::json!({ "x": x })).unwrap()).unwrap();
    let definition = Definition::open(directory.path()).unwrap();
    let values = definition.values(&[given], &[]).unwrap();
    assert_eq!(values, definition.values(&[], &[format!("x={x}")]).unwrap());
    let rendered = definition.try_render(&values, &Options::default()).unwrap_or_else(|faults| panic!("{x:?}: {faults:?}"));
    // What is written is what was read.
    let written = rendered.to_yaml().unwrap();
    let source = tekton::source::Source::new("written", &*written);
    let checked = tekton::check::check(&[source], &tekton::check::Options::default());
    let (_, tekton::check::Object::Pipeline(pipeline)) = &checked.objects[0] else { panic!("{written}") };
    assert_eq!(Some(&**pipeline), rendered.pipelines().next());

    let json = serde_json::to_string(x).unwrap();
    let annotations = pipeline.metadata.annotations.clone().unwrap();
    let mut expected = vec![
        ("plain".to_owned(), x.to_owned()),
        ("within".to_owned(), format!("a {x} b")),
        ("quoted".to_owned(), format!("a\t{x}")),
        ("single".to_owned(), format!("it's {x}")),
        ("tagged".to_owned(), x.to_owned()),
        ("anchored".to_owned(), x.to_owned()),
        ("alias".to_owned(), x.to_owned()),
        ("folded".to_owned(), format!("a {x}")),
        ("literal".to_owned(), format!("\na\n  {x} b\n")),
        ("flow".to_owned(), x.to_owned()),
        ("kept".to_owned(), format!("  {x}\n\n")),
        (format!("key {x}"), "of".to_owned()),
        ("set".to_owned(), format!("a{x}")),
        ("after".to_owned(), "all".to_owned()),
    ];
    let read: serde_json::Value = serde_json::from_str(annotations["json"].strip_prefix("a ").unwrap()).unwrap();
    assert_eq!(read, serde_json::Value::from(x), "{json}");
    expected.push(("json".to_owned(), annotations["json"].clone()));
    assert_eq!(annotations, expected.into_iter().collect());
    assert_eq!(pipeline.metadata.finalizers, Some(vec![x.to_owned(), "a".to_owned()]));
    // An empty description is none.
    assert_eq!(pipeline.spec.params[0].description.clone().unwrap_or_default(), x);
}

#[test]
fn hostile_texts_arrive_unchanged_wherever_they_stand() {
    for x in [
        "",
        " ",
        "a",
        "a: b",
        "a\nb: c",
        "\n",
        "\n\n  a\n",
        "- a",
        "# a",
        "a # b",
        "{a: b}",
        "[a",
        "]]",
        "[[ a ]]",
        "[% if %]",
        "[#",
        "{{ revision }}",
        "$(params.x)",
        "$$(params.x)",
        "\"",
        "'",
        "\\",
        "\\n",
        "|",
        ">",
        ">-\n  a",
        "*anchor",
        "&a",
        "!!int 1",
        "%YAML 1.1",
        "---",
        "...",
        "yes",
        "0644",
        "1_000",
        "1.10",
        "null",
        "~",
        "2001-01-01",
        "<<",
        "?",
        "a\tb",
        "\t",
        "a\r\nb",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "ä\u{308}🚀",
        "\u{7f}",
        "\0",
        "\u{1b}[31m",
        "\u{10FFFD}0\u{10FFFC}",
        "a\n---\nkind: Task",
    ] {
        arrives(x);
        arrives_in(&PLACES.replace('\n', "\r\n"), x);
    }
}

/// Pieces of templates and YAML, good and bad.
const PIECES: [&str; 40] = [
    "a",
    ": ",
    "\n",
    "\n  ",
    "- ",
    "[[ values.x ]]",
    "[[ values.x | yaml ]]",
    "[[- 1 -]]",
    "[[ [1] ]]",
    "[[ 'é' ]]",
    "[% if true %]",
    "[% endif %]",
    "[%- set y -%]",
    "[% endset %]",
    "[[ y ]]",
    "[% raw %]",
    "[% endraw %]",
    "[# c\n #]",
    "[[",
    "]]",
    "[%",
    "\"",
    "'",
    "|",
    ">-\n",
    "# ",
    "&a ",
    "*a",
    "!!str ",
    "{",
    "}",
    "[ ",
    " ]",
    ", ",
    "---\n",
    "? ",
    "%YAML 1.2\n",
    "\r\n",
    "\t",
    "kind: Pipeline\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_template_makes_it_panic(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..16), x in "[a\n:#é -]{0,4}") {
        let files = [("values.yaml", "x: {type: string}\n".to_owned()), ("pipeline.yaml.j2", pieces.concat())];
        let files = files.each_ref().map(|(name, text)| (*name, &**text));
        if let Err(error) = render(&files, &[&format!("x={x}")]) {
            prop_assert_eq!(error.kind(), step::Kind::BadInput);
            prop_assert!(!error.details_text().is_empty());
            prop_assert!(!error.details_text().contains(['\u{FFFFE}', '\u{FFFFF}', '\u{10FFFE}', '\u{10FFFF}']), "{}", error.details_text());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_arrive_unchanged_wherever_they_stand(x in "([ -~]|[\\n:#'\"{}\\[\\]&*!|>%@`$,-]|\\PC|.){0,12}") {
        prop_assume!(!x.contains(['\u{FFFFE}', '\u{FFFFF}', '\u{10FFFE}', '\u{10FFFF}']));
        arrives(&x);
    }
}

#[test]
fn other_values_keep_their_type_by_themselves_and_are_text_within_text() {
    let shown = |line: &str| {
        let template = format!("{PIPELINE}{line}");
        match render(&[("pipeline.yaml.j2", &template)], &[]) {
            Ok(rendered) => {
                let task = &rendered.pipelines().next().unwrap().spec.tasks[0];
                format!("{}\n", serde_json::json!([task.retries, task.params, task.description]))
            }
            Err(error) => error.details_text().lines().next().unwrap().rsplit("j2:").next().unwrap().to_owned() + "\n",
        }
    };
    let all: String = [
        "    retries: [[ 3 ]]\n",
        "    retries: [[ '3' ]]\n",
        "    retries: 3[[ 3 ]]\n",
        "    description: [[ 3 ]]\n",
        "    description: a[[ 3 ]][[ true ]][[ 1.5 ]]\n",
        "    description: '[[ 3 ]]'\n",
        "    description: a [[ [1] ]]\n",
        "    description: a [[ none ]]\n",
        "    description: a [[ [1, {'b': none}] | yaml ]]\n",
        "    params: [[ [{'name': 'a', 'value': ['x: y', 'z']}] ]]\n",
        "    params: [{name: catalog-dir, value: [[ ['x', 'y'] | join(': ') ]]}]\n",
        "    params: [[ steps['validate-catalog'].params | only('catalog-dir') | pass ]]\n",
        "    description: &[[ 'x' ]] a\n",
        "    description: ![[ 'x' ]] a\n",
        "    description: \"a # b\" &[[ 'x' ]]\n",
        "    description: [[ 'x' if false ]]\n",
        "    description: \"{{ a }} $(context.pipeline.name) [% raw %][[ b ]][% endraw %]\"\n",
    ]
    .map(shown)
    .concat();
    insta::assert_snapshot!(all, @r#"
    [3,[],null]
    14:14: error[wrong-type]: `retries` wants a whole number, not the string "3"
    14:14: error[wrong-type]: `retries` wants a whole number, not the string "33"
    14:18: error[wrong-type]: `description` wants a string, not the number 3
    [0,[],"a3true1.5"]
    [0,[],"3"]
    14:20: error[misplaced-value]: a list cannot stand within a text
    14:20: error[misplaced-value]: none cannot stand within a text
    [0,[],"a [1,{\"b\":null}]"]
    14:13: error[unknown-param]: the Task "validate-catalog" has no parameter "a"
    [0,[{"name":"catalog-dir","value":"x: y"}],null]
    14:13: error[undeclared-param]: the parameter "catalog-dir" is not declared
    14:19: error[misplaced-value]: a value cannot stand here
    14:18: error[yaml-syntax]: what it renders is not YAML: while scanning a tag, did not find expected whitespace or line break
    14:26: error[yaml-syntax]: what it renders is not YAML: invalid trailing content after double-quoted scalar
    [0,[],null]
    [0,[],"{{ a }} $(context.pipeline.name) [[ b ]]"]
    "#);
}
