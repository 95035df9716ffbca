//! What exists and is not the stack's is looked up, used, and never touched.

use serde_json::{Value, json};

use crate::harness::Project;

const FILE: &str = "stacks/uses.toml";

/// What somebody else has. `result` is what lookups have to tell of it.
const THEIRS: &str = r#"
ec2, elbv2, route53 = client('ec2'), client('elbv2'), client('route53')

def tags(**more):
    return [{'Key': key, 'Value': value} for key, value in more.items()]

vpc = ec2.create_vpc(CidrBlock='10.7.0.0/16', TagSpecifications=[{'ResourceType': 'vpc', 'Tags': tags(
    Name='shared', team='network')}])['Vpc']['VpcId']
ec2.create_vpc(CidrBlock='10.8.0.0/16', TagSpecifications=[{'ResourceType': 'vpc', 'Tags': tags(Name='other', team='network')}])
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.7.{number}.0/24', AvailabilityZone='us-east-1' + zone, TagSpecifications=[
    {'ResourceType': 'subnet', 'Tags': tags(tier='private')}])['Subnet']['SubnetId'] for number, zone in enumerate('ab')]
group = ec2.create_security_group(VpcId=vpc, GroupName='theirs', Description='theirs')['GroupId']
public = route53.create_hosted_zone(Name='example.com', CallerReference='1', HostedZoneConfig={'Comment': 'ours to all'})
private = route53.create_hosted_zone(Name='example.com', CallerReference='2', VPC={'VPCRegion': 'us-east-1', 'VPCId': vpc},
    HostedZoneConfig={'PrivateZone': True})
route53.create_hosted_zone(Name='example.community', CallerReference='3')
certificate = client('acm').request_certificate(DomainName='api.example.com', ValidationMethod='DNS',
    SubjectAlternativeNames=['api.example.com', 'www.example.com'])['CertificateArn']
repository = client('ecr').create_repository(repositoryName='team/app')['repository']
role = client('iam').create_role(RoleName='theirs', AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{
    'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'Service': 'ecs-tasks.amazonaws.com'}}]}))['Role']['Arn']
balancer = elbv2.create_load_balancer(Name='theirs', Subnets=subnets, Scheme='internal', SecurityGroups=[group],
    Tags=tags(team='web'))['LoadBalancers'][0]
cluster = client('ecs').create_cluster(clusterName='theirs')['cluster']['clusterArn']
result = {
    'vpc': vpc,
    'by_id': '10.7.0.0/16',
    'team': 'network',
    'subnet': subnets[1],
    'group': group,
    'public': public['HostedZone']['Id'].removeprefix('/hostedzone/'),
    'private': private['HostedZone']['Id'].removeprefix('/hostedzone/'),
    'servers': len(public['DelegationSet']['NameServers']),
    'certificate': certificate,
    'names': ['api.example.com', 'www.example.com'],
    'repository': repository['repositoryUri'],
    'role': role,
    'principal': 'ecs-tasks.amazonaws.com',
    'balancer': balancer['LoadBalancerArn'],
    'dns_name': balancer['DNSName'],
    'by_tags': balancer['LoadBalancerArn'],
    'cluster': cluster,
}
"#;

const STACK: &str = r#"
[stack]
name                = "uses"
stage               = "dev"
region              = "us-east-1"
allowed_account_ids = ["123456789012"]

[variable.shared]
default = "shared"

[variable.vpc_id]
default = "vpc-0"

[lookup.ec2.vpc.shared]
tags = { Name = "${var.shared}" }

[lookup.ec2.vpc.by_id]
id = "${var.vpc_id}"

[lookup.ec2.subnet.b]
vpc_id            = "${var.vpc_id}"
availability_zone = "us-east-1b"
tags              = { tier = "private" }

[lookup.ec2.security_group.theirs]
group_name = "theirs"

[lookup.route53.hosted_zone.public]
name         = "example.com"
private_zone = false

[lookup.route53.hosted_zone.private]
name   = "Example.com."
vpc_id = "${var.vpc_id}"

[lookup.acm.certificate.api]
domain_name = "api.example.com"

[lookup.ecr.repository.app]
repository_name = "team/app"

[lookup.iam.role.theirs]
role_name = "theirs"

[lookup.elbv2.load_balancer.theirs]
name = "theirs"

[lookup.elbv2.load_balancer.by_tags]
tags = { team = "web" }

[lookup.ecs.cluster.theirs]
cluster_name = "theirs"

[ec2.subnet.own]
vpc_id     = "${lookup.ec2.vpc.shared.id}"
cidr_block = "${cidrsubnet(lookup.ec2.vpc.shared.cidr_block, 8, 200)}"

[ec2.security_group_rule.own]
security_group_id = "${lookup.ec2.security_group.theirs.id}"
type              = "ingress"
ip_protocol       = "tcp"
from_port         = 443
to_port           = 443
cidr_ipv4         = "${ec2.subnet.own.cidr_block}"

[route53.record.own]
hosted_zone_id   = "${lookup.route53.hosted_zone.public.id}"
name             = "own.${lookup.route53.hosted_zone.public.name}"
type             = "CNAME"
ttl              = 60
resource_records = ["${lookup.elbv2.load_balancer.theirs.dns_name}"]

[ecr.image.own]
repository_uri = "${lookup.ecr.repository.app.repository_uri}"
source         = { layout = "../image" }

[output.found]
value = { vpc = "${lookup.ec2.vpc.shared.id}", by_id = "${lookup.ec2.vpc.by_id.cidr_block}", team = "${lookup.ec2.vpc.shared.tags.team}", subnet = "${lookup.ec2.subnet.b.id}", group = "${lookup.ec2.security_group.theirs.id}", public = "${lookup.route53.hosted_zone.public.id}", private = "${lookup.route53.hosted_zone.private.id}", servers = "${length(lookup.route53.hosted_zone.public.name_servers)}", certificate = "${lookup.acm.certificate.api.arn}", names = "${lookup.acm.certificate.api.subject_alternative_names}", repository = "${lookup.ecr.repository.app.repository_uri}", role = "${lookup.iam.role.theirs.arn}", principal = "${lookup.iam.role.theirs.assume_role_policy_document.Statement[0].Principal.Service}", balancer = "${lookup.elbv2.load_balancer.theirs.arn}", dns_name = "${lookup.elbv2.load_balancer.theirs.dns_name}", by_tags = "${lookup.elbv2.load_balancer.by_tags.arn}", cluster = "${lookup.ecs.cluster.theirs.arn}" }
"#;

/// A project in which the file stands, with what it looks up.
fn project() -> (Project, Value) {
    let project = Project::sandbox();
    project.write_image("image", "one");
    // The first cluster of an account is refused until ECS sees its own role.
    let role = "client('iam').create_service_linked_role(AWSServiceName='ecs.amazonaws.com'); result = None";
    project.boto3(&Value::Null, role);
    project.emulator().advance(3600.0).unwrap();
    let theirs = project.boto3(&Value::Null, THEIRS);
    // A certificate takes its time to be issued, a load balancer to be there.
    project.emulator().advance(3600.0).unwrap();
    let vpc = theirs["vpc"].as_str().unwrap();
    project.write(FILE, &STACK.replace("vpc-0", vpc));
    (project, theirs)
}

#[test]
fn what_is_looked_up_is_used_and_stays_theirs() {
    let (project, theirs) = project();
    let before = project.held();
    project.forget_requests();
    project.stack("apply", FILE, &["-y"]).exits(0);
    let asked = project.requests();
    for operation in ["ListCertificates", "ListHostedZonesByName"] {
        let count: u64 = asked
            .counts
            .iter()
            .filter(|(name, _)| name.ends_with(operation))
            .map(|(_, count)| *count)
            .sum();
        let lookups = if operation == "ListCertificates" { 1 } else { 2 };
        assert_eq!(
            count, lookups,
            "{operation}: each lookup once in a run: {asked:?}"
        );
    }

    let found = project
        .stack("output", FILE, &["found", "--output=json"])
        .exits(0);
    assert_eq!(found.json_of("output")[0]["value"], theirs);
    project
        .stack("diff", FILE, &["--unmanaged"])
        .exits(0)
        .says(["No differences"]);

    // Nothing of theirs is in the state.
    let state: Value =
        serde_json::from_str(&project.stack("state export", FILE, &[]).exits(0).stdout).unwrap();
    let addresses: Vec<&String> = state["resources"].as_object().unwrap().keys().collect();
    assert_eq!(
        addresses,
        [
            "ec2.security_group_rule.own",
            "ec2.subnet.own",
            "ecr.image.own",
            "route53.record.own"
        ]
    );

    // What is theirs changes: what is made of it follows, by a plan that is carried out as it was saved.
    let moved = project.boto3(
        &json!({ "vpc": theirs["vpc"] }),
        "ec2 = client('ec2')\n\
         ec2.delete_tags(Resources=[given['vpc']], Tags=[{'Key': 'Name'}])\n\
         result = ec2.create_vpc(CidrBlock='10.9.0.0/16', TagSpecifications=[{'ResourceType': 'vpc', 'Tags': [\
         {'Key': 'Name', 'Value': 'shared'}, {'Key': 'team', 'Value': 'others'}]}])['Vpc']['VpcId']",
    );
    project.stack("plan", FILE, &["--out=plan.json"]).exits(0).says([
        moved.as_str().unwrap(),
        "10.9.200.0/24",
        "1 to replace",
    ]);
    project.infra(["apply", "--plan", "plan.json", "-y"]).exits(0);
    let found = project
        .stack("output", FILE, &["found", "--output=json"])
        .exits(0);
    assert_eq!(found.json_of("output")[0]["value"]["team"], "others");
    project.stack("diff", FILE, &[]).exits(0);

    project.stack("destroy", FILE, &["-y"]).exits(0);
    let left = project.held();
    assert_eq!(left.ids("ec2.subnet"), before.ids("ec2.subnet"));
    assert_eq!(left.ids("route53.record"), before.ids("route53.record"));
    assert_eq!(left.counts()["ec2.vpc"], before.counts()["ec2.vpc"] + 1);
}

#[test]
fn what_is_not_there_or_there_more_than_once_is_told_at_its_line() {
    let (project, theirs) = project();
    let stack = STACK
        .replace("vpc-0", theirs["vpc"].as_str().unwrap())
        .replace(
            "tags = { Name = \"${var.shared}\" }",
            "tags = { team = \"network\" }",
        )
        .replace("role_name = \"theirs\"", "role_name = \"nobodys\"")
        .replace("cluster_name = \"theirs\"", "cluster_name = \"nobodys\"")
        .replace("private_zone = false\n", "");
    project.write(FILE, &stack);
    let run = project.stack("plan", FILE, &[]).exits(65).says([
        "`lookup.ec2.vpc.shared` found 2 things, but has to find one: vpc-",
        "[lookup.ec2.vpc.shared]",
        "look for it by more of its attributes",
        "`lookup.route53.hosted_zone.public` found 2 things",
        "`lookup.iam.role.theirs` found nothing",
        "[lookup.iam.role.theirs]",
        "`lookup.ecs.cluster.theirs` found nothing",
    ]);
    assert!(!run.stderr.contains("lookup.acm"), "{run}");
    project.forget_requests();
    project.stack("apply", FILE, &["-y"]).exits(65);
    assert!(project.requests().mutating.is_empty());
}

#[test]
fn what_cannot_be_looked_up_is_told_before_aws_is_asked() {
    let project = Project::sandbox();
    project.write(
        FILE,
        r#"
[stack]
name   = "uses"
stage  = "dev"
region = "us-east-1"

[lookup.logs.log_group.app]
log_group_name = "/app"

[lookup.route53.hosted_zone.all]
private_zone = true

[lookup.ec2.vpc.main]
enable_dns_support = true
"#,
    );
    project.infra(["validate", FILE]).exits(65).says([
        "`logs.log_group` cannot be looked up",
        "`ec2.security_group`",
        "a hosted zone is looked for by its `name` or its `id`",
        "`ec2.vpc` cannot be looked up by `enable_dns_support`",
        "it is looked up by `cidr_block`, `id`, `is_default`, `tags`",
    ]);
    project
        .infra(["schema", "lookup.acm.certificate"])
        .exits(0)
        .says(["## Looked up by", "`domain_name`", "## Tells besides"]);
    project
        .infra(["schema"])
        .exits(0)
        .says(["lookup.acm.certificate"]);
}
