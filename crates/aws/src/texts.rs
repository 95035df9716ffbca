//! Closed sets of texts: what the file may write, and the SDK's type of the same.

/// Declares an enumeration whose members are spelled as AWS spells them, and turns it into the SDK's.
macro_rules! texts {
    (
        $(#[$about:meta])*
        $name:ident => $sdk:ty {
            $($(#[$member_about:meta])* $member:ident = $text:literal),+ $(,)?
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$member_about])* #[serde(rename = $text)] $member,)+
        }

        impl From<$name> for $sdk {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$member => Self::from($text),)+
                }
            }
        }
    };
}

pub(crate) use texts;
