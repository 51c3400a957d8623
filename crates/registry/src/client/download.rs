//! Blobs from a registry: streamed, continued where the connection broke, and checked.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use step::retry::{Attempts, Failure};
use step::{Error, Kind, Result};
use ureq::http::Method;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};

use super::answer;
use super::repository::Call;
use super::{LEAST, Repository};
use crate::{Checked, Descriptor, Digest};

/// An attempt that got this much further, in bytes, counts as progress.
const PROGRESS: u64 = 1 << 20;

/// A blob's content while it comes, as long as its descriptor says. Whether it is that content is told by [`Checked`].
pub struct BlobReader {
    repository: Repository,
    descriptor: Descriptor,
    offset: u64,
    body: Option<Box<dyn Read + Send>>,
    attempts: Attempts,
    /// Where the last failure was.
    failed_at: u64,
    pace: Pace,
}

/// Notices a server that sends so little that it would take for ever.
pub(super) struct Pace {
    silence: Duration,
    since: Instant,
    bytes: u64,
}

// === impl Repository ===

impl Repository {
    /// The length of a blob in this repository; `None` when it is not there.
    pub fn has_blob(&self, digest: &Digest) -> Result<Option<u64>> {
        let url = self.url(&format!("blobs/{digest}"))?;
        self.retry(&format!("looking for {digest} in {self}"), || {
            let response = self.send(Call::new(Method::HEAD, url.clone()))?;
            match response.status().as_u16() {
                200 => {
                    let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
                    Ok(Some(length.unwrap_or_default()))
                }
                404 => Ok(None),
                _ => Err(self.refused(&format!("look for {digest} in {self}"), response)),
            }
        })
    }

    /// A blob's content, checked while it is read.
    pub fn open_blob(&self, descriptor: &Descriptor) -> Checked<BlobReader> {
        Checked::new(self.read_blob(descriptor, 0), descriptor, format!("the blob {} of {self}", descriptor.digest))
    }

    /// A blob's content from `offset` on, which whoever gets it has to check.
    pub(crate) fn read_blob(&self, descriptor: &Descriptor, offset: u64) -> BlobReader {
        let options = self.client().options();
        BlobReader {
            repository: self.clone(),
            descriptor: descriptor.clone(),
            offset,
            body: None,
            attempts: options.retry.attempts(),
            failed_at: offset,
            pace: Pace::new(options.silence),
        }
    }
}

// === impl BlobReader ===

impl BlobReader {
    fn what(&self) -> String {
        format!("reading {} of {}", self.descriptor.digest, self.repository)
    }

    /// Asks for what is not read yet.
    fn connect(&self) -> Result<Box<dyn Read + Send>, Failure> {
        let (repository, digest) = (&self.repository, &self.descriptor.digest);
        let url = repository.url(&format!("blobs/{digest}"))?;
        let range = (self.offset > 0).then(|| (RANGE, format!("bytes={}-", self.offset)));
        let response = repository.get(url, range.into_iter().collect())?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let rest = self.descriptor.size - self.offset;
        let skip = match response.status().as_u16() {
            206 if header(CONTENT_RANGE).starts_with(&format!("bytes {}-", self.offset)) => 0,
            // Without ranges the start comes again.
            200 => self.offset,
            404 => {
                let message = format!("{repository} has no blob {digest}, which its manifest names");
                return Err(Failure::Permanent(Error::not_found(message).hint("push the image again, or delete its tag")));
            }
            206 => {
                return Err(Failure::transient(Error::new(
                    Kind::Remote,
                    format!("{repository} sends another part of {digest} than it was asked for"),
                )));
            }
            _ => return Err(repository.refused(&format!("read {digest} of {repository}"), response)),
        };
        if let Ok(length) = header(CONTENT_LENGTH).parse::<u64>()
            && length != rest + skip
        {
            let (says, size) = (length.saturating_add(self.offset - skip), self.descriptor.size);
            let message = format!("{repository} says that {digest} has {says} bytes, and its manifest says {size}");
            return Err(Failure::transient(
                Error::new(Kind::Remote, message).hint("one of the two is wrong: push the image again"),
            ));
        }
        let mut body: Box<dyn Read + Send> = Box::new(answer::reader(response));
        let skipped =
            io::copy(&mut body.by_ref().take(skip), &mut io::sink()).map_err(|error| Failure::from(transport::broken(error)))?;
        if skipped < skip {
            return Err(Failure::transient(Error::new(Kind::Remote, format!("{repository} sends less of {digest} than before"))));
        }
        Ok(body)
    }

    /// As much as comes at once.
    fn some(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        if self.body.is_none() {
            self.body = Some(self.connect()?);
            self.pace.restart();
        }
        let rest = usize::try_from(self.descriptor.size - self.offset).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(rest);
        let Some(body) = &mut self.body else { return Ok(0) };
        let read = body.read(&mut buffer[..wanted]).map_err(|error| Failure::from(transport::broken(error)))?;
        if read == 0 {
            return Err(Failure::transient(Error::new(Kind::Remote, "the server's answer is cut off")));
        }
        self.pace.moved(read)?;
        Ok(read)
    }

    fn read_or_wait(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.offset < self.descriptor.size {
            match self.some(buffer) {
                Ok(read) => {
                    self.offset += read as u64;
                    if self.offset == self.descriptor.size {
                        self.finish();
                    }
                    return Ok(read);
                }
                Err(failure) => {
                    self.body = None;
                    if self.offset - self.failed_at >= PROGRESS {
                        self.attempts.progressed();
                    }
                    self.failed_at = self.offset;
                    let what = self.what();
                    self.attempts.after(failure, self.repository.client().cancel(), what)?;
                }
            }
        }
        Ok(0)
    }

    /// All is read. The connection is given back when nothing is left in it.
    fn finish(&mut self) {
        if let Some(mut body) = self.body.take() {
            let _ = body.read(&mut [0]);
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_or_wait(buffer).map_err(io::Error::other)
    }
}

// === impl Pace ===

impl Pace {
    pub(super) fn new(silence: Duration) -> Self {
        Pace { silence, since: Instant::now(), bytes: 0 }
    }

    fn restart(&mut self) {
        (self.since, self.bytes) = (Instant::now(), 0);
    }

    pub(super) fn moved(&mut self, bytes: usize) -> Result<()> {
        self.bytes += bytes as u64;
        if self.bytes >= LEAST {
            self.restart();
        } else if self.since.elapsed() > self.silence {
            return Err(Error::new(Kind::TimedOut, format!("the server sends less than {LEAST} bytes in {:?}", self.silence)));
        }
        Ok(())
    }
}
