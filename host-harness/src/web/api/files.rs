//! The files that operations read and write.

use super::error::ApiError;
use super::{Answer, Done, answer, done};
use crate::workspace::{FileEntry, Workspace};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, TryStreamExt};
use std::io::Read;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// Files are streamed, so their size is not bounded as that of other bodies is.
pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(files))
        .routes(routes!(file, put_file, delete_file))
        .layer(DefaultBodyLimit::disable())
}

/// All files.
#[utoipa::path(get, path = "/files", tag = "files", responses((status = 200, body = Vec<FileEntry>)))]
async fn files(State(workspace): State<Workspace>) -> Answer<Vec<FileEntry>> {
    answer(workspace.files())
}

/// A file's bytes.
#[utoipa::path(get, path = "/files/{name}", tag = "files",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
async fn file(
    State(workspace): State<Workspace>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let mut file = workspace.open_file(&name)?;
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Vec<u8>>>(4);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = file.read(&mut chunk);
            let ended = !matches!(read, Ok(count) if count > 0);
            let sent = read.map(|count| {
                chunk.truncate(count);
                chunk
            });
            if sender.blocking_send(sent).is_err() || ended {
                return;
            }
        }
    });
    let chunks = futures::stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    });
    let quoted = name.replace(['"', '\\'], "_");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{quoted}\""),
        ),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// Puts a file there, in place of what had its name.
#[utoipa::path(put, path = "/files/{name}", tag = "files",
    params(("name" = String, Path, description = "Its name")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Done)))]
async fn put_file(
    State(workspace): State<Workspace>,
    Path(name): Path<String>,
    body: Body,
) -> Answer<Done> {
    let chunks = body
        .into_data_stream()
        .map_err(std::io::Error::other)
        .boxed();
    let (sender, receiver) = std::sync::mpsc::sync_channel(4);
    let put = tokio::task::spawn_blocking(move || {
        workspace.put_file(
            &name,
            Chunks {
                receiver,
                rest: Default::default(),
            },
        )
    });
    let mut chunks = chunks;
    while let Some(chunk) = chunks.next().await {
        let broken = chunk.is_err();
        let sender = sender.clone();
        let sent = tokio::task::spawn_blocking(move || sender.send(chunk)).await;
        if broken || !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    drop(sender);
    let put = put.await.map_err(|error| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "workspace.file",
            &error.to_string(),
        )
    })?;
    done(put)
}

/// Deletes a file.
#[utoipa::path(delete, path = "/files/{name}", tag = "files",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = Done)))]
async fn delete_file(State(workspace): State<Workspace>, Path(name): Path<String>) -> Answer<Done> {
    done(workspace.delete_file(&name))
}

/// Chunks as they come, to be read where that may block.
struct Chunks {
    receiver: std::sync::mpsc::Receiver<std::io::Result<axum::body::Bytes>>,
    rest: axum::body::Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.recv() {
                Ok(chunk) => self.rest = chunk?,
                Err(_) => return Ok(0),
            }
        }
        let count = self.rest.len().min(buffer.len());
        let taken = self.rest.split_to(count);
        buffer
            .get_mut(..count)
            .unwrap_or_default()
            .copy_from_slice(&taken);
        Ok(count)
    }
}
