//! Bad input: nothing is written, nothing is pushed, and the exit code and last line say why.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Bench, Ran, command};

/// One line for each case: what was wrong, the exit code, the last line of standard error.
fn lines(cases: Vec<(&str, Ran)>) -> String {
    let mut text = String::new();
    for (case, ran) in cases {
        assert_eq!(ran.stdout, "", "{case}: {ran}");
        writeln!(text, "{case}: {}\n  {}", ran.code, ran.last_line()).unwrap();
    }
    text
}

#[test]
fn names_that_are_no_operators() {
    let bench = Bench::new();
    let before = bench.files();
    let long = "a".repeat(300);
    let names = ["..", "a/b", "--force", "", &long, "$(params.x)", "Upper", "a\nb"];
    insta::assert_snapshot!(lines(names.map(|name| (name, bench.in_directory(&["--", "mallet", name]))).into()), @"");
    insta::assert_snapshot!(bench.in_directory(&["--force"]), @"");
    assert_eq!(bench.files(), before);
}

#[test]
fn parameters_that_contradict_each_other() {
    let bench = Bench::new();
    let url = format!("--git-url=file://{}", bench.sample.repository.display());
    let run = |args: &[&str]| bench.run("remove-operators", &[], args);
    insta::assert_snapshot!(lines(vec![
        ("nothing to work on", run(&["mallet"])),
        ("no operators", run(&[&url, "--branch=main"])),
        ("no branch", run(&[&url, "mallet"])),
        ("a branch of nothing", bench.in_directory(&["--branch=main", "mallet"])),
        ("a database in no directory", run(&[&url, "--branch=main", "--index-db=index.db", "mallet"])),
        ("a database elsewhere", bench.in_directory(&["--index-db=../index.db", "mallet"])),
        ("a catalog elsewhere", bench.in_directory(&["--configs-dir=/etc", "mallet"])),
        ("an opm of long ago", bench.in_directory(&["--opm-version=v0.9.0", "mallet"])),
        ("a password in the URL", run(&["--git-url=https://me:hunter2@git.example/x.git", "--branch=main", "mallet"])),
        ("a branch like a flag", run(&[&url, "--branch=--upload-pack=x", "mallet"])),
        ("neither true nor false", bench.in_directory(&["--fail-if-missing=yes", "mallet"])),
    ]), @"");
}

#[test]
fn catalogs_that_cannot_be_read() {
    let mut cases = Vec::new();
    let mut case = |name: &'static str, args: &[&str], spoil: &dyn Fn(&Path)| {
        let bench = Bench::new();
        let configs = bench.sample.work.join("configs");
        spoil(&configs);
        let before = bench.files();
        let ran = bench.in_directory(&[args, &["mallet"]].concat());
        assert_eq!(bench.files(), before, "{name}");
        cases.push((name, ran));
    };
    let bomb: String = (1..12).fold("schema: x\na0: &a0 [x]\n".to_owned(), |mut text, n| {
        let refs = vec![format!("*a{}", n - 1); 10].join(", ");
        writeln!(text, "a{n}: &a{n} [{refs}]").unwrap();
        text
    });
    case("no configs", &[], &|configs| fs::remove_dir_all(configs).unwrap());
    case("a link out of the tree", &[], &|configs| std::os::unix::fs::symlink("/etc/hostname", configs.join("link")).unwrap());
    case("configs is a link out of the tree", &[], &|configs| {
        fs::remove_dir_all(configs).unwrap();
        std::os::unix::fs::symlink("/etc", configs).unwrap();
    });
    case("a file over the limit", &["--max-file-size=2000"], &|_| ());
    case("binary", &[], &|configs| fs::write(configs.join("x.json"), [0_u8, 159, 146, 150, 255, 0, 1]).unwrap());
    case("an alias bomb", &[], &|configs| fs::write(configs.join("x.yaml"), &bomb).unwrap());
    case("deep JSON", &[], &|configs| {
        fs::write(configs.join("x.json"), format!("{{\"schema\":\"x\",\"a\":{}", "[".repeat(200_000))).unwrap();
    });
    case("deep YAML", &[], &|configs| {
        fs::write(configs.join("x.yaml"), format!("schema: x\na: {}", "[".repeat(200_000))).unwrap()
    });
    insta::assert_snapshot!(lines(cases), @"");
}

#[test]
fn databases_that_cannot_be_read() {
    let mut cases = Vec::new();
    let mut case = |name: &'static str, spoil: &dyn Fn(&Path)| {
        let bench = Bench::new();
        let database = bench.sample.work.join("index.db");
        spoil(&database);
        let before = bench.files();
        let ran = bench.in_directory(&["--index-db=index.db", "plane"]);
        assert_eq!(bench.files(), before, "{name}");
        cases.push((name, ran));
    };
    case("missing", &|database| fs::remove_file(database).unwrap());
    case("empty", &|database| fs::write(database, "").unwrap());
    case("not SQLite", &|database| fs::write(database, "PK\x03\x04 a zip, say").unwrap());
    case("truncated", &|database| {
        let bytes = fs::read(database).unwrap();
        fs::write(database, &bytes[..bytes.len() / 2]).unwrap();
    });
    case("a directory", &|database| {
        fs::remove_file(database).unwrap();
        fs::create_dir(database).unwrap();
    });
    insta::assert_snapshot!(lines(cases), @"");
}

#[test]
fn repositories_that_cannot_be_used() {
    let bench = Bench::new();
    let run = |args: &[&str]| bench.run("remove-operators", &[], args);
    let here = format!("--git-url=file://{}", bench.sample.repository.display());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = run(&[&format!("--git-url=http://127.0.0.1:{free}/x.git"), "--branch=main", "mallet"]);
    let closed = Ran { stderr: closed.stderr.replace(&free.to_string(), "[PORT]"), ..closed };
    insta::assert_snapshot!(lines(vec![
        ("no such repository", run(&["--git-url=file:///no/such/repository", "--branch=main", "mallet"])),
        ("no such branch", run(&[&here, "--branch=v4.99", "mallet"])),
        ("no such directory in it", run(&[&here, "--branch=main", "--configs-dir=catalogs", "mallet"])),
        ("nobody listens", closed),
    ]), @"");
}

/// Runs the step as root of a private mount namespace, with a file system of `size` mounted where `{full}` stands.
fn on_a_full_disk(bench: &Bench, size: &str, set_up: &str, args: &[&str]) -> Ran {
    let mount = bench.dir.path().join("full");
    fs::create_dir(&mount).unwrap();
    let step = command(&[&["step", "remove-operators"], args].concat());
    let line: Vec<String> = std::iter::once(step.get_program())
        .chain(step.get_args())
        .map(|arg| format!("'{}'", arg.to_string_lossy().replace("{full}", &mount.to_string_lossy())))
        .collect();
    let script = format!(
        "mount -t tmpfs -o size={size} none {full} && cd {full} && {set_up} && cp -a {full} {full}.before && {line}; code=$?; \
         diff -r {full} {full}.before >&2 || exit 99; exit $code",
        full = mount.display(),
        line = line.join(" "),
        set_up = set_up.replace("{work}", &bench.sample.work.to_string_lossy()),
    );
    let output = Command::new("unshare").args(["--map-root-user", "--mount", "sh", "-c", &script]).output().unwrap();
    let ran = Ran::from(output);
    Ran { stderr: bench.without_paths(&ran.stderr), ..ran }
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let bench = Bench::new();
    // Room for the sample, and not for a second database beside the first.
    let args = ["--source={full}/work", "--index-db=index.db", "plane"];
    let database = fs::metadata(bench.sample.work.join("index.db")).unwrap().len() / 1024;
    let ran = on_a_full_disk(&bench, &format!("{}k", database + 120), "cp -a {work} work", &args);
    assert_eq!(ran.code, 70, "{ran}");
    insta::assert_snapshot!(ran.last_line(), @"");
}
