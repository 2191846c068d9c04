//! Files: what is uploaded and downloaded. Neither way holds a file in memory,
//! however large it is.

mod disposition;
mod folder;
mod upload;

pub use disposition::attachment as disposition;
pub use folder::Folder;
pub use upload::{Upload, UploadError, UploadedFile, boundary, receive};

use std::io;

use sha2::{Digest as _, Sha256};

use crate::media::pattern;

/// A file that belongs to a record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileRecord {
    /// Its name, as the client gave it.
    pub name: String,
    /// Its media type, as the client gave it.
    pub content_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Where its bytes are.
    pub(crate) place: Place,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// In the folder for files, under this name.
    Disk(String),
    /// Nowhere: they are made from this seed each time.
    Pattern(u64),
}

impl FileRecord {
    /// A file whose bytes are made from a seed. Takes as long as hashing them does.
    pub fn generated(name: String, content_type: String, size: u64, seed: u64) -> Self {
        let mut hash = Sha256::new();
        pattern(seed, size).for_each(|piece| hash.update(&piece));
        Self {
            name,
            content_type,
            size,
            sha256: hex::encode(hash.finalize()),
            place: Place::Pattern(seed),
        }
    }

    /// Takes an uploaded file into the folder.
    pub fn keep(folder: &Folder, uploaded: &UploadedFile) -> io::Result<Self> {
        Ok(Self {
            name: uploaded.name.clone(),
            content_type: uploaded.content_type.clone(),
            size: uploaded.size,
            sha256: uploaded.sha256.clone(),
            place: Place::Disk(folder.keep(&uploaded.file)?),
        })
    }
}
