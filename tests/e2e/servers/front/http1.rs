//! A connection of HTTP/1.1, read by hand so that the head of each request is seen as it
//! was written.

use super::{Break, End, Protocol, Received, Reply, Script, Shared};
use axum::body::Bytes;
use axum::http::{Response, header};
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

const MOST_FIELDS: usize = 64;
/// Bytes of an answer in one chunk.
const CHUNK: usize = 4096;

pub async fn serve(client: TlsStream<TcpStream>, shared: &Shared, number: usize) {
    let mut client = BufReader::new(client);
    // A client that goes away ends it.
    let _ = answer_all(&mut client, shared, number).await;
    let _ = client.shutdown().await;
    // What it still sends is not looked at. Closed before it was read, the connection
    // would be reset, and an answer under way lost.
    let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
}

/// What came before HTTP had heads, and is none of it.
pub async fn say_no_http(mut client: TlsStream<TcpStream>) {
    let text = "<html><body>It works!</body></html>\r\n".repeat(4);
    let _ = client.write_all(text.as_bytes()).await;
    let _ = client.shutdown().await;
    let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
}

async fn answer_all(
    client: &mut BufReader<TlsStream<TcpStream>>,
    shared: &Shared,
    number: usize,
) -> io::Result<()> {
    let script = &shared.script;
    for count in 1.. {
        let Some(mut received) = head(client, number).await? else {
            return Ok(());
        };
        if script.informational {
            let early = "HTTP/1.1 103 Early Hints\r\nlink: </next>; rel=preload\r\n\r\n\
                         HTTP/1.1 100 Continue\r\n\r\n";
            client.write_all(early.as_bytes()).await?;
            client.flush().await?;
        }
        let body = body(client, &mut received).await?;
        let last = script.ends.filter(|(after, _)| count == *after);
        match shared.reply(received, body).await {
            // There are no streams to name or to reset.
            Reply::BreakOff(Break::Closed | Break::Goaway | Break::Reset) => return Ok(()),
            Reply::Answer(response) => {
                let says_so = last.is_some_and(|(_, end)| end == End::Agreed);
                let text = written(&response, script, says_so);
                client.write_all(&text).await?;
                client.flush().await?;
            }
        }
        if last.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

/// The head of the next request; none where there is no more.
async fn head(
    client: &mut (impl AsyncBufRead + Unpin),
    connection: usize,
) -> io::Result<Option<Received>> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        if client.read_until(b'\n', &mut text).await? == 0 {
            return Ok(None);
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    head.parse(&text).map_err(io::Error::other)?;
    let fields = head.headers.iter().map(|field| {
        let value = String::from_utf8_lossy(field.value).into_owned();
        (field.name.to_owned(), value)
    });
    Ok(Some(Received {
        connection,
        protocol: Protocol::Http1,
        method: head.method.unwrap_or_default().to_owned(),
        target: head.path.unwrap_or_default().to_owned(),
        fields: fields.collect(),
        length: 0,
        whole: false,
        chunked: false,
        processed: false,
    }))
}

async fn body(
    client: &mut (impl AsyncBufRead + Unpin),
    received: &mut Received,
) -> io::Result<Bytes> {
    received.chunked = !received.values("transfer-encoding").is_empty();
    let mut body = Vec::new();
    if !received.chunked {
        let length = received.values("content-length").first().copied();
        let length = length.unwrap_or("0").parse().map_err(io::Error::other)?;
        if client.take(length).read_to_end(&mut body).await? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        return Ok(body.into());
    }
    loop {
        let mut line = Vec::new();
        client.read_until(b'\n', &mut line).await?;
        let size = httparse::parse_chunk_size(&line).map_err(|_| io::ErrorKind::InvalidData)?;
        let httparse::Status::Complete((_, size)) = size else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let start = body.len();
        // The chunk and the end of its line; after the last there is but that.
        client.take(size + 2).read_to_end(&mut body).await?;
        body.truncate(start + size as usize);
        if size == 0 {
            return Ok(body.into());
        }
    }
}

/// An answer as it goes over the wire.
fn written(response: &Response<Bytes>, script: &Script, last: bool) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH {
            let value = String::from_utf8_lossy(value.as_bytes());
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if last {
        text.push_str("connection: close\r\n");
    }
    let body = response.body();
    let empty = matches!(response.status().as_u16(), 204 | 304);
    if (script.chunked || script.trailers) && !empty {
        text.push_str("transfer-encoding: chunked\r\n\r\n");
        let mut bytes = text.into_bytes();
        for chunk in body.chunks(CHUNK) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n");
        if script.trailers {
            bytes.extend(b"x-checked: yes\r\n");
        }
        bytes.extend(b"\r\n");
        return bytes;
    }
    if !empty {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend(body);
    bytes
}
