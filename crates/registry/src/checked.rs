//! Reading a content of which digest and size are known: whoever reads to its end has got it, or an error.

use std::io::{self, ErrorKind, Read};

use step::{Error, Result};

use crate::{Descriptor, Digest, Hasher};

/// Reads a content and checks on the way that it is what its descriptor says.
///
/// The read that reaches the end fails when it is another content. So does each read after it, and none gives a byte beyond
/// the descriptor's size: who stops reading there was told as well. The error that [`io::Error`] wraps is a [`step::Error`].
#[derive(Debug)]
pub struct Checked<R> {
    inner: R,
    /// What is read, for messages: `the blob sha256:… of the layout /tmp/a`.
    what: String,
    digest: Digest,
    /// Bytes that are still to come.
    left: u64,
    /// Until the end is reached.
    hasher: Option<Hasher>,
    failed: bool,
}

// === impl Checked ===

impl<R: Read> Checked<R> {
    /// `what` names the content: `the blob sha256:… of the layout /tmp/a`.
    pub fn new(inner: R, descriptor: &Descriptor, what: impl Into<String>) -> Self {
        Checked {
            inner,
            what: what.into(),
            digest: descriptor.digest.clone(),
            left: descriptor.size,
            hasher: Some(Hasher::new(descriptor.digest.algorithm())),
            failed: false,
        }
    }

    /// The whole content, for those that are small.
    pub fn into_bytes(mut self) -> Result<Vec<u8>> {
        // The size is somebody's word: memory grows with what really comes.
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map_err(|error| own_error(&self.what, error))?;
        Ok(bytes)
    }

    fn fail(&mut self, error: Error) -> io::Error {
        self.failed = true;
        io::Error::new(ErrorKind::InvalidData, error)
    }

    /// Tells whether all that was read is the content, once it is all.
    fn check(&mut self) -> io::Result<()> {
        match self.hasher.take_if(|_| self.left == 0) {
            Some(hasher) => self.digest.expect(&self.what, &hasher.finish()).map_err(|error| self.fail(error)),
            None => Ok(()),
        }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("{} is not what it should be", self.what)));
        }
        if self.left == 0 {
            return self.check().map(|()| 0);
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.inner.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            let error = Error::bad_input(format!("{} is cut short: {} missing", self.what, bytes(self.left)))
                .hint("what is stored there is damaged or was changed: push it again");
            return Err(self.fail(error));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.left -= count as u64;
        self.check().map(|()| count)
    }
}

/// A number of bytes.
pub(crate) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// The [`step::Error`] within an I/O error, or one that says that `what` cannot be read.
pub(crate) fn own_error(what: &str, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(error) => Error::io(format_args!("cannot read {what}"), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MediaType;
    use proptest::prelude::*;

    fn descriptor(content: &[u8]) -> Descriptor {
        Descriptor::of(MediaType::OCTET_STREAM, content)
    }

    #[test]
    fn the_last_read_tells() {
        let mut lying = descriptor(b"abcd");
        lying.size = 3;
        let read = |descriptor: &Descriptor, content: &[u8]| {
            let mut reader = Checked::new(content, descriptor, "the blob");
            let mut bytes = Vec::new();
            let first = loop {
                // One byte at a time, and no read after the last one: what a client with a known length does.
                let mut byte = [0];
                if bytes.len() as u64 == descriptor.size && !bytes.is_empty() {
                    break "read".to_owned();
                }
                match reader.read(&mut byte) {
                    Ok(0) => break "read".to_owned(),
                    Ok(_) => bytes.push(byte[0]),
                    Err(error) => break own_error("x", error).to_string(),
                }
            };
            let again = match reader.read(&mut [0; 9]) {
                Ok(count) => format!("{count} more"),
                Err(error) => error.to_string(),
            };
            format!("{first}, then {again}")
        };
        let said = [
            read(&descriptor(b"abcd"), b"abcd"),
            read(&descriptor(b""), b""),
            read(&descriptor(b"abcd"), b"abcX"),
            read(&descriptor(b"abcd"), b"abcdef"),
            read(&descriptor(b"abcd"), b"abc"),
            read(&lying, b"abcd"),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        read, then 0 more
        read, then 0 more
        the blob should be sha256:88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589, and is sha256:e5047b803a9cbb62cec27da91c2e00c964519938780e024f77877c71cdd1bd14, then the blob is not what it should be
        read, then 0 more
        the blob is cut short: 1 byte missing, then the blob is not what it should be
        the blob should be sha256:88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589, and is sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, then the blob is not what it should be
        ");
    }

    proptest! {
        /// Whatever the sizes of the reads: exactly the content is read without an error.
        #[test]
        fn only_the_content_passes(content in proptest::collection::vec(0u8..3, 0..40), other in proptest::collection::vec(0u8..3, 0..40), step in 1usize..9) {
            let descriptor = descriptor(&content);
            for found in [&content, &other] {
                let mut reader = Checked::new(&found[..], &descriptor, "it");
                let mut bytes = Vec::new();
                let mut buffer = vec![0; step];
                let end = loop {
                    match reader.read(&mut buffer) {
                        Ok(0) => break Ok(()),
                        Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                        Err(error) => break Err(error),
                    }
                };
                // What follows the content in the same stream is not its business.
                prop_assert_eq!(end.is_ok(), found.starts_with(&content));
                if end.is_ok() { prop_assert_eq!(&bytes, &content); }
            }
        }
    }
}
