"""What AWS refuses although each input is well-formed: duplicates, clashes, and what is still in use."""

import json
from typing import Any

from support import TRUST, SandboxTest


class Refusals(SandboxTest):
    # EC2

    def rule(self, cidr: str, port: int, **more: Any) -> dict[str, Any]:
        return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr} | more]}

    def test_a_rule_of_a_security_group_is_there_once(self):
        self.network()
        allow = self.ec2.authorize_security_group_ingress
        made = allow(GroupId=self.group, IpPermissions=[self.rule("10.0.0.0/8", 80), self.rule("10.0.0.0/8", 81)])
        first, second = (each["SecurityGroupRuleId"] for each in made["SecurityGroupRules"])
        same = self.rule("10.0.0.0/8", 80, Description="another")
        self.refused("InvalidPermission.Duplicate", allow, GroupId=self.group, IpPermissions=[same])
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": "10.0.0.0/8"}
        change = {"SecurityGroupRuleId": second, "SecurityGroupRule": rule}
        message = self.refused(
            "InvalidPermission.Duplicate",
            self.ec2.modify_security_group_rules,
            GroupId=self.group,
            SecurityGroupRules=[change],
        )
        self.assertIn("10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW", message)
        # Two that change places do so in one call.
        other = {"SecurityGroupRuleId": first, "SecurityGroupRule": rule | {"FromPort": 81, "ToPort": 81}}
        self.ec2.modify_security_group_rules(GroupId=self.group, SecurityGroupRules=[change, other])

    def test_networks_of_one_vpc_do_not_overlap(self):
        self.network()
        create = self.ec2.create_subnet
        self.refused("InvalidSubnet.Conflict", create, VpcId=self.vpc, CidrBlock="10.0.1.128/25")
        self.refused("InvalidSubnet.Range", create, VpcId=self.vpc, CidrBlock="10.1.0.0/24")
        self.refused("InvalidSubnet.Range", create, VpcId=self.vpc, CidrBlock="10.0.9.0/29")
        self.refused("InvalidVpc.Range", self.ec2.create_vpc, CidrBlock="10.0.0.0/8")
        associate = self.ec2.associate_vpc_cidr_block
        self.refused("InvalidVpc.Range", associate, VpcId=self.vpc, CidrBlock="10.0.128.0/17")

    def test_a_route_is_there_once(self):
        self.network()
        route = dict(RouteTableId=self.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=self.gateway)
        self.refused("RouteAlreadyExists", self.ec2.create_route, **route)

    def test_what_is_named_exists(self):
        self.network()
        vpc = "vpc-0123456789abcdef0"
        self.refused("InvalidVpcID.NotFound", self.ec2.create_security_group, GroupName="x", Description="d", VpcId=vpc)
        out = dict(RouteTableId=self.table, DestinationCidrBlock="10.8.0.0/16")
        for member, value, code in [
            ("TransitGatewayId", "tgw-0123456789abcdef0", "InvalidTransitGatewayID.NotFound"),
            ("NetworkInterfaceId", "eni-0123456789abcdef0", "InvalidNetworkInterfaceID.NotFound"),
            ("VpcEndpointId", "vpce-0123456789abcdef0", "InvalidVpcEndpointId.NotFound"),
            ("VpcPeeringConnectionId", "pcx-0123456789abcdef0", "InvalidVpcPeeringConnectionID.NotFound"),
            ("NatGatewayId", "nat-0123456789abcdef0", "InvalidNatGatewayID.NotFound"),
        ]:
            for call in (self.ec2.create_route, self.ec2.replace_route):
                self.refused(code, call, **out, **{member: value})
        lists = dict(RouteTableId=self.table, DestinationPrefixListId="pl-0123456789abcdef0", GatewayId=self.gateway)
        self.refused("InvalidPrefixListID.NotFound", self.ec2.create_route, **lists)

    def test_a_rule_may_be_about_a_prefix_list(self):
        self.network()
        made = self.ec2.create_managed_prefix_list(PrefixListName="l", MaxEntries=1, AddressFamily="IPv4")
        own = made["PrefixList"]["PrefixListId"]
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "PrefixListIds": [{"PrefixListId": own}]}
        allow = self.ec2.authorize_security_group_egress
        found = allow(GroupId=self.group, IpPermissions=[rule])["SecurityGroupRules"]
        self.assertEqual([each["PrefixListId"] for each in found], [own])
        self.refused("InvalidPermission.Duplicate", allow, GroupId=self.group, IpPermissions=[rule])

    def test_a_vpc_has_one_way_to_a_service(self):
        self.network()
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            self.ec2.modify_vpc_attribute(VpcId=self.vpc, **{name: {"Value": True}})
        s3 = dict(VpcId=self.vpc, ServiceName="com.amazonaws.us-east-1.s3")
        create, modify = self.ec2.create_vpc_endpoint, self.ec2.modify_vpc_endpoint
        create(RouteTableIds=[self.table], **s3)
        self.refused("RouteAlreadyExists", create, RouteTableIds=[self.table], **s3)
        second = create(**s3)["VpcEndpoint"]["VpcEndpointId"]
        self.refused("RouteAlreadyExists", modify, VpcEndpointId=second, AddRouteTableIds=[self.table])
        logs = dict(VpcId=self.vpc, ServiceName="com.amazonaws.us-east-1.logs", VpcEndpointType="Interface")
        create(PrivateDnsEnabled=True, **logs)
        self.refused("InvalidParameter", create, PrivateDnsEnabled=True, **logs)
        second = create(PrivateDnsEnabled=False, **logs)["VpcEndpoint"]["VpcEndpointId"]
        self.refused("InvalidParameter", modify, VpcEndpointId=second, PrivateDnsEnabled=True)

    # Route 53

    def zone(self) -> str:
        return self.route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]

    def change(self, zone: str, *changes: tuple[str, str, str, str]) -> dict[str, Any]:
        batch = [
            {
                "Action": action,
                "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]},
            }
            for action, name, kind, value in changes
        ]
        return dict(HostedZoneId=zone, ChangeBatch={"Changes": batch})

    def test_a_cname_stands_alone_at_its_name(self):
        zone, change = self.zone(), self.route53.change_resource_record_sets
        cname = ("CREATE", "www.example.com", "CNAME", "other.example.com")
        address = ("CREATE", "www.example.com", "A", "192.0.2.1")
        change(**self.change(zone, cname))
        said = self.refused("InvalidChangeBatch", change, **self.change(zone, address))
        self.assertIn("RRSet of type A with DNS name www.example.com. is not permitted", said)
        self.refused("InvalidChangeBatch", change, **self.change(zone, address, ("DELETE", *cname[1:])))
        change(**self.change(zone, ("DELETE", *cname[1:]), address))
        said = self.refused("InvalidChangeBatch", change, **self.change(zone, ("UPSERT", *cname[1:])))
        self.assertIn("RRSet of type CNAME with DNS name www.example.com. is not permitted", said)

    def test_a_batch_is_done_whole_or_not_at_all(self):
        zone, change = self.zone(), self.route53.change_resource_record_sets
        first, second = (("CREATE", f"{name}.example.com", "A", "192.0.2.1") for name in "ab")
        change(**self.change(zone, first))
        self.refused("InvalidChangeBatch", change, **self.change(zone, second, first))
        other = ("DELETE", "a.example.com", "A", "192.0.2.2")
        self.refused("InvalidChangeBatch", change, **self.change(zone, second, other))
        found = self.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        self.assertEqual([each["Name"] for each in found if each["Type"] == "A"], ["a.example.com."])
        # What a batch deletes it may make again, just as it was.
        change(**self.change(zone, ("DELETE", *first[1:]), first))
        self.refused("HostedZoneNotEmpty", self.route53.delete_hosted_zone, Id=zone)
        change(**self.change(zone, ("DELETE", *first[1:])))
        self.route53.delete_hosted_zone(Id=zone)

    # IAM

    def test_a_role_is_deleted_when_nothing_hangs_on_it(self):
        role = dict(RoleName="r")
        self.iam.create_role(**role, AssumeRolePolicyDocument=TRUST)
        self.refused("EntityAlreadyExists", self.iam.create_role, **role, AssumeRolePolicyDocument=TRUST)
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        policy = dict(PolicyName="p", PolicyDocument=json.dumps(allow))
        arn = self.iam.create_policy(**policy)["Policy"]["Arn"]
        # Both are done as often as they are asked for.
        for _ in range(2):
            self.iam.put_role_policy(**role, **policy)
            self.iam.attach_role_policy(**role, PolicyArn=arn)
        attached = self.iam.list_attached_role_policies(**role)["AttachedPolicies"]
        self.assertEqual([each["PolicyArn"] for each in attached], [arn])
        self.refused("DeleteConflict", self.iam.delete_policy, PolicyArn=arn)
        self.refused("DeleteConflict", self.iam.delete_role, **role)
        self.iam.detach_role_policy(**role, PolicyArn=arn)
        self.refused("NoSuchEntity", self.iam.detach_role_policy, **role, PolicyArn=arn)
        self.refused("DeleteConflict", self.iam.delete_role, **role)
        self.iam.delete_role_policy(**role, PolicyName="p")
        self.iam.create_instance_profile(InstanceProfileName="i")
        self.iam.add_role_to_instance_profile(InstanceProfileName="i", **role)
        self.refused("DeleteConflict", self.iam.delete_role, **role)
        self.refused("DeleteConflict", self.iam.delete_instance_profile, InstanceProfileName="i")
        self.iam.remove_role_from_instance_profile(InstanceProfileName="i", **role)
        self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy["PolicyDocument"])
        self.refused("DeleteConflict", self.iam.delete_policy, PolicyArn=arn)
        self.iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
        self.iam.delete_policy(PolicyArn=arn)
        self.iam.delete_role(**role)

    def test_names_have_no_case_in_iam(self):
        statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        for create, name, others in (
            (self.iam.create_role, "RoleName", {"AssumeRolePolicyDocument": TRUST}),
            (self.iam.create_policy, "PolicyName", {"PolicyDocument": document}),
            (self.iam.create_instance_profile, "InstanceProfileName", {}),
            (self.iam.create_user, "UserName", {}),
            (self.iam.create_group, "GroupName", {}),
        ):
            with self.subTest(name):
                create(**{name: "app"}, **others)
                self.refused("EntityAlreadyExists", create, **{name: "App"}, **others)
                create(**{name: "apps"}, **others)

    def test_keys_of_tags_have_no_case_in_iam(self):
        role = dict(RoleName="r")
        self.iam.create_role(**role, AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "Team", "Value": "a"}])
        self.iam.tag_role(**role, Tags=[{"Key": "team", "Value": "b"}, {"Key": "other", "Value": "c"}])
        found = {each["Key"]: each["Value"] for each in self.iam.list_role_tags(**role)["Tags"]}
        self.assertEqual(found, {"team": "b", "other": "c"})
        self.iam.untag_role(**role, TagKeys=["TEAM"])
        self.assertEqual([each["Key"] for each in self.iam.list_role_tags(**role)["Tags"]], ["other"])
        twice = [{"Key": "A", "Value": "1"}, {"Key": "a", "Value": "2"}]
        self.refused("InvalidInput", self.iam.tag_role, **role, Tags=twice)
        self.refused("InvalidInput", self.iam.create_role, RoleName="s", AssumeRolePolicyDocument=TRUST, Tags=twice)

    # ECS

    def test_a_capacity_provider_in_use_stays_with_its_cluster(self):
        self.network()
        self.load_balancer()
        strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        put = self.ecs.put_cluster_capacity_providers
        definition = self.definition()
        self.ecs.create_cluster(clusterName="c", capacityProviders=["FARGATE", "FARGATE_SPOT"])
        vpc = {"subnets": self.subnets, "securityGroups": [self.group]}
        self.ecs.create_service(
            cluster="c",
            serviceName="s",
            taskDefinition=definition,
            desiredCount=0,
            capacityProviderStrategy=strategy,
            networkConfiguration={"awsvpcConfiguration": vpc},
        )
        cluster = dict(cluster="c", defaultCapacityProviderStrategy=[])
        self.refused("ResourceInUseException", put, **cluster, capacityProviders=["FARGATE"])
        self.refused("ResourceInUseException", put, **(cluster | {"cluster": self.cluster_arn()}), capacityProviders=["FARGATE"])
        self.refused("InvalidParameterException", put, **cluster, capacityProviders=["FARGATE_SPOT", "unknown"])
        bad = dict(cluster="c", capacityProviders=["FARGATE_SPOT"])
        other = [{"capacityProvider": "FARGATE"}]
        self.refused("InvalidParameterException", put, **bad, defaultCapacityProviderStrategy=other)
        put(**bad, defaultCapacityProviderStrategy=strategy)
        self.ecs.delete_service(cluster="c", service="s", force=True)
        put(**cluster, capacityProviders=["FARGATE"])

    def cluster_arn(self) -> str:
        return self.ecs.describe_clusters(clusters=["c"])["clusters"][0]["clusterArn"]

    def test_a_secret_has_a_name_of_its_own(self):
        secret = {"name": "KEY", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/key"}
        fine = self.definition(secrets=[secret])
        self.assertTrue(fine)
        for container in ({"secrets": [secret, secret]}, {"secrets": [secret], "environment": [{"name": "KEY", "value": "x"}]}):
            with self.subTest(**container):
                said = self.refused("ClientException", self.definition, **container)
                self.assertIn("'KEY'", said)

    def test_scaling_goes_with_the_service(self):
        self.network()
        self.load_balancer()
        self.service(self.definition())
        place = dict(
            ServiceNamespace="ecs", ResourceId="service/c/s", ScalableDimension="ecs:service:DesiredCount"
        )
        scaling = self.application_autoscaling
        scaling.register_scalable_target(**place, MinCapacity=1, MaxCapacity=2)
        metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
        scaling.put_scaling_policy(
            **place,
            PolicyName="p",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": 50, "PredefinedMetricSpecification": metric},
        )
        self.a_metric_is_kept_by_one_policy(place)
        self.ecs.delete_service(cluster="c", service="s", force=True)
        self.assertEqual(scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"], [])
        self.assertEqual(scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"], [])
        self.assertEqual(self.cloudwatch.describe_alarms()["MetricAlarms"], [])
        self.refused("ObjectNotFoundException", scaling.deregister_scalable_target, **place)

    def a_metric_is_kept_by_one_policy(self, place):
        def put(name: str, **specification: Any) -> None:
            self.application_autoscaling.put_scaling_policy(
                **place,
                PolicyName=name,
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration={"TargetValue": 60, **specification},
            )

        cpu = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}
        memory = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}}
        said = self.refused("ValidationException", lambda: put("other", **cpu))
        self.assertIn("Only one TargetTrackingScaling policy for a given metric specification is allowed", said)
        put("p", **cpu)
        put("memory", **memory)
        dimensions = [{"Name": name, "Value": "v"} for name in "ab"]
        own = {"MetricName": "m", "Namespace": "n", "Statistic": "Average"}
        put("own", CustomizedMetricSpecification=own | {"Dimensions": dimensions})
        turned = {"CustomizedMetricSpecification": own | {"Dimensions": dimensions[::-1]}}
        self.refused("ValidationException", lambda: put("own too", **turned))
        put("another", CustomizedMetricSpecification=own | {"Dimensions": dimensions[:1]})

    # API Gateway

    def test_settings_of_routes_are_those_of_routes_that_exist(self):
        gateway = self.apigatewayv2
        api = dict(ApiId=gateway.create_api(Name="a", ProtocolType="HTTP")["ApiId"])
        settings = {"GET /": {"ThrottlingBurstLimit": 5}}
        self.refused("NotFoundException", gateway.create_stage, **api, StageName="s", RouteSettings=settings)
        route = gateway.create_route(**api, RouteKey="GET /")["RouteId"]
        gateway.create_stage(**api, StageName="s", RouteSettings=settings)
        other = {"GET /x": {"ThrottlingBurstLimit": 5}}
        said = self.refused("NotFoundException", gateway.update_stage, **api, StageName="s", RouteSettings=other)
        self.assertIn("Unable to find Route by key GET /x", said)
        gateway.delete_route(**api, RouteId=route)

    def test_an_access_log_is_named_with_or_without_its_star(self):
        gateway = self.apigatewayv2
        stage = dict(ApiId=gateway.create_api(Name="a", ProtocolType="HTTP")["ApiId"], StageName="s")
        arn = f"arn:aws:logs:us-east-1:{self.account}:log-group:/x"
        made = gateway.create_stage(**stage, AccessLogSettings={"DestinationArn": arn + ":*", "Format": "f"})
        self.assertEqual(made["AccessLogSettings"]["DestinationArn"], arn)
        self.assertEqual(gateway.get_stage(**stage)["AccessLogSettings"]["DestinationArn"], arn)
        for given in (arn, arn + ":*"):
            made = gateway.update_stage(**stage, AccessLogSettings={"DestinationArn": given, "Format": "f"})
            self.assertEqual(made["AccessLogSettings"]["DestinationArn"], arn)

    # The rest

    def test_what_is_in_use_stays(self):
        self.network()
        self.load_balancer()
        self.refused("ResourceInUse", self.elbv2.delete_target_group, TargetGroupArn=self.targets)
        protected = [{"Key": "deletion_protection.enabled", "Value": "true"}]
        self.elbv2.modify_load_balancer_attributes(LoadBalancerArn=self.balancer, Attributes=protected)
        self.refused("OperationNotPermitted", self.elbv2.delete_load_balancer, LoadBalancerArn=self.balancer)
        self.logs.create_log_group(logGroupName="/g")
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName="/g")
        self.ecr.create_repository(repositoryName="rr")
        self.refused("RepositoryAlreadyExistsException", self.ecr.create_repository, repositoryName="rr")

    # KMS

    def test_a_key_that_is_off_or_goes_gives_nothing(self):
        kms = self.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/infra", TargetKeyId=key)
        context = {"infra:stack": "appname/dev/dev02/us-east-1"}
        make = dict(KeyId="alias/infra", KeySpec="AES_256", EncryptionContext=context)
        made = kms.generate_data_key(**make)
        back = dict(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
        self.assertEqual(kms.decrypt(**back)["Plaintext"], made["Plaintext"])
        self.refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=made["CiphertextBlob"])
        kms.disable_key(KeyId=key)
        self.refused("DisabledException", kms.generate_data_key, **make)
        self.refused("DisabledException", kms.decrypt, **back)
        kms.schedule_key_deletion(KeyId=key)
        self.refused("KMSInvalidStateException", kms.decrypt, KeyId=key, **back)
        self.refused("NotFoundException", kms.generate_data_key, **make | {"KeyId": "alias/missing"})

