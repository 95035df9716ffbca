"""What reads do not show yet, what cannot be used yet, and roles that other services do not see yet."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError

from botocore.exceptions import ClientError
from support import TRUST, SandboxTest, advance, page, set_durations

POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
)


class Consistency(SandboxTest):
    """Every window is opened by the test that needs it, and all are closed afterwards."""

    def windows(self, durations):
        set_durations(durations)
        self.addCleanup(set_durations, dict.fromkeys(durations, 0))

    # The index of tags

    def test_the_index_of_tags_goes_on_to_have_what_is_gone(self):
        self.network()
        tags = [{"Key": "infra:stack", "Value": "mine"}]
        self.ec2.create_tags(Resources=[self.vpc, self.subnets[0]], Tags=tags)
        index = self.client("resourcegroupstaggingapi")

        def indexed():
            wanted = [{"Key": "infra:stack", "Values": ["mine"]}]
            found = index.get_resources(TagFilters=wanted)["ResourceTagMappingList"]
            return sorted(each["ResourceARN"].rsplit("/", 1)[-1] for each in found)

        both = sorted([self.vpc, self.subnets[0]])
        self.assertEqual(indexed(), both)
        self.windows({"tagging.delete.visible": 3600})
        self.ec2.delete_subnet(SubnetId=self.subnets[0])
        self.refused("InvalidSubnetID.NotFound", self.ec2.describe_subnets, SubnetIds=[self.subnets[0]])
        advance(3500)
        self.assertEqual(indexed(), both)
        advance(100)
        self.assertEqual(indexed(), [self.vpc])

    # Reads

    def test_what_is_made_shows_late(self):
        self.network()
        self.windows({"ec2.create.visible": 3})
        tags = [{"ResourceType": "subnet", "Tags": [{"Key": "a", "Value": "b"}]}]
        subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.9.0/24", TagSpecifications=tags)["Subnet"]
        filters = [{"Name": "tag:a", "Values": ["b"]}]

        def listed():
            return [each["SubnetId"] for each in self.ec2.describe_subnets(Filters=filters)["Subnets"]]

        self.refused("InvalidSubnetID.NotFound", self.ec2.describe_subnets, SubnetIds=[subnet["SubnetId"]])
        self.assertEqual(listed(), [])
        # It is there all the same: it can be used, and its block is taken.
        taken = dict(VpcId=self.vpc, CidrBlock="10.0.9.0/24")
        self.refused("InvalidSubnet.Conflict", self.ec2.create_subnet, **taken)
        self.ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": True})
        advance(2)
        self.assertEqual(listed(), [])
        advance(1)
        self.assertEqual(listed(), [subnet["SubnetId"]])

    def test_every_kind_of_ec2_has_its_own_error(self):
        self.network()
        self.windows({"ec2.create.visible": 3})
        ec2, vpc = self.ec2, self.vpc
        nat = dict(SubnetId=self.subnets[0], ConnectivityType="private")
        endpoint = dict(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")
        group = dict(GroupName="h", Description="d", VpcId=vpc)
        cases = [
            (ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"], "VpcId", ec2.describe_vpcs, "InvalidVpcID.NotFound"),
            (
                ec2.create_internet_gateway()["InternetGateway"],
                "InternetGatewayId",
                ec2.describe_internet_gateways,
                "InvalidInternetGatewayID.NotFound",
            ),
            (
                ec2.create_route_table(VpcId=vpc)["RouteTable"],
                "RouteTableId",
                ec2.describe_route_tables,
                "InvalidRouteTableID.NotFound",
            ),
            (ec2.create_security_group(**group), "GroupId", ec2.describe_security_groups, "InvalidGroup.NotFound"),
            (
                ec2.create_nat_gateway(**nat)["NatGateway"],
                "NatGatewayId",
                ec2.describe_nat_gateways,
                "NatGatewayNotFound",
            ),
            (
                ec2.create_vpc_endpoint(**endpoint)["VpcEndpoint"],
                "VpcEndpointId",
                ec2.describe_vpc_endpoints,
                "InvalidVpcEndpointId.NotFound",
            ),
            (
                ec2.allocate_address(Domain="vpc"),
                "AllocationId",
                ec2.describe_addresses,
                "InvalidAllocationID.NotFound",
            ),
        ]
        for made, key, describe, code in cases:
            with self.subTest(key):
                self.refused(code, describe, **{key + "s": [made[key]]})
        advance(3)
        for made, key, describe, _ in cases:
            with self.subTest(key):
                describe(**{key + "s": [made[key]]})

    def test_what_is_changed_shows_late(self):
        self.network()
        table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self.windows({"ec2.change.visible": 2})
        self.ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": False})
        self.ec2.create_tags(Resources=[self.vpc], Tags=[{"Key": "a", "Value": "b"}])
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        rules = self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[rule])
        route = dict(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
        self.ec2.create_route(**route, GatewayId=self.gateway)
        # The change of a rule is one of its group, too.
        changed = {"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81, "CidrIpv4": "10.0.0.0/8"}
        identity = rules["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        self.ec2.modify_security_group_rules(
            GroupId=self.group, SecurityGroupRules=[{"SecurityGroupRuleId": identity, "SecurityGroupRule": changed}]
        )

        def seen():
            hostnames = self.ec2.describe_vpc_attribute(VpcId=self.vpc, Attribute="enableDnsHostnames")
            vpc = self.ec2.describe_vpcs(VpcIds=[self.vpc])["Vpcs"][0]
            group = self.ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"][0]
            routes = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
            return (
                hostnames["EnableDnsHostnames"]["Value"],
                vpc.get("Tags", []),
                [each["FromPort"] for each in group["IpPermissions"]],
                [each["DestinationCidrBlock"] for each in routes],
            )

        before = (True, [], [], ["10.0.0.0/16"])
        self.assertEqual(seen(), before)
        advance(1)
        self.assertEqual(seen(), before)
        advance(1)
        self.assertEqual(seen(), (False, [{"Key": "a", "Value": "b"}], [81], ["10.0.0.0/16", "0.0.0.0/0"]))

    def test_changes_show_one_after_the_other(self):
        self.network()
        self.windows({"ec2.change.visible": 2})

        def tag(value):
            self.ec2.create_tags(Resources=[self.vpc], Tags=[{"Key": "a", "Value": value}])

        def seen():
            return [each["Value"] for each in self.ec2.describe_vpcs(VpcIds=[self.vpc])["Vpcs"][0].get("Tags", [])]

        tag("1")
        advance(1)
        tag("2")
        self.assertEqual(seen(), [])
        advance(1)
        self.assertEqual(seen(), ["1"])
        advance(1)
        self.assertEqual(seen(), ["2"])

    def test_what_is_deleted_still_shows(self):
        self.network()
        self.windows({"ec2.delete.visible": 1})
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.ec2.release_address(AllocationId=address)
        self.ec2.delete_subnet(SubnetId=self.subnets[0])
        found = self.ec2.describe_subnets(SubnetIds=self.subnets[:1])["Subnets"]
        self.assertEqual([each["CidrBlock"] for each in found], ["10.0.0.0/24"])
        self.assertEqual(len(self.ec2.describe_addresses(AllocationIds=[address])["Addresses"]), 1)
        self.refused("InvalidSubnetID.NotFound", self.ec2.delete_subnet, SubnetId=self.subnets[0])
        advance(1)
        self.refused("InvalidSubnetID.NotFound", self.ec2.describe_subnets, SubnetIds=self.subnets[:1])
        self.refused("InvalidAllocationID.NotFound", self.ec2.describe_addresses, AllocationIds=[address])

    def test_ec2_does_not_know_its_own_new_ids(self):
        self.windows({"ec2.create.usable": 1})
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.ec2.describe_vpcs(VpcIds=[vpc])
        subnet = dict(VpcId=vpc, CidrBlock="10.0.0.0/24")
        self.refused("InvalidVpcID.NotFound", self.ec2.create_subnet, **subnet)
        tags = dict(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
        self.refused("InvalidVpcID.NotFound", self.ec2.create_tags, **tags)
        # Not found is not gone.
        self.refused("InvalidVpcID.NotFound", self.ec2.delete_vpc, VpcId=vpc)
        advance(1)
        self.ec2.create_subnet(**subnet)

    def test_load_balancers_show_late(self):
        self.network()
        self.windows({"elbv2.create.visible": 2, "elbv2.change.visible": 1})
        self.load_balancer()
        elbv2 = self.elbv2
        self.refused("LoadBalancerNotFound", elbv2.describe_load_balancers, LoadBalancerArns=[self.balancer])
        self.refused("TargetGroupNotFound", elbv2.describe_target_groups, TargetGroupArns=[self.targets])
        self.refused("ListenerNotFound", elbv2.describe_listeners, ListenerArns=[self.listener])
        self.assertEqual(elbv2.describe_load_balancers()["LoadBalancers"], [])
        advance(2)
        elbv2.describe_listeners(ListenerArns=[self.listener])
        elbv2.modify_target_group(TargetGroupArn=self.targets, HealthCheckPath="/health")
        elbv2.add_tags(ResourceArns=[self.targets], Tags=[{"Key": "a", "Value": "b"}])

        def seen():
            group = elbv2.describe_target_groups(TargetGroupArns=[self.targets])["TargetGroups"][0]
            tags = elbv2.describe_tags(ResourceArns=[self.targets])["TagDescriptions"][0]["Tags"]
            return (group["HealthCheckPath"], len(tags))

        self.assertEqual(seen(), ("/", 0))
        advance(1)
        self.assertEqual(seen(), ("/health", 1))

    def test_services_show_late(self):
        self.network()
        self.load_balancer()
        self.windows({"ecs.create.visible": 1, "ecs.change.visible": 1})
        self.service(self.definition())
        self.assertEqual(self.ecs.describe_clusters(clusters=["c"])["clusters"], [])
        self.refused("ClusterNotFoundException", self.ecs.describe_services, cluster="c", services=["s"])
        advance(1)
        self.assertEqual(len(self.described()["deployments"]), 1)
        advance(85)
        self.ecs.update_service(cluster="c", service="s", forceNewDeployment=True)
        states = [(each["status"], each["rolloutState"]) for each in self.described()["deployments"]]
        self.assertEqual(states, [("PRIMARY", "COMPLETED")])
        advance(1)
        states = [(each["status"], each["rolloutState"]) for each in self.described()["deployments"]]
        self.assertEqual(states, [("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "COMPLETED")])

    def test_roles_show_late(self):
        self.windows({"iam.create.visible": 1, "iam.change.visible": 1})
        self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
        self.refused("NoSuchEntity", self.iam.get_role, RoleName="r")
        self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=POLICY)
        advance(1)
        self.assertEqual(self.iam.list_role_policies(RoleName="r")["PolicyNames"], ["p"])
        self.iam.delete_role_policy(RoleName="r", PolicyName="p")
        self.assertEqual(self.iam.list_role_policies(RoleName="r")["PolicyNames"], ["p"])
        advance(1)
        self.assertEqual(self.iam.list_role_policies(RoleName="r")["PolicyNames"], [])

    # Roles and other services

    def register(self, **roles):
        return dict(
            family="app",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "app", "image": "docker.io/library/nginx:1"}],
            **roles,
        )

    def test_other_services_see_a_role_late(self):
        self.windows({"iam.role.usable": 10})
        role = self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        self.iam.get_role(RoleName="r")
        register = self.ecs.register_task_definition
        trusting = json.loads(TRUST)
        trusting["Statement"][0]["Principal"] = {"AWS": role}
        other = dict(RoleName="other", AssumeRolePolicyDocument=json.dumps(trusting))
        session = dict(RoleArn=role, RoleSessionName="session")

        def not_seen():
            self.refused("ClientException", register, **self.register(executionRoleArn=role))
            message = self.refused("AccessDeniedException", register, **self.register(taskRoleArn=role))
            self.assertIn(f"iam:PassRole on resource: {role}", message)
            self.refused("AccessDenied", self.sts.assume_role, **session)
            self.refused("MalformedPolicyDocument", self.iam.create_role, **other)

        not_seen()
        advance(10)
        register(**self.register(executionRoleArn=role, taskRoleArn=role))
        self.sts.assume_role(**session)
        # One that is made again under the same name is another role.
        self.iam.delete_role(RoleName="r")
        self.refused("ClientException", register, **self.register(taskRoleArn=role))
        self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
        not_seen()
        advance(10)
        self.iam.create_role(**other)

    def test_services_make_their_own_roles_and_see_them_late(self):
        self.windows({"iam.service_linked_role.usable": 5})
        message = self.refused("InvalidParameterException", self.ecs.create_cluster, clusterName="c")
        self.assertIn("Unable to assume the service linked role", message)
        advance(4)
        self.refused("InvalidParameterException", self.ecs.create_cluster, clusterName="c")
        advance(1)
        self.network()
        self.load_balancer()
        self.service(self.definition())
        target = dict(ServiceNamespace="ecs", ResourceId="service/c/s", ScalableDimension="ecs:service:DesiredCount")
        register = self.application_autoscaling.register_scalable_target
        message = self.refused("ValidationException", register, **target, MinCapacity=1, MaxCapacity=2)
        self.assertTrue(message.startswith("Unable to assume IAM role: arn:aws:iam::"), message)
        advance(5)
        register(**target, MinCapacity=1, MaxCapacity=2)
        self.refused("InvalidInput", self.iam.create_service_linked_role, AWSServiceName="ecs.amazonaws.com")
        names = {each["RoleName"] for each in self.iam.list_roles(PathPrefix="/aws-service-role/")["Roles"]}
        self.assertIn("AWSServiceRoleForECS", names)

    # Reads further behind, and one change at a time

    def test_reads_that_are_further_behind(self):
        self.addCleanup(page, "DELETE", "/_infra/faults")
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        page("POST", "/_infra/faults", {"stale_reads": 1, "stale_window_seconds": 50})
        self.refused("InvalidVpcID.NotFound", self.ec2.describe_vpcs, VpcIds=[vpc])
        page("DELETE", "/_infra/faults")
        self.ec2.describe_vpcs(VpcIds=[vpc])

    def test_things_that_take_one_change_at_a_time(self):
        api = self.apigatewayv2.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
        zone = self.route53.create_hosted_zone(Name="example.com", CallerReference=self.account)["HostedZone"]["Id"]

        def record(number):
            record = {"Name": f"r{number}.example.com", "Type": "TXT", "TTL": 1, "ResourceRecords": [{"Value": '"a"'}]}
            batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
            self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

        def route(number):
            # Long enough under way that another one can arrive meanwhile.
            scopes = [f"scope-{each}" for each in range(2000)]
            self.apigatewayv2.create_route(ApiId=api, RouteKey=f"GET /{number}", AuthorizationScopes=scopes)

        def code(change, number):
            try:
                change(number)
            except ClientError as error:
                return error.response["Error"]["Code"]
            return "done"

        for change, refusal in ((route, "ConflictException"), (record, "PriorRequestNotComplete")):
            with self.subTest(refusal), ThreadPoolExecutor(16) as pool:
                self.assertEqual([code(change, number) for number in range(3)], ["done"] * 3)
                codes = set()
                # However slow the machine is, some time two of them meet.
                for first in range(100, 2000, 16):
                    codes |= set(pool.map(lambda number: code(change, number), range(first, first + 16)))  # noqa: B023
                    if refusal in codes:
                        break
                self.assertEqual(codes, {"done", refusal})

    # The page

    def test_the_page_refuses_what_it_does_not_know(self):
        for body in ({}, {"durations_seconds": {"x": 1}}, {"durations_seconds": {"ec2.create.visible": -1}}, []):
            with self.subTest(body=body), self.assertRaises(HTTPError) as raised:
                page("POST", "/_infra/settings", body)
            self.assertEqual(raised.exception.code, 400)
            raised.exception.close()
