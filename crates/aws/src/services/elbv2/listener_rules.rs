//! AWS's rules for listeners that need no call.

use infra_core::AttributePath;

use super::actions::{ActionField, ActionType, PartialAction};
use super::common::{Protocol, known_protocol};
use super::listener::{ListenerField as Field, PartialListener};
use crate::prelude::*;
use crate::together::{Stack, elements, meant, member, of_type};

/// Checks a listener by itself.
pub fn check(given: &PartialListener, problems: &mut Problems) {
    if let Partial::Known(protocol) = given.protocol {
        let certificates = Field::Certificates.name();
        if protocol.has_certificate() && !given.certificates.is_set() {
            problems.at(
                certificates,
                format!("a listener of {} needs one", protocol.as_str()),
            );
        }
        let has_some = given
            .certificates
            .known()
            .map_or(given.certificates.is_set(), |all| !all.is_empty());
        if has_some && !protocol.has_certificate() {
            problems.at(certificates, "are for the protocols HTTPS and TLS");
        }
        if given.ssl_policy.known().is_some() && !protocol.has_certificate() {
            problems.at(Field::SslPolicy.name(), "is for the protocols HTTPS and TLS");
        }
        if protocol != Protocol::Tls && !given.alpn_policy.elements().is_empty() {
            problems.at(Field::AlpnPolicy.name(), "is for the protocol TLS");
        }
    }
    for (position, action) in given.default_actions.known_elements() {
        let path = AttributePath::attribute(Field::DefaultActions.name()).index(position);
        check_action(&path, action, problems);
    }
}

/// What each type of action is told by.
fn check_action(path: &AttributePath, action: &PartialAction, problems: &mut Problems) {
    let Partial::Known(kind) = action.kind else {
        return;
    };
    let (group, forward) = (action.target_group_arn.is_set(), action.forward_config.is_set());
    let (redirect, fixed) = (
        action.redirect_config.is_set(),
        action.fixed_response_config.is_set(),
    );
    for (of, fields, set) in [
        (
            ActionType::Forward,
            &[ActionField::TargetGroupArn, ActionField::ForwardConfig][..],
            usize::from(group) + usize::from(forward),
        ),
        (
            ActionType::Redirect,
            &[ActionField::RedirectConfig],
            usize::from(redirect),
        ),
        (
            ActionType::FixedResponse,
            &[ActionField::FixedResponseConfig],
            usize::from(fixed),
        ),
    ] {
        let either = fields
            .iter()
            .map(|field| field.name())
            .collect::<Vec<_>>()
            .join("` or `");
        let of_name = of.as_str();
        if of == kind && set != 1 {
            problems.at(
                path.clone(),
                format!("an action of type `{of_name}` needs `{either}`"),
            );
        } else if of != kind && set > 0 {
            problems.at(
                path.clone(),
                format!("`{either}` is for actions of type `{of_name}`"),
            );
        }
    }
}

/// Checks listeners with their load balancers and target groups.
pub fn check_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
    let mut found = Vec::new();
    for (address, attributes) in of_type(stack, "elbv2.listener") {
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
    use crate::services::elbv2::listener::Listener;
    use crate::services::testing::{reference, refused, table};

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
                    "default_actions[0].fixed_response_config.status_code: `300` is no status 2xx, 4xx or 5xx",
                    "default_actions[0]: `target_group_arn` or `forward_config` is for actions of type `forward`",
                ],
            ),
        ] {
            assert_eq!(refused::<Listener>(attributes), said);
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
            let found = check_together(&stack);
            let found: Vec<String> = found
                .into_iter()
                .map(|(_, problem)| format!("{}: {}", problem.path, problem.message))
                .collect();
            assert_eq!(found, said);
        }
    }
}
