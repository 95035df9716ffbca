"""Inputs that break AWS's own models, in each protocol and with each service's code."""

import sys
import unittest
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

from support import FOLDER, REGION, SandboxTest, endpoint, page

sys.path.insert(0, FOLDER)

from infra_sandbox import patterns  # noqa: E402


class Validation(SandboxTest):
    def client(self, service: str) -> Any:
        """A client that sends whatever it is given, as those of other languages do."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=endpoint(),
            aws_access_key_id=self.account,
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )

    def test_an_update_takes_away_by_an_empty_text_and_a_create_does_not(self):
        gateway = self.client("apigatewayv2")
        with self.assertRaisesRegex(ClientError, "at 'version' .* 1"):
            gateway.create_api(Name="a", ProtocolType="HTTP", Version="")
        api = gateway.create_api(Name="a", ProtocolType="HTTP", Version="v1")["ApiId"]
        gateway.update_api(ApiId=api, Version="")
        with self.assertRaisesRegex(ClientError, "at 'name' .* 1"):
            gateway.update_api(ApiId=api, Name="")

    def test_what_breaks_the_model_is_refused_by_every_service(self):
        long = "x" * 300
        cases = [
            ("iam", "get_role", {"RoleName": "a b"}, "ValidationError", r"at 'roleName' failed .* pattern: \[\\w\+=,.@-\]\+"),
            ("iam", "get_role", {"RoleName": long}, "ValidationError", "length less than or equal to 64"),
            ("iam", "create_role", {"RoleName": "r"}, "ValidationError", "Value null at 'assumeRolePolicyDocument'"),
            ("iam", "list_roles", {"MaxItems": 0}, "ValidationError", "value greater than or equal to 1"),
            ("iam", "tag_role", {"RoleName": "r", "Tags": [{"Key": "k", "Value": "a[b]"}]}, "ValidationError", "'tags.1.member.value'"),
            ("sts", "assume_role", {"RoleArn": "x", "RoleSessionName": "s"}, "ValidationError", "at 'roleArn'"),
            ("elbv2", "create_target_group", {"Name": "t", "Protocol": "FTP"}, "ValidationError", "enum value set: .*HTTPS"),
            ("elbv2", "create_target_group", {"Name": "t", "Port": 70000}, "ValidationError", "at 'port' .* 65535"),
            ("ecs", "create_service", {}, "InvalidParameterException", "Value null at 'serviceName'"),
            ("ecs", "create_service", {"serviceName": "s", "launchType": "X"}, "InvalidParameterException", "'launchType'"),
            ("ecs", "register_task_definition", {"family": "f"}, "ClientException", "Value null at 'containerDefinitions'"),
            ("ecr", "create_repository", {"repositoryName": "UPPER"}, "InvalidParameterException", "'repositoryName'"),
            ("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException", "at 'logGroupName'"),
            ("acm", "request_certificate", {"DomainName": "a..b c"}, "ValidationException", "at 'domainName'"),
            ("application-autoscaling", "describe_scalable_targets", {}, "ValidationException", "'serviceNamespace'"),
            ("route53", "get_hosted_zone", {"Id": "Z" * 40}, "InvalidInput", "at 'id' .* 32"),
            ("apigatewayv2", "create_api", {"Name": long}, "BadRequestException", "Value null at 'protocolType'"),
            ("apigatewayv2", "create_api", {"Name": long, "ProtocolType": "HTTP"}, "BadRequestException", "at 'name' .* 128"),
            ("dynamodb", "describe_table", {}, "ValidationException", "Value null at 'tableName'"),
            ("resourcegroupstaggingapi", "get_resources", {"ResourcesPerPage": "x"}, "SerializationException", "."),
            ("ec2", "create_subnet", {"CidrBlock": "10.0.0.0/24"}, "MissingParameter", "contain the parameter vpcId"),
            ("ec2", "describe_subnets", {"MaxResults": 1}, "InvalidParameterValue", r"Value \(1\) for parameter maxResults"),
            ("ec2", "create_vpc", {"InstanceTenancy": "none"}, "InvalidParameterValue", "instanceTenancy"),
            ("ec2", "describe_subnets", {"MaxResults": "many"}, "InvalidParameterValue", "."),
            ("iam", "list_roles", {"MaxItems": "many"}, "MalformedInput", "."),
            ("ecs", "list_services", {"cluster": 5}, "SerializationException", "cluster: Member must be a string"),
        ]
        for service, operation, parameters, code, message in cases:
            with self.subTest(f"{service}.{operation} {parameters}"):
                said = self.refused(code, getattr(self.client(service), operation), **parameters)
                self.assertRegex(said, message)

    def test_every_problem_is_told_at_once_and_where_it_is(self):
        definitions = [{"name": "a", "portMappings": [{"protocol": "sctp"}]}, {"dependsOn": [{"condition": "STARTED"}]}]
        said = self.refused(
            "ClientException",
            self.ecs.register_task_definition,
            family="f",
            containerDefinitions=definitions,
        )
        self.assertIn("3 validation errors detected: ", said)
        self.assertIn("'sctp' at 'containerDefinitions.1.member.portMappings.1.member.protocol'", said)
        self.assertIn("Value null at 'containerDefinitions.2.member.dependsOn.1.member.containerName'", said)

    def test_refused_inputs_are_told(self):
        page("POST", "/_infra/requests/reset")
        self.refused("ValidationError", self.iam.get_role, RoleName="a b")
        self.refused("NoSuchEntity", self.iam.get_role, RoleName="a")
        [told] = page("GET", "/_infra/requests")["refused_inputs"]
        self.assertEqual(told["operation"], "iam.GetRole")
        self.assertIn("at 'roleName'", told["message"])
        page("POST", "/_infra/requests/reset")
        self.assertEqual(page("GET", "/_infra/requests")["refused_inputs"], [])

    def test_a_refused_request_does_nothing(self):
        self.refused("ValidationError", self.iam.create_role, RoleName="r", AssumeRolePolicyDocument="{}", Path="x")
        self.refused("NoSuchEntity", self.iam.get_role, RoleName="r")

    def test_a_map_is_told_whole(self):
        tags = {"k" * 200: "v"}
        operation = self.client("lambda").tag_resource
        said = self.refused("ValidationException", operation, Resource="arn:aws:lambda:us-east-1:1:function:f", Tags=tags)
        self.assertIn("at 'tags' failed to satisfy constraint: Map key must satisfy constraint: [Member", said)


class Patterns(unittest.TestCase):
    def test_they_match_as_java_does(self):
        tags = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
        cases = [
            (tags, "naïve value 1/2=@", True),
            (tags, "日本\u00a0\U00010400", True),
            (tags, 'a["b"]', False),
            (tags, "a\nb", False),
            (r"[\w-.]+", "a-.", True),
            (r"[\w-.]+", "é", False),
            (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "😀\n", True),
            (r"^(?s).*$", "a\nb", True),
            (r"[^\p{C}]+", "a\u0007", False),
            (r"\P{M}\p{M}*", "e\u0301", True),
            (r"[]a]+", "]a", True),
            (r"a|b", "ab", False),
            (r"(?<name>x)\z", "x", True),
        ]
        for pattern, text, matches in cases:
            with self.subTest(pattern=pattern, text=text):
                self.assertEqual(patterns.compiled(pattern).fullmatch(text) is not None, matches)

    def test_those_of_the_services_that_are_used_can_all_be_translated(self):
        services = "acm application-autoscaling apigatewayv2 cloudwatch ec2 ecr ecs elbv2 iam lambda logs route53 sts"
        for service in services.split():
            shapes = get_session().get_component("data_loader").load_service_model(service, "service-2")["shapes"]
            for name, shape in shapes.items():
                if "pattern" in shape:
                    with self.subTest(f"{service} {name}"):
                        self.assertIsNotNone(patterns.compiled(shape["pattern"]), shape["pattern"])
