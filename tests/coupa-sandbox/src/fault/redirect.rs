//! Redirects, to where they lead.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{StatusCode, Uri, header};

use super::RedirectTarget;
use crate::media::Answer;

/// Numbers the URLs of redirects that lead onward.
static HOPS: AtomicU64 = AtomicU64::new(1);

/// The answer that redirects a request for `uri`.
pub fn answer(status: u16, target: &RedirectTarget, uri: &Uri) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
    let location = match target {
        RedirectTarget::Itself => uri.to_string(),
        RedirectTarget::Onward => {
            let hop = HOPS.fetch_add(1, Ordering::Relaxed);
            format!("{}?hop={hop}", uri.path())
        }
        RedirectTarget::Url(url) => url.clone(),
    };
    Answer::empty(status).with_header(header::LOCATION, &location)
}
