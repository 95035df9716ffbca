//! Amazon ECR: image repositories and images.

pub mod image;
mod image_source;
pub mod lifecycle_policy;
pub mod lookups;
mod registries;
mod registry_host;
pub mod repository;
pub mod service;

use std::fmt;

use crate::clients::Clients;

/// What the images of a run share.
pub struct Images {
    /// The registries that they are in.
    pub registries: registries::Registries,
    /// Those that are built.
    pub builds: image_source::Builds,
}

impl Images {
    /// With the clients of a run.
    pub fn new(clients: &Clients) -> Self {
        Self {
            registries: registries::Registries::new(clients),
            builds: image_source::Builds::new(&clients.own_paths),
        }
    }
}

/// Registries have credentials, which are shown to nobody.
impl fmt::Debug for Images {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Images")
    }
}
