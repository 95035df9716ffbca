//! Closed sets of texts, in AWS's own spelling.

/// Declares an enumeration whose texts in files and at AWS are the same: `Internal = "internal"`.
macro_rules! choices {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$variant_about:meta])* $variant:ident = $text:literal),+ $(,)? }
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord,
            serde::Deserialize, serde::Serialize,
        )]
        pub enum $name {
            $($(#[$variant_about])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// AWS's spelling.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl infra_provider::Described for $name {
            type Partial = Self;
            const KIND: infra_provider::Kind = infra_provider::Kind::OneOf(&[$($text),+]);
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(()),
                }
            }
        }
    };
}

/// What a call takes for a choice, or for a text: the SDK's own type of it.
pub fn to_aws<S: for<'a> From<&'a str>>(choice: Option<impl AsRef<str>>) -> Option<S> {
    choice.map(|choice| S::from(choice.as_ref()))
}

pub(crate) use choices;
