//! Why a change is planned, in words.

use infra_core::plan::Reason;
use infra_core::{Action, AttributePath, Change, Ownership, TAG_STACK};

use crate::units::listed;

/// Attributes named before the rest is only counted.
const NAMED: usize = 3;

/// The reason of a change in words, to stand behind its header.
pub(crate) fn words(change: &Change) -> String {
    let kept = match change.action {
        Action::Forget => "; AWS keeps it",
        _ => "",
    };
    match &change.reason {
        Reason::Unchanged => "AWS has what the file wants".to_owned(),
        Reason::New => "new in the file".to_owned(),
        Reason::Vanished if change.action == Action::Forget => "it is gone from AWS already".to_owned(),
        Reason::Vanished => "it is gone from AWS".to_owned(),
        Reason::Differs => {
            let names = top_level(change.attributes.iter().map(|attribute| &attribute.path));
            match names.len() {
                0 => "it differs".to_owned(),
                1 => format!("{} differs", names[0]),
                _ => format!("{} differ", listed(&names, NAMED)),
            }
        }
        Reason::Immutable { attributes } => {
            let names: Vec<String> = attributes.iter().map(ToString::to_string).collect();
            match names.len() {
                0 => "it cannot be changed in place".to_owned(),
                _ => format!("{} cannot be changed in place", listed(&names, NAMED)),
            }
        }
        Reason::Broken { status } => format!("AWS reports it as {status}"),
        Reason::Undeclared => format!("no longer in the file{kept}"),
        Reason::Deposed => "left over from an earlier replacement".to_owned(),
        Reason::DependencyReplaced { address } => format!("{address}, which it refers to, is replaced"),
        Reason::PlaceWanted { address } => {
            format!("{address} takes what it has, and AWS lets no two have the same")
        }
        Reason::PlaceTaken { address } => {
            format!("it takes what {address} has, and AWS lets no two have the same")
        }
        Reason::Follows { address } => format!("the update of {address} starts a rollout"),
        Reason::Requested => "asked for".to_owned(),
        Reason::Destroy => format!("the stack is destroyed{kept}"),
    }
}

/// What AWS's tags say of whose a thing is, where that is not what it should be.
pub(crate) fn doubt(ownership: &Ownership) -> Option<String> {
    match ownership {
        Ownership::Ours | Ownership::Retag => None,
        Ownership::Unmarked => Some(format!(
            "not surely this stack's: somebody made it anew, or took its tag {TAG_STACK} off"
        )),
        Ownership::OfStack(other) => Some(format!("of another stack, {other}, by its tag {TAG_STACK}")),
    }
}

/// The top-level names of some paths, each once.
fn top_level<'a>(paths: impl Iterator<Item = &'a AttributePath>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for path in paths {
        if !names.iter().any(|name| name == path.top()) {
            names.push(path.top().to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_core::{AttributeChange, Ownership, Value};

    #[test]
    fn every_reason_has_words() {
        let address: infra_core::ResourceAddress = "ec2.vpc.main".parse().unwrap();
        let immutable = |names: &[&str]| Reason::Immutable {
            attributes: names.iter().map(|name| AttributePath::from(*name)).collect(),
        };
        for (action, reason, attributes, expected) in [
            (Action::NoOp, Reason::Unchanged, "", "AWS has what the file wants"),
            (Action::Create, Reason::New, "", "new in the file"),
            (Action::Create, Reason::Vanished, "", "it is gone from AWS"),
            (
                Action::Forget,
                Reason::Vanished,
                "",
                "it is gone from AWS already",
            ),
            (Action::Update, Reason::Differs, "tags.a tags.b", "tags differs"),
            (Action::Update, Reason::Differs, "a b c", "a, b and c differ"),
            (
                Action::Update,
                Reason::Differs,
                "a b c d e",
                "a, b, c and 2 more differ",
            ),
            (Action::Update, Reason::Differs, "", "it differs"),
            (
                Action::Replace,
                immutable(&["cidr_block"]),
                "",
                "cidr_block cannot be changed in place",
            ),
            (
                Action::Replace,
                immutable(&["a", "b[0].c"]),
                "",
                "a and b[0].c cannot be changed in place",
            ),
            (
                Action::Replace,
                Reason::Broken {
                    status: "FAILED".into(),
                },
                "",
                "AWS reports it as FAILED",
            ),
            (Action::Delete, Reason::Undeclared, "", "no longer in the file"),
            (
                Action::Forget,
                Reason::Undeclared,
                "",
                "no longer in the file; AWS keeps it",
            ),
            (
                Action::Delete,
                Reason::Deposed,
                "",
                "left over from an earlier replacement",
            ),
            (
                Action::Replace,
                Reason::DependencyReplaced {
                    address: address.clone(),
                },
                "",
                "ec2.vpc.main, which it refers to, is replaced",
            ),
            (
                Action::Replace,
                Reason::PlaceWanted {
                    address: address.clone(),
                },
                "",
                "ec2.vpc.main takes what it has, and AWS lets no two have the same",
            ),
            (
                Action::Replace,
                Reason::PlaceTaken {
                    address: address.clone(),
                },
                "",
                "it takes what ec2.vpc.main has, and AWS lets no two have the same",
            ),
            (
                Action::Update,
                Reason::Follows {
                    address: address.clone(),
                },
                "",
                "the update of ec2.vpc.main starts a rollout",
            ),
            (Action::Update, Reason::Requested, "", "asked for"),
            (Action::Delete, Reason::Destroy, "", "the stack is destroyed"),
            (
                Action::Forget,
                Reason::Destroy,
                "",
                "the stack is destroyed; AWS keeps it",
            ),
        ] {
            let change = Change {
                address: address.clone(),
                action,
                reason,
                physical_id: None,
                attributes: attributes
                    .split_whitespace()
                    .map(|path| AttributeChange {
                        path: path.into(),
                        before: Value::Null,
                        after: Value::from(1),
                        forces_replacement: false,
                    })
                    .collect(),
                drift: Vec::new(),
                replace_order: None,
                data: None,
                ownership: Ownership::Ours,
                wanted: infra_core::Attributes::new(),
            };
            assert_eq!(words(&change), expected);
        }
    }
}
