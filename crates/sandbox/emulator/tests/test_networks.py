"""What AWS refuses of networks: what would reach into another VPC, and deletes of what is still in use."""

from typing import Any

from support import REGION, SandboxTest, advance


class Networks(SandboxTest):
    def setUp(self) -> None:
        super().setUp()
        self.network()

    def another_vpc(self) -> tuple[str, list[str], str]:
        """A VPC with two subnets and a security group."""
        vpc = self.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=REGION + zone)["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate("ab")
        ]
        group = self.ec2.create_security_group(GroupName="o", Description="d", VpcId=vpc)["GroupId"]
        return vpc, subnets, group

    # One VPC

    def test_a_load_balancer_stays_in_its_vpc(self):
        self.load_balancer()
        vpc, subnets, group = self.another_vpc()
        balancer, code = dict(LoadBalancerArn=self.balancer), "InvalidConfigurationRequest"
        self.refused(code, self.elbv2.set_subnets, **balancer, Subnets=subnets)
        self.refused(code, self.elbv2.set_security_groups, **balancer, SecurityGroups=[group])
        create = dict(Name="other", Scheme="internal")
        mixed = [self.subnets[0], subnets[1]]
        self.refused(code, self.elbv2.create_load_balancer, **create, Subnets=mixed)
        groups = [self.group]
        self.refused(code, self.elbv2.create_load_balancer, **create, Subnets=subnets, SecurityGroups=groups)
        targets = self.elbv2.create_target_group(Name="t", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        arn = targets["TargetGroups"][0]["TargetGroupArn"]
        forward = [{"Type": "forward", "TargetGroupArn": arn}]
        listener = dict(Protocol="HTTP", Port=81, DefaultActions=forward)
        said = self.refused(code, self.elbv2.create_listener, **balancer, **listener)
        self.assertIn("is in a different VPC than load balancer", said)
        self.refused(code, self.elbv2.modify_listener, ListenerArn=self.listener, DefaultActions=forward)
        self.elbv2.set_subnets(**balancer, Subnets=self.subnets)

    def test_subnets_and_groups_are_of_one_vpc(self):
        self.load_balancer()
        vpc, subnets, group = self.another_vpc()
        endpoint = dict(
            ServiceName="com.amazonaws.us-east-1.logs", VpcEndpointType="Interface", PrivateDnsEnabled=False
        )
        create, modify = self.ec2.create_vpc_endpoint, self.ec2.modify_vpc_endpoint
        self.refused("InvalidParameter", create, VpcId=self.vpc, SubnetIds=subnets, **endpoint)
        self.refused("InvalidParameter", create, VpcId=vpc, SubnetIds=subnets, SecurityGroupIds=[self.group], **endpoint)
        made = create(VpcId=vpc, SubnetIds=subnets[:1], **endpoint)["VpcEndpoint"]["VpcEndpointId"]
        self.refused("InvalidParameter", modify, VpcEndpointId=made, AddSubnetIds=self.subnets[1:])
        self.refused("InvalidParameter", modify, VpcEndpointId=made, AddSecurityGroupIds=[self.group])
        link = self.apigatewayv2.create_vpc_link
        self.refused("BadRequestException", link, Name="l", SubnetIds=[self.subnets[0], subnets[1]])
        self.refused("BadRequestException", link, Name="l", SubnetIds=subnets, SecurityGroupIds=[self.group])
        mixed = {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [self.group]}}
        definition = self.definition()
        with self.assertRaises(self.ecs.exceptions.InvalidParameterException):
            self.service(definition, networkConfiguration=mixed)

    # In use

    def test_a_subnet_stays_while_an_interface_is_in_it(self):
        self.load_balancer()
        for subnet in self.subnets:
            self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=subnet)
        own = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.9.0/24")["Subnet"]["SubnetId"]
        interface = self.ec2.create_network_interface(SubnetId=own)["NetworkInterface"]["NetworkInterfaceId"]
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=own)
        self.ec2.delete_network_interface(NetworkInterfaceId=interface)
        instance = self.instance(own)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=own)
        held = self.ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [own]}])
        held = held["NetworkInterfaces"][0]
        self.assertEqual((held["Status"], held["Attachment"]["InstanceId"]), ("in-use", instance))
        interface = held["NetworkInterfaceId"]
        said = self.refused(
            "InvalidParameterValue", self.ec2.delete_network_interface, NetworkInterfaceId=interface
        )
        self.assertIn("currently in use", said)
        self.ec2.terminate_instances(InstanceIds=[instance])
        self.ec2.delete_subnet(SubnetId=own)

    def instance(self, subnet: str, **more: Any) -> str:
        image = self.ec2.register_image(Name="image", RootDeviceName="/dev/sda1")["ImageId"]
        run = dict(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro")
        place = more or {"SubnetId": subnet, "SecurityGroupIds": [self.group]}
        return self.ec2.run_instances(**run, **place)["Instances"][0]["InstanceId"]

    def test_a_vpc_stays_while_anything_is_in_it(self):
        vpc = self.ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
        ec2, of = self.ec2, dict(VpcId=vpc)
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        outward = lambda: ec2.create_egress_only_internet_gateway(**of)["EgressOnlyInternetGateway"]
        attachment = dict(InternetGatewayId=gateway, **of)
        holders = {
            "a subnet": (
                lambda: ec2.create_subnet(**of, CidrBlock="10.8.0.0/24")["Subnet"]["SubnetId"],
                lambda made: ec2.delete_subnet(SubnetId=made),
            ),
            "a security group": (
                lambda: ec2.create_security_group(**of, GroupName="x", Description="d")["GroupId"],
                lambda made: ec2.delete_security_group(GroupId=made),
            ),
            "a route table": (
                lambda: ec2.create_route_table(**of)["RouteTable"]["RouteTableId"],
                lambda made: ec2.delete_route_table(RouteTableId=made),
            ),
            "an access control list": (
                lambda: ec2.create_network_acl(**of)["NetworkAcl"]["NetworkAclId"],
                lambda made: ec2.delete_network_acl(NetworkAclId=made),
            ),
            "an internet gateway": (
                lambda: ec2.attach_internet_gateway(**attachment),
                lambda _: ec2.detach_internet_gateway(**attachment),
            ),
            "an egress-only gateway": (
                lambda: outward()["EgressOnlyInternetGatewayId"],
                lambda made: ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=made),
            ),
            "a gateway endpoint": (
                lambda: ec2.create_vpc_endpoint(**of, ServiceName="com.amazonaws.us-east-1.s3")["VpcEndpoint"][
                    "VpcEndpointId"
                ],
                lambda made: ec2.delete_vpc_endpoints(VpcEndpointIds=[made]),
            ),
        }
        for what, (make, remove) in holders.items():
            with self.subTest(what):
                made = make()
                self.refused("DependencyViolation", ec2.delete_vpc, **of)
                remove(made)
        ec2.delete_vpc(**of)

    def test_a_gateway_stays_attached_while_public_addresses_are_mapped(self):
        place = dict(InternetGatewayId=self.gateway, VpcId=self.vpc)
        detach = self.ec2.detach_internet_gateway
        self.refused("DependencyViolation", self.ec2.delete_internet_gateway, InternetGatewayId=self.gateway)
        with self.subTest("a load balancer that faces the internet"):
            balancer = dict(Name="facing", Subnets=self.subnets, SecurityGroups=[self.group])
            made = self.elbv2.create_load_balancer(**balancer)["LoadBalancers"][0]["LoadBalancerArn"]
            self.assertIn("mapped public address", self.refused("DependencyViolation", detach, **place))
            self.elbv2.delete_load_balancer(LoadBalancerArn=made)
        with self.subTest("its interfaces, which stay for a while"):
            self.refused("DependencyViolation", detach, **place)
            advance(3600)
        with self.subTest("an instance with an address of its own"):
            interface = {"DeviceIndex": 0, "SubnetId": self.subnets[0], "AssociatePublicIpAddress": True}
            instance = self.instance(self.subnets[0], NetworkInterfaces=[interface])
            self.refused("DependencyViolation", detach, **place)
            self.ec2.terminate_instances(InstanceIds=[instance])
        with self.subTest("an internal load balancer has none"):
            self.load_balancer()
            detach(**place)

    def test_an_address_stays_while_an_interface_has_it(self):
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        gateway = self.ec2.create_nat_gateway(SubnetId=self.subnets[0], AllocationId=address)["NatGateway"]
        self.refused("InvalidIPAddress.InUse", self.ec2.release_address, AllocationId=address)
        by = [{"Name": "association.allocation-id", "Values": [address]}]
        found = self.ec2.describe_network_interfaces(Filters=by)["NetworkInterfaces"]
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0]["Description"], f"Interface for NAT Gateway {gateway['NatGatewayId']}")
        self.assertEqual(found[0]["Association"]["AllocationId"], address)
        self.ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
        advance(3600)
        self.assertEqual(self.ec2.describe_network_interfaces(Filters=by)["NetworkInterfaces"], [])
        self.ec2.release_address(AllocationId=address)

    def test_a_security_group_stays_while_another_names_it(self):
        delete = self.ec2.delete_security_group
        other = self.ec2.create_security_group(GroupName="o", Description="d", VpcId=self.vpc)["GroupId"]
        rule = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": self.group}]}]
        own = self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=rule)
        self.assertTrue(own["Return"])
        for allow, revoke in (
            (self.ec2.authorize_security_group_ingress, self.ec2.revoke_security_group_ingress),
            (self.ec2.authorize_security_group_egress, self.ec2.revoke_security_group_egress),
        ):
            allow(GroupId=other, IpPermissions=rule)
            self.refused("DependencyViolation", delete, GroupId=self.group)
            revoke(GroupId=other, IpPermissions=rule)
        interface = self.ec2.create_network_interface(SubnetId=self.subnets[0], Groups=[self.group])
        self.refused("DependencyViolation", delete, GroupId=self.group)
        interface = interface["NetworkInterface"]["NetworkInterfaceId"]
        self.ec2.delete_network_interface(NetworkInterfaceId=interface)
        # Its own rules do not hold it.
        delete(GroupId=self.group)

    def test_a_route_table_stays_while_a_subnet_follows_it(self):
        table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        link = self.ec2.associate_route_table(RouteTableId=table, SubnetId=self.subnets[0])["AssociationId"]
        delete = self.ec2.delete_route_table
        self.refused("DependencyViolation", delete, RouteTableId=table)
        self.refused("DependencyViolation", delete, RouteTableId=self.table)
        self.ec2.disassociate_route_table(AssociationId=link)
        delete(RouteTableId=table)
