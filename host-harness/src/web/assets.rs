//! The files of the screen. They are part of the program.

use axum::Router;
use axum::http::header;
use axum::routing::get;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Each file under its name. `/open/` is what the login page needs.
pub(super) fn router() -> Router {
    let mut router = Router::new();
    for (path, kind, text) in [
        (
            "/",
            "text/html; charset=utf-8",
            include_str!("assets/index.html"),
        ),
        ("/open/app.css", CSS, include_str!("assets/app.css")),
        ("/js/app.js", JS, include_str!("assets/app.js")),
        ("/js/dom.js", JS, include_str!("assets/dom.js")),
        ("/js/form.js", JS, include_str!("assets/form.js")),
        (
            "/js/connections.js",
            JS,
            include_str!("assets/connections.js"),
        ),
        (
            "/js/operations.js",
            JS,
            include_str!("assets/operations.js"),
        ),
        ("/js/runs.js", JS, include_str!("assets/runs.js")),
        ("/js/shadow.js", JS, include_str!("assets/shadow.js")),
        ("/js/settings.js", JS, include_str!("assets/settings.js")),
    ] {
        router = router.route(
            path,
            get(move || async move { ([(header::CONTENT_TYPE, kind)], text) }),
        );
    }
    router
}
