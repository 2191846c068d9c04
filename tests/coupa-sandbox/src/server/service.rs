//! The way of a request: faults, rate limit, authorization, work, answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode, header};
use http_body_util::BodyExt as _;

use super::request::Request;
use super::route::{Route, Subject};
use super::{
    ConnectionHandle, Shared, actions, api_docs, attachments, binaries, control, reads, writes,
};
use crate::auth;
use crate::fault;
use crate::files;
use crate::graphql;
use crate::media::{Answer, Media, refused};
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::switches::Switches;

/// Everything goes through one handler: the paths are data of the catalog.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(handle).with_state(shared)
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    request: http::Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let method = head.method.clone();
    let uri = head.uri.clone();
    if path.starts_with("/sandbox/") {
        let request = read(&shared, head, body).await;
        let worker = Arc::clone(&shared);
        let answer = blocking(move || control::answer(&worker, &request)).await;
        return fault::after(None, answer, &connection);
    }
    let _running = shared.observed.begin();
    if head.headers.contains_key(header::COOKIE) {
        shared.observed.cookie();
    }
    let fault = shared.faults.take(method.as_str(), &path);
    let early = match &fault {
        Some(fault) => fault::before(fault, &shared, &uri, &connection).await,
        None => None,
    };
    let answer = match early {
        Some(answer) => answer,
        None => {
            let mut request = read(&shared, head, body).await;
            if let Some(fault) = &fault {
                fault::bend(fault, &mut request.parameters);
            }
            let worker = Arc::clone(&shared);
            blocking(move || answer(&worker, &request)).await
        }
    };
    let response = fault::after(fault.as_ref(), answer, &connection);
    let status = if connection.is_reset() {
        0
    } else {
        response.status().as_u16()
    };
    shared.observed.note(method.as_str(), &path, &query, status);
    response
}

/// The store blocks, so the work is not done where connections are served.
async fn blocking(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Answer::html(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Reads a request to its end; a form goes to disk.
async fn read(shared: &Shared, head: Parts, body: Body) -> Request {
    let (bytes, upload) = match files::boundary(&head.headers) {
        Some(boundary) => {
            let upload = files::receive(&shared.files, boundary, body).await;
            (Bytes::new(), Some(upload))
        }
        None => (collect(body).await, None),
    };
    Request {
        path: head.uri.path().to_owned(),
        parameters: Parameters::parse(head.uri.query().unwrap_or_default()),
        method: head.method,
        headers: head.headers,
        body: bytes,
        upload,
    }
}

/// A body that could not be read to its end counts as empty; its sender is gone.
async fn collect(body: Body) -> Bytes {
    match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => Bytes::new(),
    }
}

fn answer(shared: &Shared, request: &Request) -> Answer {
    let switches = shared.switches().clone();
    if matches!(
        request.path.as_str(),
        "/oauth2/token" | "/oauth2/access_tokens"
    ) {
        if request.method != Method::POST {
            return refused(&Refusal::MethodNotAllowed, Media::Json, &switches);
        }
        let form = request.form();
        let (configuration, tokens) = (&shared.configuration, &shared.tokens);
        return auth::grant(configuration, tokens, &switches, &request.headers, &form);
    }
    let media = match Media::accepted(&request.headers, &switches) {
        Ok(media) => media,
        Err(refusal) => return refused(&refusal, Media::Xml, &switches),
    };
    work(shared, request, media).unwrap_or_else(|refusal| refused(&refusal, media, &switches))
}

fn work(shared: &Shared, request: &Request, media: Media) -> Result<Answer, Refusal> {
    let switches = shared.switches().clone();
    if api_docs::is_meant(&request.path) {
        return api_docs::answer(shared, request);
    }
    let path = request
        .path
        .strip_prefix("/api/")
        .ok_or(Refusal::NotFound)?;
    if !shared.rate.allows(&switches) {
        return Err(Refusal::TooManyRequests);
    }
    if path == "graphql" {
        return query(shared, request, &switches);
    }
    auth::authorize(
        &shared.configuration,
        &shared.tokens,
        &switches,
        &request.headers,
        &request.method,
        path,
    )?;
    let route = Route::find(path.trim_end_matches('/'), &request.method)?;
    let work = Work {
        shared,
        switches,
        request,
        media,
        route,
    };
    if let Some(answer) = attachments::answer(&work)? {
        return Ok(answer);
    }
    if let Some(answer) = binaries::answer(&work)? {
        return Ok(answer);
    }
    match (&work.route.subject, request.method.as_str()) {
        (Subject::Collection, "GET") => reads::list(&work),
        (Subject::Collection, _) => writes::create(&work),
        (Subject::Record(id), "GET") => reads::show(&work, *id),
        (Subject::Record(id), "DELETE") => writes::delete(&work, *id),
        (Subject::Record(id), _) => writes::update(&work, *id),
        (Subject::RecordAction(id, action), _) => actions::on_record(&work, *id, action),
        (Subject::CollectionAction(action), _) => actions::on_collection(&work, action),
    }
}

/// GraphQL checks scopes itself, for each object.
fn query(shared: &Shared, request: &Request, switches: &Switches) -> Result<Answer, Refusal> {
    if request.method != Method::POST {
        return Err(Refusal::MethodNotAllowed);
    }
    let (configuration, tokens) = (&shared.configuration, &shared.tokens);
    let granted = auth::identify(configuration, tokens, switches, &request.headers)?;
    let context = graphql::Context {
        store: &shared.store,
        switches,
        granted: &granted,
    };
    Ok(graphql::answer(&context, &request.body))
}

/// One authorized request and what it is about.
pub struct Work<'a> {
    pub shared: &'a Shared,
    pub switches: Switches,
    pub request: &'a Request,
    pub media: Media,
    pub route: Route,
}
