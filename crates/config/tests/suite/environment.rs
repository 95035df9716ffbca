//! Which environment variables reach something sensitive: a saved plan has their names and not their values.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use infra_config::{Inputs, MemoryFiles, UsedInputs, load};

use crate::support::catalogue::catalogue;

const STACK: &str = r#"
[stack]
name   = "app"
stage  = "dev"
region = "us-east-1"
[variable.token]
sensitive = true
default   = "fake-token"
[variable.tokens]
type      = "map(string)"
sensitive = true
default   = { a = "fake-token-a" }
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"
[rds.database.main]
password = "fake-password"
"#;

/// What is kept of a stack with these lines, where `A`, `B` and `C` are set.
fn used(lines: &str) -> UsedInputs {
    let files = MemoryFiles::new(BTreeMap::from([("stack.toml".into(), format!("{STACK}{lines}"))]));
    let environment = ["A", "B", "C"].map(|name| (name.to_owned(), format!("value-of-{name}")));
    let inputs = Inputs {
        files: Arc::new(files),
        variables: &BTreeMap::new(),
        environment: &BTreeMap::from(environment),
    };
    let loaded = load(Path::new("stack.toml"), &inputs, &catalogue());
    assert!(loaded.stack.is_some(), "{lines}: {:?}", loaded.diagnostics);
    loaded.used
}

/// The variables that are sensitive, and those that are not, one after the other.
#[track_caller]
fn are(lines: &str, sensitive: &str, clear: &str) {
    let used = used(lines);
    let sensitive_names: Vec<&str> = used.sensitive_environment.iter().map(String::as_str).collect();
    let clear_names: Vec<&str> = used.environment.keys().map(String::as_str).collect();
    assert_eq!(
        (sensitive_names.join(" "), clear_names.join(" ")),
        (sensitive.to_owned(), clear.to_owned()),
        "{lines}"
    );
}

#[test]
fn a_part_of_a_sensitive_text_is_sensitive() {
    for (lines, sensitive, clear) in [
        // In what the type or the file calls sensitive.
        (
            "[rds.database.b]\npassword = \"user:${env.A}@${env.B}\"",
            "A B",
            "",
        ),
        (
            "[rds.database.b]\npassword = '${format(\"%s@host\", lookup(env, \"A\", \"\"))}'",
            "A",
            "",
        ),
        (
            "[output.b]\nvalue = \"user:${env.A}@host\"\nsensitive = true",
            "A",
            "",
        ),
        ("[output.b]\nvalue = \"user:${env.A}@host\"", "", "A"),
        // Together with what is sensitive, in one text.
        (
            "[ec2.vpc.b]\ncidr_block = \"10.0.0.0/16\"\ntags = { A = \"${env.A}:${var.token}\", B = \"${env.B}\" }",
            "A",
            "B",
        ),
        (
            "[output.b]\nvalue = \"${env.A}:${rds.database.main.password}\"",
            "A",
            "",
        ),
        (
            "[output.b]\nvalue = \"${env.A}:${rds.database.main.size}\"",
            "",
            "A",
        ),
        // What is known only later, and a branch that is not taken yet.
        (
            "[output.b]\nvalue = \"${env.A}:${ec2.vpc.main.id}:${var.token}\"",
            "A",
            "",
        ),
        (
            "[output.b]\nvalue = '${ec2.vpc.main.id == \"x\" ? \"${env.A}${var.token}\" : env.B}'",
            "A",
            "B",
        ),
        (
            "[output.b]\nvalue = '${env.A == var.token ? \"x\" : env.B}'",
            "A B",
            "",
        ),
        // Through variables, locals and what a block is repeated for.
        (
            "[variable.b]\n[values]\nb = \"user:${env.A}\"\n[rds.database.b]\npassword = \"${var.b}@host\"",
            "A",
            "",
        ),
        (
            "[local]\nb = \"${local.c}@host\"\nc = \"user:${env.A}\"\n[rds.database.b]\npassword = \"${local.b}\"",
            "A",
            "",
        ),
        (
            "[rds.database.b]\nfor_each = [\"${env.A}\"]\npassword = \"${each.key}@host\"",
            "A",
            "",
        ),
        (
            "[local]\nb = \"${env.A}\"\nc = \"${local.b}:${var.tokens.a}\"",
            "A",
            "",
        ),
        // Through another resource.
        (
            "[ec2.vpc.b]\ncidr_block = \"10.0.0.0/16\"\ntags = { A = \"${ec2.vpc.main.id}${var.token}\", B = \"b\" }\n\
             [output.c]\nvalue = \"${env.A}:${ec2.vpc.b.tags.A}\"\n[output.d]\nvalue = \"${env.B}:${ec2.vpc.b.tags.B}\"",
            "A",
            "B",
        ),
        // A block of which there is no resource.
        ("[rds.database.b]\nwhen = false\npassword = \"${env.A}\"", "A", ""),
    ] {
        are(lines, sensitive, clear);
    }
}

#[test]
fn what_only_stands_beside_a_secret_is_not_sensitive() {
    for (lines, sensitive, clear) in [
        (
            "[local]\nb = { token = \"${var.token}\", who = \"${env.A}\" }\n[output.b]\nvalue = \"${local.b}\"\n\
             [output.c]\nvalue = \"${local.b.who}-${env.B}\"",
            "",
            "A B",
        ),
        (
            "[output.b]\nvalue = '${merge({ a = env.A }, { b = \"${env.B}${var.token}\" }, { c = env.C })}'",
            "B",
            "A C",
        ),
        ("[output.b]\nvalue = '${true ? env.A : var.token}'", "", "A"),
        (
            "[output.b]\nvalue = '${jsonencode({ a = env.A, b = var.token })}'",
            "A",
            "",
        ),
        (
            "[ecs.task_definition.b]\nfamily = \"x\"\ncontainer_definitions = [{ name = \"${env.A}\", image = \"x\", token = \"t-${env.B}\" }]",
            "B",
            "A",
        ),
    ] {
        are(lines, sensitive, clear);
    }
}
