//! What AWS keeps under something else, which it names by a literal: it goes and comes with it, however short the name is.

use serde_json::{Value, json};

use crate::order::Shop;

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
depends_on      = ["ecr.repository.app"]

[ecr.lifecycle_policy.app.lifecycle_policy_text]
rules = [{ rulePriority = 1, selection = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 5 }, action = { type = "expire" } }]
"#;

const ATTACHED: &str = r#"
[iam.role_policy_attachment.app]
role_name  = "r1"
policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
depends_on = ["iam.role.app"]
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
    let needs = "depends_on = [\"iam.role.app\"]\n";
    let file = |path: &str, encryption: &str| {
        role(path) + POLICY + needs + ATTACHED + &repository(encryption) + UNDER_THE_REPOSITORY
    };
    let shop = Shop::new("", &file("/", "AES256"));
    shop.becomes(&file("/service/", "KMS"));
    let there = shop.project.boto3(&json!({ "repository": true }), THERE);
    assert_eq!(
        there,
        json!({ "path": "/service/", "policies": ["p"], "attached": 1, "rules": 1 })
    );
}

#[test]
fn what_a_role_still_has_is_said_to_be_of_others_only_where_it_is() {
    let shop = Shop::new("", &role("/"));
    let there = |given: Value| shop.project.boto3(&given, THERE)["policies"].clone();
    // Nothing says that the policy is the role's but its name.
    shop.becomes(&(role("/") + POLICY));
    let own =
        "of this stack itself it still has policy p (iam.role_policy.app): have that refer to iam.role.app";
    let refused = shop.apply(&(role("/service/") + POLICY)).exits(1).says([own]);
    assert!(!refused.stderr.contains("the state does not know"), "{refused}");

    there(json!({ "adds": "q" }));
    let others = "the state does not know policy q: take that away, or import it into the stack";
    shop.apply(&(role("/service/") + POLICY))
        .exits(1)
        .says([own, others]);
    assert_eq!(there(json!({ "takes": "q" })), json!(["p"]));
    for path in ["/", "/service/"] {
        shop.becomes(&(role(path) + POLICY + "depends_on = [\"iam.role.app\"]\n"));
    }
    assert_eq!(there(json!({})), json!(["p"]));
}
