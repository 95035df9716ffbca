//! What a template makes of what a scope says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use infra_config::{Inputs, MemoryFiles, load};
use infra_core::{Attributes, Scope, SealingKey, Stack, Template, Value};

use crate::support::catalogue::catalogue;
use crate::support::text;

/// A stack with a database, a VPC, two subnets, and one output of this value.
fn stack_with(expression: &str) -> Stack {
    let stack = format!(
        r#"
[stack]
name = "app"
stage = "dev"
region = "us-east-1"
[rds.database.main]
password = "secret-1"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"
[ec2.subnet.private]
for_each = ["a", "b"]
vpc_id = "x"
cidr_block = "10.0.0.0/24"
[local]
vpc = "${{ec2.vpc.main.id}}"
[output.it]
value = '{expression}'
"#
    );
    let files = MemoryFiles::new(BTreeMap::from([("stack.toml".into(), stack)]));
    let none = BTreeMap::new();
    let inputs = Inputs {
        files: Arc::new(files),
        variables: &none,
        environment: &none,
    };
    let loaded = load(Path::new("stack.toml"), &inputs, &catalogue());
    loaded.stack.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn scope() -> Scope {
    let sealed = Value::secret(Value::from("generated")).sealed(&SealingKey::new([1; 32]));
    Scope::from_iter([
        (
            "rds.database.main".parse().unwrap(),
            Attributes::from([
                ("password".to_owned(), Value::secret(Value::from("secret-1"))),
                ("endpoint".to_owned(), sealed),
            ]),
        ),
        (
            "ec2.vpc.main".parse().unwrap(),
            Attributes::from([
                ("id".to_owned(), Value::unknown()),
                ("cidr_block".to_owned(), Value::from("10.0.0.0/16")),
            ]),
        ),
        (
            r#"ec2.subnet.private["a"]"#.parse().unwrap(),
            Attributes::from([("id".to_owned(), Value::from("subnet-a"))]),
        ),
    ])
}

#[test]
fn a_template_makes_of_the_scope_what_it_should() {
    for (expression, expected) in [
        ("${ec2.vpc.main.id}", "<ec2.vpc.main.id>"),
        ("${local.vpc}", "<ec2.vpc.main.id>"),
        ("${true ? ec2.vpc.main.id : null}", "<ec2.vpc.main.id>"),
        ("${[ec2.vpc.main.id, 1]}", "[<ec2.vpc.main.id>, 1]"),
        ("id ${ec2.vpc.main.id}", "<unknown>"),
        ("${length([ec2.vpc.main.id])}", "1"),
        ("${ec2.vpc.main.id == \"x\" ? 1 : 2}", "<unknown>"),
        ("${false && ec2.vpc.main.id == \"x\"}", "false"),
        // The scope leaves it out.
        ("${ec2.vpc.main.tags}", "null"),
        // The scope does not know the other instance.
        ("${ec2.subnet.private[*].id}", "[\"subnet-a\"]"),
        ("${[for key, subnet in ec2.subnet.private : key]}", "[\"a\"]"),
        (r#"${ec2.subnet.private["b"].id}"#, "null"),
        ("${aws.account_id}", "<unknown>"),
        ("${aws.region}", "\"us-east-1\""),
        // Secrets.
        ("${rds.database.main.password}", "<secret>"),
        ("${length(rds.database.main.password)}", "<secret>"),
        (
            "${rds.database.main.password == \"secret-1\" ? ec2.vpc.main.cidr_block : null}",
            "<secret>",
        ),
        ("${rds.database.main.endpoint}", "<secret>"),
        (
            "x ${rds.database.main.endpoint}",
            "! a sensitive value that AWS made is known here only as its hash",
        ),
    ] {
        let stack = stack_with(expression);
        let template: &Template = &stack.outputs["it"].value;
        let found = template
            .evaluate(&scope())
            .map_or_else(|error| format!("! {error}"), |value| text::value(&value));
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn an_expression_says_what_it_refers_to() {
    for (expression, expected) in [
        (
            "${ec2.vpc.main.id} ${ec2.vpc.main.id} ${ec2.vpc.main.arn}",
            "ec2.vpc.main.id ec2.vpc.main.arn",
        ),
        ("${ec2.vpc.main}", "ec2.vpc.main"),
        ("${ec2.vpc.main[*].id}", "ec2.vpc.main.id"),
        ("${local.vpc}", "ec2.vpc.main.id"),
        (
            "${ec2.subnet.private[*].id}",
            r#"ec2.subnet.private["a"].id ec2.subnet.private["b"].id"#,
        ),
        (
            "${values(ec2.subnet.private)[*].id}",
            r#"ec2.subnet.private["a"].id ec2.subnet.private["b"].id"#,
        ),
        (
            "${[for s in ec2.subnet.private : s.arn if s.cidr_block != s.id]}",
            r#"ec2.subnet.private["a"].arn ec2.subnet.private["a"].cidr_block ec2.subnet.private["a"].id ec2.subnet.private["b"].arn ec2.subnet.private["b"].cidr_block ec2.subnet.private["b"].id"#,
        ),
        (
            "${[for s in ec2.subnet.private : s]}",
            r#"ec2.subnet.private["a"] ec2.subnet.private["b"]"#,
        ),
        ("${keys(ec2.subnet.private)}", ""),
        (
            r#"${ec2.subnet.private["b"].id}"#,
            r#"ec2.subnet.private["b"].id"#,
        ),
        (
            "${ec2.subnet.private[ec2.vpc.main.id].id}",
            r#"ec2.subnet.private["a"].id ec2.subnet.private["b"].id ec2.vpc.main.id"#,
        ),
        ("${true ? ec2.vpc.main.id : ec2.vpc.main.arn}", "ec2.vpc.main.id"),
        (
            "${coalesce(\"x\", ec2.vpc.main.arn)} ${ec2.vpc.main.id}",
            "ec2.vpc.main.id",
        ),
    ] {
        let stack = stack_with(expression);
        let mut found = Vec::new();
        stack.outputs["it"]
            .value
            .for_each_reference(&mut |reference| found.push(reference.to_string()));
        assert_eq!(found.join(" "), expected, "{expression}");
    }
}
