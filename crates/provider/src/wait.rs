//! What is said of a type beside its attributes: how the planner treats them, and how long things take.

use std::time::Duration;

use infra_core::{HoldsData, NameStays};

/// A named, bounded wait for AWS. Polling starts soon and often, backs off, and is close again about the
/// typical time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for, such as `NAT gateway available`.
    pub what: &'static str,
    /// How long it usually takes on AWS: for estimates and the pace of polling.
    pub typical: Duration,
    /// After this it has failed.
    pub timeout: Duration,
}

impl Wait {
    /// A wait that usually takes `typical_seconds` and is given up after `timeout_seconds`.
    pub const fn seconds(what: &'static str, typical_seconds: u64, timeout_seconds: u64) -> Self {
        Self {
            what,
            typical: Duration::from_secs(typical_seconds),
            timeout: Duration::from_secs(timeout_seconds),
        }
    }
}

/// How long the calls of a type take, and what has to be waited for after each kind; `None`: the call's answer
/// is the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// How long one call that changes something usually takes on AWS, for estimates.
    pub typical_call: Duration,
    /// After a create.
    pub create: Option<Wait>,
    /// After an update.
    pub update: Option<Wait>,
    /// After a delete, until it is gone.
    pub delete: Option<Wait>,
}

impl Waits {
    /// Nothing is waited for.
    pub const NONE: Self = Self {
        typical_call: Duration::from_millis(500),
        create: None,
        update: None,
        delete: None,
    };
}

impl Default for Waits {
    fn default() -> Self {
        Self::NONE
    }
}

/// A rule of AWS by which two of a type cannot be side by side, where the attributes in `same` are the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clashing {
    /// One of them, and not the other, has this text in the attribute; `None`: does not set it.
    OnlyOneHas {
        /// The scope of the rule.
        same: &'static [&'static str],
        /// The attribute.
        attribute: &'static str,
        /// Its value.
        value: Option<&'static str>,
    },
    /// Both have the attribute true.
    BothTrue {
        /// The scope of the rule.
        same: &'static [&'static str],
        /// The attribute.
        attribute: &'static str,
    },
    /// Both name the same thing, which two of one owner may.
    Shared {
        /// The scope of the rule.
        same: &'static [&'static str],
        /// Where they name it, by path; lists on the way are looked through.
        at: &'static [&'static str],
        /// The attribute that names the owner; `None`: no two may.
        owner: Option<&'static str>,
    },
    /// The networks in the attribute overlap.
    Overlap {
        /// The scope of the rule.
        same: &'static [&'static str],
        /// The attribute.
        attribute: &'static str,
    },
}

/// That another type uses elements of a list of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Using {
    /// The list.
    pub attribute: &'static str,
    /// The type that uses its elements.
    pub by: &'static str,
    /// The attribute of that type that names the one with the list.
    pub through: &'static str,
    /// Where that type names the elements; lists on the way are looked through.
    pub at: &'static str,
}

/// That an attribute names things of another type, which stand in something that a resource of this one cannot leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staying {
    /// Where it names them.
    pub attribute: &'static str,
    /// Their type.
    pub names: &'static str,
    /// The attribute of that type that tells what they stand in.
    pub through: &'static str,
    /// The attribute of this type that tells the same.
    pub own: &'static str,
}

/// That a resource stands for something that goes on after the update of another one: see [`infra_core::Follows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following {
    /// The attribute that names the other one.
    pub through: &'static str,
    /// Its type.
    pub of: &'static str,
    /// The attributes of that type with whose change something begins.
    pub starts: &'static [&'static str],
}

/// That deletes and creates of a type can be made by one call, which is carried out whole or not at all. Such a type has
/// no wait after a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InOneCall {
    /// Of those that have the same text in these attributes.
    pub within: &'static [&'static str],
    /// So many at the most.
    pub at_most: usize,
}

/// How what a create call left is told from what others made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognition {
    /// By our tags, which the create call sets.
    Tags,
    /// By its natural key, which only one thing can have and which was free before the call: the API takes no tags.
    NaturalKey,
    /// By being equal to what was asked for, and new: the API takes no tags, and lets many be equal.
    Content,
    /// It is no thing that a delete could take from anybody.
    Shared,
}

/// What a natural key is under: the thing of this type whose id these attributes make. Where a run has just made it,
/// nobody else can have the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Under {
    /// The parent's type, such as `iam.role`.
    pub resource_type: &'static str,
    /// The attributes that its id is made of.
    pub id: &'static [&'static str],
}

/// How the planner treats the attributes of a type. Attributes are named by path; keys of tables inside
/// lists by `list.key`. What is computed needs no mention: it is what `Observed` has and `Spec` has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// A change of these means a new resource.
    pub immutable: &'static [&'static str],
    /// The create call cannot set these: an update follows it.
    pub set_after_create: &'static [&'static str],
    /// References in these need the resource that they name to work, not only to exist.
    pub needs_ready: &'static [&'static str],
    /// Always secret.
    pub sensitive: &'static [&'static str],
    /// AWS never tells these back.
    pub write_only: &'static [&'static str],
    /// Only read on this machine, by `prepare`: never compared.
    pub local: &'static [&'static str],
    /// Paths on this machine, relative to the file that sets them.
    pub paths: &'static [&'static str],
    /// Lists without order (a `BTreeSet` field needs no mention).
    pub sets: &'static [&'static str],
    /// Texts that mean the same with and without an ending: (text, ending). A log group's ARN is one, with `:*`.
    pub optional_suffixes: &'static [(&'static str, &'static str)],
    /// JSON documents, as table or text.
    pub json: &'static [&'static str],
    /// IAM policy documents, as table or text.
    pub policies: &'static [&'static str],
    /// Lists of tables told apart by a key: (list, key).
    pub keyed: &'static [(&'static str, &'static str)],
    /// Computed attributes that an update in place may change.
    pub changes_on_update: &'static [&'static str],
    /// The attributes that together are the resource's name at AWS: two with the same cannot be side by side.
    pub natural_key: &'static [&'static str],
    /// Attributes of which AWS takes two texts for the same, where it keeps them unique, that differ only in upper and
    /// lower case.
    pub caseless: &'static [&'static str],
    /// What else keeps two of the type from being side by side.
    pub clashes: &'static [Clashing],
    /// Elements of its lists that others use, which AWS does not let go of before those have.
    pub in_use: &'static [Using],
    /// What it cannot leave, although what it names of that can be changed in place.
    pub stays_in: &'static [Staying],
    /// What it stands for that the update of another one begins.
    pub follows: Option<Following>,
    /// Which of its names stays with the thing that has it.
    pub name_stays: Option<NameStays>,
    /// The attribute that, while it is true, has every delete refused.
    pub protected_by: Option<&'static str>,
    /// How its own creates are recognised.
    pub recognition: Recognition,
    /// Whether AWS gives no id of it a second time, as `vpc-0abc` and the ARN of a load balancer, which ends in a number:
    /// not one that is a name or made of names, which whoever makes the thing anew gives it again.
    pub unique_ids: bool,
    /// What its natural key is under.
    pub under: Option<Under>,
    /// Create-before-destroy unless the file says otherwise.
    pub create_before_destroy: bool,
    /// What its resources hold that nothing makes again.
    pub holds_data: Option<&'static HoldsData>,
    /// Which of its deletes and creates one call can make.
    pub together: Option<InOneCall>,
    /// What has to be waited for.
    pub waits: Waits,
}

impl Traits {
    /// Nothing special.
    pub const NONE: Self = Self {
        immutable: &[],
        set_after_create: &[],
        needs_ready: &[],
        sensitive: &[],
        write_only: &[],
        local: &[],
        paths: &[],
        sets: &[],
        optional_suffixes: &[],
        json: &[],
        policies: &[],
        keyed: &[],
        changes_on_update: &[],
        natural_key: &[],
        caseless: &[],
        clashes: &[],
        in_use: &[],
        stays_in: &[],
        follows: None,
        name_stays: None,
        protected_by: None,
        recognition: Recognition::Tags,
        unique_ids: false,
        under: None,
        create_before_destroy: false,
        holds_data: None,
        together: None,
        waits: Waits::NONE,
    };
}
