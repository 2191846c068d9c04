//! Debian's real nginx: what people do with a connector every day, and connections that
//! end while much is under way.

use super::unprocessed::{AT_A_TIME, all_once, create, sandbox, uploads};
use crate::servers::nginx::{Door, HTTP1_LIMIT, HTTP2_LIMIT, Nginx, Noted};
use crate::support::{countable_sandbox, sandbox_with, through};
use crate::switches::every_day;
use std::collections::BTreeMap;

/// The version that is spoken at a door, and how many requests a connection may have.
fn expected(door: Door) -> (&'static str, u32) {
    match door {
        Door::Http2 => ("HTTP/2.0", 1000),
        Door::Http2Limited => ("HTTP/2.0", HTTP2_LIMIT),
        Door::Http1Limited => ("HTTP/1.1", HTTP1_LIMIT),
    }
}

/// Everything came by one door, as it is spoken there; the number of connections.
fn assert_came_by(door: Door, nginx: &Nginx) -> usize {
    let noted: Vec<Noted> = nginx.noted();
    let (protocol, limit) = expected(door);
    let mut connections = BTreeMap::<u64, u32>::new();
    for request in &noted {
        assert_eq!((request.door, request.protocol.as_str()), (door, protocol));
        *connections.entry(request.connection).or_default() += 1;
    }
    let most = connections.values().max().copied().unwrap_or_default();
    assert!((1..=limit).contains(&most), "{connections:?}");
    connections.len()
}

async fn every_day_by(door: Door) {
    let sandbox = sandbox_with(&[("suppliers", 90), ("purchase_orders", 9)], |_| {});
    let nginx = Nginx::before(&sandbox);
    let url = nginx.url(door);
    every_day(&sandbox, || through(&url, &nginx.authority)).await;
    assert_came_by(door, &nginx);
}

#[tokio::test]
async fn every_day_comes_out_the_same_over_http2() {
    every_day_by(Door::Http2).await;
}

#[tokio::test]
async fn every_day_comes_out_the_same_where_http2_connections_end() {
    every_day_by(Door::Http2Limited).await;
}

#[tokio::test]
async fn every_day_comes_out_the_same_where_http1_connections_end() {
    every_day_by(Door::Http1Limited).await;
}

#[tokio::test]
async fn records_and_files_are_created_once_while_connections_end() {
    for door in [Door::Http2Limited, Door::Http1Limited] {
        println!("{door:?}");
        let (records, before) = sandbox();
        let nginx = Nginx::before(&records);
        let outcome = create(through(&nginx.url(door), &nginx.authority)).await;
        all_once(&outcome, &records, before);
        let connections = assert_came_by(door, &nginx);
        // One request is for the token, and over HTTP/1.1 each connection has one request at
        // a time: none is made for nothing.
        let limit = expected(door).1 as usize;
        let fewest = (outcome.answers.len() + 1).div_ceil(limit);
        let most = match door {
            Door::Http1Limited => AT_A_TIME + nginx.noted().len() / limit,
            Door::Http2 | Door::Http2Limited => usize::MAX,
        };
        assert!((fewest..=most).contains(&connections), "{connections}");

        let files = countable_sandbox(&[("purchase_orders", 1)]);
        let nginx = Nginx::before(&files);
        uploads(&files, || through(&nginx.url(door), &nginx.authority)).await;
        assert_came_by(door, &nginx);
    }
}
