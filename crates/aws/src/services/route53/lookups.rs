//! `route53.hosted_zone`: a hosted zone that exists.
//!
//! Calls: ListHostedZonesByName, GetHostedZone.
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByName.html>

use std::collections::BTreeSet;

use futures::future::try_join_all;
use infra_provider::{Lookup, Things};

use super::names::plain;
use crate::prelude::*;

/// A list has at most 100 zones in a page.
const PAGE: i32 = 100;
/// What an id has in front of it in answers.
const ID_START: &str = "/hostedzone/";

/// A hosted zone that exists: where the records of a domain are kept.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct HostedZoneLookup {
    /// The zone's id, `Z…`.
    pub id: Option<String>,
    /// Its domain, such as `example.com`; a dot at the end makes no difference.
    pub name: Option<String>,
    /// Whether it is only for VPCs: tells a private and a public zone of one name apart.
    pub private_zone: Option<bool>,
    /// A VPC that a private zone is for, `vpc-…`.
    pub vpc_id: Option<String>,
}

/// A hosted zone.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct HostedZone {
    /// The zone's id, `Z…`.
    pub id: String,
    /// Its domain, without a dot at its end.
    pub name: String,
    /// Whether it is only for VPCs.
    pub private_zone: bool,
    /// The zone's ARN.
    pub arn: String,
    /// What it was made for, as its maker said.
    pub comment: Option<String>,
    /// The name servers that the domain has to name; none of a private zone.
    pub name_servers: BTreeSet<String>,
    /// The VPCs that a private zone is for.
    pub vpc_ids: BTreeSet<String>,
}

impl Lookup for HostedZoneLookup {
    const NAME: &'static str = "route53.hosted_zone";
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
    type Clients = Clients;
    type Found = HostedZone;

    /// An account may have thousands: nothing but a name or an id finds one of them in few calls.
    fn validate(given: &PartialHostedZoneLookup, problems: &mut Problems) {
        if !given.id.is_set() && !given.name.is_set() {
            problems.at("", "a hosted zone is looked for by its `name` or its `id`");
        }
    }

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<HostedZone>> {
        let name = arguments.name.as_deref().map(plain);
        let ids = match (arguments.id, &name) {
            (Some(id), _) => vec![id],
            (None, Some(name)) => ids_of(aws, name).await?,
            (None, None) => Vec::new(),
        };
        let (private, vpc) = (arguments.private_zone, arguments.vpc_id);
        let zones = try_join_all(ids.iter().map(|id| zone(aws, id)))
            .await?
            .into_iter();
        Ok(zones
            .flatten()
            .filter(|(_, zone)| name.is_none() || zone.name.known() == name.as_ref())
            .filter(|(_, zone)| private.is_none() || zone.private_zone.known() == private.as_ref())
            .filter(|(_, zone)| {
                let mut vpcs = zone.vpc_ids.known_elements();
                vpc.as_ref().is_none_or(|vpc| vpcs.any(|(_, id)| id == vpc))
            })
            .collect())
    }
}

/// The ids of the zones of a name, in plain form. The list is sorted by name and begins with it.
async fn ids_of(aws: &Clients, name: &str) -> ProviderResult<Vec<String>> {
    let mut ids = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let call = aws
            .route53
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
async fn zone(aws: &Clients, id: &str) -> ProviderResult<Option<(PhysicalId, PartialHostedZone)>> {
    let answer = aws.route53.get_hosted_zone().id(id).send().await;
    let answer = answer.aws("route53", "GetHostedZone").absent_is_none()?;
    Ok(answer.and_then(|answer| {
        let zone = answer.hosted_zone.as_ref()?;
        let config = zone.config();
        let id = zone.id().trim_start_matches(ID_START);
        let servers = answer.delegation_set.iter().flat_map(|set| set.name_servers());
        let vpcs = answer.vpcs().iter().filter_map(|vpc| vpc.vpc_id());
        let observed = PartialHostedZone {
            id: id.into(),
            name: plain(zone.name()).into(),
            private_zone: config.is_some_and(|config| config.private_zone()).into(),
            arn: format!("arn:{}:route53:::hostedzone/{id}", aws.identity.partition).into(),
            comment: config.and_then(|config| config.comment()).into(),
            name_servers: BTreeSet::from_iter(servers.cloned()).into(),
            vpc_ids: BTreeSet::from_iter(vpcs.map(str::to_owned)).into(),
        };
        Some((PhysicalId::new(id), observed))
    }))
}
