//! Things that somebody else makes in the emulated account, for tests that none is changed or deleted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::SandboxError;
use crate::sandbox::Sandbox;

const PAGE: &str = "/_infra/foreign";

/// What somebody else makes. Nobody counts it among the requests, no fault meets it, and it shows at once.
///
/// ```
/// use infra_sandbox::{Clash, Foreign, Twin};
///
/// let in_the_way = Foreign::from(Twin { clash: vec![Clash::Refused], at: 3, ..Twin::of(["*.*"]) });
/// assert!(in_the_way.things.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Foreign {
    /// Twins of what a client is about to make.
    pub twins: Vec<Twin>,
    /// Things that are made as they are told.
    pub things: Vec<Thing>,
}

impl From<Twin> for Foreign {
    fn from(twin: Twin) -> Self {
        Self {
            twins: vec![twin],
            things: Vec::new(),
        }
    }
}

impl From<Thing> for Foreign {
    fn from(thing: Thing) -> Self {
        Self {
            twins: Vec::new(),
            things: vec![thing],
        }
    }
}

/// Just before a client's request is carried out, or lost, somebody else makes the very same with tags of theirs.
/// A client that sends it again finds the one that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Twin {
    /// The operations that this is about, such as `iam.CreateRole`, `ecs.*` or `*.*`.
    pub of: Vec<String>,
    /// Of these only what clashes in one of these ways; in any when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clash: Vec<Clash>,
    /// At which of these requests, counted from 1 and from the set-up; at each of them when 0. A request at which AWS
    /// takes a twin of nobody is not counted.
    pub at: u64,
    /// The tags that it bears; `made-by` with `somebody else` when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

impl Twin {
    /// A twin of whatever these operations make, at each of their requests.
    pub fn of(operations: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            of: operations.into_iter().map(Into::into).collect(),
            clash: Vec::new(),
            at: 0,
            tags: None,
        }
    }
}

/// What AWS answers to a request for something that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clash {
    /// That it is there.
    Refused,
    /// What is there, as if it had just been made; its tags tell it apart.
    Returned,
    /// The same as if nothing had been there: nothing tells it apart.
    Untold,
    /// A second one: nothing of it has to be unique.
    Beside,
}

/// One thing that somebody else makes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Thing {
    /// The operation that makes it, such as `ecs.CreateCluster`.
    pub operation: String,
    /// Its parameters, by AWS's names.
    pub parameters: Value,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// At which of the requests that can change something it is made, counted from 1 and from the set-up; at once when 0.
    pub at_mutating: u64,
    /// Whether it is made before or after that request.
    pub when: Moment,
}

/// When a [`Thing`] is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before the request is carried out.
    Before,
    /// After it was.
    After,
}

/// What has become of what somebody else has made.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ForeignReport {
    /// The requests that could change something, from the set-up on.
    pub mutating: u64,
    /// How many requests each of the twins was about, in their order.
    pub met: Vec<u64>,
    /// What was made.
    pub planted: Vec<Planted>,
    /// How many of these are not as they were made.
    pub touched: u64,
    /// Things that could not be made, or not be taken away.
    pub failed: Vec<Unplanted>,
}

/// One thing that somebody else has made.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Planted {
    /// The operation that made it.
    pub operation: String,
    /// Its type, such as `iam.role`.
    pub kind: String,
    /// What AWS answers to whoever makes the same.
    pub clash: Clash,
    /// Its ids: several when one request made several.
    pub ids: Vec<String>,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Whether it is the twin of what a client was about to make.
    pub is_twin: bool,
    /// The request that could change something at which it was made; 0 when it was made at once.
    pub at_mutating: u64,
    /// Whether it is as it was made.
    pub state: PlantedState,
    /// The operation of the first request that changed it, or of the one that deleted it; empty when nothing did, or when
    /// it went between two requests.
    pub by: String,
    /// The number of that request among those that could change something.
    pub by_mutating: u64,
    /// What it was like when it was made.
    pub before: Value,
    /// What it was like after it was changed.
    pub after: Value,
}

/// What has become of one thing that somebody else has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlantedState {
    /// It is as it was made.
    Untouched,
    /// Somebody has changed it.
    Changed,
    /// Somebody has deleted it.
    Deleted,
}

/// Something that could not be made, or not be taken away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Unplanted {
    /// The operation that should have made it, or that has.
    pub operation: String,
    /// Why.
    pub error: String,
}

impl Sandbox {
    /// Has somebody else make these things, beside what they have made before, and begins to count anew. A reset ends it.
    ///
    /// # Errors
    /// When none runs, it does not answer, or it refuses what is set up.
    pub fn plant(&self, foreign: &Foreign) -> Result<ForeignReport, SandboxError> {
        let text = serde_json::to_string(foreign).map_err(unreadable)?;
        self.foreign_report("POST", &text)
    }

    /// What has become of what somebody else has made.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn foreign(&self) -> Result<ForeignReport, SandboxError> {
        self.foreign_report("GET", "")
    }

    /// Has everything taken away that somebody else has made, by themselves; returns what had become of it before.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn clear_foreign(&self) -> Result<ForeignReport, SandboxError> {
        self.foreign_report("DELETE", "")
    }

    fn foreign_report(&self, method: &str, body: &str) -> Result<ForeignReport, SandboxError> {
        serde_json::from_str(&self.ask(method, PAGE, body)?).map_err(unreadable)
    }
}

fn unreadable(error: serde_json::Error) -> SandboxError {
    SandboxError::Answer {
        path: PAGE.to_owned(),
        status: 200,
        body: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_planted_is_written_as_the_page_reads_it() {
        let twin = Twin {
            clash: vec![Clash::Refused, Clash::Returned],
            at: 3,
            ..Twin::of(["iam.*"])
        };
        assert_eq!(
            serde_json::to_value(&twin).unwrap(),
            json!({"of": ["iam.*"], "clash": ["refused", "returned"], "at": 3})
        );
        assert_eq!(
            serde_json::to_value(Foreign::from(Twin::of(["*.*"]))).unwrap(),
            json!({"twins": [{"of": ["*.*"], "at": 0}], "things": []})
        );
    }
}
