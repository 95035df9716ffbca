//! `elbv2.listener`: a port of a load balancer, and what is done with what arrives there.
//!
//! Usable at once; its load balancer may still be provisioning.

use aws_sdk_elasticloadbalancingv2::types as sdk;

use super::actions::{self, Action};
use super::common::{ARNS, Protocol, check_made, for_create, tags_of_one};
use super::service::Elbv2;
use super::{listener_rules, told_tags};
use crate::prelude::*;
use crate::read::in_batches_that_exist;
use crate::together::Stack;

/// A port of a load balancer, and what is done with what arrives there.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html"
)]
pub struct Listener {
    /// The load balancer.
    #[attribute(immutable)]
    pub load_balancer_arn: String,
    /// The port; one listener for each port of a load balancer.
    #[attribute(range = 1..=65_535)]
    pub port: i32,
    /// `HTTP` or `HTTPS` for application load balancers, `TCP`, `TLS`, `UDP` or `TCP_UDP` for network ones.
    pub protocol: Protocol,
    /// The certificate, exactly one; for `HTTPS` and `TLS`.
    #[attribute(count = 0..=1)]
    #[attribute(only_where(protocol, "HTTPS", "TLS"), needed_where(protocol, "HTTPS", "TLS"))]
    pub certificates: Option<Vec<Certificate>>,
    /// The TLS versions and ciphers, such as `ELBSecurityPolicy-TLS13-1-2-2021-06`; for `HTTPS` and `TLS`.
    #[attribute(only_where(protocol, "HTTPS", "TLS"))]
    pub ssl_policy: Option<String>,
    /// What is done. Usually one action.
    #[attribute(count = 1..=10)]
    pub default_actions: Vec<Action>,
    /// The protocols that are offered within TLS, exactly one of `HTTP1Only`, `HTTP2Only`, `HTTP2Optional`,
    /// `HTTP2Preferred` and `None`; for `TLS`.
    #[attribute(count = 0..=1)]
    #[attribute(only_where(protocol, "TLS"))]
    pub alpn_policy: Option<Vec<String>>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The listener's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use ListenerField as Field;

/// The TLS versions and ciphers of a listener that was made without any being named.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
const DEFAULT_POLICY: &str = "ELBSecurityPolicy-2016-08";

/// A certificate.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
pub struct Certificate {
    /// Its ARN, in ACM or IAM.
    pub certificate_arn: String,
}

impl Resource for Listener {
    const NAME: &'static str = "elbv2.listener";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "elasticloadbalancing:CreateListener",
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeTags",
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::LoadBalancerArn, Field::Port],
        looks_first: true,
        // TargetGroupAssociationLimit: a target group serves one load balancer.
        // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
        clashes: &[Clash::Shared {
            same: &[],
            at: &[
                "default_actions.target_group_arn",
                "default_actions.forward_config.target_groups.target_group_arn",
            ],
            owner: Some(Field::LoadBalancerArn),
        }],
        ..Rules::UNIQUE_IDS
    };
    type Service = Elbv2;

    fn validate(given: &PartialListener, problems: &mut Problems) {
        listener_rules::check(given, problems);
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        listener_rules::check_together(stack)
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialListener>> {
        let created = aws
            .elbv2
            .create_listener()
            .load_balancer_arn(&spec.load_balancer_arn)
            .port(spec.port)
            .set_protocol(to_aws(Some(spec.protocol)))
            .set_certificates(spec.certificates.as_deref().map(to_certificates))
            .set_ssl_policy(spec.ssl_policy)
            .set_default_actions(Some(actions::to_sdk(&spec.default_actions)))
            .set_alpn_policy(spec.alpn_policy)
            .set_tags(Some(for_create(call, spec.tags)))
            .send()
            .await
            .aws("elbv2", "CreateListener")?;
        let made = created.listeners.unwrap_or_default().into_iter().next();
        let made = made.ok_or_else(|| missing("elbv2", "CreateListener", "listener"))?;
        let (id, found) = observe(&made, None);
        let what = format!("a listener on port {} of this load balancer", spec.port);
        check_made(aws, call, "CreateListener", &what, id.as_str()).await?;
        Ok(Created { id, found })
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        in_batches_that_exist(ids, ARNS, async |arns| {
            let call = aws.elbv2.describe_listeners();
            let call = call.set_listener_arns(Some(arns.clone())).send();
            let (described, tags) = futures::try_join!(
                async { call.await.aws("elbv2", "DescribeListeners") },
                told_tags::read(aws, arns),
            )?;
            let there = described.listeners().iter();
            let tags_of = |one: &sdk::Listener| tags.get(one.listener_arn()?).cloned();
            Ok(there.map(|one| observe(one, tags_of(one))).collect())
        })
        .await
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let spec = &update.spec;
        // One that begins to speak TLS needs a certificate and a policy in the same call.
        let begins = update.changes(Field::Protocol) && spec.protocol.has_certificate();
        let certificates = update.kept(Field::Certificates, spec.certificates.clone());
        let certificates = certificates.filter(|_| begins || update.changes(Field::Certificates));
        let policy = update.kept(Field::SslPolicy, spec.ssl_policy.clone());
        let policy = policy.or_else(|| spec.protocol.has_certificate().then(|| DEFAULT_POLICY.to_owned()));
        let policy = policy.filter(|_| begins || update.changes(Field::SslPolicy));
        let actions = actions::to_sdk(&spec.default_actions);
        let alpn_policy = spec.alpn_policy.clone().or_else(|| Some(vec!["None".to_owned()]));
        aws.elbv2
            .modify_listener()
            .listener_arn(id.as_str())
            .set_port(update.only(Field::Port, Some(spec.port)))
            .set_protocol(to_aws(update.only(Field::Protocol, Some(spec.protocol))))
            .set_certificates(certificates.as_deref().map(to_certificates))
            .set_ssl_policy(policy)
            .set_default_actions(update.only(Field::DefaultActions, Some(actions)))
            .set_alpn_policy(update.only(Field::AlpnPolicy, alpn_policy))
            .send()
            .await
            .aws("elbv2", "ModifyListener")
            .map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.elbv2.delete_listener().listener_arn(id.as_str());
        call.send().await.aws("elbv2", "DeleteListener").map(drop)
    }

    /// A load balancer has at most fifty listeners, which is one page.
    async fn holders(aws: &Clients, given: &PartialListener) -> ProviderResult<Observations<Self>> {
        let (Some(balancer), Partial::Known(port)) = (given.load_balancer_arn.as_str(), given.port) else {
            return Ok(Observations::<Self>::new());
        };
        let pages = aws.elbv2.describe_listeners().load_balancer_arn(balancer);
        let listeners = pages.into_paginator().items().send();
        let listeners = listeners.collect::<Result<Vec<_>, _>>().await;
        let listeners = listeners.aws("elbv2", "DescribeListeners").absent_is_none()?;
        let there = listeners
            .unwrap_or_default()
            .into_iter()
            .find(|one| one.port == Some(port));
        let Some(there) = there else {
            return Ok(Observations::<Self>::new());
        };
        let tags = tags_of_one(&aws.elbv2, there.listener_arn().unwrap_or_default()).await;
        Ok(Observations::<Self>::from([observe(
            &there,
            tags.absent_is_none()?,
        )]))
    }
}

fn to_certificates(certificates: &[Certificate]) -> Vec<sdk::Certificate> {
    let arns = certificates.iter().map(|one| &one.certificate_arn);
    arns.map(|arn| sdk::Certificate::builder().certificate_arn(arn).build())
        .collect()
}

fn observe(listener: &sdk::Listener, tags: Option<Tags>) -> Observation<Listener> {
    let arn = listener.listener_arn().unwrap_or_default();
    let certificates = listener.certificates().iter().map(|one| PartialCertificate {
        certificate_arn: one.certificate_arn().into(),
    });
    // `None` is how AWS says that there is none.
    let alpn_policy = listener.alpn_policy().iter().filter(|name| *name != "None");
    let observed = PartialListener {
        load_balancer_arn: listener.load_balancer_arn().into(),
        port: listener.port().into(),
        protocol: told(listener.protocol()),
        certificates: Vec::from_iter(certificates).into(),
        ssl_policy: listener.ssl_policy().into(),
        default_actions: whole(&actions::from_sdk(listener.default_actions())),
        alpn_policy: Vec::from_iter(alpn_policy.cloned()).into(),
        tags: tags.unwrap_or_default().into(),
        arn: arn.into(),
    };
    (PhysicalId::new(arn), Found::ready(observed))
}
