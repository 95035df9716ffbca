//! `route53.record`: records of one name and type in a hosted zone.
//!
//! A record has no id and no tags: zone, name, type and set identifier tell it apart, and a change of these makes a new
//! one. The id is `<zone>/<name>/<type>`, with `/<set identifier>` where there is one. A create never overwrites a
//! record that is there; a delete names the record's present value, which Route 53 insists on.
//!
//! A change takes about a minute to reach all of Route 53's servers. What this process changed is pending until then; a
//! later process no longer knows the change and takes the record as working.
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types as sdk;
use aws_sdk_route53::types::ChangeAction;
use infra_provider::InOneCall;

use super::names::{Key, plain, plain_zone};
use super::rules;
use super::service::Route53;
use crate::errors::built;
use crate::prelude::*;

/// DNS records of one name and type.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html")]
#[block(at_most_one(weight, region, failover, multi_value_answer))]
pub struct Record {
    /// The hosted zone's id, `Z…`; with `/hostedzone/` in front, as some of AWS's tools tell it, it is the same.
    #[attribute(
        immutable,
        same(optional_prefix("/hostedzone/")),
        pattern("^(/hostedzone/)?[^/]{1,32}$", "is no hosted zone's id")
    )]
    pub hosted_zone_id: String,
    /// The whole name in lower case, without a dot at its end, such as `api.example.com` or `*.example.com`.
    #[attribute(immutable, caseless)]
    #[attribute(same(dns_name))]
    pub name: String,
    /// The records' type.
    #[attribute(immutable)]
    pub r#type: RecordType,
    /// For how many seconds others may keep the answer. Not for an alias.
    #[attribute(range = 0..=2_147_483_647)]
    pub ttl: Option<i64>,
    /// The values, in the form of the type. Texts of TXT records are in quotation marks.
    #[attribute(count = 1..=400)]
    #[attribute(same(record_value))]
    pub resource_records: Option<BTreeSet<String>>,
    /// An AWS resource to answer like, instead of values.
    pub alias_target: Option<AliasTarget>,
    /// Tells records of the same name and type apart, for `weight`, `region`, `failover` and
    /// `multi_value_answer`; at most 128 characters.
    #[attribute(immutable, length = 1..=128)]
    pub set_identifier: Option<String>,
    /// The share of answers that this record gets among those of its name and type.
    #[attribute(range = 0..=255)]
    pub weight: Option<i64>,
    /// The AWS region that this record is for: the one with the lowest latency answers.
    #[attribute(pattern(
        "^(us-(east|west)-[12]|us-gov-(east|west)-1|ca-central-1|ca-west-1|mx-central-1|sa-east-1|eu-west-[123]|eu-(central|south)-[12]|eu-north-1|eusc-de-east-1|ap-southeast-[1-7]|ap-northeast-[123]|ap-south-[12]|ap-east-[12]|cn-north-1|cn-northwest-1|me-south-1|me-central-1|il-central-1|af-south-1)$",
        "is no region that Route 53 knows"
    ))]
    pub region: Option<String>,
    /// Which of two records this is: the second answers when the first is not healthy.
    pub failover: Option<Failover>,
    /// Whether several records answer together.
    #[attribute(nothing = false)]
    pub multi_value_answer: Option<bool>,
    /// The health check that decides whether this record answers.
    #[attribute(length = 1..=64)]
    pub health_check_id: Option<String>,
}

use RecordField as Field;

choices! {
    /// The type of a record.
    RecordType {
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

choices! {
    /// Which of two records answers first.
    Failover {
        /// The first.
        Primary = "PRIMARY",
        /// The second.
        Secondary = "SECONDARY",
    }
}

/// An AWS resource to answer like.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html")]
pub struct AliasTarget {
    /// The resource's DNS name, in lower case.
    #[attribute(length = 1..=1024)]
    #[attribute(same(dns_name))]
    pub dns_name: String,
    /// The hosted zone of that name: the target's own, as a load balancer or a domain name of API Gateway tells
    /// it, not the zone of this record.
    #[attribute(
        same(optional_prefix("/hostedzone/")),
        pattern("^(/hostedzone/)?[^/]{1,32}$", "is no hosted zone's id")
    )]
    pub hosted_zone_id: String,
    /// Whether the record counts as unhealthy when its target is.
    #[attribute(default = false)]
    pub evaluate_target_health: Option<bool>,
}

impl Resource for Record {
    const NAME: &'static str = "route53.record";
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[
            Field::HostedZoneId,
            Field::Name,
            Field::Type,
            Field::SetIdentifier,
        ],
        // A CNAME stands alone at its name, and all records of one name and type are chosen from in the same way.
        // https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html
        // https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
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
        ..Rules::NONE
    };
    type Service = Route53;

    fn validate(given: &PartialRecord, problems: &mut Problems) {
        rules::check(given, problems);
    }

    fn validate_with_lookups(
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        rules::check_zone(attributes, lookups, problems);
    }

    /// CREATE fails where there is a record, unlike UPSERT.
    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialRecord>> {
        let (key, records) = (spec.key(), spec.records()?);
        let change = vec![(key.clone(), ChangeAction::Create, records.clone())];
        aws.records.change(&key.zone, change).await?;
        Ok(made(&key, &records))
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let keys = ids.iter().map(Key::of).collect::<ProviderResult<Vec<_>>>()?;
        let there = aws.records.reads.records(&keys).await?;
        let found = ids.iter().zip(&keys).filter_map(|(id, key)| {
            let records = there.get(key.id().as_str())?;
            Some((id.clone(), Found::ready(observe(&key.zone, records))))
        });
        let mut found: Observations<Self> = found.collect();
        for id in aws.records.pending(found.keys()).await? {
            if let Some(found) = found.get_mut(&id) {
                found.health = Health::Pending("PENDING".into());
            }
        }
        Ok(found)
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let (key, records) = (Key::of(id)?, with_kept(update).records()?);
        let change = vec![(key.clone(), ChangeAction::Upsert, records)];
        aws.records.change(&key.zone, change).await
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let key = Key::of(id)?;
        let there = aws.records.reads.records([&key]).await?;
        let Some(present) = there.get(key.id().as_str()) else {
            return Ok(());
        };
        let change = vec![(key.clone(), ChangeAction::Delete, present.clone())];
        aws.records.change(&key.zone, change).await
    }

    async fn in_one_call(
        aws: &Clients,
        deletes: &[(Call, PhysicalId)],
        creates: Vec<(Call, Self)>,
    ) -> ProviderResult<Vec<Created<PartialRecord>>> {
        let gone = deletes.iter().map(|(_, id)| Key::of(id));
        let gone = gone.collect::<ProviderResult<Vec<_>>>()?;
        let there = aws.records.reads.records(&gone).await?;
        let present = gone
            .iter()
            .filter_map(|key| Some((key, there.get(key.id().as_str())?)));
        let present = present.map(|(key, records)| (key.clone(), ChangeAction::Delete, records.clone()));
        let mut changes: Vec<_> = present.collect();
        let mut come = Vec::new();
        for (_, spec) in creates {
            let (key, records) = (spec.key(), spec.records()?);
            come.push(made(&key, &records));
            changes.push((key, ChangeAction::Create, records));
        }
        let zone = changes
            .first()
            .map(|(key, ..)| key.zone.clone())
            .unwrap_or_default();
        aws.records.change(&zone, changes).await?;
        Ok(come)
    }

    /// Together with those that others ask for: most zones are not the stack's own.
    async fn holders(aws: &Clients, given: &PartialRecord) -> ProviderResult<Observations<Self>> {
        let Some(key) = key_in(given) else {
            return Ok(Observations::<Self>::new());
        };
        let there = aws.records.reads.records([&key]).await?;
        let there = there
            .get(key.id().as_str())
            .map(|records| observe(&key.zone, records));
        Ok(there
            .map(|observed| (key.id(), Found::ready(observed)))
            .into_iter()
            .collect())
    }

    async fn left(aws: &Clients, _: &Call, given: &PartialRecord) -> ProviderResult<Observations<Self>> {
        let Some(key) = key_in(given) else {
            return Ok(Observations::<Self>::new());
        };
        let there = aws.records.reads.find(&key).await?;
        let there = there.map(|records| observe(&key.zone, &records));
        Ok(there
            .map(|observed| (key.id(), Found::ready(observed)))
            .into_iter()
            .collect())
    }
}

/// A record as a change that was taken leaves it.
fn made(key: &Key, records: &sdk::ResourceRecordSet) -> Created<PartialRecord> {
    let found = Found {
        observed: observe(&key.zone, records),
        health: Health::Pending("PENDING".into()),
    };
    (key.id(), found).into()
}

/// What tells a record apart, as far as that is known.
fn key_in(given: &PartialRecord) -> Option<Key> {
    Some(Key {
        zone: plain_zone(given.hosted_zone_id.known()?).to_owned(),
        name: plain(given.name.as_str()?),
        kind: given.r#type.known()?.as_str().to_owned(),
        set_identifier: given.set_identifier.known().cloned(),
    })
}

impl Record {
    fn key(&self) -> Key {
        Key {
            zone: plain_zone(&self.hosted_zone_id).to_owned(),
            name: plain(&self.name),
            kind: self.r#type.as_str().to_owned(),
            set_identifier: self.set_identifier.clone(),
        }
    }

    fn records(self) -> ProviderResult<sdk::ResourceRecordSet> {
        let values = self.resource_records.into_iter().flatten();
        let values = values.map(|value| built(sdk::ResourceRecord::builder().value(value).build()));
        let values = values.collect::<ProviderResult<Vec<_>>>()?;
        let alias = self.alias_target.map(|target| {
            check_alias(&target.dns_name)?;
            let alias = sdk::AliasTarget::builder()
                .dns_name(target.dns_name)
                .hosted_zone_id(plain_zone(&target.hosted_zone_id))
                .evaluate_target_health(target.evaluate_target_health.unwrap_or(false));
            built(alias.build())
        });
        let records = sdk::ResourceRecordSet::builder()
            .name(self.name)
            .set_type(to_aws(Some(self.r#type)))
            .set_ttl(self.ttl)
            .set_resource_records(Some(values).filter(|values| !values.is_empty()))
            .set_alias_target(alias.transpose()?)
            .set_set_identifier(self.set_identifier)
            .set_weight(self.weight)
            .set_region(to_aws(self.region))
            .set_failover(to_aws(self.failover))
            .set_multi_value_answer(self.multi_value_answer)
            .set_health_check_id(self.health_check_id);
        built(records.build())
    }
}

/// What is wanted, with what AWS has of the record and nobody declared: a record is written whole. Values and an alias
/// are never kept beside each other.
fn with_kept(update: &Update<Record>) -> Record {
    let mut record = update.whole_spec();
    if let Some(alias) = &update.spec.alias_target {
        record.alias_target = Some(update.whole(Field::AliasTarget, alias.clone()));
        record.ttl = update.spec.ttl;
        record.resource_records = update.spec.resource_records.clone();
    } else if update.spec.resource_records.is_some() {
        record.alias_target = None;
    }
    record
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

fn observe(zone: &str, records: &sdk::ResourceRecordSet) -> PartialRecord {
    let values = records
        .resource_records()
        .iter()
        .map(|record| record.value().to_owned());
    let values: BTreeSet<String> = values.collect();
    let alias = records.alias_target().map(|target| PartialAliasTarget {
        dns_name: plain(target.dns_name()).into(),
        hosted_zone_id: target.hosted_zone_id().into(),
        evaluate_target_health: target.evaluate_target_health().into(),
    });
    PartialRecord {
        hosted_zone_id: zone.into(),
        name: plain(records.name()).into(),
        r#type: told(Some(records.r#type())),
        ttl: records.ttl().into(),
        resource_records: if values.is_empty() {
            Partial::Unset
        } else {
            values.into()
        },
        alias_target: alias.into(),
        set_identifier: records.set_identifier().into(),
        weight: records.weight().into(),
        region: told(records.region()),
        failover: told(records.failover()),
        multi_value_answer: records.multi_value_answer().into(),
        health_check_id: records.health_check_id().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reads::key_of;
    use super::*;

    #[test]
    fn what_route53_tells_is_spelled_as_the_file_does() {
        let spec: Record = serde_json::from_value(serde_json::json!({
            "hosted_zone_id": "Z1", "name": "*.example.com", "type": "AAAA",
            "alias_target": { "dns_name": "lb.example.com", "hosted_zone_id": "Z2" },
            "set_identifier": "blue", "weight": 10,
        }))
        .unwrap();
        let key = spec.key();
        let mut records = spec.records().unwrap();
        records.name = "\\052.example.com.".into();
        if let Some(target) = &mut records.alias_target {
            target.dns_name = "LB.example.com.".into();
        }
        assert_eq!(key_of("Z1", &records), key);
        let observed = observe("Z1", &records);
        assert_eq!(observed.name, "*.example.com".into());
        let alias = observed.alias_target.known().unwrap();
        assert_eq!(alias.dns_name, "lb.example.com".into());
        assert_eq!(observed.resource_records, Partial::Unset);
        assert!(check_alias("LB.example.com").is_err() && check_alias("lb.example.com").is_ok());
    }
}
