//! The outputs of a stack.

use std::io;

use infra_core::{AttributeChange, AttributePath, Attributes, StackId, Value};
use serde::Serialize;

use crate::json;
use crate::line::{Line, is_wild, write_lines};
use crate::style::{Format, Role, Style};
use crate::value::{Shown, document, inline};
use crate::value_diff::{self, Marks};

/// Writes all outputs: a table for a person, under `heading` if there is one; `name=value` lines for a log or
/// a shell (texts as they are if they fit on the line, everything else as JSON); one `outputs` line of JSON
/// with the names of those that are sensitive. Sensitive values are never shown.
///
/// # Errors
/// When `out` fails.
pub fn write_outputs(
    out: &mut dyn io::Write,
    outputs: &Attributes,
    stack: &StackId,
    heading: Option<&str>,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Human => {
            let style = style.for_format(format);
            let rows: Vec<AttributeChange> = outputs.iter().map(|(name, value)| row(name, value)).collect();
            let mut indent = 0;
            if let (Some(heading), false) = (heading, rows.is_empty()) {
                Line::new().add(Role::Strong, heading).write(out, &style)?;
                indent = 2;
            }
            let lines = value_diff::lines(&rows, Marks::Heading, indent, style.symbols());
            write_lines(out, &style, &lines)
        }
        Format::Plain => outputs
            .iter()
            .try_for_each(|(name, value)| writeln!(out, "{name}={}", on_one_line(value))),
        Format::Json => json::write(
            out,
            "outputs",
            OutputsLine {
                stack: stack.as_str(),
                values: crate::value::shown_attributes(outputs),
                sensitive: outputs
                    .iter()
                    .filter(|(_, value)| value.has_secret())
                    .map(|(name, _)| name.as_str())
                    .collect(),
            },
        ),
    }
}

/// Writes the value of one output and nothing else: a text as it is, everything else as JSON; with
/// [`Format::Json`] one `output` line. A sensitive value is written as `(sensitive)`: a caller whose output
/// goes into a script should refuse it before.
///
/// # Errors
/// When `out` fails.
pub fn write_output(
    out: &mut dyn io::Write,
    name: &str,
    value: &Value,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match (format, value) {
        (Format::Json, _) => json::write(
            out,
            "output",
            OutputLine {
                name,
                value: Shown(value),
                sensitive: value.has_secret(),
            },
        ),
        (Format::Plain, Value::String(text)) => writeln!(out, "{text}"),
        (Format::Human, Value::String(text)) => {
            let lines = document(value).unwrap_or_else(|| vec![text.clone()]);
            lines
                .into_iter()
                .try_for_each(|line| Line::new().normal(line).write(out, &style.for_format(format)))
        }
        _ => writeln!(out, "{}", as_json(value)),
    }
}

fn row(name: &str, value: &Value) -> AttributeChange {
    AttributeChange {
        path: AttributePath::attribute(name),
        before: Value::Null,
        after: value.clone(),
        forces_replacement: false,
    }
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if !text.contains(is_wild) => text.clone(),
        other => as_json(other),
    }
}

fn as_json(value: &Value) -> String {
    match value {
        Value::Secret(_) | Value::Unknown(_) => inline(value),
        // A value that is shown has only text keys, so it always has a JSON form.
        other => serde_json::to_string(&Shown(other)).unwrap_or_default(),
    }
}

#[derive(Serialize)]
struct OutputsLine<'a> {
    stack: &'a str,
    values: std::collections::BTreeMap<&'a str, Shown<'a>>,
    sensitive: Vec<&'a str>,
}

#[derive(Serialize)]
struct OutputLine<'a> {
    name: &'a str,
    value: Shown<'a>,
    sensitive: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outputs() -> Attributes {
        Attributes::from([
            ("url".to_owned(), Value::from("https://example.com")),
            ("ports".to_owned(), Value::from(json!([80, 443]))),
            ("script".to_owned(), Value::from("#!/bin/sh\necho \u{1b}[1m\n")),
            ("password".to_owned(), Value::secret("hunter2".into())),
            (
                "subnets".to_owned(),
                Value::from(json!({"a": "subnet-1", "b": ["subnet-2"]})),
            ),
            ("nothing".to_owned(), Value::Null),
        ])
    }

    fn all(format: Format, heading: Option<&str>) -> String {
        let mut out = Vec::new();
        let stack = StackId::new("app", "test", "dev", "us-east-1").unwrap();
        write_outputs(&mut out, &outputs(), &stack, heading, format, &Style::plain()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn all_outputs_for_each_reader() {
        insta::assert_snapshot!(all(Format::Human, Some("Outputs")), @r#"
        Outputs
          nothing    (not set)
          password   (sensitive)
          ports      [80, 443]
          script:
            #!/bin/sh
            echo \u{1b}[1m
          subnets.a  "subnet-1"
          subnets.b  ["subnet-2"]
          url        "https://example.com"
        "#);
        insta::assert_snapshot!(all(Format::Plain, None), @r##"
        nothing=
        password=(sensitive)
        ports=[80,443]
        script="#!/bin/sh\necho \u001b[1m\n"
        subnets={"a":"subnet-1","b":["subnet-2"]}
        url=https://example.com
        "##);
        insta::assert_snapshot!(all(Format::Json, None), @r##"{"version":1,"type":"outputs","stack":"app/test/dev/us-east-1","values":{"nothing":null,"password":{"$secret":"(sensitive)"},"ports":[80,443],"script":"#!/bin/sh\necho \u001b[1m\n","subnets":{"a":"subnet-1","b":["subnet-2"]},"url":"https://example.com"},"sensitive":["password"]}"##);
    }

    #[test]
    fn one_output_is_its_value_and_nothing_else() {
        let one = |name: &str, format| {
            let mut out = Vec::new();
            write_output(&mut out, name, &outputs()[name], format, &Style::plain()).unwrap();
            String::from_utf8(out).unwrap()
        };
        for (name, format, expected) in [
            ("url", Format::Plain, "https://example.com\n"),
            ("url", Format::Human, "https://example.com\n"),
            ("script", Format::Plain, "#!/bin/sh\necho \u{1b}[1m\n\n"),
            ("script", Format::Human, "#!/bin/sh\necho \\u{1b}[1m\n"),
            ("ports", Format::Human, "[80,443]\n"),
            ("password", Format::Plain, "(sensitive)\n"),
            (
                "ports",
                Format::Json,
                "{\"version\":1,\"type\":\"output\",\"name\":\"ports\",\"value\":[80,443],\"sensitive\":false}\n",
            ),
        ] {
            assert_eq!(one(name, format), expected, "{name}");
        }
    }
}
