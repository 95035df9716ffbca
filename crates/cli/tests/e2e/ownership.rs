//! What others made anew under the names of a stack's resources, what another stack is in charge of, and tags that were
//! lost or are stale.

use infra_core::command;
use serde_json::{Value, json};

use crate::harness::Project;

const FILE: &str = "stacks/ownership.toml";
const ID: &str = "ownership/test/one/us-east-1";

const STACK: &str = r#"
[stack]
name = "ownership"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]
"#;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}"#;

/// A network, whose id nobody gets again, and what is known by its name.
fn stack(more: &str) -> String {
    format!(
        r#"{STACK}
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"
{more}

[ecr.repository.main]
repository_name = "ownership"

[ecs.cluster.main]
cluster_name = "ownership"

[iam.role.main]
role_name = "ownership"
assume_role_policy_document = '{TRUST}'

[logs.log_group.main]
log_group_name = "/ownership"
"#
    )
}

const NAMED: [(&str, &str); 4] = [
    ("ecr.repository.main", "ownership"),
    (
        "ecs.cluster.main",
        "arn:aws:ecs:us-east-1:123456789012:cluster/ownership",
    ),
    ("iam.role.main", "ownership"),
    ("logs.log_group.main", "/ownership"),
];

/// Somebody deletes what the stack made, and makes the same again without its tags.
const ANEW: &str = r#"
ecr, ecs, iam, logs = client('ecr'), client('ecs'), client('iam'), client('logs')
ecr.delete_repository(repositoryName='ownership')
ecr.create_repository(repositoryName='ownership')
ecs.delete_cluster(cluster='ownership')
ecs.create_cluster(clusterName='ownership')
iam.delete_role(RoleName='ownership')
iam.create_role(RoleName='ownership', AssumeRolePolicyDocument=given['trust'])
logs.delete_log_group(logGroupName='/ownership')
logs.create_log_group(logGroupName='/ownership')
result = None
"#;

/// The tags of everything that a stack of these tests may have.
const TAGS: &str = r#"
ec2, ecr, ecs, iam, logs = client('ec2'), client('ecr'), client('ecs'), client('iam'), client('logs')
account = 'us-east-1:123456789012'
def pairs(tags, key='Key', value='Value'):
    return {tag[key]: tag[value] for tag in tags}
result = {
    'ec2.vpc': [pairs(vpc.get('Tags', [])) for vpc in ec2.describe_vpcs(Filters=[{'Name': 'cidr', 'Values': ['10.0.0.0/16']}])['Vpcs']],
    'ecr.repository': [pairs(ecr.list_tags_for_resource(resourceArn=found['repositoryArn'])['tags'])
        for found in ecr.describe_repositories()['repositories']],
    'ecs.cluster': [pairs(found.get('tags', []), 'key', 'value')
        for found in ecs.describe_clusters(clusters=['ownership'], include=['TAGS'])['clusters'] if found['status'] == 'ACTIVE'],
    'iam.role': [pairs(iam.list_role_tags(RoleName=found['RoleName'])['Tags'])
        for found in iam.list_roles()['Roles'] if found['RoleName'] == 'ownership'],
    'logs.log_group': [logs.list_tags_for_resource(resourceArn=found['logGroupArn'])['tags']
        for found in logs.describe_log_groups(logGroupNamePrefix='/ownership')['logGroups']],
}
"#;

fn applied() -> Project {
    let project = Project::sandbox();
    project.write(FILE, &stack(""));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project
}

/// The commands are refused, say all of this, and touch nothing.
#[track_caller]
fn are_refused(project: &Project, commands: &[(&str, &[&str])], says: &[String]) {
    let held = project.held();
    for (command, more) in commands {
        project.forget_requests();
        project
            .stack(command, FILE, &[&["-y"], *more].concat())
            .exits(1)
            .says(says.iter().map(String::as_str))
            .says([
                "infra state rm",
                "Nothing was changed: not everything is surely this stack's.",
            ]);
        assert_eq!(project.requests().mutating_total, 0, "{command} {more:?}");
        assert_eq!(project.held().to_string(), held.to_string());
    }
}

#[test]
fn what_somebody_made_anew_under_our_names_is_told_and_left_alone() {
    let project = applied();
    project.forget_requests();
    project.stack("diff", FILE, &[]).exits(0);
    let kinds = |project: &Project| project.requests().counts.into_keys().collect::<Vec<_>>();
    let asked = kinds(&project);
    project.boto3(&json!({ "trust": TRUST }), ANEW);
    let tags = project.boto3(&Value::Null, TAGS);

    project.forget_requests();
    let mut told = project.stack("diff", FILE, &[]).exits(2);
    // What is read anyway tells it.
    assert_eq!(kinds(&project), asked);
    let mut plan = project.stack("plan", FILE, &[]).exits(0);
    let lost = |(address, id): &(&str, &str)| {
        let kind = address.rsplit_once('.').unwrap().0;
        format!(
            "{address}: {kind} {id} has lost its tag infra:stack: somebody made it anew, or took the tag off"
        )
    };
    let lost: Vec<String> = NAMED.iter().map(lost).collect();
    for (address, id) in NAMED {
        let import = format!("`{} --sandbox`", command("import", [FILE, address, id]));
        told = told.says(["not surely this stack's", &import]);
        plan = plan.says([
            "warning",
            &import,
            &format!("`infra state rm {FILE} {address} --sandbox`"),
        ]);
    }
    told.says(lost.iter().map(String::as_str));
    // No line of the plan says what is not going to happen.
    let (count, changed) = (
        format!("{} not surely this stack's", NAMED.len()),
        ["~ update", "+ create"],
    );
    assert!(plan.stdout.contains(&count), "{plan}");
    assert!(!changed.iter().any(|said| plan.stdout.contains(said)), "{plan}");
    for (address, id) in NAMED {
        assert!(
            plan.stdout.contains(&format!("! leave {address} [{id}]")),
            "{plan}"
        );
    }
    let json = project
        .stack("diff", FILE, &["--output=json"])
        .exits(2)
        .json_of("change");
    let doubtful = json
        .iter()
        .filter(|line| line["ownership"] == json!({ "is": "unmarked" }));
    assert_eq!(doubtful.count(), NAMED.len(), "{json:#?}");

    // Not even with something else to do.
    project.write(FILE, &stack("tags = { team = 'a' }"));
    are_refused(&project, &[("apply", &[]), ("destroy", &[])], &lost);
    project.write(FILE, &(stack("") + "retention_in_days = 7\n"));
    let group = [lost[3].clone()];
    are_refused(&project, &[("apply", &["--no-refresh"])], &group);
    are_refused(&project, &[("destroy", &["--no-refresh"])], &lost);
    assert_eq!(project.boto3(&Value::Null, TAGS), tags);

    // Taken over, forgotten, or tagged again by hand.
    project.write(FILE, &stack(""));
    for (address, id) in &NAMED[..2] {
        project.stack("import", FILE, &[address, id]).exits(0);
    }
    let tag = "client('iam').tag_role(RoleName='ownership', Tags=[{'Key': 'infra:stack', 'Value': given}])\nresult = None";
    project.boto3(&ID.into(), tag);
    project
        .stack("state rm", FILE, &["logs.log_group.main", "-y"])
        .exits(0);
    let whole = stack("");
    let (without, _) = whole.split_once("[logs").unwrap();
    project.write(FILE, without);
    project
        .stack("diff", FILE, &[])
        .exits(0)
        .says(["retag ecr.repository.main", "retag ecs.cluster.main"]);
    project
        .stack("apply", FILE, &["-y"])
        .exits(0)
        .says(["2 retagged"]);
    project.stack("diff", FILE, &["--unmanaged"]).exits(0);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    assert_eq!(project.held().ids("logs.log_group"), ["/ownership"]);
}

#[test]
fn what_another_stack_is_in_charge_of_is_refused_before_anything_is_touched() {
    let project = applied();
    let tag = |stack: &str| {
        let script = "ec2, logs = client('ec2'), client('logs')\n\
                      found = ec2.describe_vpcs(Filters=[{'Name': 'cidr', 'Values': ['10.0.0.0/16']}])['Vpcs'][0]['VpcId']\n\
                      ec2.create_tags(Resources=[found], Tags=[{'Key': 'infra:stack', 'Value': given['stack']}])\n\
                      group = logs.describe_log_groups(logGroupNamePrefix='/ownership')['logGroups'][0]['logGroupArn']\n\
                      logs.tag_resource(resourceArn=group, tags={'infra:stack': given['stack']})\n\
                      result = found";
        project.boto3(&json!({ "stack": stack }), script)
    };
    let vpc = tag("other/test/one/us-east-1");
    let says = [
        format!(
            "ec2.vpc {} is of another stack, `other/test/one/us-east-1`",
            vpc.as_str().unwrap()
        ),
        "logs.log_group /ownership is of another stack, `other/test/one/us-east-1`".to_owned(),
    ];
    let told = says.iter().map(String::as_str);
    project.stack("diff", FILE, &[]).exits(2).says(told.clone());
    project.stack("plan", FILE, &[]).exits(0).says(told);
    are_refused(
        &project,
        &[("apply", &[]), ("destroy", &[]), ("destroy", &["--no-refresh"])],
        &says,
    );
    tag(ID);
    project.stack("diff", FILE, &[]).exits(0);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

#[test]
fn a_tag_that_was_taken_off_a_network_is_drift_and_put_back_and_nothing_else_changes() {
    let project = applied();
    let before = project.boto3(&Value::Null, TAGS);
    let script = "ec2 = client('ec2')\n\
                  found = ec2.describe_vpcs(Filters=[{'Name': 'cidr', 'Values': ['10.0.0.0/16']}])['Vpcs'][0]['VpcId']\n\
                  ec2.delete_tags(Resources=[found], Tags=[{'Key': 'infra:stack'}, {'Key': 'infra:address'}])\n\
                  result = None";
    project.boto3(&Value::Null, script);
    project.stack("diff", FILE, &[]).exits(2).says([
        "tags[\"infra:stack\"]",
        "retag ec2.vpc.main",
        "1 resource drifted",
    ]);
    project.forget_requests();
    project
        .stack("apply", FILE, &["-y"])
        .exits(0)
        .says(["1 retagged"]);
    assert_eq!(project.requests().mutating_total, 1);
    assert_eq!(project.boto3(&Value::Null, TAGS), before);
    project.stack("diff", FILE, &[]).exits(0);
}

#[test]
fn what_is_moved_gets_the_tags_of_its_new_address() {
    let project = applied();
    for (from, to) in [
        ("ec2.vpc.main", "ec2.vpc.core"),
        ("logs.log_group.main", "logs.log_group.core"),
    ] {
        project.stack("state mv", ID, &[from, to, "-y"]).exits(0);
    }
    let moved = stack("")
        .replace("ec2.vpc.main", "ec2.vpc.core")
        .replace("logs.log_group.main", "logs.log_group.core");
    project.write(FILE, &moved);
    project
        .stack("plan", FILE, &["--detailed-exitcode"])
        .exits(0)
        .says([
            "retag ec2.vpc.core",
            "Nothing to do but to write the tags of 2 resources",
        ]);
    project.forget_requests();
    project.stack("apply", FILE, &["-y"]).exits(0);
    assert_eq!(project.requests().mutating_total, 2);
    let tags = project.boto3(&Value::Null, TAGS);
    assert_eq!(tags["ec2.vpc"][0]["infra:address"], "ec2.vpc.core");
    assert_eq!(tags["logs.log_group"][0]["infra:address"], "logs.log_group.core");
    project.stack("diff", FILE, &["--unmanaged"]).exits(0);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}

/// What is known by a name, each called `name`, with a line for a policy that goes with the role.
fn called(name: &str) -> String {
    format!(
        r#"{STACK}
[ecr.repository.main]
repository_name = "{name}"

[ecs.cluster.main]
cluster_name = "{name}"

[iam.role.main]
role_name = "{name}"
assume_role_policy_document = '{TRUST}'

[iam.role_policy_attachment.main]
role_name = "${{iam.role.main.role_name}}"
policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"

[logs.log_group.main]
log_group_name = "{name}"
"#
    )
}

#[test]
fn nothing_is_deleted_to_make_what_would_have_somebody_elses_name() {
    let project = Project::sandbox();
    project.write(FILE, &called("one"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    let script = "client('ecr').create_repository(repositoryName='two')\n\
                  client('ecs').create_cluster(clusterName='two')\n\
                  client('iam').create_role(RoleName='two', AssumeRolePolicyDocument=given)\n\
                  client('logs').create_log_group(logGroupName='two')\n\
                  result = None";
    project.boto3(&TRUST.into(), script);
    project.write(FILE, &called("two"));
    let held = project.held();
    for command in ["plan", "diff"] {
        let told = project.stack(command, FILE, &[]);
        told.says([
            "iam.role.main would be replaced, but what the new one would be called (role_name) is taken",
            "logs.log_group two exists already and was not made by this stack; both are left as they are",
        ]);
    }
    project.forget_requests();
    project.stack("apply", FILE, &["-y"]).exits(1).says([
        "ecr.repository two exists already and was not made by this stack",
        "ecs.cluster arn:aws:ecs:us-east-1:123456789012:cluster/two exists already",
        "iam.role two exists already",
        "logs.log_group two exists already",
        "Nothing was changed: not every name is free.",
    ]);
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(project.held().to_string(), held.to_string());
    project.write(FILE, &called("three"));
    project
        .stack("apply", FILE, &["-y"])
        .exits(0)
        .says(["5 replaced"]);
    project.stack("diff", FILE, &[]).exits(0);
}

#[test]
fn a_plan_tells_that_others_have_the_name_of_what_is_new() {
    let project = Project::sandbox();
    let upper = called("two").replace("role_name = \"two\"", "role_name = \"Two\"");
    project.write(FILE, &upper);
    let script = "client('iam').create_role(RoleName='two', AssumeRolePolicyDocument=given)\n\
                  client('logs').create_log_group(logGroupName='two')\n\
                  result = None";
    project.boto3(&TRUST.into(), script);
    project.forget_requests();
    for (command, exit) in [("plan", 0), ("diff", 2)] {
        project.stack(command, FILE, &[]).exits(exit).says([
            "iam.role.main would be made, but what it would be called (role_name) is taken: iam.role two exists already \
             and was not made by this stack; it is left as it is",
            "infra import stacks/ownership.toml iam.role.main two --sandbox",
            "logs.log_group.main would be made",
        ]);
    }
    // What is under something that is made itself, nobody has.
    let asked = project.requests();
    assert_eq!(asked.mutating_total, 0);
    assert_eq!(asked.counts.get("iam.ListAttachedRolePolicies"), None);
    let unasked = project.stack("plan", FILE, &["--no-refresh"]).exits(0);
    assert!(!unasked.stderr.contains("is taken"), "{}", unasked.stderr);
    project.stack("apply", FILE, &["-y"]).exits(1).says([
        "EntityAlreadyExists",
        "infra import stacks/ownership.toml iam.role.main two --sandbox",
    ]);
}

#[test]
fn a_role_is_renamed_in_case_alone() {
    let project = Project::sandbox();
    project.write(FILE, &called("one"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    let renamed = called("one").replace("role_name = \"one\"", "role_name = \"One\"");
    project.write(FILE, &renamed);
    let told = project.stack("plan", FILE, &[]).exits(0);
    assert!(!told.stderr.contains("is taken"), "{}", told.stderr);
    project
        .stack("apply", FILE, &["-y"])
        .exits(0)
        .says(["2 replaced"]);
    project.stack("diff", FILE, &[]).exits(0);
    let second = "\n[iam.role.second]\nrole_name = \"ONE\"\nassume_role_policy_document = '";
    project.write(FILE, &format!("{renamed}{second}{TRUST}'\n"));
    project.stack("plan", FILE, &[]).exits(65).says([
        "cannot exist side by side at AWS",
        "role_name ONE, which is the same to AWS as One",
    ]);
    project.write(FILE, &renamed);
    project.stack("destroy", FILE, &["-y"]).exits(0);
    project.holds_nothing();
}
