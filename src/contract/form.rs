//! Forms: the properties of a connection and the options of an activity.

/// Which end of an operation an activity stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Source,
    Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub value: &'static str,
    pub title: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyKind {
    Text,
    Secret,
    Choice(&'static [Choice]),
    /// A choice whose values speak for themselves.
    OneOf(Vec<&'static str>),
    Flag,
    WholeNumber(u64, u64),
    Fixed,
}

/// Shown only where another property has one of these values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    pub property: &'static str,
    pub values: &'static [&'static str],
}

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub kind: PropertyKind,
    pub required: bool,
    pub default: Option<&'static str>,
    pub repeatable: bool,
    pub accepts_variables: bool,
    pub shown_when: Option<Condition>,
}

impl Property {
    /// An optional property that accepts variables and is always shown.
    pub const fn new(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        kind: PropertyKind,
    ) -> Self {
        Self {
            name,
            title,
            description,
            kind,
            required: false,
            default: None,
            repeatable: false,
            accepts_variables: true,
            shown_when: None,
        }
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// Its value is one of a few, so a variable has no place in it.
    #[must_use]
    pub const fn without_variables(mut self) -> Self {
        self.accepts_variables = false;
        self
    }

    #[must_use]
    pub const fn shown_when(
        mut self,
        property: &'static str,
        values: &'static [&'static str],
    ) -> Self {
        self.shown_when = Some(Condition { property, values });
        self
    }
}

/// Something that can be done to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub role: Role,
    pub options: Vec<Property>,
    /// The next call goes on from the last checkpoint of one that ended well.
    pub continues: bool,
    /// Checkpoints are to be acknowledged.
    pub acknowledged: bool,
    pub dry_run: bool,
}

impl Activity {
    /// A source that starts anew each time.
    pub const fn source(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        options: Vec<Property>,
    ) -> Self {
        Self {
            name,
            title,
            description,
            role: Role::Source,
            options,
            continues: false,
            acknowledged: false,
            dry_run: false,
        }
    }

    /// A target that can say what it would do.
    pub const fn target(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        options: Vec<Property>,
    ) -> Self {
        Self {
            name,
            title,
            description,
            role: Role::Target,
            options,
            continues: false,
            acknowledged: false,
            dry_run: true,
        }
    }
}
