//! Names of records as the file writes them and as Route 53 tells them, and a record's id.
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::prelude::*;

/// What would break an id into other parts.
const IN_IDS: &AsciiSet = &CONTROLS.add(b'/').add(b'%');

/// A name in the form that the state and our ids have.
pub use infra_core::spelling::dns_name as plain;

/// A hosted zone's id in the form that the state, our ids and calls have. Route 53 tells it with a prefix.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html>
pub fn plain_zone(id: &str) -> &str {
    id.strip_prefix("/hostedzone/").unwrap_or(id)
}

/// What tells records of a zone apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The hosted zone's id.
    pub zone: String,
    /// The name, in plain form.
    pub name: String,
    /// The type, such as `A`.
    pub kind: String,
    /// What tells records of the same name and type apart.
    pub set_identifier: Option<String>,
}

impl Key {
    /// The id, `<zone>/<name>/<type>` with `/<set identifier>` where there is one. `/` and `%` of the name are
    /// percent-encoded.
    pub fn id(&self) -> PhysicalId {
        let name = utf8_percent_encode(&self.name, IN_IDS).to_string();
        match &self.set_identifier {
            Some(set) => PhysicalId::composite([&self.zone, &name, &self.kind, set]),
            None => PhysicalId::composite([&self.zone, &name, &self.kind]),
        }
    }

    /// The key that an id was made from, or that a person wrote.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] when it has too few parts.
    pub fn of(id: &PhysicalId) -> ProviderResult<Self> {
        let wrong = || {
            ProviderError::new(
                ErrorClass::Invalid,
                format!(
                    "`{id}` is no record's id: it is <hosted zone id>/<name>/<type>, and /<set identifier> \
                     where there is one"
                ),
            )
        };
        let mut parts = id.as_str().splitn(4, '/');
        let (Some(zone), Some(name), Some(kind)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        if [zone, name, kind].iter().any(|part| part.is_empty()) {
            return Err(wrong());
        }
        Ok(Self {
            zone: zone.to_owned(),
            name: plain(&percent_decode_str(name).decode_utf8_lossy()),
            kind: kind.to_owned(),
            set_identifier: parts.next().map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        for (told, expected) in [
            ("API.Example.com.", "api.example.com"),
            ("\\052.example.com.", "*.example.com"),
            ("0\\05725.2.0.192.in-addr.arpa.", "0/25.2.0.192.in-addr.arpa"),
            ("a\\000b.example.com.", "a\\000b.example.com"),
            ("end\\", "end\\"),
        ] {
            assert_eq!(plain(told), expected);
        }
    }

    #[test]
    fn ids_come_apart_again() {
        let cases = [
            ("*.example.com", None, "Z1/*.example.com/A"),
            ("0/25%.arpa", None, "Z1/0%2F25%25.arpa/A"),
            (
                "a.example.com",
                Some("blue/green"),
                "Z1/a.example.com/A/blue/green",
            ),
        ];
        for (name, set, id) in cases {
            let key = Key {
                zone: "Z1".into(),
                name: name.into(),
                kind: "A".into(),
                set_identifier: set.map(str::to_owned),
            };
            assert_eq!(key.id().as_str(), id);
            assert_eq!(Key::of(&key.id()).unwrap(), key);
        }
        for wrong in ["Z1", "Z1/a.example.com", "/a/A", ""] {
            assert_eq!(
                Key::of(&PhysicalId::new(wrong)).unwrap_err().class,
                ErrorClass::Invalid
            );
        }
    }
}
