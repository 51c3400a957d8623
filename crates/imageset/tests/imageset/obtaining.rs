//! Where values files and documents come from: a workspace, a repository, a ConfigMap.

use std::fs;
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use imageset::{ImageSetParams, ObjectName, Obtained, Request, ValuesSource, Wanted, obtain};
use serde_json::{Value, json};
use step::{Cancel, Error, Result};

use crate::refused;

const HUB: &str = "hubClusterSets: {hub: {labels: {openshift-version: 4.18.22}}}\n";

/// What comes of a command line, below `workspace`; ConfigMaps are `config_map`.
fn run(workspace: Option<&Path>, args: &[&str], config_map: &dyn Fn(&ObjectName) -> Result<Value>) -> Result<Obtained> {
    let command = ImageSetParams::augment_args(ValuesSource::augment_args(Command::new("x")));
    let matches = command.try_get_matches_from([&["x"], args].concat()).map_err(|error| step::usage(&error))?;
    let parsed = |error: clap::Error| step::usage(&error);
    let values = ValuesSource::from_arg_matches(&matches).map_err(parsed)?;
    let imageset = ImageSetParams::from_arg_matches(&matches).map_err(parsed)?;
    let request = Request {
        values: &values,
        imageset: &imageset,
        more_files: &[],
        workspace,
        ca_file: None,
        wanted: Wanted::ImageSet,
        always_read_values: true,
        config_map,
    };
    obtain(&request, &Cancel::new())
}

fn none(name: &ObjectName) -> Result<Value> {
    Err(Error::not_found(format!("there is no ConfigMap {name}")))
}

fn refusal(workspace: Option<&Path>, args: &[&str]) -> String {
    let error = run(workspace, args, &none).unwrap_err();
    let text = format!("exit {}: {}", error.kind().code(), refused(&error));
    workspace.map_or(text.clone(), |path| {
        text.replace(&*path.canonicalize().unwrap().to_string_lossy(), "[DIR]").replace(&*path.to_string_lossy(), "[DIR]")
    })
}

#[test]
fn files_of_a_workspace() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("a/hub.yaml"), HUB).unwrap();
    fs::write(dir.path().join("more.yaml"), HUB.replace("22", "3")).unwrap();
    fs::write(dir.path().join("deps.json"), "{}").unwrap();
    let obtained =
        run(Some(dir.path()), &["--values-file-path=a/hub.yaml\nmore.yaml", "--dependencies-file=deps.json"], &none).unwrap();
    let paths: Vec<&str> = obtained.values.iter().map(|file| &*file.path).collect();
    assert_eq!((paths, obtained.commit), (vec!["a/hub.yaml", "more.yaml"], None));
    assert_eq!((obtained.method.as_str(), &*obtained.values[0].text), ("generated", HUB));
    assert_eq!(obtained.versions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["4.18.3", "4.18.22"]);
}

#[test]
fn what_is_not_there_and_what_leads_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(dir.path().join("secret.yaml"), HUB).unwrap();
    std::os::unix::fs::symlink("../secret.yaml", root.join("link.yaml")).unwrap();
    fs::write(root.join("latin.yaml"), b"a: b\nc: \xe4\n").unwrap();
    fs::write(root.join("large.yaml"), vec![b'#'; 5 << 20]).unwrap();
    let file = |path: &str| refusal(Some(&root), &[&format!("--values-file-path={path}")]);
    let said = ["none.yaml", "sub", "link.yaml", "../secret.yaml", "/etc/passwd", "$(params.x)", "latin.yaml", "large.yaml"]
        .map(file)
        .concat();
    let said = said.replace(&*dir.path().canonicalize().unwrap().to_string_lossy(), "[OUT]");
    insta::assert_snapshot!(said, @r#"
    exit 5: error: there is no file none.yaml in [DIR]; hint: paths are relative, and begin at the repository or the workspace
    exit 3: error: sub is a directory in [DIR]; hint: name the files in it, one a line
    exit 3: error: [DIR]/link.yaml leads out of [DIR] (to [OUT]/secret.yaml); hint: remove the symbolic link, or copy what it points to into the tree
    exit 3: error: invalid value '../secret.yaml' for '--values-file-path <LINES>': line 1, "../secret.yaml": not a path below its directory: it holds `..`; hint: 
    exit 3: error: invalid value '/etc/passwd' for '--values-file-path <LINES>': line 1, "/etc/passwd": not a path below its directory: it is absolute; hint: 
    exit 3: error: invalid value '$(params.x)' for '--values-file-path <LINES>': line 1, "$(params.x)": not a path below its directory: it holds `$`, a line break or a NUL; hint: 
    exit 3: error: latin.yaml:2: this is not UTF-8; hint: save the file as UTF-8
    exit 3: error: [DIR]/large.yaml is larger than 4194304 bytes; hint:
    "#);
    insta::assert_snapshot!(refusal(Some(&root), &[]), @"exit 2: error: there is no values file to read; hint: set values-file-path or values-files, or imageset-configmap");
    insta::assert_snapshot!(refusal(None, &["--values-file-path=a.yaml"]), @"exit 2: error: there is nowhere to read values files; hint: set values-git-url, or bind the workspace");
}

/// A repository with one commit on `main`.
fn repository(dir: &Path, files: &[(&str, &str)], links: &[(&str, &str)]) -> git2::Oid {
    let repo = git2::Repository::init_bare(dir).unwrap();
    let mut index = git2::Index::new().unwrap();
    let entries = files.iter().map(|file| (file, 0o100_644)).chain(links.iter().map(|link| (link, 0o120_000)));
    for ((path, content), mode) in entries {
        let id = repo.blob(content.as_bytes()).unwrap();
        let path = path.as_bytes().to_vec();
        let time = git2::IndexTime::new(0, 0);
        index
            .add(&git2::IndexEntry {
                ctime: time,
                mtime: time,
                dev: 0,
                ino: 0,
                mode,
                uid: 0,
                gid: 0,
                file_size: 0,
                id,
                flags: 0,
                flags_extended: 0,
                path,
            })
            .unwrap();
    }
    let tree = repo.find_tree(index.write_tree_to(&repo).unwrap()).unwrap();
    let who = git2::Signature::new("a", "a@example", &git2::Time::new(1, 0)).unwrap();
    repo.commit(Some("refs/heads/main"), &who, &who, "one", &tree, &[]).unwrap()
}

#[test]
fn files_of_a_repository() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("secret.yaml");
    fs::write(&outside, HUB).unwrap();
    let outside = outside.to_string_lossy().into_owned();
    let files = [("autoshift/values.hub.yaml", HUB), ("autoshift/other.yaml", "x"), ("real/a.yaml", HUB)];
    let id = repository(&dir.path().join("r.git"), &files, &[("link.yaml", &outside), ("linked", "real")]);
    let url = format!("--values-git-url=file://{}/r.git", dir.path().display());
    let obtained = run(None, &[&url, "--values-file-path=autoshift/values.hub.yaml"], &none).unwrap();
    assert_eq!(obtained.commit.unwrap().to_string(), id.to_string());
    assert_eq!(obtained.values[0].text, HUB);
    let refusal = |args: &[&str]| {
        let error = run(None, &[&[&*url], args].concat(), &none).unwrap_err();
        let text = format!("exit {}: {}", error.kind().code(), refused(&error));
        text.replace(&*dir.path().to_string_lossy(), "[DIR]").replace(&id.to_string(), "[COMMIT]")
    };
    let said = [
        refusal(&["--values-file-path=autoshift/none.yaml"]),
        refusal(&["--values-file-path=link.yaml"]),
        refusal(&["--values-file-path=linked/a.yaml"]),
        refusal(&["--values-file-path=autoshift"]),
        refusal(&["--values-file-path=a.yaml", "--values-git-revision=none"]),
        refusal(&["--values-file-path=a.yaml", "--values-git-revision=$(x)"]),
    ];
    insta::assert_snapshot!(said.concat(), @"
    exit 5: error: there is no file autoshift/none.yaml in main of [DIR]/r.git ([COMMIT]); hint: paths are relative, and begin at the repository or the workspace
    exit 3: error: the branch main of [DIR]/r.git: link.yaml is a symbolic link; hint: give the directory that it leads to
    exit 3: error: the branch main of [DIR]/r.git: linked is a symbolic link; hint: give the directory that it leads to
    exit 3: error: autoshift is a directory in main of [DIR]/r.git ([COMMIT]); hint: name the files in it, one a line
    exit 5: error: [DIR]/r.git has no branch none; hint: its branches are main
    exit 3: error: invalid value '$(x)' for '--values-git-revision <REVISION>': not a branch, a tag or a commit: it holds `$`; hint:
    ");
}

#[test]
fn a_document_of_a_config_map() {
    let map = |data: Value| move |_: &ObjectName| Ok(json!({ "kind": "ConfigMap", "data": data }));
    let document = "kind: ImageSetConfiguration\nmirror: {platform: {channels: [{name: stable-4.18, minVersion: 4.18.2}]}}\n";
    let args = ["--imageset-configmap=my-imageset"];
    let obtained = run(None, &args, &map(json!({ "imageset.yaml": document }))).unwrap();
    assert_eq!((&*obtained.text, obtained.method.as_str()), (document, "configmap"));
    assert_eq!(obtained.versions.last().unwrap().to_string(), "4.18.2");
    let refusal = |data: Value| refused(&run(None, &args, &map(data)).unwrap_err());
    let said = [
        refusal(json!({ "imageset.yaml": document.replace("minVersion", "minversoin") })),
        refusal(json!({ "imageset.yaml": " \n" })),
        refusal(json!({ "values.yaml": "", "other": "" })),
        refusal(json!(null)),
        refusal(
            json!({ "imageset.yaml": "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v1alpha2\nmirror: {}\n" }),
        ),
        refused(&run(None, &args, &none).unwrap_err()),
        refused(&run(None, &["--imageset-configmap=$(x)"], &none).unwrap_err()),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    error: imageset.yaml of the ConfigMap my-imageset:2: mirror.platform.channels[0]: unknown field "minversoin"; hint: did you mean minVersion?
    error: the ConfigMap my-imageset: the document under the key imageset.yaml is empty; hint: put the document under imageset.yaml
    error: the ConfigMap my-imageset: there is no document under the key imageset.yaml: it has values.yaml, other; hint: put the document under imageset.yaml
    error: the ConfigMap my-imageset: there is no document under the key imageset.yaml: it is empty; hint: put the document under imageset.yaml
    error: imageset.yaml of the ConfigMap my-imageset:2: the apiVersion is "mirror.openshift.io/v1alpha2"; hint: this is a document of oc-mirror v1, which v2 refuses: set apiVersion to mirror.openshift.io/v2alpha1, and remove storageConfig (v2 keeps what it knows in its workspace and cache)
    error: there is no ConfigMap my-imageset; hint: 
    error: invalid value '$(x)' for '--imageset-configmap <NAME>': it may hold only a-z, 0-9, `.` and `-`, and each part starts and ends with a-z or 0-9; hint:
    "#);
}
