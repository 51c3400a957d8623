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
    insta::assert_snapshot!(lines(names.map(|name| (name, bench.in_directory(&["--", "mallet", name]))).into()), @r#"
    ..: 3
      error: invalid value '..' for '<OPERATOR>...': ".." is not a package name: it must start and end with a-z or 0-9
    a/b: 3
      error: invalid value 'a/b' for '<OPERATOR>...': "a/b" is not a package name: it may hold only a-z, 0-9, `.` and `-`
    --force: 3
      error: invalid value '--force' for '<OPERATOR>...': "--force" is not a package name: it must start and end with a-z or 0-9
    : 3
      error: invalid value '' for '<OPERATOR>...': "" is not a package name: it is empty
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 3
      error: invalid value 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…' for '<OPERATOR>...': "[COMMIT]…" is not a package name: it is longer than 253 characters
    $(params.x): 3
      error: invalid value '$(params.x)' for '<OPERATOR>...': "$(params.x)" is not a package name: it may hold only a-z, 0-9, `.` and `-`
    Upper: 3
      error: invalid value 'Upper' for '<OPERATOR>...': "Upper" is not a package name: it may hold only a-z, 0-9, `.` and `-`
    a
    b: 3
      error: invalid value 'a b' for '<OPERATOR>...': "a\nb" is not a package name: it may hold only a-z, 0-9, `.` and `-`
    "#);
    insta::assert_snapshot!(bench.in_directory(&["--force"]), @"
    exit code: 2
    ----- stderr
    error: unexpected argument '--force' found; hint: did you mean --source?; --help shows all parameters
    ");
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
    ]), @"
    nothing to work on: 2
      error: there is no catalog to work on; hint: set git-url and branch, or bind the workspace source to its directory
    no operators: 2
      error: the following required arguments were not provided: <OPERATOR>...; hint: --help shows all parameters
    no branch: 2
      error: git-url is given without branch; hint: set branch to the branch to read
    a branch of nothing: 2
      error: branch or target-branch is given without git-url; hint: set git-url, or neither
    a database in no directory: 2
      error: index-db is given without a source; hint: bind the workspace source to its directory
    a database elsewhere: 3
      error: invalid value '../index.db' for '--index-db <PATH>': not a path below its directory: it holds `..`
    a catalog elsewhere: 3
      error: invalid value '/etc' for '--configs-dir <PATH>': not a path below its directory: it is absolute
    an opm of long ago: 3
      error: invalid value 'v0.9.0' for '--opm-version <VERSION>': the rules of opm v0.9.0 are not known: the oldest known is v1.26.0
    a password in the URL: 3
      error: invalid value 'https://***@git.example/x.git' for '--git-url <URL>': not a Git repository's URL or path: it holds a user or password; put them into a Secret with `username` and `password` and bind that as workspace
    a branch like a flag: 3
      error: invalid value '--upload-pack=x' for '--branch <NAME>': not a branch name: it starts with `-`
    neither true nor false: 3
      error: invalid value 'yes' for '--fail-if-missing <FAIL_IF_MISSING>' [possible values: true, false]
    ");
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
    insta::assert_snapshot!(lines(cases), @"
    no configs: 5
      error: cannot open [DIR]/work/configs: No such file or directory (os error 2); hint: set configs-dir to the catalog's directory
    a link out of the tree: 3
      error: [DIR]/work/configs/link leads out of [DIR]/work/configs (to /etc/hostname); hint: remove the symbolic link, or copy what it points to into the tree
    configs is a link out of the tree: 3
      error: [DIR]/work/configs leads out of [DIR]/work (to /etc); hint: remove the symbolic link, or copy what it points to into the tree; set configs-dir to the catalog's directory
    a file over the limit: 3
      error: [DIR]/work/configs/mallet/catalog.json has 2399 bytes or more, the limit is 2000 bytes; hint: split the file, or raise max-file-size if it is meant to be this large
    binary: 3
      error: x.json:1: error converting YAML to JSON: yaml: invalid leading UTF-8 octet; hint: mend the file, or name it in .indexignore if it is no part of the catalog
    an alias bomb: 3
      error: x.yaml:1: error converting YAML to JSON: yaml: document contains excessive aliasing; hint: mend the file, or name it in .indexignore if it is no part of the catalog
    deep JSON: 3
      error: x.json:1: error converting YAML to JSON: yaml: line 1: collections nest deeper than 255 levels; hint: look whether the file belongs into a catalog, or raise the limit; mend the file, or name it in .indexignore if it is no part of the catalog
    deep YAML: 3
      error: x.yaml:2: error converting YAML to JSON: yaml: line 2: collections nest deeper than 255 levels; hint: look whether the file belongs into a catalog, or raise the limit; mend the file, or name it in .indexignore if it is no part of the catalog
    ");
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
    case("read-only", &|database| {
        fs::set_permissions(database, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    });
    case("a directory", &|database| {
        fs::remove_file(database).unwrap();
        fs::create_dir(database).unwrap();
    });
    insta::assert_snapshot!(lines(cases), @r#"
    missing: 5
      error: cannot open [DIR]/work/index.db: No such file or directory (os error 2)
    empty: 3
      error: [DIR]/work/index.db is not a SQLite database: it is empty; hint: pull the index.db artifact again, or restore it from a backup
    not SQLite: 3
      error: [DIR]/work/index.db is not a SQLite database: its first bytes are "PK\x03\x04 a zip, say"; hint: pull the index.db artifact again, or restore it from a backup
    truncated: 3
      error: [DIR]/work/index.db: database disk image is malformed: it has 47104 bytes, its header says 94208; hint: pull the index.db artifact again, or restore it from a backup
    read-only: 4
      error: cannot write [DIR]/work/index.db: permission denied; hint: give this user access to it (images run as any UID in group 0); or copy it to where it can be written
    a directory: 3
      error: [DIR]/work/index.db is not a file; hint: give the path of the index.db file itself
    "#);
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
    ]), @"
    no such repository: 5
      error: no repository at /no/such/repository: there is no such path
    no such branch: 5
      error: [DIR]/catalog.git has no branch v4.99; hint: its branches are main
    no such directory in it: 5
      error: branch main of [DIR]/catalog.git has no directory catalogs; hint: set configs-dir to the catalog's directory
    nobody listens: 7
      error: fetching main of http://127.0.0.1:[PORT]/x.git (tried 5 times): cannot reach http://127.0.0.1:[PORT]/x.git: Connection refused (os error 111)
    ");
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
    // Root needs no user namespace, and not every machine lets others have one.
    let is_root = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0;
    let namespaces: &[&str] = if is_root { &["--mount"] } else { &["--map-root-user", "--mount"] };
    let output = Command::new("unshare").args(namespaces).args(["sh", "-c", &script]).output().unwrap();
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
    insta::assert_snapshot!(ran.last_line(), @"error: cannot copy [DIR]/full/work/index.db to [DIR]/full/work/.stepwright-index.db/work.db: No space left on device (os error 28); hint: free space there or use a larger volume, then run again");
}
