//! `[state]`: how the stack's state is kept.

use infra_core::Diagnostic;

use super::context::Context;
use super::fields::{only_known, text};
use super::names::Names;
use super::sections::Sections;

const KEYS: [&str; 1] = ["sealing_key"];

/// The key of KMS that keeps the key of sensitive values. A plain text: it has to be known before anything is read.
pub(crate) fn sealing_key(
    context: &mut Context<'_>,
    names: &mut Names,
    sections: &Sections<'_>,
) -> Option<String> {
    only_known(context, names, sections.state, "`[state]`", &KEYS);
    let (key, span) = text(context, sections.state, "sealing_key", "`[state]`")?;
    if is_key(&key) {
        return Some(key);
    }
    context.add(
        Diagnostic::error("bad-sealing-key", format!("`{key}` names no key of KMS"))
            .at(span, "")
            .help(
                "it is an ARN such as `arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab`, or an alias \
                 such as `alias/infra`; without it the key is INFRA_SEALING_KEY's or that of the machine",
            ),
    );
    None
}

/// The ARN of a key or of an alias, or an alias of the stack's own account and region:
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html>
fn is_key(text: &str) -> bool {
    let is_plain = |text: &str| {
        let allowed = |character: char| character.is_ascii_alphanumeric() || "/_-".contains(character);
        !text.is_empty() && text.len() <= 250 && text.chars().all(allowed)
    };
    if let Some(alias) = text.strip_prefix("alias/") {
        return is_plain(alias);
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, key] = parts.as_slice() else {
        return false;
    };
    let named = key.strip_prefix("key/").or_else(|| key.strip_prefix("alias/"));
    *arn == "arn"
        && partition.starts_with("aws")
        && *service == "kms"
        && !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && named.is_some_and(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_arns_or_aliases() {
        for (text, is_one) in [
            ("alias/infra", true),
            ("alias/team/infra_1", true),
            (
                "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                true,
            ),
            ("arn:aws-cn:kms:cn-north-1:123456789012:alias/infra", true),
            ("", false),
            ("alias/", false),
            ("1234abcd-12ab-34cd-56ef-1234567890ab", false),
            ("arn:aws:s3:us-east-1:123456789012:key/a", false),
            ("arn:aws:kms:us-east-1:12345:key/a", false),
            ("arn:aws:kms:us-east-1:123456789012:a", false),
        ] {
            assert_eq!(is_key(text), is_one, "{text}");
        }
    }
}
