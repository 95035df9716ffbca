//! The name under which a role is assumed.

use infra_core::StackId;
use sha2::{Digest, Sha256};

/// The longest name of a role session, which is made of `[\w+=,.@-]`
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
const LONGEST_SESSION_NAME: usize = 64;

/// The stack, as CloudTrail shows it. No two stacks share a name: their parts have no dot, and what would be too long
/// ends in a hash behind a `=`, which no other has.
pub(crate) fn session_name(stack: &StackId) -> String {
    let mut name = format!("infra-{stack}").replace('/', ".");
    if name.len() > LONGEST_SESSION_NAME {
        let hash = hex::encode(&Sha256::digest(stack.as_str())[..6]);
        name.truncate(LONGEST_SESSION_NAME - 1 - hash.len());
        name.push('=');
        name.push_str(&hash);
    }
    name
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_stacks_have_one_session_name() {
        let long = "x".repeat(60);
        let ids = [
            "appname/dev/dev02/us-east-1".to_owned(),
            "a-b/dev/c/us-east-1".to_owned(),
            "a/b-dev/c/us-east-1".to_owned(),
            "a/-/c/us-east-1".to_owned(),
            format!("{long}/dev/one/us-east-1"),
            format!("{long}/dev/two/us-east-1"),
            format!("{long}/dev/two/eu-west-1"),
        ];
        let names: BTreeSet<String> = ids.iter().map(|id| session_name(&id.parse().unwrap())).collect();
        assert_eq!(names.len(), ids.len(), "{names:?}");
        assert!(names.contains("infra-appname.dev.dev02.us-east-1"), "{names:?}");
        for name in &names {
            assert!((2..=LONGEST_SESSION_NAME).contains(&name.len()), "{name}");
            let allowed =
                |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
            assert!(name.chars().all(allowed), "{name}");
        }
    }
}
