//! Where sensitive values stand in the files that a saved plan would hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use infra_config::{Inputs, MemoryFiles, Sensitive, in_clear, load};

use crate::support::catalogue::catalogue;

/// What stands above the lines of a case, which are counted from 1.
const STACK: &str = r#"include = ["vault.toml"]
[stack]
name   = "app"
stage  = "dev"
region = "us-east-1"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"
tags       = { a = "a", b = "hunter2", c = "1234" }
[variable.pw]
sensitive = true
"#;

/// The places that are found of `pw`, where the stack file has these lines, and the included file is this.
fn found(lines: &str, vault: &str, given: Option<&str>) -> Vec<String> {
    let files = MemoryFiles::new(BTreeMap::from([
        ("stack.toml".into(), format!("{STACK}{lines}\n")),
        ("vault.toml".into(), vault.to_owned()),
        ("pin.txt".into(), "1234\n".to_owned()),
        ("all.json".into(), r#"{"pw": "abc"}"#.to_owned()),
        (
            "key.json".into(),
            r#"{"key": "BEGIN\nCANARYKEY\nEND"}"#.to_owned(),
        ),
    ]));
    let mut environment = BTreeMap::from([("DB".to_owned(), "a-password".to_owned())]);
    environment.extend(given.map(|given| ("INFRA_VAR_pw".to_owned(), given.to_owned())));
    let inputs = Inputs {
        files: Arc::new(files),
        variables: &BTreeMap::new(),
        environment: &environment,
    };
    let loaded = load(Path::new("stack.toml"), &inputs, &catalogue());
    let Some(stack) = loaded.stack else {
        panic!("{lines}: {:?}", loaded.diagnostics);
    };
    let found = in_clear(&stack, &loaded.used, &catalogue());
    let pw = Sensitive::Variable("pw".into());
    assert!(found.iter().all(|one| one.of == pw), "{found:?}");
    found.into_iter().map(|one| one.place).collect()
}

#[track_caller]
fn stands(lines: &str, given: Option<&str>, places: &[(usize, usize)]) {
    let above = STACK.lines().count();
    let places: Vec<String> = places
        .iter()
        .map(|(line, column)| format!("stack.toml:{}:{column}", above + line))
        .collect();
    assert_eq!(found(lines, "", given), places, "{lines}");
}

#[test]
fn what_a_sensitive_variable_is_given_in_a_file_is_found_in_every_form() {
    for (lines, places) in [
        // Of every type, however short, nested, and in every spelling.
        ("default = 'a'", &[(1, 11)][..]),
        ("type = 'integer'\ndefault = 1234", &[(2, 11)]),
        ("type = 'bool'\ndefault = false", &[(2, 11)]),
        ("type = 'map(string)'\ndefault = { k = 'short' }", &[(2, 17)]),
        ("type = 'any'\ndefault = { k = [{ l = 1.5 }, ''] }", &[(2, 24)]),
        (
            "type = 'list(string)'\n[values]\npw = ['x', 'y']",
            &[(3, 7), (3, 12)],
        ),
        ("type = 'map(string)'\n[values.pw]\ndb = 'x'", &[(3, 6)]),
        (r#"default = "\u0041\nB""#, &[(1, 11)]),
        ("default = '''\nBEGIN\nEND'''", &[(1, 11)]),
        // In parts, and in expressions.
        ("default = 'part:${env.DB}'", &[(1, 11)]),
        (r#"default = '${"part"}'"#, &[(1, 11)]),
        (r#"default = '${lookup(env, "NOT_SET", "part")}'"#, &[(1, 11)]),
        (r#"default = '${coalesce(null, "part")}'"#, &[(1, 11)]),
        ("type = 'any'\ndefault = '${{ a = [1234] }}'", &[(2, 11)]),
        (r#"default = '${env.DB == "a" ? "part" : env.DB}'"#, &[(1, 11)]),
        (r#"default = '${format("part%s", env.DB)}'"#, &[(1, 11)]),
        (r#"default = '${jsondecode(file("all.json")).pw}'"#, &[(1, 11)]),
    ] {
        stands(lines, None, places);
    }
}

#[test]
fn what_is_not_used_stands_in_the_file_as_well() {
    stands("default = 'old'", Some("new"), &[(1, 11)]);
    stands("default = 'old'\n[values]\npw = 'new'", None, &[(1, 11), (3, 6)]);
    for (lines, vault) in [
        ("[values]\npw = '${env.DB}'", "[values]\npw = 'old'"),
        ("type = 'map(string)'", "[values.pw]\ndb = 'x'"),
    ] {
        assert_eq!(found(lines, vault, None), ["vault.toml:2:6"], "{lines}");
    }
}

#[test]
fn a_text_that_tells_itself_is_found_elsewhere() {
    let given = Some("CANARY-of-a-test");
    stands("[local]\na = 'x-CANARY-of-a-test'", given, &[(2, 5)]);
    stands("[local]\na = \"\\u0043ANARY-of-a-test\"", given, &[(2, 5)]);
    assert_eq!(found("# CANARY-of-a-test", "", given), ["stack.toml:11"]);
    let key = "[local]\na = '${jsondecode(file(\"key.json\")).key}'";
    stands(key, given, &[]);
    let given = Some("BEGIN\nCANARYKEY\nEND");
    assert_eq!(found(key, "", given), ["key.json:1"]);
    let pin = "[local]\na = '${file(\"pin.txt\")}'";
    assert_eq!(found(pin, "", Some("1234")), ["pin.txt:1"]);
}

#[test]
fn nothing_else_is_taken_for_a_secret() {
    for (lines, given) in [
        ("", Some("a")),
        ("", Some("hunter2")),
        ("type = 'integer'", Some("1234")),
        ("type = 'map(string)'", Some(r#"{"a":"a","b":"hunter2"}"#)),
        ("default = ''", None),
        ("default = '${env.DB}'", None),
        (r#"default = '${lookup(env, "DB", "")}'"#, None),
        (r#"default = '${join(":", [env.DB, env.DB])}'"#, None),
        ("default = '${env.DB}:${env.DB}'", None),
        (r#"default = '${format("%s", env.DB)}'"#, None),
    ] {
        stands(lines, given, &[]);
    }
}

/// The places that are found of anything in a stack with these lines, with what each is of.
fn found_of(lines: &str, pw: &str) -> Vec<(Sensitive, String)> {
    let text = format!("[stack]\nname = \"app\"\nstage = \"dev\"\nregion = \"us-east-1\"\n{lines}\n");
    let files = MemoryFiles::new(BTreeMap::from([
        ("stack.toml".into(), text),
        ("key.txt".into(), "BEGIN\nCANARYKEY\nEND\n".to_owned()),
    ]));
    let environment = BTreeMap::from([
        ("DB".to_owned(), "a-password".to_owned()),
        ("INFRA_VAR_pw".to_owned(), pw.to_owned()),
    ]);
    let inputs = Inputs {
        files: Arc::new(files),
        variables: &BTreeMap::new(),
        environment: &environment,
    };
    let loaded = load(Path::new("stack.toml"), &inputs, &catalogue());
    let Some(stack) = loaded.stack else {
        panic!("{lines}: {:?}", loaded.diagnostics);
    };
    let found = in_clear(&stack, &loaded.used, &catalogue()).into_iter();
    found.map(|one| (one.of, one.place)).collect()
}

#[test]
fn what_a_sensitive_attribute_or_output_is_given_in_a_file_is_found_in_every_form() {
    let password = Sensitive::Attribute("rds.database.a.password".into());
    let output = Sensitive::Output("a".into());
    let attribute = |value: &str| format!("[rds.database.a]\npassword = {value}");
    let of_output = |value: &str| format!("[output.a]\nsensitive = true\nvalue = {value}");
    for (value, is_given) in [
        ("'a'", true),
        (r#""\u0041\nB""#, true),
        ("'''\nBEGIN\nEND'''", true),
        // What frames what is secret by itself is none.
        ("'part:${env.DB}'", false),
        ("'part:${var.pw}@host'", false),
        ("'part:${stack.name}'", true),
        (r#"'${"part"}'"#, true),
        (r#"'${lookup(env, "NOT_SET", "part")}'"#, true),
        (r#"'${file("key.txt")}'"#, true),
        ("'${env.DB}'", false),
        ("'${var.pw}'", false),
    ] {
        let lines = |first: String| format!("{first}\n[variable.pw]\nsensitive = true");
        for (of, column, line, text) in [
            (&password, 12, 6, attribute(value)),
            (&output, 9, 7, of_output(value)),
        ] {
            let found = found_of(&lines(text), "given");
            let place = format!("stack.toml:{line}:{column}");
            let at_place = found.contains(&((*of).clone(), place));
            assert_eq!(at_place, is_given, "{value}: {found:?}");
            assert!(is_given || found.is_empty(), "{value}: {found:?}");
        }
    }
    // Of an output maps and lists as well, and of a table what its schema calls sensitive.
    for (lines, of, places) in [
        (
            of_output("{ k = [{ l = 1.5 }, ''], m = 'x' }"),
            &output,
            &["7:22", "7:38"][..],
        ),
        (of_output("[1234, false]"), &output, &["7:10", "7:16"]),
        (
            "[output.a]\nsensitive = true\n[output.a.value]\nk = 'x'".to_owned(),
            &output,
            &["8:5"],
        ),
    ] {
        let expected: Vec<_> = places
            .iter()
            .map(|place| ((*of).clone(), format!("stack.toml:{place}")))
            .collect();
        assert_eq!(found_of(&lines, "given"), expected, "{lines}");
    }
    // What is worked out of something else in a file is found where that stands.
    let through = format!("{}\n[local]\nb = 'CANARY-of-a-test'", attribute("'${local.b}'"));
    assert_eq!(
        found_of(&through, "given"),
        [(password, "stack.toml:8:5".to_owned())]
    );
    // What nobody calls sensitive is not.
    assert_eq!(found_of("[output.a]\nvalue = 'x'", "given"), []);
}
