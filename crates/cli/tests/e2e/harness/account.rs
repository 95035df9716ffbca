//! What an emulated account holds, told by boto3.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::project::{Cloud, Project};

/// Things by kind, such as `ec2.vpc`, each with its id, in order. What is there twice stands there twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held(Vec<(String, String)>);

impl Held {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each thing with its kind, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    /// How many there are of each kind.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (kind, _) in &self.0 {
            *counts.entry(kind.as_str()).or_default() += 1;
        }
        counts
    }

    /// The ids of one kind.
    pub fn ids(&self, kind: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(held, _)| held == kind)
            .map(|(_, id)| id.as_str())
            .collect()
    }
}

impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, id) in &self.0 {
            write!(formatter, "\n  {kind} {id}")?;
        }
        Ok(())
    }
}

/// Lists accounts.
pub struct Lister;

impl Lister {
    /// What the account of a project holds; with `rollouts` also every one that its services have had.
    #[track_caller]
    pub fn list(project: &Project, rollouts: bool) -> Held {
        let given = json!({
            "rollouts": rollouts,
            "sandbox": matches!(project.cloud(), Cloud::Sandbox(_)),
            "ignored_roles": [],
        });
        let listed = project.boto3(&given, include_str!("listing.py"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut held: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect();
        held.sort();
        Held(held)
    }
}
