"""What AWS refuses and moto does not, what moto loses, and what the emulator says of itself."""

from botocore.exceptions import ClientError

from support import SandboxTest, endpoint, page


class Rules(SandboxTest):
    def test_what_is_not_implemented_says_so_in_every_protocol(self):
        cases = [
            ("ec2", "describe_ipams", {}),
            ("elbv2", "describe_trust_stores", {}),
            ("ecs", "list_daemons", {}),
            ("apigatewayv2", "get_deployments", {"ApiId": "x"}),
            ("route53", "list_cidr_collections", {}),
        ]
        for service, operation, parameters in cases:
            with self.subTest(service), self.assertRaises(ClientError) as raised:
                getattr(self.client(service), operation)(**parameters)
            answer = raised.exception.response
            self.assertEqual(answer["Error"]["Code"], "SandboxNotImplemented")
            self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 400)

    def test_a_key_of_twelve_digits_is_an_account(self):
        self.assertEqual(self.sts.get_caller_identity()["Account"], self.account)
        role = "arn:aws:iam::999988887777:role/deploy"
        assumed = self.sts.assume_role(RoleArn=role, RoleSessionName="session")["AssumedRoleUser"]["Arn"]
        self.assertTrue(assumed.startswith("arn:aws:sts::999988887777:"))

    def test_requests_are_counted(self):
        before = page("GET", "/_infra/requests")
        self.ecs.list_clusters()
        self.logs.create_log_group(logGroupName="/x")
        after = page("GET", "/_infra/requests")
        self.assertEqual(after["total"], before["total"] + 2)
        self.assertEqual(after["mutating_total"], before["mutating_total"] + 1)
        last = after["mutating"][-1]
        self.assertEqual((last["service"], last["operation"], last["account"]), ("logs", "CreateLogGroup", self.account))
        page("POST", "/_infra/requests/reset")
        self.assertEqual(page("GET", "/_infra/requests")["total"], 0)

    def test_load_balancers(self):
        self.network()
        self.load_balancer()
        request = dict(Name="b", Subnets=self.subnets, Scheme="internal")
        cases = [
            ("ValidationError", dict(Name="x" * 33)),
            ("ValidationError", dict(Name="-b")),
            ("ValidationError", dict(Subnets=self.subnets[:1])),
            ("SubnetNotFound", dict(Subnets=["subnet-0", *self.subnets])),
            ("InvalidSecurityGroup", dict(SecurityGroups=["sg-0"])),
            ("DuplicateLoadBalancerName", dict(Name="alb", Scheme="internet-facing")),
        ]
        for code, change in cases:
            with self.subTest(**change):
                self.refused(code, self.elbv2.create_load_balancer, **(request | change))
        same = self.elbv2.create_load_balancer(**(request | {"Name": "alb", "SecurityGroups": [self.group]}))
        self.assertEqual(same["LoadBalancers"][0]["LoadBalancerArn"], self.balancer)
        forward = [{"Type": "forward", "TargetGroupArn": self.targets}]
        listener = dict(LoadBalancerArn=self.balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
        same = self.elbv2.create_listener(**listener)["Listeners"][0]["ListenerArn"]
        self.assertEqual(same, self.listener)
        fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
        self.refused("DuplicateListener", self.elbv2.create_listener, **(listener | {"DefaultActions": fixed}))
        self.elbv2.modify_listener(ListenerArn=self.listener, DefaultActions=fixed)
        self.refused("DuplicateListener", self.elbv2.create_listener, **listener)
        group = dict(Name="tg", Protocol="HTTP", Port=8080, VpcId=self.vpc, TargetType="ip")
        same = self.elbv2.create_target_group(**group)["TargetGroups"][0]["TargetGroupArn"]
        self.assertEqual(same, self.targets)
        self.refused("DuplicateTargetGroupName", self.elbv2.create_target_group, **(group | {"Port": 1}))

    def test_deleting_what_is_in_use(self):
        self.network()
        group = dict(Description="d", VpcId=self.vpc)
        other = self.ec2.create_security_group(GroupName="o", **group)["GroupId"]
        self.refused("InvalidGroup.Duplicate", self.ec2.create_security_group, GroupName="O", **group)
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": self.group}]}
        self.ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=self.group)
        self.refused("DependencyViolation", self.ec2.delete_vpc, VpcId=self.vpc)
        self.ec2.delete_security_group(GroupId=other)
        self.ec2.delete_security_group(GroupId=self.group)
        for subnet in self.subnets:
            self.ec2.delete_subnet(SubnetId=subnet)
        self.refused("DependencyViolation", self.ec2.delete_vpc, VpcId=self.vpc)
        self.ec2.detach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.ec2.delete_vpc(VpcId=self.vpc)

    def test_api_gateway(self):
        gateway = self.apigatewayv2
        api = gateway.create_api(Name="a", ProtocolType="HTTP", IpAddressType="dualstack", Tags={"a": "b"})
        self.assertEqual(api["IpAddressType"], "dualstack")
        api = dict(ApiId=api["ApiId"])
        integration = gateway.create_integration(
            **api, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY", IntegrationUri="https://example.com"
        )["IntegrationId"]
        route = dict(api, RouteKey="$default", Target=f"integrations/{integration}")
        gateway.create_route(**route)
        self.refused("ConflictException", gateway.create_route, **route)
        self.refused("ConflictException", gateway.delete_integration, **api, IntegrationId=integration)
        stage = dict(api, StageName="$default")
        logs = {"DestinationArn": "arn:aws:logs:us-east-1:1:log-group:x", "Format": "f"}
        gateway.create_stage(**stage, AutoDeploy=True, Tags={"a": "b"}, AccessLogSettings=logs)
        self.refused("ConflictException", gateway.create_stage, **stage)
        gateway.update_stage(**stage, DefaultRouteSettings={"ThrottlingBurstLimit": 7})
        found = gateway.get_stage(**stage)
        self.assertEqual(found["DefaultRouteSettings"]["ThrottlingBurstLimit"], 7)
        self.assertEqual((found["AccessLogSettings"], found["AutoDeploy"]), (logs, True))
        gateway.delete_access_log_settings(**stage)
        self.assertNotIn("AccessLogSettings", gateway.get_stage(**stage))
        arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}/stages/$default"
        gateway.tag_resource(ResourceArn=arn, Tags={"c": "d"})
        gateway.untag_resource(ResourceArn=arn, TagKeys=["a"])
        self.assertEqual(gateway.get_tags(ResourceArn=arn)["Tags"], {"c": "d"})
        self.assertEqual(gateway.get_stage(**stage)["Tags"], {"c": "d"})

    def test_lists_come_in_pages(self):
        api = self.apigatewayv2.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
        keys = {f"GET /{number}" for number in range(30)}
        for key in keys:
            self.apigatewayv2.create_route(ApiId=api, RouteKey=key)
        pages = list(self.apigatewayv2.get_paginator("get_routes").paginate(ApiId=api))
        self.assertEqual([len(each["Items"]) for each in pages], [25, 5])
        self.assertEqual({item["RouteKey"] for each in pages for item in each["Items"]}, keys)
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for number in range(7):
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")
        one = [{"Name": "vpc-id", "Values": [vpc]}]
        pages = list(self.ec2.get_paginator("describe_subnets").paginate(Filters=one, PaginationConfig={"PageSize": 5}))
        self.assertEqual([len(each["Subnets"]) for each in pages], [5, 2])

    def test_scaling_policies_come_in_pages_of_ten(self):
        self.network()
        self.load_balancer()
        definition = self.definition()
        scaling = self.application_autoscaling
        metric = {"Namespace": "n", "Statistic": "Average"}

        def target(service):
            place = dict(ServiceNamespace="ecs", ResourceId=f"service/c/{service}")
            return dict(place, ScalableDimension="ecs:service:DesiredCount")

        for service, count in (("s", 2), ("s2", 12)):
            self.service(definition, serviceName=service)
            scaling.register_scalable_target(**target(service), MinCapacity=1, MaxCapacity=3)
            for number in range(count):
                scaling.put_scaling_policy(
                    **target(service),
                    PolicyName=f"p{number}",
                    PolicyType="TargetTrackingScaling",
                    TargetTrackingScalingPolicyConfiguration={
                        "TargetValue": 50.0,
                        "CustomizedMetricSpecification": metric | {"MetricName": f"m{number}"},
                    },
                )
        pages = scaling.get_paginator("describe_scaling_policies").paginate(**target("s2"))
        found = [[each["ResourceId"] for each in one["ScalingPolicies"]] for one in pages]
        self.assertEqual(found, [["service/c/s2"] * 10, ["service/c/s2"] * 2])
        names = [each["ResourceId"] for each in scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]]
        self.assertEqual(sorted(names), ["service/c/s", "service/c/s2"])

    def test_clusters_keep_what_they_have(self):
        self.ecs.create_cluster(clusterName="c", tags=[{"key": "a", "value": "b"}], capacityProviders=["FARGATE"])
        self.ecs.create_cluster(clusterName="c")
        self.ecs.update_cluster_settings(cluster="c", settings=[{"name": "containerInsights", "value": "enabled"}])
        found = self.ecs.describe_clusters(clusters=["c"], include=["TAGS", "SETTINGS"])["clusters"][0]
        self.assertEqual((found["tags"], found["capacityProviders"]), ([{"key": "a", "value": "b"}], ["FARGATE"]))
        self.assertEqual(found["settings"], [{"name": "containerInsights", "value": "enabled"}])

    def test_scaling_policies_are_replaced(self):
        self.network()
        self.load_balancer()
        self.service(self.definition())
        scaling = self.application_autoscaling
        target = dict(ServiceNamespace="ecs", ResourceId="service/c/s", ScalableDimension="ecs:service:DesiredCount")

        def put(value):
            metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
            configuration = {"TargetValue": value, "PredefinedMetricSpecification": metric}
            return dict(
                target,
                PolicyName="p",
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration=configuration,
            )

        self.refused("ObjectNotFoundException", scaling.put_scaling_policy, **put(50.0))
        made = scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3, Tags={"a": "b"})
        arn = made["ScalableTargetARN"]
        first = scaling.put_scaling_policy(**put(50.0))["PolicyARN"]
        self.assertEqual(scaling.put_scaling_policy(**put(60.0))["PolicyARN"], first)
        found = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
        values = [each["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for each in found]
        self.assertEqual(values, [60.0])
        self.assertEqual(len(self.cloudwatch.describe_alarms()["MetricAlarms"]), 2)
        scaling.tag_resource(ResourceARN=arn, Tags={"c": "d"})
        self.assertEqual(scaling.list_tags_for_resource(ResourceARN=arn)["Tags"], {"a": "b", "c": "d"})

    def test_the_endpoint_is_loopback(self):
        self.assertTrue(endpoint().startswith("http://127.0.0.1:"))

    def test_the_index_of_tags_has_everything_that_has_tags(self):
        self.network()
        self.load_balancer()
        tags = [{"Key": "team", "Value": "a"}]
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.ec2.create_tags(Resources=[self.vpc, address], Tags=tags)
        self.elbv2.add_tags(ResourceArns=[self.listener], Tags=tags)
        repository = self.ecr.create_repository(repositoryName="app", tags=tags)["repository"]["repositoryArn"]
        api = self.apigatewayv2.create_api(Name="api", ProtocolType="HTTP", Tags={"team": "a"})["ApiId"]
        self.apigatewayv2.create_stage(ApiId=api, StageName="$default", Tags={"team": "b"})
        index = self.client("resourcegroupstaggingapi")

        def found(**more):
            pages = index.get_paginator("get_resources").paginate(ResourcesPerPage=2, **more)
            return sorted(each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"])

        of_ec2 = f"arn:aws:ec2:us-east-1:{self.account}:"
        gateway = f"arn:aws:apigateway:us-east-1::/apis/{api}"
        team_a = [f"{of_ec2}vpc/{self.vpc}", f"{of_ec2}elastic-ip/{address}", self.listener, repository, gateway]
        self.assertEqual(found(TagFilters=[{"Key": "team", "Values": ["a"]}]), sorted(team_a))
        self.assertEqual(found(TagFilters=[{"Key": "team"}]), sorted([*team_a, f"{gateway}/stages/$default"]))
        self.ecr.delete_repository(repositoryName="app")
        self.assertNotIn(repository, found(TagFilters=[{"Key": "team"}]))

    def test_a_log_group_takes_its_tags_with_it(self):
        self.logs.create_log_group(logGroupName="/a", tags={"k": "v"})
        self.logs.delete_log_group(logGroupName="/a")
        self.logs.create_log_group(logGroupName="/a")
        self.assertEqual(self.logs.list_tags_log_group(logGroupName="/a")["tags"], {})
