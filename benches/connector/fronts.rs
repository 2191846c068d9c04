//! Pages through nginx: whether HTTP/2 and TLS cost the connector more than they cost
//! native code, and how many connections it opens.
//!
//! Runs alternate in the manner of [`super::reading`], over loopback as there, and
//! through nginx in plain HTTP, over TLS with HTTP/1.1, and over TLS with HTTP/2. What
//! counts is how much further the component is from native code than over loopback.
//! nginx and TLS cost both the same time, which brings their ratio nearer to one, whatever
//! the connector does. Only what a page costs the component beyond native code is free of
//! that, in processor time, which has nothing of nginx in it: so it has a target of its
//! own, and plain HTTP through nginx stands beside TLS.
//!
//! Which protocol was spoken and how many connections there were says nginx. Times are
//! told; another protocol or a connection too many is a failure.

use super::measured::{Loaded, Measured};
use super::nginx::{Nginx, Seen};
use super::reading::Server;
use super::report::{ratios, target};
use super::statistics::Spread;
use super::{Extent, Result, child};
use host_harness::egress::Protocol;
use std::fmt::{self, Display, Formatter};

/// What is held against loopback may be this much greater than there.
const MOST_GREATER: f64 = 1.05;
/// Records of a page.
const PAGE: f64 = 50.0;

/// How much is measured.
struct Amount {
    /// Records of a run: more requests than a connection may carry, so that each run
    /// meets its end, and fewer than two may.
    records: u64,
    /// Rounds of runs, one to warm up not counted.
    rounds: usize,
}

const FULL: Amount = Amount {
    records: 95_000,
    rounds: 11,
};
const QUICK: Amount = Amount {
    records: 55_000,
    rounds: 3,
};

/// How a child speaks to a server over TLS.
pub struct Tls {
    /// The certificate of the authority that vouches for the server, in PEM.
    pub authority: String,
    pub protocol: Protocol,
}

impl Tls {
    /// From the words that a child was given: none for plain HTTP.
    pub fn from_words(words: &[&str]) -> Result<Option<Self>> {
        match words {
            [] => Ok(None),
            [authority, protocol] => Ok(Some(Self {
                authority: std::fs::read_to_string(authority)?,
                protocol: protocol.parse()?,
            })),
            _ => Err(format!("{words:?} are no authority and protocol").into()),
        }
    }
}

/// A way to the pages, and what was measured on it.
struct Route {
    name: &'static str,
    url: String,
    /// As [`Tls::from_words`] takes them.
    tls: Vec<String>,
    /// What nginx must have seen; none where it is not on the way.
    protocol: Option<&'static str>,
    /// Native and component.
    pairs: Vec<(Measured, Measured)>,
    /// Of the same, and of the runs that warm up.
    seen: Vec<(Seen, Seen)>,
}

/// Measures all routes and prints the tables.
pub fn compare(extent: Extent) -> Result<()> {
    let amount = match extent {
        Extent::Full => FULL,
        Extent::Quick => QUICK,
    };
    let home = tempfile::tempdir()?;
    let compiled = home.path().join("compiled").to_string_lossy().into_owned();
    let _: Loaded = child::measure(&["load", &compiled])?;
    let server = Server::start(amount.records, 0)?;
    let mut nginx = Nginx::start(home.path(), server.url())?;
    let mut routes = routes(&server, &nginx);
    for round in 0..=amount.rounds {
        for route in &mut routes {
            eprintln!("{}, round {round} of {}", route.name, amount.rounds);
            route.run(&server, &mut nginx, &compiled, round > 0)?;
        }
    }
    print!("{}", Tables(&routes));
    let excess: Vec<String> = routes.iter().flat_map(Route::excess).collect();
    match excess.is_empty() {
        true => Ok(()),
        false => Err(excess.join("; ").into()),
    }
}

/// Loopback first: the others are held against it.
fn routes(server: &Server, nginx: &Nginx) -> [Route; 4] {
    let tls = |protocol: Protocol| {
        let authority = nginx.authority().to_string_lossy().into_owned();
        vec![authority, protocol.to_string()]
    };
    let route = |name, url, tls, protocol| Route {
        name,
        url,
        tls,
        protocol,
        pairs: Vec::new(),
        seen: Vec::new(),
    };
    [
        route("loopback", server.url().to_owned(), Vec::new(), None),
        route(
            "nginx, plain HTTP/1.1",
            nginx.plain(),
            Vec::new(),
            Some("HTTP/1.1"),
        ),
        route(
            "nginx, TLS, HTTP/1.1",
            nginx.http1(),
            tls(Protocol::Http1),
            Some("HTTP/1.1"),
        ),
        route(
            "nginx, TLS, HTTP/2",
            nginx.http2(),
            tls(Protocol::Auto),
            Some("HTTP/2.0"),
        ),
    ]
}

impl Route {
    /// Reads natively and by the component.
    fn run(
        &mut self,
        server: &Server,
        nginx: &mut Nginx,
        compiled: &str,
        counts: bool,
    ) -> Result<()> {
        let (native, by_native) = self.read(server, nginx, "native", &[])?;
        let (component, by_component) =
            self.read(server, nginx, "component", &[compiled, "query"])?;
        if native.bytes != component.bytes {
            return Err(format!("{}: the two read different records", self.name).into());
        }
        self.seen.extend(by_native.zip(by_component));
        if counts {
            self.pairs.push((native, component));
        }
        Ok(())
    }

    /// Has a child read, and answers what nginx saw of it, too, where it is on the way.
    fn read(
        &self,
        server: &Server,
        nginx: &mut Nginx,
        how: &str,
        what: &[&str],
    ) -> Result<(Measured, Option<Seen>)> {
        let mut words = vec![how, &self.url];
        words.extend(what);
        words.extend(self.tls.iter().map(String::as_str));
        let read = || server.whole(child::measure(&words)?);
        let Some(protocol) = self.protocol else {
            return Ok((read()?, None));
        };
        let (measured, seen) = nginx.watch(read)?;
        if seen.protocols.iter().ne([protocol]) {
            return Err(format!(
                "{}: {how} spoke {:?} in place of {protocol}",
                self.name, seen.protocols
            )
            .into());
        }
        Ok((measured, Some(seen)))
    }

    /// A sentence for each run of the component with more connections than allowed.
    fn excess(&self) -> impl Iterator<Item = String> {
        let runs = self.seen.iter().map(|(_, component)| component);
        runs.filter(|seen| seen.opened > seen.allowed())
            .map(|seen| {
                format!(
                    "{}: the component opened {} connections, of which {} carried a request, \
                     for {} requests, at most {} of them at the same time; {} are allowed",
                    self.name,
                    seen.opened,
                    seen.used,
                    seen.requests,
                    seen.most_under_way,
                    seen.allowed()
                )
            })
    }
}

/// Everything that was measured, loopback first.
struct Tables<'a>(&'a [Route]);

impl Display for Tables<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [loopback, fronts @ ..] = self.0 else {
            return Ok(());
        };
        let (records, bytes) = loopback
            .pairs
            .first()
            .map_or((0, 0), |(run, _)| (run.records, run.bytes));
        writeln!(
            f,
            "{records} records, {:.1} MB of JSON, {} rounds of runs; median (least–greatest):",
            bytes as f64 / 1e6,
            loopback.pairs.len()
        )?;
        self.figure(f, "time", elapsed)?;
        self.figure(f, "processor time", processor)?;
        connections(f, fronts)?;
        writeln!(f, "\n| target | measured | |\n|---|---:|---|")?;
        for front in fronts.iter().filter(|front| !front.tls.is_empty()) {
            let figures = [
                (
                    "time, component / native",
                    against(front, loopback, |pair| ratio(pair, elapsed)),
                ),
                (
                    "processor time of a page beyond native",
                    against(front, loopback, |pair| more(pair, processor)),
                ),
            ];
            for (what, greater) in figures {
                let greater = greater.median;
                target(
                    f,
                    &format!(
                        "{}: {what}, at most {:.0} % above that over loopback",
                        front.name,
                        (MOST_GREATER - 1.0) * 100.0
                    ),
                    &format!("{:+.1} %", (greater - 1.0) * 100.0),
                    greater <= MOST_GREATER,
                )?;
            }
        }
        let excess = fronts.iter().flat_map(Route::excess).count();
        target(
            f,
            "no more connections than allowed",
            &format!("runs with more: {excess}"),
            excess == 0,
        )
    }
}

impl Tables<'_> {
    fn figure(&self, f: &mut Formatter<'_>, what: &str, figure: Figure) -> fmt::Result {
        writeln!(
            f,
            "\n| {what} | native, s | component, s | component / native | that / over loopback | a page beyond native, µs |\n\
             |---|---:|---:|---:|---:|---:|"
        )?;
        let [loopback, ..] = self.0 else {
            return Ok(());
        };
        for route in self.0 {
            let (native, component, times) = ratios(&route.pairs, figure);
            let beyond: Vec<f64> = route.pairs.iter().map(|pair| more(pair, figure)).collect();
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} |",
                route.name,
                native.to_text(3),
                component.to_text(3),
                times.to_text(2),
                against(route, loopback, |pair| ratio(pair, figure)).to_text(2),
                Spread::of(&beyond).to_text(0)
            )?;
        }
        Ok(())
    }
}

/// In seconds.
type Figure = fn(&Measured) -> f64;

fn elapsed(run: &Measured) -> f64 {
    run.elapsed.as_secs_f64()
}

fn processor(run: &Measured) -> f64 {
    run.processor.as_secs_f64()
}

/// How many times as much as native code.
fn ratio((native, component): &(Measured, Measured), figure: Figure) -> f64 {
    figure(component) / figure(native)
}

/// What a page costs the component beyond native code, in microseconds.
fn more((native, component): &(Measured, Measured), figure: Figure) -> f64 {
    let pages = native.records as f64 / PAGE;
    (figure(component) - figure(native)) / pages * 1e6
}

/// How many times as much as over loopback, round by round.
fn against(route: &Route, loopback: &Route, of: impl Fn(&(Measured, Measured)) -> f64) -> Spread {
    let rounds = route.pairs.iter().zip(&loopback.pairs);
    let ratios: Vec<f64> = rounds.map(|(here, there)| of(here) / of(there)).collect();
    Spread::of(&ratios)
}

/// What nginx saw, of the runs that warm up, too.
fn connections(f: &mut Formatter<'_>, fronts: &[Route]) -> fmt::Result {
    writeln!(
        f,
        "\n| connections | protocol | requests | most under way | allowed | opened | of them used |\n\
         |---|---|---:|---:|---:|---:|---:|"
    )?;
    for front in fronts {
        let (native, component): (Vec<_>, Vec<_>) =
            front.seen.iter().map(|(one, other)| (one, other)).unzip();
        for (who, seen) in [("native", native), ("component", component)] {
            let range = |number: fn(&Seen) -> u64| range(seen.iter().map(|seen| number(seen)));
            writeln!(
                f,
                "| {}, {who} | {} | {} | {} | {} | {} | {} |",
                front.name,
                front.protocol.unwrap_or_default(),
                range(|seen| seen.requests),
                range(|seen| seen.most_under_way),
                range(Seen::allowed),
                range(|seen| seen.opened),
                range(|seen| seen.used)
            )?;
        }
    }
    Ok(())
}

/// The least and the greatest, or the one that all are.
fn range(numbers: impl Iterator<Item = u64> + Clone) -> String {
    let (least, greatest) = (numbers.clone().min(), numbers.max());
    match (least, greatest) {
        (Some(least), Some(greatest)) if least < greatest => format!("{least}–{greatest}"),
        (Some(number), _) => number.to_string(),
        _ => "none".to_owned(),
    }
}
