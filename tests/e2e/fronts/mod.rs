//! What stands before a Coupa: what is on the wire to it, connections that it ends, and
//! what it answers itself.

mod fate;
mod handshake;
mod nginx;
mod protocol;
mod reads;
mod refused;
mod told;
mod unprocessed;
mod wire;

use crate::servers::front::{Front, Received};
use crate::support::through;
use host_harness::runtime::Connection;

fn connect(front: &Front) -> Connection {
    through(&front.url(), &front.authority)
}

/// How many requests of this method below this path a front has handed on.
fn handed_on(front: &Front, method: &str, path: &str) -> usize {
    let is_meant = |request: &&Received| {
        request.processed && request.method == method && request.target.starts_with(path)
    };
    front.received().iter().filter(is_meant).count()
}
