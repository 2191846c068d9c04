//! What a workspace does with jobs.

use super::error::GroupError;
use super::job::Job;
use super::report::{Batch, End, Report};
use super::streams::Group;
use crate::run::{Outcome, Progress, Stop};
use async_nats::HeaderMap;

impl Group {
    /// Puts a job into the group's queue, once: a job that is there, or was in the
    /// last two minutes, is not put there again. Answers its place in the queue.
    ///
    /// # Errors
    /// If the server does not take it, or it is too large.
    pub async fn submit(&self, job: &Job) -> Result<u64, GroupError> {
        let subject = self.job_subject(&job.id);
        let bytes = self.seal(&subject, job)?;
        let most = self.most_bytes();
        if bytes.len() > most {
            return Err(GroupError::TooLarge {
                bytes: bytes.len(),
                most,
            });
        }
        let mut headers = HeaderMap::new();
        headers.insert(async_nats::header::NATS_MESSAGE_ID, job.id.as_str());
        let failed = GroupError::server("take the job");
        let sent = self
            .context()
            .publish_with_headers(subject, headers, bytes)
            .await
            .map_err(&failed)?;
        Ok(sent.await.map_err(&failed)?.sequence)
    }

    /// Asks for a job to be stopped. One that no agent has begun ends at once.
    ///
    /// # Errors
    /// If the server does not take that.
    pub async fn stop(&self, job: &str, how: Stop) -> Result<(), GroupError> {
        let failed = GroupError::server("take the request to stop");
        let text = match how {
            Stop::No => return Ok(()),
            Stop::Gently => "gently",
            Stop::Now => "now",
        };
        self.values()
            .put(stop_key(job), text.into())
            .await
            .map_err(|error| failed(error.to_string()))?;
        let batch = Batch {
            epoch: 0,
            agent: String::new(),
            place: None,
            since: 0,
            tries: 0,
            ended: true,
            progress: Progress::default(),
            at_place: None,
            reports: vec![Report::Ended(Box::new(End::without_report(
                Outcome::Interrupted,
                None,
            )))],
        };
        // Whoever begins it says so first, and only one of the two can.
        match self.report(job, &batch, 0, 0).await {
            Ok(_) | Err(GroupError::Fenced) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// How a job is to be stopped.
    pub(super) async fn asked_to_stop(&self, job: &str) -> Result<Stop, GroupError> {
        let asked = self.values().get(stop_key(job)).await;
        let asked = asked.map_err(GroupError::server("tell whether to stop"))?;
        Ok(match asked.as_deref() {
            Some(b"gently") => Stop::Gently,
            Some(b"now") => Stop::Now,
            _ => Stop::No,
        })
    }

    /// Removes what the server has of a job whose end has been kept. That it has
    /// ended stays, so that no agent that still has it in hand begins it anew.
    ///
    /// # Errors
    /// If the server does not do it.
    pub async fn forget(&self, job: &str, queued: u64) -> Result<(), GroupError> {
        // Both may be gone: the agent that did it has taken it out of the queue.
        let _ = self.jobs().delete_message(queued).await;
        let _ = self.values().purge(stop_key(job)).await;
        let _ = self.values().purge(kept_key(job)).await;
        self.forget_input(job).await?;
        let last = self.last_sequence(job).await?;
        self.forget_reports(job, last).await
    }
}

impl Group {
    /// Tells the agent of a job whose records are reported that all reports up to a
    /// sequence are where they are to stay.
    ///
    /// # Errors
    /// If the server does not take that.
    pub async fn tell_kept(&self, job: &str, sequence: u64) -> Result<(), GroupError> {
        let told = self
            .values()
            .put(kept_key(job), sequence.to_string().into())
            .await;
        told.map_err(GroupError::server("take what was kept"))?;
        Ok(())
    }

    /// Up to where the reports of a job are where they are to stay.
    pub(super) async fn kept(&self, job: &str) -> Result<u64, GroupError> {
        let told = self.values().get(kept_key(job)).await;
        let told = told.map_err(GroupError::server("tell what was kept"))?;
        let text = told.as_deref().and_then(|bytes| str::from_utf8(bytes).ok());
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}

fn kept_key(job: &str) -> String {
    format!("kept.{job}")
}

fn stop_key(job: &str) -> String {
    format!("stop.{job}")
}
