"""Policies of IAM that AWS takes, and that it refuses."""

import json

from moto.iam import aws_managed_policies
from moto.iam.policy_validation import IAMPolicyDocumentValidator

import infra_sandbox.services.iam_policies  # noqa: F401 (it mends what moto refuses)
from support import SandboxTest

ONE_DAY = "2026-01-01T00:00:00"


class Policies(SandboxTest):
    def put(self, **statement):
        whole = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | statement
        document = json.dumps({"Version": "2012-10-17", "Statement": whole})
        self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)

    def trust(self, version="2012-10-17", **statement):
        whole = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"} | statement
        document = {"Statement": whole} | ({"Version": version} if version else {})
        self.iam.update_assume_role_policy(RoleName="r", PolicyDocument=json.dumps(document))

    def setUp(self):
        super().setUp()
        whole = {"Effect": "Allow", "Principal": {"AWS": self.account}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [whole]})
        self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)

    def test_resources(self):
        good = [
            f"arn:aws:iam::{self.account}:*",
            f"arn:aws:iam::{self.account}:root",
            "arn:aws*:iam::*:role/*",
            "arn:aws-us-*:s3:::bucket/*",
            "arn:*:s3:::bucket",
            "arn:aws:s3:*:*:access-grants/default/grant/*",
            f"arn:aws:s3:eu-west-1:{self.account}:job/*",
            f"arn:aws:s3:eu-west-1:{self.account}:storage-lens/all",
        ]
        for resource in good:
            with self.subTest(resource):
                self.put(Resource=resource)
                self.put(Resource=[resource, "*"])
        for resource in ("bucket", "arn:was:s3:::bucket", "arn:b*:s3:::bucket", "arn:aws:iam::1:rule/x"):
            with self.subTest(resource):
                self.refused("MalformedPolicyDocument", self.put, Resource=resource)

    def test_numbers_and_booleans_of_conditions_may_stand_without_quotes(self):
        good = [
            {"NumericLessThan": {"s3:max-keys": 10}},
            {"NumericLessThanEquals": {"s3:max-keys": [10, 2.5, "7"]}},
            {"Bool": {"aws:SecureTransport": False}},
            {"BoolIfExists": {"aws:SecureTransport": [True]}},
            {"DateLessThan": {"aws:EpochTime": 1767225600}},
            {"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", 1]}},
        ]
        good += [{"DateGreaterThan": {"aws:CurrentTime": ONE_DAY + zone}} for zone in ("Z", "+01:00", "-05:00", "")]
        good += [{"DateGreaterThan": {"aws:CurrentTime": each}} for each in ("2026-01-01", "2026-01-01T00:00Z")]
        for condition in good:
            with self.subTest(condition):
                self.put(Condition=condition)
                self.trust(Condition=condition)
        bad = [
            {"NumericMoreThan": {"s3:max-keys": 10}},
            {"NumericLessThan": 10},
            {"DateLessThan": {"aws:CurrentTime": "2026-13-01T00:00:00Z"}},
            {"DateLessThan": {"aws:CurrentTime": ONE_DAY + "-99:00"}},
        ]
        for condition in bad:
            with self.subTest(condition):
                self.refused("MalformedPolicyDocument", self.put, Condition=condition)

    def test_trust(self):
        self.trust(version=None)
        self.trust(version="2008-10-17")
        self.trust(Action=["sts:assumerole", "sts:SetContext", "sts:TagSession"])
        self.refused("MalformedPolicyDocument", self.trust, version="2020-01-01")
        self.refused("MalformedPolicyDocument", self.trust, Action="s3:GetObject")
        for number in (int(self.account), [int(self.account)]):
            self.refused("MalformedPolicyDocument", self.trust, Principal={"AWS": number})
        for principal in (f"arn:aws:iam::{self.account}:*", f"arn:aws:iam::{self.account}:role/a*"):
            with self.subTest(principal):
                message = self.refused("MalformedPolicyDocument", self.trust, Principal={"AWS": ["*", principal]})
                self.assertEqual(message, f'Invalid principal in policy: "AWS":"{principal}"')

    def test_all_that_aws_manages_is_good(self):
        for name, policy in json.loads(aws_managed_policies.aws_managed_policies_data).items():
            with self.subTest(name):
                IAMPolicyDocumentValidator(json.dumps(policy["Document"])).validate()
