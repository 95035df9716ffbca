//! Containers, from the file's form to AWS's and back.
//!
//! AWS fills in defaults (cpu 0, essential, protocol tcp, the host's port in network mode awsvpc) and leaves others
//! out; what is read back always has them, so that it does not matter which the file names.

use std::collections::BTreeMap;

use aws_sdk_ecs::types as sdk;
use infra_provider::ProviderResult;

use super::containers::*;
use crate::choices::to_aws;
use crate::errors::built;

/// For RegisterTaskDefinition.
///
/// # Errors
/// A required part is missing, which in a decoded one it never is.
pub fn to_sdk(containers: &[ContainerDefinition]) -> ProviderResult<Vec<sdk::ContainerDefinition>> {
    containers.iter().map(container_to_sdk).collect()
}

fn container_to_sdk(container: &ContainerDefinition) -> ProviderResult<sdk::ContainerDefinition> {
    let c = container;
    let repository_credentials = c.repository_credentials.as_ref().map(|credentials| {
        sdk::RepositoryCredentials::builder()
            .credentials_parameter(&credentials.credentials_parameter)
            .build()
    });
    Ok(sdk::ContainerDefinition::builder()
        .name(&c.name)
        .image(&c.image)
        .set_repository_credentials(repository_credentials.map(built).transpose()?)
        .set_essential(c.essential)
        .set_cpu(c.cpu)
        .set_memory(c.memory)
        .set_memory_reservation(c.memory_reservation)
        .set_command(c.command.clone())
        .set_entry_point(c.entry_point.clone())
        .set_environment(c.environment.as_ref().map(pairs))
        .set_secrets(c.secrets.as_ref().map(secrets).transpose()?)
        .set_port_mappings(c.port_mappings.as_deref().map(ports))
        .set_log_configuration(c.log_configuration.as_ref().map(logs).transpose()?)
        .set_health_check(c.health_check.as_ref().map(health_check).transpose()?)
        .set_depends_on(c.depends_on.as_deref().map(dependencies).transpose()?)
        .set_mount_points(c.mount_points.as_deref().map(mount_points))
        .set_readonly_root_filesystem(c.readonly_root_filesystem)
        .set_privileged(c.privileged)
        .set_user(c.user.clone())
        .set_working_directory(c.working_directory.clone())
        .set_start_timeout(c.start_timeout)
        .set_stop_timeout(c.stop_timeout)
        .set_linux_parameters(c.linux_parameters.as_ref().map(linux_parameters))
        .set_ulimits(c.ulimits.as_deref().map(ulimits).transpose()?)
        .set_docker_labels(c.docker_labels.clone().map(|labels| labels.into_iter().collect()))
        .set_firelens_configuration(c.firelens_configuration.as_ref().map(firelens).transpose()?)
        .set_version_consistency(to_aws(c.version_consistency))
        .build())
}

fn pairs(environment: &BTreeMap<String, String>) -> Vec<sdk::KeyValuePair> {
    environment
        .iter()
        .map(|(name, value)| sdk::KeyValuePair::builder().name(name).value(value).build())
        .collect()
}

fn secrets(secrets: &BTreeMap<String, String>) -> ProviderResult<Vec<sdk::Secret>> {
    secrets
        .iter()
        .map(|(name, from)| {
            let secret = sdk::Secret::builder().name(name).value_from(from);
            built(secret.build())
        })
        .collect()
}

fn ports(ports: &[PortMapping]) -> Vec<sdk::PortMapping> {
    ports
        .iter()
        .map(|port| {
            sdk::PortMapping::builder()
                .container_port(port.container_port)
                .set_host_port(port.host_port)
                .set_protocol(to_aws(port.protocol))
                .set_name(port.name.clone())
                .set_app_protocol(to_aws(port.app_protocol))
                .build()
        })
        .collect()
}

fn logs(logs: &LogConfiguration) -> ProviderResult<sdk::LogConfiguration> {
    let made = sdk::LogConfiguration::builder()
        .log_driver(logs.log_driver.as_str().into())
        .set_options(logs.options.clone().map(|options| options.into_iter().collect()))
        .set_secret_options(logs.secret_options.as_ref().map(secrets).transpose()?);
    built(made.build())
}

fn health_check(check: &ContainerHealthCheck) -> ProviderResult<sdk::HealthCheck> {
    let made = sdk::HealthCheck::builder()
        .set_command(Some(check.command.clone()))
        .set_interval(check.interval)
        .set_timeout(check.timeout)
        .set_retries(check.retries)
        .set_start_period(check.start_period);
    built(made.build())
}

fn dependencies(all: &[ContainerDependency]) -> ProviderResult<Vec<sdk::ContainerDependency>> {
    all.iter()
        .map(|one| {
            let made = sdk::ContainerDependency::builder()
                .container_name(&one.container_name)
                .condition(one.condition.as_str().into());
            built(made.build())
        })
        .collect()
}

fn mount_points(all: &[MountPoint]) -> Vec<sdk::MountPoint> {
    all.iter()
        .map(|one| {
            sdk::MountPoint::builder()
                .source_volume(&one.source_volume)
                .container_path(&one.container_path)
                .set_read_only(one.read_only)
                .build()
        })
        .collect()
}

fn linux_parameters(linux: &LinuxParameters) -> sdk::LinuxParameters {
    let capabilities = linux.capabilities.as_ref().map(|capabilities| {
        sdk::KernelCapabilities::builder()
            .set_add(capabilities.add.clone())
            .set_drop(capabilities.drop.clone())
            .build()
    });
    sdk::LinuxParameters::builder()
        .set_init_process_enabled(linux.init_process_enabled)
        .set_capabilities(capabilities)
        .build()
}

fn ulimits(all: &[Ulimit]) -> ProviderResult<Vec<sdk::Ulimit>> {
    all.iter()
        .map(|one| {
            let made = sdk::Ulimit::builder()
                .name(one.name.as_str().into())
                .soft_limit(one.soft_limit)
                .hard_limit(one.hard_limit);
            built(made.build())
        })
        .collect()
}

fn firelens(config: &FirelensConfiguration) -> ProviderResult<sdk::FirelensConfiguration> {
    let made = sdk::FirelensConfiguration::builder()
        .r#type(config.kind.as_str().into())
        .set_options(
            config
                .options
                .clone()
                .map(|options| options.into_iter().collect()),
        );
    built(made.build())
}

/// As AWS tells them, with AWS's defaults. `has_own_address`: in network mode `awsvpc` a port is the same on
/// the host.
pub fn from_sdk(containers: &[sdk::ContainerDefinition], has_own_address: bool) -> Vec<ContainerDefinition> {
    containers
        .iter()
        .map(|container| container_from_sdk(container, has_own_address))
        .collect()
}

fn container_from_sdk(c: &sdk::ContainerDefinition, has_own_address: bool) -> ContainerDefinition {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let ports = c.port_mappings().iter();
    ContainerDefinition {
        name: c.name().unwrap_or_default().to_owned(),
        image: c.image().unwrap_or_default().to_owned(),
        repository_credentials: c
            .repository_credentials()
            .map(|credentials| RepositoryCredentials {
                credentials_parameter: credentials.credentials_parameter().to_owned(),
            }),
        essential: Some(c.essential().unwrap_or(true)),
        cpu: Some(c.cpu()),
        memory: c.memory(),
        memory_reservation: c.memory_reservation(),
        command: Some(c.command().to_vec()),
        entry_point: Some(c.entry_point().to_vec()),
        environment: Some(
            c.environment()
                .iter()
                .filter_map(|pair| Some((pair.name.clone()?, pair.value.clone().unwrap_or_default())))
                .collect(),
        ),
        secrets: Some(secrets_from_sdk(c.secrets())),
        port_mappings: Some(ports.map(|port| port_from_sdk(port, has_own_address)).collect()),
        log_configuration: c.log_configuration().and_then(logs_from_sdk),
        health_check: c.health_check().map(|check| ContainerHealthCheck {
            command: check.command().to_vec(),
            interval: check.interval().or(Some(30)),
            timeout: check.timeout().or(Some(5)),
            retries: check.retries().or(Some(3)),
            start_period: check.start_period().or(Some(0)),
        }),
        depends_on: Some(
            c.depends_on()
                .iter()
                .filter_map(|one| {
                    Some(ContainerDependency {
                        container_name: one.container_name().to_owned(),
                        condition: one.condition().as_str().parse().ok()?,
                    })
                })
                .collect(),
        ),
        mount_points: Some(
            c.mount_points()
                .iter()
                .map(|one| MountPoint {
                    source_volume: one.source_volume().unwrap_or_default().to_owned(),
                    container_path: one.container_path().unwrap_or_default().to_owned(),
                    read_only: Some(one.read_only().unwrap_or(false)),
                })
                .collect(),
        ),
        readonly_root_filesystem: Some(c.readonly_root_filesystem().unwrap_or(false)),
        privileged: Some(c.privileged().unwrap_or(false)),
        user: text(c.user()),
        working_directory: text(c.working_directory()),
        start_timeout: c.start_timeout(),
        stop_timeout: c.stop_timeout(),
        linux_parameters: c.linux_parameters().map(|linux| LinuxParameters {
            init_process_enabled: Some(linux.init_process_enabled().unwrap_or(false)),
            capabilities: linux.capabilities().map(|capabilities| KernelCapabilities {
                add: Some(capabilities.add().to_vec()),
                drop: Some(capabilities.drop().to_vec()),
            }),
        }),
        ulimits: Some(
            c.ulimits()
                .iter()
                .map(|one| Ulimit {
                    name: one.name().as_str().to_owned(),
                    soft_limit: one.soft_limit(),
                    hard_limit: one.hard_limit(),
                })
                .collect(),
        ),
        docker_labels: Some(c.docker_labels().into_iter().flatten().map(owned).collect()),
        firelens_configuration: c.firelens_configuration().and_then(|config| {
            Some(FirelensConfiguration {
                kind: config.r#type().as_str().parse().ok()?,
                options: Some(config.options().into_iter().flatten().map(owned).collect()),
            })
        }),
        version_consistency: c
            .version_consistency()
            .map_or(Some(VersionConsistency::Enabled), |choice| {
                choice.as_str().parse().ok()
            }),
    }
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

fn secrets_from_sdk(secrets: &[sdk::Secret]) -> BTreeMap<String, String> {
    secrets
        .iter()
        .map(|secret| (secret.name().to_owned(), secret.value_from().to_owned()))
        .collect()
}

fn port_from_sdk(port: &sdk::PortMapping, has_own_address: bool) -> PortMapping {
    let container_port = port.container_port().unwrap_or_default();
    let host_port = port.host_port().filter(|port| *port != 0);
    PortMapping {
        container_port,
        host_port: host_port.or_else(|| has_own_address.then_some(container_port)),
        protocol: port.protocol().map_or(Some(TransportProtocol::Tcp), |protocol| {
            protocol.as_str().parse().ok()
        }),
        name: port.name().map(str::to_owned),
        app_protocol: port
            .app_protocol()
            .and_then(|protocol| protocol.as_str().parse().ok()),
    }
}

fn logs_from_sdk(logs: &sdk::LogConfiguration) -> Option<LogConfiguration> {
    Some(LogConfiguration {
        log_driver: logs.log_driver().as_str().parse().ok()?,
        options: Some(logs.options().into_iter().flatten().map(owned).collect()),
        secret_options: Some(secrets_from_sdk(logs.secret_options())),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_aws_leaves_out_is_its_default() {
        let port = sdk::PortMapping::builder().container_port(8080).build();
        let told = sdk::ContainerDefinition::builder()
            .name("app")
            .image("nginx")
            .port_mappings(port)
            .build();
        let [container] = from_sdk(&[told], true).try_into().unwrap();
        assert_eq!((container.essential, container.cpu), (Some(true), Some(0)));
        let expected = json!({ "container_port": 8080, "host_port": 8080, "protocol": "tcp" });
        let port = container.port_mappings.unwrap().remove(0);
        let told: PortMapping = serde_json::from_value(expected).unwrap();
        assert_eq!(port, told);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted: ContainerDefinition = serde_json::from_value(json!({
            "name": "app", "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:00",
            "repository_credentials": { "credentials_parameter": "arn:secret" },
            "essential": false, "cpu": 128, "memory": 256, "memory_reservation": 128,
            "command": ["serve"], "entry_point": ["/entry"],
            "environment": { "A": "1", "B": "2" }, "secrets": { "PASSWORD": "arn:secret" },
            "port_mappings": [{
                "container_port": 80, "host_port": 80, "protocol": "udp", "name": "web", "app_protocol": "http2",
            }],
            "log_configuration": {
                "log_driver": "awslogs", "options": { "awslogs-group": "app" }, "secret_options": {},
            },
            "health_check": {
                "command": ["CMD", "true"], "interval": 10, "timeout": 2, "retries": 2, "start_period": 5,
            },
            "depends_on": [{ "container_name": "log", "condition": "START" }],
            "mount_points": [{ "source_volume": "data", "container_path": "/data", "read_only": true }],
            "readonly_root_filesystem": true, "privileged": false, "user": "1000", "working_directory": "/",
            "start_timeout": 30, "stop_timeout": 60,
            "linux_parameters": {
                "init_process_enabled": true, "capabilities": { "add": ["SYS_PTRACE"], "drop": [] },
            },
            "ulimits": [{ "name": "nofile", "soft_limit": 1024, "hard_limit": 4096 }],
            "docker_labels": { "a": "b" },
            "firelens_configuration": { "type": "fluentbit", "options": { "a": "b" } },
            "version_consistency": "disabled",
        }))
        .unwrap();
        let told = to_sdk(std::slice::from_ref(&wanted)).unwrap();
        assert_eq!(from_sdk(&told, true), [wanted]);
    }
}
