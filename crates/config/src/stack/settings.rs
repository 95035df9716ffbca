//! `[stack]`: who the stack is and where it lives.

use std::collections::BTreeMap;

use infra_core::identity::{MAX_PART, MAX_REGION, is_part};
use infra_core::{Diagnostic, Severity, Span, StackId, Value, nearest};

use super::context::Context;
use super::fields::{only_known, table};
use super::names::Names;
use super::sections::Sections;
use crate::language::{Draft, DraftKind, World};

/// The keys of `[stack]`.
pub(crate) const KEYS: [&str; 8] = [
    "name",
    "environment",
    "stage",
    "region",
    "assume_role",
    "allowed_account_ids",
    "allow_data_loss",
    "tags",
];

/// The regions that AWS names at <https://docs.aws.amazon.com/general/latest/gr/rande.html>. Others are taken
/// too, with a warning: AWS opens new ones.
const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// `[stack]`, checked.
pub(crate) struct Settings {
    pub(crate) id: StackId,
    pub(crate) name: String,
    pub(crate) environment: String,
    pub(crate) stage: String,
    pub(crate) region: String,
    pub(crate) assume_role: Option<String>,
    pub(crate) allowed_account_ids: Vec<String>,
    pub(crate) allow_data_loss: bool,
}

/// Reads the section; what is required and missing is reported.
pub(crate) fn read(
    context: &mut Context<'_>,
    names: &mut Names,
    sections: &Sections<'_>,
) -> BTreeMap<String, Draft> {
    let Some(entry) = sections.stack else {
        context.add(
            Diagnostic::error("missing-section", "the stack file has no section `[stack]`")
                .at(Span { file: 0, range: 0..0 }, "")
                .help("write `[stack]` with `name`, `stage` and `region`"),
        );
        return BTreeMap::new();
    };
    let Some(fields) = table(context, entry, "the section `stack`") else {
        return BTreeMap::new();
    };
    only_known(context, names, fields, "`[stack]`", &KEYS);
    for required in ["name", "stage", "region"] {
        if !fields.contains_key(required) {
            context.add(
                Diagnostic::error("missing-value", format!("`[stack]` needs `{required}`"))
                    .at(entry.declared_at().clone(), ""),
            );
        }
    }
    fields
        .iter()
        .filter(|(name, _)| KEYS.contains(&name.as_str()))
        .map(|(name, entry)| {
            let mut draft = context.draft(&entry.node);
            draft.key_span = Some(entry.key_span.clone());
            (name.clone(), draft)
        })
        .collect()
}

/// Checks the evaluated section, which stands in `world`. `None` when something is missing or wrong.
pub(crate) fn check(
    context: &mut Context<'_>,
    world: &World,
    drafts: &BTreeMap<String, Draft>,
) -> Option<Settings> {
    let mut part = |name: &str| {
        let (text, span) = string(context, world, drafts, name)?;
        if is_part(&text) {
            return Some(text);
        }
        context.add(
            Diagnostic::error("bad-stack-name", format!("`stack.{name}` cannot be `{text}`")).at(span, "").help(format!(
                "it has letters, digits and hyphens, does not start with a hyphen, and is at most {MAX_PART} long"
            )),
        );
        None
    };
    let (name, stage) = (part("name"), part("stage"));
    let environment = match drafts.contains_key("environment") {
        true => part("environment"),
        false => Some(String::new()),
    };
    let region = region(context, world, drafts);
    let assume_role = assume_role(context, world, drafts);
    let allowed_account_ids = account_ids(context, world, drafts);
    let allow_data_loss = allow_data_loss(context, world, drafts);
    check_tags(context, world, drafts);
    let (name, environment, stage, region) = (name?, environment?, stage?, region?);
    Some(Settings {
        // Its parts have just been checked.
        id: StackId::new(&name, &environment, &stage, &region).ok()?,
        name,
        environment,
        stage,
        region,
        assume_role: assume_role?,
        allowed_account_ids: allowed_account_ids?,
        allow_data_loss: allow_data_loss?,
    })
}

/// The text of a field with its place; `None` when it is missing, wrong or unknown, which is reported.
fn string(
    context: &mut Context<'_>,
    world: &World,
    drafts: &BTreeMap<String, Draft>,
    name: &str,
) -> Option<(String, Span)> {
    let draft = drafts.get(name)?;
    match world.stack.get(name)? {
        Value::String(text) => Some((text.clone(), draft.span.clone())),
        Value::Unknown(_) => None,
        other => {
            context.add(wrong(&format!("`stack.{name}`"), "a text", other, &draft.span));
            None
        }
    }
}

fn wrong(what: &str, expected: &str, found: &Value, span: &Span) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "wrong-type",
        format!("{what} is {expected}, found {}", found.kind()),
    )
    .at(span.clone(), format!("expected {expected}"));
    match found {
        Value::Integer(_) if expected.contains("text") => diagnostic.help("quote it"),
        _ => diagnostic,
    }
}

fn region(context: &mut Context<'_>, world: &World, drafts: &BTreeMap<String, Draft>) -> Option<String> {
    let (region, span) = string(context, world, drafts, "region")?;
    if REGIONS.contains(&region.as_str()) {
        return Some(region);
    }
    let mut words = region.split('-');
    let number = words.next_back().is_some_and(|last| {
        !last.is_empty() && last.len() <= 2 && last.bytes().all(|digit| digit.is_ascii_digit())
    });
    let words: Vec<&str> = words.collect();
    let shaped = number
        && words.len() >= 2
        && region.len() <= MAX_REGION
        && words
            .iter()
            .all(|word| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase()));
    let message = if shaped {
        format!("`{region}` is no region that is known here")
    } else {
        format!("`{region}` is not the name of a region")
    };
    let mut diagnostic = Diagnostic::error("bad-region", message).at(span, "");
    if shaped {
        diagnostic.severity = Severity::Warning;
    }
    context.add(match nearest(&region, REGIONS) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("regions are named like `us-east-1`"),
    });
    shaped.then_some(region)
}

fn assume_role(
    context: &mut Context<'_>,
    world: &World,
    drafts: &BTreeMap<String, Draft>,
) -> Option<Option<String>> {
    if !drafts.contains_key("assume_role") || world.stack.get("assume_role").is_some_and(Value::is_null) {
        return Some(None);
    }
    let (arn, span) = string(context, world, drafts, "assume_role")?;
    if arn.is_empty() {
        return Some(None);
    }
    if is_role_arn(&arn) {
        return Some(Some(arn));
    }
    context.add(
        Diagnostic::error("bad-role", format!("`{arn}` is not the ARN of a role"))
            .at(span, "")
            .help("it looks like `arn:aws:iam::123456789012:role/name`; leave it empty to use the caller's own credentials"),
    );
    None
}

/// `arn:<partition>:iam::<account>:role/<path and name>`, as at
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, name] => {
            partition.starts_with("aws")
                && is_account_id(account)
                && name
                    .strip_prefix("role/")
                    .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        }
        _ => false,
    }
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn account_ids(
    context: &mut Context<'_>,
    world: &World,
    drafts: &BTreeMap<String, Draft>,
) -> Option<Vec<String>> {
    let Some(draft) = drafts.get("allowed_account_ids") else {
        return Some(Vec::new());
    };
    let items = match world.stack.get("allowed_account_ids")? {
        Value::List(items) => items,
        Value::Null => return Some(Vec::new()),
        Value::Unknown(_) => return None,
        other => {
            context.add(wrong(
                "`stack.allowed_account_ids`",
                "a list of account ids",
                other,
                &draft.span,
            ));
            return None;
        }
    };
    let mut ids = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let span = match &draft.kind {
            DraftKind::List(drafts) => drafts.get(position).map_or(&draft.span, |draft| &draft.span),
            _ => &draft.span,
        };
        match item {
            Value::String(id) if is_account_id(id) => ids.push(id.clone()),
            Value::String(id) => context.add(
                Diagnostic::error("bad-account-id", format!("`{id}` is not an account id"))
                    .at(span.clone(), "")
                    .help("an account id has twelve digits"),
            ),
            Value::Unknown(_) => {}
            other => context.add(wrong("an account id", "a text of twelve digits", other, span)),
        }
    }
    (ids.len() == items.len()).then_some(ids)
}

fn allow_data_loss(
    context: &mut Context<'_>,
    world: &World,
    drafts: &BTreeMap<String, Draft>,
) -> Option<bool> {
    let Some(draft) = drafts.get("allow_data_loss") else {
        return Some(false);
    };
    match world.stack.get("allow_data_loss")? {
        Value::Bool(allowed) => Some(*allowed),
        Value::Null => Some(false),
        Value::Unknown(_) => None,
        other => {
            context.add(wrong(
                "`stack.allow_data_loss`",
                "true or false",
                other,
                &draft.span,
            ));
            None
        }
    }
}

fn check_tags(context: &mut Context<'_>, world: &World, drafts: &BTreeMap<String, Draft>) {
    let (Some(draft), Some(value)) = (drafts.get("tags"), world.stack.get("tags")) else {
        return;
    };
    match value {
        Value::Map(tags) => {
            for (name, tag) in tags {
                let span = match &draft.kind {
                    DraftKind::Map(drafts) => drafts.get(name).map_or(draft.place(), |draft| &draft.span),
                    _ => draft.place(),
                };
                if !matches!(tag, Value::String(_) | Value::Unknown(_) | Value::Secret(_)) {
                    context.add(wrong(&format!("`stack.tags.{name}`"), "a text", tag, span));
                }
            }
        }
        Value::Unknown(_) | Value::Null => {}
        other => context.add(wrong("`stack.tags`", "a table of texts", other, draft.place())),
    }
}
