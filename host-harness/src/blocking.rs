//! Work that waits, in the middle of tasks.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does what may wait for the disk, for another thread or for another process,
/// without holding up the executor: the handlers of the web and the runs are tasks
/// that share a few threads. A runtime of one thread has none to spare: there it
/// waits, and so it does outside of any.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
