//! Networks that change under what stands in them.

use serde_json::Value;

use crate::harness::{Project, Reference, Run};

#[test]
fn a_stack_moves_to_another_network() {
    let mut reference = Reference::dev02_with_everything();
    reference.apply();
    reference.set("vpc_cidr", "10.7.0.0/16");
    reference
        .run("plan", &[])
        .exits(0)
        .says(["ec2.vpc.main, which it refers to, is replaced"]);
    let moved = reference.apply();
    for made in ["ec2.vpc.main", "elbv2.load_balancer.main", "elbv2.listener.http"] {
        moved.tells(&format!("{made}: created"));
    }
    let held = reference.project.held();
    assert_eq!(held.ids("ec2.vpc").len(), 1, "{held}");
    assert_eq!(held.ids("elbv2.load_balancer").len(), 1, "{held}");
    reference.differs_in_nothing();
    reference.applies_again_without_a_change();
    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}

const FILE: &str = "stacks/narrow.toml";

const STACK: &str = r#"
[stack]
name = "narrow"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]

[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.main]
for_each          = { us-east-1a = "10.0.0.0/24", us-east-1b = "10.0.1.0/24" }
vpc_id            = "${ec2.vpc.main.id}"
availability_zone = "${each.key}"
cidr_block        = "${each.value}"

[ec2.internet_gateway.main]
vpc_id = "${ec2.vpc.main.id}"

[ec2.security_group.main]
vpc_id      = "${ec2.vpc.main.id}"
group_name  = "narrow"
description = "narrow"
"#;

const BALANCER: &str = r#"
[elbv2.load_balancer.main]
name            = "narrow"
scheme          = "internal"
subnets         = "${values(ec2.subnet.main)[*].id}"
security_groups = ["${ec2.security_group.main.id}"]
"#;

/// Others start an instance with a public address in one of the subnets, and let their own security group take in what is in ours.
const OTHERS: &str = r#"
ec2 = client('ec2')
vpc = ec2.describe_vpcs(Filters=[{'Name': 'cidr', 'Values': ['10.0.0.0/16']}])['Vpcs'][0]['VpcId']
own = [{'Name': 'vpc-id', 'Values': [vpc]}]
subnet = [each['SubnetId'] for each in ec2.describe_subnets(Filters=own)['Subnets']][0]
ours = [each['GroupId'] for each in ec2.describe_security_groups(Filters=own)['SecurityGroups'] if each['GroupName'] == 'narrow'][0]
image = ec2.register_image(Name='theirs', RootDeviceName='/dev/xvda')['ImageId']
instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, NetworkInterfaces=[
    {'DeviceIndex': 0, 'SubnetId': subnet, 'AssociatePublicIpAddress': True}])['Instances'][0]['InstanceId']
group = ec2.create_security_group(VpcId=vpc, GroupName='theirs', Description='theirs')['GroupId']
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': 1, 'ToPort': 1,
    'UserIdGroupPairs': [{'GroupId': ours}]}])
result = {'instance': instance, 'group': group, 'ours': ours, 'image': image}
"#;

/// How often a run has said something.
fn times(run: &Run, text: &str) -> usize {
    run.stderr.matches(text).count()
}

#[test]
fn what_others_have_in_a_network_is_told_and_not_waited_for() {
    let project = Project::sandbox();
    project.write(FILE, STACK);
    project.stack("apply", FILE, &["-y"]).exits(0);
    let others = project.boto3(&Value::Null, OTHERS);
    let of = |name: &str| others[name].as_str().unwrap().to_owned();
    let (instance, group) = (of("instance"), of("group"));

    let run = project.stack("destroy", FILE, &["-y"]).exits(1);
    let (lines, summary) = run.stderr.split_once("destroy failed").unwrap();
    let summary: Vec<&str> = summary.split_whitespace().collect();
    let summary = summary.join(" ");
    for (address, said) in [
        ("ec2.internet_gateway.main", format!("of instance {instance}")),
        ("ec2.subnet.main", format!("of instance {instance}")),
        (
            "ec2.security_group.main",
            format!("a rule of security group {group} (theirs)"),
        ),
    ] {
        let about = |text: &str| {
            let lines = lines.lines().filter(|line| line.contains(address));
            lines.filter(|line| line.contains(text)).count()
        };
        assert_eq!(about(": in the way: "), 1, "{address} in {run}");
        assert_eq!(about(": try "), 1, "{address} is tried again in {run}");
        assert_eq!(about(&said), 2, "{said} by itself and with the failure in {run}");
        assert!(summary.contains(&said), "{said} in the summary of {run}");
    }
    for said in [&instance, &group] {
        run.tells(&format!("no waiting helps: {said} is not of this stack"));
    }

    // What is in the network itself is told as well.
    let script = "ec2 = client('ec2')\n\
                  ec2.terminate_instances(InstanceIds=[given['instance']])\n\
                  pairs = [{'IpProtocol': 'tcp', 'FromPort': 1, 'ToPort': 1, 'UserIdGroupPairs': [{'GroupId': given['ours']}]}]\n\
                  ec2.revoke_security_group_ingress(GroupId=given['group'], IpPermissions=pairs)\n\
                  result = None";
    project.boto3(&others, script);
    let run = project.stack("destroy", FILE, &["-y"]).exits(1);
    run.tells(&format!("security group {group} (theirs)"));

    project.boto3(
        &others,
        "client('ec2').delete_security_group(GroupId=given['group'])\nresult = None",
    );
    project.stack("destroy", FILE, &["-y"]).exits(0);
    assert!(project.held().ids("ec2.vpc").is_empty());
}

#[test]
fn what_goes_by_itself_is_waited_for_and_told_once() {
    let project = Project::sandbox();
    project.write(FILE, &format!("{STACK}{BALANCER}"));
    project.stack("apply", FILE, &["-y"]).exits(0);
    // Here it takes some seconds.
    project.set_durations([("elbv2.load_balancer.interfaces_gone", 2500.0)]);
    let run = project.stack("destroy", FILE, &["-y"]).exits(0);
    // Two subnets with an interface each, and a group that both are in.
    assert_eq!(times(&run, "of load balancer app/narrow/"), 4, "{run}");
    assert_eq!(times(&run, "DependencyViolation"), 3, "{run}");
    project.holds_nothing();
}
