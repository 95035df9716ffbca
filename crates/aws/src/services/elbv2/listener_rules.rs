//! AWS's rules for listeners that need no call.

use infra_core::types::{Problem, Problems, known_integer, known_str};
use infra_core::{Attributes, ResourceAddress, Value};

use super::common::{Protocol, check_range, known_protocol};
use crate::together::{Stack, elements, meant, member, member_integer, member_str, of_type};

/// Checks a listener by itself.
pub fn check(attributes: &Attributes, problems: &mut Problems) {
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
    use crate::services::elbv2::listener::Listener;
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
            let found = check_together(&stack);
            let found: Vec<String> = found
                .into_iter()
                .map(|(_, problem)| format!("{}: {}", problem.path, problem.message))
                .collect();
            assert_eq!(found, said);
        }
    }
}
