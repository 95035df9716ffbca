//! Whether a look at AWS is from after a change.

use std::collections::BTreeSet;

use infra_core::{Attributes, SealingKey, TypeSchema};

use crate::canonical;
use crate::compare::{Purpose, differences};
use crate::conceal::conceal;

/// Whether what was observed has everything that was `wanted`, compared as drift is. A look from before the
/// change, which AWS answers for a while after it, has not.
pub fn shows(schema: &TypeSchema, wanted: &Attributes, observed: &Attributes, key: &SealingKey) -> bool {
    not_shown(schema, wanted, observed, key).is_empty()
}

/// The attributes of `wanted` that what was observed has otherwise or not at all, compared as drift is.
pub fn not_shown(
    schema: &TypeSchema,
    wanted: &Attributes,
    observed: &Attributes,
    key: &SealingKey,
) -> BTreeSet<String> {
    let wanted = canonical::attributes(schema, wanted.clone());
    let observed = conceal(schema, observed, [&wanted, &wanted], key);
    differences(schema, Purpose::Drift, &wanted, &observed, &wanted, key)
        .iter()
        .map(|difference| difference.path.to_string())
        .collect()
}
