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
        let said = match error {
            FrameDecoderError::WindowSizeTooBig { requested, .. } => {
                format!("the zstd data needs a window of {requested} bytes, and {LARGEST_WINDOW} are allowed")
            }
            // Its own words are its structures, each printed twice.
            _ => "the zstd data is malformed or cut short".to_owned(),
        };
        self.source.failed.take().unwrap_or_else(|| io::Error::new(ErrorKind::InvalidData, said))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::samples::{gzip, zstd};

    #[test]
    fn layers_are_unpacked_to_their_end() {
        let read = |bytes: &[u8]| {
            let mut unpacked_bytes = Vec::new();
            match unpacked(bytes).and_then(|mut reader| reader.read_to_end(&mut unpacked_bytes)) {
                Ok(_) => String::from_utf8_lossy(&unpacked_bytes).into_owned(),
                Err(error) => format!("error: {error}"),
            }
        };
        let skippable = [&[0x51, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"12345"].concat();
        let cases = [
            b"".to_vec(),
            b"abc".to_vec(),
            gzip(b"abc"),
            [gzip(b"abc"), gzip(b""), gzip(b"def")].concat(),
            [zstd(b"abc"), skippable.clone(), zstd(b"def"), skippable.clone()].concat(),
            [skippable.clone(), zstd(b"abc")].concat(),
            gzip(b"abc")[..12].to_vec(),
            [gzip(b"abc"), b"more".to_vec()].concat(),
            zstd(b"abc")[..8].to_vec(),
            [zstd(b"abc"), b"more".to_vec()].concat(),
            [zstd(b"abc"), skippable[..10].to_vec()].concat(),
            // A frame that wants a window of 3 GB.
            vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xac, 0, 0, 0, 0],
        ];
        let said: Vec<String> = cases.iter().map(|case| read(case)).collect();
        insta::assert_snapshot!(said.join("\n"), @"

        abc
        abc
        abcdef
        abcdef
        abc
        error: incomplete deflate stream
        error: unexpected end of file
        error: the zstd data is malformed or cut short
        error: the zstd data is malformed or cut short
        error: unexpected end of file
        error: the zstd data needs a window of 3221225472 bytes, and 134217728 are allowed
        ");
    }
}
