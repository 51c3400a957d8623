//! What a server has and can do: the answer to `info/refs`.

use std::io::Read;

use step::retry::Failure;
use step::{Error, Kind};

use super::Service;
use super::pkt::{Packet, Packets, line, printable, protocol};
use crate::CommitId;
use crate::remote::Heads;
use crate::url::HttpUrl;

/// A server with a million references stays under this; a server that never stops does not.
pub(super) const LARGEST: u64 = 128 << 20;

/// What a server has and can do.
pub(super) struct Advertisement {
    /// Where further requests go: the repository's URL, or where the server redirected to.
    pub(super) base: HttpUrl,
    /// Its branches.
    pub(super) heads: Heads,
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
        let mut this = Advertisement { base, heads: Heads::new(), capabilities: Vec::new() };
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
                this.take(&packet[..zero])?;
            } else {
                this.take(packet)?;
            }
        }
        if let Some(format) = this.value("object-format").filter(|format| *format != "sha1") {
            return Err(Failure::Permanent(
                Error::bad_input(format!("{} names its objects by {}", this.base, printable(format.as_bytes())))
                    .hint("only repositories with SHA-1 ids are supported"),
            ));
        }
        Ok(this)
    }

    /// `<id> <name>`.
    fn take(&mut self, line: &[u8]) -> Result<(), Error> {
        let text = str::from_utf8(line).unwrap_or_default();
        let Some((id, name)) = text.split_once(' ') else {
            // A name that is not UTF-8 cannot be a branch that we are asked for.
            return if text.is_empty() {
                Ok(())
            } else {
                Err(protocol(format!("{:?} in its list of branches", printable(line))))
            };
        };
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            let id: CommitId = id.parse().map_err(|_| protocol(format!("{:?} in its list of branches", printable(line))))?;
            self.heads.insert(branch.to_owned(), id);
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
