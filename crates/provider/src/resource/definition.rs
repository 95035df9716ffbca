//! The pure half of a type, made from its facts when it is first asked for.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::OnceLock;

use infra_core::schema::{Clash as CoreClash, ClashWhen, Follows, InUse, StaysIn, Tagging, Together, Under};
use infra_core::types::{Problem, Problems, TypeDefinition};
use infra_core::{Attributes, ResourceAddress, TypeName, TypeSchema, Value};

use super::{Clash, Resource, Service, facts};
use crate::block::FieldName;
use crate::nothing::left_out;
use crate::wait::Recognition;
use crate::{constraints, deserialize, user_tags};

/// The [`TypeDefinition`] of a [`Resource`]: needs no client and makes no call.
pub struct ResourceDefinition<T> {
    schema: OnceLock<TypeSchema>,
    of: PhantomData<fn() -> T>,
}

impl<T> ResourceDefinition<T> {
    /// Nothing is worked out until it is asked for, so this costs nothing.
    pub const fn new() -> Self {
        Self {
            schema: OnceLock::new(),
            of: PhantomData,
        }
    }
}

impl<T> Default for ResourceDefinition<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Resource> TypeDefinition for ResourceDefinition<T> {
    fn schema(&self) -> &TypeSchema {
        self.schema.get_or_init(schema::<T>)
    }

    fn validate(&self, attributes: &Attributes, problems: &mut Problems) {
        let attributes = left_out(&self.schema().attributes, attributes);
        user_tags::check(&T::Service::TAG_RULES, &attributes, problems);
        constraints::check(self.schema(), &attributes, problems);
        T::validate(&deserialize::partial(&attributes), problems);
    }

    fn validate_with_lookups(
        &self,
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        T::validate_with_lookups(attributes, lookups, problems);
    }

    fn validate_together(
        &self,
        stack: &BTreeMap<ResourceAddress, Attributes>,
    ) -> Vec<(ResourceAddress, Problem)> {
        T::validate_together(stack)
    }

    fn derive(&self, attributes: &Attributes) -> Attributes {
        T::derive(attributes)
    }
}

/// The schema of a type.
pub fn schema<T: Resource>() -> TypeSchema {
    let rules = T::RULES;
    TypeSchema {
        name: type_name(T::NAME),
        description: T::DESCRIPTION.to_owned(),
        page: T::FACTS.page.unwrap_or_default().to_owned(),
        attributes: facts::attributes(&T::FACTS),
        computed: facts::computed(&T::FACTS),
        natural_key: names(rules.natural_key),
        caseless: facts::caseless(&T::FACTS),
        under: rules.under.map(under),
        hangs_on: rules.hangs_on.iter().copied().map(under).collect(),
        clashes: rules.clashes.iter().map(clash).collect(),
        in_use: rules
            .in_use
            .iter()
            .map(|used| InUse {
                attribute: used.attribute.name().to_owned(),
                by: type_name(used.by),
                through: used.through.to_owned(),
                at: used.at.into(),
            })
            .collect(),
        stays_in: rules
            .stays_in
            .iter()
            .map(|stays| StaysIn {
                attribute: stays.at.into(),
                names: type_name(stays.names),
                through: stays.through.to_owned(),
                own: stays.own.name().to_owned(),
            })
            .collect(),
        follows: rules.follows.as_ref().map(|follows| Follows {
            through: follows.through.name().to_owned(),
            of: type_name(follows.of),
            starts: follows.starts.iter().map(ToString::to_string).collect(),
        }),
        name_stays: rules.name_stays,
        protected_by: rules.protected_by.map(|field| field.name().to_owned()),
        create_before_destroy: rules.create_before_destroy,
        holds_data: rules.holds_data.cloned(),
        together: rules.together.as_ref().map(|together| Together {
            within: together.within.iter().map(ToString::to_string).collect(),
            at_most: together.at_most,
        }),
        tagging: match (rules.recognition, rules.unique_ids) {
            (Recognition::Tags, true) => Tagging::ById,
            (Recognition::Tags, false) => Tagging::ByName,
            _ => Tagging::None,
        },
        rules: facts::rules(&T::FACTS),
    }
}

fn names<F: FieldName>(fields: &[F]) -> Vec<String> {
    fields.iter().map(|field| field.name().to_owned()).collect()
}

fn under<F: FieldName>((of, through): (&'static str, &'static [F])) -> Under {
    Under {
        of: type_name(of),
        through: names(through),
    }
}

fn clash<F: FieldName>(rule: &Clash<F>) -> CoreClash {
    match *rule {
        Clash::OnlyOneHas {
            same,
            attribute,
            value,
        } => CoreClash {
            same: names(same),
            when: ClashWhen::OnlyOneHas {
                attribute: attribute.name().to_owned(),
                value: value.map_or(Value::Null, Value::from),
            },
        },
        Clash::BothTrue { same, attribute } => CoreClash {
            same: names(same),
            when: ClashWhen::BothHave {
                attribute: attribute.name().to_owned(),
                value: Value::Bool(true),
            },
        },
        Clash::Shared { same, at, owner } => CoreClash {
            same: names(same),
            when: ClashWhen::Shared {
                at: at.iter().map(|&path| path.into()).collect(),
                owner: owner.map(|field| field.name().to_owned()),
            },
        },
        Clash::Overlap { same, attribute } => CoreClash {
            same: names(same),
            when: ClashWhen::Overlap {
                attribute: attribute.name().to_owned(),
            },
        },
    }
}

pub(super) fn type_name(name: &str) -> TypeName {
    name.parse().unwrap_or_else(|_| TypeName::new(name, ""))
}
