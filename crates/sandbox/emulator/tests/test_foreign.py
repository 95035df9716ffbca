"""Things that somebody else has made: planted beside what a client makes, watched, and taken away again."""

import json

import requests
from botocore.exceptions import ClientError
from support import REGION, TRUST, SandboxTest, advance, endpoint, page, set_durations

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
ATTACHED = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"
LIFECYCLE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3},
                "action": {"type": "expire"},
            }
        ]
    }
)
OURS = [{"Key": "infra:stack", "Value": "ours"}]
SCALED = {"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount"}
TRACKED = {
    "TargetValue": 60.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
}


def plant(*twins, things=()):
    return page("POST", "/_infra/foreign", {"twins": list(twins), "things": list(things)})


def report():
    return page("GET", "/_infra/foreign")


class ForeignTest(SandboxTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(page, "DELETE", "/_infra/foreign")

    def planted(self, operation: str) -> dict:
        """The one thing of that operation."""
        found = report()
        self.assertEqual(found["failed"], [])
        [only] = [each for each in found["planted"] if each["operation"] == operation]
        return only


class TwinTest(ForeignTest):
    """For each operation: what it is answered when somebody else was a moment faster."""

    def refused_beside_a_twin(self, operation: str, code: str, call, **parameters):
        plant({"of": [operation]})
        self.refused(code, call, **parameters)
        self.assertEqual(self.planted(operation)["clash"], "refused")
        self.untouched_and_gone_afterwards(operation)
        call(**parameters)

    def answered_beside_a_twin(self, operation: str, clash: str, call, **parameters):
        plant({"of": [operation]})
        answer = call(**parameters)
        self.assertEqual(self.planted(operation)["clash"], clash)
        self.untouched_and_gone_afterwards(operation)
        return answer

    def untouched_and_gone_afterwards(self, operation: str):
        self.assertEqual(self.planted(operation)["state"], "untouched", self.planted(operation))
        ended = page("DELETE", "/_infra/foreign")
        self.assertEqual((ended["touched"], ended["failed"]), (0, []))
        self.assertEqual(report()["planted"], [])

    def test_ec2(self):
        self.answered_beside_a_twin("ec2.CreateVpc", "beside", self.ec2.create_vpc, CidrBlock="10.0.0.0/16")
        self.network()
        subnet = dict(VpcId=self.vpc, CidrBlock="10.0.9.0/24")
        self.refused_beside_a_twin("ec2.CreateSubnet", "InvalidSubnet.Conflict", self.ec2.create_subnet, **subnet)
        group = dict(VpcId=self.vpc, GroupName="h", Description="d")
        self.refused_beside_a_twin(
            "ec2.CreateSecurityGroup", "InvalidGroup.Duplicate", self.ec2.create_security_group, **group
        )
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        for operation, authorize in (
            ("ec2.AuthorizeSecurityGroupIngress", self.ec2.authorize_security_group_ingress),
            ("ec2.AuthorizeSecurityGroupEgress", self.ec2.authorize_security_group_egress),
        ):
            self.refused_beside_a_twin(
                operation, "InvalidPermission.Duplicate", authorize, GroupId=self.group, IpPermissions=[rule]
            )
        self.answered_beside_a_twin("ec2.AllocateAddress", "beside", self.ec2.allocate_address, Domain="vpc")
        made = self.answered_beside_a_twin("ec2.CreateRouteTable", "beside", self.ec2.create_route_table, VpcId=self.vpc)
        table = made["RouteTable"]["RouteTableId"]
        self.refused_beside_a_twin(
            *("ec2.CreateRoute", "RouteAlreadyExists", self.ec2.create_route),
            **dict(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=self.gateway),
        )
        self.refused_beside_a_twin(
            *("ec2.AssociateRouteTable", "Resource.AlreadyAssociated", self.ec2.associate_route_table),
            **dict(RouteTableId=table, SubnetId=self.subnets[0]),
        )
        made = self.answered_beside_a_twin("ec2.CreateInternetGateway", "beside", self.ec2.create_internet_gateway)
        other = self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        gateway = made["InternetGateway"]["InternetGatewayId"]
        self.refused_beside_a_twin(
            *("ec2.AttachInternetGateway", "Resource.AlreadyAssociated", self.ec2.attach_internet_gateway),
            **dict(InternetGatewayId=gateway, VpcId=other),
        )

    def test_elb(self):
        self.network()
        balancer = dict(Name="b", Subnets=self.subnets, SecurityGroups=[self.group], Scheme="internal", Tags=OURS)
        answer = self.answered_beside_a_twin(
            "elbv2.CreateLoadBalancer", "returned", self.elbv2.create_load_balancer, **balancer
        )
        arn = answer["LoadBalancers"][0]["LoadBalancerArn"]
        self.refused("LoadBalancerNotFound", self.elbv2.describe_load_balancers, LoadBalancerArns=[arn])
        targets = dict(Name="t", Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip", Tags=OURS)
        answer = self.answered_beside_a_twin(
            "elbv2.CreateTargetGroup", "returned", self.elbv2.create_target_group, **targets
        )
        arn = answer["TargetGroups"][0]["TargetGroupArn"]
        self.refused("TargetGroupNotFound", self.elbv2.describe_target_groups, TargetGroupArns=[arn])
        self.load_balancer()
        forward = [{"Type": "forward", "TargetGroupArn": self.targets}]
        listener = dict(LoadBalancerArn=self.balancer, Protocol="HTTP", Port=81, DefaultActions=forward, Tags=OURS)
        answer = self.answered_beside_a_twin(
            "elbv2.CreateListener", "returned", self.elbv2.create_listener, **listener
        )
        arn = answer["Listeners"][0]["ListenerArn"]
        self.refused("ListenerNotFound", self.elbv2.describe_tags, ResourceArns=[arn])
        paths = [{"Field": "path-pattern", "Values": ["/a"]}]
        self.refused_beside_a_twin(
            *("elbv2.CreateRule", "PriorityInUse", self.elbv2.create_rule),
            **dict(ListenerArn=self.listener, Priority=5, Conditions=paths, Actions=forward),
        )

    def test_ecs_and_scaling(self):
        self.network()
        self.load_balancer()
        definition = self.definition()
        first = self.answered_beside_a_twin("ecs.CreateCluster", "returned", self.ecs.create_cluster, clusterName="c")
        self.assertEqual(first["cluster"]["tags"], [{"key": "made-by", "value": "somebody else"}])
        self.ecs.create_cluster(clusterName="c")
        vpc = {"subnets": self.subnets, "securityGroups": [self.group]}
        self.refused_beside_a_twin(
            *("ecs.CreateService", "InvalidParameterException", self.ecs.create_service),
            **dict(cluster="c", serviceName="s", taskDefinition=definition, desiredCount=0, launchType="FARGATE"),
            networkConfiguration={"awsvpcConfiguration": vpc},
        )
        answer = self.answered_beside_a_twin(
            *("ecs.RegisterTaskDefinition", "beside", self.ecs.register_task_definition),
            **dict(family="app", containerDefinitions=[{"name": "a", "image": "i", "memory": 4}]),
        )
        self.assertEqual(answer["taskDefinition"]["revision"], 3, "somebody else's revision comes between")
        scaling = self.application_autoscaling
        target = SCALED | {"MinCapacity": 1, "MaxCapacity": 2}
        self.answered_beside_a_twin(
            "application-autoscaling.RegisterScalableTarget", "untold", scaling.register_scalable_target, **target
        )
        scaling.register_scalable_target(**target)
        policy = SCALED | {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
        policy["TargetTrackingScalingPolicyConfiguration"] = TRACKED
        self.answered_beside_a_twin(
            "application-autoscaling.PutScalingPolicy", "untold", scaling.put_scaling_policy, **policy
        )

    def test_ecr_iam_and_logs(self):
        repository = dict(repositoryName="a/b")
        self.refused_beside_a_twin(
            "ecr.CreateRepository", "RepositoryAlreadyExistsException", self.ecr.create_repository, **repository
        )
        policy = repository | {"lifecyclePolicyText": LIFECYCLE}
        self.answered_beside_a_twin("ecr.PutLifecyclePolicy", "untold", self.ecr.put_lifecycle_policy, **policy)
        role = dict(RoleName="r", AssumeRolePolicyDocument=TRUST)
        self.refused_beside_a_twin("iam.CreateRole", "EntityAlreadyExists", self.iam.create_role, **role)
        own = dict(PolicyName="own", PolicyDocument=POLICY)
        self.refused_beside_a_twin("iam.CreatePolicy", "EntityAlreadyExists", self.iam.create_policy, **own)
        inline = dict(RoleName="r", PolicyName="p", PolicyDocument=POLICY)
        self.answered_beside_a_twin("iam.PutRolePolicy", "untold", self.iam.put_role_policy, **inline)
        attached = dict(RoleName="r", PolicyArn=ATTACHED)
        self.answered_beside_a_twin("iam.AttachRolePolicy", "untold", self.iam.attach_role_policy, **attached)
        self.refused_beside_a_twin(
            *("logs.CreateLogGroup", "ResourceAlreadyExistsException", self.logs.create_log_group),
            **dict(logGroupName="/a/b", tags={"infra:stack": "ours"}),
        )

    def test_route53(self):
        zone = self.route53.create_hosted_zone(Name="example.com", CallerReference=self.account)["HostedZone"]["Id"]
        records = [
            {"Name": f"{name}.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}
            for name in ("a", "b")
        ]
        changes = [{"Action": "CREATE", "ResourceRecordSet": each} for each in records]
        plant({"of": ["route53.*"]})
        change = dict(HostedZoneId=zone, ChangeBatch={"Changes": changes})
        self.refused("InvalidChangeBatch", self.route53.change_resource_record_sets, **change)
        found = self.planted("route53.ChangeResourceRecordSets")
        self.assertEqual(found["ids"], [f"{zone} a.example.com. A", f"{zone} b.example.com. A"])
        self.untouched_and_gone_afterwards("route53.ChangeResourceRecordSets")
        self.route53.change_resource_record_sets(**change)
        # What only takes away has no twin.
        plant({"of": ["route53.*"]})
        gone = [{"Action": "DELETE", "ResourceRecordSet": each} for each in records]
        self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": gone})
        self.assertEqual(report()["planted"], [])

    def test_api_gateway(self):
        gateway = self.apigatewayv2
        made = self.answered_beside_a_twin(
            "apigatewayv2.CreateApi", "beside", gateway.create_api, Name="a", ProtocolType="HTTP"
        )
        api = made["ApiId"]
        self.answered_beside_a_twin(
            *("apigatewayv2.CreateIntegration", "beside", gateway.create_integration),
            **dict(ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY", PayloadFormatVersion="1.0"),
            IntegrationUri="https://example.com",
        )
        self.refused_beside_a_twin(
            "apigatewayv2.CreateRoute", "ConflictException", gateway.create_route, ApiId=api, RouteKey="GET /a"
        )
        self.refused_beside_a_twin(
            "apigatewayv2.CreateStage", "ConflictException", gateway.create_stage, ApiId=api, StageName="$default"
        )
        certificate = self.acm.request_certificate(DomainName="api.example.com")["CertificateArn"]
        advance(3600)
        domain = {"CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
        self.refused_beside_a_twin(
            *("apigatewayv2.CreateDomainName", "ConflictException", gateway.create_domain_name),
            **dict(DomainName="api.example.com", DomainNameConfigurations=[domain]),
        )
        advance(3600)
        self.refused_beside_a_twin(
            *("apigatewayv2.CreateApiMapping", "ConflictException", gateway.create_api_mapping),
            **dict(ApiId=api, Stage="$default", DomainName="api.example.com"),
        )

    def test_every_kind_is_tried_here(self):
        with open(__file__) as file:
            tried = file.read()
        answer = requests.post(endpoint() + "/_infra/foreign", json={"twins": [{"of": ["s3.*"]}]})
        _, _, listed = answer.json()["error"].partition("is none of ")
        kinds = listed.split(", ")
        self.assertGreater(len(kinds), 30)
        for kind in kinds:
            with self.subTest(kind):
                self.assertIn(f'"{kind}"', tried)


class WatchTest(ForeignTest):
    def test_it_tells_which_request_deleted_or_changed_a_thing(self):
        plant({"of": ["iam.*", "logs.*"]})
        role = dict(RoleName="r", AssumeRolePolicyDocument=TRUST)
        self.refused("EntityAlreadyExists", self.iam.create_role, **role)
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName="/a")
        self.assertEqual(report()["touched"], 0)
        self.iam.tag_role(RoleName="r", Tags=OURS)
        self.logs.delete_log_group(logGroupName="/a")
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName="/b")
        role, group, other = report()["planted"]
        self.assertEqual((role["state"], role["by"], role["by_mutating"]), ("changed", "iam.TagRole", 3))
        self.assertEqual(role["before"]["Tags"], [{"Key": "made-by", "Value": "somebody else"}])
        self.assertEqual(role["after"]["Tags"], role["before"]["Tags"] + OURS)
        self.assertEqual((group["state"], group["by"], group["by_mutating"]), ("deleted", "logs.DeleteLogGroup", 4))
        self.assertEqual((other["ids"], other["state"]), (["/b"], "untouched"))
        self.iam.delete_role(RoleName="r")
        ended = page("DELETE", "/_infra/foreign")
        self.assertEqual((ended["touched"], ended["planted"][0]["by"]), (2, "iam.DeleteRole"))
        self.assertEqual(report()["touched"], 0)

    def test_a_thing_of_the_same_name_that_is_made_again_is_another_one(self):
        plant(things=[self.thing("ecr.CreateRepository", repositoryName="a/b")])
        self.ecr.delete_repository(repositoryName="a/b")
        self.ecr.create_repository(repositoryName="a/b")
        found = self.planted("ecr.CreateRepository")
        self.assertEqual((found["state"], found["by"]), ("deleted", "ecr.DeleteRepository"))

    def thing(self, operation: str, at_mutating: int = 0, when: str = "before", **parameters):
        return {
            "operation": operation,
            "parameters": parameters,
            "account": self.account,
            "region": REGION,
            "at_mutating": at_mutating,
            "when": when,
        }

    def test_things_are_planted_at_once_or_at_a_request(self):
        plant(
            things=[
                self.thing("ecs.CreateCluster", clusterName="now"),
                self.thing("logs.CreateLogGroup", 2, logGroupName="/a"),
                self.thing("logs.CreateLogGroup", 2, "after", logGroupName="/b"),
            ]
        )
        self.assertEqual(len(self.ecs.list_clusters()["clusterArns"]), 1)
        self.logs.create_log_group(logGroupName="/first")
        self.assertEqual(len(report()["planted"]), 1)
        # Reads count nothing.
        self.logs.describe_log_groups()
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName="/a")
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName="/b")
        found = report()
        self.assertEqual([each["at_mutating"] for each in found["planted"]], [0, 2, 2])
        self.assertEqual((found["mutating"], found["touched"], found["failed"]), (3, 0, []))
        page("DELETE", "/_infra/foreign")
        left = [each["logGroupName"] for each in self.logs.describe_log_groups()["logGroups"]]
        self.assertEqual(left, ["/first"])

    def test_a_twin_may_come_at_one_request_of_many(self):
        plant({"of": ["*.*"], "clash": ["refused"], "at": 2, "tags": {"infra:stack": "other"}})
        self.ec2.create_vpc(CidrBlock="10.0.0.0/16")
        self.logs.create_log_group(logGroupName="/a")
        self.refused("RepositoryAlreadyExistsException", self.ecr.create_repository, repositoryName="a/b")
        self.logs.create_log_group(logGroupName="/b")
        found = report()
        self.assertEqual(found["met"], [3])
        [only] = found["planted"]
        self.assertEqual(only["before"]["tags"], [{"Key": "infra:stack", "Value": "other"}])

    def test_a_client_that_tries_again_meets_the_same_twin(self):
        plant({"of": ["ecr.CreateRepository", "ec2.CreateVpc"]})
        for _ in range(2):
            self.refused("RepositoryAlreadyExistsException", self.ecr.create_repository, repositoryName="a/b")
            self.ec2.create_vpc(CidrBlock="10.0.0.0/16")
        found = report()
        self.assertEqual((len(found["planted"]), found["failed"]), (2, []))

    def test_a_twin_stands_there_before_a_request_that_is_lost(self):
        self.addCleanup(page, "DELETE", "/_infra/faults")
        page("POST", "/_infra/faults", {"reset": 1, "only": ["logs.CreateLogGroup"]})
        plant({"of": ["logs.*"]})
        with self.assertRaises(Exception):
            self.logs.create_log_group(logGroupName="/a")
        page("DELETE", "/_infra/faults")
        self.assertEqual(self.planted("logs.CreateLogGroup")["state"], "untouched")
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName="/a")

    def test_a_twin_comes_as_soon_as_AWS_takes_it(self):
        set_durations({"iam.service_linked_role.usable": 5})
        self.addCleanup(set_durations, {"iam.service_linked_role.usable": 0})
        plant({"of": ["ecs.CreateCluster"], "at": 1})
        self.refused("InvalidParameterException", self.ecs.create_cluster, clusterName="c")
        self.assertEqual((report()["planted"], report()["met"], report()["failed"]), ([], [0], []))
        advance(10)
        answer = self.ecs.create_cluster(clusterName="c")
        self.assertEqual(answer["cluster"]["tags"], [{"key": "made-by", "value": "somebody else"}])
        self.assertEqual((len(report()["planted"]), report()["met"], report()["failed"]), (1, [1], []))

    def test_nobody_counts_what_somebody_else_does(self):
        page("POST", "/_infra/requests/reset")
        plant({"of": ["logs.*"]}, things=[self.thing("ecs.CreateCluster", clusterName="c")])
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName="/a")
        page("DELETE", "/_infra/foreign")
        self.assertEqual(page("GET", "/_infra/requests")["counts"], {"logs.CreateLogGroup": 1})

    def test_what_cannot_be_planted_is_told(self):
        found = plant(things=[self.thing("iam.AttachRolePolicy", RoleName="nobody", PolicyArn=ATTACHED)])
        [failed] = found["failed"]
        self.assertEqual(failed["operation"], "iam.AttachRolePolicy")
        self.assertIn("NoSuchEntity", failed["error"])

    def test_what_cannot_be_set_up_is_told(self):
        cases = [
            ("[]", "the set-up must be an object, not []"),
            ('{"twin": []}', "unknown key twin; there are twins, things"),
            ('{"twins": {}}', "twins must be a list, not {}"),
            ('{"twins": [{}]}', "twins[0] needs of"),
            ('{"twins": [{"of": ["s3.*"]}]}', "twins[0].of: 's3.*' is none of "),
            ('{"twins": [{"of": ["*.*"], "clash": ["none"]}]}', 'twins[0].clash[0] must be "refused" or "returned"'),
            ('{"twins": [{"of": ["*.*"], "at": -1}]}', "twins[0].at must be a whole number of at least 0, not -1"),
            ('{"things": [{"operation": "iam.CreateRole"}]}', "things[0] needs parameters"),
            ('{"things": [{"operation": "iam.GetRole", "parameters": {}}]}', "things[0].operation must be one of "),
        ]
        for text, message in cases:
            with self.subTest(text):
                answer = requests.post(endpoint() + "/_infra/foreign", data=text)
                self.assertEqual(answer.status_code, 400)
                self.assertIn(message, answer.json()["error"])
