//! The screen in a real browser: Chromium, driven by its WebDriver.

mod agents;
mod browser;
mod connection_form;
mod devtools;
mod every_page;
mod first_run;
mod keyboard;
mod menus;
mod operations;
mod progress;

use crate::platform::Place;
use browser::Browser;
use host_harness::web::{Access, Server};

/// Serves a workspace, and opens it.
pub async fn open(place: &Place) -> Browser {
    let access = Access::by_token().unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(address, access, place.workspace.clone())
        .await
        .unwrap();
    let url = server.url();
    tokio::spawn(server.run(std::future::pending()));
    let browser = Browser::start().await;
    browser.client.goto(&url).await.unwrap();
    browser.see("h1", "Operations").await;
    browser
}
