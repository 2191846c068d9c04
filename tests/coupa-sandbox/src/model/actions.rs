//! Reads `actions.txt`, which says what the actions of the API do.

use std::collections::HashMap;
use std::sync::LazyLock;

const TEXT: &str = include_str!("actions.txt");

/// In the order of the file.
static ACTIONS: LazyLock<Vec<Action>> = LazyLock::new(|| {
    TEXT.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(Action::read)
        .collect()
});

/// By path and name, as a line begins.
static INDEX: LazyLock<HashMap<String, &'static Action>> = LazyLock::new(|| {
    all()
        .map(|action| (format!("{} {}", action.path, action.name), action))
        .collect()
});

/// One thing that an action does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A field gets a value.
    Set(&'static str, &'static str),
    /// One of these parameters is required.
    Needs(Vec<&'static str>),
    /// What is sent is applied.
    Body,
    /// The document waits for an approval.
    Submit,
    /// The approval's document moves on when no other is pending.
    Decide {
        /// Or rejected.
        approved: bool,
    },
    /// Pending approvals are approved: all, or the first.
    Pass {
        /// Not only the first.
        all: bool,
    },
    /// All approvals are pending again.
    Restart,
    /// An approver is added.
    Approver,
    /// A pending approval is removed.
    Unapprove,
    /// A field of every line of a list gets a value.
    Lines(&'static str, &'static str, &'static str),
    /// A field of the line that is named gets a value.
    Line(&'static str, &'static str, &'static str),
    /// A flag is turned round.
    Toggle(&'static str),
    /// The record that the path's last id means is in a list.
    Join(&'static str),
    /// It no longer is.
    Leave(&'static str),
    /// The parent's list gets what is named.
    Link(&'static str),
    /// It loses it.
    Unlink(&'static str),
    /// It is emptied.
    Clear(&'static str),
    /// An amount is adjusted.
    Adjust,
    /// A record is created from the body.
    Create,
    /// A record is created from this one.
    Copy,
    /// Lines go to the user's cart.
    Cart,
    /// The document that is named is exported.
    Exports,
    /// What was received is taken back.
    Unreceive,
    /// Another action, for every record that is named.
    Each(&'static str),
    /// A list, of this or of another collection.
    List(Option<&'static str>),
    /// The first of a list.
    First,
    /// The record that the body's keys mean.
    Find,
    /// What is sent or answered is the file that is this to the record.
    File(&'static str),
    /// Nothing, as a known difference.
    Same,
}

/// What an action does, and when it may.
#[derive(Debug)]
pub struct Action {
    /// The collection, or `*/last` for several.
    pub path: &'static str,
    /// As in the path; several words where there are.
    pub name: &'static str,
    /// What it does, in this order.
    pub effects: Vec<Effect>,
    /// Whether nobody outside knows.
    pub is_guess: bool,
    when: Option<(&'static str, Vec<&'static str>)>,
}

impl Action {
    /// The field that decides whether the action is allowed.
    pub fn state_field(&self) -> Option<&'static str> {
        self.when.as_ref().map(|(field, _)| *field)
    }

    /// Whether it is allowed with this value in that field.
    pub fn allows(&self, state: &str) -> bool {
        self.when
            .as_ref()
            .is_none_or(|(_, values)| values.contains(&state))
    }

    /// What a file is to the record, where it is one that is sent or answered.
    pub fn file(&self) -> Option<&'static str> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::File(role) => Some(*role),
            _ => None,
        })
    }

    /// Whether it does this.
    pub fn has(&self, effect: &Effect) -> bool {
        self.effects.contains(effect)
    }

    fn read(line: &'static str) -> Option<Self> {
        let mut words: Vec<&str> = line.split(' ').collect();
        let is_guess = words.pop_if(|word| *word == "?").is_some();
        let [path, name, when, effects @ ..] = words.as_slice() else {
            return None;
        };
        let when = match (*when, when.split_once('=')) {
            ("-", _) => None,
            (_, Some((field, values))) => Some((field, values.split('|').collect())),
            (values, None) => Some(("status", values.split('|').collect())),
        };
        Some(Self {
            path,
            name,
            effects: effects.iter().copied().filter_map(effect).collect(),
            is_guess,
            when,
        })
    }
}

/// Every action, in the order of the file.
pub fn all() -> impl Iterator<Item = &'static Action> {
    ACTIONS.iter()
}

/// The states that the actions of a collection know, each once.
pub fn states(collection: &str, field: &str) -> Vec<&'static str> {
    let mut states: Vec<&str> = Vec::new();
    for action in all().filter(|action| action.path == collection) {
        let before = action.when.iter().filter(|(other, _)| *other == field);
        let after = action.effects.iter().filter_map(|effect| match effect {
            Effect::Set(name, value) if *name == field => Some(*value),
            _ => None,
        });
        for state in before.flat_map(|(_, s)| s.iter().copied()).chain(after) {
            if !states.contains(&state) {
                states.push(state);
            }
        }
    }
    states
}

/// What an action of a collection does.
pub fn find(collection: &str, action: &str) -> Option<&'static Action> {
    let last = collection.rsplit('/').next().unwrap_or(collection);
    INDEX
        .get(&format!("{collection} {action}"))
        .or_else(|| INDEX.get(&format!("*/{last} {action}")))
        .copied()
}

fn effect(word: &'static str) -> Option<Effect> {
    let Some(rest) = word.strip_prefix('@') else {
        let (field, value) = word.split_once('=')?;
        return Some(Effect::Set(field, value));
    };
    let (name, argument) = rest.split_once(':').unwrap_or((rest, ""));
    Some(match name {
        "needs" => Effect::Needs(argument.split('|').collect()),
        "body" => Effect::Body,
        "submit" => Effect::Submit,
        "decide" => Effect::Decide {
            approved: argument == "approved",
        },
        "pass" => Effect::Pass {
            all: argument == "all",
        },
        "restart" => Effect::Restart,
        "approver" => Effect::Approver,
        "unapprove" => Effect::Unapprove,
        "lines" | "line" => {
            let (list, set) = argument.split_once(':')?;
            let (field, value) = set.split_once('=')?;
            match name {
                "line" => Effect::Line(list, field, value),
                _ => Effect::Lines(list, field, value),
            }
        }
        "toggle" => Effect::Toggle(argument),
        "join" => Effect::Join(argument),
        "leave" => Effect::Leave(argument),
        "link" => Effect::Link(argument),
        "unlink" => Effect::Unlink(argument),
        "clear" => Effect::Clear(argument),
        "adjust" => Effect::Adjust,
        "create" => Effect::Create,
        "copy" => Effect::Copy,
        "cart" => Effect::Cart,
        "exports" => Effect::Exports,
        "unreceive" => Effect::Unreceive,
        "each" => Effect::Each(argument),
        "list" => Effect::List((!argument.is_empty()).then_some(argument)),
        "first" => Effect::First,
        "find" => Effect::Find,
        "file" => Effect::File(argument),
        "same" => Effect::Same,
        _ => return None,
    })
}
