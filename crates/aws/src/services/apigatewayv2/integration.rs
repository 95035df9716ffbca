//! `apigatewayv2.integration`: where an API passes requests on to.
//!
//! Calls: CreateIntegration, GetIntegration, GetIntegrations, UpdateIntegration, DeleteIntegration, GetVpcLink (when a
//! private integration is refused), GetRoutes (when an answer was lost). Only the API and the subtype cannot be changed
//! in place. The id is `<API>/<integration>`.
//!
//! An integration has neither name nor tags nor a token. What a lost create left is found under the API by everything
//! that it asked for; of several that are equal, one that no route uses is taken. Two equal integrations in one stack
//! are refused, because they could be taken for each other.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::{ProtocolType, TlsConfigInput, VpcLinkStatus};
use futures::future::try_join_all;

use super::common::{all_pages, is_refusal, not_ready, text, texts_by_key, turn, with_removals};
use super::integration_rules;
use super::service::ApiGateway;
use crate::prelude::*;
use crate::read::{by_parent, id_parts};
use crate::together::Stack;

/// AWS's defaults for how long an answer may take, in milliseconds.
const DEFAULT_MILLISECONDS: i32 = 30_000;
/// The same of WebSocket APIs, which is also the most that they take.
pub const WEBSOCKET_MILLISECONDS: i32 = 29_000;

/// An integration: where an API passes requests on to.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html")]
pub struct Integration {
    /// The API's id.
    #[attribute(immutable)]
    pub api_id: String,
    /// What stands behind it: `HTTP_PROXY` for a load balancer or any other HTTP server, `AWS_PROXY` for a
    /// Lambda function or an AWS API.
    pub integration_type: IntegrationType,
    /// Which AWS API an `AWS_PROXY` calls, such as `SQS-SendMessage`; not for Lambda functions.
    #[attribute(immutable)]
    #[attribute(only_where(integration_type, "AWS_PROXY"))]
    pub integration_subtype: Option<String>,
    /// The HTTP method of the request that is passed on; `ANY` keeps the client's. `HTTP_PROXY` needs it.
    #[attribute(length = 1..=64)]
    pub integration_method: Option<String>,
    /// Where to: a URL, a Lambda function's ARN, or, through a VPC link, the ARN of a load balancer's listener
    /// or of a Cloud Map service.
    #[attribute(length = 1..=2048)]
    pub integration_uri: Option<String>,
    /// Over the internet or through a VPC link.
    #[attribute(default = "INTERNET")]
    pub connection_type: Option<ConnectionType>,
    /// The VPC link's id, for `VPC_LINK`.
    #[attribute(length = 1..=1024)]
    #[attribute(only_where(connection_type, "VPC_LINK"))]
    pub connection_id: Option<String>,
    /// The form of what an `AWS_PROXY` gets, `1.0` or `2.0`; `HTTP_PROXY` knows `1.0` only.
    #[attribute(default = "1.0", pattern("^(1[.]0|2[.]0)$", "is neither 1.0 nor 2.0"))]
    pub payload_format_version: Option<String>,
    /// How long an answer may take, in milliseconds. AWS's default is 30000 for HTTP APIs, and 29000, which is also
    /// the most, for WebSocket APIs.
    #[attribute(default = 30_000, range = 50..=30_000)]
    pub timeout_in_millis: Option<i32>,
    /// What is changed in a request on the way, such as `"overwrite:path" = "$request.path"`.
    #[attribute(length = 1..=512)]
    pub request_parameters: Option<Tags>,
    /// Speaks TLS to the target of a VPC link.
    #[attribute(only_where(connection_type, "VPC_LINK"))]
    pub tls_config: Option<TlsConfig>,
    /// The ARN of the role that an `AWS_PROXY` with a subtype acts as.
    pub credentials_arn: Option<String>,
    /// What it is for.
    #[attribute(length = 0..=1024)]
    pub description: Option<String>,
    /// The integration's id, which a route's target names as `integrations/<id>`.
    #[attribute(computed)]
    pub id: Option<String>,
}

use IntegrationField as Field;

choices! {
    /// What stands behind an integration.
    IntegrationType {
        /// An HTTP server, requests passed on as they are.
        HttpProxy = "HTTP_PROXY",
        /// A Lambda function or an AWS API.
        AwsProxy = "AWS_PROXY",
        /// An HTTP server with templates; of WebSocket APIs.
        Http = "HTTP",
        /// An AWS API with templates; of WebSocket APIs.
        Aws = "AWS",
        /// Nothing; of WebSocket APIs.
        Mock = "MOCK",
    }
}

choices! {
    /// Which way requests go.
    ConnectionType {
        /// Over the internet.
        Internet = "INTERNET",
        /// Through a VPC link.
        VpcLink = "VPC_LINK",
    }
}

/// TLS to the target of a VPC link.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html")]
pub struct TlsConfig {
    /// The name that the target's certificate must be for.
    #[attribute(length = 1..=512)]
    pub server_name_to_verify: String,
}

/// The answers of CreateIntegration, GetIntegration and GetIntegrations are types of their own with the same
/// parts.
macro_rules! observe {
    ($api_id:expr, $integration:expr) => {{
        let (api_id, integration): (&str, _) = ($api_id, $integration);
        let id = integration.integration_id().unwrap_or_default();
        let parameters = texts_by_key(integration.request_parameters());
        let tls = integration
            .tls_config()
            .and_then(|tls| text(tls.server_name_to_verify()));
        let tls = tls.map(|name| PartialTlsConfig {
            server_name_to_verify: name.into(),
        });
        let observed = PartialIntegration {
            api_id: api_id.into(),
            integration_type: told(integration.integration_type()),
            integration_subtype: text(integration.integration_subtype()).into(),
            integration_method: text(integration.integration_method()).into(),
            integration_uri: text(integration.integration_uri()).into(),
            connection_type: told(integration.connection_type()),
            connection_id: text(integration.connection_id()).into(),
            payload_format_version: text(integration.payload_format_version()).into(),
            timeout_in_millis: integration.timeout_in_millis().into(),
            request_parameters: parameters.map_or(Partial::Unset, Into::into),
            tls_config: tls.into(),
            credentials_arn: text(integration.credentials_arn()).into(),
            description: text(integration.description()).into(),
            id: id.into(),
        };
        (PhysicalId::composite([api_id, id]), Found::ready(observed))
    }};
}

impl Resource for Integration {
    const NAME: &'static str = "apigatewayv2.integration";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
    ];
    const EXAMPLE: &'static str = r#"
[apigatewayv2.api.main]
name          = "example"
protocol_type = "HTTP"

[apigatewayv2.integration.main]
api_id             = "${apigatewayv2.api.main.id}"
integration_type   = "HTTP_PROXY"
integration_method = "ANY"
integration_uri    = "https://example.com/{proxy}"
"#;
    const RULES: Rules<Field> = Rules {
        recognition: Recognition::Content,
        under: Some(("apigatewayv2.api", &[Field::ApiId])),
        ..Rules::NONE
    };
    type Service = ApiGateway;

    fn validate(given: &PartialIntegration, problems: &mut Problems) {
        integration_rules::check(given, problems);
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        integration_rules::check_together(stack)
    }

    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialIntegration>> {
        let _turn = turn(aws, &spec.api_id).await;
        let parameters = spec.request_parameters.clone();
        let answer = aws
            .apigatewayv2
            .create_integration()
            .api_id(&spec.api_id)
            .set_integration_type(to_aws(Some(spec.integration_type)))
            .set_integration_subtype(spec.integration_subtype.clone())
            .set_integration_method(spec.integration_method.clone())
            .set_integration_uri(spec.integration_uri.clone())
            .set_connection_type(to_aws(spec.connection_type))
            .set_connection_id(spec.connection_id.clone())
            .set_payload_format_version(spec.payload_format_version.clone())
            .set_timeout_in_millis(spec.timeout_in_millis)
            .set_request_parameters(parameters.map(|entries| entries.into_iter().collect()))
            .set_tls_config(spec.tls_config.as_ref().map(tls_config))
            .set_credentials_arn(spec.credentials_arn.clone())
            .set_description(spec.description.clone())
            .send()
            .await
            .aws("apigatewayv2", "CreateIntegration");
        match answer {
            Ok(answer) => Ok(observe!(&spec.api_id, &answer).into()),
            Err(error) => Err(unless_link_is_pending(aws, &spec, error).await),
        }
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(api, wanted)| {
            let [(_, integration)] = wanted.as_slice() else {
                return all(aws, api).await;
            };
            let call = aws.apigatewayv2.get_integration().api_id(api);
            let answer = call.integration_id(*integration).send().await;
            let answer = answer.aws("apigatewayv2", "GetIntegration").absent_is_none()?;
            Ok(answer.iter().map(|found| observe!(api, found)).collect())
        }));
        let found = found.await?.into_iter().flatten();
        Ok(found.filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let [api, integration] = id_parts(id)?;
        let _turn = turn(aws, api).await;
        let spec = &update.spec;
        // What is not sent stays as it is, so what is no longer set is sent as its default or empty.
        let parameters = Field::RequestParameters;
        let sent = with_removals(&update.prior, parameters.name(), spec.request_parameters.as_ref());
        let tls = match &spec.tls_config {
            Some(tls) => tls_config(tls),
            None => TlsConfigInput::builder().server_name_to_verify("").build(),
        };
        let or_empty = |text: &Option<String>| Some(text.clone().unwrap_or_default());
        let payload = spec.payload_format_version.clone();
        let payload = payload.or_else(|| Some("1.0".to_owned()));
        let timeout = match update.changes(Field::TimeoutInMillis) {
            true => Some(timeout_of(aws, api, spec.timeout_in_millis).await?),
            false => None,
        };
        let connection = spec.connection_type.or(Some(ConnectionType::Internet));
        let (method, uri) = (spec.integration_method.clone(), spec.integration_uri.clone());
        let kind = Some(spec.integration_type);
        let updated = aws
            .apigatewayv2
            .update_integration()
            .api_id(api)
            .integration_id(integration)
            .set_integration_type(to_aws(update.only(Field::IntegrationType, kind)))
            .set_integration_method(update.only(Field::IntegrationMethod, method))
            .set_integration_uri(update.only(Field::IntegrationUri, uri))
            .set_connection_type(to_aws(update.only(Field::ConnectionType, connection)))
            .set_connection_id(update.only(Field::ConnectionId, spec.connection_id.clone()))
            .set_payload_format_version(update.only(Field::PayloadFormatVersion, payload))
            .set_timeout_in_millis(timeout)
            .set_request_parameters(update.only(parameters, sent))
            .set_tls_config(update.only(Field::TlsConfig, Some(tls)))
            .set_credentials_arn(update.only(Field::CredentialsArn, or_empty(&spec.credentials_arn)))
            .set_description(update.only(Field::Description, or_empty(&spec.description)))
            .send()
            .await
            .aws("apigatewayv2", "UpdateIntegration");
        match updated {
            Ok(_) => Ok(()),
            Err(error) => Err(unless_link_is_pending(aws, spec, error).await),
        }
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [api, integration] = id_parts(id)?;
        let _turn = turn(aws, api).await;
        let call = aws
            .apigatewayv2
            .delete_integration()
            .api_id(api)
            .integration_id(integration);
        call.send()
            .await
            .aws("apigatewayv2", "DeleteIntegration")
            .map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialIntegration) -> ProviderResult<Observations<Self>> {
        match given.api_id.as_str() {
            Some(api) => Ok(all(aws, api).await?.into_iter().collect()),
            None => Ok(Observations::<Self>::new()),
        }
    }

    /// Of several that are equal, one that no route uses.
    async fn left(aws: &Clients, _: &Call, given: &PartialIntegration) -> ProviderResult<Observations<Self>> {
        let mut found = Self::holders(aws, given).await?;
        if let Some(api) = given.api_id.as_str().filter(|_| found.len() > 1) {
            let routes = all_pages!(aws.apigatewayv2.get_routes().api_id(api), "GetRoutes").await?;
            let targets = routes.iter().filter_map(|route| route.target());
            let used: BTreeSet<&str> = targets
                .filter_map(|target| target.strip_prefix("integrations/"))
                .collect();
            found.retain(|_, found| found.observed.id.as_str().is_none_or(|id| !used.contains(id)));
        }
        Ok(found)
    }
}

/// All integrations of an API; none when there is no such API.
async fn all(aws: &Clients, api: &str) -> ProviderResult<Vec<Observation<Integration>>> {
    let call = || aws.apigatewayv2.get_integrations().api_id(api);
    let found = all_pages!(call(), "GetIntegrations").await.absent_is_none()?;
    let found = found.unwrap_or_default();
    Ok(found.iter().map(|found| observe!(api, found)).collect())
}

/// How long an answer may take: as wanted, or AWS's default for the protocol of the API.
async fn timeout_of(aws: &Clients, api: &str, wanted: Option<i32>) -> ProviderResult<i32> {
    if let Some(wanted) = wanted {
        return Ok(wanted);
    }
    let answer = aws.apigatewayv2.get_api().api_id(api).send().await;
    let answer = answer.aws("apigatewayv2", "GetApi")?;
    Ok(match answer.protocol_type() {
        Some(ProtocolType::Websocket) => WEBSOCKET_MILLISECONDS,
        _ => DEFAULT_MILLISECONDS,
    })
}

/// The refusal as it is, unless the VPC link is still on its way: then that is what has to be waited for,
/// however AWS words it.
async fn unless_link_is_pending(aws: &Clients, spec: &Integration, error: ProviderError) -> ProviderError {
    let (true, Some(ConnectionType::VpcLink), Some(link)) =
        (is_refusal(&error), spec.connection_type, &spec.connection_id)
    else {
        return error;
    };
    match aws.apigatewayv2.get_vpc_link().vpc_link_id(link).send().await {
        Ok(answer) if answer.vpc_link_status() == Some(&VpcLinkStatus::Pending) => {
            not_ready(error, "the VPC link", "PENDING")
        }
        _ => error,
    }
}

fn tls_config(tls: &TlsConfig) -> TlsConfigInput {
    TlsConfigInput::builder()
        .server_name_to_verify(&tls.server_name_to_verify)
        .build()
}
