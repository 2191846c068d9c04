//! Waiting for tokens, with many requests and instances at a time.

use super::{SETTLES_IN, TokenStore, cached};
use crate::client::Client;
use crate::contract::{Error, Outcome};
use crate::fake::{Fake, Remote, connection, json, settings};
use crate::host::{Host, Request, Response, SendError};
use crate::settings::Settings;
use crate::test_connection::test_connection;
use futures::future::{join, join_all, poll_immediate};
use proptest::prelude::*;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

const DAY: Duration = secs(86_400);

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A Coupa whose tokens live so long and are refused at first.
#[derive(Clone, Default)]
struct Coupa {
    life: Duration,
    delay: Duration,
    latency: Duration,
    tokens: Vec<Issued>,
    /// Requests that were let in.
    let_in: usize,
    /// The path of which Coupa refuses every request, whatever the token.
    refuses: Option<&'static str>,
    /// How many requests are answered 429 whatever their token.
    busy: usize,
}

#[derive(Clone, Copy)]
struct Issued {
    from: Duration,
    until: Duration,
    /// Whether a request was let in with it.
    used: bool,
}

impl Coupa {
    fn new(life: Duration, delay: Duration) -> Self {
        Self {
            life,
            delay,
            latency: ms(20),
            ..Self::default()
        }
    }

    /// Ends the tokens that are in use.
    fn revoke(&mut self) {
        for token in self.tokens.iter_mut().filter(|token| token.used) {
            token.until = Duration::ZERO;
        }
    }
}

impl Remote for Coupa {
    fn respond(&mut self, request: &Request, now: Duration) -> Result<Response, SendError> {
        if request.path_and_query == "/oauth2/token" {
            self.tokens.push(Issued {
                from: now + self.delay,
                until: now + self.life,
                used: false,
            });
            let granted = format!(
                r#"{{"access_token":"{}","expires_in":{}}}"#,
                self.tokens.len() - 1,
                self.life.as_secs()
            );
            return Ok(json(200, granted));
        }
        if self.busy > 0 {
            self.busy -= 1;
            return Ok(json(429, ""));
        }
        let path = request.path_and_query.split('?').next();
        let sent = request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization");
        let good = sent
            .and_then(|(_, value)| value.strip_prefix("Bearer ")?.parse::<usize>().ok())
            .and_then(|token| self.tokens.get_mut(token))
            .filter(|token| (token.from..token.until).contains(&now));
        let Some(token) = good.filter(|_| self.refuses.is_none() || path != self.refuses) else {
            return Ok(json(401, ""));
        };
        token.used = true;
        self.let_in += 1;
        Ok(json(200, "[]"))
    }

    fn latency(&self) -> Duration {
        self.latency
    }
}

fn oauth() -> Settings {
    settings(&[("client-id", "id")])
}

fn client(coupa: &Fake<Coupa>, tokens: &Rc<TokenStore>) -> Client<Fake<Coupa>> {
    Client::new(Rc::new(coupa.clone()), oauth(), Rc::clone(tokens))
}

async fn get(client: &Client<Fake<Coupa>>, path: &str) -> Result<(), Error> {
    client.get(format!("/api/{path}"), |_| Ok(())).await
}

/// So many requests at a time in each of some instances, each sent again and again.
fn send(coupa: &Fake<Coupa>, instances: usize, at_a_time: usize, each: usize) -> Vec<Error> {
    let stores: Vec<_> = (0..instances)
        .map(|_| Rc::<TokenStore>::default())
        .collect();
    let calls = stores.iter().flat_map(|tokens| {
        (0..at_a_time).map(|_| {
            let client = client(coupa, tokens);
            async move {
                let mut failed = Vec::new();
                for _ in 0..each {
                    failed.extend(get(&client, "suppliers").await.err());
                }
                failed
            }
        })
    });
    coupa.run(join_all(calls)).concat()
}

fn minted(coupa: &Fake<Coupa>) -> usize {
    coupa.remote.borrow().tokens.len()
}

#[test]
fn a_new_token_is_waited_for_once() {
    let coupa = Fake::new(Coupa::new(DAY, secs(3)));
    assert_eq!(send(&coupa, 1, 16, 2), []);
    assert_eq!(minted(&coupa), 1);
    assert!(coupa.clock.now() < secs(4), "{:?}", coupa.clock.now());
    // Each of them once, then the first of the line some times, then all the rest.
    let sent = coupa.sent.borrow().len();
    assert!(sent <= 1 + 16 + 8 + 32, "{sent}");
}

#[test]
fn a_token_that_is_good_at_once_costs_nothing() {
    let coupa = Fake::new(Coupa::new(DAY, Duration::ZERO));
    assert_eq!(send(&coupa, 1, 16, 2), []);
    assert_eq!(coupa.sent.borrow().len(), 1 + 32);
    assert_eq!(coupa.clock.now(), ms(6 * 20));
}

#[test]
fn credentials_that_are_never_accepted_end_after_the_time_to_settle() {
    for (life, instances, most_minted) in
        [(DAY, 1, 1), (DAY, 5, 5), (secs(2), 1, 8), (secs(0), 1, 14)]
    {
        let coupa = Fake::new(Coupa::new(life, DAY));
        let failed = send(&coupa, instances, 16, 1);
        assert_eq!(failed.len(), instances * 16);
        assert!(
            failed
                .iter()
                .all(|error| error.code == "coupa.token-refused")
        );
        let took = coupa.clock.now();
        assert!(
            (SETTLES_IN..SETTLES_IN * 3 / 2).contains(&took),
            "{life:?}: {took:?}"
        );
        let minted = minted(&coupa);
        assert!(minted <= most_minted, "{life:?}: {minted}");
        assert!(coupa.cache.borrow().is_empty(), "{life:?}");
    }
}

#[test]
fn a_token_that_is_no_longer_good_is_replaced_once_for_all() {
    // Soon after it was minted, and when it has long had its time.
    for (pause, instances) in [(ms(1), 1), (secs(7000), 1), (ms(1), 4), (secs(7000), 4)] {
        let coupa = Fake::new(Coupa::new(DAY, Duration::ZERO));
        assert_eq!(send(&coupa, 1, 1, 1), []);
        coupa.run(coupa.clock.sleep(pause));
        coupa.remote.borrow_mut().revoke();
        let before = coupa.clock.now();
        assert_eq!(send(&coupa, instances, 8, 1), []);
        // There, and there for the token, and for one of them, and for the others.
        assert!(coupa.clock.now() - before <= ms(4 * 40), "{pause:?}");
        let minted = minted(&coupa);
        assert!(minted <= 1 + instances, "{pause:?}: {minted}");
    }
}

#[test]
fn a_token_that_another_instance_got_is_taken_before_a_refusal_counts() {
    let coupa = Fake::new(Coupa::new(DAY, Duration::ZERO));
    let (one, other) = (Rc::<TokenStore>::default(), Rc::<TokenStore>::default());
    let (one, other) = (client(&coupa, &one), client(&coupa, &other));
    for client in [&one, &other] {
        coupa.run(get(client, "suppliers")).unwrap();
    }
    assert_eq!(minted(&coupa), 1);
    coupa.run(coupa.clock.sleep(secs(60)));
    coupa.remote.borrow_mut().revoke();
    for client in [&one, &other] {
        coupa.run(get(client, "suppliers")).unwrap();
    }
    assert_eq!(minted(&coupa), 2);
}

/// Its own clock begins with each instance, and a token may be older than that.
#[test]
fn a_cached_token_has_the_time_to_settle_since_it_was_minted() {
    let coupa = Fake::new(Coupa::new(DAY, DAY));
    let first = coupa.run(client(&coupa, &Rc::default()).scopes());
    assert_eq!(first.unwrap(), None);
    coupa.run(coupa.clock.sleep(secs(6)));
    let later = coupa.started_now();
    let error = later.run(get(&client(&later, &Rc::default()), "suppliers"));
    assert_eq!(error.unwrap_err().code, "coupa.token-refused");
    let took = later.now();
    assert!((secs(3)..secs(5)).contains(&took), "{took:?}");
    assert_eq!(minted(&coupa), 1);
}

#[test]
fn what_earlier_versions_cached_is_read_and_replaced_where_it_is_refused() {
    let coupa = Fake::new(Coupa::new(DAY, Duration::ZERO));
    let key = cached::key(&oauth());
    let entry = |token: &str| format!(r#"{{"access_token":"{token}","scope":null}}"#);
    coupa.run(coupa.cache_put(&key, entry("0"), secs(60)));
    coupa.remote.borrow_mut().tokens.push(Issued {
        from: Duration::ZERO,
        until: DAY,
        used: false,
    });
    assert_eq!(send(&coupa, 1, 4, 1), []);
    assert_eq!(minted(&coupa), 1);

    coupa.run(coupa.cache_put(&key, entry("no-more"), secs(60)));
    let before = coupa.clock.now();
    assert_eq!(send(&coupa, 1, 4, 1), []);
    assert_eq!(minted(&coupa), 2);
    assert!(coupa.clock.now() - before < ms(200));
}

#[test]
fn a_request_that_is_refused_by_itself_ends_alone() {
    let coupa = Fake::new(Coupa {
        refuses: Some("/api/invoices"),
        ..Coupa::new(DAY, ms(100))
    });
    let tokens = Rc::<TokenStore>::default();
    let client = client(&coupa, &tokens);
    let others = async {
        for _ in 0..300 {
            get(&client, "suppliers").await.unwrap();
        }
        coupa.clock.now()
    };
    let (refused, others_took) = coupa.run(join(get(&client, "invoices"), others));
    assert_eq!(refused.unwrap_err().code, "coupa.token-refused");
    assert!(others_took < secs(14), "{others_took:?}");
    let took = coupa.clock.now();
    assert!((SETTLES_IN..SETTLES_IN * 2).contains(&took), "{took:?}");
    assert!(minted(&coupa) <= 3, "{}", minted(&coupa));
}

#[test]
fn answers_that_say_nothing_of_the_token_are_no_refusals() {
    // Each token is used up while Coupa asks to slow down.
    let coupa = Fake::new(Coupa {
        busy: 8,
        ..Coupa::new(secs(2), ms(300))
    });
    assert_eq!(send(&coupa, 1, 4, 3), []);
}

#[test]
fn an_api_key_that_is_refused_fails_at_once() {
    let coupa = Fake::new(Coupa::new(DAY, Duration::ZERO));
    let settings = settings(&[("authentication", "api-key")]);
    let client = Client::new(Rc::new(coupa.clone()), settings, Rc::default());
    let error = coupa.run(get(&client, "suppliers")).unwrap_err();
    assert_eq!(error.code, "coupa.api-key-refused");
    assert_eq!(coupa.sent.borrow().len(), 1);
}

#[test]
fn a_call_that_is_dropped_or_stands_still_keeps_nobody_waiting() {
    for dropped in [true, false] {
        let coupa = Fake::new(Coupa::new(DAY, secs(2)));
        let tokens = Rc::<TokenStore>::default();
        let (one, other) = (client(&coupa, &tokens), client(&coupa, &tokens));
        let mut stands_still = Box::pin(get(&one, "suppliers"));
        // Until it waits as the first of the line.
        for _ in 0..6 {
            assert_eq!(coupa.run(poll_immediate(&mut stands_still)), None);
            coupa.run(coupa.clock.sleep(ms(20)));
        }
        let stands_still = (!dropped).then_some(stands_still);
        coupa.run(get(&other, "suppliers")).unwrap();
        let took = coupa.clock.now();
        let most = if dropped {
            secs(4)
        } else {
            SETTLES_IN + secs(4)
        };
        assert!(took < most, "{took:?}");
        if let Some(one) = stands_still {
            coupa.run(pin!(one)).unwrap();
        }
        assert_eq!(minted(&coupa), 1);
    }
}

#[test]
fn a_test_waits_in_the_same_way_and_uses_no_cached_token() {
    let connection = connection(&[("client-id", "id")]);
    for (delay, passes) in [(secs(9), true), (DAY, false)] {
        let coupa = Fake::new(Coupa::new(DAY, delay));
        let checks = coupa.run(test_connection(Rc::new(coupa.clone()), &connection));
        match &checks.last().unwrap().outcome {
            Outcome::Failed(error) if !passes => assert_eq!(error.code, "coupa.token-refused"),
            Outcome::Passed(_) if passes => {}
            other => panic!("{delay:?}: {other:?}"),
        }
        let took = coupa.clock.now();
        assert!((secs(9)..secs(11)).contains(&took), "{took:?}");
        assert_eq!(minted(&coupa), 1);
        assert!(coupa.cache.borrow().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However many are under way: what gets through one at a time gets through, and each
    /// instance mints no more tokens than time uses up.
    #[test]
    fn what_gets_through_one_at_a_time_gets_through_together(
        life in 1_u64..20,
        delay in 0_u64..12_000,
        latency in 1_u64..400,
        instances in 1_usize..4,
        at_a_time in 1_usize..20,
        each in 1_usize..4,
    ) {
        let new = || Fake::new(Coupa {
            latency: ms(latency),
            ..Coupa::new(secs(life), ms(delay))
        });
        let alone = new();
        let failed_alone = send(&alone, 1, 1, at_a_time * each).len();
        let coupa = new();
        let failed = send(&coupa, instances, at_a_time, each);
        if failed_alone == 0 {
            prop_assert!(failed.is_empty(), "{}", failed[0]);
        }
        for (coupa, instances, failed) in
            [(&alone, 1, failed_alone), (&coupa, instances, failed.len())]
        {
            let took = coupa.clock.now().as_secs_f64();
            let used_up = 1.0 + took / (life as f64 * 5.0 / 6.0);
            // Who gives up has no use for the token that it gave up with.
            let most = (used_up * instances as f64).floor() as usize + failed;
            let minted = minted(coupa);
            prop_assert!(minted <= most, "{minted} in {took} s");
        }
    }

    /// Also where tokens are revoked meanwhile.
    #[test]
    fn tokens_that_are_revoked_are_replaced(
        delay in 0_u64..4_000,
        at in prop::collection::vec(0_u64..60_000, 0..4),
        instances in 1_usize..4,
        at_a_time in 1_usize..9,
    ) {
        let coupa = Fake::new(Coupa::new(DAY, ms(delay)));
        let revoking = join_all(at.iter().map(|at| {
            let coupa = coupa.clone();
            async move {
                coupa.clock.sleep(ms(*at)).await;
                coupa.remote.borrow_mut().revoke();
            }
        }));
        let stores: Vec<_> = (0..instances).map(|_| Rc::<TokenStore>::default()).collect();
        let sending = join_all(stores.iter().flat_map(|tokens| {
            (0..at_a_time).map(|_| {
                let (coupa, client) = (coupa.clone(), client(&coupa, tokens));
                async move {
                    for _ in 0..60 {
                        get(&client, "suppliers").await?;
                        coupa.clock.sleep(secs(1)).await;
                    }
                    Ok::<_, Error>(())
                }
            })
        }));
        let (_, sent) = coupa.run(join(revoking, sending));
        for ended in sent {
            prop_assert!(ended.is_ok(), "{:?}", ended);
        }
        let minted = minted(&coupa);
        prop_assert!(minted <= instances * (1 + 2 * at.len()), "{minted}");
    }
}
