//! remove-operators on a branch of a repository, over file://.

use tests::git;

use crate::support::Bench;

#[test]
fn the_change_is_one_commit_on_the_same_branch() {
    let bench = Bench::new();
    let before = bench.head("main");
    let ran = bench.on_branch(&["mallet", "rip-saw"]);
    insta::assert_snapshot!(ran, @r#"
    exit code: 0
    ----- stdout
    {
      "COMMIT": "[COMMIT]",
      "BRANCH": "main",
      "REMOVED": "mallet\nrip-saw",
      "NOT_FOUND": "",
      "CHANGED": "true"
    }
    ----- stderr
     INFO cloning url=[DIR]/catalog.git branch=main
     INFO removing operator=mallet
     INFO removing operator=rip-saw
     INFO pushing branch=main
    "#);
    insta::assert_snapshot!(bench.git(&["log", "--format=%an <%ae>%n%B", "--stat", &format!("{before}..main")]), @"
    Stepwright <stepwright@localhost>
    Remove operators

    Operators: mallet, rip-saw


     .../mallet/mallet.json                             |  1 -
     configs/mallet/catalog.json                        | 97 ----------------------
     configs/saws/catalog.json                          |  2 +-
     3 files changed, 1 insertion(+), 99 deletions(-)
    ");
    bench.git(&["fsck", "--strict"]);
}

#[test]
fn a_new_branch_is_made_and_the_old_one_stays() {
    let bench = Bench::new();
    let main = bench.head("main");
    let ran = bench.on_branch(&["--target-branch=fewer", "--author=A B <a@b.example>", "--commit-message=Fewer", "mallet"]);
    assert_eq!((ran.code, ran.result("BRANCH")), (0, "fewer".into()));
    assert_eq!(bench.head("main"), main);
    assert_eq!(bench.git(&["log", "-1", "--format=%an|%ae|%B", "fewer"]).trim_end(), "A B|a@b.example|Fewer");
}

#[test]
fn running_again_after_the_push_gives_the_same_branch() {
    let bench = Bench::new();
    let args = ["--target-branch=fewer", "mallet"];
    assert_eq!(bench.on_branch(&args).code, 0);
    let head = bench.head("fewer");
    let again = bench.on_branch(&args);
    assert_eq!((again.code, bench.head("fewer")), (0, head), "{again}");
}

#[test]
fn a_target_branch_that_went_elsewhere_is_a_conflict() {
    let bench = Bench::new();
    assert_eq!(bench.on_branch(&["--target-branch=fewer", "rip-saw"]).code, 0);
    let head = bench.head("fewer");
    insta::assert_snapshot!(bench.on_branch(&["--target-branch=fewer", "mallet"]), @"
    exit code: 6
    ----- stderr
     INFO cloning url=[DIR]/catalog.git branch=main
     INFO removing operator=mallet
     INFO pushing branch=fewer
    error: the branch fewer of [DIR]/catalog.git already exists, at [COMMIT], with something else; hint: delete that branch, or choose another one to push to
    ");
    assert_eq!(bench.head("fewer"), head);
}

#[test]
fn nothing_to_remove_pushes_nothing() {
    let bench = Bench::new();
    let head = bench.head("main");
    insta::assert_snapshot!(bench.on_branch(&["hammer"]), @r#"
    exit code: 0
    ----- stdout
    {
      "COMMIT": "[COMMIT]",
      "BRANCH": "main",
      "REMOVED": "",
      "NOT_FOUND": "hammer",
      "CHANGED": "false"
    }
    ----- stderr
     INFO cloning url=[DIR]/catalog.git branch=main
     WARN not found in the catalog or the index database operator=hammer
    "#);
    assert_eq!(bench.head("main"), head);
}

#[test]
fn the_database_is_replaced_after_the_push() {
    let bench = Bench::new();
    let source = format!("--source={}", bench.sample.work.display());
    let args = [&source, "--index-db=index.db", "plane"];
    assert_eq!(bench.on_branch(&args).result("REMOVED"), "plane");
    assert_eq!(bench.git(&["ls-tree", "--name-only", "main", "configs/plane"]), "");
    // A run that crashed between the two leaves the branch without the operator and the database with it.
    tests::make_index_db(&bench.sample.work.join("old.db")).unwrap();
    std::fs::rename(bench.sample.work.join("old.db"), bench.sample.work.join("index.db")).unwrap();
    let head = bench.head("main");
    let again = bench.on_branch(&args);
    assert_eq!((again.code, again.result("REMOVED"), again.result("CHANGED")), (0, "plane".into(), "true".into()), "{again}");
    assert_eq!(bench.head("main"), head);
    assert_eq!(bench.on_branch(&args).result("NOT_FOUND"), "plane");
}

#[test]
fn a_catalog_behind_a_link_in_the_repository_is_never_reported_as_changed_when_it_is_not() {
    let bench = Bench::new();
    let work = bench.dir.path().join("link");
    git(bench.dir.path(), &["clone", "--quiet", "catalog.git", "link"]).unwrap();
    git(&work, &["mv", "configs", "real"]).unwrap();
    std::os::unix::fs::symlink("real", work.join("configs")).unwrap();
    git(&work, &["add", "-A"]).unwrap();
    git(&work, &["commit", "--quiet", "-m", "A link"]).unwrap();
    git(&work, &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
    let source = format!("--source={}", bench.sample.work.display());
    let database = bench.files();
    let ran = bench.on_branch(&[&source, "--index-db=index.db", "lathe"]);
    if ran.code == 0 {
        assert_eq!(bench.git(&["ls-tree", "--name-only", "main", "real/lathe"]), "", "{ran}");
    } else {
        assert_eq!((ran.code, bench.files()), (3, database), "{ran}");
    }
}

#[test]
fn a_catalog_that_is_the_whole_repository() {
    let bench = Bench::new();
    let bare = bench.dir.path().join("whole.git");
    let work = bench.dir.path().join("whole");
    tests::copy_tree(&bench.sample.work.join("configs"), &work).unwrap();
    git(&work, &["init", "--quiet", "--initial-branch=main"]).unwrap();
    git(&work, &["add", "-A"]).unwrap();
    git(&work, &["commit", "--quiet", "-m", "The catalog"]).unwrap();
    git(bench.dir.path(), &["clone", "--quiet", "--bare", "whole", "whole.git"]).unwrap();
    let url = format!("--git-url={}", bare.display());
    let ran = bench.run("remove-operators", &[&url, "--branch=main", "--configs-dir=."], &["mallet"]);
    assert_eq!((ran.code, ran.result("REMOVED")), (0, "mallet".into()), "{ran}");
    assert_eq!(git(&bare, &["ls-tree", "--name-only", "main", "mallet"]).unwrap(), "");
}
