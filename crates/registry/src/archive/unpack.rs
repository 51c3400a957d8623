//! Layers as they are unpacked: gzip and zstd, told by their first bytes, since media types lie.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How much is read and unpacked at once, in bytes.
pub(super) const PIECE: usize = 1 << 17;

/// The windows of zstd that are unpacked, in bytes: that of its highest level, `--ultra -22`. It is what a layer needs of memory.
const LARGEST_WINDOW: u64 = 128 << 20;

/// Decodes zstd: frame after frame, with what stands between them skipped.
struct Zstd<R> {
    source: Source<R>,
    decoder: Box<FrameDecoder>,
}

/// Keeps the error that reading failed with: a decoder would give it under words of its own.
struct Source<R> {
    inner: R,
    failed: Option<io::Error>,
}

/// What `reader` gives, unpacked when it is compressed. It is always read to its end.
pub(super) fn unpacked<'a>(mut reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut magic)?;
    let kind = <[u8; 4]>::try_from(&*magic).unwrap_or_default();
    let whole = Cursor::new(magic).chain(reader);
    Ok(match kind {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(BufReader::with_capacity(PIECE, whole))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(Zstd::new(BufReader::with_capacity(PIECE, whole))),
        // Chunked zstd may begin with what decoders skip.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Box::new(Zstd::new(BufReader::with_capacity(PIECE, whole))),
        _ => Box::new(whole),
    })
}

// === impl Zstd ===

impl<R: BufRead> Zstd<R> {
    fn new(inner: R) -> Self {
        let mut decoder = Box::new(FrameDecoder::new());
        decoder.set_max_window_size(LARGEST_WINDOW);
        Zstd { source: Source { inner, failed: None }, decoder }
    }

    fn error(&mut self, error: FrameDecoderError) -> io::Error {
        self.source.failed.take().unwrap_or_else(|| io::Error::new(ErrorKind::InvalidData, error))
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.decoder.can_collect() > 0 || buffer.is_empty() {
                return self.decoder.read(buffer);
            }
            if !self.decoder.is_finished() {
                let decoded = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBytes(PIECE));
                decoded.map_err(|error| self.error(error))?;
                continue;
            }
            if self.source.inner.fill_buf()?.is_empty() {
                return Ok(0);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {}
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut self.source.inner.by_ref().take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.error(error)),
            }
        }
    }
}

// === impl Source ===

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }
}
