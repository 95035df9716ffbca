//! Docker Hub, the one registry with several names: one for people, one that speaks the protocol, and one under which
//! Docker keeps its logins.
//!
//! <https://docs.docker.com/reference/cli/docker/login/> and, for the last one, `IndexServer` in
//! <https://github.com/moby/moby/blob/master/registry/config.go>.

/// Its name in references.
pub(crate) const NAME: &str = "docker.io";

/// Where it speaks the distribution protocol.
pub(crate) const REGISTRY: &str = "registry-1.docker.io";

/// What `docker login` without an address calls it, in its configuration and to credential helpers.
pub(crate) const LOGIN: &str = "https://index.docker.io/v1/";

/// All its hosts. A login for any of them is one for the others.
pub(crate) const HOSTS: [&str; 3] = ["index.docker.io", NAME, REGISTRY];

/// Whether a host is one of Docker Hub's.
pub(crate) fn is_it(host: &str) -> bool {
    HOSTS.iter().any(|one| host.eq_ignore_ascii_case(one))
}
