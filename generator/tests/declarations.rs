//! What follows from the steps' declarations: Tasks, accounts, README tables. And that it follows from nothing else.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use step::results::ResultSpec;
use step::{About, Context, Declaration, Permission, Place, Result, Step};
use stepwright::{readme, steps, task};

#[test]
fn declarations_keep_the_house_rules() {
    for step in steps() {
        assert_eq!(step.faults(), Vec::<String>::new(), "{}", step.about.name);
    }
}

#[test]
fn results_fit_into_a_termination_message() {
    for step in steps() {
        let (failure, success): (Vec<ResultSpec>, Vec<ResultSpec>) =
            step.results.iter().copied().partition(|result| result.name == "ERROR");
        for results in [failure, success] {
            let size = step::results::message_size(results.iter().map(|result| (result.name, result.max)));
            assert!(size <= step::results::MESSAGE_LIMIT, "{}: {size} B", step.about.name);
        }
    }
}

fn step(name: &str) -> Declaration {
    steps().into_iter().find(|step| step.about.name == name).unwrap()
}

#[test]
fn the_task_of_remove_operators() {
    insta::assert_snapshot!(task::yaml(&step("remove-operators"), task::IMAGES).unwrap());
}

#[test]
fn the_task_of_validate_catalog() {
    insta::assert_snapshot!(task::yaml(&step("validate-catalog"), "registry.example:5000/steps").unwrap());
}

/// The README below `tasks/` that has the step's tables.
fn readme(step: &Declaration) -> PathBuf {
    let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tasks");
    let readmes = tasks.read_dir().unwrap().map(|entry| entry.unwrap().path().join("README.md"));
    let has_tables = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&readme::marker(step)));
    let found: Vec<PathBuf> = readmes.filter(has_tables).collect();
    assert_eq!(found.len(), 1, "one README has the line {}: {found:?}", readme::marker(step));
    found[0].clone()
}

#[test]
fn the_readmes_of_the_steps_are_up_to_date() {
    for step in steps() {
        let path = readme(&step);
        let text = std::fs::read_to_string(&path).unwrap();
        let updated = readme::updated(&text, &step).unwrap();
        if std::env::var_os("STEPWRIGHT_UPDATE").is_some() {
            std::fs::write(&path, &updated).unwrap();
        } else {
            assert!(text == updated, "{} is stale: STEPWRIGHT_UPDATE=1 cargo test -p stepwright", path.display());
        }
    }
}

/// The same step twice; the second has one field more in its parameters, and nothing else differs.
macro_rules! sample {
    ($name:ident, $params:ident { $($field:tt)* }) => {
        struct $name;

        #[derive(clap::Args)]
        #[allow(dead_code, reason = "only the declaration matters")]
        struct $params {
            /// What to paint.
            #[arg(long)]
            what: String,
            $($field)*
            /// With what.
            tools: Vec<String>,
        }

        impl Step for $name {
            type Params = $params;
            type Results = Painted;
            const ABOUT: About = About {
                name: "paint",
                version: "0.0.1",
                display_name: "Paint",
                summary: "Paints.",
                description: "And dries.",
                categories: &["Automation"],
                tags: &[],
                permissions: &[Permission { place: Place::Run, api_group: "apps", resources: &["deployments"], verbs: &["get", "patch"] }],
                memory: "64Mi",
                cpu: "50m",
            };

            fn run(_: $params, _: &Context) -> Result<Painted> {
                Ok(Painted { layers: 1 })
            }
        }
    };
}

step::results! {
    /// What painting gives.
    struct Painted {
        /// How many layers.
        #[result("LAYERS", max = 20)]
        layers: u32,
    }
}

sample!(Paint, PaintParams {});
sample!(
    PaintInColour,
    PaintInColourParams {
        /// Which colour.
        #[arg(long, default_value = "red")]
        colour: String,
    }
);

#[test]
fn a_parameter_added_in_one_place_is_everywhere() {
    let derived = |step: &Declaration| {
        let mut completions = Vec::new();
        let mut man = Vec::new();
        clap_complete::generate(clap_complete::Shell::Bash, &mut step.command(), "paint", &mut completions);
        clap_mangen::Man::new(step.command()).render(&mut man).unwrap();
        [
            ("--help", step.command().render_long_help().to_string()),
            ("Task", task::yaml(step, task::IMAGES).unwrap()),
            ("README", readme::tables(step)),
            ("completions", String::from_utf8(completions).unwrap()),
            ("man page", String::from_utf8(man).unwrap()),
        ]
    };
    let (without, with) = (derived(&Declaration::of::<Paint>()), derived(&Declaration::of::<PaintInColour>()));
    for ((name, without), (_, with)) in without.iter().zip(&with) {
        assert!(!without.contains("colour") && with.contains("colour"), "{name}");
    }
    let added: Vec<&str> = with[1].1.lines().filter(|line| !without[1].1.contains(line)).collect();
    insta::assert_snapshot!(added.join("\n"), @"
    - name: colour
      description: Which colour.
      default: red
      - --colour=$(params.colour)
    ");
}

#[test]
fn the_account_has_what_the_step_declares() {
    insta::assert_snapshot!(task::rbac(&Declaration::of::<Paint>(), "painters").unwrap(), @r#"
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      name: paint
      labels:
        app.kubernetes.io/part-of: stepwright
        app.kubernetes.io/version: "0.0.1"
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      name: paint
      labels:
        app.kubernetes.io/part-of: stepwright
        app.kubernetes.io/version: "0.0.1"
    rules:
    - apiGroups:
      - apps
      resources:
      - deployments
      verbs:
      - get
      - patch
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      name: paint
      labels:
        app.kubernetes.io/part-of: stepwright
        app.kubernetes.io/version: "0.0.1"
    roleRef:
      name: paint
      apiGroup: rbac.authorization.k8s.io
      kind: Role
    subjects:
    - name: paint
      kind: ServiceAccount
    "#);
    // In the namespace that a parameter names, for an account of another one.
    insta::assert_snapshot!(task::rbac(&step("get-current-image"), "pipelines").unwrap(), @r#"
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      name: get-current-image
      labels:
        app.kubernetes.io/part-of: stepwright
        app.kubernetes.io/version: "0.1.0"
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      name: get-current-image
      labels:
        app.kubernetes.io/part-of: stepwright
        app.kubernetes.io/version: "0.1.0"
      namespace: oc-mirror-pipeline
    rules:
    - apiGroups:
      - ""
      resources:
      - configmaps
      verbs:
      - get
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      name: get-current-image
      labels:
        app.kubernetes.io/part-of: stepwright
        app.kubernetes.io/version: "0.1.0"
      namespace: oc-mirror-pipeline
    roleRef:
      name: get-current-image
      apiGroup: rbac.authorization.k8s.io
      kind: Role
    subjects:
    - name: get-current-image
      kind: ServiceAccount
      namespace: pipelines
    "#);
    insta::assert_snapshot!(task::rbac(&step("remove-operators"), "any").unwrap(), @r#"
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      name: remove-operators
      labels:
        app.kubernetes.io/part-of: stepwright
        app.kubernetes.io/version: "0.1.0"
    "#);
}
