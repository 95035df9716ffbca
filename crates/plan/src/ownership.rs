//! Whose the things are that the state knows, by the tags that AWS tells of them.
//!
//! An id that is a name says only that something of that name is there. Somebody may have deleted ours and made one of
//! their own; then our tag is missing there, and nothing of it is ours to change or delete.

use infra_core::plan::Reason;
use infra_core::{
    Action, AttributePath, Change, Commands, Diagnostic, Health, Ownership, Plan, ResourceRecord, Stack,
    StackId, StackTag, TAG_STACK, Tagging, TypeDefinition, Value,
};

use crate::compare::Difference;

/// What is known of whose a thing is.
#[derive(Clone, Copy)]
pub(crate) struct Marks<'a> {
    pub stack: &'a StackId,
    pub tagging: Tagging,
    /// Whether the record says that our tags are still to be written.
    pub retag: bool,
    pub tag: &'a StackTag,
    pub health: &'a Health,
}

static UNTOLD: StackTag = StackTag::Untold;

impl<'a> Marks<'a> {
    pub fn new(
        stack: &'a StackId,
        definition: Option<&dyn TypeDefinition>,
        record: &ResourceRecord,
        tag: Option<&'a StackTag>,
        health: &'a Health,
    ) -> Self {
        Self {
            stack,
            tagging: definition.map_or(Tagging::None, |definition| definition.schema().tagging),
            retag: record.retag,
            tag: tag.unwrap_or(&UNTOLD),
            health,
        }
    }

    /// Whose it is, where this is to happen to it.
    pub fn ownership(self, action: Action) -> Ownership {
        let stays = !matches!(action, Action::Delete | Action::Replace);
        if self.tagging == Tagging::None || action == Action::Forget {
            return Ownership::Ours;
        }
        let written = if stays { Ownership::Retag } else { Ownership::Ours };
        match self.tag {
            // Who imported it wants it to be this stack's; but until its tags say so, the other one may still be in charge.
            StackTag::Names(other) if other != self.stack.as_str() && !(self.retag && stays) => {
                Ownership::OfStack(other.clone())
            }
            _ if self.retag => written,
            StackTag::Untold | StackTag::Names(_) => Ownership::Ours,
            StackTag::Missing if self.is_over() => Ownership::Ours,
            StackTag::Missing if self.tagging == Tagging::ById => written,
            StackTag::Missing => Ownership::Unmarked,
        }
    }

    /// What of our tag is not as we left it.
    pub fn drift(self) -> Option<Difference> {
        let observed = match self.tag {
            _ if self.retag || self.tagging == Tagging::None => return None,
            StackTag::Missing if !self.is_over() => Value::Null,
            StackTag::Names(other) if other != self.stack.as_str() => Value::from(other.as_str()),
            _ => return None,
        };
        Some(Difference {
            path: AttributePath::attribute("tags").name(TAG_STACK),
            wanted: Value::from(self.stack.as_str()),
            observed,
            immutable: false,
        })
    }

    /// Of what is going away AWS may not tell the tags any more.
    fn is_over(self) -> bool {
        matches!(self.health, Health::Failed(_) | Health::Deleting(_))
    }
}

/// Whose a thing is by what its tag tells, where this is to happen to it.
pub fn ownership(
    stack: &StackId,
    tagging: Tagging,
    record: &ResourceRecord,
    tag: &StackTag,
    health: &Health,
    action: Action,
) -> Ownership {
    let marks = Marks {
        stack,
        tagging,
        retag: record.retag,
        tag,
        health,
    };
    marks.ownership(action)
}

/// One error for each resource of a plan that is not surely this stack's, and so is left as it is. `stack` has the
/// places.
pub fn refused_ownership(plan: &Plan, stack: Option<&Stack>, commands: &Commands) -> Vec<Diagnostic> {
    let refused = plan.changes.iter().filter(|change| change.ownership.is_refused());
    refused
        .map(|change| refusal(&plan.stack, change, stack, commands))
        .collect()
}

fn refusal(id: &StackId, change: &Change, stack: Option<&Stack>, commands: &Commands) -> Diagnostic {
    let address = &change.address;
    let resource = stack.and_then(|stack| stack.resources.get(address));
    let thing = match &change.physical_id {
        Some(thing) => format!("{} {thing}", address.type_name()),
        None => address.to_string(),
    };
    let typed = address.to_string();
    let forget = format!("`{}`", commands.on("state rm", [&*typed]));
    let import = change
        .physical_id
        .as_ref()
        .map(|thing| format!("`{}`", commands.on("import", [&*typed, thing.as_str()])));
    let is_deposed = change.reason == Reason::Deposed;
    let (code, message, ways) = match &change.ownership {
        Ownership::OfStack(other) => (
            "of-another-stack",
            format!(
                "{address}: {thing} is of another stack, `{other}`, by its tag {TAG_STACK}; it is left as it is"
            ),
            vec![
                format!("change or destroy it with that stack, and forget it here: {forget}"),
                format!("if it is this stack's, set its tag {TAG_STACK} to `{id}`"),
            ],
        ),
        _ => (
            "not-surely-ours",
            format!(
                "{address}: {thing} has lost its tag {TAG_STACK}: somebody made it anew, or took the tag off; it is left as \
                 it is"
            ),
            [
                Some(format!("if it is somebody else's, forget it here: {forget}")),
                import
                    .filter(|_| !is_deposed && resource.is_some())
                    .map(|import| format!("to take it over, import it again: {import}")),
                Some(format!(
                    "if it is the one that this stack made, set its tag {TAG_STACK} to `{id}`"
                )),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
    };
    let diagnostic = Diagnostic::error(code, message);
    let diagnostic = match resource {
        Some(resource) => diagnostic.at(resource.span.clone(), ""),
        None => diagnostic,
    };
    ways.into_iter().fold(diagnostic, Diagnostic::help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ownership(tagging: Tagging, retag: bool, tag: &StackTag, action: Action) -> (Ownership, bool) {
        let stack = StackId::new("app", "test", "one", "us-east-1").unwrap();
        let marks = Marks {
            stack: &stack,
            tagging,
            retag,
            tag,
            health: &Health::Ready,
        };
        (marks.ownership(action), marks.drift().is_some())
    }

    #[test]
    fn a_missing_tag_and_another_stacks_say_whose_it_is() {
        use Action::{Delete, Forget, NoOp, Replace, Update};
        use Ownership::{Ours, Retag, Unmarked};
        use StackTag::{Missing, Untold};
        use Tagging::{ById, ByName, None};
        let names = |stack: &str| StackTag::Names(stack.to_owned());
        let (ours, other) = (names("app/test/one/us-east-1"), names("other/test/one/us-east-1"));
        let theirs = || Ownership::OfStack("other/test/one/us-east-1".to_owned());
        for (tagging, retag, tag, action, expected) in [
            (ByName, false, &ours, Delete, (Ours, false)),
            (ByName, false, &Untold, Delete, (Ours, false)),
            (ByName, false, &Missing, NoOp, (Unmarked, true)),
            (ByName, false, &Missing, Update, (Unmarked, true)),
            (ByName, false, &Missing, Replace, (Unmarked, true)),
            (ByName, false, &Missing, Delete, (Unmarked, true)),
            (ByName, false, &Missing, Forget, (Ours, true)),
            (ByName, false, &other, NoOp, (theirs(), true)),
            // Imported, or moved.
            (ByName, true, &Missing, NoOp, (Retag, false)),
            (ByName, true, &Missing, Delete, (Ours, false)),
            (ByName, true, &ours, Update, (Retag, false)),
            (ByName, true, &Untold, Update, (Retag, false)),
            (ByName, true, &other, Update, (Retag, false)),
            (ByName, true, &other, Delete, (theirs(), false)),
            (ByName, true, &other, Replace, (theirs(), false)),
            // The id says that it is the same.
            (ById, false, &Missing, NoOp, (Retag, true)),
            (ById, false, &Missing, Delete, (Ours, true)),
            (ById, false, &other, Delete, (theirs(), true)),
            // No tags are ever told.
            (None, true, &Untold, NoOp, (Ours, false)),
        ] {
            assert_eq!(
                ownership(tagging, retag, tag, action),
                expected,
                "{tagging:?} {retag} {tag:?} {action:?}"
            );
        }
    }

    #[test]
    fn of_what_is_going_away_no_tags_are_expected() {
        let stack = StackId::new("app", "test", "one", "us-east-1").unwrap();
        let marks = Marks {
            stack: &stack,
            tagging: Tagging::ByName,
            retag: false,
            tag: &StackTag::Missing,
            health: &Health::Deleting("going".to_owned()),
        };
        assert_eq!(marks.ownership(Action::Replace), Ownership::Ours);
        assert!(marks.drift().is_none());
    }
}
