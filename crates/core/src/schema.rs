//! What a resource type's attributes are: their kinds, and how the planner treats them.

use std::collections::BTreeMap;

use crate::address::TypeName;
use crate::constraint::{PlacedRule, Rule};
use crate::data_loss::HoldsData;
use crate::path::{AttributePath, PathSegment};
use crate::secret::Secret;
use crate::spelling::Spelling;
use crate::types::known_str;
use crate::value::{Attributes, Value};

/// The kind of value that an attribute takes.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeKind {
    /// Anything.
    Any,
    /// True or false.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A text.
    String,
    /// A text that means the same in other spellings.
    Spelled(Spelling),
    /// One of these texts.
    Enum(Vec<String>),
    /// A JSON document, written as a table or as text; compared by meaning. With `policy`, also as IAM
    /// reads policy documents: a single text and a list of one are the same, lists of texts have no order.
    Json {
        /// Whether IAM's policy rules hold.
        policy: bool,
    },
    /// Values in order.
    List(Box<AttributeKind>),
    /// Values without order, each once.
    Set(Box<AttributeKind>),
    /// Values by free keys; compared whole.
    Map(Box<AttributeKind>),
    /// A table with known keys; keys that the file never set are AWS's business.
    Object(BTreeMap<String, AttributeSchema>),
    /// A list of tables in which one key tells the elements apart (`name` of container definitions); the
    /// order of elements has no meaning.
    KeyedList {
        /// The key that names an element.
        key: String,
        /// The table's keys.
        element: BTreeMap<String, AttributeSchema>,
    },
}

/// One attribute that the file may set.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeSchema {
    /// What it takes.
    pub kind: AttributeKind,
    /// What it means, in Markdown.
    pub description: String,
    /// Whether the file must set it.
    pub required: bool,
    /// What it goes back to when the file no longer sets it; `None`: cleared, or AWS's default.
    pub default: Option<Value>,
    /// The value that means the same as none: AWS tells nothing back of it, or takes it for none. Of an optional
    /// text without a default that is the empty one.
    pub nothing: Option<Value>,
    /// A change of it means a new resource.
    pub immutable: bool,
    /// Always secret.
    pub sensitive: bool,
    /// AWS never tells it back: it is compared with what was last applied only.
    pub write_only: bool,
    /// The create call cannot set it: the engine calls `update` with it right after the create.
    pub set_after_create: bool,
    /// A reference in it needs the resource it names to work, not only to exist.
    pub needs_ready: bool,
    /// Only read on this machine, by preparing (where an image is found): never compared with anything.
    pub local: bool,
    /// A path on this machine: a relative one is meant from the folder of the file that sets it.
    pub path: bool,
    /// What its values have to be.
    pub rules: Vec<Rule>,
    /// AWS's page of it; empty where there is none.
    pub source: String,
}

impl AttributeSchema {
    /// An optional attribute of this kind with nothing special about it.
    pub fn new(kind: AttributeKind) -> Self {
        Self {
            kind,
            description: String::new(),
            required: false,
            default: None,
            nothing: None,
            immutable: false,
            sensitive: false,
            write_only: false,
            set_after_create: false,
            needs_ready: false,
            local: false,
            path: false,
            rules: Vec::new(),
            source: String::new(),
        }
    }

    /// Whether a value, which may be secret, means the same as none.
    pub fn is_nothing(&self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Secret(Secret::Clear(inner)) => self.is_nothing(inner),
            value => self.nothing.as_ref().is_some_and(|nothing| nothing.same(value)),
        }
    }
}

/// One attribute that only AWS sets.
#[derive(Debug, Clone, PartialEq)]
pub struct ComputedSchema {
    /// What it is.
    pub kind: AttributeKind,
    /// What it means, in Markdown.
    pub description: String,
    /// Whether an update in place may change it, so that its value is unknown while one is planned.
    pub changes_on_update: bool,
}

/// A resource type's attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeSchema {
    /// The type, such as `ec2.vpc`.
    pub name: TypeName,
    /// What the type is, in Markdown: the first line is a summary.
    pub description: String,
    /// AWS's page of it; empty where there is none.
    pub page: String,
    /// What the file may set.
    pub attributes: BTreeMap<String, AttributeSchema>,
    /// What AWS sets.
    pub computed: BTreeMap<String, ComputedSchema>,
    /// Attributes that together are the resource's name at AWS: two resources with the same ones cannot
    /// exist side by side, so a replacement that keeps them has to delete first. Empty: AWS gives ids.
    pub natural_key: Vec<String>,
    /// Attributes of which AWS takes two texts for the same, where it keeps them unique, that differ only in upper and
    /// lower case.
    pub caseless: Vec<String>,
    /// What the natural key is under; `None`: under nothing, or not said.
    pub under: Option<Under>,
    /// What else AWS refuses to delete as long as one of these names it, or takes these along with.
    pub hangs_on: Vec<Under>,
    /// What else keeps two resources of the type from existing side by side.
    pub clashes: Vec<Clash>,
    /// Elements of its lists that others use, and that AWS does not let go of before those have.
    pub in_use: Vec<InUse>,
    /// What it cannot leave, although what it names of that can be changed in place.
    pub stays_in: Vec<StaysIn>,
    /// What begins at AWS with the update of another resource, and what this one stands for from its start to its end.
    pub follows: Option<Follows>,
    /// Which of its names stays with the thing that has it; `None`: a new thing may take any.
    pub name_stays: Option<NameStays>,
    /// The attribute that, while it is true at AWS, has every delete refused.
    pub protected_by: Option<String>,
    /// Create-before-destroy unless the file says otherwise.
    pub create_before_destroy: bool,
    /// What its resources hold that nothing makes again; `None`: no such thing.
    pub holds_data: Option<HoldsData>,
    /// Which deletes and creates one call can make together; `None`: each has its own.
    pub together: Option<Together>,
    /// Whether its resources carry our tags, and what it means where those are missing.
    pub tagging: Tagging,
    /// Rules for attributes of one table.
    pub rules: Vec<PlacedRule>,
}

/// That AWS keeps resources of a type under one of another type, and what they name that one by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Under {
    /// The type of the parent.
    pub of: TypeName,
    /// The attributes that the parent's id is made of.
    pub through: Vec<String>,
}

impl Under {
    /// What the parent is called in these attributes; `None` where that is not known.
    pub fn parent_in(&self, attributes: &Attributes) -> Option<String> {
        let parts = self.through.iter().map(|name| known_str(attributes, name));
        Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
    }
}

/// Whether resources of a type carry our tags, and what it means where those are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tagging {
    /// The API takes no tags.
    #[default]
    None,
    /// They do, and an id is a name, or made of names: whoever makes the thing anew gives it the same one. Without our
    /// tag it may be somebody else's.
    ByName,
    /// They do, and AWS gives no id a second time: without our tag it is still the same thing.
    ById,
}

/// That deletes and creates of a type can be made by one call, which is carried out whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// Of those that have the same text in these attributes.
    pub within: Vec<String>,
    /// So many at the most.
    pub at_most: usize,
}

/// A rule of AWS by which two resources of a type cannot exist side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Clash {
    /// These attributes have the same values in both: the scope of the rule.
    pub same: Vec<String>,
    /// What makes two of the same scope clash.
    pub when: ClashWhen,
}

/// What makes two resources of the same scope clash.
#[derive(Debug, Clone, PartialEq)]
pub enum ClashWhen {
    /// One of them, and not the other, has this value in this attribute; `Null`: does not set it.
    OnlyOneHas {
        /// The attribute.
        attribute: String,
        /// The value.
        value: Value,
    },
    /// Both have this value in this attribute.
    BothHave {
        /// The attribute.
        attribute: String,
        /// The value.
        value: Value,
    },
    /// The networks in this attribute overlap.
    Overlap {
        /// The attribute, a network in CIDR notation.
        attribute: String,
    },
    /// Both name the same thing, which two of one owner may.
    Shared {
        /// Where they name it; lists on the way are looked through.
        at: Vec<AttributePath>,
        /// The attribute that names the owner; `None`: no two may.
        owner: Option<String>,
    },
}

/// That resources of another type use elements of a list: AWS refuses to take an element away while one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// The list or set.
    pub attribute: String,
    /// The type that uses its elements.
    pub by: TypeName,
    /// The attribute of that type that names the resource with the list.
    pub through: String,
    /// Where that type names the elements that it uses; lists on the way are looked through.
    pub at: AttributePath,
}

/// That an attribute names things of another type which stand in something that a resource cannot leave: the subnets
/// of a load balancer can be changed, but they are of the VPC that it was made in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaysIn {
    /// Where it names them (`subnets`).
    pub attribute: AttributePath,
    /// Their type (`ec2.subnet`).
    pub names: TypeName,
    /// The attribute of that type that tells what they stand in (`vpc_id`).
    pub through: String,
    /// The attribute by which AWS tells what the resource itself stands in.
    pub own: String,
}

/// That a resource stands for something that goes on at AWS after the update of another one: a deployment for the rollout
/// that an update of its service starts. Where such an update is planned, this one is updated after it, and works when
/// what was begun has come to a good end. Until then what both of them used before is still in use. One that has failed
/// is begun again by an update, never by a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follows {
    /// The attribute that names the other one (`service`).
    pub through: String,
    /// Its type (`ecs.service`).
    pub of: TypeName,
    /// The attributes of that type with whose change something begins.
    pub starts: Vec<String>,
}

/// That a name which a thing has in what holds it does not pass to another thing as long as the holder says so: a tag of an
/// image, in a repository whose tags cannot be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameStays {
    /// What people call such a name (`tag`).
    pub called: &'static str,
    /// The attribute with the name (`image_tag`).
    pub name: &'static str,
    /// The attribute that names the holder; the holder tells the same of itself under this name (`repository_uri`).
    pub holder: &'static str,
    /// The holder's type (`ecr.repository`).
    pub of: &'static str,
    /// The attribute in which two things are the same that may have the same name (`digest`).
    pub content: &'static str,
    /// The holder's attribute that says whether names stay (`image_tag_mutability`).
    pub says: &'static str,
    /// Its values with which they do.
    pub stays: &'static [&'static str],
    /// Its value with which they do not.
    pub passes: &'static str,
    /// Where the holder has patterns, with `*` for any characters: for names like these it is the other way round.
    pub except: &'static str,
}

impl TypeSchema {
    /// All that does not go from AWS without resources of this type: they go with it, or before it.
    pub fn parents(&self) -> impl Iterator<Item = &Under> {
        self.under.iter().chain(&self.hangs_on)
    }

    /// Whether a thing with the one value in this attribute is of another kind than with the other, so that the two could
    /// not be side by side whatever else they have: a change of it in place AWS refuses, too.
    pub fn is_of_another_kind(&self, name: &str, one: &Value, other: &Value) -> bool {
        let is_known = !one.has_unknown() && !other.has_unknown();
        is_known
            && self.clashes.iter().any(|clash| match &clash.when {
                ClashWhen::OnlyOneHas { attribute, value } => {
                    attribute == name && one.same(value) != other.same(value)
                }
                _ => false,
            })
    }

    /// What an attribute takes, set by the file or by AWS.
    pub fn kind(&self, name: &str) -> Option<&AttributeKind> {
        let set = self.attributes.get(name).map(|schema| &schema.kind);
        set.or_else(|| Some(&self.computed.get(name)?.kind))
    }

    /// A schema without attributes.
    pub fn new(name: TypeName) -> Self {
        Self {
            name,
            description: String::new(),
            page: String::new(),
            attributes: BTreeMap::new(),
            computed: BTreeMap::new(),
            natural_key: Vec::new(),
            caseless: Vec::new(),
            under: None,
            hangs_on: Vec::new(),
            clashes: Vec::new(),
            in_use: Vec::new(),
            stays_in: Vec::new(),
            follows: None,
            name_stays: None,
            protected_by: None,
            create_before_destroy: false,
            holds_data: None,
            together: None,
            tagging: Tagging::None,
            rules: Vec::new(),
        }
    }

    /// The schema at a place: `None` inside maps, free JSON and for unknown names.
    pub fn at(&self, path: &AttributePath) -> Option<&AttributeSchema> {
        let mut table = &self.attributes;
        let mut found = None;
        for segment in path.segments() {
            match segment {
                PathSegment::Name(name) => {
                    let schema = table.get(name)?;
                    table = nested_table(&schema.kind)?;
                    found = Some(schema);
                }
                PathSegment::Index(_) => {}
            }
        }
        found
    }

    /// Whether `name` is an attribute of the type, set by the file or by AWS.
    pub fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name) || self.computed.contains_key(name)
    }

    /// A resource's name at AWS, if it has one that is known and not secret. Where all parts of it are null it has
    /// none: a gateway that holds no address is not the same as the next one. Of what AWS compares without case it is
    /// in lower case.
    pub fn natural_name(&self, attributes: &Attributes) -> Option<Vec<String>> {
        let part = |name: &String| self.unique_part(name, attributes.get(name).unwrap_or(&Value::Null));
        let name: Vec<String> = self.natural_key.iter().map(part).collect::<Option<_>>()?;
        name.iter().any(|part| !part.is_empty()).then_some(name)
    }

    /// A value of this attribute in a form that is the same for what AWS takes for the same where it keeps the attribute
    /// unique; empty for null. `None` where that cannot be told.
    pub fn unique_part(&self, attribute: &str, value: &Value) -> Option<String> {
        let schema = self.attributes.get(attribute);
        match value {
            value if schema.is_some_and(|schema| schema.is_nothing(value)) => Some(String::new()),
            Value::String(text) if self.is_caseless(attribute) => {
                Some(format!("\"{}", text.to_ascii_lowercase()))
            }
            Value::String(text) => match schema.map(|schema| &schema.kind) {
                Some(AttributeKind::Spelled(spelling)) => Some(format!("\"{}", spelling.meaning(text))),
                _ => Some(format!("\"{text}")),
            },
            Value::Integer(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null => Some(String::new()),
            _ => None,
        }
    }

    /// Whether AWS takes two texts of this attribute for the same that differ only in case; see [`TypeSchema::caseless`].
    pub fn is_caseless(&self, attribute: &str) -> bool {
        self.caseless.iter().any(|name| name == attribute)
    }

    /// All attribute names, those of the file first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes
            .keys()
            .chain(self.computed.keys())
            .map(String::as_str)
    }
}

static NO_ATTRIBUTES: BTreeMap<String, AttributeSchema> = BTreeMap::new();

/// The keys of the tables inside a kind, looking through lists; empty when there are none.
fn nested_table(kind: &AttributeKind) -> Option<&BTreeMap<String, AttributeSchema>> {
    match kind {
        AttributeKind::Object(table) | AttributeKind::KeyedList { element: table, .. } => Some(table),
        AttributeKind::List(inner) | AttributeKind::Set(inner) => nested_table(inner),
        _ => Some(&NO_ATTRIBUTES),
    }
}
