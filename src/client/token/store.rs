//! The token of an instance, and the waiting for it.
//!
//! Requests that were refused with a token stand in line, and only the first of them
//! tries it again, at certain ages of the token; where it is refused once more it goes to
//! the end of the line, for the refusal may be its own. When one gets through, all of
//! them go; when the token has had its time, all of them end. Before a refusal counts, it
//! is asked whether there is a newer token: another request of this instance may have got
//! one, or another instance, which the host's cache shows. So however many requests are
//! under way, no more tokens are minted than one request at a time would need.

use super::line::{Line, Turn};
use super::{SETTLES_IN, SHARE_OF_LIFE_UNUSED, Token, cached, mint};
use crate::contract::Error;
use crate::host::Host;
use crate::settings::{Authentication, Settings};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// A token that was refused when it was new is tried again at this age, and then each
/// time at an age that is a quarter higher and this.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// But so often at least while it lives.
const LEAST_TRIES: u32 = 10;

/// The token of an instance, for one connection.
#[derive(Default)]
pub struct TokenStore {
    /// Of those who need a token: the first asks for one.
    asking: Rc<Line>,
    /// Of those who were refused: the first tries whether the token is good now.
    trying: Rc<Line>,
    state: RefCell<State>,
    /// Whether it keeps to its own token, and to none of other instances.
    alone: bool,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Requests that were refused and have not ended.
    in_line: usize,
    /// How long the line has waited since something last spoke for the credentials.
    waited: Duration,
    /// How often the whole line gave up.
    given_up: u64,
    /// When a token was last replaced that Coupa had taken before.
    replaced_at: Option<Duration>,
    /// The token that was given up last. The cache may show it a moment longer.
    gone: Option<Token>,
}

struct Held {
    token: Token,
    standing: Standing,
    since: Duration,
    /// When the first of the line tries it.
    try_at: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    New,
    /// It was refused before it had its time to settle.
    Settling,
    Accepted,
}

/// What a request does that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is sent again at once.
    Again,
    /// It is sent again after this time.
    After(Duration),
    /// It has failed: a token was granted and is not accepted.
    GiveUp,
}

/// What a request has been through that was refused. Dropping it lets the next one go.
#[derive(Default)]
pub struct Patience<'a> {
    store: Option<&'a TokenStore>,
    /// Where it is the first of the line.
    turn: Option<Turn>,
    /// How long it has waited with tokens that others get through with.
    waited: Duration,
}

impl<'a> Patience<'a> {
    /// The request got an answer that is none about its token.
    pub fn step_aside(&mut self) {
        self.turn = None;
    }

    fn stand_in_line(&mut self, store: &'a TokenStore) {
        if self.store.is_some() {
            return;
        }
        self.store = Some(store);
        let mut state = store.state.borrow_mut();
        if state.in_line == 0 {
            // What an earlier line waited for is long past.
            state.waited = Duration::ZERO;
            if let Some(held) = &mut state.held
                && held.standing == Standing::Settling
            {
                held.standing = Standing::New;
            }
        }
        state.in_line += 1;
    }
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        if let Some(store) = self.store {
            store.state.borrow_mut().in_line -= 1;
        }
    }
}

impl TokenStore {
    /// A store that keeps to this token and those that it mints, and shares none with
    /// other instances.
    pub fn alone(host: &impl Host, token: Token) -> Self {
        let store = Self {
            alone: true,
            ..Self::default()
        };
        store.hold(token, host.now());
        store
    }

    /// A token that is still good: the one held, the cached one, or a new one.
    /// `counted` is called for each request sent.
    ///
    /// # Errors
    /// If no token is granted.
    pub async fn valid<H: Host>(
        &self,
        host: &H,
        settings: &Settings,
        counted: impl Fn(),
    ) -> Result<Token, Error> {
        let asked_at = host.now();
        if let Some(token) = self.good(asked_at, None) {
            return Ok(token);
        }
        let _turn = self.asking.turn(host, settings.timeout).await;
        // What came while it waited is as new as what it would get.
        if let Some(token) = self.good(host.now(), Some(asked_at)) {
            return Ok(token);
        }
        if let Some(token) = self.newer_in_cache(host, settings).await
            && token.renew_at > host.now()
        {
            return Ok(self.hold(token, host.now()));
        }
        counted();
        let scopes = match &settings.authentication {
            Authentication::OAuth { scopes, .. } => scopes.as_slice(),
            Authentication::ApiKey => &[],
        };
        let token = mint(host, settings, scopes).await?;
        if !self.alone {
            cached::put(host, settings, &token).await;
        }
        Ok(self.hold(token, host.now()))
    }

    /// Coupa took this token. The first time, other instances learn it as well.
    pub async fn accepted<H: Host>(&self, host: &H, settings: &Settings, token: &Token) {
        if !self.mark_accepted(token, host.now()) || self.alone {
            return;
        }
        if let Some(mut cached) = cached::get(host, settings).await
            && cached.is(token)
            && !cached.accepted
        {
            cached.accepted = true;
            cached::put(host, settings, &cached).await;
        }
    }

    /// An answer came that does not tell whether the token is good.
    pub fn undecided(&self) {
        self.state.borrow_mut().waited = Duration::ZERO;
    }

    /// What a request does that was refused with this token.
    pub async fn refused<'a, H: Host>(
        &'a self,
        host: &H,
        settings: &Settings,
        token: &Token,
        patience: &mut Patience<'a>,
    ) -> Next {
        let at = host.now();
        patience.stand_in_line(self);
        let given_up = self.note_refusal(token, at);
        // To the end of the line, which may be where it was.
        patience.step_aside();
        patience.turn = self.trying.turn(host, SETTLES_IN).await;
        // Others may have found out meanwhile.
        if !self.has_got_through(token) {
            if self.state.borrow().given_up > given_up {
                patience.step_aside();
                return Next::GiveUp;
            }
            if self.holds(token) {
                self.learn_from_cache(host, settings, token).await;
            }
        }
        let next = self.next(token, at, host.now(), patience);
        if let Some(gone) = self.gone()
            && !self.alone
            && let Some(cached) = cached::get(host, settings).await
            && cached.is(&gone)
        {
            cached::remove(host, settings).await;
        }
        next
    }

    /// The decision, when the request is the first of the line and knows what others know.
    fn next(
        &self,
        token: &Token,
        at: Duration,
        now: Duration,
        patience: &mut Patience<'_>,
    ) -> Next {
        let mut state = self.state.borrow_mut();
        let State {
            held,
            waited,
            given_up,
            replaced_at,
            gone,
            ..
        } = &mut *state;
        let Some(current) = held.as_ref() else {
            return Next::Again;
        };
        let is_another = !current.token.is(token);
        match current.standing {
            Standing::Accepted if is_another || !token.accepted => {
                patience.step_aside();
                Next::Again
            }
            Standing::Accepted if now >= current.token.expires_at => Next::Again,
            // It was good and is no more. A second time so soon, it is this request that
            // is refused and not the token, or not all of Coupa's servers know it yet.
            Standing::Accepted => {
                let soon = replaced_at.is_some_and(|last| now.saturating_sub(last) < SETTLES_IN);
                if !soon {
                    *replaced_at = Some(now);
                    *gone = held.take().map(|held| held.token);
                    return Next::Again;
                }
                patience.step_aside();
                if patience.waited >= SETTLES_IN {
                    return Next::GiveUp;
                }
                let wait = longer_wait(patience.waited);
                patience.waited += wait;
                Next::After(wait)
            }
            Standing::New if is_another => Next::Again,
            // It had its time before anybody tried it.
            Standing::New => {
                *gone = held.take().map(|held| held.token);
                Next::Again
            }
            Standing::Settling => {
                let had_its_time = !is_another && at >= current.token.settles_at;
                if had_its_time || *waited >= SETTLES_IN {
                    *gone = held.take().map(|held| held.token);
                    *given_up += 1;
                    *waited = Duration::ZERO;
                    patience.step_aside();
                    return Next::GiveUp;
                }
                let wait = match now >= current.token.expires_at {
                    true => longer_wait(*waited),
                    false => current.try_at.saturating_sub(now),
                };
                *waited += wait;
                Next::After(wait)
            }
        }
    }

    /// The token that is held, where it is not to be renewed yet or came since a moment.
    fn good(&self, now: Duration, came_since: Option<Duration>) -> Option<Token> {
        let state = self.state.borrow();
        let held = state.held.as_ref()?;
        let until = match held.standing {
            // To renew it would only mean to wait anew.
            Standing::Settling => held.token.expires_at,
            Standing::New | Standing::Accepted => held.token.renew_at,
        };
        let is_good = now < until || came_since.is_some_and(|moment| held.since >= moment);
        is_good.then(|| held.token.clone())
    }

    fn hold(&self, token: Token, now: Duration) -> Token {
        self.state.borrow_mut().held = Some(Held {
            standing: match token.accepted {
                true => Standing::Accepted,
                false => Standing::New,
            },
            since: now,
            try_at: now,
            token: token.clone(),
        });
        token
    }

    /// The token that was given up and that no other has replaced yet.
    fn gone(&self) -> Option<Token> {
        let state = self.state.borrow();
        match state.held {
            Some(_) => None,
            None => state.gone.clone(),
        }
    }

    fn holds(&self, token: &Token) -> bool {
        let state = self.state.borrow();
        state.held.as_ref().is_some_and(|held| held.token.is(token))
    }

    /// Whether a token is held that Coupa took, and that the one who was refused with
    /// `token` has not tried since.
    fn has_got_through(&self, token: &Token) -> bool {
        let state = self.state.borrow();
        state.held.as_ref().is_some_and(|held| {
            held.standing == Standing::Accepted && !(held.token.is(token) && token.accepted)
        })
    }

    /// Whether that is new.
    fn mark_accepted(&self, token: &Token, now: Duration) -> bool {
        let mut state = self.state.borrow_mut();
        state.waited = Duration::ZERO;
        let Some(held) = state.held.as_mut().filter(|held| held.token.is(token)) else {
            return false;
        };
        if held.standing == Standing::Accepted {
            return false;
        }
        held.standing = Standing::Accepted;
        held.token.accepted = true;
        // What took most of its life to settle is of use for most of the rest.
        let left = held.token.expires_at.saturating_sub(now);
        let renew_at = held.token.expires_at - left / SHARE_OF_LIFE_UNUSED;
        held.token.renew_at = held.token.renew_at.max(renew_at);
        true
    }

    /// How often the line has given up before.
    fn note_refusal(&self, token: &Token, at: Duration) -> u64 {
        let mut state = self.state.borrow_mut();
        if let Some(held) = state.held.as_mut().filter(|held| held.token.is(token))
            && held.standing != Standing::Accepted
            && at < held.token.settles_at
        {
            held.standing = Standing::Settling;
            held.try_at = next_try(&held.token, at);
        }
        state.given_up
    }

    /// Takes a newer token from the cache, or learns that this one was taken elsewhere.
    async fn learn_from_cache<H: Host>(&self, host: &H, settings: &Settings, token: &Token) {
        if self.alone {
            return;
        }
        let Some(cached) = cached::get(host, settings).await else {
            return;
        };
        let now = host.now();
        if !self.holds(token) {
            return;
        }
        if cached.is(token) {
            if cached.accepted {
                self.mark_accepted(token, now);
            }
        } else if cached.is_newer_than(token) && cached.expires_at > now {
            self.hold(cached, now);
        }
    }

    /// A token in the cache that is newer than the one held.
    async fn newer_in_cache<H: Host>(&self, host: &H, settings: &Settings) -> Option<Token> {
        if self.alone {
            return None;
        }
        let cached = cached::get(host, settings).await?;
        let state = self.state.borrow();
        let is_gone = state.gone.as_ref().is_some_and(|gone| gone.is(&cached));
        let is_newer = match &state.held {
            Some(held) => cached.is_newer_than(&held.token),
            None => !is_gone,
        };
        is_newer.then_some(cached)
    }
}

/// When a token that was refused before it had its time is tried again. The ages at which
/// that is are the same whoever tries; the last is when it has had its time.
fn next_try(token: &Token, now: Duration) -> Duration {
    let age = SETTLES_IN.saturating_sub(token.settles_at.saturating_sub(now));
    let longest = token.life.map_or(SETTLES_IN, |life| life / LEAST_TRIES);
    let mut next = FIRST_WAIT;
    while next <= age {
        next += longer_wait(next).min(longest.max(FIRST_WAIT));
    }
    let at = now.saturating_add(next.saturating_sub(age));
    at.min(token.settles_at).min(token.expires_at)
}

/// The next wait after having waited so long.
fn longer_wait(waited: Duration) -> Duration {
    FIRST_WAIT + waited / 4
}
