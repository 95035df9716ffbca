"""What takes its time: the states on the way up and down."""

from support import SandboxTest, advance


class Pending(SandboxTest):
    def test_nat_gateway(self):
        self.network()
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        request = dict(SubnetId=self.subnets[0], AllocationId=address, ClientToken="t")
        nat = self.ec2.create_nat_gateway(**request)["NatGateway"]
        self.assertEqual(nat["State"], "pending")
        # The same token is the same gateway; the address is taken for any other.
        again = self.ec2.create_nat_gateway(**request)["NatGateway"]
        self.assertEqual(again["NatGatewayId"], nat["NatGatewayId"])
        self.refused("IdempotentParameterMismatch", self.ec2.create_nat_gateway, **(request | {"SubnetId": "x"}))
        self.refused("Resource.AlreadyAssociated", self.ec2.create_nat_gateway, **(request | {"ClientToken": "u"}))

        def state():
            found = self.ec2.describe_nat_gateways(NatGatewayIds=[nat["NatGatewayId"]])
            return found["NatGateways"][0]["State"]

        self.assertEqual(state(), "pending")
        advance(90)
        self.assertEqual(state(), "available")
        table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        route = dict(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat["NatGatewayId"])
        self.ec2.create_route(**route)
        self.refused("RouteAlreadyExists", self.ec2.create_route, **route)

        self.ec2.delete_nat_gateway(NatGatewayId=nat["NatGatewayId"])
        self.assertEqual(state(), "deleting")
        self.refused("InvalidIPAddress.InUse", self.ec2.release_address, AllocationId=address)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.subnets[0])
        self.refused(
            "DependencyViolation", self.ec2.detach_internet_gateway, InternetGatewayId=self.gateway, VpcId=self.vpc
        )
        advance(60)
        self.assertEqual(state(), "deleted")
        routes = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        self.assertIn("blackhole", [each["State"] for each in routes])
        self.ec2.release_address(AllocationId=address)
        self.ec2.delete_subnet(SubnetId=self.subnets[0])
        self.ec2.detach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)

    def test_nat_gateway_without_internet_gateway_fails(self):
        self.network()
        self.ec2.detach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.ec2.create_nat_gateway(SubnetId=self.subnets[0], AllocationId=address)
        advance(90)
        nat = self.ec2.describe_nat_gateways()["NatGateways"][0]
        self.assertEqual((nat["State"], nat["FailureCode"]), ("failed", "Gateway.NotAttached"))
        self.ec2.release_address(AllocationId=address)

    def test_interface_endpoint(self):
        self.network()
        request = dict(
            VpcId=self.vpc,
            VpcEndpointType="Interface",
            ServiceName="com.amazonaws.us-east-1.logs",
            SubnetIds=self.subnets,
            SecurityGroupIds=[self.group],
        )
        endpoint = self.ec2.create_vpc_endpoint(**request, ClientToken="t")["VpcEndpoint"]
        self.assertEqual((endpoint["State"], len(endpoint["NetworkInterfaceIds"])), ("pending", 2))
        again = self.ec2.create_vpc_endpoint(**request, ClientToken="t")["VpcEndpoint"]
        self.assertEqual(again["VpcEndpointId"], endpoint["VpcEndpointId"])
        self.refused("InvalidParameter", self.ec2.create_vpc_endpoint, **request)
        ids = dict(VpcEndpointIds=[endpoint["VpcEndpointId"]])
        advance(75)
        self.assertEqual(self.ec2.describe_vpc_endpoints(**ids)["VpcEndpoints"][0]["State"], "available")
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=self.group)
        self.ec2.delete_vpc_endpoints(**ids)
        self.assertEqual(self.ec2.describe_vpc_endpoints(**ids)["VpcEndpoints"][0]["State"], "deleting")
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.subnets[0])
        advance(60)
        self.refused("InvalidVpcEndpointId.NotFound", self.ec2.describe_vpc_endpoints, **ids)
        self.ec2.delete_security_group(GroupId=self.group)

    def test_load_balancer(self):
        self.network()
        self.load_balancer()

        def state():
            return self.elbv2.describe_load_balancers(Names=["alb"])["LoadBalancers"][0]["State"]["Code"]

        self.assertEqual(state(), "provisioning")
        advance(150)
        self.assertEqual(state(), "active")
        self.refused("ResourceInUse", self.elbv2.delete_target_group, TargetGroupArn=self.targets)
        self.elbv2.delete_load_balancer(LoadBalancerArn=self.balancer)
        self.refused("LoadBalancerNotFound", self.elbv2.describe_load_balancers, Names=["alb"])
        # Its interfaces outlive it.
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=self.group)
        advance(60)
        self.ec2.delete_security_group(GroupId=self.group)

    def test_vpc_link(self):
        self.network()
        self.load_balancer()
        gateway = self.apigatewayv2
        link = gateway.create_vpc_link(Name="l", SubnetIds=self.subnets, SecurityGroupIds=[self.group])
        link_id = dict(VpcLinkId=link["VpcLinkId"])
        self.assertEqual(gateway.get_vpc_link(**link_id)["VpcLinkStatus"], "PENDING")
        advance(120)
        self.assertEqual(gateway.get_vpc_link(**link_id)["VpcLinkStatus"], "AVAILABLE")
        api = gateway.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
        integration = gateway.create_integration(
            ApiId=api,
            IntegrationType="HTTP_PROXY",
            IntegrationMethod="ANY",
            ConnectionType="VPC_LINK",
            ConnectionId=link["VpcLinkId"],
            IntegrationUri=self.listener,
            PayloadFormatVersion="1.0",
        )["IntegrationId"]
        self.refused("BadRequestException", gateway.delete_vpc_link, **link_id)
        gateway.delete_integration(ApiId=api, IntegrationId=integration)
        gateway.delete_vpc_link(**link_id)
        self.assertEqual(gateway.get_vpc_link(**link_id)["VpcLinkStatus"], "DELETING")
        advance(90)
        self.refused("NotFoundException", gateway.get_vpc_link, **link_id)

    def test_certificate_domain_name_and_record(self):
        gateway, name = self.apigatewayv2, "api.example.com"
        certificate = self.acm.request_certificate(DomainName=name)["CertificateArn"]
        configuration = dict(
            DomainName=name, DomainNameConfigurations=[{"CertificateArn": certificate, "EndpointType": "REGIONAL"}]
        )
        self.refused("BadRequestException", gateway.create_domain_name, **configuration)
        advance(60)
        made = gateway.create_domain_name(**configuration)["DomainNameConfigurations"][0]
        self.assertEqual((made["DomainNameStatus"], made["HostedZoneId"]), ("UPDATING", "Z1UJRXOUMOOFQ8"))
        advance(60)
        found = gateway.get_domain_name(DomainName=name)["DomainNameConfigurations"][0]
        self.assertEqual(found, made | {"DomainNameStatus": "AVAILABLE"})
        self.refused("ConflictException", gateway.create_domain_name, **configuration)
        self.refused("ResourceInUseException", self.acm.delete_certificate, CertificateArn=certificate)

        zone = self.route53.create_hosted_zone(Name="example.com", CallerReference=self.account)["HostedZone"]["Id"]
        self.refused(
            "HostedZoneAlreadyExists", self.route53.create_hosted_zone, Name="example.com", CallerReference=self.account
        )
        alias = {
            "HostedZoneId": made["HostedZoneId"],
            "DNSName": made["ApiGatewayDomainName"],
            "EvaluateTargetHealth": False,
        }

        def change(action, **target):
            record = {"Name": name, "Type": "A", "AliasTarget": alias | target}
            batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
            return dict(HostedZoneId=zone, ChangeBatch=batch)

        submitted = self.route53.change_resource_record_sets(**change("CREATE"))["ChangeInfo"]
        self.assertEqual(self.route53.get_change(Id=submitted["Id"])["ChangeInfo"]["Status"], "PENDING")
        advance(60)
        self.assertEqual(self.route53.get_change(Id=submitted["Id"])["ChangeInfo"]["Status"], "INSYNC")
        for refused in (change("CREATE"), change("DELETE", DNSName="other.example.com")):
            self.refused("InvalidChangeBatch", self.route53.change_resource_record_sets, **refused)
        self.route53.change_resource_record_sets(**change("DELETE"))
