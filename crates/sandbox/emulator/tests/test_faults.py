"""Faults on demand: each kind over HTTP, and the end of a process."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import requests
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError
from support import FOLDER, SandboxTest, advance, endpoint, page

sys.path.insert(0, FOLDER)
from infra_sandbox import faults  # noqa: E402


def set_faults(**setup):
    """Sets faults up; returns what the page answers."""
    request = urllib.request.Request(endpoint() + "/_infra/faults", json.dumps(setup).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def report():
    return page("GET", "/_infra/faults")


# A client in a process of its own: makes VPCs until it is told to stop, and says after each one.
CLIENT = """
import boto3, sys
from botocore.config import Config
ec2 = boto3.client("ec2", region_name="us-east-1", endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2],
    aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1}))
for number in range(int(sys.argv[3])):
    ec2.describe_vpcs()
    ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
    print(number + 1, flush=True)
"""


class FaultsTest(SandboxTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(page, "DELETE", "/_infra/faults")

    def own_vpcs(self) -> int:
        return sum(not vpc["IsDefault"] for vpc in self.ec2.describe_vpcs()["Vpcs"])

    def client_process(self, count: int = 5) -> subprocess.Popen:
        arguments = [sys.executable, "-c", CLIENT, endpoint(), self.account, str(count)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        return process


class KillTest(FaultsTest):
    def killed(self, process: subprocess.Popen) -> list[str]:
        said = process.stdout.read().split()
        self.assertEqual(process.wait(), -9)
        return said

    def test_the_peer_is_killed_before_or_after_its_request(self):
        for when, left in (("before", 2), ("after", 3)):
            with self.subTest(when):
                self.account = str(int(self.account) + 10**9)
                self._clients.clear()
                set_faults(kill={"pid": "peer", "at_mutating": 3, "when": when})
                process = self.client_process()
                self.assertEqual(self.killed(process), ["1", "2"])
                self.assertEqual(self.own_vpcs(), left)
                found = report()
                expected = {"killed": True, "pid": process.pid, "operation": "ec2.CreateVpc", "error": ""}
                self.assertEqual(found["kill"], expected)
                self.assertEqual(found["mutating"], 3)
                # It happens once.
                self.ec2.create_vpc(CidrBlock="10.9.0.0/16")
                self.assertEqual(report()["mutating"], 4)

    def test_a_process_is_killed_by_its_number(self):
        other = subprocess.Popen(["sleep", "600"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        set_faults(kill={"pid": other.pid, "at_mutating": 1, "when": "after"})
        self.ec2.describe_vpcs()
        self.assertIsNone(other.poll())
        with self.assertRaises(ConnectionClosedError):
            self.ec2.create_vpc(CidrBlock="10.0.0.0/16")
        self.assertEqual(other.wait(), -9)
        self.assertEqual(self.own_vpcs(), 1)

    def test_a_process_that_has_ended_is_no_reason_to_refuse(self):
        other = subprocess.Popen(["sleep", "600"])
        set_faults(kill={"pid": other.pid, "at_mutating": 1})
        other.kill()
        other.wait()
        self.ec2.create_vpc(CidrBlock="10.0.0.0/16")
        kill = report()["kill"]
        self.assertEqual((kill["killed"], kill["operation"]), (False, "ec2.CreateVpc"))
        self.assertIn(f"no process {other.pid}", kill["error"])

    def test_uploads_count_and_the_client_of_the_registry_is_killed(self):
        self.ecr.create_repository(repositoryName="a/b")
        token = self.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        program = (
            "import requests, sys\n"
            "s = requests.Session(); s.headers['Authorization'] = 'Basic ' + sys.argv[2]\n"
            "s.get(sys.argv[1] + '/v2/')\n"
            "for _ in range(3): s.post(sys.argv[1] + '/v2/a/b/blobs/uploads/'); print('sent', flush=True)\n"
        )
        set_faults(kill={"pid": "peer", "at_mutating": 2, "when": "before"})
        process = subprocess.Popen(
            [sys.executable, "-c", program, endpoint(), token], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(process.stdout.close)
        self.assertEqual(self.killed(process), ["sent"])
        found = report()
        self.assertEqual((found["mutating"], found["kill"]["operation"]), (2, "registry.StartUpload"))


class PageTest(FaultsTest):
    def test_what_cannot_be_set_up_is_told(self):
        cases = [
            ("[]", "the set-up must be an object, not []"),
            ("{", "not JSON: "),
            ('{"speed": 1}', "unknown key speed; there are seed, latency_ms"),
            ('{"throttled": 1.5}', "throttled must be a number from 0 to 1, not 1.5"),
            ('{"reset": true}', "reset must be a number from 0 to 1, not true"),
            ('{"latency_ms": NaN}', "latency_ms must be a number from 0 to 600000, not NaN"),
            ('{"seed": "7"}', 'seed must be a whole number of at least 0, not "7"'),
            ('{"throttled": 0.7, "reset": 0.7}', "may be 1 together, not 1.4"),
            ('{"only": "ecs.*"}', "only must be a list of texts"),
            ('{"only": ["CreateVpc"]}', 'only: "CreateVpc" is no service and operation'),
            ('{"only": ["ECS.*"]}', "only: no service is named 'ECS'"),
            ('{"only": ["ec2.CreateVPC"]}', "only: ec2 has no operation 'CreateVPC'"),
            ('{"proxy_page_statuses": []}', "proxy_page_statuses must have one status at least"),
            ('{"proxy_page_statuses": [302]}', "proxy_page_statuses[0] must be a whole number of at least 400, not 302"),
            ('{"proxy_page_statuses": [600]}', "proxy_page_statuses[0] must be a status of an error, not 600"),
            ('{"credentials": {"say": "gone"}}', 'credentials.say must be "expired" or "unknown"'),
            ('{"credentials": {"for": 1}}', "unknown key credentials.for; there are say, after, keys"),
            ('{"kill": 5}', "kill must be an object, not 5"),
            ('{"kill": {"at_mutating": 1}}', "kill needs pid"),
            ('{"kill": {"pid": "peer"}}', "kill needs at_mutating"),
            ('{"kill": {"pid": "peer", "at_mutating": 0}}', "kill.at_mutating must be a whole number of at least 1"),
            ('{"kill": {"pid": 0, "at_mutating": 1}}', "kill.pid must be a whole number of at least 2, not 0"),
            ('{"kill": {"pid": -5, "at_mutating": 1}}', "kill.pid must be a whole number of at least 2, not -5"),
            ('{"kill": {"pid": 99999999, "at_mutating": 1}}', "kill.pid: no process 99999999"),
            ('{"kill": {"pid": "peer", "at_mutating": 1, "when": "now"}}', 'kill.when must be "before" or "after"'),
            ('{"kill": {"pid": "peer", "at_mutating": 1, "how": 9}}', "unknown key kill.how"),
        ]
        set_faults(seed=3)
        for text, message in cases:
            with self.subTest(text):
                answer = requests.post(endpoint() + "/_infra/faults", data=text)
                self.assertEqual(answer.status_code, 400)
                self.assertIn(message, answer.json()["error"])
        # What stood before still does.
        self.assertEqual(report()["setup"]["seed"], 3)
        status = page("GET", "/_infra/status")
        answer = requests.post(
            endpoint() + "/_infra/faults", json={"kill": {"pid": status["pid"], "at_mutating": 1}}
        )
        self.assertIn("that is the emulator itself", answer.json()["error"])

    def test_the_environment_sets_up(self):
        with tempfile.NamedTemporaryFile("w") as file, tempfile.TemporaryDirectory() as data:
            file.write('{"seed": 4}')
            file.flush()
            for value in (file.name, '{"seed": 4}'):
                with mock.patch.dict(os.environ, {"INFRA_SANDBOX_FAULTS": value}):
                    self.assertEqual(faults.setup_of_environment(), faults.Setup(seed=4))
            with mock.patch.dict(os.environ, {"INFRA_SANDBOX_FAULTS": "/nowhere/faults.json"}):
                with self.assertRaisesRegex(faults.WrongSetup, "/nowhere/faults.json: No such file"):
                    faults.setup_of_environment()
            found = subprocess.run(
                [sys.executable, "-m", "infra_sandbox", "--data-dir", data],
                cwd=FOLDER,
                env=os.environ | {"INFRA_SANDBOX_FAULTS": '{"throttled": 2}'},
                capture_output=True,
                text=True,
            )
            self.assertEqual(found.returncode, 2)
            self.assertIn("INFRA_SANDBOX_FAULTS: throttled must be a number from 0 to 1, not 2", found.stderr)

    def test_nothing_is_set_up_at_first_and_nothing_afterwards(self):
        page("DELETE", "/_infra/faults")
        self.ec2.create_vpc(CidrBlock="10.0.0.0/16")
        nothing = report()
        self.assertEqual((nothing["setup"], nothing["requests"], nothing["kill"]), (None, 0, None))
        set_faults(throttled=1.0, only=["ec2.DescribeSubnets"])
        self.ec2.describe_vpcs()
        self.refused("RequestLimitExceeded", self.ec2.describe_subnets)
        ended = page("DELETE", "/_infra/faults")
        self.assertEqual((ended["requests"], ended["injected"]["throttled"]), (2, 1))
        self.assertEqual(ended["operations"], {"ec2.DescribeSubnets": {"throttled": 1}})
        self.ec2.describe_subnets()
        self.assertEqual(report(), nothing)


def calls(test):
    """A read and a change of each service that the engine calls, with what it says when it throttles."""
    arn = f"arn:aws:elasticloadbalancing:us-east-1:{test.account}:targetgroup/x/0123456789abcdef"
    scaling = {"ServiceNamespace": "ecs"}
    target = scaling | {"ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount"}
    return [
        ("ec2", "RequestLimitExceeded", 503, "describe_vpcs", {}),
        ("ec2", "RequestLimitExceeded", 503, "create_vpc", {"CidrBlock": "10.0.0.0/16"}),
        ("ecs", "ThrottlingException", 400, "list_clusters", {}),
        ("ecs", "ThrottlingException", 400, "create_cluster", {"clusterName": "c"}),
        ("ecr", "ThrottlingException", 400, "describe_repositories", {}),
        ("ecr", "ThrottlingException", 400, "create_repository", {"repositoryName": "a/b"}),
        ("logs", "ThrottlingException", 400, "describe_log_groups", {}),
        ("logs", "ThrottlingException", 400, "create_log_group", {"logGroupName": "g"}),
        ("iam", "Throttling", 400, "list_roles", {}),
        ("iam", "Throttling", 400, "delete_role", {"RoleName": "r"}),
        ("elbv2", "Throttling", 400, "describe_load_balancers", {}),
        ("elbv2", "Throttling", 400, "delete_target_group", {"TargetGroupArn": arn}),
        ("apigatewayv2", "TooManyRequestsException", 429, "get_apis", {}),
        ("apigatewayv2", "TooManyRequestsException", 429, "create_api", {"Name": "a", "ProtocolType": "HTTP"}),
        ("route53", "Throttling", 400, "list_hosted_zones", {}),
        ("route53", "Throttling", 400, "create_hosted_zone", {"Name": "a.example", "CallerReference": "1"}),
        ("application-autoscaling", "ThrottlingException", 400, "describe_scalable_targets", scaling),
        ("application-autoscaling", "ThrottlingException", 400, "register_scalable_target", target),
        ("sts", "Throttling", 400, "get_caller_identity", {}),
        ("resourcegroupstaggingapi", "ThrottledException", 400, "get_resources", {}),
        ("acm", "ThrottlingException", 400, "list_certificates", {}),
        ("s3", "SlowDown", 503, "list_buckets", {}),
        ("dynamodb", "ThrottlingException", 400, "list_tables", {}),
        ("cloudwatch", "Throttling", 400, "describe_alarms", {}),
    ]


class FormsTest(FaultsTest):
    def answered(self, service: str, operation: str, parameters: dict) -> tuple[int, str, str]:
        """Status, code and message of the error that a call ends with."""
        with self.assertRaises(ClientError) as raised:
            getattr(self.client(service), operation)(**parameters)
        answer = raised.exception.response
        error = answer["Error"]
        return answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]

    def test_every_service_throttles_in_its_own_form(self):
        set_faults(throttled=1)
        for service, code, status, operation, parameters in calls(self):
            with self.subTest(f"{service}.{operation}"):
                found = self.answered(service, operation, parameters)
                self.assertEqual(found[:2], (status, code))
                self.assertTrue(found[2], "it says nothing")

    def test_every_service_fails_in_its_own_form_or_with_a_bare_page(self):
        codes = {}
        for seed in range(12):
            set_faults(server_error=1, seed=seed)
            for service, _, _, operation, parameters in calls(self):
                status, code, _ = self.answered(service, operation, parameters)
                self.assertIn(status, (500, 503))
                codes.setdefault(service, set()).add((status, code))
        # boto3 gives a bare page the status as its code.
        told = {service: {each for each in seen if not each[1].isdigit()} for service, seen in codes.items()}
        self.assertEqual(told["ec2"], {(500, "InternalError"), (503, "Unavailable")})
        self.assertEqual(told["ecs"], {(500, "ServerException"), (503, "ServiceUnavailable")})
        self.assertEqual(told["iam"], {(500, "ServiceFailure"), (503, "ServiceUnavailable")})
        self.assertEqual(told["logs"], {(500, "InternalFailure"), (503, "ServiceUnavailableException")})
        self.assertEqual(told["apigatewayv2"], {(500, "InternalFailure"), (503, "ServiceUnavailable")})
        for service, seen in told.items():
            self.assertEqual({status for status, _ in seen}, {500, 503}, service)
        bare = {each for seen in codes.values() for each in seen if each[1].isdigit()}
        self.assertEqual(bare, {(500, "500"), (503, "503")})

    def test_a_proxy_answers_with_a_page_in_place_of_any_service(self):
        seen = set()
        for seed in range(4):
            set_faults(proxy_page=1, seed=seed)
            for service, _, _, operation, parameters in calls(self):
                # Of a page that is no XML boto3 says just that.
                with self.assertRaises((ClientError, ResponseParserError)) as raised:
                    getattr(self.client(service), operation)(**parameters)
                if isinstance(raised.exception, ClientError):
                    seen.add(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"])
                else:
                    self.assertIn("<html>", str(raised.exception))
        self.assertEqual(seen, {404, 500})
        set_faults(proxy_page=1, proxy_page_statuses=[502], only=["ecs.List*"])
        self.ec2.describe_vpcs()
        answer = requests.get(
            endpoint() + "/",
            headers={
                "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/ecs/aws4_request, Signature=b",
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
            },
        )
        self.assertEqual((answer.status_code, answer.headers["Content-Type"]), (502, "text/html"))
        self.assertIn("502 Bad Gateway", answer.text)
        self.assertNotIn("x-amzn-RequestId", answer.headers)
        set_faults(proxy_page=1, proxy_page_statuses=[404], only=["registry.*"])
        self.assertEqual(requests.get(endpoint() + "/v2/").status_code, 404)

    def test_every_service_refuses_credentials_in_its_own_words(self):
        said = {
            "expired": {"ExpiredTokenException", "ExpiredToken", "RequestExpired"},
            "unknown": {"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "InvalidAccessKeyId"},
            "not_yet_current": {
                *("InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed")
            },
        }
        for say, expected in said.items():
            set_faults(credentials={"say": say})
            found = {}
            for service, _, _, operation, parameters in calls(self):
                status, code, message = self.answered(service, operation, parameters)
                found[service] = (status, code)
                if say == "not_yet_current" and service not in ("ec2", "s3"):
                    self.assertRegex(message, r"not yet current: \w+Z is still later than \w+Z \(\w+Z \+ 5 min\.\)")
            self.assertEqual({code for _, code in found.values()}, expected)
            self.assertGreater(report()["injected"]["credentials"], 20)
        # Of each family one.
        set_faults(credentials={"say": "expired"})
        for client, status, code in (
            (lambda: self.ec2.describe_vpcs(), 400, "RequestExpired"),
            (lambda: self.ecs.list_clusters(), 400, "ExpiredTokenException"),
            (lambda: self.iam.list_roles(), 403, "ExpiredToken"),
            (lambda: self.apigatewayv2.get_apis(), 403, "ExpiredTokenException"),
            (lambda: self.route53.list_hosted_zones(), 403, "ExpiredToken"),
        ):
            with self.assertRaises(ClientError) as raised:
                client()
            answer = raised.exception.response
            self.assertEqual((answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]), (status, code))

    def test_credentials_end_in_the_middle_and_others_are_good(self):
        set_faults(credentials={"say": "expired", "after": 2})
        self.ec2.create_vpc(CidrBlock="10.0.0.0/16")
        self.ecs.list_clusters()
        for _ in range(2):
            self.refused("RequestExpired", self.ec2.create_vpc, CidrBlock="10.1.0.0/16")
            self.refused("ExpiredTokenException", self.ecs.list_clusters)
        former, self.account = self.account, str(int(self.account) + 10**9)
        self._clients.clear()
        self.ecs.list_clusters()
        # Those of a session go, those that took the role stay.
        role = f"arn:aws:iam::{former}:role/deploy"
        session = self.sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        self.account = session["AccessKeyId"]
        set_faults(credentials={"say": "expired", "after": 1, "keys": "ASIA*"})
        self._clients.clear()
        self.ecs.list_clusters()
        self.refused("ExpiredTokenException", self.ecs.list_clusters)
        self.account = former
        self._clients.clear()
        self.ecs.list_clusters()
        page("DELETE", "/_infra/faults")
        self.assertEqual(self.own_vpcs(), 1)

    def test_neither_has_an_effect(self):
        for kind in ("throttled", "server_error", "reset", "proxy_page"):
            set_faults(**{kind: 1}, only=["*.Create*"])
            for number in range(4):
                with self.assertRaises((ClientError, ConnectionClosedError, ResponseParserError)):
                    self.ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
            self.assertEqual(self.own_vpcs(), 0)
            self.assertEqual(report()["injected"][kind], 4)

    def test_a_lost_answer_is_of_a_request_that_was_carried_out(self):
        set_faults(lost_answer=1, only=["ec2.CreateVpc"])
        with self.assertRaises(ConnectionClosedError):
            self.ec2.create_vpc(CidrBlock="10.0.0.0/16")
        self.assertEqual(self.own_vpcs(), 1)
        latest = page("GET", "/_infra/requests")["mutating"][-1]
        self.assertEqual((latest["status"], latest["fault"]), (200, "lost_answer"))

    def test_half_of_the_time_outs_are_carried_out(self):
        set_faults(time_out=1, time_out_seconds=0.01, seed=5, only=["ec2.CreateVpc"])
        for number in range(16):
            with self.assertRaises(ConnectionClosedError):
                self.ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
        self.assertGreater(self.own_vpcs(), 2)
        self.assertLess(self.own_vpcs(), 14)


class StaleTest(FaultsTest):
    def test_a_stale_read_does_not_show_what_was_just_made(self):
        # Time stands still but for faults: what is late by itself is seen after this.
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        advance(60)
        self.assertEqual(self.own_vpcs(), 1)
        set_faults(stale_reads=1, stale_window_seconds=10)
        self.assertEqual(self.own_vpcs(), 0)
        self.refused("InvalidVpcID.NotFound", self.ec2.describe_vpcs, VpcIds=[vpc])
        self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")
        set_faults(stale_reads=1, stale_window_seconds=0)
        self.assertEqual(self.own_vpcs(), 1)
        self.assertEqual(report()["injected"]["stale_reads"], 1)
        set_faults(stale_reads=0.5, stale_window_seconds=10, seed=1)
        self.assertEqual({self.own_vpcs() for _ in range(20)}, {0, 1})


class DrawTest(FaultsTest):
    MIXED = {"throttled": 0.2, "server_error": 0.2, "reset": 0.1, "lost_answer": 0.1}

    def met(self, **setup) -> list[str]:
        """What each of 60 reads meets."""
        set_faults(**setup)
        found = []
        for _ in range(60):
            try:
                self.ec2.describe_vpcs()
                found.append("")
            except ClientError as error:
                found.append(error.response["Error"]["Code"])
            except ConnectionClosedError:
                found.append("reset")
        return found

    def test_a_seed_is_a_sequence(self):
        first = self.met(seed=7, **self.MIXED)
        self.assertEqual(self.met(seed=7, **self.MIXED), first)
        self.assertNotEqual(self.met(seed=8, **self.MIXED), first)
        for kind in ("", "RequestLimitExceeded", "reset"):
            self.assertIn(kind, first)
        # What one kind does to a request does not shift what the next one meets.
        without = self.met(seed=7, throttled=self.MIXED["throttled"])
        self.assertEqual(
            [each == "RequestLimitExceeded" for each in without],
            [each == "RequestLimitExceeded" for each in first],
        )

    def test_answers_wait_side_by_side(self):
        set_faults(latency_ms=1500, jitter_ms=100)
        began = time.monotonic()
        with ThreadPoolExecutor(60) as pool:
            ec2 = self.ec2
            seconds = list(pool.map(lambda _: timed(ec2.describe_availability_zones), range(60)))
        whole = time.monotonic() - began
        self.assertGreaterEqual(min(seconds), 1.4)
        # One after another, or sixteen at a time, would be far above.
        self.assertLess(whole, 0.5 * sum(seconds) / 16)

    def test_the_registry_throttles_fails_and_loses_answers(self):
        self.ecr.create_repository(repositoryName="a/b")
        token = self.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        headers = {"Authorization": f"Basic {token}"}
        uploads = endpoint() + "/v2/a/b/blobs/uploads/"
        digest = "sha256:" + hashlib.sha256(b"x").hexdigest()

        set_faults(throttled=1, only=["registry.*"])
        answer = requests.post(uploads, headers=headers)
        self.assertEqual((answer.status_code, answer.json()["errors"][0]["code"]), (429, "TOOMANYREQUESTS"))
        set_faults(server_error=1, only=["registry.*"])
        self.assertEqual({requests.post(uploads, headers=headers).status_code for _ in range(12)}, {503})
        set_faults(lost_answer=1, only=["registry.StartUpload"])
        with self.assertRaises(requests.ConnectionError):
            requests.post(f"{uploads}?digest={digest}", data=b"x", headers=headers)
        found = requests.get(f"{endpoint()}/v2/a/b/blobs/{digest}", headers=headers)
        self.assertEqual(found.content, b"x")
        set_faults(lost_answer=1, only=["registry.GetBlob"])
        with self.assertRaises(requests.ConnectionError):
            requests.get(f"{endpoint()}/v2/a/b/blobs/{digest}", headers=headers)


def timed(call) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
