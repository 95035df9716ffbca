//! AWS's rules for task definitions that need no call, Fargate's above all.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>

use std::collections::BTreeSet;

use infra_core::types::{Problems, known_integer, known_str};
use infra_core::{Attributes, Value};

use crate::together::{elements, member, member_integer, member_str};

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
pub fn check(attributes: &Attributes, problems: &mut Problems) {
    let launch = elements(attributes, "requires_compatibilities");
    let is_fargate = launch.iter().any(|kind| kind.as_str() == Some("FARGATE"));
    if is_fargate {
        check_task_size(attributes, problems);
        check_network_mode(attributes, problems);
    }
    let size = attributes
        .get("ephemeral_storage")
        .and_then(|storage| member_integer(storage, "size_in_gib"));
    if let Some(size) = size.filter(|size| !(21..=200).contains(size)) {
        problems.at(
            "ephemeral_storage.size_in_gib",
            format!("{size} is not between 21 and 200"),
        );
    }
    let containers = Containers {
        attributes,
        all: elements(attributes, "container_definitions"),
        is_fargate,
        has_own_address: known_str(attributes, "network_mode") == Some("awsvpc"),
    };
    containers.check(attributes.contains_key("container_definitions"), problems);
}

fn check_task_size(attributes: &Attributes, problems: &mut Problems) {
    for name in ["cpu", "memory"] {
        if attributes.get(name).is_none_or(Value::is_null) {
            problems.at(name, "tasks on Fargate need it");
        }
    }
    let Some(cpu) = known_integer(attributes, "cpu") else {
        return;
    };
    let sizes = memory_sizes(cpu);
    let [lowest, second, .., highest] = sizes.as_slice() else {
        return problems.at(
            "cpu",
            format!("Fargate has no tasks of {cpu} CPU units: it takes {CPU_SIZES}"),
        );
    };
    let memory = known_integer(attributes, "memory");
    if let Some(memory) = memory.filter(|memory| !sizes.contains(memory)) {
        let message = format!("Fargate has no tasks of {cpu} CPU units and {memory} MiB of memory");
        let help = match cpu {
            256 => "it takes 512, 1024 or 2048 MiB with them".to_owned(),
            _ => format!(
                "it takes {lowest} to {highest} MiB with them, in steps of {}",
                second - lowest
            ),
        };
        problems.at_with_help("memory", message, help);
    }
}

fn check_network_mode(attributes: &Attributes, problems: &mut Problems) {
    match attributes.get("network_mode") {
        None | Some(Value::Null) => problems.at("network_mode", "tasks on Fargate need `awsvpc`"),
        Some(Value::String(mode)) if mode != "awsvpc" => {
            problems.at(
                "network_mode",
                format!("tasks on Fargate need `awsvpc`, not `{mode}`"),
            );
        }
        _ => {}
    }
}

struct Containers<'a> {
    attributes: &'a Attributes,
    all: &'a [Value],
    is_fargate: bool,
    has_own_address: bool,
}

impl Containers<'_> {
    fn check(&self, is_set: bool, problems: &mut Problems) {
        let is_known = self
            .attributes
            .get("container_definitions")
            .and_then(Value::as_list)
            .is_some();
        if is_set && is_known && self.all.is_empty() {
            problems.at("container_definitions", "a task needs a container");
        }
        let is_helper = |one: &Value| member(one, "essential").and_then(Value::as_bool) == Some(false);
        if !self.all.is_empty() && self.all.iter().all(is_helper) {
            problems.at(
                "container_definitions",
                "one container at least has to be essential",
            );
        }
        let mut names = BTreeSet::new();
        for (position, container) in self.all.iter().enumerate() {
            let path = format!("container_definitions[{position}]");
            if let Some(name) = member_str(container, "name") {
                if !names.insert(name) {
                    problems.at(
                        format!("{path}.name").as_str(),
                        format!("there are two containers `{name}`"),
                    );
                }
                check_container_name(&path, name, problems);
            }
            self.check_memory(&path, container, problems);
            self.check_ports(&path, container, problems);
            self.check_references(&path, container, problems);
            self.check_role(&path, container, problems);
            check_health(&path, container, problems);
            self.check_logs(&path, container, problems);
            if self.is_fargate {
                check_fargate_only(&path, container, problems);
            }
        }
        let cpu: i64 = self.all.iter().filter_map(|one| member_integer(one, "cpu")).sum();
        if let Some(of_task) = known_integer(self.attributes, "cpu").filter(|of_task| cpu > *of_task) {
            let message = format!("the containers want {cpu} CPU units together, and the task has {of_task}");
            problems.at("container_definitions", message);
        }
    }

    fn check_memory(&self, path: &str, container: &Value, problems: &mut Problems) {
        let of_task = known_integer(self.attributes, "memory");
        let [memory, kept] = ["memory", "memory_reservation"].map(|name| member_integer(container, name));
        if let (Some(memory), Some(of_task)) = (memory, of_task)
            && memory > of_task
        {
            let message = format!("is more than the {of_task} MiB of the task");
            problems.at(format!("{path}.memory").as_str(), message);
        }
        if let (Some(memory), Some(kept)) = (memory, kept)
            && kept > memory
        {
            let message = format!("is more than the container's `memory` of {memory} MiB");
            problems.at(format!("{path}.memory_reservation").as_str(), message);
        }
    }

    fn check_ports(&self, path: &str, container: &Value, problems: &mut Problems) {
        let ports = member(container, "port_mappings").and_then(Value::as_list);
        for (position, port) in ports.unwrap_or_default().iter().enumerate() {
            let path = format!("{path}.port_mappings[{position}]");
            let [inside, outside] = ["container_port", "host_port"].map(|name| member_integer(port, name));
            if let Some(inside) = inside.filter(|port| !(1..=65_535).contains(port)) {
                let message = format!("{inside} is not between 1 and 65535");
                problems.at(format!("{path}.container_port").as_str(), message);
            }
            if let (Some(inside), Some(outside)) = (inside, outside)
                && inside != outside
                && self.has_own_address
            {
                let message = format!("has to be the container's port {inside} in network mode awsvpc");
                problems.at(format!("{path}.host_port").as_str(), message);
            }
        }
    }

    fn check_references(&self, path: &str, container: &Value, problems: &mut Problems) {
        let is_there = |list: &[Value], name: &str| {
            list.iter()
                .any(|one| member_str(one, "name").is_none_or(|other| other == name))
        };
        let list = |name: &str| {
            member(container, name)
                .and_then(Value::as_list)
                .unwrap_or_default()
        };
        for (position, other) in list("depends_on").iter().enumerate() {
            let name = member_str(other, "container_name");
            if let Some(name) = name.filter(|name| !is_there(self.all, name)) {
                let path = format!("{path}.depends_on[{position}].container_name");
                problems.at(path.as_str(), format!("the task has no container `{name}`"));
            }
        }
        let are_volumes_known = self
            .attributes
            .get("volumes")
            .is_none_or(|all| all.as_list().is_some());
        for (position, mount) in list("mount_points").iter().enumerate() {
            let name = member_str(mount, "source_volume");
            let volumes = elements(self.attributes, "volumes");
            if let Some(name) = name.filter(|name| are_volumes_known && !is_there(volumes, name)) {
                let path = format!("{path}.mount_points[{position}].source_volume");
                problems.at(path.as_str(), format!("the task has no volume `{name}`"));
            }
        }
    }

    /// Fargate itself pulls the image, reads secrets and writes logs, as the execution role.
    fn check_role(&self, path: &str, container: &Value, problems: &mut Problems) {
        let has_role = self
            .attributes
            .get("execution_role_arn")
            .is_some_and(|role| !role.is_null());
        if has_role || !self.is_fargate {
            return;
        }
        let image = member_str(container, "image");
        let driver = member(container, "log_configuration").and_then(|logs| member_str(logs, "log_driver"));
        let why = if image.is_some_and(|image| image.contains(".dkr.ecr.")) {
            "its image is in ECR"
        } else if driver == Some("awslogs") {
            "its logs go to CloudWatch"
        } else if member(container, "secrets").is_some() {
            "it has secrets"
        } else {
            return;
        };
        problems.at(
            "execution_role_arn",
            format!("`{path}` needs an execution role on Fargate: {why}"),
        );
    }

    fn check_logs(&self, path: &str, container: &Value, problems: &mut Problems) {
        let Some(logs) = member(container, "log_configuration") else {
            return;
        };
        let driver = member_str(logs, "log_driver");
        let on_fargate = ["awslogs", "awsfirelens", "splunk"];
        if let Some(driver) = driver.filter(|driver| self.is_fargate && !on_fargate.contains(driver)) {
            let message = format!("Fargate has no `{driver}`, only {}", on_fargate.join(", "));
            problems.at(format!("{path}.log_configuration.log_driver").as_str(), message);
        }
        let options = member(logs, "options");
        if driver == Some("awslogs") && options.is_none_or(|options| options.as_map().is_some()) {
            let mut needed = vec!["awslogs-group", "awslogs-region"];
            if self.is_fargate {
                needed.push("awslogs-stream-prefix");
            }
            needed.retain(|name| options.and_then(|options| member(options, name)).is_none());
            if !needed.is_empty() {
                let message = format!("the driver awslogs needs {}", needed.join(", "));
                problems.at(format!("{path}.log_configuration.options").as_str(), message);
            }
        }
    }
}

fn check_container_name(path: &str, name: &str, problems: &mut Problems) {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 255 || !name.chars().all(is_allowed) {
        let message = format!("`{name}` is not 1 to 255 letters, digits, underscores and hyphens");
        problems.at(format!("{path}.name").as_str(), message);
    }
}

fn check_health(path: &str, container: &Value, problems: &mut Problems) {
    let Some(check) = member(container, "health_check") else {
        return;
    };
    let first = member(check, "command")
        .and_then(Value::as_list)
        .and_then(<[Value]>::first);
    if let Some(first) = first
        .and_then(Value::as_str)
        .filter(|first| !["CMD", "CMD-SHELL", "NONE"].contains(first))
    {
        let message = format!("starts with `{first}`, which has to be `CMD` or `CMD-SHELL`");
        problems.at(format!("{path}.health_check.command").as_str(), message);
    }
    for (name, lowest, highest) in [
        ("interval", 5, 300),
        ("timeout", 2, 120),
        ("retries", 1, 10),
        ("start_period", 0, 300),
    ] {
        let value = member_integer(check, name);
        if let Some(value) = value.filter(|value| !(lowest..=highest).contains(value)) {
            let message = format!("{value} is not between {lowest} and {highest}");
            problems.at(format!("{path}.health_check.{name}").as_str(), message);
        }
    }
}

fn check_fargate_only(path: &str, container: &Value, problems: &mut Problems) {
    for name in ["start_timeout", "stop_timeout"] {
        let seconds = member_integer(container, name);
        if let Some(seconds) = seconds.filter(|seconds| *seconds > 120) {
            let message = format!("{seconds} seconds is more than Fargate's 120");
            problems.at(format!("{path}.{name}").as_str(), message);
        }
    }
    if member(container, "privileged").and_then(Value::as_bool) == Some(true) {
        problems.at(
            format!("{path}.privileged").as_str(),
            "Fargate runs no privileged containers",
        );
    }
}
