//! Text within a page.

use infra_core::StepOperation;
use infra_record::StepTrack;

use crate::line::tame;

/// Text that is nothing but text, between tags as well as in an attribute. What acts on a terminal, or turns
/// the direction of what follows, is shown by its escape.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in tame(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// The same for text of several lines, which stay so.
pub(super) fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

/// A duration in milliseconds, with three digits where they tell something: `240 ms`, `2.34 s`, `41.2 s`,
/// `3 min 02 s`.
pub(super) fn time(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..10_000 => format!("{}.{:02} s", milliseconds / 1_000, milliseconds % 1_000 / 10),
        10_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", milliseconds / 60_000, milliseconds / 1_000 % 60),
        _ => format!(
            "{} h {:02} min",
            milliseconds / 3_600_000,
            milliseconds / 60_000 % 60
        ),
    }
}

/// A number with its thousands apart.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun, with its thousands apart.
pub(super) fn count(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(count as u64))
}

/// What is left out of a list: `and 3 more steps`.
pub(super) fn more(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("and {} more {noun}{plural}", number(count as u64))
}

/// What is done, in a word.
pub(super) fn verb(operation: StepOperation) -> &'static str {
    match operation {
        StepOperation::Create => "create",
        StepOperation::Update => "update",
        StepOperation::Delete => "delete",
        StepOperation::Forget => "forget",
        StepOperation::Wait => "wait for",
        StepOperation::Confirm => "confirm",
        StepOperation::Retag => "retag",
    }
}

/// What a step is, in the fewest words: `create ec2.vpc.main`.
pub(super) fn name(track: &StepTrack) -> String {
    format!("{} {}", verb(track.operation), track.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        for (text, expected) in [
            (
                "a < b & c > \"d\" 'e'",
                "a &lt; b &amp; c &gt; &quot;d&quot; &#39;e&#39;",
            ),
            ("</title><script>", "&lt;/title&gt;&lt;script&gt;"),
            ("a\u{202e}b\u{0}\n", "a\\u{202e}b\\u{0}\\n"),
        ] {
            assert_eq!(escaped(text), expected);
        }
        assert_eq!(escaped_lines("<a>\r\n<b>"), "&lt;a&gt;\n&lt;b&gt;");
    }

    #[test]
    fn times_and_numbers_read_well() {
        for (milliseconds, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (2_349, "2.34 s"),
            (59_999, "59.9 s"),
            (62_000, "1 min 02 s"),
            (7_500_000, "2 h 05 min"),
        ] {
            assert_eq!(time(milliseconds), expected);
        }
        for (value, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), expected);
        }
    }
}
