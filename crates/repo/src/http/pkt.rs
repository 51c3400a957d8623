//! pkt-lines: four hexadecimal digits of length, then bytes. And side-bands in them.

use std::io::Read;

use step::{Error, Kind};
use transport::printable;

/// The longest packet that the protocol allows, its length included.
const LONGEST: usize = 65520;

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// Ends a section.
    Flush,
    /// Bytes, perhaps with a final line break.
    Data(&'a [u8]),
}

/// Reads packets.
pub(super) struct Packets<R> {
    from: R,
    buffer: Vec<u8>,
}

// === impl Packets ===

impl<R: Read> Packets<R> {
    pub(super) fn new(from: R) -> Self {
        Packets { from, buffer: Vec::new() }
    }

    /// The next packet; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Packet<'_>>, Error> {
        let mut digits = [0; 4];
        match read_full(&mut self.from, &mut digits)? {
            0 => return Ok(None),
            4 => {}
            _ => return Err(cut_off()),
        }
        let text = str::from_utf8(&digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(length) = text.and_then(|text| usize::from_str_radix(text, 16).ok()) else {
            return Err(protocol(format!("a packet starts with {:?}", String::from_utf8_lossy(&digits))));
        };
        match length {
            0 => Ok(Some(Packet::Flush)),
            4..=LONGEST => {
                self.buffer.resize(length - 4, 0);
                if read_full(&mut self.from, &mut self.buffer)? < self.buffer.len() {
                    return Err(cut_off());
                }
                if let Some(message) = self.buffer.strip_prefix(b"ERR ") {
                    return Err(Error::new(Kind::Remote, format!("the server says: {}", printable(message))));
                }
                Ok(Some(Packet::Data(&self.buffer)))
            }
            _ => Err(protocol(format!("a packet of length {length}"))),
        }
    }

    /// The next packet that is not a flush.
    pub(super) fn data(&mut self) -> Result<&[u8], Error> {
        match self.next()? {
            Some(Packet::Data(bytes)) => Ok(bytes),
            Some(Packet::Flush) => Err(protocol("a section ends too early".into())),
            None => Err(cut_off()),
        }
    }
}

/// Appends `text` as one packet.
pub(super) fn push(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(format!("{:04x}{text}", text.len() + 4).as_bytes());
}

/// Appends the end of a section.
pub(super) fn flush(to: &mut Vec<u8>) {
    to.extend_from_slice(b"0000");
}

/// A packet's text without its final line break.
pub(super) fn line(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

/// The server broke the protocol.
pub(super) fn protocol(what: String) -> Error {
    Error::new(Kind::Remote, format!("the server does not speak Git's protocol: {what}"))
}

fn cut_off() -> Error {
    Error::new(Kind::Remote, "the server's answer is cut off")
}

/// Reads until `buffer` is full or the end.
fn read_full(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Error> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(transport::broken(error)),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> String {
        let mut packets = Packets::new(bytes);
        let mut shown = Vec::new();
        loop {
            match packets.next() {
                Ok(Some(Packet::Flush)) => shown.push("flush".to_owned()),
                Ok(Some(Packet::Data(data))) => shown.push(printable(data)),
                Ok(None) => break,
                Err(error) => {
                    shown.push(error.to_string());
                    break;
                }
            }
        }
        shown.join(" | ")
    }

    #[test]
    fn packets() {
        let cases: [&[u8]; 10] = [
            b"0006a\n0000000bb\x1b[31mc0004",
            b"",
            b"00",
            b"0009abc",
            b"zzzz",
            b"+001",
            b"0001",
            b"fff5",
            b"001eERR Repository not found.\n",
            b"<html>",
        ];
        let shown: Vec<String> = cases.iter().map(|bytes| all(bytes)).collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        a | flush | b [31mc | 

        the server's answer is cut off
        the server's answer is cut off
        the server does not speak Git's protocol: a packet starts with "zzzz"
        the server does not speak Git's protocol: a packet starts with "+001"
        the server does not speak Git's protocol: a packet of length 1
        the server does not speak Git's protocol: a packet of length 65525
        the server says: Repository not found.
        the server does not speak Git's protocol: a packet starts with "<htm"
        "#);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        push(&mut bytes, "want x\n");
        flush(&mut bytes);
        assert_eq!(all(&bytes), "want x | flush");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            all(&bytes);
        }
    }
}
