//! A stack whose state is gone altogether, although AWS has things of it: told, and nothing is made a second time.

use infra_core::{Diagnostic, ProviderError, listed};
use infra_provider::Standing;

use crate::site::Site;
use crate::stack::Open;

/// Why nothing is planned.
pub const LOST: &str = "Nothing was changed: the state knows nothing of what is there.";

/// Things that are named at most.
const NAMED: usize = 10;

/// What AWS has of a stack whose state knows nothing; `None` where it has nothing, too.
pub fn refusal(standing: &[Standing], open: &Open, site: &Site) -> Option<Diagnostic> {
    if standing.is_empty() {
        return None;
    }
    let stack = &open.stack.id;
    let named: Vec<String> = standing.iter().map(in_words).collect();
    let things = match standing.len() {
        1 => "1 thing".to_owned(),
        many => format!("{many} things"),
    };
    let message = format!(
        "the state of {stack} in {} knows nothing, but AWS has {things} with the tag infra:stack of this stack: {}",
        site.state_dir.display(),
        listed(&named, NAMED)
    );
    let rebuild = site.command("state rebuild", stack);
    Some(
        Diagnostic::error("state-lost", message)
            .help(format!(
                "if the state is lost: after `{rebuild}` the next plan looks for what the file declares and takes over what \
                 there is"
            ))
            .help("if it is somewhere else, such as on another machine or in another --state-dir: work with that one")
            .help("what is not to be of this stack any more: take its tag infra:stack off"),
    )
}

/// That it could not be looked up whether there is anything.
pub fn warning(error: &ProviderError, open: &Open) -> String {
    format!(
        "warning: whether AWS has things of {} that its new state does not know could not be looked up, and such things would \
         be made a second time: {error}",
        open.stack.id
    )
}

/// A thing with the address that it was made for.
fn in_words(thing: &Standing) -> String {
    let address = thing.claim.as_ref().and_then(|claim| claim.address.as_deref());
    let made_for = address.map_or_else(String::new, |address| format!(" (infra:address {address})"));
    format!("{} {}{made_for}", thing.resource_type, thing.id)
}
