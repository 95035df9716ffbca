//! `elbv2.listener`: a port of a load balancer, and what is done with what arrives there.
//!
//! Calls: CreateListener, ModifyListener, DescribeListeners (20 ARNs), DescribeTags (20), AddTags,
//! RemoveTags, DeleteListener. Usable at once; its load balancer may still be provisioning.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{self as sdk};
use infra_core::types::{Problem, Problems, known_integer, known_str};
use infra_core::{Attributes, PhysicalId, ResourceAddress, Value};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actions::{self, Action};
use super::common::{
    ARNS, Protocol, check_range, for_create, known_protocol, tags_of, tags_of_one, update_tags,
};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, in_batches_that_exist};
use crate::tags::{Tags, are_of, without_reserved};
use crate::taken::{taken, with_import_hint};
use crate::together::{Stack, elements, meant, member, member_integer, member_str, of_type};

/// The type.
pub struct Listener {
    client: Client,
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
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_range("port", known_integer(attributes, "port"), 1, 65_535, problems);
        if let Some(protocol) = known_protocol(attributes, "protocol") {
            let certificates = attributes.get("certificates").filter(|value| !value.is_null());
            match certificates {
                None if protocol.has_certificate() => {
                    let message = format!("a listener of {} needs one", protocol.as_str());
                    problems.at("certificates", message);
                }
                Some(list)
                    if !protocol.has_certificate() && list.as_list().is_none_or(|list| !list.is_empty()) =>
                {
                    problems.at("certificates", "are for the protocols HTTPS and TLS");
                }
                _ => {}
            }
            if known_str(attributes, "ssl_policy").is_some() && !protocol.has_certificate() {
                problems.at("ssl_policy", "is for the protocols HTTPS and TLS");
            }
            if protocol != Protocol::Tls && !elements(attributes, "alpn_policy").is_empty() {
                problems.at("alpn_policy", "is for the protocol TLS");
            }
        }
        if elements(attributes, "certificates").len() > 1 {
            problems.at("certificates", "a listener has exactly one");
        }
        let actions = attributes.get("default_actions").and_then(Value::as_list);
        if actions.is_some_and(<[Value]>::is_empty) {
            problems.at("default_actions", "a listener needs an action");
        }
        for (position, action) in actions.unwrap_or_default().iter().enumerate() {
            validate_action(&format!("default_actions[{position}]"), action, problems);
        }
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let Some(protocol) = known_protocol(attributes, "protocol") else {
                continue;
            };
            let mut note = |path: String, message: String| {
                let path = path.as_str().into();
                found.push((
                    address.clone(),
                    Problem {
                        path,
                        message,
                        help: None,
                    },
                ));
            };
            let balancer = meant(stack, attributes.get("load_balancer_arn"), "elbv2.load_balancer");
            if let Some(message) = balancer.and_then(|balancer| does_not_fit_balancer(protocol, balancer)) {
                note("protocol".into(), message);
            }
            for (path, value) in target_groups(attributes) {
                let group = meant(stack, Some(value), "elbv2.target_group");
                let group = group.and_then(|group| known_protocol(group, "protocol"));
                if let Some(message) = group.and_then(|group| does_not_fit_group(protocol, group)) {
                    note(path, message);
                }
            }
        }
        found
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        // A create call with the settings of one that exists would answer with that one.
        if let Some(there) = self.find(&spec.load_balancer_arn, spec.port).await? {
            let arn = there.listener_arn().unwrap_or_default();
            let tags = tags_of_one(&self.client, arn).await?;
            if !are_of(call, &tags) {
                let what = format!("a listener on port {} of this load balancer", spec.port);
                return Err(taken("elbv2", "CreateListener", call, &what, arn));
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
            .map_err(|error| with_import_hint(error, call, "ARN"))?;
        let made = created.listeners.unwrap_or_default().into_iter().next();
        let made = made.ok_or_else(|| missing("elbv2", "CreateListener", "listener"))?;
        let observed = observe(&made, spec.tags.unwrap_or_default());
        Ok(Created::new(observed.arn.clone(), observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches_that_exist(ids, ARNS, async |arns| {
            let described = self
                .client
                .describe_listeners()
                .set_listener_arns(Some(arns))
                .send()
                .await
                .aws("elbv2", "DescribeListeners")?;
            let there = described.listeners.unwrap_or_default();
            let arns = there.iter().filter_map(|one| one.listener_arn.clone());
            let tags = tags_of(&self.client, arns.collect()).await?;
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
            .filter(|tags| are_of(call, tags))
            .map(|_| PhysicalId::new(arn)))
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

fn validate_action(path: &str, action: &Value, problems: &mut Problems) {
    let Some(kind) = member_str(action, "type") else {
        return;
    };
    let is_set = |name: &str| member(action, name).is_some();
    for (of, names) in [
        ("forward", &["target_group_arn", "forward_config"][..]),
        ("redirect", &["redirect_config"]),
        ("fixed-response", &["fixed_response_config"]),
    ] {
        let set = names.iter().filter(|name| is_set(name)).count();
        let either = names.join("` or `");
        if of == kind && set != 1 {
            problems.at(path, format!("an action of type `{kind}` needs `{either}`"));
        } else if of != kind && set > 0 {
            problems.at(path, format!("`{either}` is for actions of type `{of}`"));
        }
    }
    if let Some(config) = member(action, "forward_config") {
        let groups = member(config, "target_groups").and_then(Value::as_list);
        if groups.is_some_and(|groups| groups.is_empty() || groups.len() > 5) {
            problems.at(
                format!("{path}.forward_config.target_groups").as_str(),
                "AWS takes 1 to 5 of them",
            );
        }
        for (position, group) in groups.unwrap_or_default().iter().enumerate() {
            let path = format!("{path}.forward_config.target_groups[{position}].weight");
            check_range(&path, member_integer(group, "weight"), 0, 999, problems);
        }
    }
    if let Some(config) = member(action, "fixed_response_config") {
        let code = member_str(config, "status_code");
        let is_code = |code: &str| {
            code.len() == 3
                && code.starts_with(['2', '4', '5'])
                && code.bytes().all(|digit| digit.is_ascii_digit())
        };
        if let Some(code) = code.filter(|code| !is_code(code)) {
            let path = format!("{path}.fixed_response_config.status_code");
            problems.at(path.as_str(), format!("`{code}` is no status 2xx, 4xx or 5xx"));
        }
    }
}

/// Every target group that a listener forwards to, with its place.
fn target_groups(attributes: &Attributes) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (position, action) in elements(attributes, "default_actions").iter().enumerate() {
        let path = format!("default_actions[{position}]");
        if let Some(group) = member(action, "target_group_arn") {
            found.push((format!("{path}.target_group_arn"), group));
        }
        let groups = member(action, "forward_config").and_then(|config| member(config, "target_groups"));
        let groups = groups.and_then(Value::as_list).unwrap_or_default();
        for (position, group) in groups.iter().enumerate() {
            if let Some(group) = member(group, "target_group_arn") {
                let place = format!("{path}.forward_config.target_groups[{position}].target_group_arn");
                found.push((place, group));
            }
        }
    }
    found
}

fn does_not_fit_balancer(protocol: Protocol, balancer: &Attributes) -> Option<String> {
    let kind = match balancer.get("type") {
        None | Some(Value::Null) => "application",
        Some(kind) => kind.as_str()?,
    };
    let speaks = match kind {
        "application" if !protocol.is_of_application() => "HTTP and HTTPS",
        "network" if protocol.is_of_application() => "TCP, TLS, UDP and TCP_UDP",
        _ => return None,
    };
    Some(format!(
        "the load balancer is of type `{kind}`, which speaks {speaks}"
    ))
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html>
fn does_not_fit_group(listener: Protocol, group: Protocol) -> Option<String> {
    let fits = match listener {
        Protocol::Http | Protocol::Https => group.is_of_application(),
        Protocol::Tls => matches!(group, Protocol::Tcp | Protocol::Tls),
        Protocol::Tcp => matches!(group, Protocol::Tcp | Protocol::TcpUdp),
        Protocol::Udp => matches!(group, Protocol::Udp | Protocol::TcpUdp),
        Protocol::TcpUdp => group == Protocol::TcpUdp,
    };
    let (listener, group) = (listener.as_str(), group.as_str());
    (!fits).then(|| format!("a listener of {listener} cannot forward to a target group of {group}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::{check, reference, table};

    #[test]
    fn certificates_and_actions_fit_the_protocol() {
        let forward = json!([{ "type": "forward", "target_group_arn": "arn:a" }]);
        for (attributes, said) in [
            (
                json!({ "port": 80, "protocol": "HTTP", "default_actions": forward }),
                vec![],
            ),
            (
                json!({ "port": 443, "protocol": "HTTPS", "default_actions": forward }),
                vec!["certificates: a listener of HTTPS needs one"],
            ),
            (
                json!({
                    "port": 80, "protocol": "HTTP", "default_actions": forward,
                    "certificates": [{ "certificate_arn": "arn:c" }], "ssl_policy": "p",
                }),
                vec![
                    "certificates: are for the protocols HTTPS and TLS",
                    "ssl_policy: is for the protocols HTTPS and TLS",
                ],
            ),
            (
                json!({ "port": 70000, "protocol": "TCP", "default_actions": [{ "type": "redirect" }] }),
                vec![
                    "port: 70000 is not between 1 and 65535",
                    "default_actions[0]: an action of type `redirect` needs `redirect_config`",
                ],
            ),
            (
                json!({ "port": 80, "protocol": "HTTP", "default_actions": [{
                    "type": "fixed-response", "target_group_arn": "arn:a",
                    "fixed_response_config": { "status_code": "300" },
                }] }),
                vec![
                    "default_actions[0]: `target_group_arn` or `forward_config` is for actions of type `forward`",
                    "default_actions[0].fixed_response_config.status_code: `300` is no status 2xx, 4xx or 5xx",
                ],
            ),
        ] {
            assert_eq!(check::<Listener>(attributes), said);
        }
    }

    #[test]
    fn load_balancer_listener_and_target_group_fit() {
        let listener = |protocol: &str| {
            let action = [("target_group_arn".into(), reference("elbv2.target_group.app.arn"))];
            Attributes::from([
                (
                    "load_balancer_arn".into(),
                    reference("elbv2.load_balancer.main.arn"),
                ),
                ("protocol".into(), Value::from(protocol)),
                (
                    "default_actions".into(),
                    Value::List(vec![Value::Map(action.into())]),
                ),
            ])
        };
        for (balancer, protocol, group, said) in [
            (json!({}), "HTTPS", "HTTP", vec![]),
            (json!({ "type": "network" }), "TCP", "TCP", vec![]),
            (
                json!({ "type": "application" }),
                "TCP",
                "TCP",
                vec!["protocol: the load balancer is of type `application`, which speaks HTTP and HTTPS"],
            ),
            (
                json!({ "type": "network" }),
                "UDP",
                "TCP",
                vec![
                    "default_actions[0].target_group_arn: a listener of UDP cannot forward to a target group of TCP",
                ],
            ),
        ] {
            let stack = Stack::from([
                ("elbv2.load_balancer.main".parse().unwrap(), table(balancer)),
                (
                    "elbv2.target_group.app".parse().unwrap(),
                    table(json!({ "protocol": group })),
                ),
                ("elbv2.listener.main".parse().unwrap(), listener(protocol)),
            ]);
            let found = Listener::validate_together(&stack);
            let found: Vec<String> = found
                .into_iter()
                .map(|(_, problem)| format!("{}: {}", problem.path, problem.message))
                .collect();
            assert_eq!(found, said);
        }
    }
}
