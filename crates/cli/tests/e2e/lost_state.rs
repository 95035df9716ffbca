//! A state that is gone altogether: nothing is made a second time, and one command makes a new one.

use std::fs;
use std::path::Path;

use infra_sandbox::Faults;
use serde_json::{Value, json};

use crate::harness::{Project, Run};

const FILE: &str = "stacks/small.toml";

/// Things with a name of their own, things without, and what has no tags.
const STACK: &str = r#"
[stack]
name = "small"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.main]
for_each = ["a", "b"]
vpc_id = "${ec2.vpc.main.id}"
cidr_block = "${cidrsubnet(ec2.vpc.main.cidr_block, 8, each.index)}"

[ec2.route_table.main]
vpc_id = "${ec2.vpc.main.id}"

[ec2.route_table_association.main]
route_table_id = "${ec2.route_table.main.id}"
subnet_id = '${ec2.subnet.main["a"].id}'

[logs.log_group.main]
log_group_name = "/small/main"
"#;

const TAGGED: &str = "resourcegroupstaggingapi.GetResources";

fn applied() -> Project {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project
}

/// Takes away all that is known of the stacks of a project.
fn lose(project: &Project) {
    let states = project.emulator().running().state_dir.join("small");
    fs::remove_dir_all(states).unwrap();
}

fn vpcs(project: &Project) -> Value {
    project.boto3(
        &json!({}),
        "result = len([each for each in client('ec2').describe_vpcs()['Vpcs'] if not each['IsDefault']])",
    )
}

fn asked(project: &Project) -> u64 {
    project.requests().counts.get(TAGGED).copied().unwrap_or_default()
}

#[track_caller]
fn refused(run: Run, things: usize) {
    run.exits(1).says([
        format!("AWS has {things} things with the tag infra:stack of this stack").as_str(),
        "infra:address ec2.vpc.main",
        "logs.log_group /small/main (infra:address logs.log_group.main)",
        "`infra state rebuild stacks/small.toml --sandbox`",
        "--state-dir",
        "Nothing was changed",
    ]);
}

#[test]
fn what_a_lost_state_knew_is_made_by_nobody_a_second_time_and_taken_over_again() {
    let project = applied();
    assert_eq!(asked(&project), 1);
    lose(&project);
    project.forget_requests();
    for (command, more) in [
        ("plan", &[][..]),
        ("diff", &[]),
        ("apply", &["-y"]),
        ("destroy", &["-y"]),
    ] {
        refused(project.stack(command, FILE, more), 5);
    }
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(vpcs(&project), json!(1));

    project
        .stack("state rebuild", FILE, &[])
        .exits(0)
        .says(["is rebuilt from itself", "it has 0 resources"]);
    project.stack("plan", FILE, &[]).exits(0);
    project.forget_requests();
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(vpcs(&project), json!(1));
    project.stack("diff", FILE, &["--unmanaged"]).exits(0);
    project.forget_requests();
    project.stack("diff", FILE, &[]).exits(0);
    assert_eq!(asked(&project), 0);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

#[test]
fn a_state_that_was_never_there_is_rebuilt_as_well() {
    let project = applied();
    lose(&project);
    project
        .stack("state rebuild", FILE, &[])
        .exits(0)
        .says(["neither a state nor a backup"]);
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(vpcs(&project), json!(1));
    project.stack("diff", FILE, &["--unmanaged"]).exits(0);
}

#[test]
fn many_things_are_counted_and_not_all_of_them_named() {
    let project = Project::sandbox();
    let zones: Vec<String> = (0..12).map(|number| format!("\"n{number:02}\"")).collect();
    project.write(
        FILE,
        &STACK
            .replace("\"a\", \"b\"", &zones.join(", "))
            .replace("main[\"a\"]", "main[\"n00\"]"),
    );
    project.stack("apply", FILE, &["-y"]).exits(0);
    lose(&project);
    let run = project.stack("plan", FILE, &[]).exits(1);
    run.tells("AWS has 15 things");
    run.tells("and 5 more");
}

/// AWS's index of tags goes on to have what is gone, for hours; and what is deregistered for ever.
#[test]
fn what_only_the_index_of_tags_still_has_is_in_nobodys_way() {
    let project = Project::sandbox();
    project.set_durations([("tagging.delete.visible", 1e6)]);
    let more = r#"
[ecs.task_definition.main]
family                = "small"
container_definitions = [{ name = "app", image = "app", memory = 128 }]
"#;
    project.write(FILE, &format!("{STACK}{more}"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    let still = project.boto3(
        &json!([{ "Key": "infra:stack", "Values": ["small/test/one/us-east-1"] }]),
        "result = len(list(pages('resourcegroupstaggingapi', 'get_resources', 'ResourceTagMappingList', TagFilters=given)))",
    );
    assert!(still.as_u64() >= Some(6), "{still}");

    // A state that knew all of it asks, since something is to be made, and looks at nothing that it knew; a lost one looks
    // at what it is told.
    project.forget_requests();
    project.stack("plan", FILE, &[]).exits(0);
    assert_eq!(asked(&project), 1);
    assert_eq!(project.requests().counts.get("ec2.DescribeVpcs"), None);
    project.forget_requests();
    lose(&project);
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(asked(&project), 1);
    project.stack("diff", FILE, &[]).exits(0);
}

#[test]
fn where_aws_does_not_tell_the_stack_is_applied_with_a_warning() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    let refused = Faults {
        proxy_page: 1.0,
        proxy_page_statuses: vec![403],
        only: vec![TAGGED.to_owned()],
        ..Faults::default()
    };
    project.emulator().set_faults(&refused).unwrap();
    project
        .stack("apply", FILE, &["-y"])
        .exits(0)
        .says(["warning: whether AWS has things of small/test/one/us-east-1"]);
    let run = project.stack("diff", FILE, &[]).exits(0);
    assert!(!run.stderr.contains("warning"), "{run}");
}

#[test]
fn one_thing_that_the_state_has_lost_is_told_as_this_stacks_own() {
    let project = applied();
    project
        .stack("state rm", FILE, &["logs.log_group.main", "-y"])
        .exits(0);
    let said = [
        "it carries this stack's own tags, and the state has lost it",
        "infra import stacks/small.toml logs.log_group.main /small/main --sandbox",
        "infra state rebuild stacks/small.toml --search --sandbox",
    ];
    project.stack("plan", FILE, &[]).exits(0).says(said);
    project.stack("apply", FILE, &["-y"]).exits(1).says(said);
    // A sound state is not rebuilt unless it is asked to be searched for.
    project
        .stack("state rebuild", FILE, &[])
        .exits(1)
        .says(["is sound", "--search"]);
    project
        .stack("state rebuild", FILE, &["--search"])
        .exits(0)
        .says(["is rebuilt from itself", "it has 5 resources"]);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("diff", FILE, &["--unmanaged"]).exits(0);
}

/// One more thing that has no name of its own, in a file that has it and a file that has not.
#[test]
fn an_older_copy_of_the_state_that_is_put_back_makes_nothing_a_second_time() {
    let project = applied();
    let states = project.emulator().running().state_dir.join("small");
    let older = project.root().join("older");
    copied(&states, &older);
    let more = STACK.replace("\"a\", \"b\"", "\"a\", \"b\", \"c\"");
    project.write(FILE, &more);
    project.forget_requests();
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(asked(&project), 1);
    // What the state knows is asked for by nobody, nor what it is to be rid of.
    project.forget_requests();
    project.stack("diff", FILE, &[]).exits(0);
    assert_eq!(asked(&project), 0);

    fs::remove_dir_all(&states).unwrap();
    copied(&older, &states);
    project.forget_requests();
    for (command, more) in [("plan", &[][..]), ("diff", &[]), ("apply", &["-y"])] {
        project.stack(command, FILE, more).exits(1).says([
            "is older than what AWS has: 1 thing that it does not know was made by this stack, and would be made a second \
             time: ec2.subnet subnet-",
            "(infra:address ec2.subnet.main:c)",
            "`infra state rebuild stacks/small.toml --search --sandbox`",
            "Nothing was changed",
        ]);
    }
    assert_eq!(project.requests().mutating_total, 0);
    let subnets = "result = len(client('ec2').describe_subnets(Filters=[{'Name': 'tag-key', 'Values': ['infra:stack']}])['Subnets'])";
    assert_eq!(project.boto3(&json!({}), subnets), json!(3));

    project
        .stack("state rebuild", FILE, &["--search"])
        .exits(0)
        .says(["is rebuilt from itself"]);
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(project.boto3(&json!({}), subnets), json!(3));
    project.stack("diff", FILE, &["--unmanaged"]).exits(0);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

/// What was destroyed, by itself or with all, is made anew although the index of tags still has it.
#[test]
fn what_the_state_destroyed_itself_is_made_anew() {
    let project = Project::sandbox();
    project.set_durations([("tagging.delete.visible", 1e6)]);
    project.write(FILE, STACK);
    project.stack("apply", FILE, &["-y"]).exits(0);
    let without = STACK.replace("[ec2.route_table.main]", "[ec2.route_table.other]");
    let without = without.replace("ec2.route_table.main.id", "ec2.route_table.other.id");
    for text in [without.as_str(), STACK] {
        project.write(FILE, text);
        project.stack("apply", FILE, &["-y"]).exits(0);
    }
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.stack("diff", FILE, &["--unmanaged"]).exits(0);
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
