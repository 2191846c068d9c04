//! The good connector beneath: what it does where it is told nothing else, and
//! the places at which a [`Breach`] spoils it.

use crate::breach::Breach;
use connector_guest::bindings::integration::connector::{cache, log};
use connector_guest::{
    Activity, Call, Check, CheckOutcome, Connection, Effect, Ended, Error, ErrorKind, Event,
    Events, Input, Item, Object, PlannedCall, PlannedRequest, Property, PropertyKind, Role, Shape,
    Taken, secret,
};
use serde_json::{Value, json};

/// Records of one page.
const PAGE: u64 = 10;
/// Bytes of each record, so that memory tells whether a reader is waited for.
const FILLING: usize = 2000;

pub struct Good {
    breach: Breach,
    call: Call,
    /// The secret, where it is to be told.
    told: String,
    records: u64,
    from: u64,
}

fn wrong(code: &str, message: &str) -> Error {
    Error::new(ErrorKind::InvalidSettings, code, message)
}

pub async fn test(breach: Breach) -> Vec<Check> {
    let known = secret("password", "Password").await;
    let failed = known.is_err();
    let mut checks = vec![Check::of(
        "settings",
        "The settings are complete",
        known.map(|_| "a password is set".to_owned()),
    )];
    let mut next = Check::of(
        "read",
        "Records can be read",
        Ok("as many as wanted".to_owned()),
    );
    if failed && breach != Breach::Checks {
        next.outcome = CheckOutcome::Skipped;
        next.detail = None;
    }
    checks.push(next);
    checks
}

pub fn activities() -> Vec<Activity> {
    let mut read = Activity::new("read", "Read", "Makes records.", Role::Source);
    let (least, most) = (1, 100);
    read.options.push(Property::new(
        "every",
        "Every",
        "Of no meaning.",
        PropertyKind::WholeNumber((least, most)),
    ));
    let mut feed = Activity::new("feed", "Feed", "Makes records once.", Role::Source);
    feed.acknowledged = true;
    let mut write = Activity::new("write", "Write", "Forgets records.", Role::Target);
    write.dry_run = true;
    vec![read, feed, write]
}

pub fn objects(connection: &Connection, search: Option<String>) -> Vec<Object> {
    let mut allowed = vec!["read", "feed", "write"];
    if Breach::of(connection) == Breach::Undescribed {
        allowed.push("vanish");
    }
    let wanted = search.unwrap_or_default().to_lowercase();
    [("things", "Things"), ("others", "Other things")]
        .into_iter()
        .filter(|(name, title)| name.contains(&wanted) || title.to_lowercase().contains(&wanted))
        .map(|(name, title)| Object::new(name, title, &allowed, &["id"]))
        .collect()
}

pub fn shape(breach: Breach, activity: &str, object: &str) -> Result<Shape, Error> {
    let known = activities();
    let Some(activity) = known.into_iter().find(|known| known.name == activity) else {
        return Err(wrong("call.unknown-activity", "there is no such activity"));
    };
    if !["things", "others"].contains(&object) {
        return Err(wrong("call.unknown-object", "there is no such object"));
    }
    let schema = match breach {
        Breach::Schema => json!({ "type": "thing" }),
        _ => json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": { "id": { "type": "integer" }, "text": { "type": "string" } },
        }),
    };
    let schema = schema.to_string();
    Ok(Shape {
        request: (activity.role == Role::Target).then(|| schema.clone()),
        response: Some(schema),
        options: activity.options,
    })
}

pub async fn plan(connection: &Connection, call: &Call) -> Result<PlannedCall, Error> {
    let known = secret("password", "Password").await.unwrap_or_default();
    let path = match Breach::of(connection) {
        Breach::LeaksPlan => format!("/{}?key={known}", call.object),
        _ => format!("/{}", call.object),
    };
    Ok(PlannedCall {
        requests: vec![PlannedRequest::new("GET", path, "once")],
        permissions: None,
        extent: None,
        notes: Vec::new(),
    })
}

/// Nothing has to be done for it, so that a second time is as good as the first.
pub async fn acknowledge(breach: Breach, call: &Call, checkpoint: String) -> Result<(), Error> {
    check(breach, call, "")?;
    if breach == Breach::AcknowledgesOnce {
        if cache::get(checkpoint.clone()).await.is_some() {
            return Err(wrong("acknowledged.twice", "that was acknowledged before"));
        }
        cache::put(checkpoint, String::new(), 60_000).await;
    }
    Ok(())
}

impl Good {
    pub async fn begin(connection: &Connection, call: Call) -> Result<Self, Error> {
        let breach = Breach::of(connection);
        let known = secret("password", "Password").await.unwrap_or_default();
        let checked = check(breach, &call, &known);
        if breach == Breach::LeaksLog {
            log::write(log::Level::Info, &format!("signed in with {known}"), &[]);
        }
        let from = checked?;
        let records = connection.setting("records").parse().unwrap_or(200);
        Ok(Self {
            told: match breach {
                Breach::LeaksData => known,
                _ => String::new(),
            },
            breach,
            call,
            records,
            from,
        })
    }

    pub async fn run(self, mut input: Input, events: &mut Events) -> Result<(), Ended> {
        if self.call.activity == "write" {
            return self.write(input, events).await;
        }
        // A source is given nothing; what comes all the same is let go.
        while input.next().await.is_some() {}
        self.read(events).await
    }

    async fn read(&self, events: &mut Events) -> Result<(), Ended> {
        let mut hoard = Vec::new();
        let mut from = self.from;
        while from < self.records {
            let to = (from + PAGE).min(self.records);
            let mut page: Vec<Event> = (from..to).map(|id| Event::Item(self.record(id))).collect();
            page.push(Event::Checkpoint(format!("{}@{to}", self.call.object)));
            from = to;
            if self.breach == Breach::Hoards {
                hoard.push(page);
                continue;
            }
            events.count_request();
            if events.emit(page).await.is_err() {
                if self.breach == Breach::Deaf {
                    loop {
                        pause().await;
                    }
                }
                return Err(Ended::Stopped);
            }
        }
        for page in hoard {
            events.emit(page).await?;
        }
        Ok(())
    }

    fn record(&self, id: u64) -> Item {
        let filling = "x".repeat(FILLING);
        let data =
            json!({ "id": id, "text": format!("record {id}{}", self.told), "filling": filling });
        Item {
            key: id.to_string(),
            data: data.to_string(),
        }
    }

    async fn write(&self, mut input: Input, events: &mut Events) -> Result<(), Ended> {
        if self.breach == Breach::Greedy {
            let mut all = Vec::new();
            while let Some(item) = input.next().await {
                all.push(item);
            }
            for item in all {
                self.answer(item, events).await?;
            }
            return Ok(());
        }
        let mut place = 0_u64;
        while let Some(item) = input.next().await {
            place += 1;
            match self.breach {
                Breach::Silent if place.is_multiple_of(2) => {}
                Breach::Twice => {
                    self.answer(item.clone(), events).await?;
                    self.answer(item, events).await?;
                }
                Breach::Stranger => {
                    let key = format!("{}-of-nobody", item.key);
                    self.answer(Item { key, ..item }, events).await?;
                }
                _ => self.answer(item, events).await?,
            }
        }
        Ok(())
    }

    async fn answer(&self, item: Item, events: &mut Events) -> Result<(), Ended> {
        events.count_request();
        let taken = match serde_json::from_str::<Value>(&item.data) {
            Ok(Value::Object(_)) => Ok(Taken::new(Effect::Created, item.data.clone())),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "record.not-an-object",
                "the record is no JSON object",
            )),
        };
        Ok(events.answer(item, taken).await?)
    }
}

/// Where a call begins, if it can.
fn check(breach: Breach, call: &Call, known: &str) -> Result<u64, Error> {
    let named = activities();
    let Some(activity) = named.iter().find(|named| named.name == call.activity) else {
        return Err(match breach {
            Breach::Unknown => crate::attack::panic(),
            Breach::Untyped => {
                Error::new(ErrorKind::Internal, "internal", "there is no such activity")
            }
            Breach::LeaksError => wrong(
                "call.unknown-activity",
                &format!("the activity “{}” is not for {known}", call.activity),
            ),
            _ => wrong("call.unknown-activity", "there is no such activity"),
        });
    };
    if !["things", "others"].contains(&call.object.as_str()) {
        return Err(wrong("call.unknown-object", "there is no such object"));
    }
    for option in &call.options {
        let known = activity
            .options
            .iter()
            .find(|known| known.name == option.name);
        let number = option.value.parse::<u64>();
        match (known, number) {
            (Some(_), Ok(1..=100)) => {}
            _ if breach == Breach::Options => crate::attack::panic(),
            (Some(_), _) => return Err(wrong("option.malformed", "it is no number from 1 to 100")),
            (None, _) => return Err(wrong("option.unknown", "there is no such option")),
        }
    }
    let Some(resume) = &call.resume else {
        return Ok(0);
    };
    if activity.role == Role::Target {
        return Err(wrong("resume.not-a-source", "a target is not resumed"));
    }
    let place = resume
        .strip_prefix(&call.object)
        .and_then(|rest| rest.strip_prefix('@'))
        .and_then(|place| place.parse::<u64>().ok());
    match (place, breach) {
        (Some(place), Breach::Loses) => Ok(place + 1),
        (Some(place), _) => Ok(place),
        (None, Breach::AnyCheckpoint) => Ok(0),
        (None, _) => Err(wrong(
            "resume.malformed",
            "it is no checkpoint of this call",
        )),
    }
}

/// A tenth of a second.
async fn pause() {
    wasip3::clocks::monotonic_clock::wait_for(100_000_000).await;
}
