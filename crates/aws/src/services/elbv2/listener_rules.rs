//! AWS's rules for listeners that need no call.

use infra_core::AttributePath;

use super::actions::{
    ActionField, ActionType, ForwardConfigField, PartialAction, PartialRedirectConfig, RedirectConfigField,
    WeightedTargetGroupField,
};
use super::common::{Protocol, known_protocol};
use super::listener::{ListenerField as Field, PartialListener};
use super::load_balancer::LoadBalancerField;
use super::target_group::TargetGroupField;
use crate::prelude::*;
use crate::together::{Stack, elements, meant, member, of_type};

/// Checks a listener by itself.
pub fn check(given: &PartialListener, problems: &mut Problems) {
    for (position, action) in given.default_actions.known_elements() {
        let path = AttributePath::attribute(Field::DefaultActions.name()).index(position);
        check_action(&path, action, given.protocol.known(), problems);
        if let Some(redirect) = action.redirect_config.known() {
            let path = path.name(ActionField::RedirectConfig.name());
            check_redirect(&path, redirect, given, problems);
        }
    }
}

/// A redirect leads elsewhere, and not from HTTPS to HTTP. AWS: `InvalidLoadBalancerAction`, "it creates a loop".
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>
/// <https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/1752>
fn check_redirect(
    path: &AttributePath,
    redirect: &PartialRedirectConfig,
    listener: &PartialListener,
    problems: &mut Problems,
) {
    let protocol = listener.protocol.known().map(|protocol| protocol.as_str());
    let port = listener.port.known().map(ToString::to_string);
    let stays = |part: &Partial<String>, default: &str, own: Option<&str>| match part {
        Partial::Unset => true,
        Partial::Unknown => false,
        Partial::Known(text) => text == default || own == Some(text),
    };
    let stays_in_all = stays(&redirect.protocol, "#{protocol}", protocol)
        && stays(&redirect.port, "#{port}", port.as_deref())
        && stays(&redirect.host, "#{host}", None)
        && stays(&redirect.path, "/#{path}", None);
    let says_any = redirect.protocol.is_set()
        || redirect.port.is_set()
        || redirect.host.is_set()
        || redirect.path.is_set();
    if stays_in_all && says_any {
        let message = "leads back to where the request came from: change protocol, port, host or path";
        problems.at(path.clone(), message);
    }
    if protocol == Some("HTTPS") && redirect.protocol.as_str() == Some("HTTP") {
        problems.at(
            path.name(RedirectConfigField::Protocol.name()),
            "no redirect leads from HTTPS to HTTP",
        );
    }
}

/// Whether `target_group_arn` is also the one group of `forward_config`, or may be, which AWS takes.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html>
fn names_its_group_twice(action: &PartialAction) -> bool {
    let Some(forward) = action.forward_config.known() else {
        return true;
    };
    let [Partial::Known(only)] = forward.target_groups.elements() else {
        return forward.target_groups.is_unknown();
    };
    match (action.target_group_arn.as_str(), only.target_group_arn.as_str()) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// An action that forwards names one group, or several with their weights; only load balancers of type application do
/// anything else.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html>
fn check_action(
    path: &AttributePath,
    action: &PartialAction,
    protocol: Option<&Protocol>,
    problems: &mut Problems,
) {
    let Partial::Known(kind) = action.kind else {
        return;
    };
    if kind != ActionType::Forward {
        if let Some(protocol) = protocol.filter(|protocol| !protocol.is_of_application()) {
            let message = format!(
                "a listener of {} takes actions of type `forward` only",
                protocol.as_str()
            );
            problems.at(path.name(ActionField::Kind.name()), message);
        }
        return;
    }
    let (group, several) = (
        ActionField::TargetGroupArn.name(),
        ActionField::ForwardConfig.name(),
    );
    match (action.target_group_arn.is_set(), action.forward_config.is_set()) {
        (false, false) => {
            let message = format!("an action of type `forward` needs `{group}` or `{several}`");
            problems.at(path.clone(), message);
        }
        (true, true) if !names_its_group_twice(action) => {
            let message =
                format!("`{group}` is set beside `{several}`, and is not its only group: set one of them");
            problems.at(path.clone(), message);
        }
        _ => {}
    }
}

/// Checks listeners with their load balancers and target groups.
pub fn check_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
    let mut found = Vec::new();
    for (address, attributes) in of_type(stack, "elbv2.listener") {
        let Some(protocol) = known_protocol(attributes, Field::Protocol) else {
            continue;
        };
        let mut note = |path: AttributePath, message: String| {
            found.push((
                address.clone(),
                Problem {
                    path,
                    message,
                    help: None,
                },
            ));
        };
        let balancer = meant(
            stack,
            value_of(attributes, Field::LoadBalancerArn),
            "elbv2.load_balancer",
        );
        if let Some(message) = balancer.and_then(|balancer| does_not_fit_balancer(protocol, balancer)) {
            note(Field::Protocol.name().into(), message);
        }
        for (path, value) in target_groups(attributes) {
            let group = meant(stack, Some(value), "elbv2.target_group");
            let group = group.and_then(|group| known_protocol(group, TargetGroupField::Protocol));
            if let Some(message) = group.and_then(|group| does_not_fit_group(protocol, group)) {
                note(path, message);
            }
        }
    }
    found
}

/// Every target group that a listener forwards to, with its place.
fn target_groups(attributes: &Attributes) -> Vec<(AttributePath, &Value)> {
    let mut found = Vec::new();
    for (position, action) in elements(attributes, Field::DefaultActions).iter().enumerate() {
        let path = AttributePath::attribute(Field::DefaultActions.name()).index(position);
        if let Some(group) = member(action, ActionField::TargetGroupArn) {
            found.push((path.name(ActionField::TargetGroupArn.name()), group));
        }
        let path = path.name(ActionField::ForwardConfig.name());
        let path = path.name(ForwardConfigField::TargetGroups.name());
        let groups = member(action, ActionField::ForwardConfig);
        let groups = groups.and_then(|config| member(config, ForwardConfigField::TargetGroups));
        let groups = groups.and_then(Value::as_list).unwrap_or_default();
        for (position, group) in groups.iter().enumerate() {
            let key = WeightedTargetGroupField::TargetGroupArn;
            if let Some(group) = member(group, key) {
                found.push((path.index(position).name(key.name()), group));
            }
        }
    }
    found
}

fn does_not_fit_balancer(protocol: Protocol, balancer: &Attributes) -> Option<String> {
    let kind = match value_of(balancer, LoadBalancerField::Kind) {
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
                vec!["certificates: is needed where `protocol` is `HTTPS`"],
            ),
            (
                json!({
                    "port": 80, "protocol": "HTTP", "default_actions": forward,
                    "certificates": [{ "certificate_arn": "arn:c" }], "ssl_policy": "p",
                }),
                vec![
                    "certificates: is only for `protocol` `HTTPS` or `TLS`, not `HTTP`",
                    "ssl_policy: is only for `protocol` `HTTPS` or `TLS`, not `HTTP`",
                ],
            ),
            (
                json!({ "port": 80, "protocol": "HTTP", "default_actions": [{
                    "type": "forward", "target_group_arn": "arn:a",
                    "forward_config": { "target_groups": [{ "target_group_arn": "arn:a" }] },
                }] }),
                vec![],
            ),
            (
                json!({ "port": 80, "protocol": "HTTP", "default_actions": [{
                    "type": "forward", "target_group_arn": "arn:a",
                    "forward_config": { "target_groups": [{ "target_group_arn": "arn:b" }] },
                }] }),
                vec![
                    "default_actions[0]: `target_group_arn` is set beside `forward_config`, and is not its only group: set one \
                     of them",
                ],
            ),
            (
                json!({ "port": 70000, "protocol": "TCP", "default_actions": [{ "type": "redirect" }] }),
                vec![
                    "port: 70000 is not between 1 and 65535",
                    "default_actions[0].redirect_config: is needed where `type` is `redirect`",
                    "default_actions[0].type: a listener of TCP takes actions of type `forward` only",
                ],
            ),
            (
                json!({ "port": 80, "protocol": "HTTP", "default_actions": [{
                    "type": "fixed-response", "target_group_arn": "arn:a",
                    "fixed_response_config": { "status_code": "300" },
                }] }),
                vec![
                    "default_actions[0].fixed_response_config.status_code: `300` is no status 2xx, 4xx or 5xx",
                    "default_actions[0].target_group_arn: is only for `type` `forward`, not `fixed-response`",
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
