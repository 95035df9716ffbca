//! A log group's ARN with its star and without.

use serde_json::{Value, json};

use crate::harness::Project;

const FILE: &str = "stacks/logged.toml";
const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/logged";
const REFERENCE: &str = "${logs.log_group.api.arn}";

fn stack(destination: &str) -> String {
    format!(
        r#"
[stack]
name = "logged"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[logs.log_group.api]
log_group_name = "/logged"

[apigatewayv2.api.main]
name = "logged"
protocol_type = "HTTP"

[apigatewayv2.stage.main]
api_id = "${{apigatewayv2.api.main.id}}"
stage_name = "$default"
auto_deploy = true
access_log_settings = {{ destination_arn = "{destination}", format = "$context.requestId" }}
depends_on = ["logs.log_group.api"]

[output.destination]
value = "${{apigatewayv2.stage.main.access_log_settings.destination_arn}}"
"#
    )
}

#[test]
fn both_forms_mean_the_same() {
    let forms = [
        ARN.to_owned(),
        format!("{ARN}:*"),
        REFERENCE.to_owned(),
        format!("{REFERENCE}:*"),
    ];
    let project = Project::sandbox();
    for first in &forms {
        project.write(FILE, &stack(first));
        project.infra(["validate", FILE]).exits(0);
        project.stack("plan", FILE, &[]).exits(0).says(["3 to create"]);
        project.stack("apply", FILE, &["-y"]).exits(0);
        let logged = project.boto3(
            &Value::Null,
            "gateway = client('apigatewayv2')\n\
             stages = gateway.get_stages(ApiId=gateway.get_apis()['Items'][0]['ApiId'])['Items']\n\
             result = [stage['AccessLogSettings']['DestinationArn'].removesuffix(':*') for stage in stages]",
        );
        assert_eq!(logged, json!([ARN]));
        for form in &forms {
            project.write(FILE, &stack(form));
            project.stack("diff", FILE, &[]).exits(0);
            project.forget_requests();
            project.stack("apply", FILE, &["-y"]).exits(0);
            assert_eq!(project.requests().mutating_total, 0, "{first}, then {form}");
        }
        project.stack("destroy", FILE, &["-y"]).exits(0);
        project.holds_nothing();
    }
}
