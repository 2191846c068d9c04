//! Testing connections, when the workspace asks.

use super::Worker;
use super::prepare::Unprepared;
use crate::group::presence::HasVersion;
use crate::group::tested::{TestRequest, Tested};
use crate::registry::Requirement;
use futures::StreamExt;

/// Answers the workspace's requests to test connections, each in a task of its own.
pub(super) async fn answer(worker: Worker) {
    let group = &worker.0.group;
    let subject = group.test_subject(&worker.0.instance);
    // Only a client that is closed refuses.
    let Ok(mut requests) = group.client().subscribe(subject.clone()).await else {
        return;
    };
    while let Some(request) = requests.next().await {
        let (worker, subject) = (worker.clone(), subject.clone());
        tokio::spawn(async move {
            let group = &worker.0.group;
            let Some(reply) = request.reply else {
                return;
            };
            let tested = match group.open(&subject, &request.payload, "a request to test") {
                Ok(request) => worker.test(request).await,
                Err(error) => Tested {
                    error: Some(error.to_string()),
                    ..Tested::default()
                },
            };
            let answered = match group.seal(&subject, &tested) {
                Ok(sealed) => group
                    .client()
                    .publish(reply, sealed)
                    .await
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = answered {
                tracing::error!(why, "a test could not be answered");
            }
        });
    }
}

impl Worker {
    async fn test(&self, request: TestRequest) -> Tested {
        let mut tested = Tested {
            before: self.0.versions.of(&request.connector),
            ..Tested::default()
        };
        if let Err(error) = self.try_test(&request, &mut tested).await {
            tested.error = Some(error.to_string());
        }
        tested
    }

    async fn try_test(&self, request: &TestRequest, tested: &mut Tested) -> Result<(), Unprepared> {
        let wanted: Requirement = request.version.parse()?;
        let wanted = match (&wanted, &tested.before) {
            // A pinned version is no update: it is what the connection says.
            (Requirement::Newest, Some(has)) if request.update_suspended => has.version.parse()?,
            _ => wanted,
        };
        let name = request.connector.parse()?;
        let downloaded = self.0.agent.download(&name, &wanted).await?;
        let after = HasVersion {
            connector: request.connector.clone(),
            version: downloaded.entry.version.to_string(),
            digest: downloaded.pulled.digest.to_string(),
        };
        tested.warnings = downloaded.warnings();
        tested.downloaded = downloaded.pulled.transferred;
        tested.after = Some(after.clone());
        self.0.versions.set(after);
        let connection = self.connection(&request.connection)?;
        let mut session = downloaded.connector.session(connection).await?;
        tested.checks = session.test().await?;
        Ok(())
    }
}
