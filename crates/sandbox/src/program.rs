//! The emulator's Python files, carried inside this crate.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::SandboxError;

/// What pip installs.
pub(crate) const REQUIREMENTS: &str = include_str!("../emulator/requirements.txt");

macro_rules! program_files {
    ($($name:literal),* $(,)?) => {
        /// Every file of the program by its path inside the package.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../emulator/infra_sandbox/", $name)))),*];
    };
}

program_files![
    "__init__.py",
    "__main__.py",
    "blobs.py",
    "call.py",
    "consistency.py",
    "control.py",
    "fault_forms.py",
    "faults.py",
    "foreign.py",
    "foreign_kinds.py",
    "in_process.py",
    "middleware.py",
    "network.py",
    "one_at_a_time.py",
    "paging.py",
    "patterns.py",
    "processes.py",
    "recording.py",
    "registry.py",
    "rollout.py",
    "services/__init__.py",
    "services/acm.py",
    "services/apigatewayv2.py",
    "services/applicationautoscaling.py",
    "services/ec2.py",
    "services/ec2_endpoints.py",
    "services/ec2_security_groups.py",
    "services/ecr.py",
    "services/ecs.py",
    "services/ecs_services.py",
    "services/elbv2.py",
    "services/elbv2_target_groups.py",
    "services/iam.py",
    "services/iam_policies.py",
    "services/kms.py",
    "services/logs.py",
    "services/route53.py",
    "services/route53_rules.py",
    "services/tagging.py",
    "settings.py",
    "setups.py",
    "tag_rules.py",
    "targets.py",
    "tasks.py",
    "validation.py",
    "world.py",
];

/// A short hash of the whole program: another program, another hash.
pub(crate) fn hash() -> String {
    let mut sha = Sha256::new();
    for (name, text) in FILES {
        sha.update(name.len().to_le_bytes());
        sha.update(name);
        sha.update(text.len().to_le_bytes());
        sha.update(text);
    }
    hex::encode(&sha.finalize()[..6])
}

/// A hash of what pip installs.
pub(crate) fn requirements_hash() -> String {
    hex::encode(Sha256::digest(REQUIREMENTS))
}

/// Unpacks the program below `folder` unless it is there; returns the folder to put on Python's path. Other
/// versions found there are removed.
pub(crate) fn unpack(folder: &Path) -> Result<PathBuf, SandboxError> {
    let name = format!("program-{}", hash());
    let place = folder.join(&name);
    for entry in fs::read_dir(folder)
        .map_err(SandboxError::file("read", folder))?
        .flatten()
    {
        let other = entry.file_name();
        if other.to_string_lossy().starts_with("program-") && other.to_string_lossy() != name {
            // What cannot be removed does no harm.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    if place.is_dir() {
        return Ok(place);
    }
    // Complete or not there at all: written beside it and renamed.
    let fresh = folder.join(format!("program-{}.new", std::process::id()));
    for (name, text) in FILES {
        let path = fresh.join("infra_sandbox").join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(SandboxError::file("create", parent))?;
        }
        fs::write(&path, text).map_err(SandboxError::file("write", &path))?;
    }
    fs::rename(&fresh, &place).map_err(SandboxError::file("write", &place))?;
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python_files(folder: &Path, below: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                python_files(&entry.path(), &format!("{name}/"), found);
            } else if name.ends_with(".py") {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_package_is_carried() {
        let mut found = Vec::new();
        python_files(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("emulator/infra_sandbox"),
            "",
            &mut found,
        );
        found.sort();
        assert_eq!(
            found,
            FILES
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn unpacking_twice_is_unpacking_once_and_removes_other_versions() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("program-000000000000")).unwrap();
        let place = unpack(folder.path()).unwrap();
        assert_eq!(unpack(folder.path()).unwrap(), place);
        assert!(place.join("infra_sandbox/services/ecr.py").is_file());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_requirement_is_pinned() {
        for line in REQUIREMENTS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            assert!(line.contains("=="), "{line}");
        }
        assert!(REQUIREMENTS.contains("moto==") && REQUIREMENTS.contains("boto3=="));
    }
}
