//! The body of an answer: bytes that are held, or bytes that are read or made
//! while they are sent, so that their number costs no memory.

use std::io;
use std::path::PathBuf;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use crate::random::Random;

/// How many bytes are read or made at once.
pub const CHUNK: usize = 64 * 1024;

/// The body of an answer.
pub enum Content {
    /// Bytes in memory.
    Held(Bytes),
    /// So many bytes from the beginning of a file.
    Stored(Source, u64),
    /// Bytes that are made as they are sent; nobody knows how many.
    Made(Pieces),
}

/// Pieces of a body, made one by one.
pub type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

/// Where the bytes of a file come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file on disk.
    Disk(PathBuf),
    /// A generator with this seed: see [`pattern`].
    Pattern(u64),
}

impl Content {
    /// How many bytes there will be, where that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Held(bytes) => Some(bytes.len() as u64),
            Self::Stored(_, length) => Some(*length),
            Self::Made(_) => None,
        }
    }

    /// The first half of it; what is made as it is sent stays whole.
    pub fn half(self) -> Self {
        match self {
            Self::Held(bytes) => Self::Held(bytes.slice(..bytes.len() / 2)),
            Self::Stored(source, length) => Self::Stored(source, length / 2),
            made => made,
        }
    }

    /// The bytes in pieces of at most so many.
    pub fn pieces(self, most: usize) -> BoxStream<'static, io::Result<Bytes>> {
        let most = most.max(1);
        match self {
            Self::Held(bytes) => stream::iter(split(bytes, most).map(Ok)).boxed(),
            Self::Stored(Source::Disk(path), length) => {
                stream::once(async move { tokio::fs::File::open(path).await })
                    .flat_map(move |opened| match opened {
                        Ok(file) => {
                            ReaderStream::with_capacity(file.take(length), most.min(CHUNK)).boxed()
                        }
                        Err(error) => stream::iter([Err(error)]).boxed(),
                    })
                    .boxed()
            }
            Self::Stored(Source::Pattern(seed), length) => {
                let small = pattern(seed, length).flat_map(move |block| split(block, most));
                stream::iter(small.map(Ok)).boxed()
            }
            Self::Made(pieces) => stream::iter(pieces.map(Ok)).boxed(),
        }
    }

    /// The body to send.
    pub fn into_body(self) -> Body {
        match self {
            Self::Held(bytes) => Body::from(bytes),
            other => Body::from_stream(other.pieces(CHUNK)),
        }
    }
}

fn split(mut bytes: Bytes, most: usize) -> impl Iterator<Item = Bytes> + Send {
    std::iter::from_fn(move || {
        let size = most.min(bytes.len());
        (size > 0).then(|| bytes.split_to(size))
    })
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Held(text.into())
    }
}

/// The bytes of a generated file, in chunks: each 64 KiB block is drawn from
/// the seed and its own number. They do not compress, and nothing is kept.
pub fn pattern(seed: u64, length: u64) -> impl Iterator<Item = Bytes> + Send {
    let blocks = length.div_ceil(CHUNK as u64);
    (0..blocks).map(move |number| {
        let left = length - number * CHUNK as u64;
        let size = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let mut random = Random::new(seed, "file", number);
        let mut block = BytesMut::with_capacity(CHUNK);
        while block.len() < size {
            block.extend_from_slice(&random.next().to_le_bytes());
        }
        block.truncate(size);
        block.freeze()
    })
}
