"""One emulator for all tests. Time stands still in it, but for `advance`; each test has an account of its own."""

import atexit
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REGION = "us-east-1"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
_accounts = itertools.count(200000000001)
_endpoint = ""


def endpoint() -> str:
    """The emulator's URL; the first call starts it."""
    global _endpoint
    if not _endpoint:
        data = tempfile.TemporaryDirectory()
        # A second of AWS's takes a minute: nothing comes to pass while a test runs, unless it advances time.
        process = subprocess.Popen(
            [sys.executable, "-m", "infra_sandbox", "--data-dir", data.name, "--time-scale", "60"],
            cwd=FOLDER,
            # What is made shows at once and can be used at once, but where a test says otherwise.
            env=os.environ | {"INFRA_SANDBOX_DURATIONS": json.dumps({"*.visible": 0, "*.usable": 0})},
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(data.cleanup)
        atexit.register(process.wait)
        atexit.register(process.terminate)
        _endpoint = process.stdout.readline().split()[-1]
    return _endpoint


def page(method: str, path: str, body: Any = None) -> Any:
    """One of the emulator's own pages."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(endpoint() + path, data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def set_durations(durations: dict[str, float]) -> None:
    """Sets some of the emulator's durations, in AWS's seconds."""
    page("POST", "/_infra/settings", {"durations_seconds": durations})


def advance(seconds: float) -> None:
    """Lets AWS's seconds pass."""
    page("POST", f"/_infra/advance?seconds={seconds}")


class SandboxTest(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.account = str(next(_accounts))
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=endpoint(),
                aws_access_key_id=self.account,
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self._clients[service]

    def __getattr__(self, name: str) -> Any:
        """`self.ec2` is the client of EC2."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self.client(name.replace("_", "-"))

    def refused(self, code: str, operation: Any, **parameters: Any) -> str:
        """Asserts that a call is refused with that code; returns the message."""
        with self.assertRaises(ClientError) as raised:
            operation(**parameters)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], code, error["Message"])
        return error["Message"]

    # What many tests stand on

    def network(self) -> None:
        """A VPC with two subnets and an internet gateway, which its own route table leads to."""
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=REGION + zone)[
                "Subnet"
            ]["SubnetId"]
            for n, zone in enumerate("ab")
        ]
        self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        own = [{"Name": "vpc-id", "Values": [self.vpc]}]
        self.table = self.ec2.describe_route_tables(Filters=own)["RouteTables"][0]["RouteTableId"]
        out = dict(RouteTableId=self.table, DestinationCidrBlock="0.0.0.0/0")
        self.ec2.create_route(**out, GatewayId=self.gateway)
        self.group = self.ec2.create_security_group(GroupName="g", Description="d", VpcId=self.vpc)["GroupId"]

    def load_balancer(self) -> None:
        """An internal load balancer with a listener that forwards to a target group."""
        self.balancer = self.elbv2.create_load_balancer(
            Name="alb", Subnets=self.subnets, SecurityGroups=[self.group], Scheme="internal"
        )["LoadBalancers"][0]["LoadBalancerArn"]
        self.targets = self.elbv2.create_target_group(
            Name="tg", Protocol="HTTP", Port=8080, VpcId=self.vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        forward = [{"Type": "forward", "TargetGroupArn": self.targets}]
        self.listener = self.elbv2.create_listener(
            LoadBalancerArn=self.balancer, Protocol="HTTP", Port=80, DefaultActions=forward
        )["Listeners"][0]["ListenerArn"]

    def execution_role(self) -> str:
        """The ARN of the role that tasks start with, which is made when it is missing."""
        with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
            self.iam.create_role(RoleName="execution", AssumeRolePolicyDocument=TRUST)
        return f"arn:aws:iam::{self.account}:role/execution"

    def definition(self, image: str = "docker.io/library/nginx:1", **container: Any) -> str:
        """Registers a task definition of one container."""
        described = {"name": "app", "image": image, "portMappings": [{"containerPort": 8080}]} | container
        return self.ecs.register_task_definition(
            family="app",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=self.execution_role(),
            containerDefinitions=[described],
        )["taskDefinition"]["taskDefinitionArn"]

    def service(self, definition: str, **more: Any) -> None:
        """A cluster with a service behind the load balancer."""
        self.ecs.create_cluster(clusterName="c")
        vpc = {"subnets": self.subnets, "securityGroups": [self.group], "assignPublicIp": "ENABLED"}
        parameters = dict(
            cluster="c",
            serviceName="s",
            taskDefinition=definition,
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": vpc},
            loadBalancers=[{"targetGroupArn": self.targets, "containerName": "app", "containerPort": 8080}],
        )
        self.ecs.create_service(**(parameters | more))

    def described(self) -> dict[str, Any]:
        return self.ecs.describe_services(cluster="c", services=["s"])["services"][0]
