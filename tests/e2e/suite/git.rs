//! remove-operators on a Git repository that is served over HTTP.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use e2e::{Bed, Namespace, PATIENCE};
use repo_testing::{Answer, Server, ServerBuilder, git};
use tempfile::TempDir;

const BRANCH: &str = "main";

/// A catalog of the world's operators in a bare repository.
pub(crate) struct Forge(TempDir);

impl Forge {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let forge = Forge(directory);
        tests::make_repository(&tests::shared("catalogs/community-v4.20"), &forge.repository()).unwrap();
        // Anybody may push.
        git(&forge.repository(), &["config", "http.receivepack", "true"]);
        forge
    }

    fn repository(&self) -> PathBuf {
        self.0.path().join("catalog.git")
    }

    /// A server that pods reach.
    pub(crate) fn server(&self) -> ServerBuilder {
        Server::builder(self.0.path()).listen(Bed::get().address)
    }

    /// Where the branch is.
    pub(crate) fn head(&self) -> String {
        git(&self.repository(), &["rev-parse", BRANCH])
    }

    /// Every file of a commit, with the hash of its bytes.
    fn files(&self, commit: &str) -> BTreeMap<String, String> {
        let list = git(&self.repository(), &["ls-tree", "-r", commit]);
        list.lines()
            .map(|line| {
                let (what, path) = line.split_once('\t').unwrap();
                (path.to_owned(), what.to_owned())
            })
            .collect()
    }
}

/// The arguments of a run on this server's catalog.
pub(crate) fn arguments<'a>(url: &'a str, operators: &'a str) -> Vec<&'a str> {
    vec!["remove-operators", "-w", "name=source,emptyDir=", "-p", "branch=main", "-p", url, "-p", operators]
}

pub(crate) fn url(server: &Server) -> String {
    format!("git-url={}", server.url("catalog.git"))
}

#[test]
fn two_operators_leave_a_catalog() {
    let forge = Forge::new();
    let server = forge.server().start();
    let namespace = Namespace::new("removal");
    let before = forge.head();

    let url = url(&server);
    let ended = namespace.start(&arguments(&url, r#"operators=["kube-green", "no-such-operator", "project-quay"]"#)).expect(0);

    let head = forge.head();
    assert_ne!(head, before);
    assert_eq!(git(&forge.repository(), &["rev-parse", "main^"]), before, "it is one commit");
    assert_eq!(ended.result("COMMIT"), head);
    assert_eq!(ended.result("BRANCH"), BRANCH);
    assert_eq!(ended.result("REMOVED"), "kube-green\nproject-quay");
    assert_eq!(ended.result("NOT_FOUND"), "no-such-operator");
    assert_eq!(ended.result("CHANGED"), "true");

    let mut wanted = forge.files(&before);
    let all = wanted.len();
    wanted.retain(|path, _| !path.starts_with("configs/kube-green/") && !path.starts_with("configs/project-quay/"));
    assert!(wanted.len() < all);
    assert_eq!(forge.files(&head), wanted, "what is left is byte for byte what it was");

    // Its other task was skipped: a catalog in a repository is validated where it is edited.
    assert_eq!(namespace.one_pod_and_one_step_each(&ended.name), 1);

    // What is done already is done.
    let again = namespace.start(&arguments(&url, r#"operators=["kube-green"]"#)).expect(0);
    assert_eq!((again.result("CHANGED"), again.result("COMMIT")), ("false", head.as_str()));
    assert_eq!(forge.head(), head);
}

#[test]
fn results_at_their_budget_arrive_whole() {
    let forge = Forge::new();
    let server = forge.server().start();
    let namespace = Namespace::new("budget");
    let present: Vec<String> = std::fs::read_dir(tests::shared("catalogs/community-v4.20"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let absent: Vec<String> = (0..400).map(|n| format!("operator-that-nobody-has-heard-of-{n:03}")).collect();
    // All but a few, so that the list of what was removed is long, too.
    let mut wanted: Vec<&String> = present.iter().filter(|name| !name.starts_with('k')).collect();
    wanted.sort();
    let operators: Vec<&String> = wanted.iter().copied().chain(&absent).collect();
    let operators = format!("operators={}", serde_json::to_string(&operators).unwrap());

    let url = url(&server);
    let ended = namespace.start(&arguments(&url, &operators)).expect(0);

    assert_eq!(ended.result("COMMIT"), forge.head());
    assert_eq!(ended.result("BRANCH"), BRANCH);
    assert_eq!(ended.result("CHANGED"), "true");
    let removed: Vec<&str> = ended.result("REMOVED").lines().collect();
    assert_eq!(removed, wanted);

    let not_found = ended.result("NOT_FOUND");
    let mut lines: Vec<&str> = not_found.lines().collect();
    let more = lines.pop().unwrap();
    assert_eq!(lines, absent[..lines.len()]);
    assert_eq!(more, format!("+{} more", absent.len() - lines.len()));
    // As much as there is room for: 1,500 bytes, in which a line break is two.
    let wire = not_found.len() + not_found.matches('\n').count();
    assert!((1450..=1500).contains(&wire), "{wire}");
}

#[test]
fn a_run_that_is_cancelled_while_it_pushes_moves_no_branch() {
    let forge = Forge::new();
    let before = forge.head();
    let (sender, pushes) = channel();
    let sender = Mutex::new(sender);
    let server = forge
        .server()
        .answer(move |request| {
            if request.method == "POST" && request.target.ends_with("/git-receive-pack") {
                // Who tries again is not waited for.
                let _ = sender.lock().unwrap().send(());
                return Answer::Silence;
            }
            Answer::Git
        })
        .start();
    let namespace = Namespace::new("cancel");
    let url = url(&server);
    let started = namespace.spawn(&arguments(&url, r#"operators=["kube-green"]"#));
    let name = started.name.clone();
    pushes.recv_timeout(PATIENCE).expect("the step pushes");
    started.interrupt();
    let ended = started.wait().expect(143);

    assert!(ended.told.contains("cancelling"), "{}", ended.told);
    let run = namespace.cluster.get(&cluster::Resource::PIPELINE_RUNS, &name).unwrap();
    assert_eq!(run["status"]["conditions"][0]["reason"], "Cancelled");
    assert_eq!(namespace.task_run(&name)["status"]["conditions"][0]["reason"], "TaskRunCancelled");
    assert_eq!(forge.head(), before);
    sound(&forge.repository());
}

/// Fails unless every object of a repository is there.
fn sound(repository: &Path) {
    let output = Command::new("git").current_dir(repository).args(["fsck", "--full", "--strict"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
