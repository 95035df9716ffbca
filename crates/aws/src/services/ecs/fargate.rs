//! AWS's rules for task definitions that need no call, Fargate's above all.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>

use std::collections::BTreeSet;

use infra_core::AttributePath;
use infra_core::types::Problems;
use infra_provider::{FieldName, Partial};

use super::containers::{
    ContainerDefinitionField as Key, ContainerDependencyField, ContainerHealthCheckField,
    LogConfigurationField, LogDriver, MountPointField, PartialContainerDefinition, PortMappingField,
};
use super::task_definition::{
    Compatibility, NetworkMode, PartialTaskDefinition, TaskDefinitionField as Field,
};
use super::task_rules;

/// The memory sizes in MiB that Fargate has for a number of CPU units; none for an unknown number.
pub fn memory_sizes(cpu: i64) -> Vec<i64> {
    let from_to = |lowest: i64, highest: i64, step: i64| {
        (0..=(highest - lowest) / step)
            .map(|count| lowest + count * step)
            .collect()
    };
    match cpu {
        256 => vec![512, 1024, 2048],
        512 => from_to(1024, 4096, 1024),
        1024 => from_to(2048, 8192, 1024),
        2048 => from_to(4096, 16_384, 1024),
        4096 => from_to(8192, 30_720, 1024),
        8192 => from_to(16_384, 61_440, 4096),
        16_384 => from_to(32_768, 122_880, 8192),
        _ => Vec::new(),
    }
}

const CPU_SIZES: &str = "256, 512, 1024, 2048, 4096, 8192 or 16384";

/// Checks a task definition.
pub fn check(task: &PartialTaskDefinition, problems: &mut Problems) {
    let mut launch = task.requires_compatibilities.known_elements();
    let is_fargate = launch.any(|(_, kind)| *kind == Compatibility::Fargate);
    if is_fargate {
        check_task_size(task, problems);
        match task.network_mode {
            Partial::Unset => problems.at(Field::NetworkMode.name(), "tasks on Fargate need `awsvpc`"),
            Partial::Known(mode) if mode != NetworkMode::Awsvpc => {
                let message = format!("tasks on Fargate need `awsvpc`, not `{}`", mode.as_str());
                problems.at(Field::NetworkMode.name(), message);
            }
            _ => {}
        }
    }
    task_rules::check(task, is_fargate, problems);
    Containers { task, is_fargate }.check(problems);
}

fn check_task_size(task: &PartialTaskDefinition, problems: &mut Problems) {
    for (field, size) in [(Field::Cpu, task.cpu), (Field::Memory, task.memory)] {
        if !size.is_set() {
            problems.at(field.name(), "tasks on Fargate need it");
        }
    }
    let Partial::Known(cpu) = task.cpu else {
        return;
    };
    let sizes = memory_sizes(cpu);
    let [lowest, second, .., highest] = sizes.as_slice() else {
        let message = format!("Fargate has no tasks of {cpu} CPU units: it takes {CPU_SIZES}");
        return problems.at(Field::Cpu.name(), message);
    };
    if let Some(memory) = task.memory.known().filter(|memory| !sizes.contains(memory)) {
        let message = format!("Fargate has no tasks of {cpu} CPU units and {memory} MiB of memory");
        let help = match cpu {
            256 => "it takes 512, 1024 or 2048 MiB with them".to_owned(),
            _ => format!(
                "it takes {lowest} to {highest} MiB with them, in steps of {}",
                second - lowest
            ),
        };
        problems.at_with_help(Field::Memory.name(), message, help);
    }
}

struct Containers<'a> {
    task: &'a PartialTaskDefinition,
    is_fargate: bool,
}

impl Containers<'_> {
    fn check(&self, problems: &mut Problems) {
        let containers = &self.task.container_definitions;
        let whole = || AttributePath::attribute(Field::ContainerDefinitions.name());
        let is_helper = |one: &Partial<PartialContainerDefinition>| {
            one.known()
                .is_some_and(|one| one.essential == Partial::Known(false))
        };
        if !containers.elements().is_empty() && containers.elements().iter().all(is_helper) {
            problems.at(whole(), "one container at least has to be essential");
        }
        let mut names = BTreeSet::new();
        for (position, container) in containers.known_elements() {
            let path = whole().index(position);
            if let Some(name) = container.name.as_str().filter(|name| !names.insert(*name)) {
                problems.at(
                    path.name(Key::Name.name()),
                    format!("there are two containers `{name}`"),
                );
            }
            self.check_memory(&path, container, problems);
            self.check_ports(&path, container, problems);
            self.check_references(&path, container, problems);
            self.check_role(&path, container, problems);
            self.check_logs(&path, container, problems);
            check_health(&path, container, problems);
            if self.is_fargate {
                check_fargate_only(&path, container, problems);
            }
        }
        let wanted = containers.known_elements().filter_map(|(_, one)| one.cpu.known());
        let cpu: i64 = wanted.map(|cpu| i64::from(*cpu)).sum();
        if let Some(of_task) = self.task.cpu.known().filter(|of_task| cpu > **of_task) {
            let message = format!("the containers want {cpu} CPU units together, and the task has {of_task}");
            problems.at(whole(), message);
        }
    }

    fn check_memory(
        &self,
        path: &AttributePath,
        container: &PartialContainerDefinition,
        problems: &mut Problems,
    ) {
        let (memory, kept) = (container.memory.known(), container.memory_reservation.known());
        if let (Some(memory), Some(of_task)) = (memory, self.task.memory.known())
            && i64::from(*memory) > *of_task
        {
            let message = format!("is more than the {of_task} MiB of the task");
            problems.at(path.name(Key::Memory.name()), message);
        }
        if let (Some(memory), Some(kept)) = (memory, kept)
            && kept > memory
        {
            let message = format!("is more than the container's `memory` of {memory} MiB");
            problems.at(path.name(Key::MemoryReservation.name()), message);
        }
    }

    fn check_ports(
        &self,
        path: &AttributePath,
        container: &PartialContainerDefinition,
        problems: &mut Problems,
    ) {
        let has_own_address = self.task.network_mode == Partial::Known(NetworkMode::Awsvpc);
        for (position, port) in container.port_mappings.known_elements() {
            if let (Some(inside), Some(outside)) = (port.container_port.known(), port.host_port.known())
                && inside != outside
                && has_own_address
            {
                let path = path.name(Key::PortMappings.name()).index(position);
                let message = format!("has to be the container's port {inside} in network mode awsvpc");
                problems.at(path.name(PortMappingField::HostPort.name()), message);
            }
        }
    }

    fn check_references(
        &self,
        path: &AttributePath,
        container: &PartialContainerDefinition,
        problems: &mut Problems,
    ) {
        for (position, other) in container.depends_on.known_elements() {
            let Some(name) = other.container_name.as_str() else {
                continue;
            };
            let all = self.task.container_definitions.elements().iter();
            let mut all = all.map(|one| one.known().and_then(|one| one.name.as_str()));
            if !all.any(|other| other.is_none_or(|other| other == name)) {
                let path = path.name(Key::DependsOn.name()).index(position);
                problems.at(
                    path.name(ContainerDependencyField::ContainerName.name()),
                    format!("the task has no container `{name}`"),
                );
            }
        }
        for (position, mount) in container.mount_points.known_elements() {
            let Some(name) = mount
                .source_volume
                .as_str()
                .filter(|_| !self.task.volumes.is_unknown())
            else {
                continue;
            };
            let all = self.task.volumes.elements().iter();
            let mut all = all.map(|one| one.known().and_then(|one| one.name.as_str()));
            if !all.any(|other| other.is_none_or(|other| other == name)) {
                let path = path.name(Key::MountPoints.name()).index(position);
                problems.at(
                    path.name(MountPointField::SourceVolume.name()),
                    format!("the task has no volume `{name}`"),
                );
            }
        }
    }

    /// Fargate itself pulls the image, reads secrets and writes logs, as the execution role.
    fn check_role(
        &self,
        path: &AttributePath,
        container: &PartialContainerDefinition,
        problems: &mut Problems,
    ) {
        if self.task.execution_role_arn.is_set() || !self.is_fargate {
            return;
        }
        let driver = container.log_configuration.known().map(|logs| logs.log_driver);
        let why = if container
            .image
            .as_str()
            .is_some_and(|image| image.contains(".dkr.ecr."))
        {
            "its image is in ECR"
        } else if driver == Some(Partial::Known(LogDriver::Awslogs)) {
            "its logs go to CloudWatch"
        } else if container.secrets.has_any() {
            "it has secrets"
        } else {
            return;
        };
        problems.at(
            Field::ExecutionRoleArn.name(),
            format!("`{path}` needs an execution role on Fargate: {why}"),
        );
    }

    fn check_logs(
        &self,
        path: &AttributePath,
        container: &PartialContainerDefinition,
        problems: &mut Problems,
    ) {
        let Some(logs) = container.log_configuration.known() else {
            return;
        };
        let path = path.name(Key::LogConfiguration.name());
        let on_fargate = [LogDriver::Awslogs, LogDriver::Awsfirelens, LogDriver::Splunk];
        let driver = logs.log_driver.known();
        if let Some(driver) = driver.filter(|driver| self.is_fargate && !on_fargate.contains(driver)) {
            let only = on_fargate.map(LogDriver::as_str).join(", ");
            let message = format!("Fargate has no `{}`, only {only}", driver.as_str());
            problems.at(path.name(LogConfigurationField::LogDriver.name()), message);
        }
        if driver == Some(&LogDriver::Awslogs) && !logs.options.is_unknown() {
            let mut needed = vec!["awslogs-group", "awslogs-region"];
            if self.is_fargate {
                needed.push("awslogs-stream-prefix");
            }
            needed.retain(|name| {
                !logs
                    .options
                    .known()
                    .is_some_and(|options| options.contains_key(*name))
            });
            if !needed.is_empty() {
                let message = format!("the driver awslogs needs {}", needed.join(", "));
                problems.at(path.name(LogConfigurationField::Options.name()), message);
            }
        }
    }
}

fn check_health(path: &AttributePath, container: &PartialContainerDefinition, problems: &mut Problems) {
    let first = container
        .health_check
        .known()
        .and_then(|check| check.command.elements().first()?.as_str());
    if let Some(first) = first.filter(|first| !["CMD", "CMD-SHELL", "NONE"].contains(first)) {
        let message = format!("`{first}` begins it, and has to be `CMD`, `CMD-SHELL` or `NONE`");
        let path = path.name(Key::HealthCheck.name());
        problems.at(path.name(ContainerHealthCheckField::Command.name()), message);
    }
}

fn check_fargate_only(path: &AttributePath, container: &PartialContainerDefinition, problems: &mut Problems) {
    for (key, seconds) in [
        (Key::StartTimeout, container.start_timeout),
        (Key::StopTimeout, container.stop_timeout),
    ] {
        if let Some(seconds) = seconds.known().filter(|seconds| **seconds > 120) {
            let message = format!("{seconds} seconds is more than Fargate's 120");
            problems.at(path.name(key.name()), message);
        }
    }
    if container.privileged == Partial::Known(true) {
        let message = "Fargate runs no privileged containers";
        problems.at(path.name(Key::Privileged.name()), message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::services::ecs::task_definition::TaskDefinition;
    use crate::services::testing::refused;

    fn fargate_with(more: Json) -> Vec<String> {
        let mut all = json!({
            "family": "app", "cpu": 256, "memory": 512, "network_mode": "awsvpc",
            "requires_compatibilities": ["FARGATE"],
            "container_definitions": [{ "name": "app", "image": "nginx" }],
        });
        let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
            unreachable!()
        };
        all_of.extend(more);
        refused::<TaskDefinition>(all)
    }

    #[test]
    fn fargate_has_its_pairs_of_cpu_and_memory() {
        for (cpu, memory, said) in [
            (256, 512, None),
            (256, 1024, None),
            (1024, 8192, None),
            (8192, 20_480, None),
            (16_384, 122_880, None),
            (
                256,
                4096,
                Some("memory: Fargate has no tasks of 256 CPU units and 4096 MiB of memory"),
            ),
            (
                4096,
                31_744,
                Some("memory: Fargate has no tasks of 4096 CPU units and 31744 MiB of memory"),
            ),
            (
                300,
                512,
                Some(
                    "cpu: Fargate has no tasks of 300 CPU units: it takes 256, 512, 1024, 2048, 4096, 8192 or 16384",
                ),
            ),
        ] {
            let found = fargate_with(json!({ "cpu": cpu, "memory": memory }));
            assert_eq!(found.first().map(String::as_str), said, "{cpu} {memory}");
        }
        assert_eq!(memory_sizes(8192).len(), 12);
    }

    #[test]
    fn what_a_task_needs_is_checked() {
        let container = |more: Json| {
            let mut all = json!({ "name": "app", "image": "nginx" });
            let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
                unreachable!()
            };
            all_of.extend(more);
            fargate_with(json!({ "container_definitions": [all] }))
        };
        for (found, said) in [
            (
                fargate_with(json!({ "network_mode": "bridge" })),
                "network_mode: tasks on Fargate need `awsvpc`, not `bridge`",
            ),
            (
                fargate_with(json!({ "container_definitions": [] })),
                "container_definitions: 0 of them: AWS takes 1 to 100",
            ),
            (
                fargate_with(json!({ "family": "my app" })),
                "family: `my app` has ` ` in it: AWS takes letters, digits, underscores and hyphens",
            ),
            (
                fargate_with(json!({ "ephemeral_storage": { "size_in_gib": 20 } })),
                "ephemeral_storage.size_in_gib: 20 is not between 21 and 200",
            ),
            (
                container(json!({ "essential": false })),
                "container_definitions: one container at least has to be essential",
            ),
            (
                container(json!({ "memory": 1024 })),
                "container_definitions[0].memory: is more than the 512 MiB of the task",
            ),
            (
                container(json!({ "cpu": 512 })),
                "container_definitions: the containers want 512 CPU units together, and the task has 256",
            ),
            (
                container(json!({ "port_mappings": [{ "container_port": 80, "host_port": 8080 }] })),
                "container_definitions[0].port_mappings[0].host_port: has to be the container's port 80 in network \
                 mode awsvpc",
            ),
            (
                container(json!({ "depends_on": [{ "container_name": "log", "condition": "START" }] })),
                "container_definitions[0].depends_on[0].container_name: the task has no container `log`",
            ),
            (
                container(
                    json!({ "mount_points": [{ "source_volume": "data", "container_path": "/data" }] }),
                ),
                "container_definitions[0].mount_points[0].source_volume: the task has no volume `data`",
            ),
            (
                container(json!({ "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app" })),
                "execution_role_arn: `container_definitions[0]` needs an execution role on Fargate: its image is \
                 in ECR",
            ),
            (
                container(json!({ "health_check": { "command": ["curl", "localhost"] } })),
                "container_definitions[0].health_check.command: `curl` begins it, and has to be `CMD`, `CMD-SHELL` or \
                 `NONE`",
            ),
            (
                container(json!({ "log_configuration": { "log_driver": "syslog" } })),
                "container_definitions[0].log_configuration.log_driver: Fargate has no `syslog`, only awslogs, \
                 awsfirelens, splunk",
            ),
            (
                container(json!({ "stop_timeout": 300 })),
                "container_definitions[0].stop_timeout: 300 seconds is more than Fargate's 120",
            ),
        ] {
            assert_eq!(found, [said]);
        }
        assert_eq!(
            refused::<TaskDefinition>(json!({
                "family": "app", "container_definitions": [{ "name": "app", "image": "nginx", "memory": 128 }],
            })),
            Vec::<String>::new()
        );
    }
}
