//! `elbv2.listener`: a port of a load balancer, and what is done with what arrives there.
//!
//! Calls: CreateListener, ModifyListener, DescribeListeners (20 ARNs), DescribeTags (20), AddTags,
//! RemoveTags, DeleteListener. Usable at once; its load balancer may still be provisioning.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{self as sdk};
use infra_core::types::{Problem, Problems, known_integer, known_str};
use infra_core::{Attributes, PhysicalId, ResourceAddress};
use infra_provider::{Call, Clashing, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actions::{self, Action};
use super::common::{ARNS, Protocol, check_made, for_create, tags_of_one, update_tags};
use super::listener_rules;
use super::told_tags::ToldTags;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::ownership::{Taken, made_by, taken};
use crate::read::{Observations, in_batches_that_exist};
use crate::tags::{Tags, without_reserved};
use crate::together::Stack;

/// The type.
pub struct Listener {
    client: Client,
    told_tags: ToldTags,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The load balancer.
    pub load_balancer_arn: String,
    /// The port, 1 to 65535; one listener for each port of a load balancer.
    pub port: i64,
    /// `HTTP` or `HTTPS` for application load balancers, `TCP`, `TLS`, `UDP` or `TCP_UDP` for network ones.
    pub protocol: Protocol,
    /// The certificate, exactly one; for `HTTPS` and `TLS`.
    pub certificates: Option<Vec<Certificate>>,
    /// The TLS versions and ciphers, such as `ELBSecurityPolicy-TLS13-1-2-2021-06`; for `HTTPS` and `TLS`.
    pub ssl_policy: Option<String>,
    /// What is done. Usually one action.
    pub default_actions: Vec<Action>,
    /// The protocols that are offered within TLS, exactly one of `HTTP1Only`, `HTTP2Only`, `HTTP2Optional`,
    /// `HTTP2Preferred` and `None`; for `TLS`.
    pub alpn_policy: Option<Vec<String>>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Its ARN, in ACM or IAM.
    pub certificate_arn: String,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    load_balancer_arn: Option<String>,
    port: Option<i64>,
    protocol: Option<String>,
    certificates: Vec<Certificate>,
    ssl_policy: Option<String>,
    default_actions: Vec<Action>,
    alpn_policy: Vec<String>,
    tags: Tags,
    /// The listener's ARN.
    arn: String,
}

impl FromClients for Listener {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.elbv2.clone(),
            told_tags: ToldTags::new(clients),
        }
    }
}

impl ResourceType for Listener {
    const NAME: &'static str = "elbv2.listener";
    const DESCRIPTION: &'static str = "A port of a load balancer, and what is done with what arrives there.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "elasticloadbalancing:CreateListener",
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:DeleteListener",
    ];
    const EXAMPLE: &'static str = r#"
[elbv2.load_balancer.main]
name    = "appname-dev02"
subnets = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]

[elbv2.target_group.app]
name        = "appname-dev02"
target_type = "ip"
protocol    = "HTTP"
port        = 8080
vpc_id      = "vpc-0123456789abcdef0"

[elbv2.listener.http]
load_balancer_arn = "${elbv2.load_balancer.main.arn}"
port              = 80
protocol          = "HTTP"
default_actions   = [{ type = "forward", target_group_arn = "${elbv2.target_group.app.arn}" }]
"#;
    const TRAITS: Traits = Traits {
        immutable: &["load_balancer_arn"],
        keyed: &[("default_actions.forward_config.target_groups", "target_group_arn")],
        natural_key: &["load_balancer_arn", "port"],
        // TargetGroupAssociationLimit: a target group serves one load balancer.
        // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
        clashes: &[Clashing::Shared {
            same: &[],
            at: &[
                "default_actions.target_group_arn",
                "default_actions.forward_config.target_groups.target_group_arn",
            ],
            owner: Some("load_balancer_arn"),
        }],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        listener_rules::check(attributes, problems);
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        listener_rules::check_together(stack)
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let what = format!("a listener on port {} of this load balancer", spec.port);
        if let Some(there) = self.find(&spec.load_balancer_arn, spec.port).await? {
            let arn = there.listener_arn().unwrap_or_default();
            let tags = tags_of_one(&self.client, arn).await?;
            if !made_by(call, tags.clone()) {
                return Err(taken(call, "elbv2", "CreateListener", &what, arn));
            }
            let observed = observe(&there, without_reserved(tags));
            return Ok(Created::new(observed.arn.clone(), observed));
        }
        let created = self
            .client
            .create_listener()
            .load_balancer_arn(&spec.load_balancer_arn)
            .port(port(&spec))
            .protocol(spec.protocol.as_str().into())
            .set_certificates(spec.certificates.as_deref().map(to_certificates))
            .set_ssl_policy(spec.ssl_policy.clone())
            .set_default_actions(Some(actions::to_sdk(&spec.default_actions)))
            .set_alpn_policy(spec.alpn_policy.clone())
            .set_tags(Some(for_create(call, spec.tags.as_ref())))
            .send()
            .await
            .aws("elbv2", "CreateListener")
            .taken_by(call, &what)?;
        let made = created.listeners.unwrap_or_default().into_iter().next();
        let made = made.ok_or_else(|| missing("elbv2", "CreateListener", "listener"))?;
        let observed = observe(&made, spec.tags.unwrap_or_default());
        check_made(&self.client, call, "CreateListener", &what, &observed.arn).await?;
        Ok(Created::new(observed.arn.clone(), observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches_that_exist(ids, ARNS, async |arns| {
            let described = self
                .client
                .describe_listeners()
                .set_listener_arns(Some(arns.clone()));
            let (described, tags) = futures::try_join!(
                async { described.send().await.aws("elbv2", "DescribeListeners") },
                self.told_tags.read(arns.clone()),
            )?;
            let there = described.listeners.unwrap_or_default();
            let found = there.iter().map(|one| {
                let arn = one.listener_arn().unwrap_or_default();
                let tags = without_reserved(tags.get(arn).cloned().unwrap_or_default());
                (PhysicalId::new(arn), Found::ready(observe(one, tags)))
            });
            Ok(found.collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let spec = &update.spec;
        let what = [
            "port",
            "protocol",
            "certificates",
            "ssl_policy",
            "default_actions",
            "alpn_policy",
        ];
        if update.any(&what) {
            let mut call = self.client.modify_listener().listener_arn(id.as_str());
            if update.any(&["port"]) {
                call = call.port(port(spec));
            }
            if update.any(&["protocol", "certificates", "ssl_policy"]) {
                call = call
                    .protocol(spec.protocol.as_str().into())
                    .set_certificates(spec.certificates.as_deref().map(to_certificates))
                    .set_ssl_policy(spec.ssl_policy.clone());
            }
            if update.any(&["default_actions"]) {
                call = call.set_default_actions(Some(actions::to_sdk(&spec.default_actions)));
            }
            if update.any(&["alpn_policy"]) {
                let none = || vec!["None".to_owned()];
                call = call.set_alpn_policy(Some(spec.alpn_policy.clone().unwrap_or_else(none)));
            }
            call.send().await.aws("elbv2", "ModifyListener")?;
        }
        if update.any(&["tags"]) {
            update_tags(&self.client, id.as_str(), &update.prior, spec.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_listener()
            .listener_arn(id.as_str())
            .send()
            .await
            .aws("elbv2", "DeleteListener")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let balancer = known_str(attributes, "load_balancer_arn");
        let (Some(balancer), Some(port)) = (balancer, known_integer(attributes, "port")) else {
            return Ok(None);
        };
        let Some(there) = self.find(balancer, port).await? else {
            return Ok(None);
        };
        let arn = there.listener_arn().unwrap_or_default();
        let tags = tags_of_one(&self.client, arn).await.absent_is_none()?;
        Ok(tags
            .filter(|tags| made_by(call, tags.clone()))
            .map(|_| PhysicalId::new(arn)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let balancer = known_str(attributes, "load_balancer_arn");
        let (Some(balancer), Some(port)) = (balancer, known_integer(attributes, "port")) else {
            return Ok(Vec::new());
        };
        let arn = self
            .find(balancer, port)
            .await?
            .and_then(|there| there.listener_arn);
        Ok(arn.map(PhysicalId::new).into_iter().collect())
    }
}

impl Listener {
    /// The listener on a port; a load balancer has at most fifty, which is one page.
    async fn find(&self, balancer: &str, port: i64) -> ProviderResult<Option<sdk::Listener>> {
        let pages = self
            .client
            .describe_listeners()
            .load_balancer_arn(balancer)
            .into_paginator()
            .items()
            .send();
        let listeners = pages.collect::<Result<Vec<_>, _>>().await;
        let listeners = listeners.aws("elbv2", "DescribeListeners").absent_is_none()?;
        Ok(listeners
            .unwrap_or_default()
            .into_iter()
            .find(|one| one.port.map(i64::from) == Some(port)))
    }
}

fn port(spec: &Spec) -> i32 {
    i32::try_from(spec.port).unwrap_or(i32::MAX)
}

fn to_certificates(certificates: &[Certificate]) -> Vec<sdk::Certificate> {
    certificates
        .iter()
        .map(|one| {
            sdk::Certificate::builder()
                .certificate_arn(&one.certificate_arn)
                .build()
        })
        .collect()
}

fn observe(listener: &sdk::Listener, tags: Tags) -> Observed {
    let certificates = listener.certificates().iter().filter_map(|one| {
        Some(Certificate {
            certificate_arn: one.certificate_arn()?.to_owned(),
        })
    });
    Observed {
        load_balancer_arn: listener.load_balancer_arn().map(str::to_owned),
        port: listener.port().map(i64::from),
        protocol: listener.protocol().map(|protocol| protocol.as_str().to_owned()),
        certificates: certificates.collect(),
        ssl_policy: listener.ssl_policy().map(str::to_owned),
        default_actions: actions::from_sdk(listener.default_actions()),
        // `None` is how AWS says that there is none.
        alpn_policy: listener
            .alpn_policy()
            .iter()
            .filter(|name| *name != "None")
            .cloned()
            .collect(),
        tags,
        arn: listener.listener_arn().unwrap_or_default().to_owned(),
    }
}
