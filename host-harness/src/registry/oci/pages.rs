//! Lists of an OCI registry, page by page.

use super::transport::Question;
use super::{OciError, OciRegistry, link};
use serde::de::DeserializeOwned;

/// The largest page of a list.
const MAX_LIST_BYTES: u64 = 4 * 1024 * 1024;
/// The most pages of a list.
const MAX_PAGES: usize = 200;

impl OciRegistry {
    /// All pages of a list. Wherever a page says that the next one is, it is asked
    /// for at this registry; one that is elsewhere is an error, because a list that
    /// silently ends would mislead.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        repository: &str,
        path: &str,
        what: &str,
    ) -> Result<Vec<T>, OciError> {
        let mut pages = Vec::new();
        let mut url = self.transport.url(path)?;
        let mut asked = Vec::new();
        loop {
            let response = self
                .transport
                .ask(Question {
                    what,
                    repository,
                    url: url.clone(),
                    accept: "application/json",
                    from: 0,
                })
                .await?;
            // A page that a mirror gave is still one of this registry's.
            let here = self.transport.at_home(response.url());
            let here = here.unwrap_or_else(|| url.clone());
            let next = link::next(response.headers(), &here);
            let body = self.transport.body(response, what, MAX_LIST_BYTES).await?;
            pages.push(
                serde_json::from_slice(&body)
                    .map_err(|error| self.not_understood(what, error.to_string()))?,
            );
            asked.push(url);
            let Some(next) = next else {
                return Ok(pages);
            };
            let found = here.join(&next);
            let found = found.map_err(|error| {
                self.not_understood(what, format!("its next page is at “{next}”: {error}"))
            })?;
            url = self.transport.at_home(&found).ok_or_else(|| {
                let host = found.host_str().unwrap_or_default();
                let why = format!("its next page is at another place, {host}: nothing was asked");
                self.not_understood(what, why)
            })?;
            if asked.contains(&url) {
                tracing::info!(
                    what,
                    "a list leads back to a page that was read, and ends there"
                );
                return Ok(pages);
            }
            if pages.len() >= MAX_PAGES {
                let why = format!("it has more than {MAX_PAGES} pages");
                return Err(self.not_understood(what, why));
            }
        }
    }

    pub(super) fn not_understood(&self, what: &str, why: String) -> OciError {
        OciError::Unexpected {
            registry: self.address().to_string(),
            what: what.to_owned(),
            why,
        }
    }
}
