//! A GitLab that answers as it is told: every fault of it, what is asked then, and what people are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fmt::Debug;
use std::time::Duration;

use forge::{GitLab, Iid, Merge, MergeRequest, Options, Project, Proposal, Token};
use repo::{BranchName, CommitId};
use repo_testing::{Answer, Server};
use serde_json::{Value, json};
use step::retry::Policy;
use step::{Cancel, Result};

const TOKEN: &str = "glpat-0123456789abcdef";
const HEAD: &str = "1111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222";

fn json(status: u16, body: Value) -> Answer {
    Answer::Fixed(status, vec![("Content-Type", "application/json".into())], body.to_string().into_bytes())
}

/// A merge request `!7` in this state, with this head and merge status.
fn request(state: &str, head: &str, status: &str) -> Value {
    json!({
        "iid": 7, "state": state, "sha": head, "detailed_merge_status": status, "web_url": "https://git.example/iib/v4.19/-/merge_requests/7",
        "source_project_id": 1, "target_project_id": 1, "merge_commit_sha": (state == "merged").then_some(OTHER), "merge_error": null,
    })
}

fn message(status: u16, message: &str) -> Answer {
    json(status, json!({ "message": message }))
}

/// A GitLab that gives these answers, one after the other, and then says that it is asked too often.
fn server(answers: Vec<Answer>) -> Server {
    Server::builder("/nonexistent")
        .answer(move |request| answers.get(request.number).cloned().unwrap_or_else(|| message(410, "the script is over")))
        .start()
}

fn gitlab(server: &Server) -> GitLab {
    let project = Project::of(&server.url("iib/v4.19.git").parse().unwrap()).unwrap();
    let retry = Policy {
        first_pause: Duration::from_micros(10),
        longest_pause: Duration::from_millis(1),
        attempts: 4,
        ..Policy::default()
    };
    let options = Options { retry, ..Options::default() };
    GitLab::new(project, Token::new(TOKEN).unwrap(), options, Cancel::new()).unwrap()
}

/// What came of a call, and what was asked for it.
fn told<T: Debug>(answers: Vec<Answer>, call: impl Fn(&GitLab) -> Result<T>) -> String {
    let server = server(answers);
    let outcome = match call(&gitlab(&server)) {
        Ok(value) => format!("{value:?}"),
        Err(error) => {
            let details = error.details_text().to_owned();
            format!("{error:?}\n{details}")
        }
    };
    assert!(!outcome.contains("glpat"), "{outcome}");
    let asked: Vec<String> = server
        .requests()
        .iter()
        .map(|request| {
            assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
            assert!(!request.target.contains("glpat"));
            let path = request.target.strip_prefix("/api/v4/projects/iib%2Fv4.19").unwrap();
            format!("{} {path}", request.method)
        })
        .collect();
    let address = server.url("");
    let outcome = outcome.trim_end().replace(address.trim_end_matches('/'), "https://GITLAB").replace('\n', "\n    ");
    format!("{}\n    {outcome}", asked.join(", "))
}

fn merged(request: MergeRequest) -> String {
    format!("{} {} as {}", request.iid, request.state, &request.merged_as().unwrap()[..7])
}

fn table<T: Debug>(cases: Vec<(&str, Vec<Answer>)>, call: impl Fn(&GitLab) -> Result<T>) -> String {
    let rows = cases.into_iter().map(|(name, answers)| format!("{name}: {}", told(answers, &call)));
    rows.collect::<Vec<_>>().join("\n")
}

fn branch(name: &str) -> BranchName {
    name.parse().unwrap()
}

fn merge(gitlab: &GitLab) -> Result<String> {
    let head: CommitId = HEAD.parse().unwrap();
    gitlab.merge(Iid(7), &Merge::of(head)).map(merged)
}

fn opened(status: &str) -> Answer {
    json(200, request("opened", HEAD, status))
}

fn done() -> Answer {
    json(200, request("merged", HEAD, "not_open"))
}

#[test]
fn merging_ends_with_what_the_merge_request_says() {
    let wait = |status| Answer::Fixed(status, vec![("Retry-After", "0".into())], b"later".to_vec());
    let not_allowed = || message(405, "405 Method Not Allowed");
    let moved = || json(200, request("opened", OTHER, "mergeable"));
    insta::assert_snapshot!(table(
        vec![
            ("merged", vec![done()]),
            ("merged already", vec![not_allowed(), done()]),
            ("an answer that is lost", vec![Answer::Close, done()]),
            ("502, and it was done", vec![Answer::Fixed(502, vec![], b"<html>nginx</html>".to_vec()), done()]),
            ("502, and it was not", vec![message(502, "GitLab is not responding"), opened("mergeable"), done()]),
            ("429", vec![wait(429), opened("mergeable"), wait(503), opened("mergeable"), done()]),
            ("406, 409, 423", vec![message(406, "Branch cannot be merged"), opened(""), message(409, "Merge request is locked"), opened("mergeable"), message(423, "locked"), opened(""), done()]),
            ("405 while it looks for conflicts", vec![not_allowed(), opened("checking"), message(422, "Branch cannot be merged"), opened("unchecked"), done()]),
            ("200, and merged later", vec![opened("mergeable"), json(200, request("locked", HEAD, "mergeable")), opened("mergeable"), done()]),
        ],
        merge
    ), @r#"
    merged: PUT /merge_requests/7/merge
        "!7 merged as 2222222"
    merged already: PUT /merge_requests/7/merge, GET /merge_requests/7
        "!7 merged as 2222222"
    an answer that is lost: PUT /merge_requests/7/merge, GET /merge_requests/7
        "!7 merged as 2222222"
    502, and it was done: PUT /merge_requests/7/merge, GET /merge_requests/7
        "!7 merged as 2222222"
    502, and it was not: PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge
        "!7 merged as 2222222"
    429: PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge
        "!7 merged as 2222222"
    406, 409, 423: PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge
        "!7 merged as 2222222"
    405 while it looks for conflicts: PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge
        "!7 merged as 2222222"
    200, and merged later: PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7
        "!7 merged as 2222222"
    "#);
    insta::assert_snapshot!(table(
        vec![
            ("200, and never merged", (0..8).map(|_| opened("ci_still_running")).collect()),
            ("401", vec![message(401, "401 Unauthorized")]),
            ("403", vec![json(403, json!({ "error": "insufficient_scope", "error_description": "The request requires higher privileges" }))]),
            ("404", vec![message(404, "404 Not found")]),
            ("405, a draft", vec![not_allowed(), opened("draft_status")]),
            ("405, its branch is gone", vec![not_allowed(), opened("commits_status")]),
            ("405, for a reason of its own", vec![not_allowed(), opened("something_new")]),
            ("405, a conflict", vec![not_allowed(), opened("conflict")]),
            ("409, its head has moved", vec![message(409, "SHA does not match HEAD of source branch: 2222"), moved()]),
            ("merged with another head", vec![not_allowed(), json(200, request("merged", OTHER, "not_open"))]),
            ("closed", vec![not_allowed(), json(200, request("closed", HEAD, "not_open"))]),
            ("502 all the time", (0..8).map(|n| if n % 2 == 0 { message(502, "no") } else { opened("mergeable") }).collect()),
            ("moved to another place", vec![Answer::Fixed(301, vec![("Location", "https://git.example/api/v4/projects/9".into())], vec![])]),
            ("a login page", vec![Answer::Fixed(200, vec![("Content-Type", "text/html".into())], b"<html>".to_vec())]),
        ],
        merge
    ), @"
    200, and never merged: PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7
        remote: merging https://GITLAB/iib/v4.19!7 (tried 4 times): https://GITLAB/iib/v4.19!7 was accepted, and is not merged: state opened, ci_still_running
        hint: its pipeline still runs, and the project asks for one that passes
    401: PUT /merge_requests/7/merge
        unauthorized: https://GITLAB/iib/v4.19: GitLab answers 401 (unauthorized): 401 Unauthorized
        hint: is the token expired or revoked? It needs the scope `api`, and the role Developer or higher in the project
    403: PUT /merge_requests/7/merge
        unauthorized: https://GITLAB/iib/v4.19: GitLab answers 403 (forbidden): insufficient_scope; The request requires higher privileges
        hint: give the token the scope `api`, and the role that this needs in the project; see protected branches, too
    404: PUT /merge_requests/7/merge
        not-found: https://GITLAB/iib/v4.19: GitLab answers 404 (not found): 404 Not found
        hint: check the URL, and that the token may see the project: GitLab hides what it may not
    405, a draft: PUT /merge_requests/7/merge, GET /merge_requests/7
        conflict: https://GITLAB/iib/v4.19: GitLab answers 405 (method not allowed): 405 Method Not Allowed (state opened, draft_status)
        hint: it is a draft
    405, its branch is gone: PUT /merge_requests/7/merge, GET /merge_requests/7
        conflict: https://GITLAB/iib/v4.19: GitLab answers 405 (method not allowed): 405 Method Not Allowed (state opened, commits_status)
        hint: its source branch is gone, or has no commits of its own
    405, for a reason of its own: PUT /merge_requests/7/merge, GET /merge_requests/7
        conflict: https://GITLAB/iib/v4.19: GitLab answers 405 (method not allowed): 405 Method Not Allowed (state opened, something_new)
        hint: the merge request says why
    405, a conflict: PUT /merge_requests/7/merge, GET /merge_requests/7
        conflict: https://GITLAB/iib/v4.19: GitLab answers 405 (method not allowed): 405 Method Not Allowed (state opened, conflict): it does not fit its target branch
        hint: the target branch has moved: run again from the start
    409, its head has moved: PUT /merge_requests/7/merge, GET /merge_requests/7
        conflict: https://GITLAB/iib/v4.19!7 is at 2222222222222222222222222222222222222222, and not 1111111111111111111111111111111111111111
        hint: somebody has pushed to its branch: run again from the start
    merged with another head: PUT /merge_requests/7/merge, GET /merge_requests/7
        conflict: https://GITLAB/iib/v4.19!7 was merged with 2222222222222222222222222222222222222222, and not 1111111111111111111111111111111111111111
        hint: somebody has pushed to its branch: run again from the start
    closed: PUT /merge_requests/7/merge, GET /merge_requests/7
        conflict: https://GITLAB/iib/v4.19!7 is closed
        hint: somebody has closed it: reopen it, or run again from the start
    502 all the time: PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7, PUT /merge_requests/7/merge, GET /merge_requests/7
        remote: merging https://GITLAB/iib/v4.19!7 (tried 4 times): GitLab answers 502 (bad gateway): no (state opened, mergeable)
    moved to another place: PUT /merge_requests/7/merge
        not-found: https://GITLAB/iib/v4.19: it has moved to https://git.example/api/v4/projects/9
        hint: give the URL that it has now: the token is not sent to another place
    a login page: PUT /merge_requests/7/merge
        remote: https://GITLAB/iib/v4.19: the server answers with something that is not JSON
        hint: is it a GitLab? A proxy, or a login page, may be in its place
    ");
}

#[test]
fn a_merge_is_asked_for_with_the_commit_that_was_built() {
    let server = server(vec![done()]);
    merge(&gitlab(&server)).unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&server.requests()[0].body), @r#"{"sha":"1111111111111111111111111111111111111111","squash":true,"should_remove_source_branch":true}"#);
}

#[test]
fn one_that_is_open_is_ours_again() {
    let proposal = Proposal::new(branch("iib-request-7-v4.19"), branch("v4.19"), "IIB: Update for request id 7")
        .description("By a pipeline");
    let none = || json(200, json!([]));
    let ours = || json(200, json!([request("opened", HEAD, "mergeable")]));
    let fork = || {
        let mut fork = request("opened", OTHER, "mergeable");
        fork["source_project_id"] = 2.into();
        json(200, json!([fork]))
    };
    let new = || json(201, request("opened", HEAD, "preparing"));
    let there = || json(409, json!({ "message": ["Another open merge request already exists for this source branch: !7"] }));
    insta::assert_snapshot!(table(
        vec![
            ("new", vec![none(), new()]),
            ("ours from before", vec![ours()]),
            ("one of a fork is not ours", vec![fork(), new()]),
            ("somebody was faster", vec![none(), there(), ours()]),
            ("an answer that is lost", vec![none(), Answer::Close, ours()]),
            ("502, twice", vec![message(502, ""), none(), message(502, ""), none(), new()]),
            ("one that nobody shows", vec![none(), there(), none(), there(), none(), there(), none(), there()]),
            ("a branch that is gone", vec![none(), json(400, json!({ "message": { "source_branch": ["does not exist"] } }))]),
            ("401", vec![json(401, json!({ "error": "invalid_token", "error_description": "Token was revoked: glpat-0123456789abcdef" }))]),
            ("403", vec![none(), message(403, "403 Forbidden")]),
            ("404", vec![message(404, "404 Project Not Found")]),
        ],
        |gitlab| gitlab.open(&proposal).map(|request| format!("{} {}", request.iid, request.state))
    ), @r#"
    new: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests
        "!7 opened"
    ours from before: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100
        "!7 opened"
    one of a fork is not ours: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests
        "!7 opened"
    somebody was faster: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests, GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100
        "!7 opened"
    an answer that is lost: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests, GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100
        "!7 opened"
    502, twice: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests, GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests
        "!7 opened"
    one that nobody shows: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests, GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests, GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests, GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests
        conflict: opening a merge request of iib-request-7-v4.19 in https://GITLAB/iib/v4.19 (tried 4 times): https://GITLAB/iib/v4.19: GitLab answers 409 (conflict): Another open merge request already exists for this source branch: !7
    a branch that is gone: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests
        bad-input: https://GITLAB/iib/v4.19: GitLab answers 400 (bad request): source_branch does not exist
    401: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100
        unauthorized: https://GITLAB/iib/v4.19: GitLab answers 401 (unauthorized): invalid_token; Token was revoked: ***
        hint: is the token expired or revoked? It needs the scope `api`, and the role Developer or higher in the project
    403: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100, POST /merge_requests
        unauthorized: https://GITLAB/iib/v4.19: GitLab answers 403 (forbidden): 403 Forbidden
        hint: give the token the scope `api`, and the role that this needs in the project; see protected branches, too
    404: GET /merge_requests?state=opened&source_branch=iib-request-7-v4.19&target_branch=v4.19&per_page=100
        not-found: https://GITLAB/iib/v4.19: GitLab answers 404 (not found): 404 Project Not Found
        hint: check the URL, and that the token may see the project: GitLab hides what it may not
    "#);
    let server = server(vec![none(), new()]);
    gitlab(&server).open(&proposal).unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&server.requests()[1].body), @r#"{"source_branch":"iib-request-7-v4.19","target_branch":"v4.19","title":"IIB: Update for request id 7","description":"By a pipeline","squash":true,"remove_source_branch":true}"#);
}

#[test]
fn closing_and_deleting_are_done_once() {
    let state = |state| json(200, request(state, HEAD, "mergeable"));
    insta::assert_snapshot!(table(
        vec![
            ("closed", vec![state("closed")]),
            ("closed already", vec![message(405, "405 Method Not Allowed"), state("closed")]),
            ("a lost answer", vec![Answer::Close, state("closed")]),
            ("502, then closed", vec![message(502, ""), state("opened"), state("closed")]),
            ("merged", vec![state("merged")]),
            ("200, and still open", (0..4).map(|_| state("opened")).collect()),
            ("401", vec![message(401, "401 Unauthorized")]),
            ("gone", vec![message(404, "404 Not found")]),
        ],
        |gitlab| gitlab.close(Iid(7)).map(|request| request.state)
    ), @"
    closed: PUT /merge_requests/7
        Closed
    closed already: PUT /merge_requests/7, GET /merge_requests/7
        Closed
    a lost answer: PUT /merge_requests/7, GET /merge_requests/7
        Closed
    502, then closed: PUT /merge_requests/7, GET /merge_requests/7, PUT /merge_requests/7
        Closed
    merged: PUT /merge_requests/7
        conflict: https://GITLAB/iib/v4.19!7 is merged, and cannot be closed
        hint: to take its changes back, revert its commit in the target branch
    200, and still open: PUT /merge_requests/7, PUT /merge_requests/7, PUT /merge_requests/7, PUT /merge_requests/7
        remote: closing https://GITLAB/iib/v4.19!7 (tried 4 times): https://GITLAB/iib/v4.19!7 was told to close, and is opened
    401: PUT /merge_requests/7
        unauthorized: https://GITLAB/iib/v4.19: GitLab answers 401 (unauthorized): 401 Unauthorized
        hint: is the token expired or revoked? It needs the scope `api`, and the role Developer or higher in the project
    gone: PUT /merge_requests/7
        not-found: https://GITLAB/iib/v4.19: GitLab answers 404 (not found): 404 Not found
        hint: check the URL, and that the token may see the project: GitLab hides what it may not
    ");
    insta::assert_snapshot!(table(
        vec![
            ("deleted", vec![Answer::Fixed(204, vec![], vec![])]),
            ("gone already", vec![message(404, "404 Branch Not Found")]),
            ("a lost answer", vec![Answer::Close, message(404, "404 Branch Not Found")]),
            ("no such project", vec![message(404, "404 Project Not Found")]),
            ("a protected branch", vec![message(403, "403 Forbidden - Protected branch")]),
        ],
        |gitlab| gitlab.delete_branch(&branch("iib/request-7"))
    ), @"
    deleted: DELETE /repository/branches/iib%2Frequest-7
        true
    gone already: DELETE /repository/branches/iib%2Frequest-7
        false
    a lost answer: DELETE /repository/branches/iib%2Frequest-7, DELETE /repository/branches/iib%2Frequest-7
        false
    no such project: DELETE /repository/branches/iib%2Frequest-7
        not-found: https://GITLAB/iib/v4.19: GitLab answers 404 (not found): 404 Project Not Found
        hint: check the URL, and that the token may see the project: GitLab hides what it may not
    a protected branch: DELETE /repository/branches/iib%2Frequest-7
        unauthorized: https://GITLAB/iib/v4.19: GitLab answers 403 (forbidden): 403 Forbidden - Protected branch
        hint: give the token the scope `api`, and the role that this needs in the project; see protected branches, too
    ");
}

#[test]
fn the_token_is_checked_before_any_work() {
    insta::assert_snapshot!(table(
        vec![
            ("good", vec![json(200, json!([]))]),
            ("refused", vec![message(401, "401 Unauthorized")]),
            ("nobody home", vec![Answer::Close; 4]),
        ],
        GitLab::check
    ), @"
    good: GET /merge_requests?state=opened&per_page=1
        ()
    refused: GET /merge_requests?state=opened&per_page=1
        unauthorized: https://GITLAB/iib/v4.19: GitLab answers 401 (unauthorized): 401 Unauthorized
        hint: is the token expired or revoked? It needs the scope `api`, and the role Developer or higher in the project
    nobody home: GET /merge_requests?state=opened&per_page=1, GET /merge_requests?state=opened&per_page=1, GET /merge_requests?state=opened&per_page=1, GET /merge_requests?state=opened&per_page=1
        remote: asking https://GITLAB/iib/v4.19 for its merge requests (tried 4 times): cannot reach https://GITLAB: Peer disconnected
    ");
}

#[test]
fn the_server_says_how_long_to_wait() {
    let later = Answer::Fixed(429, vec![("Retry-After", "0".into())], b"slow down".to_vec());
    let server = server(vec![later, json(200, request("opened", HEAD, "mergeable"))]);
    let project = Project::of(&server.url("iib/v4.19").parse().unwrap()).unwrap();
    // Without the header it would be a minute.
    let minute = Duration::from_secs(60);
    let retry = Policy { first_pause: minute, longest_pause: minute, ..Policy::default() };
    let options = Options { retry, ..Options::default() };
    let gitlab = GitLab::new(project, Token::new(TOKEN).unwrap(), options, Cancel::new()).unwrap();
    let began = std::time::Instant::now();
    gitlab.get(Iid(7)).unwrap();
    assert!(began.elapsed() < minute / 4);
}

#[test]
fn waiting_ends_when_it_is_cancelled() {
    let server = server(vec![Answer::Silence]);
    let cancel = Cancel::new();
    let project = Project::of(&server.url("iib/v4.19").parse().unwrap()).unwrap();
    let gitlab = GitLab::new(project, Token::new(TOKEN).unwrap(), Options::default(), cancel.clone()).unwrap();
    let error = std::thread::scope(|scope| {
        let call = scope.spawn(|| gitlab.get(Iid(7)).unwrap_err());
        while server.requests().is_empty() {
            std::thread::yield_now();
        }
        cancel.cancel();
        call.join().unwrap()
    });
    assert_eq!(error.kind(), step::Kind::Cancelled);
}
