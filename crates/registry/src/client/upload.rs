//! Blobs to a registry: mounted where it has them, else streamed, continued where the connection broke if the registry
//! can, and abandoned in a way that leaves nothing behind.

use std::io::{self, Read};

use step::retry::Failure;
use step::{Error, Kind, Result};
use ureq::Body;
use ureq::http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use ureq::http::{HeaderMap, HeaderName, Method, Response};

use super::repository::Call;
use super::url::Url;
use super::{Payload, Repository};
use crate::checked::own_error;
use crate::{Descriptor, MediaType, RepositoryName};

/// The lengths of pieces, in bytes, for registries that take no larger requests. The last is what nginx takes unless it is
/// told otherwise.
const PIECES: [u64; 3] = [16 << 20, 4 << 20, 1 << 20];

/// The shortest piece but the last that a registry takes, in bytes. (OCI distribution specification 1.1.)
const SHORTEST_PIECE: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// How a blob came to be where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    Present,
    /// The registry took it from another of its repositories.
    Mounted,
    /// Its content was sent.
    Sent,
}

/// Gives a blob's content from an offset on.
pub(crate) type Open<'a> = dyn FnMut(u64) -> Result<Box<dyn Read + Send + 'a>> + 'a;

/// An upload that has begun.
struct Upload {
    url: Url,
    /// How many bytes the registry has.
    offset: u64,
    shortest: u64,
}

/// Why an attempt ended.
enum Broken {
    /// The other side, or the way there.
    Transfer(Failure),
    /// The registry takes no request of this size.
    TooLarge(Failure),
    /// What was to be sent cannot be read.
    Source(Error),
}

/// Keeps the reader's own error, which would come back as a broken connection.
struct Tap<'a> {
    reader: Box<dyn Read + Send + 'a>,
    failed: Option<Error>,
}

// === impl Repository ===

impl Repository {
    /// Puts `bytes` into the repository, unless they are there, and says how to refer to them.
    pub fn push_bytes(&self, media_type: MediaType, bytes: &[u8]) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        self.push_blob(&descriptor, None, &mut |offset| {
            let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
            Ok(Box::new(io::Cursor::new(rest.to_vec())))
        })?;
        Ok(descriptor)
    }

    /// Puts a blob into the repository, unless it is there. `mount` is another repository of the registry that has it.
    pub(crate) fn push_blob(
        &self,
        descriptor: &Descriptor,
        mount: Option<&RepositoryName>,
        open: &mut Open<'_>,
    ) -> Result<Pushed> {
        if self.has_blob(&descriptor.digest)?.is_some() {
            return Ok(Pushed::Present);
        }
        let Some(upload) = self.begin(descriptor, mount)? else { return Ok(Pushed::Mounted) };
        self.send_blob(descriptor, upload, open)?;
        Ok(Pushed::Sent)
    }

    /// Begins an upload; `None` when the registry took the blob from `mount`.
    fn begin(&self, descriptor: &Descriptor, mount: Option<&RepositoryName>) -> Result<Option<Upload>> {
        let digest = &descriptor.digest;
        if let Some(from) = mount.filter(|from| *from != self.name()) {
            let url = self.url("blobs/uploads/")?.with_query("mount", digest.as_str()).with_query("from", from.as_str());
            let answer = self.retry(&format!("mounting {digest} from {from}"), || {
                let response = self.send(Call { also: Some(from), ..Call::new(Method::POST, url.clone()) })?;
                match response.status().as_u16() {
                    201 => Ok(None),
                    202 => Ok(Some(Some(self.upload(&url, response.headers())?))),
                    // A registry that mounts nothing, or not from there for us: there is the other way.
                    400..=428 | 430..=499 => Ok(Some(None)),
                    _ => Err(self.refused(&format!("mount {digest} from {from}"), response)),
                }
            })?;
            match answer {
                None => return Ok(None),
                Some(Some(upload)) => return Ok(Some(upload)),
                Some(None) => {}
            }
        }
        self.start().map(Some)
    }

    fn start(&self) -> Result<Upload> {
        let url = self.url("blobs/uploads/")?;
        self.retry(&format!("starting an upload to {self}"), || {
            let response = self.send(Call::new(Method::POST, url.clone()))?;
            match response.status().as_u16() {
                202 => self.upload(&url, response.headers()),
                _ => Err(self.refused(&format!("push to {self}"), response)),
            }
        })
    }

    /// Where an upload goes on, from an answer's headers.
    fn upload(&self, asked: &Url, headers: &HeaderMap) -> Result<Upload, Failure> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let location = text(LOCATION)
            .ok_or_else(|| Failure::Permanent(Error::new(Kind::Remote, format!("{self} does not say where to upload to"))))?;
        let url = asked.join(location).map_err(|error| Failure::Permanent(error.context(format_args!("uploading to {self}"))))?;
        if asked.is_https() && !url.is_https() && self.client().options().verify {
            return Err(Failure::Permanent(Error::new(Kind::Remote, format!("{self} sends an upload from https to {url:?}"))));
        }
        Ok(Upload { url, offset: 0, shortest: text(SHORTEST_PIECE).and_then(|text| text.parse().ok()).unwrap_or_default() })
    }

    /// Sends a blob, in as many attempts as it takes.
    fn send_blob(&self, descriptor: &Descriptor, upload: Upload, open: &mut Open<'_>) -> Result<()> {
        let what = format!("pushing {} to {self}", descriptor.digest);
        let mut attempts = self.client().options().retry.attempts();
        let (mut upload, mut piece, mut failed_at) = (Some(upload), None, 0);
        loop {
            let current = match upload.take() {
                Some(upload) => upload,
                None => self.start()?,
            };
            let (current, broken) = match self.attempt(descriptor, current, piece, open) {
                Ok(()) => return Ok(()),
                Err(broken) => broken,
            };
            let failure = match broken {
                Broken::Source(error) => {
                    self.abandon(&current);
                    return Err(error);
                }
                Broken::TooLarge(failure) => match smaller(piece, descriptor.size, current.shortest) {
                    Some(smaller) => {
                        tracing::info!("{what}: in pieces of {smaller} bytes, because the registry takes nothing as large");
                        piece = Some(smaller);
                        self.abandon(&current);
                        continue;
                    }
                    None => failure,
                },
                Broken::Transfer(failure) => failure,
            };
            let resumed = match &failure {
                Failure::Transient { .. } if !self.client().cancel().is_cancelled() => self.resume(&current, descriptor.size),
                _ => None,
            };
            if resumed.is_none() {
                self.abandon(&current);
            }
            let offset = resumed.as_ref().map_or(0, |upload| upload.offset);
            if offset > failed_at {
                attempts.progressed();
            }
            failed_at = offset;
            if let Err(error) = attempts.after(failure, self.client().cancel(), &what) {
                if let Some(upload) = resumed {
                    self.abandon(&upload);
                }
                return Err(error);
            }
            upload = resumed;
        }
    }

    /// One attempt. A failed one gives the upload back as it was last known.
    fn attempt(
        &self,
        descriptor: &Descriptor,
        mut upload: Upload,
        piece: Option<u64>,
        open: &mut Open<'_>,
    ) -> Result<(), (Upload, Broken)> {
        let reader = match open(upload.offset) {
            Ok(reader) => reader,
            Err(error) => return Err((upload, Broken::Source(error))),
        };
        let mut tap = Tap { reader, failed: None };
        // All at once where nothing is there yet; else what is missing, and then the end.
        while upload.offset < descriptor.size && (upload.offset > 0 || piece.is_some()) {
            let rest = descriptor.size - upload.offset;
            let length = piece.map_or(rest, |piece| piece.max(upload.shortest).min(rest));
            let range = format!("{}-{}", upload.offset, upload.offset + length - 1);
            let headers = vec![(CONTENT_RANGE, range)];
            match self.transfer(Method::PATCH, upload.url.clone(), headers, &mut tap, length, descriptor) {
                Ok(response) => match self.upload(&upload.url, response.headers()) {
                    Ok(next) => upload = Upload { offset: upload.offset + length, shortest: upload.shortest, ..next },
                    Err(failure) => return Err((upload, Broken::Transfer(failure))),
                },
                Err(broken) => return Err((upload, broken)),
            }
        }
        let rest = descriptor.size - upload.offset;
        let url = upload.url.clone().with_query("digest", descriptor.digest.as_str());
        match self.transfer(Method::PUT, url, Vec::new(), &mut tap, rest, descriptor) {
            Ok(response) => {
                self.sure(descriptor, response.headers()).map_err(|error| (upload, Broken::Transfer(Failure::Permanent(error))))
            }
            Err(broken) => Err((upload, broken)),
        }
    }

    /// Sends the next `length` bytes.
    fn transfer(
        &self,
        method: Method,
        url: Url,
        mut headers: Vec<(HeaderName, String)>,
        tap: &mut Tap<'_>,
        length: u64,
        descriptor: &Descriptor,
    ) -> Result<Response<Body>, Broken> {
        headers.push((CONTENT_TYPE, MediaType::OCTET_STREAM.to_string()));
        let payload = if length == 0 { Payload::Empty } else { Payload::Stream(tap, length) };
        let sent = self.send(Call { headers, payload, ..Call::new(method, url) });
        if let Some(error) = tap.failed.take() {
            return Err(Broken::Source(error));
        }
        let response = sent.map_err(Broken::Transfer)?;
        match response.status().as_u16() {
            201 | 202 | 204 => Ok(response),
            413 => Err(Broken::TooLarge(self.refused(&format!("push {} to {self}", descriptor.digest), response))),
            status => Err(Broken::Transfer(match self.refused(&format!("push {} to {self}", descriptor.digest), response) {
                // The upload is gone, or at another place than we think: another one may do.
                Failure::Permanent(error) if matches!(status, 404 | 416) => Failure::transient(error),
                Failure::Permanent(error) if status == 400 => Failure::Permanent(error.with_kind(Kind::BadInput)),
                failure => failure,
            })),
        }
    }

    /// Makes sure that the registry has what it was sent. A registry checks the digest that it is given, and says so; what
    /// it does not say is read back.
    fn sure(&self, descriptor: &Descriptor, headers: &HeaderMap) -> Result<()> {
        if self.confirmed(headers, &descriptor.digest)? {
            return Ok(());
        }
        io::copy(&mut self.open_blob(descriptor), &mut io::sink())
            .map_err(|error| own_error(&format!("{} back from {self}", descriptor.digest), error))?;
        Ok(())
    }

    /// Where a broken upload can go on; `None` when the registry has forgotten it.
    fn resume(&self, upload: &Upload, size: u64) -> Option<Upload> {
        let response = self.get(upload.url.clone(), Vec::new()).ok().filter(|response| response.status() == 204)?;
        let range = response.headers().get(RANGE)?.to_str().ok()?;
        let (start, end) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
        let offset = match (start.parse::<u64>().ok()?, end.parse::<u64>().ok()?) {
            // How registries write "nothing", and also "one byte".
            (0, 0) => return None,
            (0, end) => end + 1,
            _ => return None,
        };
        // With everything there, only the end is missing; with more, it is not our blob.
        let next = self.upload(&upload.url, response.headers()).ok().filter(|_| offset <= size)?;
        Some(Upload { offset, shortest: upload.shortest, ..next })
    }

    /// Tells the registry to forget the upload. It would do that by itself, some day.
    fn abandon(&self, upload: &Upload) {
        let agents = self.client().farewell();
        let _ = self.send_by(&agents, Call::new(Method::DELETE, upload.url.clone()));
    }
}

// === impl Tap ===

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let text = error.to_string();
            self.failed = Some(own_error("what is to be sent", error));
            io::Error::other(text)
        })
    }
}

/// Pieces for a content of `size` bytes, shorter than those that were too large.
fn smaller(piece: Option<u64>, size: u64, shortest: u64) -> Option<u64> {
    PIECES.into_iter().find(|&next| next >= shortest && next < piece.unwrap_or(size))
}
