//! Lookup of a role that exists.

use infra_provider::{Lookup, Things};

use super::role::Role;
use crate::lookups::things;
use crate::prelude::*;

/// A role that exists.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct RoleLookup {
    /// Its name, without its path.
    pub role_name: String,
}

impl Lookup for RoleLookup {
    const NAME: &'static str = "iam.role";
    const IAM_ACTIONS: &'static [&'static str] = &["iam:GetRole"];
    const EXAMPLE: &'static str = r#"
[lookup.iam.role.execution]
role_name = "ecsTaskExecutionRole"

[output.execution_role_arn]
value = "${lookup.iam.role.execution.arn}"
"#;
    type Clients = Clients;
    type Found = Role;

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<Role>> {
        things::<Role>(aws, [arguments.role_name].into_iter()).await
    }
}
