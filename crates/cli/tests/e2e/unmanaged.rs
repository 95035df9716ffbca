//! What stands at AWS without an address is told when asked for, and left alone always.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Project, Reference, Run};

/// What others put into the account: things without tags, things of another stack, and things with this stack's tags
/// that its state does not know. `result` is what has to be told of, as id → [kind, type, near, name].
const BY_OTHERS: &str = r#"
ec2, elbv2 = client('ec2'), client('elbv2')
vpc, table = given['vpc'], given['table']
result = {}

def tags(**more):
    return [{'Key': key.replace('_', ':'), 'Value': value} for key, value in more.items()]

def foreign(kind, identity, name=None, near='ec2.vpc.main'):
    result[identity] = ['foreign', kind, near, name]
    return identity

def orphan(kind, identity, name=None, near=None):
    result[identity] = ['orphan', kind, near, name]
    return identity

ours = dict(infra_stack='appname/dev/dev02/us-east-1', infra_token='lost')

# In the VPC, of nobody that this stack knows.
subnet = foreign('ec2.subnet', ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.250.0/24')['Subnet']['SubnetId'], '10.0.250.0/24')
ec2.create_tags(Resources=[foreign('ec2.route_table', ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId'], 'theirs')],
                Tags=tags(Name='theirs'))
group = foreign('ec2.security_group', ec2.create_security_group(VpcId=vpc, GroupName='theirs', Description='theirs')['GroupId'], 'theirs')
foreign('ec2.network_acl', ec2.create_network_acl(VpcId=vpc)['NetworkAcl']['NetworkAclId'])
image = ec2.describe_images(Owners=['amazon'])['Images']
image = image[0]['ImageId'] if image else ec2.register_image(Name='bastion', RootDeviceName='/dev/xvda')['ImageId']
# Its interface follows it.
foreign('ec2.instance', ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet,
    TagSpecifications=[{'ResourceType': 'instance', 'Tags': tags(Name='bastion')}])['Instances'][0]['InstanceId'], 'bastion')
foreign('ec2.network_interface', ec2.create_network_interface(SubnetId=subnet, Description='a spare one',
    Groups=[given['group']])['NetworkInterface']['NetworkInterfaceId'], 'a spare one')
# Its interface follows it.
foreign('ec2.nat_gateway', ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType='private')['NatGateway']['NatGatewayId'])
# Its route follows it.
foreign('ec2.vpc_endpoint', ec2.create_vpc_endpoint(VpcId=vpc, ServiceName='com.amazonaws.us-east-1.dynamodb',
    RouteTableIds=[table])['VpcEndpoint']['VpcEndpointId'], 'com.amazonaws.us-east-1.dynamodb')
# Its interfaces follow it.
foreign('ec2.vpc_endpoint', ec2.create_vpc_endpoint(VpcId=vpc, ServiceName='com.amazonaws.us-east-1.sqs',
    VpcEndpointType='Interface', SubnetIds=[subnet], PrivateDnsEnabled=False)['VpcEndpoint']['VpcEndpointId'], 'com.amazonaws.us-east-1.sqs')
private = foreign('ec2.vpn_gateway', ec2.create_vpn_gateway(Type='ipsec.1')['VpnGateway']['VpnGatewayId'])
ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=private)
foreign('ec2.egress_only_internet_gateway',
    ec2.create_egress_only_internet_gateway(VpcId=vpc)['EgressOnlyInternetGateway']['EgressOnlyInternetGatewayId'])
other = ec2.create_vpc(CidrBlock='10.77.0.0/16')['Vpc']['VpcId']
peering = foreign('ec2.vpc_peering_connection',
    ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)['VpcPeeringConnection']['VpcPeeringConnectionId'])
ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
# Into what is declared.
ec2.create_route(RouteTableId=table, DestinationCidrBlock='10.77.0.0/16', VpcPeeringConnectionId=peering)
foreign('ec2.route', table + '/10.77.0.0/16', '10.77.0.0/16 to ' + peering, 'ec2.route_table.public')
rule = ec2.authorize_security_group_ingress(GroupId=given['group'], IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': 22,
    'ToPort': 22, 'IpRanges': [{'CidrIp': '0.0.0.0/0'}]}])['SecurityGroupRules'][0]['SecurityGroupRuleId']
foreign('ec2.security_group_rule', rule, 'ingress tcp 22 from 0.0.0.0/0', 'ec2.security_group.tasks')
# Load balancing and a VPC link; their interfaces follow them.
foreign('elbv2.load_balancer', elbv2.create_load_balancer(Name='theirs', Subnets=given['subnets'], Scheme='internal',
    SecurityGroups=[group])['LoadBalancers'][0]['LoadBalancerArn'], 'theirs')
foreign('elbv2.target_group', elbv2.create_target_group(Name='theirs', VpcId=vpc, Protocol='HTTP', Port=80,
    TargetType='ip')['TargetGroups'][0]['TargetGroupArn'], 'theirs')
foreign('apigatewayv2.vpc_link', client('apigatewayv2').create_vpc_link(Name='theirs', SubnetIds=given['subnets'],
    SecurityGroupIds=[group])['VpcLinkId'], 'theirs', 'SUBNET')
# Of another stack.
shared = foreign('ec2.subnet', ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.251.0/24', TagSpecifications=[{'ResourceType':
    'subnet', 'Tags': tags(infra_stack='other/dev/dev02/us-east-1', infra_address='ec2.subnet.shared')}])['Subnet']['SubnetId'], '10.0.251.0/24')

# With this stack's tags: in the VPC and elsewhere, of addresses that have something else, or that are not declared.
orphan('ec2.subnet', ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.252.0/24', TagSpecifications=[{'ResourceType': 'subnet',
    'Tags': tags(infra_address='ec2.subnet.private:us-east-1a', Name='lost', **ours)}])['Subnet']['SubnetId'], 'lost', 'ec2.vpc.main')
orphan('ec2.vpc', ec2.create_vpc(CidrBlock='10.78.0.0/16', TagSpecifications=[{'ResourceType': 'vpc', 'Tags': tags(
    infra_address='ec2.vpc.main', **ours)}])['Vpc']['VpcId'])
orphan('ec2.eip', ec2.allocate_address(Domain='vpc', TagSpecifications=[{'ResourceType': 'elastic-ip', 'Tags': tags(
    infra_address='ec2.eip.gone', **ours)}])['AllocationId'])
orphan('ec2.security_group_rule', ec2.authorize_security_group_ingress(GroupId=given['group'], IpPermissions=[{'IpProtocol':
    'udp', 'FromPort': 53, 'ToPort': 54, 'IpRanges': [{'CidrIp': '10.0.0.0/8'}]}], TagSpecifications=[{'ResourceType':
    'security-group-rule', 'Tags': tags(infra_address='ec2.security_group_rule.gone', **ours)}])['SecurityGroupRules'][0][
    'SecurityGroupRuleId'], 'ingress udp 53-54 from 10.0.0.0/8', 'ec2.security_group.tasks')
client('logs').create_log_group(logGroupName='/lost', tags={'infra:address': 'logs.log_group.app', **{
    key.replace('_', ':'): value for key, value in ours.items()}})
orphan('logs.log_group', '/lost')
client('ecr').create_repository(repositoryName='lost', tags=tags(infra_address='ecr.repository.app', **ours))
orphan('ecr.repository', 'lost')
trust = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole',
    'Principal': {'Service': 'ecs-tasks.amazonaws.com'}}]})
client('iam').create_role(RoleName='appname-lost', AssumeRolePolicyDocument=trust, Tags=tags(infra_address='iam.role.task', **ours))
orphan('iam.role', 'appname-lost')
client('iam').create_role(RoleName='appname-theirs', AssumeRolePolicyDocument=trust)
def lower(**more):
    return [{'key': each['Key'], 'value': each['Value']} for each in tags(**more)]
orphan('ecs.cluster', client('ecs').create_cluster(clusterName='lost', tags=lower(infra_address='ecs.cluster.main', **ours))['cluster']['clusterArn'])
orphan('ecs.task_definition', client('ecs').register_task_definition(family='lost', tags=lower(
    infra_address='ecs.task_definition.app', **ours), containerDefinitions=[{'name': 'app', 'image': 'app', 'memory': 128}])[
    'taskDefinition']['taskDefinitionArn'])
gone = client('ecs').register_task_definition(family='lost', tags=lower(infra_address='ecs.task_definition.app', **ours),
    containerDefinitions=[{'name': 'app', 'image': 'app', 'memory': 256}])['taskDefinition']['taskDefinitionArn']
client('ecs').deregister_task_definition(taskDefinition=gone)
orphan('apigatewayv2.api', client('apigatewayv2').create_api(Name='lost', ProtocolType='HTTP', Tags={
    'infra:address': 'apigatewayv2.api.main', **{key.replace('_', ':'): value for key, value in ours.items()}})['ApiId'])
# A listener of this stack on a load balancer of somebody else.
balancer = next(identity for identity, told in result.items() if told[1] == 'elbv2.load_balancer')
target = next(identity for identity, told in result.items() if told[1] == 'elbv2.target_group')
orphan('elbv2.listener', elbv2.create_listener(LoadBalancerArn=balancer, Protocol='HTTP', Port=81, DefaultActions=[{'Type':
    'forward', 'TargetGroupArn': target}], Tags=tags(infra_address='elbv2.listener.gone', **ours))['Listeners'][0]['ListenerArn'])
# A task of nobody's service in this stack's cluster, where it has a way to its image; its interface is told of.
task = client('ecs').run_task(cluster=given['cluster'], taskDefinition=given['definition'], launchType='FARGATE',
    networkConfiguration={'awsvpcConfiguration': {'subnets': given['subnets'][:1], 'securityGroups': [group]}})['tasks'][0]
details = {each['name']: each['value'] for each in task['attachments'][0]['details']}
foreign('ec2.network_interface', details['networkInterfaceId'],
    ec2.describe_network_interfaces(NetworkInterfaceIds=[details['networkInterfaceId']])['NetworkInterfaces'][0]['Description'])
"#;

/// What a diff tells of, as id → [kind, type, near, name].
fn told(run: &Run) -> BTreeMap<String, Value> {
    run.json_of("unmanaged")
        .iter()
        .map(|line| {
            let id = line["id"].as_str().unwrap().to_owned();
            let near = match line["near"].as_str() {
                Some(near) if near.starts_with("ec2.subnet.") => json!("SUBNET"),
                _ => line["near"].clone(),
            };
            let value = json!([line["kind"], line["resource_type"], near, line["name"]]);
            (id, value)
        })
        .collect()
}

#[test]
fn what_others_made_is_told_and_left_alone() {
    let reference = Reference::dev02();
    let clean = reference.apply();
    assert!(!clean.stdout.contains("Nothing unmanaged"), "{clean}");
    reference.differs_in_nothing();

    let state = reference.state();
    let id = |address: &str| state[address]["physical_id"].clone();
    let given = json!({
        "vpc": id("ec2.vpc.main"),
        "table": id("ec2.route_table.public"),
        "group": id("ec2.security_group.tasks"),
        "subnets": [id(r#"ec2.subnet.private["us-east-1a"]"#), id(r#"ec2.subnet.private["us-east-1b"]"#)],
        "cluster": id("ecs.cluster.main"),
        "definition": id("ecs.task_definition.app"),
    });
    let made = reference.project.boto3(&given, BY_OTHERS);
    let expected: BTreeMap<String, Value> = serde_json::from_value(made).unwrap();
    let count = |kind: &str| expected.values().filter(|told| told[0] == kind).count();

    // Nobody asked: none of it is drift, nor a change.
    let plain = reference.run("diff", &[]).exits(0).says(["No differences"]);
    assert!(!plain.stdout.contains("subnet-"), "{plain}");

    let looked = reference.run("diff", &["--unmanaged", "--output=json"]).exits(2);
    assert_eq!(told(&looked), expected, "{looked}");
    let survey = &looked.json_of("survey")[0];
    assert_eq!(survey["orphans"], count("orphan"));
    assert_eq!(survey["foreign"], count("foreign"));

    // What to do next.
    let next = |id: &str| -> Value {
        let lines = looked.json_of("unmanaged");
        lines.iter().find(|line| line["id"] == id).unwrap()["next"].clone()
    };
    let told_of = |kind: &str| {
        let mut found = expected.iter().filter(|(_, told)| told[1] == kind);
        found.next().unwrap().0.clone()
    };
    assert_eq!(next(&told_of("ec2.instance")), json!({ "do": "no_such_type" }));
    assert_eq!(next(&told_of("ec2.eip")), json!({ "do": "declare_and_import" }));
    assert_eq!(
        next("/lost"),
        json!({ "do": "remove", "address": "logs.log_group.app" })
    );
    let id_of = |name: &str| {
        let mut found = expected.iter().filter(|(_, told)| told[3] == name);
        found.next().unwrap().0.clone()
    };
    assert_eq!(
        next(&id_of("10.0.251.0/24")),
        json!({ "do": "leave_to_stack", "stack": "other/dev/dev02/us-east-1" })
    );
    reference.run("diff", &["--unmanaged"]).exits(2).says([
        "No differences",
        "Orphans: what carries the tags of this stack",
        "Undeclared: what stands in the networks of this stack",
        "\"bastion\" — in ec2.vpc.main, made 2",
        "made for logs.log_group.app",
        "remove it by hand: logs.log_group.app is something else",
        "not a type of infra",
        "made for ec2.subnet.shared of other/dev/dev02/us-east-1",
        &format!("infra import {} ec2.route_table.NAME", reference.file),
        &format!(
            "{} orphans and {} things undeclared",
            count("orphan"),
            count("foreign")
        ),
    ]);

    // No run touches any of it.
    let held = reference.project.held();
    reference
        .run("apply", &["-y", "--var=log_retention_in_days=30"])
        .exits(0);
    assert_eq!(reference.project.held(), held);
    let looked = reference
        .run(
            "diff",
            &["--unmanaged", "--output=json", "--var=log_retention_in_days=30"],
        )
        .exits(2);
    assert_eq!(told(&looked), expected, "{looked}");
}

const FILE: &str = "stacks/kept.toml";

const STACK: &str = r#"
[stack]
name = "kept"
stage = "dev"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ecs.cluster.main]
cluster_name = "kept"
"#;

const KEPT: &str = r#"
[logs.log_group.kept]
log_group_name = "/kept"
lifecycle = { retain = true }
"#;

#[test]
fn what_was_let_go_of_can_be_taken_over_again_as_it_is_told() {
    let project = Project::sandbox();
    project.write(FILE, &format!("{STACK}{KEPT}"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    project.write(FILE, STACK);
    project
        .stack("apply", FILE, &["-y"])
        .exits(0)
        .says(["1 to forget"]);

    // The file does not have it: it would have to be declared first.
    let orphan = || {
        let looked = project
            .stack("diff", FILE, &["--unmanaged", "--output=json"])
            .exits(2);
        let lines = looked.json_of("unmanaged");
        assert_eq!(lines.len(), 1, "{looked}");
        assert_eq!(lines[0]["id"], "/kept");
        lines[0].clone()
    };
    assert_eq!(orphan()["next"]["do"], "declare_and_import");

    // It has: the command does it.
    project.write(FILE, &format!("{STACK}{KEPT}"));
    let told = orphan();
    assert_eq!(
        told["next"],
        json!({ "do": "import", "address": "logs.log_group.kept" })
    );
    let explanation = told["explanation"].as_str().unwrap();
    let (_, command) = explanation.split_once("infra ").unwrap();
    project.infra(command.split(' ')).exits(0);
    project
        .stack("diff", FILE, &["--unmanaged"])
        .exits(0)
        .says(["No differences", "Nothing unmanaged"]);
}
