//! Bodies in `multipart/form-data`: files go to disk as they come and are
//! hashed on the way.

use axum::body::Body;
use http::{HeaderMap, header};
use multer::{Field, Multipart};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

use super::Folder;

/// How many bytes all texts of a form can have together.
const TEXTS: usize = 1024 * 1024;
/// How many parts a form can have.
const PARTS: usize = 100;

/// A form that was read to its end.
#[derive(Debug, Default)]
pub struct Upload {
    texts: Vec<(String, String)>,
    files: Vec<UploadedFile>,
}

/// A file of a form.
#[derive(Debug)]
pub struct UploadedFile {
    /// The name of its part, such as `attachment[file]`.
    pub part: String,
    /// Its own name.
    pub name: String,
    /// Its media type; that for any bytes where the client named none.
    pub content_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Where it is until it is kept.
    pub file: NamedTempFile,
}

/// Why a form could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is not such a form, or it breaks off.
    #[error("The form cannot be read: {0}")]
    Form(#[from] multer::Error),
    /// It has more text or more parts than a form needs.
    #[error("The form is too large.")]
    TooLarge,
    /// The disk.
    #[error("The file cannot be written: {0}")]
    Disk(#[from] std::io::Error),
}

impl Upload {
    /// The text of a part.
    pub fn text(&self, part: &str) -> Option<&str> {
        let (_, text) = self.texts.iter().find(|(name, _)| name == part)?;
        Some(text)
    }

    /// The file of a part.
    pub fn file(&self, part: &str) -> Option<&UploadedFile> {
        self.files.iter().find(|file| file.part == part)
    }
}

/// The boundary of a body in `multipart/form-data`; none for any other.
pub fn boundary(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(content_type).ok()
}

/// Reads a form.
pub async fn receive(folder: &Folder, boundary: String, body: Body) -> Result<Upload, UploadError> {
    let mut parts = Multipart::new(body.into_data_stream(), boundary);
    let mut upload = Upload::default();
    let mut room = TEXTS;
    while let Some(mut part) = parts.next_field().await? {
        if upload.texts.len() + upload.files.len() >= PARTS {
            return Err(UploadError::TooLarge);
        }
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            let file = write(folder, name, &mut part).await?;
            upload.files.push(file);
        } else {
            let text = text(&mut part, &mut room).await?;
            upload.texts.push((name, text));
        }
    }
    Ok(upload)
}

async fn text(part: &mut Field<'_>, room: &mut usize) -> Result<String, UploadError> {
    let mut text = Vec::new();
    while let Some(piece) = part.chunk().await? {
        *room = room.checked_sub(piece.len()).ok_or(UploadError::TooLarge)?;
        text.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn write(
    folder: &Folder,
    name: String,
    part: &mut Field<'_>,
) -> Result<UploadedFile, UploadError> {
    let file = folder.create()?;
    let mut writer = tokio::fs::File::from_std(file.reopen()?);
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(piece) = part.chunk().await? {
        hash.update(&piece);
        size += piece.len() as u64;
        writer.write_all(&piece).await?;
    }
    writer.flush().await?;
    let any = "application/octet-stream";
    Ok(UploadedFile {
        part: name,
        name: part.file_name().unwrap_or_default().to_owned(),
        content_type: part
            .content_type()
            .map_or_else(|| any.to_owned(), ToString::to_string),
        size,
        sha256: hex::encode(hash.finalize()),
        file,
    })
}
