//! Where a call is told more than what changed, or less, and why.

/// What a call is told beside what changed and what it changes: the type, the attribute (`*`: any), the member of the
/// call, why, and where AWS says so.
pub const SENT_ALONG: &[(&str, &str, &str, &str, &str)] = &[
    (
        "apigatewayv2.api",
        "cors_configuration",
        "PATCH apis.corsConfiguration",
        "the configuration is written whole",
        "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html",
    ),
    (
        "apigatewayv2.api_mapping",
        "*",
        "PATCH domainnames/apimappings.apiId",
        "UpdateApiMapping needs it",
        "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames-domainname-apimappings-apimappingid.html",
    ),
    (
        "apigatewayv2.domain_name",
        "*",
        "PATCH domainnames.domainNameConfigurations",
        "a list, which is written whole",
        "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames-domainname.html",
    ),
    (
        "apigatewayv2.stage",
        "access_log_settings",
        "PATCH apis/stages.accessLogSettings",
        "the settings are written whole",
        "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html",
    ),
    (
        "apigatewayv2.stage",
        "default_route_settings",
        "PATCH apis/stages.defaultRouteSettings",
        "the settings are written whole",
        "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html",
    ),
    (
        "applicationautoscaling.scalable_target",
        "suspended_state",
        "RegisterScalableTarget.SuspendedState",
        "what is not said in it is false",
        "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html",
    ),
    (
        "applicationautoscaling.scaling_policy",
        "target_tracking_scaling_policy_configuration",
        "PutScalingPolicy.TargetTrackingScalingPolicyConfiguration",
        "the configuration is written whole",
        "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html",
    ),
    (
        "applicationautoscaling.scaling_policy",
        "step_scaling_policy_configuration",
        "PutScalingPolicy.StepScalingPolicyConfiguration",
        "the configuration is written whole",
        "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html",
    ),
    (
        "ec2.internet_gateway",
        "vpc_id",
        "DetachInternetGateway.VpcId",
        "what it is detached from",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachInternetGateway.html",
    ),
    (
        "ec2.route_table_association",
        "*",
        "ReplaceRouteTableAssociation.AssociationId",
        "the association that is replaced",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRouteTableAssociation.html",
    ),
    (
        "ec2.security_group_rule",
        "*",
        "ModifySecurityGroupRules.SecurityGroupRule.SecurityGroupRule",
        "a rule is written whole",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRuleRequest.html",
    ),
    (
        "ecr.repository",
        "image_tag_mutability_exclusion_filters",
        "PutImageTagMutability",
        "mutability and its filters are written together",
        "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImageTagMutability.html",
    ),
    (
        "ecs.cluster",
        "settings",
        "UpdateCluster.settings.name",
        "which setting it is",
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ClusterSetting.html",
    ),
    (
        "ecs.cluster",
        "capacity_providers",
        "PutClusterCapacityProviders.defaultCapacityProviderStrategy",
        "PutClusterCapacityProviders needs both",
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html",
    ),
    (
        "ecs.cluster",
        "default_capacity_provider_strategy",
        "PutClusterCapacityProviders.capacityProviders",
        "PutClusterCapacityProviders needs both",
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html",
    ),
    (
        "ecs.service",
        "capacity_provider_strategy",
        "UpdateService.forceNewDeployment",
        "AWS takes another strategy only with a new deployment",
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html",
    ),
    (
        "ecs.service",
        "deployment_configuration",
        "UpdateService.deploymentConfiguration",
        "the configuration is written whole",
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html",
    ),
    (
        "ecs.service",
        "network_configuration",
        "UpdateService.networkConfiguration.awsvpcConfiguration",
        "it needs its subnets, and is written whole",
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html",
    ),
    (
        "elbv2.listener",
        "protocol",
        "ModifyListener.Certificates",
        "a listener that begins to speak TLS needs a certificate",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html",
    ),
    (
        "elbv2.listener",
        "protocol",
        "ModifyListener.SslPolicy",
        "a listener that begins to speak TLS needs a policy",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html",
    ),
    (
        "iam.policy",
        "policy_document",
        "CreatePolicyVersion.SetAsDefault",
        "a version that is not the default counts for nothing",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html",
    ),
    (
        "iam.role",
        "description",
        "UpdateRole.MaxSessionDuration",
        "what is not said is one hour",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html",
    ),
    (
        "route53.record",
        "*",
        "POST hostedzone/rrset.ChangeBatch.Changes.Change",
        "an UPSERT writes the record whole",
        "https://docs.aws.amazon.com/Route53/latest/APIReference/API_Change.html",
    ),
];

/// Attributes that an update in place does not bring about by itself: the type, the attribute, and why.
pub const NOT_BY_ITSELF: &[(&str, &str, &str)] = &[
    (
        "ecr.image",
        "source",
        "another image is pushed, which is another resource",
    ),
    ("ecr.repository", "force_delete", "concerns the delete only"),
    ("infra.data", "input", "is not at AWS"),
    (
        "ecs.service",
        "launch_type",
        "AWS changes it with a capacity provider strategy only",
    ),
];

/// Attributes of which nothing is sent when the file no longer has them: the type, the attribute, and why.
pub const NOT_TAKEN_BACK: &[(&str, &str, &str)] = &[
    (
        "apigatewayv2.integration",
        "connection_id",
        "goes with the type of the connection",
    ),
    (
        "apigatewayv2.integration",
        "integration_method",
        "goes with the type of the integration",
    ),
    (
        "apigatewayv2.integration",
        "integration_uri",
        "goes with the type of the integration",
    ),
    (
        "applicationautoscaling.scalable_target",
        "role_arn",
        "is needed wherever it can be set",
    ),
    (
        "ec2.vpc_endpoint",
        "ip_address_type",
        "AWS's default is that of the subnets at the time",
    ),
    (
        "ecs.service",
        "desired_count",
        "how many there are is AWS's business from then on",
    ),
    ("elbv2.listener", "certificates", "goes with the protocol"),
    (
        "elbv2.load_balancer",
        "security_groups",
        "AWS's default is chosen by the create call",
    ),
    (
        "elbv2.target_group",
        "preserve_client_ip_enabled",
        "AWS's default depends on protocol and targets",
    ),
    (
        "elbv2.target_group",
        "stickiness.type",
        "AWS's default depends on the protocol",
    ),
];
