//! One commit and its files from a server.

use std::io::{Cursor, Read};
use std::path::Path;

use git2::Repository;
use step::retry::Failure;
use step::{Error, Result};
use transport::printable;

use super::advertisement::Advertisement;
use super::pkt::{self, Packet, Packets, line, protocol};
use super::push::Words;
use super::{Http, Service};
use crate::pack::Receiver;
use crate::remote::{commit_of, git_error, no_revision};
use crate::{CommitId, Revision};

impl Http {
    /// Brings the commit of `revision`, without history, into `repo`. What `have` has is not sent again.
    pub(crate) fn fetch(&self, repo: &Repository, revision: &Revision, have: Option<CommitId>) -> Result<CommitId> {
        let what = format!("fetching {revision} of {}", self.url);
        // As one: the branch may move between the two requests, and the server then refuses the second.
        self.retry.run(&self.cancel, &what, || {
            let server = self.ask_once(Service::UploadPack)?;
            let Some(head) = revision.find(&server.heads, &server.tags) else {
                return Err(Failure::Permanent(no_revision(&self.url, revision, &server.heads, &server.tags)));
            };
            if matches!(revision, Revision::Commit(_)) {
                self.may_want(&server, head)?;
            }
            if have != Some(head) {
                self.fetch_once(repo, &server, head, have).map_err(|failure| match (revision, &failure) {
                    // upload-pack's words for what it does not have, or does not give.
                    (Revision::Commit(_), Failure::Transient { error, .. }) if error.to_string().contains("not our ref") => {
                        Failure::Permanent(no_revision(&self.url, revision, &server.heads, &server.tags))
                    }
                    _ => failure,
                })?;
            }
            Ok(commit_of(repo, revision, head)?)
        })
    }

    /// Fails when the server gives only what its branches and tags are at, and this is none of them.
    fn may_want(&self, server: &Advertisement, commit: CommitId) -> Result<(), Failure> {
        const ANY: [&str; 3] = ["allow-any-sha1-in-want", "allow-reachable-sha1-in-want", "allow-tip-sha1-in-want"];
        let is_tip = || server.heads.values().chain(server.tags.values()).any(|tip| *tip == commit);
        if ANY.iter().any(|capability| server.can(capability)) || is_tip() {
            return Ok(());
        }
        let error = Error::not_found(format!("{} has no branch or tag at the commit {commit}", self.url));
        Err(Failure::Permanent(
            error.hint("this server gives no other commits (uploadpack.allowReachableSHA1InWant): name a branch"),
        ))
    }

    fn fetch_once(
        &self,
        repo: &Repository,
        server: &Advertisement,
        head: CommitId,
        have: Option<CommitId>,
    ) -> Result<(), Failure> {
        let body = request(server, head, have)?;
        let size = body.len() as u64;
        let answer = self.client.post(&self.url, &server.base, Service::UploadPack, &mut Cursor::new(body), size)?;
        let mut packets = Packets::new(answer);
        let is_shallow = server.can("shallow");
        let shallow = if is_shallow { shallow(&mut packets)? } else { Vec::new() };
        acknowledged(&mut packets)?;
        let odb = repo.odb().map_err(|e| git_error("cannot open the objects", e))?;
        let mut receiver = Receiver::new(Some(&odb), &repo.path().join("objects/pack"))?;
        let mut words = Words::default();
        loop {
            self.cancel.check()?;
            match packets.next()? {
                Some(Packet::Data([1, bytes @ ..])) => receiver.write(bytes)?,
                Some(Packet::Data([2, progress @ ..])) => words.hear(progress),
                Some(Packet::Data([3, message @ ..])) => {
                    return Err(Error::new(step::Kind::Remote, format!("the server says: {}", printable(message))).into());
                }
                Some(Packet::Data(_)) => return Err(protocol("a packet on an unknown side-band".into()).into()),
                Some(Packet::Flush) | None => break,
            }
        }
        words.finish();
        receiver.finish()?;
        odb.refresh().map_err(|e| git_error("cannot open the objects", e))?;
        remember_shallow(repo.path(), &shallow)?;
        // The pack's own checksum says nothing about what is in it.
        repo.find_object(head.oid(), None).map_err(|_| protocol(format!("its pack lacks the commit {head}")))?;
        Ok(())
    }
}

fn request(server: &Advertisement, head: CommitId, have: Option<CommitId>) -> Result<Vec<u8>, Failure> {
    if !server.can("side-band-64k") {
        return Err(Failure::Permanent(protocol("it knows no side-band-64k".into())));
    }
    let mut wanted = vec!["side-band-64k", "ofs-delta", "no-progress"];
    if have.is_some() {
        wanted.push("thin-pack");
    }
    let mut body = Vec::new();
    pkt::push(&mut body, &format!("want {head} {}\n", server.agree(&wanted)));
    if server.can("shallow") {
        if let Some(have) = have {
            pkt::push(&mut body, &format!("shallow {have}\n"));
        }
        pkt::push(&mut body, "deepen 1\n");
    }
    pkt::flush(&mut body);
    if let Some(have) = have {
        pkt::push(&mut body, &format!("have {have}\n"));
    }
    pkt::push(&mut body, "done\n");
    Ok(body)
}

/// The commits whose parents the server keeps to itself.
fn shallow(packets: &mut Packets<impl Read>) -> Result<Vec<CommitId>, Error> {
    let mut shallow = Vec::new();
    loop {
        let Some(Packet::Data(bytes)) = packets.next()? else { return Ok(shallow) };
        let text = String::from_utf8_lossy(line(bytes));
        match text.split_once(' ') {
            Some(("shallow", id)) => shallow.push(id.parse().map_err(|_| protocol(format!("{text:?}")))?),
            // Ours stay shallow: their parents are not asked for.
            Some(("unshallow", _)) => {}
            _ => return Err(protocol(format!("{:?} instead of a pack", printable(bytes)))),
        }
    }
}

/// The server's word on what we have, before the pack.
fn acknowledged(packets: &mut Packets<impl Read>) -> Result<(), Error> {
    let answer = line(packets.data()?);
    if answer == b"NAK" || answer.starts_with(b"ACK ") {
        return Ok(());
    }
    Err(protocol(format!("{:?} instead of a pack", printable(answer))))
}

/// For people who look into the checkout with git, which would otherwise miss the parents.
fn remember_shallow(git_dir: &Path, ids: &[CommitId]) -> Result<()> {
    let path = git_dir.join("shallow");
    let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
    lines.extend(ids.iter().map(CommitId::to_string));
    lines.sort();
    lines.dedup();
    if lines.is_empty() {
        return Ok(());
    }
    std::fs::write(&path, lines.join("\n") + "\n").map_err(|e| Error::io(format_args!("cannot write {}", path.display()), e))
}
