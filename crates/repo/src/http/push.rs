//! One branch to a server: a compare-and-swap, and what the server says about it.

use std::io::{Cursor, Read};

use step::retry::Failure;
use step::{Error, Kind, Result};
use transport::{MARGIN, excerpt, printable};

use super::advertisement::Advertisement;
use super::pkt::{self, Packet, Packets, line, protocol};
use super::{Http, Service};
use crate::pack::Pack;
use crate::remote::refuse_beside;
use crate::{BranchName, CommitId, Push};

/// What the protocol says for "no commit": the branch does not exist.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// Words of hooks that an error repeats; a hook may print a whole build log.
const LONGEST_WORDS: usize = 16 * 1024;

/// What the server did with our one branch.
struct Report {
    /// `None` when the branch was moved, else why not.
    refused: Option<String>,
    /// What hooks printed, a line each.
    words: String,
}

impl Http {
    /// Moves `branch` from `old` to `new`, if it still is at `old`.
    ///
    /// The server compares and swaps, so asking twice is safe. Whenever an answer is unclear (a lost connection, a lock,
    /// a refusal that may mean a race), the branch itself tells what happened.
    pub(crate) fn push(&self, branch: &BranchName, old: Option<CommitId>, new: CommitId, pack: &Pack) -> Result<Push> {
        let what = format!("pushing {branch} to {}", self.url);
        let mut is_unclear = false;
        self.retry.run(&self.cancel, &what, || {
            let known = self.receiver.get().filter(|_| !is_unclear);
            is_unclear = true;
            // Only the first push asks first: asking makes the time longer in which others can be faster.
            let asked;
            let server = match known {
                Some(server) => server,
                None => {
                    asked = self.ask_once(Service::ReceivePack)?;
                    if let Some(push) = standing(&asked, branch, old, new) {
                        return Ok(push);
                    }
                    if old.is_none() {
                        refuse_beside(branch, &asked.heads)?;
                    }
                    self.receiver.get_or_init(|| asked)
                }
            };
            let report = self.push_once(server, branch, old, new, pack)?;
            if report.refused.is_none() {
                return Ok(Push::Done { head: new });
            }
            if let Some(push) = standing(&self.ask_once(Service::ReceivePack)?, branch, old, new) {
                return Ok(push);
            }
            Err(refusal(&self.url, branch, &report))
        })
    }

    fn push_once(
        &self,
        server: &Advertisement,
        branch: &BranchName,
        old: Option<CommitId>,
        new: CommitId,
        pack: &Pack,
    ) -> Result<Report, Failure> {
        if !server.can("report-status") || !server.can("side-band-64k") {
            return Err(Failure::Permanent(protocol("it does not report what a push did".into())));
        }
        let old = old.map_or_else(|| NOTHING.to_owned(), |id| id.to_string());
        let agreed = server.agree(&["report-status", "side-band-64k", "ofs-delta", "quiet"]);
        let mut head = Vec::new();
        pkt::push(&mut head, &format!("{old} {new} {}\0 {agreed}", branch.reference()));
        pkt::flush(&mut head);
        let size = head.len() as u64 + pack.size();
        let mut body = Cursor::new(head).chain(pack.reader()?);
        let answer = self.client.post(&self.url, &server.base, Service::ReceivePack, &mut body, size)?;
        self.report(branch, answer)
    }

    fn report(&self, branch: &BranchName, answer: impl Read) -> Result<Report, Failure> {
        let mut packets = Packets::new(answer);
        let (mut status, mut words) = (Vec::new(), Words::default());
        loop {
            self.cancel.check()?;
            match packets.next()? {
                Some(Packet::Data([1, bytes @ ..])) if status.len() + bytes.len() < LONGEST_WORDS => {
                    status.extend_from_slice(bytes);
                }
                Some(Packet::Data([2, bytes @ ..])) => words.hear(bytes),
                Some(Packet::Data([3, message @ ..])) => {
                    return Err(Error::new(Kind::Remote, format!("the server says: {}", printable(message))).into());
                }
                Some(Packet::Data(_)) => return Err(protocol("a packet on an unknown side-band".into()).into()),
                Some(Packet::Flush) | None => break,
            }
        }
        let words = words.finish();
        let mut packets = Packets::new(status.as_slice());
        let unpack = String::from_utf8_lossy(line(packets.data()?)).into_owned();
        if unpack != "unpack ok" {
            let why = printable(unpack.strip_prefix("unpack ").unwrap_or(&unpack).as_bytes());
            return Err(Error::new(Kind::Remote, format!("the server cannot store the push: {why}")).details(words).into());
        }
        let reference = branch.reference();
        while let Some(Packet::Data(bytes)) = packets.next()? {
            let text = String::from_utf8_lossy(line(bytes)).into_owned();
            let refused = match text.split_once(' ') {
                Some(("ok", name)) if name == reference => None,
                Some(("ng", rest)) => match rest.split_once(' ') {
                    Some((name, why)) if name == reference => Some(printable(why.as_bytes())),
                    _ => continue,
                },
                _ => continue,
            };
            return Ok(Report { refused, words });
        }
        Err(protocol(format!("it does not report on {branch}")).into())
    }
}

/// What the branch says about our push, without asking for it: done, moved, or `None` for not yet.
fn standing(server: &Advertisement, branch: &BranchName, old: Option<CommitId>, new: CommitId) -> Option<Push> {
    let now = server.heads.get(branch.as_str()).copied();
    match now {
        _ if now == Some(new) => Some(Push::Done { head: new }),
        _ if now != old => Some(Push::Moved { head: now }),
        _ => None,
    }
}

/// The branch did not move, and the server did not move it.
fn refusal(url: &crate::url::HttpUrl, branch: &BranchName, report: &Report) -> Failure {
    let why = report.refused.as_deref().unwrap_or_default();
    let message = format!("{url} refuses the push to {branch}: {why}");
    // Git's words when it could not take a lock: somebody is pushing right now, or creates `a` beside our `a/b`.
    let is_lock = why.contains("lock") || why.contains("failed to update ref") || why.contains("reference conflict");
    if is_lock {
        return Failure::transient(Error::new(Kind::Remote, message).details(report.words.clone()));
    }
    Failure::Permanent(
        Error::new(Kind::Unauthorized, message)
            .details(report.words.clone())
            .hint("a hook or a protected branch does not accept it; push to another branch and open a merge request"),
    )
}

/// Collects what hooks print, and logs it line by line.
#[derive(Default)]
pub(super) struct Words {
    kept: String,
    begun: Vec<u8>,
}

// === impl Words ===

impl Words {
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !matches!(byte, b'\n' | b'\r') {
                if self.begun.len() < LONGEST_WORDS + MARGIN {
                    self.begun.push(*byte);
                }
                continue;
            }
            self.line();
        }
    }

    fn line(&mut self) {
        let line = excerpt(&std::mem::take(&mut self.begun), LONGEST_WORDS);
        if line.is_empty() {
            return;
        }
        tracing::info!("remote: {line}");
        if self.kept.len() + line.len() < LONGEST_WORDS {
            if !self.kept.is_empty() {
                self.kept.push('\n');
            }
            self.kept.push_str("remote: ");
            self.kept.push_str(&line);
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.line();
        self.kept
    }
}
