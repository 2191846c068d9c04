//! Resolves names, and lets no name lead where the policy does not.

use super::policy::{Denied, EgressPolicy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error;

/// Looks names up with the system's resolver.
pub(super) struct Resolver(pub(super) EgressPolicy);

/// The name does not lead to any address.
#[derive(Debug, thiserror::Error)]
#[error("the name {0} could not be resolved")]
pub(super) struct UnknownName(String);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0))
                .await
                .map_err(|_| UnknownName(host.clone()))?;
            let mut allowed = Vec::new();
            let mut denied = None;
            for address in found {
                match policy.check_address(&host, address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(why) => denied = Some(why),
                }
            }
            match (allowed.is_empty(), denied) {
                (false, _) => Ok(Box::new(allowed.into_iter()) as Addrs),
                (true, Some(denied)) => Err(denied.into()),
                (true, None) => Err(UnknownName(host).into()),
            }
        })
    }
}

/// Whether a request failed because its name leads where it must not.
pub(super) fn prohibited(error: &reqwest::Error) -> Option<Denied> {
    causes(error)
        .find_map(|cause| cause.downcast_ref::<Denied>())
        .cloned()
}

/// An error and what lies beneath it.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
}
