//! A stack whose state is gone altogether, or older than what AWS has of it: told, and nothing is made a second time.

use infra_core::{Diagnostic, ProviderError, ResourceAddress, listed};
use infra_engine::{Planned, Unknown};
use infra_provider::Standing;

use crate::site::Site;
use crate::stack::Open;

/// Why nothing is planned.
const LOST: &str = "Nothing was changed: the state knows nothing of what is there.";

/// Why a plan is not carried out.
const OLDER: &str = "Nothing was changed: the state does not know all that is there.";

/// Things that are named at most.
const NAMED: usize = 10;

/// What a plan is refused for, and why in a sentence: what AWS has of a stack whose state knows nothing, or is older. `None`
/// where it has nothing else, too.
///
/// # Errors
/// AWS did not tell.
pub async fn refusal(
    unknown: Result<Unknown, ProviderError>,
    planned: Option<&Planned>,
    open: &Open,
    site: &Site,
) -> Result<Option<(Diagnostic, &'static str)>, ProviderError> {
    let unknown = match (unknown?, planned) {
        (Unknown::ToNewState(standing), _) => {
            return Ok(lost(&standing, open, site).map(|refused| (refused, LOST)));
        }
        (_, None) => return Ok(None),
        (unknown, Some(planned)) => open.session.newer_than_the_state(planned, unknown).await?,
    };
    Ok(older(&unknown, open, site).map(|refused| (refused, OLDER)))
}

fn lost(standing: &[Standing], open: &Open, site: &Site) -> Option<Diagnostic> {
    if standing.is_empty() {
        return None;
    }
    let stack = &open.stack.id;
    let named: Vec<String> = standing.iter().map(in_words).collect();
    let message = format!(
        "the state of {stack} in {} knows nothing, but AWS has {} with the tag infra:stack of this stack: {}",
        site.state_dir.display(),
        things(standing.len()),
        listed(&named, NAMED)
    );
    let rebuild = site.command("state rebuild", stack);
    let way_out = format!(
        "if the state is lost: after `{rebuild}` the next plan looks for what the file declares and takes over what there is"
    );
    Some(told("state-lost", message, way_out))
}

fn older(standing: &[(ResourceAddress, Standing)], open: &Open, site: &Site) -> Option<Diagnostic> {
    if standing.is_empty() {
        return None;
    }
    let stack = &open.stack.id;
    let named: Vec<String> = standing.iter().map(|(_, thing)| in_words(thing)).collect();
    let message = format!(
        "the state of {stack} in {} is older than what AWS has: {} that it does not know {} made by this stack, and would be \
         made a second time: {}",
        site.state_dir.display(),
        things(standing.len()),
        if standing.len() == 1 { "was" } else { "were" },
        listed(&named, NAMED)
    );
    let rebuild = site.commands(stack).on("state rebuild", ["--search"]);
    let way_out = format!(
        "if an older copy of the state was put back: after `{rebuild}` the next plan looks for what the file declares and \
         takes over what there is"
    );
    Some(told("state-older", message, way_out))
}

fn told(code: &str, message: String, way_out: String) -> Diagnostic {
    Diagnostic::error(code, message)
        .help(way_out)
        .help("if it is somewhere else, such as on another machine or in another --state-dir: work with that one")
        .help("what is not to be of this stack any more: take its tag infra:stack off")
}

fn things(count: usize) -> String {
    match count {
        1 => "1 thing".to_owned(),
        many => format!("{many} things"),
    }
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
