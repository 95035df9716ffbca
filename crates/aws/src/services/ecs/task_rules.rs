//! AWS's rules for task definitions that need no call, by where tasks run and by their network.
//!
//! Each is a row: when it holds, whether it is broken, where, and what is said.

use std::collections::BTreeSet;

use infra_core::AttributePath;
use infra_core::types::Problems;
use infra_provider::{FieldName, Partial};

use super::containers::{
    ContainerCondition, ContainerDefinitionField as Key, ContainerDependencyField,
    FirelensConfigurationField, KernelCapabilitiesField, LinuxParametersField, PartialContainerDefinition,
    PortMappingField, TransportProtocol, UlimitField,
};
use super::task_definition::{NetworkMode, PartialTaskDefinition, PidMode, TaskDefinitionField as Field};
use super::volume_rules::check_volume;

/// Checks a task definition.
pub fn check(task: &PartialTaskDefinition, is_fargate: bool, problems: &mut Problems) {
    if is_fargate && task.pid_mode == Partial::Known(PidMode::Host) {
        problems.at(
            Field::PidMode.name(),
            "Fargate has no instance whose processes could be seen",
        );
    }
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EphemeralStorage.html
    let launch = &task.requires_compatibilities;
    if !is_fargate
        && launch.known().is_some()
        && launch.elements().iter().all(|one| one.known().is_some())
        && task.ephemeral_storage.is_set()
    {
        problems.at(Field::EphemeralStorage.name(), "is for tasks on Fargate");
    }
    for (position, volume) in task.volumes.known_elements() {
        let path = AttributePath::attribute(Field::Volumes.name()).index(position);
        check_volume(&path, volume, is_fargate, problems);
    }
    for (position, container) in task.container_definitions.known_elements() {
        let path = AttributePath::attribute(Field::ContainerDefinitions.name()).index(position);
        check_container(&path, container, task, is_fargate, problems);
        check_dependencies(&path, container, task, problems);
        check_router(&path, container, is_fargate, problems);
    }
    check_ports_of_all(task, problems);
    check_memory_of_all(task, problems);
}

/// The containers of a task with an address of its own share its ports, and those of an instance.
/// <https://github.com/aws/amazon-ecs-agent/issues/1220>
fn check_ports_of_all(task: &PartialTaskDefinition, problems: &mut Problems) {
    let shares = match task.network_mode.known() {
        Some(NetworkMode::None) => return,
        Some(NetworkMode::Awsvpc | NetworkMode::Host) => true,
        _ => false,
    };
    let mut taken = BTreeSet::new();
    for (position, container) in task.container_definitions.known_elements() {
        for (index, port) in container.port_mappings.known_elements() {
            let protocol = match port.protocol {
                Partial::Known(protocol) => protocol,
                Partial::Unset => TransportProtocol::Tcp,
                Partial::Unknown => continue,
            };
            let outside = port.host_port.known().filter(|port| **port != 0);
            let outside = outside.or_else(|| port.container_port.known().filter(|_| shares));
            let Some(outside) = outside.filter(|outside| !taken.insert((**outside, protocol))) else {
                continue;
            };
            let path = AttributePath::attribute(Field::ContainerDefinitions.name()).index(position);
            let path = path.name(Key::PortMappings.name()).index(index);
            let message = format!(
                "the task has the {} port {outside} twice on its host",
                protocol.as_str()
            );
            problems.at(path, message);
        }
    }
}

/// What is kept for the containers, or the most that they may have, fits into the task.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
fn check_memory_of_all(task: &PartialTaskDefinition, problems: &mut Problems) {
    let kept = task.container_definitions.known_elements();
    let kept = kept.filter_map(|(_, one)| one.memory_reservation.known().or(one.memory.known()));
    let kept: i64 = kept.map(|mebibytes| i64::from(*mebibytes)).sum();
    if let Some(of_task) = task.memory.known().filter(|of_task| kept > **of_task)
        && task.container_definitions.elements().len() > 1
    {
        let message =
            format!("the containers want {kept} MiB of memory together, and the task has {of_task}");
        problems.at(Field::ContainerDefinitions.name(), message);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_FirelensConfiguration.html>
fn check_router(
    path: &AttributePath,
    container: &PartialContainerDefinition,
    is_fargate: bool,
    problems: &mut Problems,
) {
    let router = container.firelens_configuration.known().filter(|_| is_fargate);
    let options = router.and_then(|router| router.options.known());
    if options.is_some_and(|options| {
        options
            .get("config-file-type")
            .is_some_and(|kind| kind.as_str() == Some("s3"))
    }) {
        let path = path
            .name(Key::FirelensConfiguration.name())
            .name(FirelensConfigurationField::Options.name());
        let message = "Fargate takes a configuration of type `file` only, one that is in the image";
        problems.at(path.name("config-file-type"), message);
    }
}

fn check_container(
    path: &AttributePath,
    container: &PartialContainerDefinition,
    task: &PartialTaskDefinition,
    is_fargate: bool,
    problems: &mut Problems,
) {
    let (memory, kept) = (container.memory.is_set(), container.memory_reservation.is_set());
    if !memory && !kept && !task.memory.is_set() {
        // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
        let message = "needs `memory` or `memory_reservation`, where the task has no `memory`";
        problems.at(path.clone(), message);
    }
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
    let mode = task.network_mode.known();
    if mode == Some(&NetworkMode::None) && !container.port_mappings.elements().is_empty() {
        problems.at(
            path.name(Key::PortMappings.name()),
            "network mode `none` has no ports",
        );
    }
    if mode == Some(&NetworkMode::Host) {
        for (position, port) in container.port_mappings.known_elements() {
            if let (Some(inside), Some(outside)) = (port.container_port.known(), port.host_port.known())
                && inside != outside
            {
                let path = path.name(Key::PortMappings.name()).index(position);
                let message = format!("has to be the container's port {inside} in network mode host");
                problems.at(path.name(PortMappingField::HostPort.name()), message);
            }
        }
    }
    // https://docs.docker.com/reference/cli/docker/container/run/#ulimit
    for (position, limit) in container.ulimits.known_elements() {
        if let (Some(soft), Some(hard)) = (limit.soft_limit.known(), limit.hard_limit.known())
            && soft > hard
            && *hard >= 0
        {
            let message = format!("is more than the `hard_limit` of {hard}");
            problems.at(
                path.name(Key::Ulimits.name())
                    .index(position)
                    .name(UlimitField::SoftLimit.name()),
                message,
            );
        }
    }
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html
    let capabilities = container
        .linux_parameters
        .known()
        .map(|linux| &linux.capabilities);
    if let Some(capabilities) = capabilities.and_then(Partial::known).filter(|_| is_fargate) {
        for (_, added) in capabilities
            .add
            .known_elements()
            .filter(|(_, added)| *added != "SYS_PTRACE")
        {
            let message = format!("Fargate adds SYS_PTRACE only, not {added}");
            problems.at(
                path.name(Key::LinuxParameters.name())
                    .name(LinuxParametersField::Capabilities.name())
                    .name(KernelCapabilitiesField::Add.name()),
                message,
            );
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html>
fn check_dependencies(
    path: &AttributePath,
    container: &PartialContainerDefinition,
    task: &PartialTaskDefinition,
    problems: &mut Problems,
) {
    for (position, dependency) in container.depends_on.known_elements() {
        let (Some(name), Some(condition)) =
            (dependency.container_name.as_str(), dependency.condition.known())
        else {
            continue;
        };
        let mut all = task.container_definitions.known_elements();
        let Some((_, other)) = all.find(|(_, other)| other.name.as_str() == Some(name)) else {
            continue;
        };
        let is_essential = matches!(other.essential, Partial::Unset | Partial::Known(true));
        let message = match condition {
            ContainerCondition::Healthy if !other.health_check.is_set() => {
                format!("the container `{name}` has no `health_check` that could tell")
            }
            ContainerCondition::Complete | ContainerCondition::Success if is_essential => {
                format!(
                    "the task ends with the container `{name}`, which is essential: set its `essential` to false"
                )
            }
            _ => continue,
        };
        let path = path.name(Key::DependsOn.name()).index(position);
        problems.at(path.name(ContainerDependencyField::Condition.name()), message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::services::ecs::task_definition::TaskDefinition;
    use crate::services::testing::refused;

    /// A task on instances of one container, with more.
    fn on_instances(more: Json, container: Json) -> Vec<String> {
        let mut app = json!({ "name": "app", "image": "nginx", "memory": 128 });
        let mut task = json!({ "family": "app", "requires_compatibilities": ["EC2"] });
        for (all, more) in [(&mut app, container), (&mut task, more)] {
            let (Some(all), Json::Object(more)) = (all.as_object_mut(), more) else {
                panic!("no table")
            };
            all.extend(more);
        }
        let helper = json!({ "name": "helper", "image": "nginx", "memory": 128, "essential": false });
        task["container_definitions"] = json!([app, helper]);
        refused::<TaskDefinition>(task)
    }

    #[test]
    fn a_name_is_a_variable_or_a_secret() {
        let with = |secrets: Json| {
            on_instances(
                json!({}),
                json!({ "environment": { "A": "1" }, "secrets": secrets }),
            )
        };
        assert_eq!(with(json!({ "B": "arn:b" })), Vec::<String>::new());
        assert_eq!(
            with(json!({ "A": "arn:a" })),
            ["container_definitions[0].secrets.A: `A` is in `environment` already: AWS takes each name once"]
        );
    }

    /// A task on Fargate of these containers.
    fn on_fargate(containers: Json) -> Vec<String> {
        refused::<TaskDefinition>(json!({
            "family": "app", "requires_compatibilities": ["FARGATE"], "network_mode": "awsvpc",
            "cpu": 256, "memory": 512, "container_definitions": containers,
        }))
    }

    #[test]
    fn containers_share_ports_and_memory() {
        let two = |one: Json, other: Json| {
            let mut containers = [
                json!({ "name": "a", "image": "a" }),
                json!({ "name": "b", "image": "b" }),
            ];
            for (container, more) in containers.iter_mut().zip([one, other]) {
                let (Some(all), Json::Object(more)) = (container.as_object_mut(), more) else {
                    panic!("no table")
                };
                all.extend(more);
            }
            on_fargate(json!(containers))
        };
        let port = |port: i64, protocol: &str| json!({ "port_mappings": [{ "container_port": port, "protocol": protocol }] });
        let router = |kind: &str| {
            let options = json!({ "config-file-type": kind, "config-file-value": "/a" });
            json!({ "firelens_configuration": { "type": "fluentbit", "options": options } })
        };
        for (one, other, said) in [
            (port(80, "tcp"), port(81, "tcp"), None),
            (port(80, "tcp"), port(80, "udp"), None),
            (
                port(80, "tcp"),
                port(80, "tcp"),
                Some(
                    "container_definitions[1].port_mappings[0]: the task has the tcp port 80 twice on its host",
                ),
            ),
            (json!({ "memory": 256 }), json!({ "memory": 256 }), None),
            (
                json!({ "memory": 512, "memory_reservation": 128 }),
                json!({ "memory": 256 }),
                None,
            ),
            (
                json!({ "memory": 257 }),
                json!({ "memory": 256 }),
                Some(
                    "container_definitions: the containers want 513 MiB of memory together, and the task has 512",
                ),
            ),
            (router("file"), json!({}), None),
            (
                router("s3"),
                json!({}),
                Some(
                    "container_definitions[0].firelens_configuration.options.config-file-type: Fargate takes a \
                     configuration of type `file` only, one that is in the image",
                ),
            ),
        ] {
            let found = two(one, other);
            assert_eq!(found, Vec::from_iter(said), "{said:?}");
        }
    }

    #[test]
    fn networks_volumes_and_conditions_fit() {
        let port = |inside: i64, outside: i64| json!({ "port_mappings": [{ "container_port": inside, "host_port": outside }] });
        let after = |condition: &str| json!({ "depends_on": [{ "container_name": "helper", "condition": condition }] });
        let efs = |more: Json| json!({ "volumes": [{ "name": "data", "efs_volume_configuration": more }] });
        let point = json!({ "access_point_id": "fsap-1" });
        let nothing = json!({});
        for (more, container, expected) in [
            (json!({ "network_mode": "host" }), port(80, 80), None),
            (json!({ "network_mode": "host" }), port(80, 0), None),
            (json!({ "network_mode": "bridge" }), port(80, 81), None),
            (
                json!({ "network_mode": "host" }),
                port(80, 81),
                Some("port_mappings[0].host_port: has to be the container's port 80 in network mode host"),
            ),
            (
                json!({ "network_mode": "none" }),
                port(80, 80),
                Some("port_mappings: network mode `none` has no ports"),
            ),
            (
                json!({ "network_mode": "none" }),
                json!({ "port_mappings": [] }),
                None,
            ),
            (
                nothing.clone(),
                json!({ "memory": null, "memory_reservation": 64 }),
                None,
            ),
            (json!({ "memory": 512 }), json!({ "memory": null }), None),
            (
                nothing.clone(),
                json!({ "memory": null }),
                Some("container_definitions[0]: needs `memory` or `memory_reservation`"),
            ),
            (
                nothing.clone(),
                json!({ "memory": 4 }),
                Some("memory: 4 is not between 6"),
            ),
            (nothing.clone(), after("START"), None),
            (nothing.clone(), after("SUCCESS"), None),
            (
                nothing.clone(),
                after("HEALTHY"),
                Some("depends_on[0].condition: the container `helper` has no `health_check`"),
            ),
            (
                nothing.clone(),
                json!({ "depends_on": [{ "container_name": "app", "condition": "COMPLETE" }] }),
                Some("depends_on[0].condition: the task ends with the container `app`"),
            ),
            (
                json!({ "ephemeral_storage": { "size_in_gib": 30 } }),
                nothing.clone(),
                Some("ephemeral_storage: is for tasks on Fargate"),
            ),
            (efs(json!({ "file_system_id": "fs-1" })), nothing.clone(), None),
            (
                efs(
                    json!({ "file_system_id": "fs-1", "authorization_config": point, "transit_encryption": "ENABLED" }),
                ),
                nothing.clone(),
                None,
            ),
            (
                efs(json!({ "file_system_id": "fs-1", "authorization_config": point })),
                nothing.clone(),
                Some("transit_encryption: has to be ENABLED"),
            ),
            (
                efs(json!({
                    "file_system_id": "fs-1", "authorization_config": point, "transit_encryption": "ENABLED",
                    "root_directory": "/data",
                })),
                nothing.clone(),
                Some("root_directory: is the access point's own"),
            ),
            (
                efs(json!({ "file_system_id": "fs-1", "transit_encryption_port": 2049 })),
                nothing.clone(),
                Some("transit_encryption_port: is only for `transit_encryption` `ENABLED`, not `DISABLED`"),
            ),
            (
                efs(json!({ "file_system_id": "fs-1", "transit_encryption_port": 0 })),
                nothing,
                None,
            ),
        ] {
            let found = on_instances(more, container);
            assert_eq!(
                found.len(),
                usize::from(expected.is_some()),
                "{expected:?}: {found:?}"
            );
            assert!(
                expected.is_none_or(|words| found[0].contains(words)),
                "{expected:?}: {found:?}"
            );
        }
    }
}
