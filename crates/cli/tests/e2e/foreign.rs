//! What others made has the name that something of the file is to have: it is told, with how to take it over, and
//! neither changed nor deleted.

use infra_core::command;
use infra_sandbox::{Clash, Twin};
use serde_json::{Value, json};

use crate::harness::{Project, Reference};

const FILE: &str = "stacks/foreign.toml";

const STACK: &str = r#"
[stack]
name = "foreign"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]
"#;

/// What others have: a thing without tags for each natural key, under things that are theirs as well. `result` is
/// what the cases speak of as `<name>`.
const MADE_BY_OTHERS: &str = r#"
ec2, iam, ecr, ecs = client('ec2'), client('iam'), client('ecr'), client('ecs')
zones, gateway, scaling = client('route53'), client('apigatewayv2'), client('application-autoscaling')

def soon(call, **arguments):
    # The first call of an account makes a service-linked role, which takes a while.
    for _ in range(200):
        try:
            return call(**arguments)
        except Exception as error:
            last = error
    raise last

vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
internet = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=internet)
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.0.0/24')['Subnet']['SubnetId']
table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
ec2.create_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', GatewayId=internet)
ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)

trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole',
    'Principal': {'Service': 'ecs-tasks.amazonaws.com'}}]}
iam.create_role(RoleName='theirs', AssumeRolePolicyDocument=json.dumps(trust))
iam.attach_role_policy(RoleName='theirs', PolicyArn=given['policy'])
iam.put_role_policy(RoleName='theirs', PolicyName='read', PolicyDocument=json.dumps({'Version': '2012-10-17',
    'Statement': [{'Effect': 'Allow', 'Action': 's3:GetObject', 'Resource': '*'}]}))

zone = zones.create_hosted_zone(Name='example.com', CallerReference='theirs')['HostedZone']['Id'].split('/')[-1]
zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={'Changes': [{'Action': 'CREATE', 'ResourceRecordSet': {
    'Name': 'www.example.com', 'Type': 'A', 'TTL': 300, 'ResourceRecords': [{'Value': '192.0.2.1'}]}}]})

api = gateway.create_api(Name='theirs', ProtocolType='HTTP')['ApiId']
integration = gateway.create_integration(ApiId=api, IntegrationType='HTTP_PROXY', IntegrationMethod='ANY',
    IntegrationUri='https://example.com/', PayloadFormatVersion='1.0')['IntegrationId']
target = 'integrations/' + integration
route = gateway.create_route(ApiId=api, RouteKey='GET /', Target=target)['RouteId']
gateway.create_stage(ApiId=api, StageName='$default', AutoDeploy=True)
acm = client('acm')
certificate = acm.request_certificate(DomainName='api.example.com', ValidationMethod='DNS')['CertificateArn']
record = acm.describe_certificate(CertificateArn=certificate)['Certificate']['DomainValidationOptions'][0]['ResourceRecord']
zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={'Changes': [{'Action': 'CREATE', 'ResourceRecordSet': {
    'Name': record['Name'], 'Type': 'CNAME', 'TTL': 300, 'ResourceRecords': [{'Value': record['Value']}]}}]})
acm.get_waiter('certificate_validated').wait(CertificateArn=certificate, WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
gateway.create_domain_name(DomainName='api.example.com', DomainNameConfigurations=[{'CertificateArn': certificate,
    'EndpointType': 'REGIONAL', 'SecurityPolicy': 'TLS_1_2'}])
while gateway.get_domain_name(DomainName='api.example.com')['DomainNameConfigurations'][0]['DomainNameStatus'] != 'AVAILABLE':
    pass
mapping = gateway.create_api_mapping(DomainName='api.example.com', ApiId=api, Stage='$default')['ApiMappingId']

ecr.create_repository(repositoryName='theirs')
ecr.put_lifecycle_policy(repositoryName='theirs', lifecyclePolicyText=json.dumps({'rules': [{'rulePriority': 1,
    'selection': {'tagStatus': 'any', 'countType': 'imageCountMoreThan', 'countNumber': 20}, 'action': {'type': 'expire'}}]}))

soon(ecs.create_cluster, clusterName='theirs')
ecs.register_task_definition(family='theirs', networkMode='awsvpc', containerDefinitions=[{'name': 'app', 'image': 'app', 'memory': 128}])
soon(ecs.create_service, cluster='theirs', serviceName='theirs', taskDefinition='theirs', desiredCount=0,
    networkConfiguration={'awsvpcConfiguration': {'subnets': [subnet]}})
scaled = {'ServiceNamespace': 'ecs', 'ResourceId': 'service/theirs/theirs', 'ScalableDimension': 'ecs:service:DesiredCount'}
soon(scaling.register_scalable_target, MinCapacity=0, MaxCapacity=0, **scaled)
scaling.put_scaling_policy(PolicyName='cpu', PolicyType='TargetTrackingScaling', **scaled,
    TargetTrackingScalingPolicyConfiguration={'TargetValue': 60.0, 'PredefinedMetricSpecification': {
        'PredefinedMetricType': 'ECSServiceAverageCPUUtilization'}})

result = {'zone': zone, 'table': table, 'internet': internet, 'subnet': subnet, 'api': api, 'target': target,
    'route': route, 'mapping': mapping}
"#;

/// All of that as AWS tells it, but for what it says of the answer itself.
const AS_IT_IS: &str = r#"
ec2, iam, ecr, ecs = client('ec2'), client('iam'), client('ecr'), client('ecs')
zones, gateway, scaling = client('route53'), client('apigatewayv2'), client('application-autoscaling')
result = [
    ec2.describe_route_tables(RouteTableIds=[given['table']]),
    iam.list_attached_role_policies(RoleName='theirs'),
    iam.get_role_policy(RoleName='theirs', PolicyName='read'),
    zones.list_resource_record_sets(HostedZoneId=given['zone']),
    gateway.get_routes(ApiId=given['api']),
    gateway.get_integrations(ApiId=given['api']),
    gateway.get_api_mappings(DomainName='api.example.com'),
    ecr.get_lifecycle_policy(repositoryName='theirs'),
    scaling.describe_scaling_policies(ServiceNamespace='ecs'),
]
for each in result:
    each.pop('ResponseMetadata')
    # Of the time of asking.
    each.pop('lastEvaluatedAt', None)
"#;

const POLICY: &str = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";

/// One resource that the file has and others have already, exactly as the file wants it.
struct Case {
    address: &'static str,
    /// What an import of it is given.
    id: &'static str,
    attributes: &'static str,
}

/// Every type without tags that a delete would take from somebody.
const CASES: &[Case] = &[
    Case {
        address: "apigatewayv2.api_mapping.main",
        id: "api.example.com/<mapping>",
        attributes: "domain_name = 'api.example.com'\napi_id = '<api>'\nstage = '$default'",
    },
    Case {
        address: "apigatewayv2.route.main",
        id: "<api>/<route>",
        attributes: "api_id = '<api>'\nroute_key = 'GET /'\ntarget = '<target>'",
    },
    Case {
        address: "applicationautoscaling.scaling_policy.main",
        id: "ecs/ecs:service:DesiredCount/cpu/service/theirs/theirs",
        attributes: "policy_name = 'cpu'\npolicy_type = 'TargetTrackingScaling'\nservice_namespace = 'ecs'\n\
                     resource_id = 'service/theirs/theirs'\nscalable_dimension = 'ecs:service:DesiredCount'\n\
                     target_tracking_scaling_policy_configuration = { target_value = 60.0, \
                     predefined_metric_specification = { predefined_metric_type = 'ECSServiceAverageCPUUtilization' } }",
    },
    Case {
        address: "ec2.route.main",
        id: "<table>/0.0.0.0/0",
        attributes: "route_table_id = '<table>'\ndestination_cidr_block = '0.0.0.0/0'\ngateway_id = '<internet>'",
    },
    Case {
        address: "ec2.route_table_association.main",
        id: "<subnet>",
        attributes: "subnet_id = '<subnet>'\nroute_table_id = '<table>'",
    },
    Case {
        address: "ecr.lifecycle_policy.main",
        id: "theirs",
        attributes: "repository_name = 'theirs'\nlifecycle_policy_text = { rules = [{ rulePriority = 1, selection = { \
                     tagStatus = 'any', countType = 'imageCountMoreThan', countNumber = 20 }, action = { type = 'expire' } }] }",
    },
    Case {
        address: "iam.role_policy.main",
        id: "theirs/read",
        attributes: "role_name = 'theirs'\npolicy_name = 'read'\npolicy_document = { Version = '2012-10-17', Statement = [\
                     { Effect = 'Allow', Action = 's3:GetObject', Resource = '*' }] }",
    },
    Case {
        address: "iam.role_policy_attachment.main",
        id: "theirs/<policy>",
        attributes: "role_name = 'theirs'\npolicy_arn = '<policy>'",
    },
    Case {
        address: "route53.record.main",
        id: "<zone>/www.example.com/A",
        attributes: "hosted_zone_id = '<zone>'\nname = 'www.example.com'\ntype = 'A'\nttl = 300\n\
                     resource_records = ['192.0.2.1']",
    },
];

/// A text with `<name>` replaced by what `names` has of it.
fn filled(text: &str, names: &Value) -> String {
    let names = names.as_object().unwrap().iter();
    names.fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("<{name}>"), value.as_str().unwrap())
    })
}

/// The file with all the cases' resources.
fn file(names: &Value) -> String {
    let resources = CASES
        .iter()
        .map(|case| format!("\n[{}]\n{}\n", case.address, filled(case.attributes, names)));
    STACK.to_owned() + &resources.collect::<String>()
}

#[test]
fn what_others_have_by_the_same_name_is_told_and_left_alone_and_can_be_taken_over() {
    let project = Project::sandbox();
    let mut names = project.boto3(&json!({ "policy": POLICY }), MADE_BY_OTHERS);
    names["policy"] = POLICY.into();
    project.write(FILE, &file(&names));
    let before = project.boto3(&names, AS_IT_IS);

    project.forget_requests();
    let refused = project.stack("apply", FILE, &["-y"]).exits(1);
    assert_eq!(project.requests().mutating_total, 0, "{refused}");
    for Case { address, id, .. } in CASES {
        let id = filled(id, &names);
        refused.tells(&format!(
            "`{} --sandbox`",
            command("import", [FILE, address, &id])
        ));
    }
    project.stack("destroy", FILE, &["-y"]).exits(0);
    assert_eq!(project.requests().mutating_total, 0);
    assert_eq!(project.boto3(&names, AS_IT_IS), before);

    for Case { address, id, .. } in CASES {
        project
            .stack("import", FILE, &[address, &filled(id, &names)])
            .exits(0);
    }
    project.stack("diff", FILE, &[]).exits(0);
    assert_eq!(project.boto3(&names, AS_IT_IS), before);
}

#[test]
fn what_others_make_at_the_very_moment_is_told_and_left_alone() {
    let reference = Reference::dev02();
    let emulator = reference.project.emulator();
    let in_the_way = Twin {
        clash: vec![Clash::Refused, Clash::Returned],
        ..Twin::of(["*.*"])
    };
    emulator.plant(&in_the_way.into()).unwrap();
    let refused = reference.run("apply", &["-y"]).exits(1);
    let report = emulator.clear_foreign().unwrap();
    assert_eq!(
        (report.touched, report.failed.as_slice()),
        (0, [].as_slice()),
        "{:?}",
        report.planted
    );
    // Each is told with the line that would take it over.
    for kind in [
        "ec2.subnet",
        "ec2.security_group",
        "ecr.repository",
        "ecs.cluster",
        "iam.role",
        "logs.log_group",
    ] {
        let mut of_kind = report
            .planted
            .iter()
            .filter(|thing| thing.kind == kind)
            .peekable();
        assert!(of_kind.peek().is_some(), "no {kind} was in the way");
        for thing in of_kind {
            refused.tells(&format!("infra import {} ", reference.file));
            refused.tells(&format!("{kind}."));
            refused.tells(&format!(" {} --sandbox`", thing.ids[0]));
        }
    }
    reference.apply();
    reference.differs_in_nothing();
}

#[test]
fn whether_a_name_is_free_is_not_asked_under_what_the_run_has_made() {
    let reference = Reference::dev02();
    reference.project.forget_requests();
    reference.apply();
    let asked = reference.project.requests();
    let looks = [
        "apigatewayv2.GetApiMappings",
        "apigatewayv2.GetIntegrations",
        "apigatewayv2.GetRoutes",
        "application-autoscaling.DescribeScalingPolicies",
        "ecr.GetLifecyclePolicy",
        "iam.GetRolePolicy",
        "iam.ListAttachedRolePolicies",
    ];
    for look in looks {
        assert_eq!(asked.counts.get(look), None, "{look} in {:?}", asked.counts);
    }
    reference.project.forget_requests();
    reference.run("diff", &[]).exits(0);
    let asked = reference.project.requests();
    // What is asked for at the same moment is asked together; on a slow machine in two goes.
    let again = asked
        .counts
        .get("elbv2.DescribeTags")
        .map_or(0, |count| count - 1);
    assert!(asked.total - again <= 40, "{:?}", asked.counts);
}

/// The file with a rule for this network.
fn rule(network: &str) -> String {
    format!(
        r#"{STACK}
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.security_group.main]
vpc_id      = "${{ec2.vpc.main.id}}"
group_name  = "foreign"
description = "Where somebody else adds a rule"

[ec2.security_group_rule.main]
security_group_id = "${{ec2.security_group.main.id}}"
type              = "ingress"
ip_protocol       = "tcp"
from_port         = 80
to_port           = 80
cidr_ipv4         = "{network}"
"#
    )
}

/// Adds a rule for a network to the group, and tells its id.
const ADD_RULE: &str = r#"
ec2 = client('ec2')
group = ec2.describe_security_groups(Filters=[{'Name': 'group-name', 'Values': ['foreign']}])['SecurityGroups'][0]['GroupId']
result = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': 80, 'ToPort': 80,
    'IpRanges': [{'CidrIp': given['network']}]}])['SecurityGroupRules'][0]['SecurityGroupRuleId']
"#;

#[test]
fn what_an_update_in_place_would_make_the_same_as_others_have_is_told_with_a_way_out() {
    let project = Project::sandbox();
    project.write(FILE, &rule("10.0.0.0/8"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    let theirs = project.boto3(&json!({ "network": "11.0.0.0/8" }), ADD_RULE);
    let theirs = theirs.as_str().unwrap();

    project.write(FILE, &rule("11.0.0.0/8"));
    let exists = format!("ec2.security_group_rule {theirs} exists already");
    let import = command("import", [FILE, "ec2.security_group_rule.main", theirs]);
    project.stack("plan", FILE, &[]).exits(0).says([
        "ec2.security_group_rule.main would be changed in place",
        exists.as_str(),
        import.as_str(),
    ]);
    project
        .stack("apply", FILE, &["-y"])
        .exits(1)
        .says(["remove the other one by hand", import.as_str()]);
    // What nobody has is free, and so is what somebody has just let go of.
    for free in ["12.0.0.0/8", "10.0.0.0/8"] {
        project.write(FILE, &rule(free));
        let planned = project.stack("plan", FILE, &[]).exits(0);
        assert!(!planned.stderr.contains("exists already"), "{planned}");
        project.stack("apply", FILE, &["-y"]).exits(0);
    }
}
