//! How other machines are reached: whose certificates are trusted, and through which proxies.
//!
//! Nothing here reads a variable of the environment: what is set there is given by those who know it.

mod proxies;
mod trust;

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;

pub use self::proxies::{Proxies, Proxy};
pub use self::trust::{Named, Trust};

/// How other machines are reached. The default trusts this machine's certificate authorities and asks directly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// What is reached through a proxy.
    pub proxies: Proxies,
}

impl Network {
    /// What to do where a connection failed because of the other side's certificate; `None` where it failed for
    /// another reason.
    pub fn certificate_hint(&self, error: &(dyn StdError + 'static)) -> Option<String> {
        let problem = errors(error).find_map(|error| match error.downcast_ref()? {
            rustls::Error::InvalidCertificate(problem) => Some(problem),
            _ => None,
        })?;
        Some(match problem {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                "the other side's certificate is not valid at this time: look at this machine's clock, and then at the \
                 certificate"
                    .to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the other side's certificate is for another name: look at the address, and at what stands between \
                 this machine and it"
                    .to_owned()
            }
            _ => format!(
                "trusted are {}; where the network opens TLS with a certificate authority of its own, name a file \
                 with its certificate in AWS_CA_BUNDLE",
                self.trust
            ),
        })
    }
}

/// An error and what caused it, each once. `io::Error` tells what it holds by another way than its source.
pub fn errors<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
        Some(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_a_certificate_depends_on_what_is_wrong_with_it() {
        let network = Network::default();
        let told = |problem: CertificateError| {
            // As it comes out of a connection: two deep in errors of input and output.
            let error = io::Error::new(
                io::ErrorKind::InvalidData,
                rustls::Error::InvalidCertificate(problem),
            );
            network.certificate_hint(&io::Error::other(error))
        };
        for (problem, part) in [
            (CertificateError::UnknownIssuer, "AWS_CA_BUNDLE"),
            (CertificateError::Expired, "clock"),
            (CertificateError::NotValidForName, "another name"),
        ] {
            let hint = told(problem).unwrap();
            assert!(hint.contains(part), "{hint}");
        }
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(network.certificate_hint(&refused), None);
    }
}
