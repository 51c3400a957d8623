//! Which run it is, who we are, and what is waited for.

use cluster_testing::{Answer, Fake, Part};
use serde_json::json;

use crate::support::*;

#[test]
fn one_that_appears_late_is_followed_to_its_end() {
    let new = run("index-x7k", 7, "Merge_Request");
    let running =
        with(new.clone(), 8, "Unknown", "Running", "Tasks Completed: 1 (Failed: 0, Cancelled 0), Incomplete: 2, Skipped: 0");
    let fake = server(
        vec![list([]), list([]), list([new.clone()])],
        vec![
            Answer::events(&[event("ADDED", new.clone())]),
            Answer::events(&[event("MODIFIED", running), event("MODIFIED", done(new, 9))]),
        ],
        nothing,
    );
    let output = wait(&fake, &[]);
    insta::assert_snapshot!(shown(&fake, &output), @r#"
    0
    {
      "STATE": "Completed",
      "IMAGE_URL": "quay.example/tenant/index:0123456",
      "IMAGE_DIGEST": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "DURATION": "754",
      "PIPELINERUN": "index-x7k"
    }
     INFO waiting 5m for a PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER
     INFO found the PipelineRun demo/index-x7k event="Merge_Request"
     INFO index-x7k: it has not begun
     INFO index-x7k: Tasks Completed: 1 (Failed: 0, Cancelled 0), Incomplete: 2, Skipped: 0
     INFO the PipelineRun demo/index-x7k is done state="Completed" seconds=754
    "#);
    insta::assert_snapshot!(asked(&fake), @"
    GET pipelineruns pipelinesascode.tekton.dev%2Fsha%3D0123456789abcdef0123456789abcdef01234567
    GET pipelineruns pipelinesascode.tekton.dev%2Fsha%3D0123456789abcdef0123456789abcdef01234567
    WATCH pipelineruns pipelinesascode.tekton.dev%2Fsha%3D0123456789abcdef0123456789abcdef01234567  5
    GET pipelineruns metadata.name%3Dindex-x7k
    WATCH pipelineruns metadata.name%3Dindex-x7k 5
    ");
}

#[test]
fn of_several_the_newest_of_the_merge_request_is_taken() {
    let runs = || {
        vec![
            done(run("of-the-retest", 4, "retest-all-comment"), 4),
            done(run("of-the-push", 9, "push"), 9),
            done(run("of-the-request", 3, "pull_request"), 3),
        ]
    };
    let mut retest = runs();
    retest[0]["metadata"]["labels"]["pipelinesascode.tekton.dev/pull-request"] = "7".into();
    let mut said = Vec::new();
    for args in [vec![], vec!["--event=push"], vec!["--event=any"], vec!["--pipelinerun=of-the-push"]] {
        let by_name = args.iter().any(|arg| arg.contains("pipelinerun"));
        let fake =
            server(vec![if by_name { Answer::Json(200, runs()[1].clone()) } else { list(retest.clone()) }], vec![], nothing);
        let output =
            if by_name { step(fake.kubeconfig().parent().unwrap(), &args).output().unwrap() } else { wait(&fake, &args) };
        let shown = shown(&fake, &output);
        said.push(format!("{args:?} {}", shown.lines().find(|line| line.contains("PIPELINERUN")).unwrap()));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    []   "PIPELINERUN": "of-the-retest"
    ["--event=push"]   "PIPELINERUN": "of-the-push"
    ["--event=any"]   "PIPELINERUN": "of-the-push"
    ["--pipelinerun=of-the-push"]   "PIPELINERUN": "of-the-push"
    "#);
}

#[test]
fn a_commit_that_starts_nothing() {
    let empty = server(vec![list([])], vec![], nothing);
    let other = server(vec![list([run("of-the-push", 3, "push")])], vec![], nothing);
    let said = [&empty, &other].map(|fake| shown(fake, &wait(fake, &["--find-timeout=200ms", "--selector=app=index"])));
    insta::assert_snapshot!(said.join("\n"), @"
    5
     INFO waiting 200ms for a PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER
    error: there is no PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER, after 200ms; hint: has the push or merge request reached Pipelines as Code? If runs take longer to appear there, raise find-timeout
    5
     INFO not waiting for the PipelineRun of-the-push (push): something else has started it
     INFO waiting 200ms for a PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER
    error: there is no PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER, after 200ms; hint: there is of-the-push (push), which something else has started; `event` says what must have
    ");
    assert!(empty.requests().iter().all(|request| request.query("labelSelector").ends_with("%2Capp%3Dindex")));
}

#[test]
fn what_passes_is_waited_for() {
    let new = run("index-x7k", 7, "pull_request");
    let unavailable = || Answer::Text(503, vec![("Retry-After", "0".into())], "starting\n".into());
    let half = format!("{}\n", event("MODIFIED", done(new.clone(), 9)));
    let fake = server(
        vec![
            Answer::Text(500, vec![("Retry-After", "0".into())], "etcd has no leader\n".into()),
            list([new.clone()]),
            list([new]),
        ],
        vec![
            Answer::Close,
            Answer::Stream(vec![Part::Text(half[..50].to_owned()), Part::Break]),
            unavailable(),
            forbidden("watch", "pipelineruns"),
            Answer::events(&[event("ERROR", json!({ "code": 410, "reason": "Expired" }))]),
            Answer::Stream(vec![Part::Text(half), Part::Hold]),
        ],
        nothing,
    );
    let output = wait(&fake, &["--log-level=error"]);
    assert!(shown(&fake, &output).contains(r#""PIPELINERUN": "index-x7k""#), "{}", shown(&fake, &output));
    let watches = fake.requests().iter().filter(|request| request.is_watch()).count();
    assert_eq!(watches, 6);
}

#[test]
fn a_token_that_is_renewed_is_read_again() {
    let secret = tempfile::tempdir().unwrap();
    let write = |key: &str, text: &str| std::fs::write(secret.path().join(key), text).unwrap();
    let new = run("index-x7k", 7, "pull_request");
    let token = secret.path().join("token");
    let (mut has_watched, expired) = (false, Answer::error(401, "Unauthorized", "Unauthorized", json!({})));
    let fake = Fake::start(move |request| match (request.header("authorization"), request.is_watch()) {
        ("Bearer first-token", true) if !has_watched => {
            has_watched = true;
            Answer::Stream(vec![Part::Break])
        }
        ("Bearer first-token", false) if !has_watched => list([new.clone()]),
        ("Bearer first-token", _) => {
            std::fs::write(&token, "second-token").unwrap();
            expired.clone()
        }
        ("Bearer second-token", true) => Answer::events(&[event("MODIFIED", done(new.clone(), 9))]),
        ("Bearer second-token", false) => list([new.clone()]),
        (other, _) => panic!("who is {other}?"),
    });
    write("url", &fake.url());
    write("token", "first-token\n");
    write("namespace", "demo");
    let output = step(secret.path(), &["--commit", COMMIT]).output().unwrap();
    let said = shown(&fake, &output);
    assert!(!said.contains("first-token") && !said.contains("second-token"), "{said}");
    insta::assert_snapshot!(said, @r#"
    0
    {
      "STATE": "Completed",
      "IMAGE_URL": "quay.example/tenant/index:0123456",
      "IMAGE_DIGEST": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "DURATION": "754",
      "PIPELINERUN": "index-x7k"
    }
     INFO found the PipelineRun demo/index-x7k event="pull_request"
     INFO index-x7k: it has not begun
     WARN watching PipelineRuns in demo: will try again error=http://SERVER breaks off its answer: unexpected EOF during chunk size line attempt=1
     WARN looking for the PipelineRun again: will try again error=watching PipelineRuns in demo (tried once): cannot watch PipelineRuns in demo: http://SERVER does not know us: Unauthorized attempt=1
     INFO the PipelineRun demo/index-x7k is done state="Completed" seconds=754
    "#);
}

#[test]
fn who_we_are_is_asked_before_anything_is_waited_for() {
    let answers: [fn() -> Answer; 3] = [
        || Answer::error(401, "Unauthorized", "Unauthorized", json!({})),
        || forbidden("list", "pipelineruns"),
        || Answer::Text(404, vec![], "404 page not found\n".into()),
    ];
    let mut said: Vec<String> = answers
        .iter()
        .map(|answer| {
            let fake = server(vec![answer()], vec![], nothing);
            let said = verdict(&fake, &wait(&fake, &[]));
            assert_eq!(fake.requests().len(), 1);
            said
        })
        .collect();
    let fake = Fake::start(nothing);
    let empty = tempfile::tempdir().unwrap();
    let output = step(empty.path(), &["--commit", COMMIT]).output().unwrap();
    said.push(verdict(&fake, &output).replace(&empty.path().display().to_string(), "DIR"));
    insta::assert_snapshot!(said.join("\n"), @"
    4 error: cannot list PipelineRuns in demo: http://SERVER does not know us: Unauthorized; hint: log in again (`oc login`), or see the `users` of the kubeconfig
    4 error: cannot list PipelineRuns in demo: system:serviceaccount:tenant:iib may not; hint: it needs a Role in demo with the verb `list` on `pipelineruns.tekton.dev`
    5 error: the cluster does not know PipelineRun of tekton.dev/v1; hint: is Tekton installed there, in a version that serves it?
    3 error: the Secret in DIR has no `url`; hint: give it the keys `url`, `token` and `ca.crt`, or `kubeconfig`
    ");
}

#[test]
fn parameters_are_refused_by_their_grammar() {
    let fake = Fake::start(nothing);
    let said: Vec<String> = [
        &["--commit=main"][..],
        &["--commit=$(params.commit)"],
        &["--label=a=b"],
        &["--selector=$(params.x)"],
        &["--find-timeout=5"],
        &["--run-timeout=0s"],
        &["--run-timeout=-1m"],
        &["--event=tag"],
        &["--namespace=../x", "--commit", COMMIT],
        &["--pipelinerun=x", "--commit", COMMIT],
        &["--pipelinerun=../x"],
        &[],
    ]
    .into_iter()
    .map(|args| verdict(&fake, &step(fake.kubeconfig().parent().unwrap(), args).output().unwrap()))
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    3 error: invalid value 'main' for '--commit <SHA>': it is no commit id: all of its 40 (or 64) hexadecimal digits
    3 error: invalid value '$(params.commit)' for '--commit <SHA>': it is no commit id: all of its 40 (or 64) hexadecimal digits
    3 error: invalid value 'a=b' for '--label <LABEL>': it is no key of a label, as pipelinesascode.tekton.dev/sha is one
    3 error: invalid value '$(params.x)' for '--selector <SELECTOR>': it is no label selector, as a=b,c!=d is one
    3 error: invalid value '5' for '--find-timeout <DURATION>': "5" is not a duration: 5 has no unit; write it like 1h30m, 90s or 500ms
    3 error: invalid value '0s' for '--run-timeout <DURATION>': it must be more than no time
    3 error: invalid value '-1m' for '--run-timeout <DURATION>': it must be more than no time
    3 error: invalid value 'tag' for '--event <EVENT>' [possible values: merge-request, push, any]
    3 error: "../x" is no namespace; hint: lower-case letters, digits, `-` and `.`
    2 error: the argument '--pipelinerun <NAME>' cannot be used with '--commit <SHA>'; hint: --help shows all parameters
    3 error: "../x" is no name; hint: lower-case letters, digits, `-` and `.`
    3 error: neither commit nor pipelinerun is given; hint: give the commit that was pushed
    "#);
}
