//! The contract's types, from WIT to plain Rust and back.

use super::bindings::exports::integration::connector::design as wit_design;
use super::bindings::integration::connector::types as wit;
use crate::contract as own;

impl From<wit::Setting> for own::Setting {
    fn from(setting: wit::Setting) -> Self {
        Self {
            name: setting.name,
            value: setting.value,
        }
    }
}

impl From<wit::Connection> for own::Connection {
    fn from(connection: wit::Connection) -> Self {
        Self {
            name: connection.name,
            settings: connection.settings.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<wit::Call> for own::Call {
    fn from(call: wit::Call) -> Self {
        Self {
            activity: call.activity,
            object: call.object,
            options: call.options.into_iter().map(Into::into).collect(),
            resume: call.resume,
            dry_run: call.dry_run,
        }
    }
}

impl From<own::ErrorKind> for wit::ErrorKind {
    fn from(kind: own::ErrorKind) -> Self {
        match kind {
            own::ErrorKind::InvalidSettings => Self::InvalidSettings,
            own::ErrorKind::InvalidInput => Self::InvalidInput,
            own::ErrorKind::Unreachable => Self::Unreachable,
            own::ErrorKind::Authentication => Self::Authentication,
            own::ErrorKind::Permission => Self::Permission,
            own::ErrorKind::NotFound => Self::NotFound,
            own::ErrorKind::RateLimited => Self::RateLimited,
            own::ErrorKind::TimedOut => Self::TimedOut,
            own::ErrorKind::RemoteFailure => Self::RemoteFailure,
            own::ErrorKind::UnexpectedAnswer => Self::UnexpectedAnswer,
            own::ErrorKind::Uncertain => Self::Uncertain,
            own::ErrorKind::Internal => Self::Internal,
        }
    }
}

impl From<own::Error> for wit::Error {
    fn from(error: own::Error) -> Self {
        Self {
            kind: error.kind.into(),
            code: error.code.to_owned(),
            message: error.message,
            remedy: error.remedy,
            status: error.status,
            retry_after: error.retry_after_ms,
            fields: error
                .fields
                .into_iter()
                .map(|entry| wit::FieldError {
                    field: entry.field,
                    message: entry.message,
                })
                .collect(),
        }
    }
}

impl From<own::Item> for wit::Item {
    fn from(item: own::Item) -> Self {
        Self {
            key: item.key,
            data: item.data,
        }
    }
}

impl From<own::Answer> for wit::Answer {
    fn from(answer: own::Answer) -> Self {
        Self {
            key: answer.key,
            id: answer.id,
            effect: match answer.effect {
                own::Effect::Created => wit::Effect::Created,
                own::Effect::Updated => wit::Effect::Updated,
                own::Effect::Unchanged => wit::Effect::Unchanged,
                own::Effect::Deleted => wit::Effect::Deleted,
                own::Effect::Done => wit::Effect::Done,
            },
            data: answer.data,
            differences: answer
                .differences
                .into_iter()
                .map(|difference| wit::Difference {
                    field: difference.field,
                    remote: difference.remote,
                    given: difference.given,
                })
                .collect(),
        }
    }
}

impl From<own::Plan> for wit_design::PlannedCall {
    fn from(plan: own::Plan) -> Self {
        Self {
            requests: plan
                .requests
                .into_iter()
                .map(|request| wit_design::PlannedRequest {
                    method: request.method.to_owned(),
                    path: request.path,
                    body: request.body,
                    note: request.note,
                })
                .collect(),
            permissions: plan.permissions.map(|permissions| wit_design::Permissions {
                needed: permissions.needed,
                held: permissions.held,
                missing: permissions.missing,
                unneeded: permissions.unneeded,
            }),
            extent: plan.extent.map(|extent| wit_design::Extent {
                records: extent.records,
                requests: extent.requests,
                time: extent.time_ms,
            }),
            notes: plan.notes,
        }
    }
}

impl From<own::Event> for wit::Event {
    fn from(event: own::Event) -> Self {
        match event {
            own::Event::Item(item) => Self::Item(item.into()),
            own::Event::Answered(answer) => Self::Answered(answer.into()),
            own::Event::Rejected(rejection) => Self::Rejected(wit::Rejection {
                key: rejection.key,
                data: rejection.data,
                error: rejection.error.into(),
            }),
            own::Event::Checkpoint(text) => Self::Checkpoint(text),
            own::Event::Notice(notice) => Self::Notice(wit::Notice {
                kind: match notice.kind {
                    own::NoticeKind::Throttled => wit::NoticeKind::Throttled,
                    own::NoticeKind::Retrying => wit::NoticeKind::Retrying,
                    own::NoticeKind::Warning => wit::NoticeKind::Warning,
                },
                message: notice.message,
                wait: notice.wait_ms,
            }),
        }
    }
}

impl From<own::Summary> for wit::Summary {
    fn from(summary: own::Summary) -> Self {
        Self {
            succeeded: summary.succeeded,
            rejected: summary.rejected,
            requests: summary.requests,
            retries: summary.retries,
            stopped_early: summary.stopped_early,
        }
    }
}

impl From<own::Check> for wit::Check {
    fn from(check: own::Check) -> Self {
        let (outcome, detail, error) = match check.outcome {
            own::Outcome::Passed(detail) => (wit::CheckOutcome::Passed, Some(detail), None),
            own::Outcome::Failed(error) => (wit::CheckOutcome::Failed, None, Some(error.into())),
            own::Outcome::Skipped => (wit::CheckOutcome::Skipped, None, None),
        };
        Self {
            name: check.name.to_owned(),
            title: check.title.to_owned(),
            outcome,
            elapsed: check.elapsed_ms,
            detail,
            error,
        }
    }
}

impl From<own::Property> for wit::Property {
    fn from(property: own::Property) -> Self {
        Self {
            name: property.name.to_owned(),
            title: property.title.to_owned(),
            description: property.description.to_owned(),
            kind: match property.kind {
                own::PropertyKind::Text => wit::PropertyKind::Text,
                own::PropertyKind::Secret => wit::PropertyKind::Secret,
                own::PropertyKind::Choice(choices) => wit::PropertyKind::Choice(
                    choices
                        .iter()
                        .map(|choice| wit::Choice {
                            value: choice.value.to_owned(),
                            title: choice.title.to_owned(),
                        })
                        .collect(),
                ),
                own::PropertyKind::OneOf(values) => wit::PropertyKind::Choice(
                    values
                        .into_iter()
                        .map(|value| wit::Choice {
                            value: value.to_owned(),
                            title: value.replace('_', " "),
                        })
                        .collect(),
                ),
                own::PropertyKind::Flag => wit::PropertyKind::Flag,
                own::PropertyKind::WholeNumber(least, most) => {
                    wit::PropertyKind::WholeNumber((least, most))
                }
                own::PropertyKind::Fixed => wit::PropertyKind::Fixed,
            },
            required: property.required,
            default: property.default.map(str::to_owned),
            repeatable: property.repeatable,
            accepts_variables: property.accepts_variables,
            shown_when: property.shown_when.map(|condition| wit::Condition {
                property: condition.property.to_owned(),
                values: condition
                    .values
                    .iter()
                    .map(|value| (*value).to_owned())
                    .collect(),
            }),
        }
    }
}

impl From<own::Activity> for wit::Activity {
    fn from(activity: own::Activity) -> Self {
        Self {
            name: activity.name.to_owned(),
            title: activity.title.to_owned(),
            description: activity.description.to_owned(),
            role: match activity.role {
                own::Role::Source => wit::Role::Source,
                own::Role::Target => wit::Role::Target,
            },
            options: activity.options.into_iter().map(Into::into).collect(),
            continues: activity.continues,
            acknowledged: activity.acknowledged,
            dry_run: activity.dry_run,
        }
    }
}
