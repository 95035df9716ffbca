//! An HTTP client that keeps what calls are told, by member, and answers as little as the SDK takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

/// What calls were told: the operation and the path of the member, and its value. A list is one value.
pub type Members = BTreeMap<String, String>;

/// The client.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Members>>);

/// Answers that updates need to go on.
const ANSWERS: &[(&str, &str)] = &[
    (
        "GetCallerIdentity",
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
         <Arn>arn:aws:iam::123456789012:user/test</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>",
    ),
    (
        "DescribeInternetGateways",
        "<DescribeInternetGatewaysResponse><internetGatewaySet><item><internetGatewayId>its-id\
         </internetGatewayId><attachmentSet><item><vpcId>vpc_id-0</vpcId><state>available</state></item>\
         </attachmentSet></item></internetGatewaySet></DescribeInternetGatewaysResponse>",
    ),
    (
        "DescribeRouteTables",
        "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-0</routeTableId><associationSet>\
         <item><routeTableAssociationId>its-id</routeTableAssociationId><routeTableId>rtb-0</routeTableId>\
         <subnetId>subnet-its</subnetId></item></associationSet></item></routeTableSet>\
         </DescribeRouteTablesResponse>",
    ),
    (
        "DescribeSecurityGroups",
        "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-default</groupId></item>\
         </securityGroupInfo></DescribeSecurityGroupsResponse>",
    ),
    (
        "DescribeServices",
        r#"{"services": [{
            "serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/its-cluster/its-service",
            "status": "ACTIVE", "taskDefinition": "another"
        }]}"#,
    ),
    (
        "POST hostedzone/rrset",
        "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>C1</Id><Status>PENDING</Status>\
         <SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>",
    ),
];

impl Captured {
    /// What the calls since the last time were told.
    pub fn take(&self) -> Members {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl HttpClient for Captured {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Captured {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, told) = read(&request);
        let changes = !["Describe", "Get", "List", "GET "]
            .iter()
            .any(|verb| operation.starts_with(verb));
        if changes {
            let mut members = self.0.lock().unwrap();
            // That it was called counts, also where nothing but its path says what for.
            members.insert(operation.clone(), String::new());
            members.extend(
                told.into_iter()
                    .map(|(name, value)| (format!("{operation}.{name}"), value)),
            );
        }
        let own = ANSWERS.iter().find(|(name, _)| *name == operation);
        let is_json = request.headers().get("x-amz-target").is_some() || operation.contains("apis");
        let answer = match own {
            Some((_, answer)) => (*answer).to_owned(),
            None if is_json || operation.contains("domainnames") || operation.contains("vpclinks") => {
                "{}".to_owned()
            }
            None => format!("<{operation}Response><{operation}Result/></{operation}Response>"),
        };
        let response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer));
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// The operation of a request, and what it is told.
fn read(request: &HttpRequest) -> (String, Members) {
    let body = request.body().bytes().unwrap_or_default();
    let body = std::str::from_utf8(body).unwrap();
    let mut members = Members::new();
    if let Some(target) = request.headers().get("x-amz-target") {
        flatten("", &serde_json::from_str(body).unwrap(), &mut members);
        let (_, operation) = target.rsplit_once('.').unwrap();
        return (operation.to_owned(), members);
    }
    if body.starts_with("Action=") {
        return query(body);
    }
    if body.starts_with('<') {
        xml(body, &mut members);
    } else if !body.is_empty() {
        flatten("", &serde_json::from_str(body).unwrap(), &mut members);
    }
    // Version and ids stand between the names of a path.
    let (_, path) = request.uri().split_once("://").unwrap();
    let names: Vec<&str> = path.split('/').skip(2).step_by(2).collect();
    (format!("{} {}", request.method(), names.join("/")), members)
}

fn flatten(path: &str, value: &Json, members: &mut Members) {
    let under = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Json::Object(table) if !table.is_empty() => {
            for (name, value) in table {
                flatten(&under(name), value, members);
            }
        }
        Json::String(text) => drop(members.insert(path.to_owned(), text.clone())),
        // What is in the one element of a list is told apart.
        Json::Array(items) if matches!(items.as_slice(), [Json::Object(_)]) => {
            flatten(path, &items[0], members);
        }
        other if path.is_empty() => assert_eq!(*other, Json::Object(serde_json::Map::new())),
        other => drop(members.insert(path.to_owned(), other.to_string())),
    }
}

/// A request of the query protocols: `Attributes.member.1.Key` and `.Value` become one member by that key.
fn query(body: &str) -> (String, Members) {
    let decoded = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    let pairs: BTreeMap<String, String> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let mut members = Members::new();
    for (name, value) in &pairs {
        if ["Action", "Version"].contains(&name.as_str()) || name.ends_with(".Key") {
            continue;
        }
        let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts: Vec<&str> = name
            .split('.')
            .filter(|part| !is_number(part) && *part != "member")
            .collect();
        let key = name
            .strip_suffix(".Value")
            .and_then(|of| pairs.get(&format!("{of}.Key")));
        if let Some(key) = key {
            parts.pop();
            parts.push(key);
        }
        let all: &mut String = members.entry(parts.join(".")).or_default();
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(value);
    }
    (pairs["Action"].clone(), members)
}

/// The texts of a document by the names around them.
fn xml(body: &str, members: &mut Members) {
    let mut names: Vec<&str> = Vec::new();
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        if tag.starts_with('/') {
            names.pop();
            continue;
        }
        names.push(tag.split(' ').next().unwrap());
        if !text.is_empty() {
            let all: &mut String = members.entry(names[1..].join(".")).or_default();
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(text);
        }
    }
}
