//! A connection of HTTP/2. The library of the front has the streams; between it and the
//! client every frame is looked at, so that the connection can end as nginx ends it:
//! with GOAWAY that names the last stream that is answered, while later ones are passed
//! over.

use super::frame::{Frame, Kind};
use super::{Break, End, Received, Reply, Shared};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

/// Sent by each client first (RFC 9113, 3.4).
const PREFACE: usize = 24;
/// Bytes on the way between library and client.
const UNDER_WAY: usize = 64 * 1024;
/// Frames on the way to the client.
const FRAMES: usize = 64;

/// How long nothing comes where a client waits for more room.
const LULL: Duration = Duration::from_millis(20);

/// How long the last answer of a connection is held back for a request to come that is not
/// looked at any more: without one there is nothing to send again.
const HELD_BACK: Duration = Duration::from_millis(200);

/// What comes from the client that an answer may wait for.
#[derive(Clone)]
struct Signs {
    /// It keeps to the front's settings.
    settles: watch::Receiver<bool>,
    /// A stream is not looked at any more.
    passes_over: watch::Receiver<bool>,
}

/// What goes to the client.
enum Out {
    Frame(Frame),
    Close,
}

pub async fn serve(client: TlsStream<TcpStream>, shared: Arc<Shared>, number: usize) {
    let (inner, outer) = tokio::io::duplex(UNDER_WAY);
    let (from_library, to_library) = tokio::io::split(outer);
    let (from_client, to_client) = tokio::io::split(client);
    let (out, queue) = channel(FRAMES);
    let (settled, settles) = watch::channel(false);
    let (passed_over, passes_over) = watch::channel(false);
    let course = Course::new(Arc::clone(&shared), settled, passed_over);
    let client_does = Signs {
        settles,
        passes_over,
    };
    let (up, down) = (out.clone(), out.clone());
    // A client that goes away ends the first of them, and that the others.
    tokio::join!(
        async {
            let _ = inward(from_client, to_library, &course, &up).await;
            drop(up);
        },
        async {
            let _ = outward(queue, to_client, &course).await;
        },
        async {
            collect(from_library, &down).await;
            drop(down);
        },
        answer_all(inner, shared, number, out, client_does),
    );
}

/// From the client to the library, without what is not looked at any more.
async fn inward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    course: &Course,
    out: &Sender<Out>,
) -> io::Result<()> {
    let passed = async {
        let mut preface = [0; PREFACE];
        from.read_exact(&mut preface).await?;
        to.write_all(&preface).await?;
        while let Some(frame) = Frame::read(&mut from).await? {
            match course.came(&frame) {
                Came::Passes => to.write_all(frame.bytes()).await?,
                Came::PassedOver { told } => {
                    if let Some(last) = told {
                        let _ = out.send(Out::Frame(Frame::goaway(last))).await;
                    }
                    // Others that are under way must not run out of the connection's window.
                    if frame.kind() == Kind::Data && !frame.payload().is_empty() {
                        let more = frame.payload().len() as u32;
                        let _ = out.send(Out::Frame(Frame::window_update(more))).await;
                    }
                }
            }
        }
        Ok(())
    };
    let passed: io::Result<()> = passed.await;
    to.shutdown().await?;
    passed
}

/// From the library to those that write. Goes on when nobody does any more, or the
/// library would wait.
async fn collect(mut from: impl AsyncRead + Unpin, out: &Sender<Out>) {
    while let Ok(Some(frame)) = Frame::read(&mut from).await {
        let _ = out.send(Out::Frame(frame)).await;
    }
}

/// To the client.
async fn outward(
    mut queue: Receiver<Out>,
    mut to: impl AsyncWrite + Unpin,
    course: &Course,
) -> io::Result<()> {
    while let Some(Out::Frame(frame)) = queue.recv().await {
        to.write_all(frame.bytes()).await?;
        let after = course.went(&frame);
        if let After::Goaway(last) = after {
            to.write_all(Frame::goaway(last).bytes()).await?;
        }
        to.flush().await?;
        if matches!(after, After::Close) {
            break;
        }
    }
    to.shutdown().await
}

/// How far a connection is on its way to its end.
struct Course {
    shared: Arc<Shared>,
    /// Whether the client keeps to the front's settings.
    settled: watch::Sender<bool>,
    /// Whether a stream was passed over.
    passed_over: watch::Sender<bool>,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    /// The greatest stream that came.
    newest: u32,
    /// The greatest that is looked at.
    last: u32,
    /// How many are looked at.
    opened: u32,
    /// How many of them have been answered.
    answered: u32,
    /// Whether the client knows.
    told: bool,
}

enum Came {
    Passes,
    PassedOver {
        /// The last that is looked at, where the client has to be told now.
        told: Option<u32>,
    },
}

enum After {
    Nothing,
    Goaway(u32),
    Close,
}

impl Course {
    fn new(
        shared: Arc<Shared>,
        settled: watch::Sender<bool>,
        passed_over: watch::Sender<bool>,
    ) -> Self {
        let now = Mutex::default();
        Self {
            shared,
            settled,
            passed_over,
            now,
        }
    }

    fn came(&self, frame: &Frame) -> Came {
        if frame.acknowledges_settings() {
            self.settled.send_replace(true);
        }
        let now = &mut *self.now.lock().unwrap();
        let stream = frame.stream();
        let opens = frame.kind() == Kind::Headers && stream > now.newest;
        if opens {
            now.newest = stream;
        }
        let full = self.ends().is_some_and(|(after, _)| now.opened >= after);
        if !full && opens {
            now.opened += 1;
            now.last = stream;
        }
        if stream <= now.last {
            return Came::Passes;
        }
        if opens {
            self.shared.count(|counts| counts.unprocessed += 1);
            self.passed_over.send_replace(true);
        }
        let agreed = self.ends().is_some_and(|(_, end)| end == End::Agreed);
        let tell = agreed && !std::mem::replace(&mut now.told, true);
        Came::PassedOver {
            told: tell.then_some(now.last),
        }
    }

    fn went(&self, frame: &Frame) -> After {
        if frame.kind() == Kind::Reset && frame.reason() == Reason::PROTOCOL_ERROR {
            self.shared.count(|counts| counts.malformed += 1);
        }
        let now = &mut *self.now.lock().unwrap();
        now.answered += u32::from(frame.ends_stream());
        let Some((after, end)) = self.ends() else {
            return After::Nothing;
        };
        if now.answered < after || !frame.ends_stream() {
            return After::Nothing;
        }
        match end {
            End::Silent => After::Close,
            End::Agreed if !std::mem::replace(&mut now.told, true) => After::Goaway(now.last),
            End::Agreed => After::Nothing,
        }
    }

    fn ends(&self) -> Option<(u32, End)> {
        self.shared.script.ends
    }
}

async fn answer_all(
    inner: DuplexStream,
    shared: Arc<Shared>,
    number: usize,
    out: Sender<Out>,
    client_does: Signs,
) {
    let mut builder = h2::server::Builder::new();
    // As nginx has it.
    builder.max_concurrent_streams(128);
    if let Some(window) = shared.script.window {
        builder.initial_window_size(window);
    }
    let Ok(mut connection) = builder.handshake(inner).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (shared, out, signs) = (Arc::clone(&shared), out.clone(), client_does.clone());
        tokio::spawn(async move {
            // A client that gave the stream up has no use for an answer.
            let _ = answer(request, respond, &shared, number, &out, signs).await;
        });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: &Shared,
    number: usize,
    out: &Sender<Out>,
    mut signs: Signs,
) -> Result<(), h2::Error> {
    let (head, body) = request.into_parts();
    let received = Received::of_stream(number, &head);
    if shared.refuses() {
        shared.keep(received);
        shared.count(|counts| counts.unprocessed += 1);
        respond.send_reset(Reason::REFUSED_STREAM);
        return Ok(());
    }
    if shared.script.wants_http1 {
        shared.keep(received);
        respond.send_reset(Reason::HTTP_1_1_REQUIRED);
        return Ok(());
    }
    if shared.script.informational {
        for status in [103, 100] {
            let mut early = Response::new(());
            *early.status_mut() = status.try_into().unwrap();
            respond.send_informational(early)?;
        }
    }
    let settles = shared.script.window.map(|_| signs.settles);
    let body = read(body, settles).await?;
    let reply = shared.reply(received, body).await;
    if let Some((after, End::Agreed)) = shared.script.ends
        && u32::from(respond.stream_id()) == 2 * after - 1
    {
        let another = signs.passes_over.wait_for(|over| *over);
        let _ = tokio::time::timeout(HELD_BACK, another).await;
    }
    match reply {
        Reply::Answer(response) => send(response, &mut respond, shared),
        Reply::BreakOff(Break::Reset) => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
        Reply::BreakOff(how) => {
            if how == Break::Goaway {
                let last = respond.stream_id().into();
                let _ = out.send(Out::Frame(Frame::goaway(last))).await;
            }
            let _ = out.send(Out::Close).await;
            Ok(())
        }
    }
}

/// Reads a body. Where windows are smaller than they are by default, the client may have
/// sent more than they hold before it learnt of them. The library asks for more only when
/// bytes are given back, so none are before it knows that the client knows: else both
/// would wait.
async fn read(
    mut stream: RecvStream,
    settles: Option<watch::Receiver<bool>>,
) -> Result<Bytes, h2::Error> {
    let mut body = Vec::new();
    if let Some(mut settles) = settles {
        let _ = settles.wait_for(|settled| *settled).await;
        while let Ok(Some(piece)) = tokio::time::timeout(LULL, stream.data()).await {
            body.extend(piece?);
        }
        stream.flow_control().release_capacity(body.len())?;
    }
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        body.extend(piece);
    }
    Ok(body.into())
}

fn send(
    response: Response<Bytes>,
    respond: &mut SendResponse<Bytes>,
    shared: &Shared,
) -> Result<(), h2::Error> {
    let script = &shared.script;
    let (mut head, mut body) = response.into_parts();
    if head.status.as_u16() != 204 {
        let length = HeaderValue::from(body.len());
        head.headers.insert(header::CONTENT_LENGTH, length);
    }
    let only_head = body.is_empty() && !script.trailers;
    let mut stream = respond.send_response(Response::from_parts(head, ()), only_head)?;
    if only_head {
        return Ok(());
    }
    let piece = script.window.map_or(usize::MAX, |window| window as usize);
    while !body.is_empty() {
        let next = body.split_to(piece.min(body.len()));
        stream.send_data(next, body.is_empty() && !script.trailers)?;
    }
    if script.trailers {
        let mut trailers = HeaderMap::new();
        let checked = HeaderName::from_static("x-checked");
        trailers.insert(checked, HeaderValue::from_static("yes"));
        stream.send_trailers(trailers)?;
    }
    Ok(())
}
