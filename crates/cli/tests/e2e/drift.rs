//! What another client changes is shown, and put back; what it deletes is made again. The file is long because each
//! resource of the reference stack has a case of its own in its tables.

use serde_json::Value;

use crate::harness::{Reference, by_hand, fill};

/// One attribute that somebody changes by hand.
struct Case {
    address: &'static str,
    /// The attribute whose drift is shown.
    path: &'static str,
    /// What was last left there, and what is there now, as JSON, with `<address:attribute>` for what AWS chose.
    was: &'static str,
    is: &'static str,
    /// Python; `of(address)` is what is known of a resource.
    change: &'static str,
}

/// At least one attribute of every type that has one to change.
const CASES: &[Case] = &[
    Case {
        address: "ec2.vpc.main",
        path: "enable_dns_hostnames",
        was: "true",
        is: "false",
        change: "client('ec2').modify_vpc_attribute(VpcId=it['id'], EnableDnsHostnames={'Value': False})",
    },
    Case {
        address: r#"ec2.subnet.private["us-east-1a"]"#,
        path: "tags.Name",
        was: r#""appname-dev02-private-us-east-1a""#,
        is: r#""mine""#,
        change: "client('ec2').create_tags(Resources=[it['id']], Tags=[{'Key': 'Name', 'Value': 'mine'}])",
    },
    Case {
        address: "ec2.internet_gateway.main",
        path: "tags.Name",
        was: r#""appname-dev02""#,
        is: "null",
        change: "client('ec2').delete_tags(Resources=[it['physical_id']], Tags=[{'Key': 'Name'}])",
    },
    Case {
        address: r#"ec2.eip.nat["us-east-1a"]"#,
        path: "tags.owner",
        was: "null",
        is: r#""me""#,
        change: "client('ec2').create_tags(Resources=[it['physical_id']], Tags=[{'Key': 'owner', 'Value': 'me'}])",
    },
    Case {
        address: r#"ec2.nat_gateway.main["us-east-1a"]"#,
        path: "tags.Name",
        was: r#""appname-dev02-us-east-1a""#,
        is: r#""mine""#,
        change: "client('ec2').create_tags(Resources=[it['physical_id']], Tags=[{'Key': 'Name', 'Value': 'mine'}])",
    },
    Case {
        address: "ec2.route_table.public",
        path: "tags.stage",
        was: r#""dev02""#,
        is: r#""prod""#,
        change: "client('ec2').create_tags(Resources=[it['physical_id']], Tags=[{'Key': 'stage', 'Value': 'prod'}])",
    },
    Case {
        address: r#"ec2.route.nat["us-east-1b"]"#,
        path: "nat_gateway_id",
        was: r#""<ec2.nat_gateway.main["us-east-1a"]:id>""#,
        is: "null",
        change: "client('ec2').replace_route(RouteTableId=it['route_table_id'], DestinationCidrBlock='0.0.0.0/0', \
                 GatewayId=of('ec2.internet_gateway.main')['physical_id'])",
    },
    Case {
        address: r#"ec2.route_table_association.private["us-east-1a"]"#,
        path: "route_table_id",
        was: r#""<ec2.route_table.private["us-east-1a"]:id>""#,
        is: r#""<ec2.route_table.public:id>""#,
        change: "client('ec2').replace_route_table_association(AssociationId=it['association_id'], \
                 RouteTableId=of('ec2.route_table.public')['physical_id'])",
    },
    Case {
        address: "ec2.security_group.tasks",
        path: "tags.Name",
        was: r#""appname-dev02-tasks""#,
        is: r#""mine""#,
        change: "client('ec2').create_tags(Resources=[it['physical_id']], Tags=[{'Key': 'Name', 'Value': 'mine'}])",
    },
    Case {
        address: "ec2.security_group_rule.tasks_from_load_balancer",
        path: "to_port",
        was: "8080",
        is: "9090",
        change: "client('ec2').modify_security_group_rules(GroupId=it['security_group_id'], SecurityGroupRules=[{\
                 'SecurityGroupRuleId': it['physical_id'], 'SecurityGroupRule': {'IpProtocol': 'tcp', \
                 'FromPort': 8080, 'ToPort': 9090, 'Description': it['description'], \
                 'ReferencedGroupId': it['referenced_security_group_id']}}])",
    },
    Case {
        address: "ec2.vpc_endpoint.s3",
        path: "tags.Name",
        was: r#""appname-dev02-s3""#,
        is: r#""mine""#,
        change: "client('ec2').create_tags(Resources=[it['physical_id']], Tags=[{'Key': 'Name', 'Value': 'mine'}])",
    },
    Case {
        address: "elbv2.load_balancer.main",
        path: "drop_invalid_header_fields_enabled",
        was: "true",
        is: "false",
        change: "client('elbv2').modify_load_balancer_attributes(LoadBalancerArn=it['physical_id'], Attributes=[{\
                 'Key': 'routing.http.drop_invalid_header_fields.enabled', 'Value': 'false'}])",
    },
    Case {
        address: "elbv2.target_group.app",
        path: "health_check.path",
        was: r#""/health""#,
        is: r#""/other""#,
        change: "client('elbv2').modify_target_group(TargetGroupArn=it['physical_id'], HealthCheckPath='/other')",
    },
    Case {
        address: "elbv2.listener.http",
        path: "port",
        was: "80",
        is: "81",
        change: "client('elbv2').modify_listener(ListenerArn=it['physical_id'], Port=81)",
    },
    Case {
        address: "logs.log_group.app",
        path: "retention_in_days",
        was: "7",
        is: "1",
        change: "client('logs').put_retention_policy(logGroupName=it['physical_id'], retentionInDays=1)",
    },
    Case {
        address: "iam.role.task",
        path: "description",
        was: r#""The application appname-dev02""#,
        is: r#""mine""#,
        change: "client('iam').update_role(RoleName=it['physical_id'], Description='mine')",
    },
    Case {
        address: "iam.role_policy.task_execute_command",
        path: "policy_document",
        was: r#"{"Statement": [{"Action": ["ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"], "Effect": "Allow", "Resource": "*", "Sid": "ChannelsOfExecuteCommand"}], "Version": "2012-10-17"}"#,
        is: r#"{"Statement": [{"Action": "*", "Effect": "Allow", "Resource": "*", "Sid": "ChannelsOfExecuteCommand"}], "Version": "2012-10-17"}"#,
        change: "client('iam').put_role_policy(RoleName=it['role_name'], PolicyName=it['policy_name'], \
                 PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Sid': 'ChannelsOfExecuteCommand', \
                 'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]}))",
    },
    Case {
        address: "ecr.repository.app",
        path: "image_scanning_configuration.scan_on_push",
        was: "true",
        is: "false",
        change: "client('ecr').put_image_scanning_configuration(repositoryName=it['physical_id'], \
                 imageScanningConfiguration={'scanOnPush': False})",
    },
    Case {
        address: "ecr.lifecycle_policy.app",
        path: "lifecycle_policy_text",
        was: r#"{"rules": [{"action": {"type": "expire"}, "description": "keep the last 20 images", "rulePriority": 1, "selection": {"countNumber": 20, "countType": "imageCountMoreThan", "tagStatus": "any"}}]}"#,
        is: r#"{"rules": [{"action": {"type": "expire"}, "description": "keep the last 20 images", "rulePriority": 1, "selection": {"countNumber": 1, "countType": "imageCountMoreThan", "tagStatus": "any"}}]}"#,
        change: "client('ecr').put_lifecycle_policy(repositoryName=it['physical_id'], lifecyclePolicyText=json.dumps({\
                 'rules': [{'rulePriority': 1, 'description': 'keep the last 20 images', 'selection': {'tagStatus': \
                 'any', 'countType': 'imageCountMoreThan', 'countNumber': 1}, 'action': {'type': 'expire'}}]}))",
    },
    Case {
        address: "ecs.cluster.main",
        path: "settings[0].value",
        was: r#""disabled""#,
        is: r#""enabled""#,
        change: "client('ecs').update_cluster_settings(cluster=it['physical_id'], settings=[{'name': \
                 'containerInsights', 'value': 'enabled'}])",
    },
    Case {
        address: "ecs.task_definition.app",
        path: "tags.stage",
        was: r#""dev02""#,
        is: r#""prod""#,
        change: "client('ecs').tag_resource(resourceArn=it['physical_id'], tags=[{'key': 'stage', 'value': 'prod'}])",
    },
    Case {
        address: "ecs.service.app",
        path: "health_check_grace_period_seconds",
        was: "60",
        is: "5",
        change: "client('ecs').update_service(cluster=it['cluster'], service=it['physical_id'], \
                 healthCheckGracePeriodSeconds=5)",
    },
    Case {
        address: "ecs.deployment.app",
        path: "task_definition",
        was: r#""<ecs.task_definition.app:arn>""#,
        is: r#""arn:aws:ecs:us-east-1:123456789012:task-definition/mine:1""#,
        // A service goes on with a revision that is no longer active.
        change: "ecs = client('ecs')\nfound = ecs.describe_task_definition(taskDefinition=it['task_definition'])\n\
                 kept = {key: found['taskDefinition'][key] for key in ('containerDefinitions', 'cpu', 'memory', \
                 'networkMode', 'requiresCompatibilities', 'executionRoleArn')}\n\
                 mine = ecs.register_task_definition(family='mine', **kept)['taskDefinition']['taskDefinitionArn']\n\
                 ecs.update_service(cluster=it['cluster'], service=it['physical_id'], taskDefinition=mine)\n\
                 ecs.deregister_task_definition(taskDefinition=mine)",
    },
    Case {
        address: "ecr.image.app",
        path: "image_tag",
        was: r#""latest""#,
        is: "null",
        // The tag goes to another image of the same layers.
        change: "ecr = client('ecr')\nfound = ecr.batch_get_image(repositoryName='appname-dev02-image', \
                 imageIds=[{'imageDigest': it['digest']}])['images'][0]\n\
                 ecr.put_image(repositoryName='appname-dev02-image', imageTag='latest', \
                 imageManifest=found['imageManifest'] + ' ', \
                 imageManifestMediaType=found['imageManifestMediaType'])",
    },
    Case {
        address: "applicationautoscaling.scalable_target.app",
        path: "max_capacity",
        was: "4",
        is: "40",
        change: "client('application-autoscaling').register_scalable_target(ServiceNamespace='ecs', \
                 ScalableDimension='ecs:service:DesiredCount', ResourceId=it['resource_id'], MaxCapacity=40)",
    },
    Case {
        address: r#"applicationautoscaling.scaling_policy.app["cpu"]"#,
        path: "target_tracking_scaling_policy_configuration.target_value",
        was: "60",
        is: "99.0",
        change: "client('application-autoscaling').put_scaling_policy(ServiceNamespace='ecs', \
                 ScalableDimension='ecs:service:DesiredCount', ResourceId=it['resource_id'], \
                 PolicyName=it['policy_name'], PolicyType='TargetTrackingScaling', \
                 TargetTrackingScalingPolicyConfiguration={'TargetValue': 99, 'ScaleOutCooldown': 60, \
                 'ScaleInCooldown': 300, 'PredefinedMetricSpecification': {'PredefinedMetricType': \
                 'ECSServiceAverageCPUUtilization'}})",
    },
    Case {
        address: "apigatewayv2.api.main",
        path: "description",
        was: r#""appname, stage dev02""#,
        is: r#""mine""#,
        change: "client('apigatewayv2').update_api(ApiId=it['physical_id'], Description='mine')",
    },
    Case {
        address: "apigatewayv2.vpc_link.main",
        path: "name",
        was: r#""appname-dev02""#,
        is: r#""mine""#,
        change: "client('apigatewayv2').update_vpc_link(VpcLinkId=it['physical_id'], Name='mine')",
    },
    Case {
        address: "apigatewayv2.integration.load_balancer",
        path: "integration_method",
        was: r#""ANY""#,
        is: r#""GET""#,
        change: "client('apigatewayv2').update_integration(ApiId=it['api_id'], \
                 IntegrationId=it['physical_id'].split('/')[1], IntegrationMethod='GET')",
    },
    Case {
        address: "apigatewayv2.route.default",
        path: "route_key",
        was: r#""$default""#,
        is: r#""GET /mine""#,
        change: "client('apigatewayv2').update_route(ApiId=it['api_id'], RouteId=it['physical_id'].split('/')[1], \
                 RouteKey='GET /mine')",
    },
    Case {
        address: "apigatewayv2.stage.default",
        path: "default_route_settings.throttling_rate_limit",
        was: "100",
        is: "1.0",
        change: "client('apigatewayv2').update_stage(ApiId=it['api_id'], StageName='$default', DefaultRouteSettings={\
                 'ThrottlingRateLimit': 1, 'ThrottlingBurstLimit': 200})",
    },
    Case {
        address: "apigatewayv2.domain_name.main",
        path: "tags.stage",
        was: r#""dev02""#,
        is: r#""prod""#,
        change: "client('apigatewayv2').tag_resource(ResourceArn='arn:aws:apigateway:us-east-1::/domainnames/' + \
                 it['domain_name'], Tags={'stage': 'prod'})",
    },
    Case {
        address: "apigatewayv2.api_mapping.main",
        path: "stage",
        was: r#""$default""#,
        is: r#""mine""#,
        change: "client('apigatewayv2').create_stage(ApiId=it['api_id'], StageName='mine')\nclient('apigatewayv2').\
                 update_api_mapping(ApiMappingId=it['physical_id'].split('/')[1], ApiId=it['api_id'], \
                 DomainName=it['domain_name'], Stage='mine')",
    },
    Case {
        address: "route53.record.api",
        path: "alias_target.evaluate_target_health",
        was: "false",
        is: "true",
        change: "client('route53').change_resource_record_sets(HostedZoneId=it['hosted_zone_id'], ChangeBatch={\
                 'Changes': [{'Action': 'UPSERT', 'ResourceRecordSet': {'Name': it['name'], 'Type': 'A', 'AliasTarget': {\
                 'HostedZoneId': it['alias_target']['hosted_zone_id'], 'DNSName': it['alias_target']['dns_name'], \
                 'EvaluateTargetHealth': True}}}]})",
    },
];

/// Types that are nothing but their own name: they cannot be changed, only be gone.
const WITHOUT_ATTRIBUTES: &[&str] = &["iam.role_policy_attachment"];

fn type_of(address: &str) -> String {
    address.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

#[test]
fn what_another_client_changes_is_shown_and_put_back() {
    let reference = Reference::dev02_with_everything();
    reference.apply();
    let state = reference.state();
    for address in state.as_object().unwrap().keys() {
        let kind = type_of(address);
        assert!(
            CASES.iter().any(|case| type_of(case.address) == kind)
                || WITHOUT_ATTRIBUTES.contains(&kind.as_str()),
            "no case changes a {kind}"
        );
    }

    let changes: Vec<String> = CASES
        .iter()
        .map(|case| format!("it = of({:?})\n{}", case.address, case.change))
        .collect();
    by_hand(
        &reference.project,
        &state,
        &changes.iter().map(String::as_str).collect::<Vec<_>>(),
    );

    let json = reference.run("diff", &["--output=json"]).exits(2);
    let plain = reference.run("diff", &[]).exits(2);
    let lines = json.json_of("change");
    let mut wrong = Vec::new();
    for case in CASES {
        let was: Value = serde_json::from_str(&fill(case.was, &state)).unwrap();
        let is: Value = serde_json::from_str(&fill(case.is, &state)).unwrap();
        let drift = lines
            .iter()
            .find(|line| line["address"] == case.address)
            .map_or(&Value::Null, |line| &line["drift"]);
        let found = drift.as_array().is_some_and(|drift| {
            drift
                .iter()
                .any(|one| one["path"] == case.path && one["before"] == was && one["after"] == is)
        });
        if !found {
            wrong.push(format!(
                "{} {} {was} → {is}, but {drift}",
                case.address, case.path
            ));
        }
        if !plain.stdout.contains(case.address) {
            wrong.push(format!("{} is not told in plain", case.address));
        }
    }
    assert!(wrong.is_empty(), "drift that is not shown:\n{}", wrong.join("\n"));
    // Nobody else is blamed.
    for line in &lines {
        if line["drift"].as_array().is_some_and(|drift| !drift.is_empty()) {
            assert!(
                CASES.iter().any(|case| line["address"] == case.address),
                "nobody changed {line}"
            );
        }
    }
    plain.says([
        "enable_dns_hostnames",
        "true → false",
        r#""appname, stage dev02" → "mine""#,
        r#"max_capacity  4 → 40"#,
    ]);

    reference.apply();
    reference.differs_in_nothing();
    let now = reference.state();
    for case in CASES {
        let (before, after) = (&state[case.address]["applied"], &now[case.address]["applied"]);
        // What had to be replaced has another id, and so has what names it.
        let told = |value: &Value| value.to_string().len();
        assert_eq!(told(before), told(after), "{} was {before}", case.address);
    }
    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}

/// What is deleted by hand: Python, for addresses that nothing else is in the way of.
const DELETIONS: &[(&str, &str)] = &[
    (
        "apigatewayv2.route.default",
        "client('apigatewayv2').delete_route(ApiId=it['api_id'], RouteId=it['physical_id'].split('/')[1])",
    ),
    (
        "apigatewayv2.stage.default",
        "client('apigatewayv2').delete_stage(ApiId=it['api_id'], StageName='$default')",
    ),
    (
        r#"applicationautoscaling.scaling_policy.app["memory"]"#,
        "client('application-autoscaling').delete_scaling_policy(PolicyName=it['policy_name'], ServiceNamespace='ecs', \
         ResourceId=it['resource_id'], ScalableDimension='ecs:service:DesiredCount')",
    ),
    (
        "ec2.route.internet",
        "client('ec2').delete_route(RouteTableId=it['route_table_id'], DestinationCidrBlock='0.0.0.0/0')",
    ),
    (
        r#"ec2.route_table_association.public["us-east-1b"]"#,
        "client('ec2').disassociate_route_table(AssociationId=it['association_id'])",
    ),
    (
        "ec2.security_group_rule.vpc_link_to_load_balancer",
        "client('ec2').revoke_security_group_egress(GroupId=it['security_group_id'], \
         SecurityGroupRuleIds=[it['physical_id']])",
    ),
    (
        "ecr.image.app",
        "client('ecr').batch_delete_image(repositoryName='appname-dev02-image', imageIds=[{'imageDigest': it['digest']}])",
    ),
    (
        "ecr.lifecycle_policy.app",
        "client('ecr').delete_lifecycle_policy(repositoryName=it['physical_id'])",
    ),
    (
        "ecs.service.app",
        "client('ecs').delete_service(cluster=it['cluster'], service=it['physical_id'], force=True)",
    ),
    (
        "elbv2.listener.http",
        "client('elbv2').delete_listener(ListenerArn=it['physical_id'])",
    ),
    (
        "iam.role_policy.execution_secrets",
        "client('iam').delete_role_policy(RoleName=it['role_name'], PolicyName=it['policy_name'])",
    ),
    (
        "iam.role_policy_attachment.execution",
        "client('iam').detach_role_policy(RoleName=it['role_name'], PolicyArn=it['policy_arn'])",
    ),
    (
        "logs.log_group.api",
        "client('logs').delete_log_group(logGroupName=it['physical_id'])",
    ),
];

#[test]
fn what_another_client_deletes_is_made_again() {
    let reference = Reference::dev02();
    reference.apply();
    let before = reference.project.held();
    let state = reference.state();
    let deletions: Vec<String> = DELETIONS
        .iter()
        .map(|(address, deletion)| format!("it = of({address:?})\n{deletion}"))
        .collect();
    by_hand(
        &reference.project,
        &state,
        &deletions.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    // Deleting a service takes its time at AWS.
    reference.project.emulator().advance(3600.0).unwrap();

    let lines = reference
        .run("diff", &["--output=json"])
        .exits(2)
        .json_of("change");
    for (address, _) in DELETIONS {
        let line = lines.iter().find(|line| line["address"] == *address);
        assert!(
            line.is_some_and(|line| line["why"]["reason"] == "vanished" && line["action"] == "create"),
            "{address} is gone, and diff says {line:?}"
        );
    }
    reference.apply();
    reference.differs_in_nothing();
    let after = reference.project.held();
    assert_eq!(after.counts(), before.counts(), "{after}");
    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}
