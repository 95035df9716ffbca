//! What AWS keeps under something else, which it names by a literal: it goes and comes with it, however short the name is.

use serde_json::{Value, json};

use crate::order::{FILE, Shop};

const TRUST: &str = r#"{ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "ecs-tasks.amazonaws.com" }, Action = "sts:AssumeRole" }] }"#;

const POLICY: &str = r#"
[iam.role_policy.app]
role_name       = "r1"
policy_name     = "p"
policy_document = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }] }
"#;

const UNDER_THE_REPOSITORY: &str = r#"
[ecr.lifecycle_policy.app]
repository_name = "im"

[ecr.lifecycle_policy.app.lifecycle_policy_text]
rules = [{ rulePriority = 1, selection = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 5 }, action = { type = "expire" } }]
"#;

const ATTACHED: &str = r#"
[iam.role_policy_attachment.app]
role_name  = "r1"
policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
"#;

/// What hangs on the role and the repository, and the path of the role.
const THERE: &str = r#"
iam, ecr = client('iam'), client('ecr')
policies = lambda: iam.list_role_policies(RoleName='r1')['PolicyNames']
if 'adds' in given:
    iam.put_role_policy(RoleName='r1', PolicyName=given['adds'],
        PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}))
if 'takes' in given:
    iam.delete_role_policy(RoleName='r1', PolicyName=given['takes'])
result = {'path': iam.get_role(RoleName='r1')['Role']['Path'], 'policies': policies()}
if given.get('repository'):
    result['attached'] = len(iam.list_attached_role_policies(RoleName='r1')['AttachedPolicies'])
    result['rules'] = len(json.loads(ecr.get_lifecycle_policy(repositoryName='im')['lifecyclePolicyText'])['rules'])
"#;

fn role(path: &str) -> String {
    format!(
        "\n[iam.role.app]\nrole_name = \"r1\"\npath = \"{path}\"\nassume_role_policy_document = {TRUST}\n"
    )
}

fn repository(encryption: &str) -> String {
    format!(
        "\n[ecr.repository.app]\nrepository_name = \"im\"\n\
         encryption_configuration = {{ encryption_type = \"{encryption}\" }}\n"
    )
}

#[test]
fn what_is_under_something_with_a_short_name_is_made_anew_with_it() {
    let file = |path: &str, encryption: &str| {
        role(path) + POLICY + ATTACHED + &repository(encryption) + UNDER_THE_REPOSITORY
    };
    let shop = Shop::new("", &file("/", "AES256"));
    shop.becomes(&file("/service/", "KMS"));
    let there = shop.project.boto3(&json!({ "repository": true }), THERE);
    assert_eq!(
        there,
        json!({ "path": "/service/", "policies": ["p"], "attached": 1, "rules": 1 })
    );
}

/// A service whose cluster, scalable target and policy are named by texts, by addresses that sort against their order.
const SCALED: &str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.main]
vpc_id     = "${ec2.vpc.main.id}"
cidr_block = "10.0.0.0/24"

[ecs.task_definition.app]
family                   = "app"
cpu                      = 256
memory                   = 512
network_mode             = "awsvpc"
requires_compatibilities = ["FARGATE"]
container_definitions    = [{ name = "app", image = "public.ecr.aws/nginx/nginx:stable" }]

[ecs.cluster.main]
cluster_name = "main"

[ecs.service.app]
cluster               = "arn:aws:ecs:us-east-1:123456789012:cluster/main"
service_name          = "app"
task_definition       = "${ecs.task_definition.app.arn}"
desired_count         = 1
launch_type           = "FARGATE"
network_configuration = { subnets = ["${ec2.subnet.main.id}"] }

[applicationautoscaling.scalable_target.app]
service_namespace  = "ecs"
resource_id        = "service/main/app"
scalable_dimension = "ecs:service:DesiredCount"
min_capacity       = 1
max_capacity       = 4

[applicationautoscaling.scaling_policy.app]
policy_name        = "cpu"
policy_type        = "TargetTrackingScaling"
service_namespace  = "ecs"
resource_id        = "service/main/app"
scalable_dimension = "ecs:service:DesiredCount"

[applicationautoscaling.scaling_policy.app.target_tracking_scaling_policy_configuration]
target_value                    = 60
predefined_metric_specification = { predefined_metric_type = "ECSServiceAverageCPUUtilization" }
"#;

/// Each parent by itself with what goes with it when it is made anew: what that depends on in its turn as well.
const ANEW: &[(&str, &[&str])] = &[
    (
        "iam.role.app",
        &["iam.role_policy.app", "iam.role_policy_attachment.app"],
    ),
    ("ecr.repository.app", &["ecr.lifecycle_policy.app"]),
    (
        "ecs.cluster.main",
        &["ecs.service.app", "applicationautoscaling.scalable_target.app"],
    ),
    ("ecs.service.app", &["applicationautoscaling.scalable_target.app"]),
    (
        "applicationautoscaling.scalable_target.app",
        &["applicationautoscaling.scaling_policy.app"],
    ),
];

#[test]
fn what_is_named_by_a_text_comes_after_its_parent_and_goes_with_it() {
    let file = role("/") + POLICY + ATTACHED + &repository("AES256") + UNDER_THE_REPOSITORY + SCALED;
    let shop = Shop::new("", &file);
    for (parent, children) in ANEW {
        let replaced = shop
            .project
            .stack(
                "apply",
                FILE,
                &["-y", "--replace", parent, "--allow-data-loss", parent],
            )
            .exits(0);
        for child in *children {
            let line = replaced.stderr.lines().chain(replaced.stdout.lines());
            let mut line = line.filter(|line| line.contains(child));
            assert!(line.next().is_some(), "{parent}: {child}: {replaced}");
        }
        shop.project.stack("diff", FILE, &[]).exits(0);
    }
    shop.project
        .stack(
            "destroy",
            FILE,
            &["-y", "--allow-data-loss", "ecr.repository.app"],
        )
        .exits(0);
}

#[test]
fn what_a_role_still_has_that_nobody_knows_of_is_said() {
    let shop = Shop::new("", &(role("/") + POLICY));
    let there = |given: Value| shop.project.boto3(&given, THERE)["policies"].clone();
    there(json!({ "adds": "q" }));
    let others = "the state does not know policy q: take that away, or import it into the stack";
    shop.apply(&(role("/service/") + POLICY)).exits(1).says([others]);
    assert_eq!(there(json!({ "takes": "q" })), json!([]));
    for path in ["/", "/service/"] {
        shop.becomes(&(role(path) + POLICY));
    }
    assert_eq!(there(json!({})), json!(["p"]));
}
