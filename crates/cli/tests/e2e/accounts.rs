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
