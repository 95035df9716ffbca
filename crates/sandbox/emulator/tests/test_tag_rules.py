"""Tags that no service takes, when things are made and afterwards."""

from support import TRUST, SandboxTest


def pairs(tags: dict[str, str], lower: bool = False) -> list[dict[str, str]]:
    names = ("key", "value") if lower else ("Key", "Value")
    return [dict(zip(names, pair, strict=True)) for pair in tags.items()]


def many(count: int, start: str = "k") -> dict[str, str]:
    return {f"{start}{number}": "v" for number in range(count)}


class TagRules(SandboxTest):
    def makers(self):
        """For each service: how something is made with tags, how one that is there gets more, and the refusals."""
        self.network()
        vpc = [self.vpc]
        self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
        self.load_balancer()
        cluster = self.ecs.create_cluster(clusterName="c")["cluster"]["clusterArn"]
        repository = self.ecr.create_repository(repositoryName="a/b")["repository"]["repositoryArn"]
        self.logs.create_log_group(logGroupName="/a")
        group = f"arn:aws:logs:us-east-1:{self.account}:log-group:/a"
        api = self.apigatewayv2.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
        api = f"arn:aws:apigateway:us-east-1::/apis/{api}"
        targets = dict(Name="t", Protocol="HTTP", Port=80, VpcId=self.vpc)
        # Service, making, tagging, the code of AWS's own keys, that of too many when made, and afterwards.
        return [
            (
                "ec2",
                lambda tags: self.ec2.create_vpc(
                    CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": pairs(tags)}]
                ),
                lambda tags: self.ec2.create_tags(Resources=vpc, Tags=pairs(tags)),
                *("InvalidTagKey.Malformed", "TagLimitExceeded", "TagLimitExceeded"),
            ),
            (
                "iam",
                lambda tags: self.iam.create_role(RoleName="s", AssumeRolePolicyDocument=TRUST, Tags=pairs(tags)),
                lambda tags: self.iam.tag_role(RoleName="r", Tags=pairs(tags)),
                *("InvalidInput", "ValidationError", "LimitExceeded"),
            ),
            (
                "elbv2",
                lambda tags: self.elbv2.create_target_group(**targets, Tags=pairs(tags)),
                lambda tags: self.elbv2.add_tags(ResourceArns=[self.targets], Tags=pairs(tags)),
                *("ValidationError", "TooManyTags", "TooManyTags"),
            ),
            (
                "ecs",
                lambda tags: self.ecs.create_cluster(clusterName="d", tags=pairs(tags, lower=True)),
                lambda tags: self.ecs.tag_resource(resourceArn=cluster, tags=pairs(tags, lower=True)),
                *("InvalidParameterException", "InvalidParameterException", "InvalidParameterException"),
            ),
            (
                "ecr",
                lambda tags: self.ecr.create_repository(repositoryName="c/d", tags=pairs(tags)),
                lambda tags: self.ecr.tag_resource(resourceArn=repository, tags=pairs(tags)),
                *("InvalidTagParameterException", "TooManyTagsException", "TooManyTagsException"),
            ),
            (
                "logs",
                lambda tags: self.logs.create_log_group(logGroupName="/b", tags=tags),
                lambda tags: self.logs.tag_resource(resourceArn=group, tags=tags),
                *("InvalidParameterException", "InvalidParameterException", "TooManyTagsException"),
            ),
            (
                "apigatewayv2",
                lambda tags: self.apigatewayv2.create_api(Name="b", ProtocolType="HTTP", Tags=tags),
                lambda tags: self.apigatewayv2.tag_resource(ResourceArn=api, Tags=tags),
                *("BadRequestException", "BadRequestException", "BadRequestException"),
            ),
        ]

    def test_keys_that_are_AWSs_own_and_more_than_fifty_are_refused(self):
        for service, make, tag, reserved, too_many_made, too_many in self.makers():
            with self.subTest(service):
                for key in ("aws:cloudformation:stack-name", "AWS:x"):
                    self.refused(reserved, make, tags={key: "v"})
                    self.refused(reserved, tag, tags={"a": "b", key: "v"})
                self.refused(too_many_made, make, tags=many(51))
                make(tags=many(50))
                tag(tags=many(30))
                # The same ones again are no more.
                tag(tags=many(50))
                self.refused(too_many, tag, tags={"one": "more"})

    def test_keys_of_iam_that_differ_in_case_are_one(self):
        self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Tags=pairs(many(50)))
        self.iam.tag_role(RoleName="r", Tags=pairs(many(50, start="K")))

    def test_ecr_has_an_alphabet_of_its_own(self):
        for key, value in (("a", "(b)"), ("a[0]", "b"), ("a", "b,c"), ("a", 'b"')):
            with self.subTest(key, value=value):
                made = dict(repositoryName="a/b", tags=pairs({key: value}))
                self.refused("InvalidTagParameterException", self.ecr.create_repository, **made)
        self.ecr.create_repository(repositoryName="a/b", tags=pairs({"a:b/c": "é +-=._:/@ 1"}))
