# Everything that an account holds of the services that stacks use, as [kind, id] pairs, but for what AWS puts
# into every account: the default VPC with its parts, managed policies, service-linked roles, the records that
# a zone begins with.

held = []


def hold(kind, identity):
    held.append([kind, identity])


def ec2(kind, operation, key, identity, unless=lambda item: False):
    for item in pages("ec2", operation, key):
        if item.get("VpcId") not in default_vpcs and not unless(item):
            hold(kind, item[identity])


def gone(item):
    return item.get("State", "").lower() in ("deleted", "deleting")


def is_default(item):
    return item.get("GroupName") == "default"


vpcs = list(pages("ec2", "describe_vpcs", "Vpcs"))
default_vpcs = {vpc["VpcId"] for vpc in vpcs if vpc["IsDefault"]}
for vpc in vpcs:
    if vpc["VpcId"] not in default_vpcs:
        hold("ec2.vpc", vpc["VpcId"])
ec2("ec2.subnet", "describe_subnets", "Subnets", "SubnetId")
# A VPC brings a main route table and a default group along, and takes them with it: they are no one's.
ec2("ec2.route_table", "describe_route_tables", "RouteTables", "RouteTableId",
    lambda table: any(each.get("Main") for each in table["Associations"]))
ec2("ec2.security_group", "describe_security_groups", "SecurityGroups", "GroupId", is_default)
for table in pages("ec2", "describe_route_tables", "RouteTables"):
    for route in table["Routes"]:
        # AWS's own: the way inside the VPC, and those that gateway endpoints bring along.
        if route.get("GatewayId") != "local" and not route.get("DestinationPrefixListId"):
            hold("ec2.route", f'{table["RouteTableId"]}/{route["DestinationCidrBlock"]}')
    for association in table["Associations"]:
        if not association.get("Main"):
            hold("ec2.route_table_association", association["SubnetId"])
groups = {group["GroupId"]: group for group in pages("ec2", "describe_security_groups", "SecurityGroups")}
for rule in pages("ec2", "describe_security_group_rules", "SecurityGroupRules"):
    if rule["GroupId"] in groups and not is_default(groups[rule["GroupId"]]):
        # A group begins with a rule that lets everything out.
        is_first = rule["IsEgress"] and rule["IpProtocol"] == "-1" and rule.get("CidrIpv4") == "0.0.0.0/0"
        hold("ec2.default_egress" if is_first else "ec2.security_group_rule", rule["SecurityGroupRuleId"])
ec2("ec2.nat_gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId", gone)
ec2("ec2.vpc_endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", gone)
for gateway in pages("ec2", "describe_internet_gateways", "InternetGateways"):
    if not any(each["VpcId"] in default_vpcs for each in gateway["Attachments"]):
        hold("ec2.internet_gateway", gateway["InternetGatewayId"])
for address in pages("ec2", "describe_addresses", "Addresses"):
    hold("ec2.eip", address["AllocationId"])
for interface in pages("ec2", "describe_network_interfaces", "NetworkInterfaces"):
    # Unchanged moto forgets to delete the interface of a NAT gateway that it has deleted.
    if given["sandbox"]:
        hold("ec2.network_interface", interface["NetworkInterfaceId"])

for balancer in pages("elbv2", "describe_load_balancers", "LoadBalancers"):
    hold("elbv2.load_balancer", balancer["LoadBalancerArn"])
    for listener in pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"]):
        hold("elbv2.listener", listener["ListenerArn"])
for group in pages("elbv2", "describe_target_groups", "TargetGroups"):
    hold("elbv2.target_group", group["TargetGroupArn"])

ecs = client("ecs")
for cluster in pages("ecs", "list_clusters", "clusterArns"):
    # A deleted cluster is told as INACTIVE for a while; so is a deleted service.
    if ecs.describe_clusters(clusters=[cluster])["clusters"][0]["status"] == "ACTIVE":
        hold("ecs.cluster", cluster)
        for service in pages("ecs", "list_services", "serviceArns", cluster=cluster):
            described = ecs.describe_services(cluster=cluster, services=[service])["services"][0]
            if described["status"] != "INACTIVE":
                hold("ecs.service", service)
                if given["rollouts"]:
                    rollouts = pages("ecs", "list_service_deployments", "serviceDeployments", cluster=cluster, service=service)
                    for rollout in rollouts:
                        # Those of a deleted service of the same name are told as well.
                        if rollout["createdAt"] >= described["createdAt"]:
                            hold("ecs.rollout", rollout["serviceDeploymentArn"])
        for task in pages("ecs", "list_tasks", "taskArns", cluster=cluster):
            hold("ecs.task", task)
for definition in pages("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"):
    hold("ecs.task_definition", definition)

for repository in pages("ecr", "describe_repositories", "repositories"):
    name = repository["repositoryName"]
    hold("ecr.repository", name)
    try:
        client("ecr").get_lifecycle_policy(repositoryName=name)
        hold("ecr.lifecycle_policy", name)
    except client("ecr").exceptions.LifecyclePolicyNotFoundException:
        pass
    for image in pages("ecr", "list_images", "imageIds", repositoryName=name):
        hold("ecr.image", f'{name}@{image["imageDigest"]}:{image.get("imageTag", "")}')

iam = client("iam")
for role in pages("iam", "list_roles", "Roles"):
    if role["Path"].startswith("/aws-service-role/") or role["RoleName"] in given["ignored_roles"]:
        continue
    hold("iam.role", role["RoleName"])
    for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
        hold("iam.role_policy", f'{role["RoleName"]}/{policy}')
    for policy in iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]:
        hold("iam.role_policy_attachment", f'{role["RoleName"]}/{policy["PolicyArn"]}')
for policy in pages("iam", "list_policies", "Policies", Scope="Local"):
    hold("iam.policy", policy["Arn"])

gateway = client("apigatewayv2")
for api in pages("apigatewayv2", "get_apis", "Items"):
    hold("apigatewayv2.api", api["ApiId"])
    for kind, operation, key in (
        ("integration", "get_integrations", "IntegrationId"),
        ("route", "get_routes", "RouteId"),
        ("stage", "get_stages", "StageName"),
    ):
        for item in pages("apigatewayv2", operation, "Items", ApiId=api["ApiId"]):
            hold(f"apigatewayv2.{kind}", f'{api["ApiId"]}/{item[key]}')
for link in pages("apigatewayv2", "get_vpc_links", "Items"):
    hold("apigatewayv2.vpc_link", link["VpcLinkId"])
for domain in pages("apigatewayv2", "get_domain_names", "Items"):
    hold("apigatewayv2.domain_name", domain["DomainName"])
    for mapping in pages("apigatewayv2", "get_api_mappings", "Items", DomainName=domain["DomainName"]):
        hold("apigatewayv2.api_mapping", f'{domain["DomainName"]}/{mapping["ApiMappingId"]}')

for zone in pages("route53", "list_hosted_zones", "HostedZones"):
    for record in pages("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"]):
        if not (record["Name"] == zone["Name"] and record["Type"] in ("NS", "SOA")):
            hold("route53.record", f'{zone["Id"]} {record["Name"]} {record["Type"]}')

for group in pages("logs", "describe_log_groups", "logGroups"):
    hold("logs.log_group", group["logGroupName"])
for target in pages("application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"):
    hold("applicationautoscaling.scalable_target", target["ResourceId"])
for policy in pages("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="ecs"):
    hold("applicationautoscaling.scaling_policy", policy["PolicyARN"])
for alarm in pages("cloudwatch", "describe_alarms", "MetricAlarms"):
    hold("cloudwatch.alarm", alarm["AlarmName"])

result = held
