//! The registries that images are pushed to and taken from, and who asks them.

use std::path::PathBuf;

use aws_sdk_ecr::Client;
use infra_oci::{Credentials, Registry, RegistrySettings};
use tokio::sync::OnceCell;

use super::registry_host::{RegistryHost, registry_host};
use crate::errors::of_registry;
use crate::prelude::*;

/// How registries are reached in one run.
pub struct Registries {
    client: Client,
    /// Where pushes go instead of the host in the repository's URI.
    registry: Option<String>,
    /// Of ECR's token.
    region: String,
    /// Of ECR's token.
    partition: String,
    /// Where Docker keeps the credentials of other registries.
    docker_config: Option<PathBuf>,
    /// How a registry is talked to.
    pub settings: RegistrySettings,
    credentials: OnceCell<Credentials>,
}

impl Registries {
    /// Those of one run.
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: clients.ecr.clone(),
            registry: clients.registry.clone(),
            region: clients.region.clone(),
            partition: clients.identity.partition.clone(),
            docker_config: clients.docker_config.clone(),
            settings: RegistrySettings {
                network: clients.network.clone(),
                ..RegistrySettings::default()
            },
            credentials: OnceCell::new(),
        }
    }

    /// The registry of a repository, and the repository's name in it.
    pub async fn of(&self, repository_uri: &str) -> ProviderResult<(Registry, String)> {
        let Some((host, repository)) = repository_uri.split_once('/') else {
            return Err(no_repository(repository_uri));
        };
        let (address, credentials) = match &self.registry {
            Some(other) => match split_credentials(other) {
                (address, Some(credentials)) => (address, Some(credentials)),
                (address, None) => {
                    let credentials = self.credentials_for(&address, repository).await?;
                    (address, credentials)
                }
            },
            None => (host.to_owned(), self.credentials_for(host, repository).await?),
        };
        let registry =
            Registry::with_settings(&address, credentials, self.settings.clone()).map_err(of_registry)?;
        Ok((registry, repository.to_owned()))
    }

    /// What a registry is asked with: ECR's token where it belongs, elsewhere what `docker login` left for it.
    async fn credentials_for(&self, address: &str, repository: &str) -> ProviderResult<Option<Credentials>> {
        match registry_host(address, &self.region, &self.partition) {
            RegistryHost::Ecr | RegistryHost::Loopback => self.token().await.map(Some),
            RegistryHost::EcrOfAnotherRegion => Err(ProviderError::new(
                ErrorClass::Invalid,
                format!(
                    "`{address}` is in another region, and ECR's token is for {} only",
                    self.region
                ),
            )
            .hint(
                "push to a repository in the stack's own region; ECR's replication takes images to others",
            )),
            RegistryHost::Other => {
                let host = address.split_once("://").map_or(address, |(_, host)| host);
                self.of_docker(host, repository).await
            }
        }
    }

    /// As [`Registries::credentials_for`]; an image of ECR in another region may be public to the caller by other means.
    pub async fn source_credentials(
        &self,
        host: &str,
        repository: &str,
    ) -> ProviderResult<Option<Credentials>> {
        match registry_host(host, &self.region, &self.partition) {
            RegistryHost::Ecr => self.token().await.map(Some),
            _ => self.of_docker(host, repository).await,
        }
    }

    async fn of_docker(&self, host: &str, repository: &str) -> ProviderResult<Option<Credentials>> {
        let Some(folder) = &self.docker_config else {
            return Ok(None);
        };
        let found = Credentials::of_docker(folder, host, repository).await;
        // Nothing that is wrong with it is a mistake of the stack file.
        found.map_err(|error| ProviderError {
            class: ErrorClass::Other,
            ..of_registry(error)
        })
    }

    /// ECR's token is good for twelve hours, longer than a run.
    async fn token(&self) -> ProviderResult<Credentials> {
        let token = self
            .credentials
            .get_or_try_init(async || {
                let answer = self
                    .client
                    .get_authorization_token()
                    .send()
                    .await
                    .aws("ecr", "GetAuthorizationToken")?;
                let data = answer.authorization_data().first();
                let token = data
                    .and_then(|data| data.authorization_token())
                    .ok_or_else(|| missing("ecr", "GetAuthorizationToken", "token"))?;
                Credentials::from_basic_token(token)
                    .map(Credentials::confined)
                    .map_err(of_registry)
            })
            .await?;
        Ok(token.clone())
    }
}

/// A URI that names no repository.
pub fn no_repository(repository_uri: &str) -> ProviderError {
    let message = format!("`{repository_uri}` has no host and repository");
    ProviderError::new(ErrorClass::Invalid, message)
}

/// `http://user:password@host` as address and credentials.
fn split_credentials(address: &str) -> (String, Option<Credentials>) {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (format!("{scheme}{host}"), Some(Credentials::new(name, password)))
        }
        None => (address.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_an_address_are_taken_out_of_it() {
        let (address, credentials) = split_credentials("http://user:p@ss@127.0.0.1:5000");
        assert_eq!(address, "http://127.0.0.1:5000");
        assert!(credentials.is_some());
        assert!(split_credentials("http://127.0.0.1:5000").1.is_none());
    }
}
