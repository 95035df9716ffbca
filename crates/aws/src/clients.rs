//! The clients of one run: one region, one account, one role.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;
use infra_core::{AwsIdentity, ErrorClass, ProviderError, StackId};
use infra_oci::Network;
use infra_provider::{Progress, ProviderResult};

use crate::credentials::AskCode;
use crate::endpoints::Endpoints;
use crate::environment::Environment;
use crate::errors::{AwsResult, missing, unsigned};
use crate::gaps::Optional;
use crate::http;
use crate::joined::Joined;
use crate::limits::{ATTEMPT_TIMEOUT, BUCKETS, Bucket, LimitedClient};
use crate::observe::Observer;
use crate::serial::Serial;
use crate::services::ecr::Images;
use crate::services::ecs::rollout::Rollouts;
use crate::services::route53::records::Records;
use crate::session_name::session_name;
use crate::tags::Tags;

/// Where and as whom to connect. Everything else is found as AWS's own tools find it: the standard
/// credential chain, `AWS_ENDPOINT_URL[_<SERVICE>]`, `AWS_PROFILE`, and what [`VARIABLES`](crate::VARIABLES) name.
#[derive(Clone)]
pub struct ConnectOptions {
    /// The stack: part of the session's name when a role is assumed.
    pub stack: StackId,
    /// The region of every client.
    pub region: String,
    /// A role to assume first; every call but that one is made as this role.
    pub assume_role: Option<String>,
    /// Accounts that may be touched; empty: any.
    pub allowed_account_ids: Vec<String>,
    /// An emulator to use instead of AWS, with made-up credentials and without rate limits.
    pub emulator: Option<Emulator>,
    /// Where image pushes go instead of the host in the repository's URI (`INFRA_ECR_REGISTRY`).
    pub registry: Option<String>,
    /// Where Docker keeps the credentials of registries that are not ECR's (`DOCKER_CONFIG`, or `~/.docker`).
    pub docker_config: Option<PathBuf>,
    /// Whether builds of images look for newer images to begin with, instead of taking those that are on the machine.
    pub pull_base_images: bool,
    /// Files and folders of the program itself that may lie among the sources of an image: they are no part of it.
    pub own_paths: Vec<PathBuf>,
    /// What is set of [`VARIABLES`](crate::VARIABLES).
    pub variables: BTreeMap<String, String>,
    /// Who is asked for the code of a device, where a profile wants one; `None`: nobody is there.
    pub ask_code: Option<Arc<dyn AskCode>>,
    /// Where calls are told.
    pub progress: Arc<dyn Progress>,
}

/// A local AWS emulator.
#[derive(Debug, Clone)]
pub struct Emulator {
    /// Such as `http://127.0.0.1:5000`.
    pub endpoint_url: String,
    /// The access key id; emulators tell accounts apart by it.
    pub access_key_id: String,
    /// Where the registry behind its ECR listens; `None`: where its repositories' URIs say.
    pub registry: Option<String>,
}

/// The clients of one run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Certificates.
    pub acm: aws_sdk_acm::Client,
    /// HTTP APIs.
    pub apigatewayv2: aws_sdk_apigatewayv2::Client,
    /// Scalable targets and policies.
    pub applicationautoscaling: aws_sdk_applicationautoscaling::Client,
    /// Networks.
    pub ec2: aws_sdk_ec2::Client,
    /// Image repositories.
    pub ecr: aws_sdk_ecr::Client,
    /// Clusters, services, tasks.
    pub ecs: aws_sdk_ecs::Client,
    /// Load balancers.
    pub elbv2: aws_sdk_elasticloadbalancingv2::Client,
    /// Roles and policies.
    pub iam: aws_sdk_iam::Client,
    /// The keys that keep the keys of sensitive values.
    pub kms: aws_sdk_kms::Client,
    /// Log groups.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// What carries which tags, across services.
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    /// DNS.
    pub route53: aws_sdk_route53::Client,
    /// The region of all of them.
    pub region: String,
    /// Who they act as.
    pub identity: AwsIdentity,
    /// Where image pushes go instead of the host in the repository's URI.
    pub registry: Option<String>,
    /// Whether that is ECR's own, so that ECR knows what was pushed.
    pub registry_is_ecrs: bool,
    /// Where Docker keeps the credentials of registries that are not ECR's.
    pub docker_config: Option<PathBuf>,
    /// Whether builds of images look for newer images to begin with.
    pub pull_base_images: bool,
    /// Files and folders of the program itself that may lie among the sources of an image.
    pub own_paths: Vec<PathBuf>,
    /// How registries are reached.
    pub network: Network,
    /// Queues for what takes one change at a time.
    pub serial: Serial,
    /// Reads of route tables, joined.
    pub route_tables: Joined<aws_sdk_ec2::types::RouteTable>,
    /// Reads of rules of security groups, joined.
    pub group_rules: Joined<aws_sdk_ec2::types::SecurityGroupRule>,
    /// Reads of the tags of load balancers, target groups and listeners, joined.
    pub balancing_tags: Joined<Tags>,
    /// Reads of services, joined.
    pub services: Joined<aws_sdk_ecs::types::Service>,
    /// DNS records, read and changed together.
    pub records: Arc<Records>,
    /// Whether an endpoint tells the tags of scalable targets.
    pub scaling_tags: Arc<Optional>,
    /// What pushes of images share: see [`Clients::images`].
    pub pushes: Arc<OnceLock<Images>>,
    /// Rollouts that have begun.
    pub rollouts: Rollouts,
}

impl Clients {
    /// The same for a run that has begun nothing yet.
    pub(crate) fn of_a_run(&self) -> Self {
        Self {
            rollouts: Rollouts::default(),
            ..self.clone()
        }
    }

    /// What pushes of images share.
    pub fn images(&self) -> &Images {
        self.pushes.get_or_init(|| Images::new(self))
    }
}

macro_rules! client {
    ($sdk:ident, $service:literal, $config:expr, $http:expr, $bucket:expr, $progress:expr) => {{
        // The limited client has its own time-out, which begins after the wait for a token.
        let timeouts = TimeoutConfig::builder()
            .disable_operation_attempt_timeout()
            .build();
        let config = $sdk::config::Builder::from($config)
            .timeout_config(timeouts)
            .http_client(LimitedClient::new($http.clone(), $bucket))
            .interceptor(Observer::new($service, Arc::clone($progress)))
            .build();
        $sdk::Client::from_conf(config)
    }};
}

/// Finds credentials, assumes the role if there is one, and asks AWS who we are before anything else.
///
/// # Errors
/// An environment that cannot be followed, no credentials, a role that cannot be assumed, or an account that is not
/// allowed.
pub async fn connect(options: &ConnectOptions) -> ProviderResult<Clients> {
    let environment = match &options.emulator {
        Some(_) => Environment::of_emulator(&options.variables)?,
        None => Environment::of(&options.variables).await?,
    };
    let endpoints = Endpoints::default();
    let http = http_client(options, &environment, &endpoints)?;
    connect_through(options, environment, endpoints, http).await
}

/// The same, where all requests go through this client.
async fn connect_through(
    options: &ConnectOptions,
    environment: Environment,
    endpoints: Endpoints,
    http: SharedHttpClient,
) -> ProviderResult<Clients> {
    let base = base_config(options, &environment, &http).await;
    match (&options.emulator, &environment.source) {
        (Some(emulator), _) => endpoints.note_emulator(&emulator.endpoint_url),
        (None, Some((_, profile))) => endpoints.note(&options.variables, &base, profile)?,
        (None, None) => {}
    }
    let base = with_source(base, &environment, options).await?;
    let config = match &options.assume_role {
        Some(role) => assume(&base, role, options).await,
        None => base,
    };
    let unlimited = options.emulator.is_some();
    // Whose budget it is is not known yet.
    let bucket = Arc::new(Bucket::new("sts", unlimited));
    let sts = client!(aws_sdk_sts, "sts", &config, http, bucket, &options.progress);
    let identity = who(&sts, &environment, options.assume_role.as_deref()).await?;
    check_account(&identity, &options.allowed_account_ids)?;
    macro_rules! connected {
        ($sdk:ident, $service:literal) => {{
            let bucket = if unlimited {
                Arc::new(Bucket::new($service, true))
            } else {
                BUCKETS.shared(&identity.account_id, &options.region, $service)
            };
            client!($sdk, $service, &config, http, bucket, &options.progress)
        }};
    }
    let route53 = connected!(aws_sdk_route53, "route53");
    let serial = Serial::default();
    let records = Arc::new(Records::new(&route53, &serial));
    Ok(Clients {
        acm: connected!(aws_sdk_acm, "acm"),
        apigatewayv2: connected!(aws_sdk_apigatewayv2, "apigatewayv2"),
        applicationautoscaling: connected!(aws_sdk_applicationautoscaling, "applicationautoscaling"),
        ec2: connected!(aws_sdk_ec2, "ec2"),
        ecr: connected!(aws_sdk_ecr, "ecr"),
        ecs: connected!(aws_sdk_ecs, "ecs"),
        elbv2: connected!(aws_sdk_elasticloadbalancingv2, "elbv2"),
        iam: connected!(aws_sdk_iam, "iam"),
        kms: connected!(aws_sdk_kms, "kms"),
        logs: connected!(aws_sdk_cloudwatchlogs, "logs"),
        tagging: connected!(aws_sdk_resourcegroupstagging, "tagging"),
        route53,
        region: options.region.clone(),
        identity,
        registry: options
            .registry
            .clone()
            .or_else(|| options.emulator.as_ref()?.registry.clone()),
        registry_is_ecrs: options.registry.is_none(),
        docker_config: options.docker_config.clone(),
        pull_base_images: options.pull_base_images,
        own_paths: options.own_paths.clone(),
        network: environment.network,
        serial,
        route_tables: Joined::default(),
        group_rules: Joined::default(),
        balancing_tags: Joined::default(),
        services: Joined::default(),
        records,
        scaling_tags: Arc::default(),
        pushes: Arc::default(),
        rollouts: Rollouts::default(),
    })
}

/// Clients of an emulator that is asked through this client.
#[cfg(test)]
pub(crate) async fn through(http: SharedHttpClient) -> Clients {
    let options = ConnectOptions {
        stack: StackId::new("appname", "dev", "dev01", "us-east-1").unwrap(),
        region: "us-east-1".into(),
        assume_role: None,
        allowed_account_ids: Vec::new(),
        emulator: Some(Emulator {
            endpoint_url: "http://127.0.0.1:1".into(),
            access_key_id: "test".into(),
            registry: None,
        }),
        registry: None,
        docker_config: None,
        pull_base_images: false,
        own_paths: Vec::new(),
        variables: BTreeMap::new(),
        ask_code: None,
        progress: Arc::new(infra_provider::Silent),
    };
    let environment = Environment::of_emulator(&options.variables).unwrap();
    let clients = connect_through(&options, environment, Endpoints::default(), http);
    clients.await.unwrap()
}

fn http_client(
    options: &ConnectOptions,
    environment: &Environment,
    endpoints: &Endpoints,
) -> ProviderResult<SharedHttpClient> {
    match &options.emulator {
        Some(emulator) if emulator.endpoint_url.starts_with("http://") => Ok(http::without_tls(endpoints)),
        _ => http::client(&environment.network, endpoints),
    }
}

/// The configuration with credentials from where the SDK by itself would not take all that is said of them.
async fn with_source(
    base: SdkConfig,
    environment: &Environment,
    options: &ConnectOptions,
) -> ProviderResult<SdkConfig> {
    let Some((source, _)) = &environment.source else {
        return Ok(base);
    };
    let ask_code = options.ask_code.clone();
    let provider = source
        .provider(&base, &session_name(&options.stack), ask_code)
        .await?;
    Ok(match provider {
        Some(provider) => base.to_builder().credentials_provider(provider).build(),
        None => base,
    })
}

/// Of calls without a limit: those that find credentials.
fn unlimited_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}

async fn base_config(
    options: &ConnectOptions,
    environment: &Environment,
    http: &SharedHttpClient,
) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .region(Region::new(options.region.clone()))
        .retry_config(environment.retries.clone())
        .timeout_config(unlimited_timeouts());
    if let Some(name) = &environment.profile_name {
        loader = loader.profile_name(name);
    }
    if let Some(emulator) = &options.emulator {
        let made_up = aws_credential_types::Credentials::new(
            &emulator.access_key_id,
            "not-a-real-secret",
            None,
            None,
            "emulator",
        );
        // An emulator has one address, whatever is set for AWS.
        loader = loader
            .endpoint_url(&emulator.endpoint_url)
            .use_fips(false)
            .use_dual_stack(false)
            .credentials_provider(made_up);
    }
    loader.load().await
}

/// The configuration as seen by the assumed role. The role is taken with the first call, once in a run.
async fn assume(base: &SdkConfig, role: &str, options: &ConnectOptions) -> SdkConfig {
    let provider = AssumeRoleProvider::builder(role)
        .session_name(session_name(&options.stack))
        .configure(base)
        .build()
        .await;
    base.to_builder()
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            provider,
        ))
        .build()
}

/// An error of the first call that AWS did not answer itself: the role could not be taken.
fn not_assumed(role: &str, error: ProviderError) -> ProviderError {
    if error.code.is_some() {
        return error;
    }
    ProviderError {
        service: "sts".into(),
        operation: "AssumeRole".into(),
        ..ProviderError::new(
            ErrorClass::Denied,
            format!("cannot assume the role {role}: {}", error.message),
        )
    }
    .hint("the role's trust policy must name the caller, and the caller needs `sts:AssumeRole` on it")
}

async fn who(
    sts: &aws_sdk_sts::Client,
    environment: &Environment,
    assume_role: Option<&str>,
) -> ProviderResult<AwsIdentity> {
    let answer = sts.get_caller_identity().send().await;
    if let Err(error) = &answer
        && let Some((source, _)) = &environment.source
    {
        // The role's own is the first.
        let own = usize::from(assume_role.is_some());
        if let Some(unsigned) = unsigned(error).skip(own).last() {
            return Err(source.explain(unsigned));
        }
    }
    let answer = answer.aws("sts", "GetCallerIdentity");
    let answer = answer.map_err(|error| match assume_role {
        Some(role) => not_assumed(role, error),
        None => error,
    })?;
    let account_id = answer
        .account()
        .ok_or_else(|| missing("sts", "GetCallerIdentity", "account"))?
        .to_owned();
    let arn = answer.arn().unwrap_or_default().to_owned();
    let partition = arn
        .split(':')
        .nth(1)
        .filter(|partition| !partition.is_empty())
        .unwrap_or("aws")
        .to_owned();
    Ok(AwsIdentity {
        account_id,
        partition,
        arn,
    })
}

fn check_account(identity: &AwsIdentity, allowed: &[String]) -> ProviderResult<()> {
    if allowed.is_empty() || allowed.contains(&identity.account_id) {
        return Ok(());
    }
    Err(ProviderError::new(
        ErrorClass::Denied,
        format!(
            "the credentials are for account {} ({}), but this stack may only touch {}",
            identity.account_id,
            identity.arn,
            allowed.join(", ")
        ),
    )
    .hint("use other credentials, or change `allowed_account_ids` under `[stack]`; nothing was touched"))
}

#[cfg(test)]
mod tests;
