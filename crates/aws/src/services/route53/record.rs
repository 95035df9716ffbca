//! `route53.record`: records of one name and type in a hosted zone.
//!
//! Calls: ChangeResourceRecordSets, ListResourceRecordSets, GetChange. A record has no id and no tags: zone,
//! name, type and set identifier tell it apart, and a change of these makes a new one. The id is
//! `<zone>/<name>/<type>`, with `/<set identifier>` where there is one. A create never overwrites a record that
//! is there; a delete names the record's present value, which Route 53 insists on.
//!
//! A change takes about a minute to reach all of Route 53's servers. What this process changed is pending until
//! then; a later process no longer knows the change and takes the record as working.
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use aws_sdk_route53::types as sdk;
use aws_sdk_route53::types::{ChangeAction, RrType};
use infra_core::types::Problems;
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress};
use infra_provider::{
    Call, Created, Found, InOneCall, ProviderResult, Recognition, ResourceType, Traits, Update, Wait, Waits,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::Changes;
use super::names::{Key, plain};
use super::reads::Reads;
use super::rules;
use crate::alike::alike;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{Tolerate, built};
use crate::read::Observations;
use crate::texts::texts;

/// The type.
pub struct Record {
    reads: Reads,
    changes: Changes,
    /// The changes that this process made and that may not be everywhere yet, by the record's id.
    under_way: Mutex<BTreeMap<PhysicalId, String>>,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The hosted zone's id, `Z…`.
    pub hosted_zone_id: String,
    /// The whole name in lower case, without a dot at its end, such as `api.example.com` or `*.example.com`.
    pub name: String,
    /// The records' type.
    pub r#type: RecordType,
    /// For how many seconds others may keep the answer. Not for an alias.
    pub ttl: Option<i64>,
    /// The values, in the form of the type. Texts of TXT records are in quotation marks.
    pub resource_records: Option<BTreeSet<String>>,
    /// An AWS resource to answer like, instead of values.
    pub alias_target: Option<AliasTarget>,
    /// Tells records of the same name and type apart, for `weight`, `region`, `failover` and
    /// `multi_value_answer`; at most 128 characters.
    pub set_identifier: Option<String>,
    /// The share of answers that this record gets among those of its name and type, 0 to 255.
    pub weight: Option<i64>,
    /// The AWS region that this record is for: the one with the lowest latency answers.
    pub region: Option<String>,
    /// Which of two records this is: the second answers when the first is not healthy.
    pub failover: Option<Failover>,
    /// Whether several records answer together.
    pub multi_value_answer: Option<bool>,
    /// The health check that decides whether this record answers.
    pub health_check_id: Option<String>,
}

texts! {
    /// The type of a record.
    RecordType => RrType {
        /// IPv4 addresses.
        A = "A",
        /// IPv6 addresses.
        Aaaa = "AAAA",
        /// Who may issue certificates.
        Caa = "CAA",
        /// Another name.
        Cname = "CNAME",
        /// A key of a delegated zone.
        Ds = "DS",
        /// How to reach an HTTPS service.
        Https = "HTTPS",
        /// Mail servers.
        Mx = "MX",
        /// Rules that rewrite names.
        Naptr = "NAPTR",
        /// Name servers.
        Ns = "NS",
        /// The name of an address.
        Ptr = "PTR",
        /// Senders of mail, in an old form.
        Spf = "SPF",
        /// Hosts and ports of a service.
        Srv = "SRV",
        /// Fingerprints of SSH keys.
        Sshfp = "SSHFP",
        /// How to reach a service.
        Svcb = "SVCB",
        /// Certificates of a service.
        Tlsa = "TLSA",
        /// Texts.
        Txt = "TXT",
    }
}

texts! {
    /// Which of two records answers first.
    Failover => sdk::ResourceRecordSetFailover {
        /// The first.
        Primary = "PRIMARY",
        /// The second.
        Secondary = "SECONDARY",
    }
}

/// An AWS resource to answer like.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasTarget {
    /// The resource's DNS name, in lower case.
    pub dns_name: String,
    /// The hosted zone of that name: the target's own, as a load balancer or a domain name of API Gateway tells
    /// it, not the zone of this record.
    pub hosted_zone_id: String,
    /// Whether the record counts as unhealthy when its target is. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub evaluate_target_health: Option<bool>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    hosted_zone_id: String,
    name: String,
    r#type: String,
    ttl: Option<i64>,
    resource_records: Option<BTreeSet<String>>,
    alias_target: Option<ObservedAlias>,
    set_identifier: Option<String>,
    weight: Option<i64>,
    region: Option<String>,
    failover: Option<String>,
    multi_value_answer: Option<bool>,
    health_check_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedAlias {
    dns_name: String,
    hosted_zone_id: String,
    evaluate_target_health: bool,
}

impl FromClients for Record {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            reads: Reads::new(clients.route53.clone()),
            changes: Changes::new(clients),
            under_way: Mutex::default(),
        }
    }
}

impl ResourceType for Record {
    const NAME: &'static str = "route53.record";
    const DESCRIPTION: &'static str = "DNS records of one name and type.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "route53:ChangeResourceRecordSets",
        "route53:ListResourceRecordSets",
        "route53:GetChange",
    ];
    const EXAMPLE: &'static str = r#"
[apigatewayv2.domain_name.main]
domain_name     = "api.example.com"
certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"

[route53.record.api]
hosted_zone_id = "Z0123456789EXAMPLE"
name           = "api.example.com"
type           = "A"

[route53.record.api.alias_target]
dns_name       = "${apigatewayv2.domain_name.main.api_gateway_domain_name}"
hosted_zone_id = "${apigatewayv2.domain_name.main.hosted_zone_id}"
"#;
    const TRAITS: Traits = Traits {
        immutable: &["hosted_zone_id", "name", "type", "set_identifier"],
        natural_key: &["hosted_zone_id", "name", "type", "set_identifier"],
        // https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
        caseless: &["name"],
        clashes: rules::CLASHES,
        waits: Waits {
            create: Some(Wait::seconds("DNS change on all servers", 60, 600)),
            update: Some(Wait::seconds("DNS change on all servers", 60, 600)),
            ..Waits::NONE
        },
        recognition: Recognition::NaturalKey,
        // A batch is carried out whole or not at all. It holds 1,000 values, and records have few.
        // https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets
        together: Some(InOneCall {
            within: &["hosted_zone_id"],
            at_most: 100,
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        rules::check(attributes, problems);
    }

    fn validate_with_lookups(
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        rules::check_zone(attributes, lookups, problems);
    }

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let key = spec.key();
        let records = spec.records()?;
        // CREATE fails where there is a record, unlike UPSERT.
        self.change(&key, ChangeAction::Create, records.clone()).await?;
        Ok(made(&key, &records))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let keys = ids.iter().map(Key::of).collect::<ProviderResult<Vec<_>>>()?;
        let there = self.reads.records(&keys).await?;
        let found = ids.iter().zip(&keys).filter_map(|(id, key)| {
            let records = there.get(key.id().as_str())?;
            Some((id.clone(), observe(&key.zone, records)))
        });
        let found: Vec<(PhysicalId, Observed)> = found.collect();
        let pending = self.pending(found.iter().map(|(id, _)| id)).await?;
        Ok(found
            .into_iter()
            .map(|(id, observed)| {
                let health = if pending.contains(&id) {
                    Health::Pending("PENDING".into())
                } else {
                    Health::Ready
                };
                (id, Found { observed, health })
            })
            .collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let key = Key::of(id)?;
        self.change(&key, ChangeAction::Upsert, update.spec.records()?)
            .await
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let key = Key::of(id)?;
        let there = self.reads.records([&key]).await?;
        let Some(present) = there.get(key.id().as_str()) else {
            return Ok(());
        };
        self.change(&key, ChangeAction::Delete, present.clone())
            .await
            .absent_is_none()?;
        self.forget(id);
        Ok(())
    }

    async fn in_one_call(
        &self,
        deletes: &[(Call, PhysicalId)],
        creates: Vec<(Call, Spec)>,
    ) -> ProviderResult<Vec<Created<Observed>>> {
        let gone = deletes.iter().map(|(_, id)| Key::of(id));
        let gone = gone.collect::<ProviderResult<Vec<_>>>()?;
        let there = self.reads.records(&gone).await?;
        let mut changes = Vec::new();
        for present in gone.iter().filter_map(|key| there.get(key.id().as_str())) {
            changes.push(change(ChangeAction::Delete, present.clone())?);
        }
        let (mut zone, mut come) = (None, Vec::new());
        for (_, spec) in creates {
            let key = spec.key();
            let records = spec.records()?;
            changes.push(change(ChangeAction::Create, records.clone())?);
            zone.get_or_insert_with(|| key.zone.clone());
            come.push((key, records));
        }
        let done = self.changes.make(&zone.unwrap_or_default(), changes).await?;
        for key in &gone {
            self.forget(&key.id());
        }
        for (key, _) in &come {
            self.note(key, done.clone());
        }
        Ok(come.iter().map(|(key, records)| made(key, records)).collect())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(key) = key_in(attributes) else {
            return Ok(None);
        };
        let found = self.reads.find(&key).await?;
        Ok(found
            .filter(|records| alike(attributes, &observe(&key.zone, records), &[]))
            .map(|_| key.id()))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(key) = key_in(attributes) else {
            return Ok(Vec::new());
        };
        // Together with those that others ask for: most zones are not the stack's own.
        let there = self.reads.records([&key]).await?;
        Ok(there
            .contains_key(key.id().as_str())
            .then(|| key.id())
            .into_iter()
            .collect())
    }
}

fn change(action: ChangeAction, records: sdk::ResourceRecordSet) -> ProviderResult<sdk::Change> {
    let change = sdk::Change::builder().action(action).resource_record_set(records);
    built(change.build())
}

/// A record as a change that was taken leaves it.
fn made(key: &Key, records: &sdk::ResourceRecordSet) -> Created<Observed> {
    Created {
        found: Found {
            observed: observe(&key.zone, records),
            health: Health::Pending("PENDING".into()),
        },
        id: key.id(),
    }
}

/// What tells a record apart, as far as that is known.
fn key_in(attributes: &Attributes) -> Option<Key> {
    let text = |name: &str| infra_core::types::known_str(attributes, name).map(str::to_owned);
    Some(Key {
        zone: text("hosted_zone_id")?,
        name: plain(&text("name")?),
        kind: text("type")?,
        set_identifier: text("set_identifier"),
    })
}

impl Record {
    /// Makes one change, and keeps its id until it is everywhere.
    async fn change(
        &self,
        key: &Key,
        action: ChangeAction,
        records: sdk::ResourceRecordSet,
    ) -> ProviderResult<()> {
        let done = self
            .changes
            .make(&key.zone, vec![change(action, records)?])
            .await?;
        self.note(key, done);
        Ok(())
    }

    fn note(&self, key: &Key, change: Option<String>) {
        if let Some(change) = change {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.insert(key.id(), change);
        }
    }

    /// Those of these records whose last change by this process is not everywhere yet.
    async fn pending(&self, ids: impl Iterator<Item = &PhysicalId>) -> ProviderResult<BTreeSet<PhysicalId>> {
        let asked: Vec<(PhysicalId, String)> = {
            let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            ids.filter_map(|id| Some((id.clone(), under_way.get(id)?.clone())))
                .collect()
        };
        // Those of one batch have one change.
        let changes: BTreeSet<&String> = asked.iter().map(|(_, change)| change).collect();
        let answers = self.reads.pending(changes.into_iter().cloned()).await?;
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pending = BTreeSet::new();
        for (id, change) in &asked {
            if answers.get(change) == Some(&true) {
                pending.insert(id.clone());
            } else if under_way.get(id) == Some(change) {
                under_way.remove(id);
            }
        }
        Ok(pending)
    }

    fn forget(&self, id: &PhysicalId) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(id);
    }
}

impl Spec {
    fn key(&self) -> Key {
        Key {
            zone: self.hosted_zone_id.clone(),
            name: plain(&self.name),
            kind: RrType::from(self.r#type).as_str().to_owned(),
            set_identifier: self.set_identifier.clone(),
        }
    }

    fn records(self) -> ProviderResult<sdk::ResourceRecordSet> {
        if let Some(target) = &self.alias_target {
            check_alias(&target.dns_name)?;
        }
        let values = self.resource_records.map(|values| {
            let values = values.into_iter();
            values
                .map(|value| built(sdk::ResourceRecord::builder().value(value).build()))
                .collect::<ProviderResult<Vec<_>>>()
        });
        let alias = self.alias_target.map(|target| {
            built(
                sdk::AliasTarget::builder()
                    .dns_name(target.dns_name)
                    .hosted_zone_id(target.hosted_zone_id)
                    .evaluate_target_health(target.evaluate_target_health.unwrap_or(false))
                    .build(),
            )
        });
        let region = self
            .region
            .map(|region| sdk::ResourceRecordSetRegion::from(region.as_str()));
        built(
            sdk::ResourceRecordSet::builder()
                .name(self.name)
                .r#type(self.r#type.into())
                .set_ttl(self.ttl)
                .set_resource_records(values.transpose()?)
                .set_alias_target(alias.transpose()?)
                .set_set_identifier(self.set_identifier)
                .set_weight(self.weight)
                .set_region(region)
                .set_failover(self.failover.map(Into::into))
                .set_multi_value_answer(self.multi_value_answer)
                .set_health_check_id(self.health_check_id)
                .build(),
        )
    }
}

/// A target's name that only AWS knew when the file was checked. Route 53 would take another spelling, and
/// then tell it back differently for ever.
fn check_alias(dns_name: &str) -> ProviderResult<()> {
    let spelled = plain(dns_name);
    if spelled == dns_name {
        return Ok(());
    }
    Err(ProviderError::new(
        ErrorClass::Invalid,
        format!(
            "alias_target.dns_name `{dns_name}` is not in lower case without a dot at its end: `{spelled}`"
        ),
    )
    .hint("use lower() around the reference"))
}

fn observe(zone: &str, records: &sdk::ResourceRecordSet) -> Observed {
    let values: BTreeSet<String> = records
        .resource_records()
        .iter()
        .map(|record| record.value().to_owned())
        .collect();
    Observed {
        hosted_zone_id: zone.to_owned(),
        name: plain(records.name()),
        r#type: records.r#type().as_str().to_owned(),
        ttl: records.ttl(),
        resource_records: (!values.is_empty()).then_some(values),
        alias_target: records.alias_target().map(|target| ObservedAlias {
            dns_name: plain(target.dns_name()),
            hosted_zone_id: target.hosted_zone_id().to_owned(),
            evaluate_target_health: target.evaluate_target_health(),
        }),
        set_identifier: records.set_identifier().map(str::to_owned),
        weight: records.weight(),
        region: records.region().map(|region| region.as_str().to_owned()),
        failover: records.failover().map(|failover| failover.as_str().to_owned()),
        multi_value_answer: records.multi_value_answer(),
        health_check_id: records.health_check_id().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reads::key_of;
    use super::*;

    #[test]
    fn what_route53_tells_is_spelled_as_the_file_does() {
        let spec = Spec {
            hosted_zone_id: "Z1".into(),
            name: "*.example.com".into(),
            r#type: RecordType::Aaaa,
            ttl: None,
            resource_records: None,
            alias_target: Some(AliasTarget {
                dns_name: "lb.example.com".into(),
                hosted_zone_id: "Z2".into(),
                evaluate_target_health: None,
            }),
            set_identifier: Some("blue".into()),
            weight: Some(10),
            region: None,
            failover: None,
            multi_value_answer: None,
            health_check_id: None,
        };
        let key = spec.key();
        let mut records = spec.records().unwrap();
        records.name = "\\052.example.com.".into();
        if let Some(target) = &mut records.alias_target {
            target.dns_name = "LB.example.com.".into();
        }
        assert_eq!(key_of("Z1", &records), key);
        let observed = observe("Z1", &records);
        assert_eq!(observed.name, "*.example.com");
        assert_eq!(observed.alias_target.unwrap().dns_name, "lb.example.com");
        assert_eq!(observed.resource_records, None);
        assert!(check_alias("LB.example.com").is_err() && check_alias("lb.example.com").is_ok());
    }
}
