//! How an expression names what it takes a value from.

use std::fmt;
use std::str::FromStr;

use crate::address::ResourceAddress;

/// One attribute of one resource, or the whole resource, as an expression names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The resource (one instance; a reference to all instances is one `Reference` for each).
    pub address: ResourceAddress,
    /// The top-level attribute; `None` for the whole resource.
    pub attribute: Option<String>,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attribute {
            Some(attribute) => write!(f, "{}.{attribute}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self {
                address,
                attribute: None,
            });
        }
        let (address, attribute) = text
            .rsplit_once('.')
            .ok_or_else(|| format!("`{text}` is no reference"))?;
        let address = address
            .parse::<ResourceAddress>()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            address,
            attribute: Some(attribute.to_owned()),
        })
    }
}
