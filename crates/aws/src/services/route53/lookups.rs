//! `route53.hosted_zone`: a hosted zone that exists.
//!
//! Calls: ListHostedZonesByName, GetHostedZone.
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByName.html>

use std::collections::BTreeSet;

use aws_sdk_route53::Client;
use futures::future::try_join_all;
use infra_core::Attributes;
use infra_core::PhysicalId;
use infra_core::types::Problems;
use infra_provider::{LookupType, ProviderResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::plain;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::lookups::{FoundThings, fits};

/// A list has at most 100 zones in a page.
const PAGE: i32 = 100;
/// What an id has in front of it in answers.
const ID_START: &str = "/hostedzone/";

/// The lookup.
pub struct HostedZoneLookup {
    client: Client,
    partition: String,
}

/// What a hosted zone is looked for by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostedZoneArguments {
    /// The zone's id, `Z…`.
    pub id: Option<String>,
    /// Its domain, such as `example.com`; a dot at the end makes no difference.
    pub name: Option<String>,
    /// Whether it is only for VPCs: tells a private and a public zone of one name apart.
    pub private_zone: Option<bool>,
    /// A VPC that a private zone is for, `vpc-…`.
    pub vpc_id: Option<String>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    id: String,
    name: String,
    private_zone: bool,
    /// The zone's ARN.
    arn: String,
    /// What it was made for, as its maker said.
    comment: Option<String>,
    /// The name servers that the domain has to name; none of a private zone.
    name_servers: BTreeSet<String>,
    /// The VPCs that a private zone is for.
    vpc_ids: BTreeSet<String>,
}

impl FromClients for HostedZoneLookup {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.route53.clone(),
            partition: clients.identity.partition.clone(),
        }
    }
}

impl LookupType for HostedZoneLookup {
    const NAME: &'static str = "route53.hosted_zone";
    const DESCRIPTION: &'static str = "A hosted zone that exists: where the records of a domain are kept.";
    const IAM_ACTIONS: &'static [&'static str] = &["route53:ListHostedZonesByName", "route53:GetHostedZone"];
    const EXAMPLE: &'static str = r#"
[lookup.route53.hosted_zone.main]
name         = "example.com"
private_zone = false

[route53.record.api]
hosted_zone_id   = "${lookup.route53.hosted_zone.main.id}"
name             = "api.${lookup.route53.hosted_zone.main.name}"
type             = "CNAME"
ttl              = 300
resource_records = ["elsewhere.example.net"]
"#;
    type Arguments = HostedZoneArguments;
    type Observed = Observed;

    fn validate(arguments: &Attributes, problems: &mut Problems) {
        // An account may have thousands: nothing but a name or an id finds one of them in few calls.
        if !arguments.contains_key("id") && !arguments.contains_key("name") {
            problems.at("", "a hosted zone is looked for by its `name` or its `id`");
        }
    }

    async fn find(&self, arguments: HostedZoneArguments) -> ProviderResult<FoundThings<Observed>> {
        let name = arguments.name.as_deref().map(plain);
        let ids = match (&arguments.id, &name) {
            (Some(id), _) => vec![id.clone()],
            (None, Some(name)) => self.ids_of(name).await?,
            (None, None) => Vec::new(),
        };
        let zones = try_join_all(ids.iter().map(|id| self.zone(id))).await?;
        Ok(zones
            .into_iter()
            .flatten()
            .filter(|zone| fits(name.as_ref(), &zone.name))
            .filter(|zone| fits(arguments.private_zone.as_ref(), &zone.private_zone))
            .filter(|zone| {
                arguments
                    .vpc_id
                    .as_ref()
                    .is_none_or(|vpc| zone.vpc_ids.contains(vpc))
            })
            .map(|zone| (PhysicalId::new(&zone.id), zone))
            .collect())
    }
}

impl HostedZoneLookup {
    /// The ids of the zones of a name, in plain form. The list is sorted by name and begins with it.
    async fn ids_of(&self, name: &str) -> ProviderResult<Vec<String>> {
        let mut ids = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let call = self
                .client
                .list_hosted_zones_by_name()
                .dns_name(name)
                .max_items(PAGE);
            let page = call.set_hosted_zone_id(after).send().await;
            let page = page.aws("route53", "ListHostedZonesByName")?;
            let of_name = page
                .hosted_zones()
                .iter()
                .filter(|zone| plain(zone.name()) == name);
            ids.extend(of_name.map(|zone| zone.id().trim_start_matches(ID_START).to_owned()));
            let goes_on = page.is_truncated() && page.next_dns_name().is_some_and(|next| plain(next) == name);
            after = page.next_hosted_zone_id.filter(|_| goes_on);
            if after.is_none() {
                return Ok(ids);
            }
        }
    }

    /// One zone; `None` when it is not there.
    async fn zone(&self, id: &str) -> ProviderResult<Option<Observed>> {
        let answer = self.client.get_hosted_zone().id(id).send().await;
        let answer = answer.aws("route53", "GetHostedZone").absent_is_none()?;
        Ok(answer.and_then(|answer| {
            let zone = answer.hosted_zone.as_ref()?;
            let config = zone.config();
            let id = zone.id().trim_start_matches(ID_START).to_owned();
            let servers = answer.delegation_set.iter().flat_map(|set| set.name_servers());
            let vpcs = answer.vpcs().iter().filter_map(|vpc| vpc.vpc_id());
            Some(Observed {
                name: plain(zone.name()),
                private_zone: config.is_some_and(|config| config.private_zone()),
                arn: format!("arn:{}:route53:::hostedzone/{id}", self.partition),
                comment: config.and_then(|config| config.comment()).map(str::to_owned),
                name_servers: servers.cloned().collect(),
                vpc_ids: vpcs.map(str::to_owned).collect(),
                id,
            })
        }))
    }
}
