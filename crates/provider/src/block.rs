//! What a block is, as data: the facts that `#[derive(Block)]` reads off a struct.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use infra_core::constraint::{BlockRule, Constraint};
use infra_core::{Spelling, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::partial::Partial;

/// `#[derive(Block)]` on a struct gives its facts as data, an enumeration of its fields and its partial twin.
///
/// ```
/// use infra_provider::{Block, FieldName};
///
/// /// A thing.
/// #[derive(Block)]
/// struct Thing {
///     /// Its name.
///     #[attribute(immutable, length = 1..=32)]
///     name: String,
/// }
/// assert_eq!(ThingField::Name.name(), "name");
/// ```
///
/// What is misspelt does not compile: neither a word,
///
/// ```compile_fail
/// # use infra_provider::Block;
/// /// A thing.
/// #[derive(Block)]
/// struct Thing {
///     /// Its name.
///     #[attribute(imutable, length = 1..=32)]
///     name: String,
/// }
/// ```
///
/// nor the name of a field, in code
///
/// ```compile_fail
/// # use infra_provider::{Block, FieldName};
/// /// A thing.
/// #[derive(Block)]
/// struct Thing {
///     /// Its name.
///     name: String,
/// }
/// assert_eq!(ThingField::Nmae.name(), "name");
/// ```
///
/// or in a rule.
///
/// ```compile_fail
/// # use infra_provider::Block;
/// /// A thing.
/// #[derive(Block)]
/// #[block(exactly_one(name, addres))]
/// struct Thing {
///     /// Its name.
///     name: Option<String>,
///     /// Its address.
///     address: Option<String>,
/// }
/// ```
pub use infra_derive::Block;

/// A struct whose fields are what a stack file may write in one table, and what AWS sets beside that.
pub trait Block: Described {
    /// The enumeration of its fields.
    type Field: FieldName<Of = Self>;
    /// What it is, in Markdown; the first line is a summary.
    const DESCRIPTION: &'static str;
    /// What is said of its fields.
    const FACTS: BlockFacts;
}

/// A field of a block.
pub trait FieldName: Copy + Debug + Send + Sync + 'static {
    /// The block.
    type Of: Block;

    /// Which of the block's fields it is.
    fn position(self) -> usize;

    /// Its name in a stack file.
    fn name(self) -> &'static str {
        self.facts().name
    }

    /// What is said of it.
    fn facts(self) -> FieldFacts {
        Self::Of::FACTS.fields[self.position()]
    }

    /// A text in it as AWS tells it back.
    fn as_told(self, text: &str) -> Cow<'_, str> {
        self.facts()
            .spelling
            .map_or(Cow::Borrowed(text), |spelling| spelling.as_told(text))
    }
}

/// A value that an attribute can have.
pub trait Described {
    /// The same, as far as it is known.
    type Partial: Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync;
    /// Its kind.
    const KIND: Kind;
    /// Whether it may be left out.
    const OPTIONAL: bool = false;
}

/// The kind of a value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Anything.
    Any,
    /// True or false.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A text.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Values in order.
    List(&'static Kind),
    /// Values without order, each once.
    Set(&'static Kind),
    /// Values by free keys.
    Map(&'static Kind),
    /// A table with known keys.
    Table(&'static BlockFacts),
}

/// What is said of a block.
#[derive(Debug, Clone, Copy)]
pub struct BlockFacts {
    /// AWS's page of it, where its rules come from.
    pub page: Option<&'static str>,
    /// Its fields, in the order in which they are written.
    pub fields: &'static [FieldFacts],
    /// Rules between them.
    pub rules: &'static [BlockRule],
}

/// What is said of a field. The words are those of [`infra_derive`].
#[derive(Debug, Clone, Copy)]
pub struct FieldFacts {
    /// Its name in a stack file.
    pub name: &'static str,
    /// What it means, in Markdown.
    pub description: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether the file must set it.
    pub required: bool,
    /// AWS sets it.
    pub computed: bool,
    /// Computed, and an update in place may change it.
    pub changes_on_update: bool,
    /// A change means a new resource.
    pub immutable: bool,
    /// AWS takes two texts for the same, where it keeps them unique, that differ only in upper and lower case.
    pub caseless: bool,
    /// The create call cannot set it.
    pub set_after_create: bool,
    /// A reference in it needs what it names to work.
    pub needs_ready: bool,
    /// Always secret.
    pub sensitive: bool,
    /// AWS never tells it back.
    pub write_only: bool,
    /// Only read on this machine.
    pub local: bool,
    /// A path on this machine.
    pub path: bool,
    /// A list without order.
    pub set: bool,
    /// A JSON document.
    pub json: bool,
    /// An IAM policy document.
    pub policy: bool,
    /// A list of tables told apart by this key.
    pub key: Option<&'static str>,
    /// In which spellings a text, or each one of a list, means the same.
    pub spelling: Option<&'static Spelling>,
    /// The value that means the same as none.
    pub nothing: Option<DefaultValue>,
    /// The key that AWS has for it, where it takes texts by keys.
    pub setting: Option<&'static str>,
    /// What AWS makes of it when nothing is said.
    pub default: Option<DefaultValue>,
    /// What its values have to be.
    pub constraints: &'static [Constraint],
    /// Where AWS says so; `None`: on the page of the block.
    pub source: Option<&'static str>,
}

impl FieldFacts {
    /// A field of this type of which nothing is said.
    pub const fn of<T: Described>() -> Self {
        Self {
            name: "",
            description: "",
            kind: T::KIND,
            required: !T::OPTIONAL,
            computed: false,
            changes_on_update: false,
            immutable: false,
            caseless: false,
            set_after_create: false,
            needs_ready: false,
            sensitive: false,
            write_only: false,
            local: false,
            path: false,
            set: false,
            json: false,
            policy: false,
            key: None,
            spelling: None,
            nothing: None,
            setting: None,
            default: None,
            constraints: &[],
            source: None,
        }
    }
}

/// What AWS makes of an attribute when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'static str),
    /// A list without items.
    NoItems,
}

impl From<DefaultValue> for Value {
    fn from(default: DefaultValue) -> Self {
        match default {
            DefaultValue::Bool(truth) => Self::Bool(truth),
            DefaultValue::Integer(number) => Self::Integer(number),
            DefaultValue::Text(text) => Self::from(text),
            DefaultValue::NoItems => Self::List(Vec::new()),
        }
    }
}

/// Values that are known whole or not at all.
macro_rules! described {
    ($($type:ty: $kind:ident),+ $(,)?) => {
        $(impl Described for $type {
            type Partial = Self;
            const KIND: Kind = Kind::$kind;
        })+
    };
}

described! {
    bool: Bool,
    i32: Integer,
    i64: Integer,
    u64: Integer,
    f64: Number,
    String: Text,
    serde_json::Value: Any,
}

impl<T: Described> Described for Option<T> {
    type Partial = T::Partial;
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;
}

impl<T: Described> Described for Vec<T> {
    type Partial = Vec<Partial<T::Partial>>;
    const KIND: Kind = Kind::List(&T::KIND);
}

/// Two elements that are not known yet are two elements.
impl<T: Described> Described for BTreeSet<T> {
    type Partial = Vec<Partial<T::Partial>>;
    const KIND: Kind = Kind::Set(&T::KIND);
}

impl<T: Described> Described for BTreeMap<String, T> {
    type Partial = BTreeMap<String, Partial<T::Partial>>;
    const KIND: Kind = Kind::Map(&T::KIND);
}
