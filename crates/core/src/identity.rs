//! Who a stack is, and where at AWS its resources are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, environment and stage.
pub const MAX_PART: usize = 64;
/// The longest region. With three parts of [`MAX_PART`] and the slashes an identity has at most 227 characters, and so
/// fits into the value of a tag, which takes 256: <https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html>.
pub const MAX_REGION: usize = 32;
/// Stands for an environment that the file does not name. No part can be it, since none begins with a hyphen.
const NO_ENVIRONMENT: &str = "-";

/// A stack's identity, under which it is stored and tagged: its name, environment, stage and region, shown as
/// `appname/dev/dev02/us-east-1`. No part can hold a slash, so that no two stacks are ever one. Without an
/// environment it is `appname/-/dev02/us-east-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StackId(String);

/// A text that is no stack's identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the identity of a stack: expected name/environment/stage/region, such as appname/dev/dev02/us-east-1, \
     with `-` for no environment; the parts have letters, digits and hyphens and do not begin with a hyphen"
)]
pub struct NotAStackId(pub String);

/// Whether a text can be a stack's name, environment or stage: 1 to [`MAX_PART`] letters, digits and hyphens, not
/// beginning with a hyphen.
pub fn is_part(text: &str) -> bool {
    let safe = |character: char| character.is_ascii_alphanumeric() || character == '-';
    !text.is_empty() && text.len() <= MAX_PART && text.chars().all(safe) && !text.starts_with('-')
}

impl StackId {
    /// The identity of these four parts. An empty environment is none.
    ///
    /// # Errors
    /// [`NotAStackId`] when one of them cannot be a part.
    pub fn new(name: &str, environment: &str, stage: &str, region: &str) -> Result<Self, NotAStackId> {
        let environment = if environment.is_empty() {
            NO_ENVIRONMENT
        } else {
            environment
        };
        format!("{name}/{environment}/{stage}/{region}").parse()
    }

    /// The four parts with slashes between them.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Name, environment, stage and region; no environment is `-`. Each is safe as a folder's name.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Name, environment (empty without one), stage and region.
    pub fn named_parts(&self) -> [&str; 4] {
        let mut parts = self.parts();
        let mut next = || parts.next().unwrap_or_default();
        let [name, environment, stage, region] = [next(), next(), next(), next()];
        let environment = if environment == NO_ENVIRONMENT {
            ""
        } else {
            environment
        };
        [name, environment, stage, region]
    }
}

impl FromStr for StackId {
    type Err = NotAStackId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [name, environment, stage, region]
                if is_part(name)
                    && (is_part(environment) || *environment == NO_ENVIRONMENT)
                    && is_part(stage)
                    && is_part(region)
                    && region.len() <= MAX_REGION =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NotAStackId(text.to_owned())),
        }
    }
}

impl TryFrom<String> for StackId {
    type Error = NotAStackId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StackId> for String {
    fn from(id: StackId) -> Self {
        id.0
    }
}

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where at AWS a resource is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The twelve-digit account id.
    pub account_id: String,
    /// Such as `us-east-1`.
    pub region: String,
}

/// How a stack reaches AWS: kept in its state, so that the stack can be removed without its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The account and region that its calls go to.
    #[serde(flatten)]
    pub location: Location,
    /// The role that is assumed for every call, an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_stacks_have_one_identity() {
        let id = |parts: [&str; 4]| StackId::new(parts[0], parts[1], parts[2], parts[3]).unwrap();
        let all = [
            ["a-b", "dev", "c", "us-east-1"],
            ["a", "dev", "b-c", "us-east-1"],
            ["a", "dev-b", "c", "us-east-1"],
            ["a", "", "b-c", "us-east-1"],
            ["a", "prod", "b-c", "us-east-1"],
            ["a", "dev", "b-c", "us-east-2"],
        ]
        .map(id);
        let different: std::collections::BTreeSet<_> = all.iter().map(StackId::as_str).collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(all[3].as_str(), "a/-/b-c/us-east-1");
        assert_eq!(all[3].named_parts(), ["a", "", "b-c", "us-east-1"]);
        assert_eq!(all[0].as_str().parse(), Ok(all[0].clone()));
    }

    #[test]
    fn what_is_no_identity_is_refused_where_it_is_read_too() {
        let long = "x".repeat(MAX_PART + 1);
        for parts in [
            ["", "dev", "c", "us-east-1"],
            ["a/b", "dev", "c", "us-east-1"],
            ["..", "dev", "c", "us-east-1"],
            ["a", "-dev", "c", "us-east-1"],
            ["a", "dev", "-", "us-east-1"],
            ["a", "dev", "c", ""],
            ["ä", "dev", "c", "us-east-1"],
            [&long, "dev", "c", "us-east-1"],
            ["a", "dev", "c", &long[..MAX_REGION + 1]],
        ] {
            assert!(
                StackId::new(parts[0], parts[1], parts[2], parts[3]).is_err(),
                "{parts:?}"
            );
        }
        for text in ["\"a-b-us-east-1\"", "\"a/b/c\"", "\"a/b/c/d/e\"", "\"a/../c/d\""] {
            assert!(serde_json::from_str::<StackId>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_longest_identity_fits_into_a_tag() {
        let part = "x".repeat(MAX_PART);
        let longest = StackId::new(&part, &part, &part, &part[..MAX_REGION]).unwrap();
        assert!(longest.as_str().len() <= 256, "{}", longest.as_str().len());
    }
}
