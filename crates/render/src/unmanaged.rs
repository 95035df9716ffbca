//! What stands at AWS without an address.

use std::io;

use infra_core::{
    Claim, Commands, NextStep, PhysicalId, ResourceAddress, TypeName, Unmanaged, UnmanagedKind,
};
use serde::Serialize;

use crate::json;
use crate::line::{Line, write_lines};
use crate::style::{Format, Role, Style};
use crate::units::{count, time_utc};

/// The stack that a survey was made for, as the user names it.
#[derive(Debug, Clone, Copy)]
pub struct Surveyed<'a> {
    /// The stack's id.
    pub stack: &'a str,
    /// How commands on it are typed.
    pub commands: &'a Commands,
}

/// Writes what a survey found: for a person and a log what each thing is and what to do next, orphans first; as
/// JSON an `unmanaged` line for each and a `survey` line last.
///
/// # Errors
/// When `out` fails.
pub fn write_unmanaged(
    out: &mut dyn io::Write,
    things: &[Unmanaged],
    surveyed: Surveyed<'_>,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => write_json(out, things, surveyed),
        Format::Human | Format::Plain => {
            write_lines(out, &style.for_format(format), &lines(things, surveyed, style))
        }
    }
}

/// Where the lines of one thing start, and what stands under its first one.
const HEADER: usize = 2;
const BELOW: usize = 6;

fn lines(things: &[Unmanaged], surveyed: Surveyed<'_>, style: &Style) -> Vec<Line> {
    let mut lines = vec![Line::new()];
    for (kind, heading) in [
        (
            UnmanagedKind::Orphan,
            "Orphans: what carries the tags of this stack and is at no address of it",
        ),
        (
            UnmanagedKind::Foreign,
            "Undeclared: what stands in the networks of this stack and was not made by it",
        ),
    ] {
        let mut of_kind = things.iter().filter(|thing| thing.kind == kind).peekable();
        if of_kind.peek().is_none() {
            continue;
        }
        lines.push(Line::new().add(Role::Strong, heading));
        lines.push(Line::new());
        for thing in of_kind {
            lines.extend(thing_lines(thing, surveyed, style));
            lines.push(Line::new());
        }
    }
    lines.push(closing(things));
    lines
}

fn thing_lines(thing: &Unmanaged, surveyed: Surveyed<'_>, style: &Style) -> [Line; 2] {
    let role = match thing.kind {
        UnmanagedKind::Orphan => Role::Bad,
        UnmanagedKind::Foreign => Role::Notice,
    };
    let mut header = Line::indented(HEADER)
        .add(role, "?")
        .normal(" ")
        .add(Role::Strong, thing.resource_type.to_string())
        .add(Role::Muted, format!(" [{}]", thing.id));
    if let Some(name) = &thing.name {
        header = header.normal(format!(" \"{name}\""));
    }
    let told = told(thing);
    if !told.is_empty() {
        let dash = style.symbols().dash;
        header = header.add(Role::Muted, format!(" {dash} {}", told.join(", ")));
    }
    [
        header,
        Line::indented(BELOW).normal(next_in_words(thing, surveyed)),
    ]
}

/// Where it stands, who made it, and when.
fn told(thing: &Unmanaged) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(near) = &thing.near {
        told.push(format!("in {near}"));
    }
    if let Some(Claim {
        stack,
        address: Some(address),
    }) = &thing.claim
    {
        told.push(match thing.kind {
            UnmanagedKind::Orphan => format!("made for {address}"),
            UnmanagedKind::Foreign => format!("made for {address} of {stack}"),
        });
    }
    if let Some(created) = thing.created_unix_ms {
        told.push(format!("made {} UTC", time_utc(created)));
    }
    told
}

fn next_in_words(thing: &Unmanaged, surveyed: Surveyed<'_>) -> String {
    let Unmanaged {
        id, resource_type, ..
    } = thing;
    match &thing.next {
        NextStep::Import { address } => {
            format!("take it over: {}", import(surveyed, &address.to_string(), id))
        }
        NextStep::DeclareAndImport => format!(
            "remove it by hand, or declare it and take it over: {}",
            import(surveyed, &format!("{resource_type}.NAME"), id)
        ),
        NextStep::Remove { address } => format!("remove it by hand: {address} is something else"),
        NextStep::LeaveToStack { stack } => format!("leave it to the stack {stack}, which made it"),
        NextStep::NoSuchType => "not a type of infra: leave it to whoever made it".to_owned(),
    }
}

fn import(surveyed: Surveyed<'_>, address: &str, id: &PhysicalId) -> String {
    surveyed.commands.on("import", [address, id.as_str()])
}

fn closing(things: &[Unmanaged]) -> Line {
    let (orphans, foreign) = counts(things);
    let text = match (orphans, foreign) {
        (0, 0) => {
            "Nothing unmanaged: no orphans, and nothing undeclared in the networks of this stack.".to_owned()
        }
        _ => format!(
            "{} and {} undeclared. No run touches them.",
            count(orphans, "orphan"),
            count(foreign, "thing")
        ),
    };
    Line::new().add(Role::Strong, text)
}

fn counts(things: &[Unmanaged]) -> (usize, usize) {
    let orphans = things
        .iter()
        .filter(|thing| thing.kind == UnmanagedKind::Orphan)
        .count();
    (orphans, things.len() - orphans)
}

#[derive(Serialize)]
struct ThingLine<'a> {
    stack: &'a str,
    kind: UnmanagedKind,
    resource_type: &'a TypeName,
    id: &'a PhysicalId,
    name: Option<&'a str>,
    near: Option<&'a ResourceAddress>,
    created_unix_ms: Option<u64>,
    claim: Option<&'a Claim>,
    next: &'a NextStep,
    explanation: String,
}

#[derive(Serialize)]
struct SurveyLine<'a> {
    stack: &'a str,
    orphans: usize,
    foreign: usize,
}

fn write_json(out: &mut dyn io::Write, things: &[Unmanaged], surveyed: Surveyed<'_>) -> io::Result<()> {
    for thing in things {
        let line = ThingLine {
            stack: surveyed.stack,
            kind: thing.kind,
            resource_type: &thing.resource_type,
            id: &thing.id,
            name: thing.name.as_deref(),
            near: thing.near.as_ref(),
            created_unix_ms: thing.created_unix_ms,
            claim: thing.claim.as_ref(),
            next: &thing.next,
            explanation: next_in_words(thing, surveyed),
        };
        json::write(out, "unmanaged", line)?;
    }
    let (orphans, foreign) = counts(things);
    json::write(
        out,
        "survey",
        SurveyLine {
            stack: surveyed.stack,
            orphans,
            foreign,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(kind: UnmanagedKind, resource_type: &str, id: &str, next: NextStep) -> Unmanaged {
        Unmanaged {
            kind,
            resource_type: resource_type.parse().unwrap(),
            id: PhysicalId::new(id),
            name: None,
            near: None,
            created_unix_ms: None,
            claim: None,
            next,
        }
    }

    fn claim(stack: &str, address: &str) -> Option<Claim> {
        Some(Claim {
            stack: stack.into(),
            address: Some(address.into()),
        })
    }

    #[test]
    fn each_thing_says_what_to_do_next() {
        let near: Option<ResourceAddress> = Some("ec2.vpc.main".parse().unwrap());
        let private: ResourceAddress = r#"ec2.subnet.private["a"]"#.parse().unwrap();
        let orphan = UnmanagedKind::Orphan;
        let foreign = UnmanagedKind::Foreign;
        let things = [
            Unmanaged {
                claim: claim("app/test/dev/us-east-1", r#"ec2.subnet.private["a"]"#),
                near: near.clone(),
                ..thing(
                    orphan,
                    "ec2.subnet",
                    "subnet-1",
                    NextStep::Import { address: private },
                )
            },
            Unmanaged {
                claim: claim("app/test/dev/us-east-1", "ec2.vpc.main"),
                name: Some("left\u{1b}over".into()),
                ..thing(
                    orphan,
                    "ec2.vpc",
                    "vpc-2",
                    NextStep::Remove {
                        address: "ec2.vpc.main".parse().unwrap(),
                    },
                )
            },
            Unmanaged {
                near: near.clone(),
                name: Some("bastion".into()),
                created_unix_ms: Some(1_738_324_805_000),
                ..thing(foreign, "ec2.instance", "i-1", NextStep::NoSuchType)
            },
            Unmanaged {
                near: near.clone(),
                ..thing(
                    foreign,
                    "ec2.route",
                    "rtb-1/10.9.0.0/16",
                    NextStep::DeclareAndImport,
                )
            },
            Unmanaged {
                near,
                claim: claim("other/test/dev/us-east-1", "ec2.subnet.theirs"),
                ..thing(
                    foreign,
                    "ec2.subnet",
                    "subnet-2",
                    NextStep::LeaveToStack {
                        stack: "other/test/dev/us-east-1".into(),
                    },
                )
            },
        ];
        let mut shown = Vec::new();
        for (things, format) in [
            (&things[..], Format::Plain),
            (&things[..], Format::Json),
            (&[][..], Format::Plain),
            (&[][..], Format::Json),
        ] {
            let style = Style::plain();
            let surveyed = Surveyed {
                stack: "app/test/dev/us-east-1",
                commands: &Commands::new("stacks/my app.toml", " --sandbox"),
            };
            write_unmanaged(&mut shown, things, surveyed, format, &style).unwrap();
        }
        insta::assert_snapshot!(String::from_utf8(shown).unwrap());
    }
}
