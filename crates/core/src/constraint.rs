//! What AWS says of the values that an attribute can have, and of attributes that belong together, as data.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use crate::path::AttributePath;

/// A rule for the values of one attribute. Bounds are included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// So many characters.
    Length {
        /// The fewest.
        lowest: usize,
        /// The most.
        highest: usize,
    },
    /// So many elements.
    Count {
        /// The fewest.
        lowest: usize,
        /// The most.
        highest: usize,
    },
    /// A number between these.
    Range {
        /// The least.
        lowest: i64,
        /// The greatest.
        highest: i64,
    },
    /// One of these numbers.
    OneOf(Cow<'static, [i64]>),
    /// Only these characters.
    Alphabet {
        /// As between the brackets of a regular expression: `a-z0-9-`.
        characters: Cow<'static, str>,
        /// In words: `lower-case letters, digits and hyphens`.
        words: Cow<'static, str>,
    },
    /// A text that this regular expression finds itself in.
    Pattern {
        /// The expression.
        expression: Cow<'static, str>,
        /// The rule in words, after the text: ``has to start with `/` ``.
        words: Cow<'static, str>,
    },
    /// A text that this regular expression does not find itself in.
    Except {
        /// The expression.
        expression: Cow<'static, str>,
        /// The rule in words, after the text: `is a name that only AWS gives`.
        words: Cow<'static, str>,
    },
    /// A network in CIDR notation, without bits behind its prefix.
    Cidr {
        /// The version of IP, 4 or 6.
        version: u8,
        /// The fewest bits of the prefix.
        lowest: u8,
        /// The most.
        highest: u8,
    },
    /// A zone, by its name, of the region that the resource is in.
    Zone,
}

impl Display for Constraint {
    /// What it takes.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { lowest: 0, highest } => write!(f, "at most {highest} characters"),
            Self::Length { lowest, highest } => write!(f, "{lowest} to {highest} characters"),
            Self::Count { lowest: 0, highest } => write!(f, "at most {highest} of them"),
            Self::Count { lowest, highest } => write!(f, "{lowest} to {highest} of them"),
            Self::Range { lowest, highest } => write!(f, "{lowest} to {highest}"),
            Self::OneOf(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
                write!(f, "one of {}", numbers.join(", "))
            }
            Self::Alphabet { words, .. } => write!(f, "only {words}"),
            Self::Pattern { expression, .. } => write!(f, "what matches `{expression}`"),
            Self::Except { words, .. } => write!(f, "none that {words}"),
            Self::Cidr {
                version,
                lowest,
                highest,
            } => write!(f, "a network of IPv{version}, /{lowest} to /{highest}"),
            Self::Zone => f.write_str("a zone of the region that the resource is in"),
        }
    }
}

/// A rule for the values of one attribute, and AWS's page that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The rule.
    pub constraint: Constraint,
    /// The page.
    pub source: Cow<'static, str>,
}

/// A rule for attributes of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockRule {
    /// One of them is set, and only one.
    ExactlyOne(Cow<'static, [Cow<'static, str>]>),
    /// No more than one of them is set.
    AtMostOne(Cow<'static, [Cow<'static, str>]>),
    /// Either all of them are set, or none.
    Together(Cow<'static, [Cow<'static, str>]>),
    /// One of them at least is set.
    AtLeastOne(Cow<'static, [Cow<'static, str>]>),
    /// No key is in two of these tables.
    DistinctKeys(Cow<'static, [Cow<'static, str>]>),
    /// An attribute belongs to some values of another one.
    Where(Where),
}

/// That whether an attribute can be set, or has to be, depends on the value of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// The attribute, and the one that it depends on.
    pub names: [Cow<'static, str>; 2],
    /// The value of the attribute that the rule is about; `None`: any.
    pub value: Option<Cow<'static, str>>,
    /// What holds of it.
    pub when: When,
    /// Where the other one has one of these values.
    pub values: Cow<'static, [Cow<'static, str>]>,
    /// What the other one has when nothing is said; `None`: that is not known, and the rule decides nothing then.
    pub default: Option<Cow<'static, str>>,
}

/// What a value of another attribute means for an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It can be set then only.
    Only,
    /// It cannot be set then.
    Never,
    /// It has to be set then.
    Needed,
}

impl Display for BlockRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.attributes().iter().map(|name| format!("`{name}`")).collect();
        let all = all.join(", ");
        match self {
            Self::ExactlyOne(_) => write!(f, "one of {all}, and only one"),
            Self::AtMostOne(_) => write!(f, "at most one of {all}"),
            Self::Together(_) => write!(f, "all or none of {all}"),
            Self::AtLeastOne(_) => write!(f, "one at least of {all}"),
            Self::DistinctKeys(_) => write!(f, "no key in two of {all}"),
            Self::Where(rule) => write!(f, "{rule}"),
        }
    }
}

impl Display for Where {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [attribute, other] = &self.names;
        let value = self.value.as_ref();
        let value = value.map_or_else(String::new, |value| format!(" `{value}`"));
        let values: Vec<String> = self.values.iter().map(|value| format!("`{value}`")).collect();
        let values = values.join(" or ");
        match self.when {
            When::Only => write!(f, "`{attribute}`{value} only where `{other}` is {values}"),
            When::Never => write!(f, "no `{attribute}`{value} where `{other}` is {values}"),
            When::Needed => write!(f, "`{attribute}` always where `{other}` is {values}"),
        }
    }
}

/// A rule for attributes of one table, where the table is, and AWS's page that the rule comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRule {
    /// Where the table is: the empty path for the resource itself.
    pub place: AttributePath,
    /// The rule.
    pub rule: BlockRule,
    /// The page.
    pub source: Cow<'static, str>,
}

impl BlockRule {
    /// The attributes that it speaks of.
    pub fn attributes(&self) -> &[Cow<'static, str>] {
        match self {
            Self::ExactlyOne(all)
            | Self::AtMostOne(all)
            | Self::Together(all)
            | Self::AtLeastOne(all)
            | Self::DistinctKeys(all) => all,
            Self::Where(rule) => &rule.names,
        }
    }
}
