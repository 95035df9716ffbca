//! A plan as a file: reviewed now, applied later, by what it was made from and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use infra_config::{InClear, Sensitive, UsedInputs, in_clear};
use infra_core::plan::PLAN_FORMAT_VERSION;
use infra_core::{
    Attributes, Catalogue, KeptKey, Observation, PhysicalId, Plan, ResourceAddress, SealingKey, SealingKeyId,
    Stack,
};
use infra_engine::{Planned, Prepared, Refreshed};
use infra_plan::conceal;
use serde::{Deserialize, Serialize};

/// How every sealed value begins in JSON.
const SEALED: &str = "\"hmac-sha256:";

/// What wrote a plan; what is sent to a build is told from it by that.
const WRITTEN_BY: &str = "infra plan";

/// What a plan file holds. No secret is in it: sensitive variables, also those of the environment, have to be
/// given again.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The first in the file: by it a plan is known among the sources of an image.
    #[serde(default)]
    written_by: String,
    format_version: u32,
    /// The plan, for review and to be compared with.
    pub plan: Plan,
    /// The stack file.
    pub stack_file: PathBuf,
    /// Where the state is.
    pub state_dir: PathBuf,
    /// Whether the plan is for the sandbox.
    pub sandbox: bool,
    /// The key that its sensitive values are sealed with; `None` when it has none.
    pub sealed_with: Option<SealingKeyId>,
    /// That key as KMS keeps it, if that does: the state may not have it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_key: Option<KeptKey>,
    /// The account that it was made in.
    pub account_id: Option<String>,
    files: BTreeMap<PathBuf, String>,
    variables: BTreeMap<String, String>,
    sensitive_variables: BTreeSet<String>,
    environment: BTreeMap<String, String>,
    #[serde(default)]
    sensitive_environment: BTreeSet<String>,
    /// What the user asked for.
    pub options: SavedOptions,
    observations: Vec<(ResourceAddress, Observation)>,
    deposed: Vec<(ResourceAddress, PhysicalId, Observation)>,
    prepared: BTreeMap<ResourceAddress, Attributes>,
    #[serde(default)]
    lookups: BTreeMap<ResourceAddress, Attributes>,
}

/// What the user asked of the plan.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SavedOptions {
    /// Only these and what they need.
    pub targets: Vec<ResourceAddress>,
    /// To be replaced even if nothing differs.
    pub replace: Vec<ResourceAddress>,
    /// Whose data may be lost.
    #[serde(default)]
    pub allow_data_loss: Vec<ResourceAddress>,
}

/// Where a saved plan belongs.
pub struct Origin<'a> {
    /// The stack file.
    pub stack_file: &'a Path,
    /// Where the state is.
    pub state_dir: &'a Path,
    /// Whether it is for the sandbox.
    pub sandbox: bool,
}

impl SavedPlan {
    /// What a plan was made from, with everything secret sealed.
    ///
    /// # Errors
    /// A sensitive value stands in a stack file, which the plan would hold.
    pub fn new(
        planned: &Planned,
        used: UsedInputs,
        origin: &Origin<'_>,
        options: SavedOptions,
        catalogue: &dyn Catalogue,
        key: &SealingKey,
    ) -> Result<Self> {
        if let Some(stack) = &planned.stack {
            refuse_secrets_in_files(stack, &used, catalogue)?;
        }
        let wanted: BTreeMap<&ResourceAddress, &Attributes> = planned
            .plan
            .changes
            .iter()
            .map(|change| (&change.address, &change.wanted))
            .collect();
        let none = Attributes::new();
        let seal = |address: &ResourceAddress, observation: &Observation| {
            let model = wanted.get(address).copied().unwrap_or(&none);
            sealed(catalogue, address, observation, model, key)
        };
        let observations = &planned.refreshed.observations;
        let deposed = &planned.refreshed.deposed;
        let mut saved = Self {
            written_by: WRITTEN_BY.to_owned(),
            format_version: PLAN_FORMAT_VERSION,
            plan: planned.plan.clone(),
            stack_file: origin.stack_file.to_owned(),
            state_dir: std::path::absolute(origin.state_dir)?,
            sandbox: origin.sandbox,
            sealed_with: None,
            kept_key: None,
            account_id: planned
                .identity
                .as_ref()
                .map(|identity| identity.account_id.clone()),
            files: used.files,
            variables: used.variables,
            sensitive_variables: used.sensitive_variables,
            environment: used.environment,
            sensitive_environment: used.sensitive_environment,
            options,
            observations: observations
                .iter()
                .map(|(address, seen)| (address.clone(), seal(address, seen)))
                .collect(),
            deposed: deposed
                .iter()
                .map(|((address, id), seen)| (address.clone(), id.clone(), seal(address, seen)))
                .collect(),
            prepared: planned.prepared.clone(),
            lookups: planned.lookups.clone(),
        };
        let holds_sealed_values = saved.text()?.contains(SEALED);
        if holds_sealed_values {
            saved.sealed_with = Some(key.id());
            saved.kept_key = key.kept().cloned();
        }
        Ok(saved)
    }

    /// Writes the plan for its owner only.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, path: &Path) -> Result<()> {
        infra_state::write_private(path, self.text()?.as_bytes())?;
        Ok(())
    }

    fn text(&self) -> Result<String> {
        serde_json::to_string_pretty(self).context("the plan cannot be written as JSON")
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// It is no plan, of another version, or cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("the plan {shown} cannot be read"))?;
        let version: Version = serde_json::from_str(&text)
            .with_context(|| format!("{shown} is no plan that `infra plan --out` wrote"))?;
        if version.format_version != PLAN_FORMAT_VERSION {
            bail!(
                "{shown} is a plan of format {}, this infra reads format {PLAN_FORMAT_VERSION}: make it again",
                version.format_version
            );
        }
        serde_json::from_str(&text).with_context(|| format!("the plan {shown} is damaged: make it again"))
    }

    /// The stack's files, for reading the same stack again.
    pub fn files(&self) -> infra_config::MemoryFiles {
        infra_config::MemoryFiles::new(self.files.clone())
    }

    /// The variables for reading the same stack again; the sensitive ones come from `given` and `environment`.
    ///
    /// # Errors
    /// A sensitive variable is not given.
    pub fn variables(
        &self,
        given: &[(String, String)],
        environment: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>> {
        let mut variables = self.variables.clone();
        for name in &self.sensitive_variables {
            let value = given
                .iter()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value)
                .or_else(|| environment.get(&format!("INFRA_VAR_{name}")));
            match value {
                Some(value) => variables.insert(name.clone(), value.clone()),
                None => bail!(
                    "the variable {name} is sensitive and so not in the plan: set INFRA_VAR_{name} as it was for `plan`"
                ),
            };
        }
        Ok(variables)
    }

    /// The environment for reading the same stack again; what is sensitive comes from `given`.
    ///
    /// # Errors
    /// A sensitive environment variable is not given.
    pub fn environment(&self, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let mut environment = self.environment.clone();
        for name in &self.sensitive_environment {
            match given.get(name) {
                Some(value) => environment.insert(name.clone(), value.clone()),
                None => bail!(
                    "the environment variable {name} reaches something sensitive and so is not in the plan: set it as \
                     it was for `plan`"
                ),
            };
        }
        Ok(environment)
    }

    /// What AWS had when the plan was made.
    pub fn refreshed(&self) -> Refreshed {
        Refreshed {
            observations: self.observations.iter().cloned().collect(),
            deposed: self
                .deposed
                .iter()
                .map(|(address, id, seen)| ((address.clone(), id.clone()), seen.clone()))
                .collect(),
            held_data: BTreeMap::new(),
            held_names: BTreeMap::new(),
        }
    }

    /// What was prepared and looked up when the plan was made.
    pub fn prepared(&self) -> Prepared {
        Prepared {
            made: self.prepared.clone(),
            lookups: self.lookups.clone(),
            // Of what could not be looked at no plan is saved.
            unseen: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

fn sealed(
    catalogue: &dyn Catalogue,
    address: &ResourceAddress,
    observation: &Observation,
    model: &Attributes,
    key: &SealingKey,
) -> Observation {
    match (observation, catalogue.definition(address.type_name())) {
        (
            Observation::Present {
                attributes,
                health,
                stack_tag,
            },
            Some(definition),
        ) => Observation::Present {
            attributes: conceal(definition.schema(), attributes, [model, model], key)
                .iter()
                .map(|(name, value)| (name.clone(), value.sealed(key)))
                .collect(),
            health: health.clone(),
            stack_tag: stack_tag.clone(),
        },
        (other, _) => other.clone(),
    }
}

fn refuse_secrets_in_files(stack: &Stack, used: &UsedInputs, catalogue: &dyn Catalogue) -> Result<()> {
    let mut places: BTreeMap<Sensitive, Vec<String>> = BTreeMap::new();
    for InClear { of, place } in in_clear(stack, used, catalogue) {
        places.entry(of).or_default().push(place);
    }
    let by_variable = "give it by a variable that is `sensitive`, as INFRA_VAR_NAME,";
    let refused: Vec<String> = places
        .into_iter()
        .map(|(of, places)| {
            let (what, instead) = match of {
                Sensitive::Variable(name) => (
                    format!("the variable {name}"),
                    format!("give it as INFRA_VAR_{name}"),
                ),
                Sensitive::Attribute(name) => (format!("the attribute {name}"), by_variable.to_owned()),
                Sensitive::Output(name) => (format!("the output {name}"), by_variable.to_owned()),
            };
            format!(
                "{what} is sensitive, but its value, or a part of it, stands in {}, which the plan would hold: take it out \
                 of there, and {instead} instead",
                places.join(" and ")
            )
        })
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    bail!(refused.join("\n"))
}
