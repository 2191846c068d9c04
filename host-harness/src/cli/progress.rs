//! How a run goes, on standard error: a line that is kept up to date on a
//! terminal, nothing else anywhere else.

use host_harness::run::Told;
use host_harness::runtime::types::NoticeKind;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::time::Duration;

pub struct Progress(ProgressBar);

impl Progress {
    /// A line on standard error, unless it is not wanted or not a terminal.
    pub fn new(wanted: bool) -> Self {
        let target = if wanted {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        // The template is a constant; where it had a slip, the default style shows.
        if let Ok(style) = ProgressStyle::with_template(
            "{spinner} {human_pos} records  {per_sec}  {elapsed_precise}  {msg}",
        ) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub fn tell(&self, told: &Told<'_>) {
        match told {
            Told::Counts(counts) => {
                self.0.set_position(counts.written);
                self.0.set_message(match counts.rejected {
                    0 => String::new(),
                    rejected => format!("{rejected} rejected"),
                });
            }
            Told::Notice(notice) => {
                let wait = notice
                    .wait
                    .map_or_else(String::new, |ms| format!(" (waiting {ms} ms)"));
                match notice.kind {
                    NoticeKind::Warning => {
                        self.0.suspend(|| {
                            // Where nobody is there to read it, it is lost.
                            let _ = writeln!(std::io::stderr(), "warning: {}", notice.message);
                        })
                    }
                    NoticeKind::Throttled | NoticeKind::Retrying => {
                        self.0.set_message(format!("{}{wait}", notice.message));
                    }
                }
            }
        }
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
