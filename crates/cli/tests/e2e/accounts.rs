//! Whose account is touched, and as whom.

use crate::harness::Project;

const OTHER_ACCOUNT: &str = "210987654321";

fn stack(role: &str, allowed: &str) -> String {
    format!(
        r#"
[stack]
name = "accounts"
environment = "test"
stage = "one"
region = "us-east-1"
assume_role = "{role}"
allowed_account_ids = ["{allowed}"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[logs.log_group.app]
log_group_name = "/accounts/app"
"#
    )
}

/// A project whose user is found as AWS's own tools find theirs, in the account 123456789012.
fn project() -> Project {
    let project = Project::sandbox();
    let endpoint = project.endpoint().to_owned();
    project
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", crate::harness::ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "testing")
}

#[test]
fn with_a_role_everything_but_taking_it_is_done_as_the_role() {
    let mut project = project();
    let file = "stacks/accounts.toml";
    let role = format!("arn:aws:iam::{OTHER_ACCOUNT}:role/infra-deploy");
    project.write(file, &stack(&role, OTHER_ACCOUNT));
    project.infra(["apply", file, "-y"]).exits(0);
    let requests = project.requests();
    let operations: Vec<&str> = requests
        .mutating
        .iter()
        .map(|request| request.operation.as_str())
        .collect();
    for made in ["CreateVpc", "CreateLogGroup"] {
        assert!(operations.contains(&made), "{operations:?}");
    }
    for request in &requests.mutating {
        assert_eq!(request.account, OTHER_ACCOUNT, "{request:?}");
    }

    // Reading is done as the role as well: nobody else would find anything.
    project.infra(["diff", file]).exits(0);
    project.holds_nothing();
    project.account = OTHER_ACCOUNT.to_owned();
    assert_eq!(project.held().ids("ec2.vpc").len(), 1);
    project.infra(["destroy", file, "-y"]).exits(0);
    project.holds_nothing();
    // The role is taken once in a run: nothing else is asked as somebody else.
    assert_eq!(requests.counts.get("sts.AssumeRole"), Some(&1), "{requests:?}");
}

/// With another profile everything would seem to be gone, and be made again there.
#[test]
fn a_state_is_refused_in_another_account_before_anything_is_read() {
    let mut project = project();
    let file = "stacks/accounts.toml";
    let anywhere = stack("", "").replace("allowed_account_ids = [\"\"]\n", "");
    project.write(file, &anywhere);
    project.infra(["apply", file, "-y"]).exits(0);
    project.infra(["plan", file, "--out", "plan.json"]).exits(0);
    let exported = project.infra(["state", "export", file]).exits(0).stdout;
    let state: serde_json::Value = serde_json::from_str(&exported).unwrap();
    for record in state["resources"].as_object().unwrap().values() {
        let location = serde_json::json!({ "account_id": crate::harness::ACCOUNT, "region": "us-east-1" });
        assert_eq!(record["location"], location);
    }
    assert_eq!(state["connection"]["account_id"], crate::harness::ACCOUNT);
    let held = project.held().to_string();

    // The same file with another profile, and the same state in a role of another account.
    let role = format!("arn:aws:iam::{OTHER_ACCOUNT}:role/infra-deploy");
    let as_role = stack(&role, OTHER_ACCOUNT);
    project = project.env("AWS_ACCESS_KEY_ID", OTHER_ACCOUNT);
    for text in [&anywhere, &as_role] {
        project.write(file, text);
        for command in ["apply", "destroy", "plan", "diff"] {
            project.forget_requests();
            let yes = ["apply", "destroy"].contains(&command).then_some("-y");
            project
                .infra([command, file].into_iter().chain(yes))
                .exits(1)
                .says([crate::harness::ACCOUNT, OTHER_ACCOUNT, "AWS_PROFILE"]);
            let counts = project.requests().counts;
            assert!(counts.keys().all(|name| name.starts_with("sts.")), "{counts:?}");
        }
    }
    project
        .infra(["apply", "--plan", "plan.json", "-y"])
        .exits(1)
        .says([crate::harness::ACCOUNT, OTHER_ACCOUNT]);
    assert_eq!(project.held().to_string(), held);

    // Where nothing is left, nothing is bound.
    project = project.env("AWS_ACCESS_KEY_ID", crate::harness::ACCOUNT);
    project.write(file, &anywhere);
    project.infra(["destroy", file, "-y"]).exits(0);
    project.holds_nothing();
    project = project.env("AWS_ACCESS_KEY_ID", OTHER_ACCOUNT);
    project.infra(["apply", file, "-y"]).exits(0);
    project.infra(["destroy", file, "-y"]).exits(0);
}

/// `a-b` and `c` are not `a` and `b-c`, nor is one environment another.
#[test]
fn stacks_whose_parts_join_to_the_same_text_are_apart() {
    let project = Project::sandbox();
    let parts = [("a-b", "dev", "c"), ("a", "dev", "b-c"), ("a", "prod", "b-c")];
    for (number, (name, environment, stage)) in parts.into_iter().enumerate() {
        let text = stack("", crate::harness::ACCOUNT)
            .replace("name = \"accounts\"", &format!("name = \"{name}\""))
            .replace("\"test\"", &format!("\"{environment}\""))
            .replace("\"one\"", &format!("\"{stage}\""))
            .replace("/accounts/app", &format!("/accounts/{number}"));
        let file = format!("stacks/{number}.toml");
        project.write(&file, &text);
        project.stack("apply", &file, &["-y"]).exits(0);
        let tags = project.boto3(
            &serde_json::Value::Null,
            "result = [tag['Value'] for vpc in client('ec2').describe_vpcs()['Vpcs'] \
             for tag in vpc.get('Tags', []) if tag['Key'] == 'infra:stack']",
        );
        let own = serde_json::json!(format!("{name}/{environment}/{stage}/us-east-1"));
        assert!(tags.as_array().unwrap().contains(&own), "{tags}");
    }
    assert_eq!(project.held().ids("ec2.vpc").len(), 3);
    for number in 0..3 {
        let file = format!("stacks/{number}.toml");
        project.stack("diff", &file, &[]).exits(0);
    }
    for number in 0..3 {
        project
            .stack("destroy", &format!("stacks/{number}.toml"), &["-y"])
            .exits(0);
    }
    project.holds_nothing();
}

#[test]
fn a_wrong_account_is_refused_before_anything_is_touched() {
    let project = project();
    let file = "stacks/accounts.toml";
    let role = format!("arn:aws:iam::{OTHER_ACCOUNT}:role/infra-deploy");
    for (role, allowed, actual) in [
        ("", "999999999999", crate::harness::ACCOUNT),
        (role.as_str(), crate::harness::ACCOUNT, OTHER_ACCOUNT),
    ] {
        project.write(file, &stack(role, allowed));
        for command in ["apply", "destroy"] {
            project.forget_requests();
            project
                .infra([command, file, "-y"])
                .exits(1)
                .says([allowed, actual]);
            let requests = project.requests();
            let asked: Vec<_> = requests
                .counts
                .keys()
                .filter(|operation| !operation.starts_with("sts."))
                .collect();
            assert!(asked.is_empty(), "{asked:?}");
        }
    }
}
