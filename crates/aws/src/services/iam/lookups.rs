//! Lookup of a role that exists.

use infra_core::PhysicalId;
use infra_provider::{LookupType, ProviderResult, ResourceType, Traits};
use schemars::JsonSchema;
use serde::Deserialize;

use super::role::{self, Role};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::lookups::{FoundThings, read_as};

/// The lookup.
pub struct RoleLookup(Role);

/// What a role is looked for by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleArguments {
    /// Its name, without its path.
    pub role_name: String,
}

impl FromClients for RoleLookup {
    fn from_clients(clients: &Clients) -> Self {
        Self(Role::from_clients(clients))
    }
}

impl LookupType for RoleLookup {
    const NAME: &'static str = "iam.role";
    const DESCRIPTION: &'static str = "A role that exists.";
    const IAM_ACTIONS: &'static [&'static str] = &["iam:GetRole"];
    const EXAMPLE: &'static str = r#"
[lookup.iam.role.execution]
role_name = "ecsTaskExecutionRole"

[output.execution_role_arn]
value = "${lookup.iam.role.execution.arn}"
"#;
    const TRAITS: Traits = Role::TRAITS;
    type Arguments = RoleArguments;
    type Observed = role::Observed;

    async fn find(&self, arguments: RoleArguments) -> ProviderResult<FoundThings<role::Observed>> {
        read_as(&self.0, vec![PhysicalId::new(arguments.role_name)]).await
    }
}
