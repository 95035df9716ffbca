//! What a made-up resource type is: its schema, and how the cloud treats things of it.

use std::time::Duration;

use infra_core::schema::ComputedSchema;
use infra_core::{
    AttributeKind, AttributeSchema, Follows, HoldsData, Tagging, Together, TypeName, TypeSchema, Under, Value,
};
use infra_provider::{Recognition, Wait, Waits};

/// How the cloud names a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The cloud gives a new id to each: `network-7`.
    Given,
    /// The value of this attribute, unique within the type.
    Name(&'static str),
    /// These two attributes, `parent/key`, unique within the type.
    Under(&'static str, &'static str),
}

/// Where a computed attribute comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Computed {
    /// The id.
    Id,
    /// `arn:<type>:<id>`: the same again for a thing that is made again under its name.
    Arn,
    /// `arn:<type>:<id>/<number>`, with a number that no other thing ever has.
    NumberedArn,
    /// Given when the thing begins to work, and not told before.
    WhenReady,
    /// Counts changes of this attribute from 1.
    Counts(&'static str),
    /// Worked out by preparation on this machine and sent with the create or update.
    Prepared,
}

/// What is said of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    Required,
    Immutable,
    Sensitive,
    WriteOnly,
    SetAfterCreate,
    NeedsReady,
}

/// A made-up resource type.
#[derive(Debug)]
pub(crate) struct Kind {
    pub schema: TypeSchema,
    pub waits: Waits,
    pub identity: Identity,
    /// A create with the token of an earlier one answers with what that one made.
    pub client_token: bool,
    /// Our tags are kept.
    pub tags: bool,
    /// How its own creates are recognised; by tags where those are kept.
    pub recognition: Recognition,
    /// A create of what is there already writes over it and tells nothing.
    pub idempotent: bool,
    /// The type of what it is under, named by the first attribute of its identity.
    pub under: Option<&'static str>,
    /// How long a new thing is on its way.
    pub ready_after: Duration,
    /// How long a changed thing is on its way.
    pub changed_after: Duration,
    /// How long a deleted thing can still be seen.
    pub gone_after: Duration,
    /// Attributes that name other things, which so may not be deleted.
    pub refers_in: Vec<&'static str>,
    /// Of these, those whose things have to work before this can be made or changed.
    pub needs_working: Vec<&'static str>,
    pub computed: Vec<(&'static str, Computed)>,
}

impl Kind {
    pub fn new(name: &str, identity: Identity) -> Self {
        let name: TypeName = name.parse().expect("a type's name");
        let mut schema = TypeSchema::new(name);
        match identity {
            Identity::Given => {}
            Identity::Name(name) => schema.natural_key.push(name.to_owned()),
            Identity::Under(parent, key) => schema.natural_key.extend([parent.to_owned(), key.to_owned()]),
        }
        Self {
            schema,
            waits: Waits::NONE,
            identity,
            client_token: false,
            tags: false,
            recognition: Recognition::NaturalKey,
            idempotent: false,
            under: None,
            ready_after: Duration::ZERO,
            changed_after: Duration::ZERO,
            gone_after: Duration::ZERO,
            refers_in: Vec::new(),
            needs_working: Vec::new(),
            computed: Vec::new(),
        }
    }

    /// Adds an attribute that the file may set.
    pub fn attribute(mut self, name: &str, kind: AttributeKind, is: &[Is]) -> Self {
        let mut attribute = AttributeSchema::new(kind);
        for is in is {
            let flag = match is {
                Is::Required => &mut attribute.required,
                Is::Immutable => &mut attribute.immutable,
                Is::Sensitive => &mut attribute.sensitive,
                Is::WriteOnly => &mut attribute.write_only,
                Is::SetAfterCreate => &mut attribute.set_after_create,
                Is::NeedsReady => &mut attribute.needs_ready,
            };
            *flag = true;
        }
        self.schema.attributes.insert(name.to_owned(), attribute);
        self
    }

    /// Gives an attribute a default.
    pub fn default(mut self, name: &str, value: impl Into<Value>) -> Self {
        let attribute = self.schema.attributes.get_mut(name).expect("an attribute");
        attribute.default = Some(value.into());
        self
    }

    /// Says that an attribute names another thing.
    pub fn refers(mut self, name: &'static str) -> Self {
        self.refers_in.push(name);
        self
    }

    /// Says that an attribute names another thing, which has to work first.
    pub fn refers_to_working(mut self, name: &'static str) -> Self {
        self.needs_working.push(name);
        self.refers(name)
    }

    /// Adds an attribute that only the cloud sets.
    pub fn computed(mut self, name: &'static str, computed: Computed) -> Self {
        let kind = match computed {
            Computed::Counts(_) => AttributeKind::Integer,
            _ => AttributeKind::String,
        };
        let schema = ComputedSchema {
            kind,
            description: String::new(),
            changes_on_update: matches!(computed, Computed::Counts(_)),
        };
        self.schema.computed.insert(name.to_owned(), schema);
        self.computed.push((name, computed));
        self
    }

    pub fn with_tags(mut self) -> Self {
        self.tags = true;
        self.recognition = Recognition::Tags;
        self.schema.tagging = match self.identity {
            Identity::Given => Tagging::ById,
            _ => Tagging::ByName,
        };
        self
    }

    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that a delete takes nothing from anybody.
    pub fn shared(mut self) -> Self {
        self.recognition = Recognition::Shared;
        self
    }

    /// Says of what type the thing is that the first attribute of its identity names.
    pub fn under(mut self, resource_type: &'static str) -> Self {
        self.under = Some(resource_type);
        if let Identity::Under(parent, _) = self.identity {
            self.schema.under = Some(Under {
                of: resource_type.parse().expect("a type's name"),
                through: vec![parent.to_owned()],
            });
        }
        self
    }

    pub fn with_client_token(mut self) -> Self {
        self.client_token = true;
        self
    }

    /// Says that no two things may have the same value here, if they have one.
    pub fn unique(mut self, name: &str) -> Self {
        self.schema.natural_key.push(name.to_owned());
        self
    }

    /// Says that the cloud takes two texts here for the same that differ only in case.
    pub fn caseless(mut self, name: &str) -> Self {
        self.schema.caseless.push(name.to_owned());
        self
    }

    /// Says that things of it hold something that is gone with them.
    pub fn holds_data(mut self, what: &'static str) -> Self {
        self.schema.holds_data = Some(HoldsData {
            what: what.into(),
            allowed_by: None,
        });
        self
    }

    /// Says that deletes and creates of things with the same value here can be made by one call.
    pub fn changed_together(mut self, within: &str) -> Self {
        self.schema.together = Some(Together {
            within: vec![within.to_owned()],
            at_most: 8,
        });
        self
    }

    /// Says that with a change of one of these attributes of the thing that it is under something begins that it stands for.
    pub fn follows(mut self, through: &str, of: &str, starts: &[&str]) -> Self {
        self.schema.follows = Some(Follows {
            through: through.to_owned(),
            of: of.parse().expect("a type's name"),
            starts: starts.iter().map(ToString::to_string).collect(),
        });
        self
    }

    pub fn made_first(mut self) -> Self {
        self.schema.create_before_destroy = true;
        self
    }

    /// A new thing is on its way for so long, and is waited for.
    pub fn ready_after(mut self, what: &'static str, seconds: u64) -> Self {
        self.ready_after = Duration::from_secs(seconds);
        self.waits.create = Some(Wait::seconds(what, seconds, seconds * 4));
        self
    }

    /// A changed thing is on its way for so long, and is waited for.
    pub fn changed_after(mut self, what: &'static str, seconds: u64) -> Self {
        self.changed_after = Duration::from_secs(seconds);
        self.waits.update = Some(Wait::seconds(what, seconds, seconds * 4));
        self
    }

    /// A deleted thing can be seen for so long, and is waited for.
    pub fn gone_after(mut self, what: &'static str, seconds: u64) -> Self {
        self.gone_after = Duration::from_secs(seconds);
        self.waits.delete = Some(Wait::seconds(what, seconds, seconds * 4));
        self
    }

    /// Whether preparation works an attribute out.
    pub fn prepares(&self) -> bool {
        self.computed
            .iter()
            .any(|(_, computed)| *computed == Computed::Prepared)
    }

    pub fn is_write_only(&self, name: &str) -> bool {
        let attribute = self.schema.attributes.get(name);
        attribute.is_some_and(|attribute| attribute.write_only)
    }

    pub fn is_set_after_create(&self, name: &str) -> bool {
        let attribute = self.schema.attributes.get(name);
        attribute.is_some_and(|attribute| attribute.set_after_create)
    }
}
