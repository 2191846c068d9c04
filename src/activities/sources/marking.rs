//! Marks what was delivered as exported, and nothing newer.
//!
//! Coupa marks a record, not a version of it: a mark that comes after a revision hides the
//! revision from every later export. So it is asked before whether the records are still
//! what was delivered; and of what a mark answers, whether a revision came between the
//! two. A mark that hides one is taken back.
//!
//! Whether a mark by itself counts as a change of the record, so that `updated-at` moves,
//! is not documented. Where the time has moved and no version has, the content decides.

use super::version::{Delivered, FIELDS, Shown, Verdict};
use crate::activities::targets::record_in;
use crate::client::{Client, Exchange, Repeat};
use crate::contract::{Error, ErrorKind};
use crate::host::{Host, LogLevel, Method};
use crate::query::{Fields, Plan, id_in_key, read_again};
use futures::{StreamExt, stream};

/// Records marked at the same time.
const AT_ONCE: usize = 4;

/// A record that was delivered.
#[derive(Debug)]
pub struct Told {
    pub id: i64,
    /// None where an earlier version of this connector delivered it.
    pub delivered: Option<Delivered>,
}

impl Told {
    fn has_time(&self) -> bool {
        self.delivered.as_ref().is_none_or(Delivered::has_time)
    }

    fn against(&self, now: &Shown, whole: bool) -> Verdict {
        let delivered = self.delivered.as_ref();
        delivered.map_or(Verdict::Same, |delivered| delivered.against(now, whole))
    }
}

/// The fields that a mark is to answer, and that tell whether it is of the version that
/// was delivered.
pub fn fields(record_type: &str) -> Fields {
    let mut fields = Fields::id();
    fields.ensure("exported");
    ensure_versions(&mut fields, record_type);
    fields
}

/// Reads as well what tells one version of a record from another.
pub fn ensure_versions(fields: &mut Fields, record_type: &str) {
    let known = |name: &&str| coupa_catalog::field(record_type, name).is_some();
    for name in FIELDS.into_iter().filter(known) {
        fields.ensure(&name.replace('-', "_"));
    }
}

/// The URL that marks a record, or takes its mark away.
pub fn url(path: &str, id: &str, exported: bool, fields: &Fields) -> String {
    format!("{path}/{id}?exported={exported}&{}", fields.to_query())
}

/// Marks the records of one page.
pub struct Marking<'a, H> {
    pub client: &'a Client<H>,
    /// What was read.
    pub plan: &'a Plan,
    /// What the records belong to, where that was left open.
    pub parents: &'a [i64],
    /// What a mark answers.
    pub fields: &'a Fields,
}

impl<H: Host> Marking<'_, H> {
    /// # Errors
    /// The first that could not be marked, or whose mark could not be taken back; the
    /// others are tried all the same.
    pub async fn mark(&self, told: &[Told]) -> Result<(), Error> {
        let whole = !told.iter().all(Told::has_time);
        let all = told.iter().collect::<Vec<_>>();
        // Where it fails the marks are made all the same, for what they answer tells as much.
        let now = self.look(&all, whole).await.unwrap_or_default();
        let mut sorted = Sorted::default();
        let mut to_mark = Vec::new();
        for one in all {
            // Of what is gone, or not shown, the answer to the mark will tell.
            let Some((_, now)) = now.iter().find(|(id, _)| *id == one.id) else {
                to_mark.push(one);
                continue;
            };
            match (one.against(now, whole), now.exported) {
                // It was marked before.
                (Verdict::Same, Some(true)) => {}
                (Verdict::Same, _) => to_mark.push(one),
                (_, Some(false)) => sorted.left.push(one.id.to_string()),
                // As of an acknowledgement that broke off.
                (verdict, _) => sorted.put(one, verdict),
            }
        }
        for (one, marked) in self.set_all(to_mark, true).await {
            sorted.marked(one, marked);
        }
        if !sorted.doubted.is_empty() {
            let now = self.look(&sorted.doubted, true).await;
            sorted.resolve(now);
        }
        for (one, taken_back) in self.set_all(std::mem::take(&mut sorted.newer), false).await {
            if let Some(said) = sorted.taken_back(one, taken_back) {
                self.client.host().log(LogLevel::Warn, &said, &[]);
            }
        }
        if !sorted.left.is_empty() {
            self.client.host().log(
                LogLevel::Info,
                "not marked as exported: changed since they were delivered, so that the next run \
                 delivers them again",
                &[("ids", sorted.left.join(", "))],
            );
        }
        sorted.failed.map_or(Ok(()), Err)
    }

    /// Records as they are now.
    async fn look(&self, told: &[&Told], whole: bool) -> Result<Vec<(i64, Shown)>, Error> {
        let ids: Vec<_> = told.iter().map(|one| one.id).collect();
        let mut plan = self.plan.under(self.parents);
        match &mut plan.fields {
            Some(fields) if whole => fields.ensure("exported"),
            None if whole => {}
            fields => *fields = Some(self.fields.clone()),
        }
        let found = read_again(self.client, &plan, &ids).await?;
        let shown = found.into_iter().filter_map(|mut item| {
            self.plan.say_parents(&mut item, self.parents);
            let id = id_in_key(&item.key).parse().ok()?;
            Some((id, Shown::parse(&item.data)))
        });
        Ok(shown.collect())
    }

    /// Marks a record, or takes its mark away; how it is then, or none where there is no
    /// such record any more.
    async fn set(&self, id: i64, exported: bool) -> Result<Option<Shown>, Error> {
        let path = self.plan.under(self.parents).path;
        let exchange = Exchange {
            method: Method::Put,
            path_and_query: url(&path, &id.to_string(), exported, self.fields),
            body: String::new(),
            repeat: Repeat::Freely,
        };
        let shown = self.client.exchange(exchange, |response| {
            record_in(&response).map(|record| Shown::parse(&record))
        });
        match shown.await {
            Err(error) if matches!(error.code, "coupa.not-found" | "coupa.gone") => Ok(None),
            shown => shown.map(Some),
        }
    }

    async fn set_all<'a>(&self, told: Vec<&'a Told>, exported: bool) -> Vec<(&'a Told, Set)> {
        let setting = told
            .into_iter()
            .map(async |one| (one, self.set(one.id, exported).await));
        stream::iter(setting).buffered(AT_ONCE).collect().await
    }
}

/// How a record was set: none where there is no such record any more.
type Set = Result<Option<Shown>, Error>;

/// The records of a page, by what is known of them.
#[derive(Default)]
struct Sorted<'a> {
    /// Changed before they were marked, and not marked.
    left: Vec<String>,
    /// Marked, and touched by something before or by the mark.
    doubted: Vec<&'a Told>,
    /// Marked, and not what was delivered.
    newer: Vec<&'a Told>,
    /// What failed first.
    failed: Option<Error>,
}

impl<'a> Sorted<'a> {
    fn put(&mut self, one: &'a Told, verdict: Verdict) {
        match verdict {
            Verdict::Same => {}
            Verdict::Touched => self.doubted.push(one),
            Verdict::Newer => self.newer.push(one),
        }
    }

    fn marked(&mut self, one: &'a Told, marked: Set) {
        match marked {
            // Whatever cannot be marked any more need not be.
            Ok(None) => {}
            Ok(Some(now)) if now.exported == Some(false) => {
                self.failed.get_or_insert_with(|| not_marked(one.id));
            }
            Ok(Some(now)) => self.put(one, one.against(&now, false)),
            Err(error) => {
                if error.kind == ErrorKind::Uncertain {
                    self.doubted.push(one);
                }
                self.failed.get_or_insert(error);
            }
        }
    }

    /// Those in doubt that are not what was delivered, or of which that cannot be known,
    /// are rather delivered twice than not at all.
    fn resolve(&mut self, now: Result<Vec<(i64, Shown)>, Error>) {
        let now = now.unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            Vec::new()
        });
        let stands = |one: &&Told| {
            now.iter().any(|(id, now)| {
                let stands = now.exported == Some(false) || one.against(now, true) == Verdict::Same;
                *id == one.id && stands
            })
        };
        self.doubted.retain(|one| !stands(one));
        self.newer.append(&mut self.doubted);
    }

    /// What a person should know of it.
    fn taken_back(&mut self, one: &Told, taken_back: Set) -> Option<String> {
        let id = one.id;
        let what = format!(
            "the record {id} was changed, or may have been, between its delivery and its mark as \
             exported"
        );
        let why = match taken_back {
            Ok(None) => return None,
            Ok(Some(now)) if now.exported != Some(true) => {
                return Some(format!(
                    "{what}: the mark was taken back, and the next run delivers it again"
                ));
            }
            Ok(Some(_)) => "Coupa shows it as marked all the same".to_owned(),
            Err(error) => error.to_string(),
        };
        let error = Error::new(
            ErrorKind::UnexpectedAnswer,
            "export.mark-not-taken-back",
            format!("{what}, and the mark could not be taken back: {why}"),
        )
        .remedy(format!(
            "Set exported to false for the record {id} in Coupa; otherwise no export delivers \
             what was changed."
        ));
        self.failed.get_or_insert(error);
        None
    }
}

fn not_marked(id: i64) -> Error {
    Error::new(
        ErrorKind::UnexpectedAnswer,
        "export.not-marked",
        format!("Coupa took the mark of the record {id}, and shows it unmarked"),
    )
    .remedy("Look in Coupa whether this object can be marked as exported.")
}
