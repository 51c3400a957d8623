//! A step as its user meets it: one declaration, and all that follows from it.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use step::{About, Context, Declaration, Error, Permission, Place, ReadOnlyDir, Result, Step};

struct Greet;

#[derive(clap::Args)]
struct Params {
    /// How to greet.
    ///
    /// Any word will do.
    #[arg(long, default_value = "Hello")]
    greeting: String,

    /// Whom to greet first.
    #[arg(long, value_name = "NAME")]
    first: String,

    /// Whether to greet loudly.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    loud: bool,

    /// What to say afterwards.
    #[arg(long)]
    after: Option<String>,

    /// Where names come from.
    #[arg(long, value_name = "DIR")]
    names: Option<ReadOnlyDir>,

    #[command(flatten)]
    tls: step::Tls,

    /// Whom else to greet.
    #[arg(value_name = "NAME")]
    others: Vec<String>,
}

step::results! {
    /// What greeting gives.
    struct Greeting {
        /// The whole text.
        #[result("TEXT", max = 200)]
        text: String,
        /// How many were greeted.
        #[result("COUNT", max = 20)]
        count: usize,
    }
}

impl Step for Greet {
    type Params = Params;
    type Results = Greeting;
    const ABOUT: About = About {
        name: "greet",
        version: "1.2.3",
        display_name: "Greet",
        summary: "Greets people.",
        description: "It does nothing else.",
        categories: &["Automation"],
        tags: &["test"],
        permissions: &[Permission { place: Place::Run, api_group: "", resources: &["configmaps"], verbs: &["get"] }],
        memory: "64Mi",
        cpu: "50m",
    };

    fn run(params: Params, cx: &Context) -> Result<Greeting> {
        cx.cancel.check()?;
        if params.first == "Voldemort" {
            return Err(Error::bad_input("cannot greet \"Voldemort\" at https://me:secret@host/")
                .details("one\ntwo")
                .hint("do not"));
        }
        let all: Vec<&str> = std::iter::once(&params.first).chain(&params.others).map(String::as_str).collect();
        let mut text = format!("{} {}", params.greeting, all.join(", "));
        if params.loud {
            text = text.to_uppercase();
        }
        text += params.after.as_deref().unwrap_or_default();
        Ok(Greeting { text, count: all.len() })
    }
}

fn run(args: &[&str]) -> ExitCode {
    Declaration::of::<Greet>().run(std::iter::once(&"greet").chain(args).map(OsString::from).collect())
}

fn result(dir: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(dir.join(name)).ok()
}

#[test]
fn help_is_the_declaration() {
    insta::assert_snapshot!(Declaration::of::<Greet>().command().term_width(100).render_long_help());
}

#[test]
fn the_declaration_as_data() {
    let declaration = Declaration::of::<Greet>();
    assert_eq!(declaration.faults(), Vec::<String>::new());
    let params: Vec<String> = declaration
        .params
        .iter()
        .map(|p| {
            format!(
                "{} {:?} required={} default={:?} choices={:?}: {}",
                p.name, p.kind, p.required, p.default, p.choices, p.summary
            )
        })
        .collect();
    insta::assert_snapshot!(params.join("\n"), @r#"
    greeting String required=false default=Some("Hello") choices=[]: How to greet.
    first String required=true default=None choices=[]: Whom to greet first.
    loud String required=false default=Some("false") choices=["true", "false"]: Whether to greet loudly.
    after String required=false default=None choices=[]: What to say afterwards.
    log-level String required=false default=Some("info") choices=["error", "warn", "info", "debug"]: How much is logged.
    log-format String required=false default=Some("text") choices=["text", "json"]: How log lines look.
    others Array required=false default=None choices=[]: Whom else to greet.
    "#);
    let workspaces: Vec<String> = declaration
        .workspaces
        .iter()
        .map(|w| format!("{} optional={} read_only={}: {}", w.name, w.optional, w.read_only, w.description))
        .collect();
    insta::assert_snapshot!(workspaces.join("\n"), @"
    names optional=true read_only=true: Where names come from.
    ca optional=true read_only=true: Extra certificate authorities to trust: a ConfigMap or Secret with the file `ca-bundle.crt` (PEM).
    ");
    let results: Vec<String> = declaration.results.iter().map(|r| format!("{} ≤ {} B: {}", r.name, r.max, r.text())).collect();
    insta::assert_snapshot!(results.join("\n"), @"
    TEXT ≤ 200 B: The whole text.
    COUNT ≤ 20 B: How many were greeted.
    ERROR ≤ 2000 B: Why the step failed, cut to 2,000 bytes; written only on failure.
    ");
}

#[test]
fn results_are_files_where_tekton_wants_them() {
    let dir = tempfile::tempdir().unwrap();
    let to = |name: &str| format!("--result={name}={}", dir.path().join(name).display());
    let code = run(&[
        &to("TEXT"),
        &to("COUNT"),
        &to("ERROR"),
        "--greeting=",
        "--first=a",
        "--after=",
        "--loud=true",
        "--",
        "--b",
        "$(c)",
    ]);
    assert_eq!(code, ExitCode::SUCCESS);
    assert_eq!(result(dir.path(), "TEXT").as_deref(), Some("HELLO A, --B, $(C)"));
    assert_eq!(result(dir.path(), "COUNT").as_deref(), Some("3"));
    assert_eq!(result(dir.path(), "ERROR"), None);
}

#[test]
fn a_failed_step_has_only_the_error_result_and_no_secret_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let to = |name: &str| format!("--result={name}={}", dir.path().join(name).display());
    assert_eq!(run(&[&to("TEXT"), &to("ERROR"), "--first=Voldemort"]), ExitCode::from(3));
    assert_eq!(result(dir.path(), "TEXT"), None);
    insta::assert_snapshot!(result(dir.path(), "ERROR").unwrap(), @r#"
    cannot greet "Voldemort" at https://***@host/; hint: do not
    one
    two
    "#);
}

#[test]
fn a_wrong_parameter_is_told_in_the_error_result_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ERROR").display().to_string();
    let to = format!("--result=ERROR={path}");
    assert_eq!(run(&["--loud=perhaps", "--first=a", &to]), ExitCode::from(3));
    insta::assert_snapshot!(result(dir.path(), "ERROR").unwrap(), @"invalid value 'perhaps' for '--loud <LOUD>' [possible values: true, false]");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(run(&["--volume=11", &to, "--", "a"]), ExitCode::from(2));
    assert!(result(dir.path(), "ERROR").unwrap().contains("--volume"));
    // What comes after `--` is data, whatever it looks like.
    let elsewhere = dir.path().join("other").display().to_string();
    assert_eq!(run(&["--loud=perhaps", &to, "--", &format!("--result=ERROR={elsewhere}")]), ExitCode::from(3));
    assert_eq!(result(dir.path(), "other"), None);
}

#[test]
fn wrong_values_are_bad_input_and_wrong_lines_are_usage() {
    for (args, code) in [
        (&["--first=a", "--loud=yes"][..], 3),
        (&["--first=a", "--log-format=xml"], 3),
        (&[], 2),
        (&["--first="], 2),
        (&["--first=a", "--frist=b"], 2),
    ] {
        assert_eq!(run(args), ExitCode::from(code), "{args:?}");
    }
}
