//! What a server has and can do: the answer to `info/refs`.

use std::io::Read;

use step::retry::Failure;
use step::{Error, Kind};
use transport::printable;

use super::Service;
use super::pkt::{Packet, Packets, line, protocol};
use crate::CommitId;
use crate::remote::Heads;
use crate::url::HttpUrl;

/// A server with a million references stays under this; a server that never stops does not.
const LARGEST: u64 = 64 << 20;

/// What a server has and can do.
pub(super) struct Advertisement {
    /// Where further requests go: the repository's URL, or where the server redirected to.
    pub(super) base: HttpUrl,
    /// Its branches.
    pub(super) heads: Heads,
    /// Its tags, as the objects that they are: commits, or annotations of such.
    pub(super) tags: Heads,
    capabilities: Vec<String>,
}

// === impl Advertisement ===

impl Advertisement {
    pub(super) fn read(base: HttpUrl, service: Service, body: impl Read) -> Result<Self, Failure> {
        // One byte more tells "as large as allowed" from "larger".
        let mut body = body.take(LARGEST + 1);
        let read = Self::parse(base, service, &mut Packets::new(&mut body));
        if body.limit() == 0 {
            let message = format!("the server lists more than {} MiB of branches and tags", LARGEST >> 20);
            return Err(Failure::Permanent(Error::new(Kind::Remote, message)));
        }
        read
    }

    fn parse(base: HttpUrl, service: Service, packets: &mut Packets<impl Read>) -> Result<Self, Failure> {
        let first = packets.data()?;
        if line(first) != format!("# service={}", service.name()).as_bytes() {
            return Err(Failure::Permanent(protocol(format!("its answer starts with {:?}", printable(first)))));
        }
        if packets.next()? != Some(Packet::Flush) {
            return Err(protocol("the first section does not end".into()).into());
        }
        let mut this = Advertisement { base, heads: Heads::new(), tags: Heads::new(), capabilities: Vec::new() };
        let mut is_first = true;
        loop {
            let packet = match packets.next()? {
                Some(Packet::Data(bytes)) => line(bytes),
                Some(Packet::Flush) => break,
                None => return Err(protocol("its list of branches does not end".into()).into()),
            };
            if std::mem::take(&mut is_first)
                && let Some(zero) = packet.iter().position(|byte| *byte == 0)
            {
                let text = String::from_utf8_lossy(&packet[zero + 1..]);
                this.capabilities = text.split_ascii_whitespace().map(str::to_owned).collect();
                this.refuse_other_ids()?;
                this.take(&packet[..zero])?;
            } else {
                this.take(packet)?;
            }
        }
        Ok(this)
    }

    fn refuse_other_ids(&self) -> Result<(), Failure> {
        match self.value("object-format") {
            None | Some("sha1") => Ok(()),
            Some(format) => Err(Failure::Permanent(
                Error::bad_input(format!("{} names its objects by {}", self.base, printable(format.as_bytes())))
                    .hint("only repositories with SHA-1 ids are supported"),
            )),
        }
    }

    /// `<id> <name>`, or `shallow <id>`.
    fn take(&mut self, line: &[u8]) -> Result<(), Error> {
        let wrong = || protocol(format!("{:?} in its list of branches", printable(line)));
        let space = line.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let (id, name) = (String::from_utf8_lossy(&line[..space]), &line[space + 1..]);
        if id == "shallow" {
            return Ok(());
        }
        let id: CommitId = id.parse().map_err(|_| wrong())?;
        // A name that is not UTF-8 cannot be one that we are asked for.
        let name = str::from_utf8(name).unwrap_or_default();
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            self.heads.insert(branch.to_owned(), id);
        } else if let Some(tag) = name.strip_prefix("refs/tags/").filter(|tag| !tag.ends_with("^{}")) {
            self.tags.insert(tag.to_owned(), id);
        }
        Ok(())
    }

    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    fn value(&self, capability: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|known| known.strip_prefix(capability)?.strip_prefix('='))
    }

    /// Those of `wanted` that the server knows, and our name, as a request has them after its first line's subject.
    pub(super) fn agree(&self, wanted: &[&str]) -> String {
        let mut agreed: Vec<&str> = wanted.iter().copied().filter(|capability| self.can(capability)).collect();
        if self.value("object-format").is_some() {
            agreed.push("object-format=sha1");
        }
        if self.value("agent").is_some() {
            agreed.push(concat!("agent=stepwright/", env!("CARGO_PKG_VERSION")));
        }
        agreed.join(" ")
    }
}
