"""Faults on demand: each kind over HTTP, and the end of a process."""

import json
import subprocess
import sys
import urllib.error
import urllib.request

import requests
from botocore.exceptions import ClientError, ConnectionClosedError
from support import SandboxTest, endpoint, page


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
