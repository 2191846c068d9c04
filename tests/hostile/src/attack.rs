//! Attacks on the host.

use crate::reach;
use connector_guest::bindings::integration::connector::log;
use connector_guest::bindings::integration::connector::{cache, files};
use connector_guest::bindings::{wit_future, wit_stream};
use connector_guest::{
    Activity, Call, Connection, Effect, Ended, Event, Events, Input, Item, Role, Taken, secret,
};
use std::collections::HashMap;

/// What an activity of this name does; the call's options say how much.
pub enum Attack {
    /// Computes before the call has begun.
    SpinAtOnce,
    /// Gives an event, then computes for ever.
    Spin,
    /// Computes for ever, in short stretches with a wait in between.
    SpinInTurns,
    /// Asks for memory without end.
    Grow,
    /// Calls itself without end.
    Recurse,
    /// Gives events without end.
    Flood,
    /// Logs without end.
    LogFlood,
    /// Logs lines that are long.
    LogHuge,
    /// Gives one event of so many bytes.
    HugeEvent(usize),
    /// Gives a checkpoint of so many bytes.
    HugeCheckpoint(usize),
    /// Gives some events, then panics.
    PanicMidway,
    /// Takes handles to headers without end.
    Handles,
    /// Makes streams without end.
    Streams,
    /// Gives a text that is no UTF-8.
    NotUtf8,
    /// Gives texts with NUL and other controls.
    Controls,
    /// Takes its input and answers nothing, for ever.
    NeverAnswers,
    /// Never ends, and gives nothing.
    NeverEnds,
    /// Answers a key that it was not given.
    Stranger,
    /// Answers each record twice.
    Twice,
    /// Tries requests.
    Reach(HashMap<String, String>),
    /// Reveals these secrets.
    Reveal(Vec<String>),
    /// Looks up or puts keys of the cache.
    Cache(HashMap<String, String>),
    /// Fills the cache.
    FillCache,
    /// Opens files of these names.
    Files(Vec<String>),
    /// Keeps a file without end.
    FileFlood,
    /// Opens a file and never reads it.
    UnreadFile,
}

impl Attack {
    /// The attack that a call asks for, by its name or by the connection's setting, such
    /// as `instead: huge-event bytes=9`, for doors that offer no such activity.
    pub fn of(connection: &Connection, call: &Call) -> Option<Self> {
        let instead = connection.setting("attack").strip_prefix("instead: ");
        let mut instead = instead.unwrap_or(&call.activity).split(' ');
        let name = instead.next()?;
        let options: HashMap<String, String> = call
            .options
            .iter()
            .map(|option| (option.name.clone(), option.value.clone()))
            .chain(instead.filter_map(|option| {
                let (name, value) = option.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            }))
            .collect();
        let bytes = || options.get("bytes").and_then(|bytes| bytes.parse().ok());
        let names = || {
            let names = options.get("names").map_or("", String::as_str);
            names.split('|').map(str::to_owned).collect()
        };
        Some(match name {
            "spin-at-once" => Self::SpinAtOnce,
            "spin" => Self::Spin,
            "spin-in-turns" => Self::SpinInTurns,
            "grow" => Self::Grow,
            "recurse" => Self::Recurse,
            "flood" => Self::Flood,
            "log-flood" => Self::LogFlood,
            "log-huge" => Self::LogHuge,
            "huge-event" => Self::HugeEvent(bytes()?),
            "huge-checkpoint" => Self::HugeCheckpoint(bytes()?),
            "panic-midway" => Self::PanicMidway,
            "handles" => Self::Handles,
            "streams" => Self::Streams,
            "not-utf8" => Self::NotUtf8,
            "controls" => Self::Controls,
            "never-answers" => Self::NeverAnswers,
            "never-ends" => Self::NeverEnds,
            "stranger" => Self::Stranger,
            "answers-twice" => Self::Twice,
            "reach" => Self::Reach(options),
            "reveal" => Self::Reveal(names()),
            "cache" => Self::Cache(options),
            "fill-cache" => Self::FillCache,
            "files" => Self::Files(names()),
            "file-flood" => Self::FileFlood,
            "unread-file" => Self::UnreadFile,
            _ => return None,
        })
    }

    pub async fn run(self, mut input: Input, events: &mut Events) -> Result<(), Ended> {
        match self {
            Self::SpinAtOnce => spin(),
            Self::Spin => {
                tell(events, "now it computes").await?;
                spin()
            }
            Self::SpinInTurns => loop {
                let until = wasip3::clocks::monotonic_clock::now() + 4_000_000;
                while wasip3::clocks::monotonic_clock::now() < until {}
                wasip3::clocks::monotonic_clock::wait_for(1).await;
            },
            Self::Grow => grow(),
            Self::Recurse => {
                tell(events, &recurse(1).to_string()).await?;
            }
            Self::Flood => loop {
                let page = (0..50).map(|place| Event::Item(item(place, "\"x\":1")));
                events.emit(page.collect()).await?;
            },
            Self::LogFlood => loop {
                let fields = vec![("field".to_owned(), "x".repeat(100)); 100];
                log::write(log::Level::Error, &"flood ".repeat(20), &fields);
            },
            Self::LogHuge => {
                let line = "x".repeat(30 << 20);
                for _ in 0..20 {
                    log::write(log::Level::Info, &line, &[]);
                }
            }
            Self::HugeEvent(bytes) => {
                let filling = format!("\"x\":\"{}\"", "x".repeat(bytes));
                events.emit(vec![Event::Item(item(0, &filling))]).await?;
            }
            Self::HugeCheckpoint(bytes) => {
                events.page(Vec::new(), "x".repeat(bytes)).await?;
            }
            Self::PanicMidway => {
                for place in 0..3 {
                    events
                        .emit(vec![Event::Item(item(place, "\"x\":1"))])
                        .await?;
                }
                panic()
            }
            Self::Handles => {
                let mut kept = Vec::new();
                loop {
                    kept.push(wasip3::http::types::Fields::new());
                    std::hint::black_box(&kept);
                }
            }
            Self::Streams => {
                let mut kept = Vec::new();
                loop {
                    kept.push(wit_stream::new::<u8>());
                    std::hint::black_box(&kept);
                }
            }
            Self::NotUtf8 => tell(events, &not_utf8()).await?,
            Self::Controls => {
                log::write(
                    log::Level::Info,
                    "a\0b\x1b[2Jc\r\nd",
                    &[("\0".to_owned(), "\n".to_owned())],
                );
                let data = "{\"a\\u0000b\":\"\\u001b[2J\"}".to_owned();
                let key = "k\0\r\n\x1b[2J".to_owned();
                events.emit(vec![Event::Item(Item { key, data })]).await?;
                let error = connector_guest::Error::new(
                    connector_guest::ErrorKind::Internal,
                    "a\0b",
                    "first\nsecond\0third\x1b[2J",
                );
                return Err(Ended::Failed(error));
            }
            Self::NeverAnswers => {
                while input.next().await.is_some() {}
                std::future::pending::<()>().await;
            }
            Self::NeverEnds => std::future::pending::<()>().await,
            Self::Stranger => {
                while let Some(given) = input.next().await {
                    let key = format!("not {}", given.key);
                    let taken = Taken::new(Effect::Done, String::new());
                    events.answer(Item { key, ..given }, Ok(taken)).await?;
                }
            }
            Self::Twice => {
                while let Some(given) = input.next().await {
                    for _ in 0..2 {
                        let taken = Taken::new(Effect::Done, String::new());
                        events.answer(given.clone(), Ok(taken)).await?;
                    }
                }
            }
            Self::Reach(options) => {
                let outcome = reach::request(&options).await;
                tell(events, &outcome).await?;
            }
            Self::Reveal(names) => {
                for name in names {
                    let outcome = match secret(&name, "It").await {
                        Ok(found) => format!("{name}: {} bytes", found.len()),
                        Err(error) => format!("{name}: {}", error.code),
                    };
                    tell(events, &outcome).await?;
                }
            }
            Self::Cache(options) => {
                if let (Some(key), Some(value)) = (options.get("put"), options.get("value")) {
                    cache::put(key.clone(), value.clone(), 60_000).await;
                }
                if let Some(key) = options.get("get") {
                    let found = cache::get(key.clone()).await;
                    let found = found.map_or("nothing".to_owned(), |(value, _)| value);
                    tell(events, &found).await?;
                }
            }
            Self::FillCache => {
                for place in 0..2000_u32 {
                    cache::put(format!("key {place}"), "x".repeat(200 << 10), u64::MAX).await;
                }
                cache::put("k".repeat(1 << 20), "x".to_owned(), 60_000).await;
                cache::put("large".to_owned(), "x".repeat(16 << 20), 60_000).await;
                let found = cache::get("large".to_owned()).await.is_some();
                tell(events, if found { "kept" } else { "not kept" }).await?;
            }
            Self::Files(names) => {
                for name in names {
                    let outcome = match files::open(name.clone()).await {
                        Ok(opened) => format!("opened {} bytes", opened.size),
                        Err(error) => format!("{error:?}"),
                    };
                    tell(events, &outcome).await?;
                }
            }
            Self::FileFlood => {
                let (mut writer, contents) = wit_stream::new::<u8>();
                let (settled, whole) = wit_future::new::<Result<(), ()>>(|| Err(()));
                wit_bindgen::spawn_local(async move {
                    loop {
                        if !writer.write_all(vec![0; 1 << 20]).await.is_empty() {
                            break;
                        }
                    }
                    drop(settled);
                });
                let kept = files::keep("flood".to_owned(), contents, whole).await;
                let kept = kept.map(|kept| kept.size);
                tell(events, &format!("{kept:?}")).await?;
            }
            Self::UnreadFile => {
                let opened = files::open("large".to_owned()).await;
                let size = opened.as_ref().map(|opened| opened.size);
                tell(events, &format!("{size:?}")).await?;
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    }
}

fn item(place: u32, filling: &str) -> Item {
    Item {
        key: place.to_string(),
        data: format!("{{{filling}}}"),
    }
}

/// Tells the test what came of something.
async fn tell(events: &mut Events, what: &str) -> Result<(), Ended> {
    let data = serde_json::Value::from(what).to_string();
    let told = Item {
        key: "told".to_owned(),
        data: format!("{{\"told\":{data}}}"),
    };
    Ok(events.emit(vec![Event::Item(told)]).await?)
}

pub fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

pub fn grow() -> ! {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(vec![1; 1 << 20]);
        std::hint::black_box(&kept);
    }
}

#[expect(clippy::panic, reason = "this connector is here to break down")]
pub fn panic() -> ! {
    panic!("on purpose")
}

fn recurse(depth: u64) -> u64 {
    if std::hint::black_box(depth) == u64::MAX {
        return 0;
    }
    let on_stack = std::hint::black_box([depth; 16]);
    1 + recurse(depth + 1) + on_stack[(depth % 16) as usize]
}

/// A text that is none: only the host can find that out.
#[expect(unsafe_code, reason = "a hostile guest is bound by no compiler")]
fn not_utf8() -> String {
    // SAFETY: none; the bytes are used by nothing here, and are given to the host.
    unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe, b'x', 0xc0]) }
}

/// More activities than anyone can want.
pub fn huge_list() -> Vec<Activity> {
    let text = "x".repeat(1000);
    (0..100_000)
        .map(|place| Activity::new(&place.to_string(), &text, &text, Role::Source))
        .collect()
}
