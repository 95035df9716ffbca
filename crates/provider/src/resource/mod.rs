//! The contract of a resource type: what its author writes.

mod definition;
mod erased;
mod facts;
mod lookup;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use infra_core::types::{Problem, Problems};
use infra_core::{Attributes, HoldsData, NameStays, PhysicalId, ResourceAddress};
use serde::de::DeserializeOwned;

use crate::ProviderResult;
use crate::block::{Block, Described};
use crate::call::Call;
use crate::obstacle::Obstacle;
use crate::traits::{Created, Found, PreparedBefore, Update, has_no_such_call};
use crate::user_tags::TagRules;
use crate::wait::{InOneCall, Recognition, Waits};

pub use definition::ResourceDefinition;
pub use erased::ErasedResource;
pub use lookup::{ErasedLookup, Lookup, LookupDefinition, LookupProvider, Things};

/// One thing that was found, with its id.
pub type Observation<T> = (PhysicalId, Found<<T as Described>::Partial>);

/// What was found, by id.
pub type Observations<T> = BTreeMap<PhysicalId, Found<<T as Described>::Partial>>;

/// One of the services that resources are of: what is the same for all of its types.
pub trait Service: Send + Sync + 'static {
    /// What it is called through.
    type Clients: Clone + Send + Sync + 'static;

    /// The IAM actions that setting and removing tags needs, for types that are recognised by theirs.
    const TAG_ACTIONS: &'static [&'static str] = &[];

    /// What the service takes as tags.
    const TAG_RULES: TagRules = TagRules::ANY;

    /// Sets tags. `target` is what the service's tagging calls take: see [`Resource::tag_target`].
    fn tag(
        clients: &Self::Clients,
        target: &str,
        tags: BTreeMap<String, String>,
    ) -> impl Future<Output = ProviderResult<()>> + Send {
        let _ = (clients, target, tags);
        async { Err(has_no_such_call()) }
    }

    /// Removes tags.
    fn untag(
        clients: &Self::Clients,
        target: &str,
        keys: Vec<String>,
    ) -> impl Future<Output = ProviderResult<()>> + Send {
        let _ = (clients, target, keys);
        async { Err(has_no_such_call()) }
    }
}

/// The clients that a type is called through.
pub type ClientsOf<T> = <<T as Resource>::Service as Service>::Clients;

/// One resource type: a struct whose fields are its attributes, and the calls that make, read, change and delete it.
/// Written in one file, read from top to bottom.
///
/// Errors have a class ([`infra_core::ErrorClass`]) that the engine acts on; a type itself retries only what its SDK
/// retries. It waits for nothing to happen at AWS: "not yet" is an error of that class, and what takes its time is named
/// in [`Rules::waits`]. All that it may pause for is to gather what is asked for at the same moment into one call, and,
/// in the push of an image, to ask a registry again that broke off. A type holds no state: clients come with the call.
pub trait Resource: Block<Partial: Default> + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Service and type in AWS's words, such as `ec2.vpc`.
    const NAME: &'static str;
    /// The IAM actions that managing it needs, beside those of its tags: [`Service::TAG_ACTIONS`].
    const IAM_ACTIONS: &'static [&'static str];
    /// A block of a stack file that declares one.
    const EXAMPLE: &'static str;
    /// What is said of it beside its attributes.
    const RULES: Rules<Self::Field>;
    /// Whether [`Resource::prepare`] does anything.
    const PREPARES: bool = false;

    /// The service that it is of.
    type Service: Service;

    /// AWS's rules for one resource that need no call and that no constraint on a field says. Other rules are kept
    /// already; what is unknown is AWS's to judge.
    fn validate(given: &Self::Partial, problems: &mut Problems) {
        let _ = (given, problems);
    }

    /// AWS's rules for one resource and what it refers to of lookups; see
    /// [`TypeDefinition::validate_with_lookups`](infra_core::TypeDefinition).
    fn validate_with_lookups(
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        let _ = (attributes, lookups, problems);
    }

    /// AWS's rules between resources; see [`TypeDefinition::validate_together`](infra_core::TypeDefinition).
    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let _ = stack;
        Vec::new()
    }

    /// Computed attributes that follow from others; see [`TypeDefinition::derive`](infra_core::TypeDefinition).
    fn derive(attributes: &Attributes) -> Attributes {
        let _ = attributes;
        Attributes::new()
    }

    /// Local work before planning that makes computed attributes known (reading an image's digest). Runs
    /// for plan and diff too: it may not change anything at AWS. `attributes` may hold unknowns.
    fn prepare(
        clients: &ClientsOf<Self>,
        call: &Call,
        attributes: &Attributes,
    ) -> impl Future<Output = ProviderResult<Attributes>> + Send {
        let _ = (clients, call, attributes);
        async { Ok(Attributes::new()) }
    }

    /// What preparing made known the last time, of what the state has of it by now (`before`), if it was prepared from the
    /// same.
    fn prepared_before(attributes: &Attributes, before: &Attributes) -> Option<PreparedBefore> {
        let _ = (attributes, before);
        None
    }

    /// Makes it: exactly one call that creates, with our tags ([`Call::tags`]) in that same call where the API takes
    /// tags, and the client token where it takes one. Returns as soon as the id is known. What cannot be said in that
    /// call is `set_after_create` and arrives by `update`. The answer's tags do not matter: those that were sent count.
    fn create(
        clients: &ClientsOf<Self>,
        call: &Call,
        spec: Self,
    ) -> impl Future<Output = ProviderResult<Created<Self::Partial>>> + Send;

    /// Reads many at once, in as few calls as the API allows. What is not there is not in the answer: that is no error.
    /// Tags are all that there are, ours and AWS's included.
    fn read(
        clients: &ClientsOf<Self>,
        ids: &[PhysicalId],
    ) -> impl Future<Output = ProviderResult<Observations<Self>>> + Send;

    /// As [`read`](Self::read), where a run has left some of them working: `last` is what was observed of each
    /// of the `ids` then. A call may be saved where AWS's other answers show that nothing has happened since.
    fn read_again(
        clients: &ClientsOf<Self>,
        ids: &[PhysicalId],
        last: &[Option<&Attributes>],
    ) -> impl Future<Output = ProviderResult<Observations<Self>>> + Send {
        let _ = last;
        Self::read(clients, ids)
    }

    /// Changes it in place, all but its tags, which the service does. Has to be repeatable. Not asked where nothing but
    /// tags differs.
    fn update(
        clients: &ClientsOf<Self>,
        call: &Call,
        id: &PhysicalId,
        update: &Update<Self>,
    ) -> impl Future<Output = ProviderResult<()>> + Send {
        let _ = (clients, call, id, update);
        async { Ok(()) }
    }

    /// What the service's tagging calls name it by, where that is not its id.
    fn tag_target(id: &PhysicalId, prior: &Attributes) -> String {
        let _ = prior;
        id.to_string()
    }

    /// Of a type that [holds data](Rules::holds_data): which of these AWS says to hold none. It is asked where a plan
    /// would delete or replace them; what is not in the answer counts as holding some.
    fn without_data(
        clients: &ClientsOf<Self>,
        ids: &[PhysicalId],
    ) -> impl Future<Output = ProviderResult<BTreeSet<PhysicalId>>> + Send {
        let _ = (clients, ids);
        async { Ok(BTreeSet::new()) }
    }

    /// Removes it. That it is gone already (an error of class `NotFound`) is success. `last` is what was last observed.
    /// Data that it holds is lost with it only where the call [allows](Call::data_loss_allowed) that.
    fn delete(
        clients: &ClientsOf<Self>,
        call: &Call,
        id: &PhysicalId,
        last: &Attributes,
    ) -> impl Future<Output = ProviderResult<()>> + Send;

    /// What keeps AWS from deleting it, where AWS tells that in a request or few: asked when a delete was refused for a
    /// while because something still uses it.
    fn in_the_way(
        clients: &ClientsOf<Self>,
        id: &PhysicalId,
        last: &Attributes,
    ) -> impl Future<Output = ProviderResult<Vec<Obstacle>>> + Send {
        let _ = (clients, id, last);
        async { Ok(Vec::new()) }
    }

    /// Deletes and creates in one call, which is carried out whole or not at all: of a type with [`Rules::together`].
    /// The deletes come first; what is gone already is left out. Answers what each of the creates made, in their order.
    fn in_one_call(
        clients: &ClientsOf<Self>,
        deletes: &[(Call, PhysicalId)],
        creates: Vec<(Call, Self)>,
    ) -> impl Future<Output = ProviderResult<Vec<Created<Self::Partial>>>> + Send {
        let _ = (clients, deletes, creates);
        async { Err(has_no_such_call()) }
    }

    /// What has the name that these attributes make, whoever made it; nothing where the name is not known, or AWS
    /// gives no names. Of a type that is recognised by its content: what is equal.
    fn holders(
        clients: &ClientsOf<Self>,
        given: &Self::Partial,
    ) -> impl Future<Output = ProviderResult<Observations<Self>>> + Send {
        let _ = (clients, given);
        async { Ok(BTreeMap::new()) }
    }

    /// What a create whose answer was lost may have left: by our tags ([`Call::marks`]) where the API finds by tags. Which
    /// of them it made is told by [`Rules::recognition`]. `given` are the attributes of the intent, as far as they
    /// are known.
    fn left(
        clients: &ClientsOf<Self>,
        call: &Call,
        given: &Self::Partial,
    ) -> impl Future<Output = ProviderResult<Observations<Self>>> + Send {
        let _ = call;
        Self::holders(clients, given)
    }

    /// Looks for the reason when a wait ended in failure, beyond what `read` tells.
    fn explain(clients: &ClientsOf<Self>, id: &PhysicalId) -> impl Future<Output = Option<String>> + Send {
        let _ = (clients, id);
        async { None }
    }
}

/// What is said of a type beside its attributes, which are named by the members of `F`.
#[derive(Debug, Clone, Copy)]
pub struct Rules<F: 'static> {
    /// The attributes that together are the resource's name at AWS: two with the same cannot be side by side.
    pub natural_key: &'static [F],
    /// Whether a create call answers with what has the name already, or writes over it: then it is looked for first.
    pub looks_first: bool,
    /// What else keeps two of the type from being side by side.
    pub clashes: &'static [Clash<F>],
    /// Elements of its lists that others use, which AWS does not let go of before those have.
    pub in_use: &'static [Used<F>],
    /// What it cannot leave, although what it names of that can be changed in place.
    pub stays_in: &'static [Stays<F>],
    /// What it stands for that the update of another one begins.
    pub follows: Option<Following<F>>,
    /// Which of its names stays with the thing that has it.
    pub name_stays: Option<NameStays>,
    /// The attribute that, while it is true, has every delete refused.
    pub protected_by: Option<F>,
    /// How its own creates are recognised.
    pub recognition: Recognition,
    /// Whether AWS gives no id of it a second time, as `vpc-0abc` and the ARN of a load balancer, which ends in a number:
    /// not one that is a name or made of names, which whoever makes the thing anew gives it again.
    pub unique_ids: bool,
    /// The type that its natural key is under, and the attributes that the parent's id is made of. Where a run has just
    /// made the parent, nobody else can have the key.
    pub under: Option<(&'static str, &'static [F])>,
    /// What else AWS refuses to delete as long as one of these names it, or takes these along with, and the attributes
    /// that its id, its name or its own word for itself is made of.
    pub hangs_on: &'static [(&'static str, &'static [F])],
    /// Create-before-destroy unless the file says otherwise.
    pub create_before_destroy: bool,
    /// What its resources hold that nothing makes again.
    pub holds_data: Option<&'static HoldsData>,
    /// Which of its deletes and creates one call can make.
    pub together: Option<InOneCall>,
    /// What has to be waited for.
    pub waits: Waits,
}

impl<F> Rules<F> {
    /// Nothing special.
    pub const NONE: Self = Self {
        natural_key: &[],
        looks_first: false,
        clashes: &[],
        in_use: &[],
        stays_in: &[],
        follows: None,
        name_stays: None,
        protected_by: None,
        recognition: Recognition::Tags,
        unique_ids: false,
        under: None,
        hangs_on: &[],
        create_before_destroy: false,
        holds_data: None,
        together: None,
        waits: Waits::NONE,
    };

    /// Nothing special but that AWS gives ids, and none a second time.
    pub const UNIQUE_IDS: Self = Self {
        unique_ids: true,
        ..Self::NONE
    };
}

/// A rule of AWS by which two of a type cannot be side by side, where the attributes in `same` are the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash<F: 'static> {
    /// One of them, and not the other, has this text in the attribute; `None`: does not set it.
    OnlyOneHas {
        /// The scope of the rule.
        same: &'static [F],
        /// The attribute.
        attribute: F,
        /// Its value.
        value: Option<&'static str>,
    },
    /// Both have the attribute true.
    BothTrue {
        /// The scope of the rule.
        same: &'static [F],
        /// The attribute.
        attribute: F,
    },
    /// Both name the same thing, which two of one owner may.
    Shared {
        /// The scope of the rule.
        same: &'static [F],
        /// Where they name it, by path; lists on the way are looked through.
        at: &'static [&'static str],
        /// The attribute that names the owner; `None`: no two may.
        owner: Option<F>,
    },
    /// The networks in the attribute overlap.
    Overlap {
        /// The scope of the rule.
        same: &'static [F],
        /// The attribute.
        attribute: F,
    },
}

/// That another type uses elements of a list of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used<F> {
    /// The list.
    pub attribute: F,
    /// The type that uses its elements.
    pub by: &'static str,
    /// The attribute of that type that names the one with the list.
    pub through: &'static str,
    /// Where that type names the elements; lists on the way are looked through.
    pub at: &'static str,
}

/// That an attribute names things of another type, which stand in something that a resource of this one cannot leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stays<F> {
    /// Where it names them, by path; lists on the way are looked through.
    pub at: &'static str,
    /// Their type.
    pub names: &'static str,
    /// The attribute of that type that tells what they stand in.
    pub through: &'static str,
    /// The attribute of this type that tells the same.
    pub own: F,
}

/// That a resource stands for something that goes on after the update of another one: see [`infra_core::Follows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following<F> {
    /// The attribute that names the other one.
    pub through: F,
    /// Its type.
    pub of: &'static str,
    /// The attributes of that type with whose change something begins.
    pub starts: &'static [&'static str],
}
