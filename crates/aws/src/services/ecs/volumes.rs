//! Volumes of a task, as the file says them and as AWS says them.

use aws_sdk_ecs::types as sdk;

use crate::errors::built;
use crate::prelude::*;

/// A volume that containers of a task can mount.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html")]
#[block(at_most_one(host, efs_volume_configuration))]
pub struct Volume {
    /// The name that mount points use.
    #[attribute(length = 1..=255, alphabet("A-Za-z0-9_-", "letters, digits, underscores and hyphens"))]
    pub name: String,
    /// A folder of the container instance; without `source_path` an empty one that lives as long as the
    /// task. The latter is the only one that Fargate knows.
    pub host: Option<HostVolume>,
    /// A file system of Amazon EFS.
    pub efs_volume_configuration: Option<EfsVolume>,
}

/// A folder of the container instance.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HostVolumeProperties.html")]
pub struct HostVolume {
    /// Its path on the instance. Not on Fargate.
    pub source_path: Option<String>,
}

/// A file system of Amazon EFS.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSVolumeConfiguration.html")]
pub struct EfsVolume {
    /// The file system.
    pub file_system_id: String,
    /// The folder that is mounted.
    #[attribute(default = "/")]
    pub root_directory: Option<String>,
    /// Whether data is encrypted on the way.
    #[attribute(default = "DISABLED")]
    pub transit_encryption: Option<Switch>,
    /// The port for encrypted data.
    #[attribute(range = 0..=65_535)]
    #[attribute(nothing = 0)]
    #[attribute(only_where(transit_encryption, "ENABLED"))]
    pub transit_encryption_port: Option<i32>,
    /// Who mounts it.
    pub authorization_config: Option<EfsAuthorization>,
}

/// Who mounts a file system.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSAuthorizationConfig.html")]
pub struct EfsAuthorization {
    /// The access point; then the root directory is `/`, and encryption on the way is on.
    pub access_point_id: Option<String>,
    /// Whether the task role is used.
    #[attribute(default = "DISABLED")]
    pub iam: Option<Switch>,
}

choices! {
    /// On or off.
    Switch {
        /// On.
        Enabled = "ENABLED",
        /// Off.
        Disabled = "DISABLED",
    }
}

/// For RegisterTaskDefinition.
///
/// # Errors
/// A required part is missing, which in a decoded one it never is.
pub fn to_sdk(volumes: &[Volume]) -> ProviderResult<Vec<sdk::Volume>> {
    volumes
        .iter()
        .map(|volume| {
            let host = volume.host.as_ref().map(|host| {
                sdk::HostVolumeProperties::builder()
                    .set_source_path(host.source_path.clone())
                    .build()
            });
            let efs = volume
                .efs_volume_configuration
                .as_ref()
                .map(efs_to_sdk)
                .transpose()?;
            Ok(sdk::Volume::builder()
                .name(&volume.name)
                .set_host(host)
                .set_efs_volume_configuration(efs)
                .build())
        })
        .collect()
}

fn efs_to_sdk(efs: &EfsVolume) -> ProviderResult<sdk::EfsVolumeConfiguration> {
    let authorization = efs.authorization_config.as_ref().map(|config| {
        sdk::EfsAuthorizationConfig::builder()
            .set_access_point_id(config.access_point_id.clone())
            .set_iam(to_aws(config.iam))
            .build()
    });
    let efs = sdk::EfsVolumeConfiguration::builder()
        .file_system_id(&efs.file_system_id)
        .set_root_directory(efs.root_directory.clone())
        .set_transit_encryption(to_aws(efs.transit_encryption))
        .set_transit_encryption_port(efs.transit_encryption_port)
        .set_authorization_config(authorization);
    built(efs.build())
}

/// As AWS tells them.
pub fn from_sdk(volumes: &[sdk::Volume]) -> Vec<Volume> {
    volumes
        .iter()
        .map(|volume| Volume {
            name: volume.name().unwrap_or_default().to_owned(),
            host: volume.host().map(|host| HostVolume {
                source_path: host.source_path().map(str::to_owned),
            }),
            efs_volume_configuration: volume.efs_volume_configuration().map(efs_from_sdk),
        })
        .collect()
}

fn efs_from_sdk(efs: &sdk::EfsVolumeConfiguration) -> EfsVolume {
    let switch = |text: Option<&str>| {
        Some(
            text.and_then(|text| text.parse().ok())
                .unwrap_or(Switch::Disabled),
        )
    };
    EfsVolume {
        file_system_id: efs.file_system_id().to_owned(),
        root_directory: Some(efs.root_directory().unwrap_or("/").to_owned()),
        transit_encryption: switch(efs.transit_encryption().map(|switch| switch.as_str())),
        transit_encryption_port: efs.transit_encryption_port(),
        authorization_config: efs.authorization_config().map(|config| EfsAuthorization {
            access_point_id: config.access_point_id().map(str::to_owned),
            iam: switch(config.iam().map(|iam| iam.as_str())),
        }),
    }
}
