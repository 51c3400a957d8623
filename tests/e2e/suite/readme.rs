//! What the README tells users to do, done.

use std::fmt::Write;
use std::process::Command;

use e2e::{Bed, Namespace};
use serde_json::{Value, json};

use crate::git::{Forge, arguments, url};

/// What the README calls a repository of the reader's.
const REPOSITORY: &str = "https://git.example.com/catalogs/operators.git";

#[test]
fn the_catalog_is_installed_and_runs_are_started_as_the_readme_says() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("On a cluster\n")).unwrap();
    let blocks = section.split("\n```").skip(1).step_by(2);
    let commands: Vec<&str> = blocks.filter_map(|block| block.strip_prefix('\n')).flat_map(str::lines).collect();
    assert_eq!(commands.len(), 5, "{commands:#?}");

    let bed = Bed::get();
    let forge = Forge::new();
    let before = forge.head();
    let server = forge.server().start();
    let namespace = Namespace::bare("readme");
    // What the README calls `oc` is here as `kubectl`: in these commands they are the same.
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, program) in [("oc", &bed.kubectl), ("tkn", &bed.tkn), ("stepwright", &bed.stepwright)] {
        std::os::unix::fs::symlink(program, bin.join(name)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let sh = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).current_dir(home.path()).env("PATH", &path).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{command}\n{said}");
        said
    };
    // The catalog of the checkout, with images that are in this cluster's registry.
    let catalog = format!("stepwright catalog -n {} --images {}/stepwright --pin", namespace.name(), bed.registry);
    std::fs::write(home.path().join("pins"), bed.pins.to_string()).unwrap();
    sh(&format!("{catalog} pins"));
    // What its sample names: this server asks for no credentials, and these are another's.
    let credentials = "--from-literal=.git-credentials=https://somebody:nothing@git.example.com";
    namespace.kubectl(&["create", "secret", "generic", "git-credentials", credentials]);
    sh(&format!("sed -i 's|{REPOSITORY}|{}|' catalog/pipeline/*/samples/*", server.url("catalog.git")));

    let mut told = String::new();
    for command in commands {
        if command.starts_with("oc create namespace ") {
            continue;
        }
        let command =
            command.replace(REPOSITORY, &server.url("catalog.git")).replace("-n stepwright", &format!("-n {}", namespace.name()));
        writeln!(told, "$ {command}\n{}", sh(&command)).unwrap();
    }

    assert_ne!(forge.head(), before, "{told}");
    for run in namespace.runs() {
        let run = namespace.ended(&run);
        assert_eq!(run["status"]["conditions"][0]["status"], "True", "{:#}\n{told}", run["status"]);
        assert_eq!(run["spec"]["taskRunTemplate"]["serviceAccountName"], stepwright::catalog::ACCOUNT);
    }
    assert_eq!(namespace.runs().len(), 3, "{told}");
}

#[test]
fn the_starter_s_rights_are_enough_to_start_a_run_and_for_nothing_else() {
    let forge = Forge::new();
    let server = forge.server().start();
    let namespace = Namespace::new("starter");
    namespace.apply("catalog/starter");
    let token = namespace.kubectl(&["create", "token", stepwright::catalog::STARTER]);
    let mut config: Value =
        serde_json::from_str(&namespace.kubectl(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"])).unwrap();
    config["users"][0]["user"] = json!({ "token": token.trim() });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    std::fs::write(&path, config.to_string()).unwrap();

    let url = url(&server);
    let output = Command::new(&Bed::get().stepwright)
        .arg("start")
        .args(arguments(&url, "operators=kube-green"))
        .args(["-n", namespace.name(), "-s", stepwright::catalog::ACCOUNT])
        .env("KUBECONFIG", &path)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("removing operator"), "the step's log is shown: {told}");

    let account = format!("--as=system:serviceaccount:{}:{}", namespace.name(), stepwright::catalog::STARTER);
    for (may, what) in [
        ("yes", ["create", "pipelineruns.tekton.dev"]),
        ("no", ["create", "pods"]),
        ("no", ["get", "secrets"]),
        ("no", ["delete", "pipelineruns.tekton.dev"]),
        ("no", ["patch", "pipelines.tekton.dev"]),
    ] {
        // It exits with 1 for no.
        let said = namespace.kubectl_says(&["auth", "can-i", what[0], what[1], &account]);
        assert_eq!(said.trim(), may, "{what:?}");
    }
}
