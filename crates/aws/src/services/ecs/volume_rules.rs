//! AWS's rules for the volumes of task definitions that need no call.

use infra_core::AttributePath;
use infra_core::types::Problems;
use infra_provider::{FieldName, Partial};

use super::volumes::{EfsVolumeField, HostVolumeField, PartialVolume, Switch, VolumeField};

/// Checks the volume at a path of a task definition.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSVolumeConfiguration.html>
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSAuthorizationConfig.html>
pub fn check_volume(path: &AttributePath, volume: &PartialVolume, is_fargate: bool, problems: &mut Problems) {
    let host = volume.host.known();
    if is_fargate && host.is_some_and(|host| host.source_path.is_set()) {
        let message = "Fargate has no folders of an instance: leave it out, and the volume is empty at first";
        problems.at(
            path.name(VolumeField::Host.name())
                .name(HostVolumeField::SourcePath.name()),
            message,
        );
    }
    let Some(efs) = volume.efs_volume_configuration.known() else {
        return;
    };
    let path = path.name(VolumeField::EfsVolumeConfiguration.name());
    let Some(authorization) = efs.authorization_config.known() else {
        return;
    };
    let has_point = authorization.access_point_id.is_set();
    let is_plain = matches!(
        efs.transit_encryption,
        Partial::Unset | Partial::Known(Switch::Disabled)
    );
    if is_plain && (has_point || authorization.iam == Partial::Known(Switch::Enabled)) {
        let message = "has to be ENABLED for an access point and for IAM authorization";
        problems.at(path.name(EfsVolumeField::TransitEncryption.name()), message);
    }
    if has_point && efs.root_directory.as_str().is_some_and(|root| root != "/") {
        let message = "is the access point's own: leave it out";
        problems.at(path.name(EfsVolumeField::RootDirectory.name()), message);
    }
}
