//! One thing at AWS is at one address, and one stack has one file in a command.

use std::fs;

use crate::harness::{ACCOUNT, Project};

const FILE: &str = "stacks/twice.toml";

fn head(name: &str) -> String {
    format!(
        "[stack]\nname = \"{name}\"\nenvironment = \"test\"\nstage = \"one\"\nregion = \"us-east-1\"\n\
         allowed_account_ids = [\"{ACCOUNT}\"]\n"
    )
}

fn vpcs(names: &[&str]) -> String {
    let blocks = names
        .iter()
        .map(|name| format!("\n[ec2.vpc.{name}]\ncidr_block = \"10.0.0.0/16\"\n"));
    head("twice") + &blocks.collect::<String>()
}

fn group(stack: &str, group: &str) -> String {
    format!(
        "{}\n[logs.log_group.{group}]\nlog_group_name = \"/{stack}/{group}\"\n",
        head(stack)
    )
}

#[test]
fn a_thing_is_imported_under_one_address() {
    let project = Project::sandbox();
    project.write(FILE, &vpcs(&["v", "w"]));
    let vpc = project.boto3(
        &serde_json::json!({}),
        "result = client('ec2').create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']",
    );
    let vpc = vpc.as_str().unwrap();
    project.stack("import", FILE, &["ec2.vpc.v", vpc]).exits(0);
    project.stack("import", FILE, &["ec2.vpc.v", vpc]).exits(0);
    let refused = format!("infra state mv {FILE} ec2.vpc.v ec2.vpc.w --sandbox");
    project
        .stack("import", FILE, &["ec2.vpc.w", vpc])
        .exits(1)
        .says([vpc, "already", &refused]);
    let listed = project.stack("state list", FILE, &[]).exits(0).stdout;
    assert!(!listed.contains("ec2.vpc.w"), "{listed}");

    // A state from elsewhere that has it twice is not taken unasked, and no run touches it for either.
    let exported = project.stack("state export", FILE, &[]).exits(0).stdout;
    let mut state: serde_json::Value = serde_json::from_str(&exported).unwrap();
    let record = state["resources"]["ec2.vpc.v"].clone();
    state["resources"]["ec2.vpc.w"] = record;
    project.write("twice.json", &state.to_string());
    let same = "ec2.vpc.v and ec2.vpc.w are the same thing";
    project
        .stack("state import", FILE, &["twice.json"])
        .exits(1)
        .says([same, vpc]);
    project
        .stack("state import", FILE, &["twice.json", "--force"])
        .exits(0)
        .says(["warning", same]);
    project.forget_requests();
    let forget = format!("infra state rm {FILE} ec2.vpc.w --sandbox");
    project.stack("plan", FILE, &[]).exits(0).says([vpc, &forget]);
    project.write(FILE, &vpcs(&["v"]));
    project.stack("apply", FILE, &["-y"]).exits(1).says([
        "Nothing was changed",
        vpc,
        "ec2.vpc.v and at ec2.vpc.w",
        &forget,
    ]);
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(project.held().ids("ec2.vpc"), [vpc]);
    project.stack("state rm", FILE, &["ec2.vpc.w", "-y"]).exits(0);
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(project.held().ids("ec2.vpc"), [vpc]);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

#[test]
fn two_files_of_one_stack_are_not_taken_together() {
    let project = Project::sandbox();
    let files = ["stacks/a.toml", "stacks/a2.toml"];
    project.write(files[0], &group("same", "a"));
    project.write(files[1], &group("same", "b"));
    project.forget_requests();
    let both = "stacks/a.toml and stacks/a2.toml are both of the stack same/test/one/us-east-1";
    for (command, more) in [
        ("apply", &["-y"][..]),
        ("plan", &[]),
        ("diff", &[]),
        ("destroy", &["-y"]),
        ("redeploy", &["-y"]),
        ("validate", &[]),
    ] {
        let more = [&[files[1]], more].concat();
        project.stack(command, files[0], &more).exits(65).says([both]);
    }
    project
        .stack("destroy", files[0], &["same/test/one/us-east-1", "-y"])
        .exits(65)
        .says(["are both of the stack"]);
    assert_eq!(project.requests().total, 0);

    // The same file, however it is written, is one.
    let again = ["stacks/../stacks/a.toml", "-y"];
    let run = project.stack("apply", files[0], &again).exits(0);
    assert_eq!(run.stderr.matches("apply complete").count(), 1, "{run}");
}

#[test]
fn what_reads_the_state_needs_no_more_of_the_file_than_which_stack_it_is() {
    let project = Project::sandbox();
    let file = "stacks/secret.toml";
    let declared = format!(
        "{}\n[output.group]\nvalue = \"${{logs.log_group.a.log_group_name}}\"\n\n\
         [variable.password]\ntype = \"string\"\nsensitive = true\n\n\
         [infra.data.secret]\ninput = \"${{var.password}}\"\n",
        group("secret", "a")
    );
    project.write(file, &declared);
    let applied = project
        .stack("apply", file, &["-y", "--var", "password=open sesame"])
        .exits(0);
    for (command, with_variable) in [("diff", true), ("state list", false), ("destroy", false)] {
        let line = applied
            .stderr
            .lines()
            .find(|line| line.contains(&format!("infra {command} ")))
            .unwrap();
        assert_eq!(line.contains("--var password=…"), with_variable, "{line}");
    }
    project.stack("apply", file, &["-y"]).exits(65);
    let read = |whole: bool| {
        project.stack("output", file, &[]).exits(0).says(["/secret/a"]);
        project.stack("output", file, &["group"]).exits(0);
        project
            .stack("state list", file, &[])
            .exits(0)
            .says(["logs.log_group.a"]);
        project.stack("state show", file, &["logs.log_group.a"]).exits(0);
        project.stack("state export", file, &[]).exits(0);
        project.stack("state history", file, &[]).exits(0);
        project.stack("state unlock", file, &[]).exits(0);
        let report = project.stack("report", file, &["--out", "page.html"]);
        report.exits(0);
        let moved = ["logs.log_group.a", "logs.log_group.b", "-y"];
        let back = ["logs.log_group.b", "logs.log_group.a", "-y"];
        project.stack("state mv", file, &moved).exits(0);
        project.stack("state mv", file, &back).exits(0);
        assert!(whole || !project.stack("plan", file, &[]).stdout.contains("open sesame"));
    };
    read(true);
    // Nor does what is wrong elsewhere in it matter.
    project.write(file, &format!("{declared}\n[ec2.vpc.wrong]\ncidr_blok = 1\n"));
    read(false);
    project.write(file, "[stack]\nname = \"secret\"\n");
    project
        .stack("output", file, &[])
        .exits(65)
        .says(["`[stack]` needs `stage`"]);
}

/// Whatever is written is for its owner alone, also in a place where a file was that others could read.
#[cfg(unix)]
#[test]
fn what_is_written_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::sandbox();
    project.write(FILE, &group("private", "a"));
    project.write("old.html", "what was there before, and is longer than nothing");
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("report", FILE, &[]).exits(0);
    project.stack("report", FILE, &["--out", "old.html"]).exits(0);
    project.stack("plan", FILE, &["--out", "plan.json"]).exits(0);
    project.stack("report", FILE, &["--out", "/dev/null"]).exits(0);
    let root = project.root();
    let pages = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut written: Vec<_> = pages
        .filter(|path| path.extension().is_some_and(|end| end == "html"))
        .collect();
    assert_eq!(written.len(), 2, "{written:?}");
    written.push(root.join("plan.json"));
    let mut folders = vec![project.emulator().running().state_dir.join("private")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                written.push(path);
            }
        }
    }
    for path in written {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}
