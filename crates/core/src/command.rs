//! Commands that a message shows for its reader to type next.

/// A command of `infra` with its words as a shell takes them, such as `infra import stacks/dev.toml ec2.vpc.main vpc-1`.
pub fn command<'a>(verb: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().fold(format!("infra {verb}"), |command, word| {
        format!("{command} {}", shell_word(word))
    })
}

/// A text as a shell takes it for one word.
pub fn shell_word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@=,+".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_otherwise_is_in_quotes() {
        let words = ["stacks/dev 02.toml", "ec2.subnet.a[\"x\"]", "it's", "", "vpc-1"];
        assert_eq!(
            command("import", words),
            r#"infra import 'stacks/dev 02.toml' 'ec2.subnet.a["x"]' 'it'\''s' '' vpc-1"#
        );
    }
}
