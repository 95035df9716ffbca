//! Whether a look at AWS is from after a change.

use infra_core::{Attributes, SealingKey, TypeSchema};

use crate::canonical;
use crate::compare::{Purpose, differences};
use crate::conceal::conceal;

/// Whether what was observed has everything that was `wanted`, compared as drift is. A look from before the
/// change, which AWS answers for a while after it, has not.
pub fn shows(schema: &TypeSchema, wanted: &Attributes, observed: &Attributes, key: &SealingKey) -> bool {
    let wanted = canonical::attributes(schema, wanted.clone());
    let observed = conceal(schema, observed, [&wanted, &wanted], key);
    differences(schema, Purpose::Drift, &wanted, &observed, &wanted, key).is_empty()
}
