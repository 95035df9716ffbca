"""ECS rollouts: those that end well, those that fail, and what is left of them."""

import json

from support import SandboxTest, advance

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
COME_UP = 40 + 30 + 15
GO_DOWN = 30


class Rollout(SandboxTest):
    def setUp(self):
        super().setUp()
        self.network()
        self.load_balancer()

    def summary(self):
        """Status, rollout state and running tasks of each deployment."""
        return [(each["status"], each["rolloutState"], each["runningCount"]) for each in self.described()["deployments"]]

    def deployments(self):
        return [
            each["status"]
            for each in self.ecs.list_service_deployments(cluster="c", service="s")["serviceDeployments"]
        ]

    def health(self):
        found = self.elbv2.describe_target_health(TargetGroupArn=self.targets)["TargetHealthDescriptions"]
        return sorted(each["TargetHealth"]["State"] for each in found)

    def missing_image(self):
        """A definition whose image is not in the account's ECR."""
        return self.definition(f"{self.account}.dkr.ecr.us-east-1.amazonaws.com/nothing:1")

    def test_a_new_service_comes_up_in_steps(self):
        self.service(self.definition())
        self.assertEqual((self.summary(), self.deployments()), ([("PRIMARY", "IN_PROGRESS", 0)], ["IN_PROGRESS"]))
        advance(40)
        self.assertEqual((self.summary(), self.health()), ([("PRIMARY", "IN_PROGRESS", 2)], ["initial"] * 2))
        advance(30)
        self.assertEqual((self.summary(), self.health()), ([("PRIMARY", "IN_PROGRESS", 2)], ["healthy"] * 2))
        advance(15)
        self.assertEqual((self.summary(), self.deployments()), ([("PRIMARY", "COMPLETED", 2)], ["SUCCESSFUL"]))
        self.assertIn("steady state", self.described()["events"][0]["message"])
        tasks = self.ecs.list_tasks(cluster="c", serviceName="s")["taskArns"]
        found = self.ecs.describe_tasks(cluster="c", tasks=tasks)["tasks"]
        self.assertEqual([each["lastStatus"] for each in found], ["RUNNING"] * 2)
        # One in each subnet.
        self.assertEqual(len({each["availabilityZone"] for each in found}), 2)

    def test_an_update_replaces_the_tasks(self):
        self.service(self.definition())
        advance(COME_UP)
        second = self.definition()
        self.ecs.update_service(cluster="c", service="s", taskDefinition=second)
        self.assertEqual(self.summary(), [("PRIMARY", "IN_PROGRESS", 0), ("ACTIVE", "COMPLETED", 2)])
        advance(COME_UP + GO_DOWN)
        self.assertEqual(self.summary(), [("PRIMARY", "COMPLETED", 2)])
        self.assertEqual((self.described()["taskDefinition"], self.health()), (second, ["healthy"] * 2))
        # What needs no new tasks starts no rollout; what is forced does.
        self.ecs.update_service(cluster="c", service="s", healthCheckGracePeriodSeconds=60, taskDefinition=second)
        self.assertEqual(len(self.summary()), 1)
        self.ecs.update_service(cluster="c", service="s", forceNewDeployment=True)
        self.assertEqual(len(self.summary()), 2)

    def test_old_tasks_go_and_new_ones_come_as_the_percentages_say(self):
        # Minimum and maximum; new tasks that run, new ones to come, and old ones, whenever the new ones serve.
        cases = [
            ((100, 200), [(0, 4, 4), (4, 0, 0)]),
            ((50, 100), [(0, 2, 2), (2, 2, 0), (4, 0, 0)]),
            ((100, 150), [(0, 2, 4), (2, 2, 2), (4, 0, 0)]),
            ((0, 100), [(0, 4, 0), (4, 0, 0)]),
        ]
        for number, ((least, most), expected) in enumerate(cases):
            with self.subTest(least=least, most=most):
                configuration = {"minimumHealthyPercent": least, "maximumPercent": most}
                name = dict(serviceName=f"s{number}", desiredCount=4, deploymentConfiguration=configuration)
                first, second = self.definition(), self.definition()
                self.service(first, **name)
                advance(COME_UP)
                self.ecs.update_service(cluster="c", service=name["serviceName"], taskDefinition=second)
                seen = [self.counts(name["serviceName"], second)]
                for _ in expected[1:]:
                    advance(COME_UP)
                    seen.append(self.counts(name["serviceName"], second))
                self.assertEqual(seen, expected)
                advance(COME_UP + GO_DOWN)
                self.assertEqual(self.counts(name["serviceName"], second), (4, 0, 0))

    def counts(self, service, definition):
        """Tasks that run and that are about to, of this definition; and those of another that are to stay."""
        arns = self.ecs.list_tasks(cluster="c", serviceName=service)["taskArns"]
        tasks = self.ecs.describe_tasks(cluster="c", tasks=arns)["tasks"]
        new = [each["lastStatus"] for each in tasks if each["taskDefinitionArn"] == definition]
        return new.count("RUNNING"), len(new) - new.count("RUNNING"), len(tasks) - len(new)

    def test_images_need_a_way_to_them(self):
        closed = {"awsvpcConfiguration": {"subnets": self.subnets, "securityGroups": [self.group]}}
        self.ecr.create_repository(repositoryName="app")
        manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"})
        self.ecr.put_image(repositoryName="app", imageTag="1", imageManifest=manifest)
        of_ecr = f"{self.account}.dkr.ecr.us-east-1.amazonaws.com/app:1"
        self.ecs.create_cluster(clusterName="c")

        def ends(image, network):
            task = self.ecs.run_task(
                cluster="c", taskDefinition=self.definition(image), launchType="FARGATE", networkConfiguration=network
            )["tasks"][0]["taskArn"]
            advance(40)
            found = self.ecs.describe_tasks(cluster="c", tasks=[task])["tasks"][0]
            return found.get("stoppedReason", found["lastStatus"]).split(":")[0]

        self.assertEqual(ends(of_ecr, closed), "ResourceInitializationError")
        self.assertEqual(ends("docker.io/library/nginx:1", closed), "CannotPullContainerError")
        for name in ("ecr.api", "ecr.dkr"):
            service = f"com.amazonaws.us-east-1.{name}"
            place = dict(SubnetIds=self.subnets, SecurityGroupIds=[self.group])
            self.ec2.create_vpc_endpoint(VpcId=self.vpc, VpcEndpointType="Interface", ServiceName=service, **place)
        bucket = dict(VpcId=self.vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[self.table])
        self.ec2.create_vpc_endpoint(**bucket)
        self.assertEqual(ends(of_ecr, closed), "ResourceInitializationError")
        advance(75)
        self.assertEqual(ends(of_ecr, closed), "RUNNING")
        self.assertEqual(ends("docker.io/library/nginx:1", closed), "CannotPullContainerError")
        # A NAT gateway leads everywhere, once it is available and the route leads to it.
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = self.ec2.create_nat_gateway(SubnetId=self.subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        route = dict(RouteTableId=self.table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        self.ec2.replace_route(**route)
        self.assertEqual(ends("docker.io/library/nginx:1", closed), "CannotPullContainerError")
        advance(90)
        self.assertEqual(ends("docker.io/library/nginx:1", closed), "RUNNING")

    def test_no_two_tasks_have_one_address(self):
        # AWS keeps five of the sixteen.
        small = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.255.240/28")["Subnet"]["SubnetId"]
        self.ecs.create_cluster(clusterName="c")
        network = {"awsvpcConfiguration": {"subnets": [small], "securityGroups": [self.group]}}
        run = dict(cluster="c", taskDefinition=self.definition(), launchType="FARGATE", networkConfiguration=network)
        for count in (10, 1):
            self.ecs.run_task(count=count, **run)
        tasks = self.ecs.describe_tasks(cluster="c", tasks=self.ecs.list_tasks(cluster="c")["taskArns"])["tasks"]
        addresses = {each["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for each in tasks}
        self.assertEqual(len(addresses), 11)

    def test_scaling_is_no_rollout(self):
        self.service(self.definition())
        advance(COME_UP)
        self.ecs.update_service(cluster="c", service="s", desiredCount=3)
        advance(COME_UP)
        self.assertEqual((self.summary(), self.deployments()), ([("PRIMARY", "COMPLETED", 3)], ["SUCCESSFUL"]))

    def test_the_circuit_breaker_rolls_back(self):
        first = self.definition()
        self.service(first, deploymentConfiguration=BREAKER)
        advance(COME_UP)
        bad = self.missing_image()
        self.ecs.update_service(cluster="c", service="s", taskDefinition=bad)
        advance(20 + 10 + 20)
        failed = self.described()["deployments"][1]
        self.assertEqual((failed["rolloutState"], failed["taskDefinition"]), ("FAILED", bad))
        self.assertGreaterEqual(failed["failedTasks"], 3)
        self.assertEqual(self.described()["taskDefinition"], first)
        advance(COME_UP)
        self.assertEqual(self.summary(), [("PRIMARY", "COMPLETED", 2)])
        self.assertEqual(self.deployments(), ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"])
        latest = self.ecs.list_service_deployments(cluster="c", service="s")["serviceDeployments"][0]
        found = self.ecs.describe_service_deployments(serviceDeploymentArns=[latest["serviceDeploymentArn"]])
        self.assertEqual(found["serviceDeployments"][0]["deploymentCircuitBreaker"]["status"], "TRIGGERED")
        stopped = self.ecs.list_tasks(cluster="c", serviceName="s", desiredStatus="STOPPED")["taskArns"]
        task = self.ecs.describe_tasks(cluster="c", tasks=stopped)["tasks"][0]
        self.assertEqual(task["stopCode"], "TaskFailedToStart")
        self.assertTrue(task["stoppedReason"].startswith("CannotPullContainerError: "), task["stoppedReason"])

    def test_a_rollback_brings_the_whole_revision_back(self):
        self.service(self.definition(), deploymentConfiguration=BREAKER)
        advance(COME_UP)
        before = self.described()
        kept = {name: before[name] for name in ("taskDefinition", "networkConfiguration", "loadBalancers")}
        vpc = dict(before["networkConfiguration"]["awsvpcConfiguration"], assignPublicIp="DISABLED")
        self.ecs.update_service(
            cluster="c",
            service="s",
            taskDefinition=self.missing_image(),
            networkConfiguration={"awsvpcConfiguration": vpc},
            loadBalancers=[],
            healthCheckGracePeriodSeconds=7,
        )
        self.assertEqual(self.described()["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "DISABLED")
        advance(200)
        after = self.described()
        self.assertEqual(self.deployments()[0], "ROLLBACK_SUCCESSFUL")
        self.assertEqual({name: after[name] for name in kept}, kept)
        # What is no part of a revision stays.
        self.assertEqual(after["healthCheckGracePeriodSeconds"], 7)

    def test_what_starts_a_rollout(self):
        self.service(self.definition())
        advance(COME_UP)
        self.ecs.put_cluster_capacity_providers(
            cluster="c", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
        )
        vpc = dict(self.described()["networkConfiguration"]["awsvpcConfiguration"])
        for starts, change in [
            (False, {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}),
            (False, {"enableExecuteCommand": True}),
            (False, {"propagateTags": "SERVICE"}),
            (False, {"deploymentConfiguration": {"maximumPercent": 150}}),
            (True, {"networkConfiguration": {"awsvpcConfiguration": vpc | {"assignPublicIp": "DISABLED"}}}),
            (True, {"platformVersion": "1.4.0"}),
            (True, {"loadBalancers": []}),
        ]:
            with self.subTest(change=change):
                before = len(self.deployments())
                self.ecs.update_service(cluster="c", service="s", **change)
                self.assertEqual(len(self.deployments()) > before, starts)

    def test_failures_without_a_way_back(self):
        for rollback, expected in ((False, "STOPPED"), (True, "ROLLBACK_FAILED")):
            with self.subTest(rollback=rollback):
                breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": rollback}}
                self.service(self.missing_image(), deploymentConfiguration=breaker)
                advance(100)
                self.assertEqual((self.summary(), self.deployments()[0]), ([("PRIMARY", "FAILED", 0)], expected))
                self.ecs.delete_service(cluster="c", service="s", force=True)
                advance(GO_DOWN)

    def test_without_a_circuit_breaker_it_tries_for_ever(self):
        self.service(self.missing_image())
        advance(1000)
        self.assertEqual(self.summary(), [("PRIMARY", "IN_PROGRESS", 0)])
        self.assertGreater(self.described()["deployments"][0]["failedTasks"], 10)

    def test_a_container_that_crashes(self):
        self.logs.create_log_group(logGroupName="/app")
        options = {"awslogs-group": "/app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
        definition = self.definition(
            environment=[{"name": "SANDBOX_EXIT_CODE", "value": "3"}],
            logConfiguration={"logDriver": "awslogs", "options": options},
        )
        self.service(definition, deploymentConfiguration=BREAKER)
        advance(60)
        stopped = self.ecs.list_tasks(cluster="c", desiredStatus="STOPPED")["taskArns"]
        task = self.ecs.describe_tasks(cluster="c", tasks=stopped)["tasks"][0]
        self.assertEqual((task["stopCode"], task["containers"][0]["exitCode"]), ("EssentialContainerExited", 3))
        stream = f"p/app/{task['taskArn'].split('/')[-1]}"
        lines = self.logs.get_log_events(logGroupName="/app", logStreamName=stream)["events"]
        self.assertIn("exits with code 3", lines[-1]["message"])

    def test_deleting(self):
        self.service(self.definition())
        advance(COME_UP)
        self.refused("InvalidParameterException", self.ecs.delete_service, cluster="c", service="s")
        self.refused("ClusterContainsServicesException", self.ecs.delete_cluster, cluster="c")
        self.ecs.update_service(cluster="c", service="s", desiredCount=0)
        self.assertEqual(self.described()["runningCount"], 2)
        self.ecs.delete_service(cluster="c", service="s")
        self.assertEqual((self.described()["status"], self.health()), ("DRAINING", ["draining"] * 2))
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.subnets[0])
        advance(GO_DOWN)
        self.assertEqual((self.described()["status"], self.health()), ("INACTIVE", []))
        self.ecs.delete_cluster(cluster="c")
        # The name is free again.
        self.service(self.definition())

    def test_what_create_service_refuses(self):
        lone = self.elbv2.create_target_group(
            Name="lone", Protocol="HTTP", Port=8080, VpcId=self.vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        definition = self.definition()

        def balancer(group=self.targets, container="app", port=8080):
            return [{"targetGroupArn": group, "containerName": container, "containerPort": port}]

        cases = [
            ("InvalidParameterException", dict(loadBalancers=balancer(lone))),
            ("InvalidParameterException", dict(loadBalancers=balancer(container="other"))),
            ("InvalidParameterException", dict(loadBalancers=balancer(port=9090))),
            ("InvalidParameterException", dict(networkConfiguration={})),
            ("ClientException", dict(taskDefinition="app:99")),
            ("ClusterNotFoundException", dict(cluster="other")),
            ("InvalidParameterException", dict(launchType="FARGATE", capacityProviderStrategy=[{"capacityProvider": "FARGATE"}])),
        ]
        for code, change in cases:
            with self.subTest(**change):
                self.refused(code, self.service, definition=definition, **change)
        token = dict(definition=definition, clientToken="t")
        self.service(**token)
        self.service(**token)
        self.refused("InvalidParameterException", self.service, definition=definition)

    def test_fargate_sizes(self):
        cases = [("256", "512", True), ("256", "4096", False), ("1024", "2048", True), ("300", "512", False)]
        cases += [("1 vCPU", "2 GB", True), ("16384", "122880", True), ("16384", "120000", False)]
        for cpu, memory, fits in cases:
            with self.subTest(cpu=cpu, memory=memory):
                request = dict(
                    family="f",
                    networkMode="awsvpc",
                    requiresCompatibilities=["FARGATE"],
                    cpu=cpu,
                    memory=memory,
                    containerDefinitions=[{"name": "a", "image": "i"}],
                )
                if fits:
                    self.ecs.register_task_definition(**request)
                else:
                    self.refused("ClientException", self.ecs.register_task_definition, **request)
