//! Commands that a message shows for its reader to type next.

/// A command of `infra` with its words as a shell takes them, such as `infra import stacks/dev.toml ec2.vpc.main vpc-1`.
pub fn command<'a>(verb: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    with_words(format!("infra {verb}"), words)
}

fn with_words<'a>(command: String, words: impl IntoIterator<Item = &'a str>) -> String {
    words
        .into_iter()
        .fold(command, |command, word| format!("{command} {}", shell_word(word)))
}

/// How commands on one stack are typed, so that what a message shows acts on the very same stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    named: String,
    place: String,
}

impl Commands {
    /// Commands on the stack that is named so, with what says where its state is, as it is typed behind it: empty, or with a
    /// space before each part.
    pub fn new(named: impl Into<String>, place: impl Into<String>) -> Self {
        Self {
            named: named.into(),
            place: place.into(),
        }
    }

    /// A command on the stack with these words behind it, such as `infra import stacks/dev.toml ec2.vpc.main vpc-1 --sandbox`.
    pub fn on<'a>(&self, verb: &str, words: impl IntoIterator<Item = &'a str>) -> String {
        let on_stack = command(verb, [self.named.as_str()]);
        with_words(on_stack, words) + &self.place
    }
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
    fn commands_say_where_the_stack_is() {
        let commands = Commands::new("a stack.toml", " --sandbox");
        assert_eq!(
            commands.on("state rm", ["ec2.vpc.a"]),
            "infra state rm 'a stack.toml' ec2.vpc.a --sandbox"
        );
    }

    #[test]
    fn what_a_shell_would_read_otherwise_is_in_quotes() {
        let words = ["stacks/dev 02.toml", "ec2.subnet.a[\"x\"]", "it's", "", "vpc-1"];
        assert_eq!(
            command("import", words),
            r#"infra import 'stacks/dev 02.toml' 'ec2.subnet.a["x"]' 'it'\''s' '' vpc-1"#
        );
    }
}
