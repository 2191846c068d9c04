//! A host for unit tests: something that stands in for Coupa, a cache, and a clock that
//! goes on only when everybody waits, so that hours of waiting take no time.

use crate::contract::{Connection, Setting};
use crate::host::{Body, Host, LogLevel, Request, Response, SecretError, SendError};
use crate::settings::Settings;
use percent_encoding::percent_decode_str;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// What stands in for Coupa.
pub trait Remote: 'static {
    /// Answers a request that arrives now.
    fn respond(&mut self, request: &Request, now: Duration) -> Result<Response, SendError>;

    /// How long anything is on its way, there and back each.
    fn latency(&self) -> Duration {
        Duration::ZERO
    }

    /// Seconds since 1970.
    fn unix_time(&self) -> i64 {
        0
    }
}

/// What stands in for a Coupa that only gives away JSON.
pub trait Answers: 'static {
    /// Answers a request for a path, with the parameters of its query.
    fn answer(&mut self, path: &str, query: &BTreeMap<String, String>) -> (u16, String);
    /// Seconds since 1970.
    fn now(&self) -> i64;
}

impl<A: Answers> Remote for A {
    fn respond(&mut self, request: &Request, _: Duration) -> Result<Response, SendError> {
        assert!(matches!(request.body, Body::Bytes(_)));
        let (path, query) = parts(request);
        let (status, body) = self.answer(path, &query);
        Ok(json(status, body))
    }

    fn unix_time(&self) -> i64 {
        Answers::now(self)
    }
}

/// The path of a request, and the parameters of its query.
pub fn parts(request: &Request) -> (&str, BTreeMap<String, String>) {
    let whole = request.path_and_query.as_str();
    let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
    let plain = |text| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let query = query
        .split('&')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (plain(name), plain(value)));
    (path, query.collect())
}

/// An answer of JSON.
pub fn json(status: u16, body: impl Into<String>) -> Response {
    Response {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.into().into_bytes(),
        ..Response::default()
    }
}

/// A connection to the remote.
pub fn connection(settings: &[(&str, &str)]) -> Connection {
    let host = [("host", "https://fake.example")];
    let settings = host.iter().chain(settings);
    Connection {
        name: "fake".to_owned(),
        settings: settings.map(|(name, value)| setting(name, value)).collect(),
    }
}

/// One of a connection's settings, or of a call's options.
pub fn setting(name: &str, value: &str) -> Setting {
    Setting {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

/// Its settings.
pub fn settings(settings: &[(&str, &str)]) -> Settings {
    Settings::check(&connection(settings)).unwrap()
}

/// What was sent, path and query, or said.
pub type Sent = Rc<RefCell<Vec<String>>>;

/// A host. A clone is another side of the same.
pub struct Fake<R> {
    pub remote: Rc<RefCell<R>>,
    pub sent: Sent,
    /// What was logged as a warning.
    pub warned: Sent,
    /// By key: the value, and until when it is good.
    pub cache: Rc<RefCell<BTreeMap<String, (String, Duration)>>>,
    pub clock: Clock,
    /// An instance's clock begins with it.
    began: Duration,
}

impl<R> Clone for Fake<R> {
    fn clone(&self) -> Self {
        Self {
            remote: Rc::clone(&self.remote),
            sent: Rc::clone(&self.sent),
            warned: Rc::clone(&self.warned),
            cache: Rc::clone(&self.cache),
            clock: self.clock.clone(),
            began: self.began,
        }
    }
}

impl<R> Fake<R> {
    pub fn new(remote: R) -> Self {
        Self {
            remote: Rc::new(RefCell::new(remote)),
            sent: Sent::default(),
            warned: Sent::default(),
            cache: Rc::default(),
            clock: Clock::default(),
            began: Duration::ZERO,
        }
    }

    /// The same, as an instance sees it that is started now.
    pub fn started_now(&self) -> Self {
        Self {
            began: self.clock.now(),
            ..self.clone()
        }
    }

    /// Does something to its end, the clock going on as it must.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.clock.run(future)
    }
}

impl<R: Remote> Host for Fake<R> {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        self.sent.borrow_mut().push(request.path_and_query.clone());
        assert!(self.sent.borrow().len() < 100_000, "this never ends");
        let latency = self.remote.borrow().latency();
        self.clock.sleep(latency).await;
        let now = self.clock.now();
        let response = self.remote.borrow_mut().respond(&request, now);
        self.clock.sleep(latency).await;
        response.map(|response| Response {
            came_at: self.unix_time(),
            ..response
        })
    }
    async fn sleep(&self, how_long: Duration) {
        self.clock.sleep(how_long).await;
    }
    fn now(&self) -> Duration {
        self.clock.now() - self.began
    }
    fn unix_time(&self) -> i64 {
        self.remote.borrow().unix_time()
    }
    async fn reveal(&self, _: &str) -> Result<String, SecretError> {
        Ok("secret".to_owned())
    }
    async fn cache_get(&self, key: &str) -> Option<(String, Duration)> {
        let (value, until) = self.cache.borrow().get(key)?.clone();
        let left = until.checked_sub(self.clock.now())?;
        (left > Duration::ZERO).then_some((value, left))
    }
    async fn cache_put(&self, key: &str, value: String, ttl: Duration) {
        let until = self.clock.now() + ttl;
        self.cache
            .borrow_mut()
            .insert(key.to_owned(), (value, until));
    }
    async fn cache_remove(&self, key: &str) {
        self.cache.borrow_mut().remove(key);
    }
    fn log(&self, level: LogLevel, message: &str, _: &[(&str, String)]) {
        if level == LogLevel::Warn {
            self.warned.borrow_mut().push(message.to_owned());
        }
    }
}

/// Time, which goes on only when everybody waits.
#[derive(Clone, Default)]
pub struct Clock(Rc<Time>);

#[derive(Default)]
struct Time {
    now: Cell<Duration>,
    /// Who is to be woken, by when and in the order they came.
    sleepers: RefCell<BTreeMap<(Duration, u64), Waker>>,
    slept: Cell<u64>,
}

impl Clock {
    pub fn now(&self) -> Duration {
        self.0.now.get()
    }

    /// Waits.
    pub async fn sleep(&self, how_long: Duration) {
        let until = self.now() + how_long;
        let place = (until, self.0.slept.replace(self.0.slept.get() + 1));
        std::future::poll_fn(|context| {
            if self.now() >= until {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            self.0.sleepers.borrow_mut().insert(place, waker);
            Poll::Pending
        })
        .await;
    }

    /// Does something to its end.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut future = pin!(future);
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                let context = &mut Context::from_waker(&waker);
                if let Poll::Ready(output) = future.as_mut().poll(context) {
                    return output;
                }
            }
            let next = self.0.sleepers.borrow_mut().pop_first();
            let ((until, _), sleeper) = next.expect("everybody waits for another");
            // Who gave up sleeping was woken by something else.
            self.0.now.set(until.max(self.now()));
            sleeper.wake();
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
