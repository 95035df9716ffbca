//! The made-up resource types. Each stands for a way in which AWS's types are special.

use std::sync::{Arc, OnceLock};

use infra_core::AttributeKind as Kinds;
use infra_core::{Catalogue, TypeDefinition, TypeName};

use crate::cloud::Cloud;
use crate::kind::Computed::{Arn, Counts, Id, NumberedArn, Prepared, WhenReady};
use crate::kind::Identity::{Given, Name, Under};
use crate::kind::Is::{Immutable, NeedsReady, Required, Sensitive, SetAfterCreate, WriteOnly};
use crate::kind::Kind;

/// All types, in alphabetical order.
pub(crate) fn kinds() -> &'static [Arc<Kind>] {
    static KINDS: OnceLock<Vec<Arc<Kind>>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let all = [
            definition(),
            grant(),
            image(),
            policy(),
            rollout(),
            secret(),
            service(),
            store(),
            balancer(),
            gateway(),
            listener(),
            network(),
            part(),
            record(),
        ];
        all.into_iter().map(Arc::new).collect()
    })
}

/// The types without a cloud, for whoever only needs to know their schemas.
pub fn catalogue() -> &'static dyn Catalogue {
    static CLOUD: OnceLock<Cloud> = OnceLock::new();
    CLOUD.get_or_init(Cloud::new)
}

/// Whether a reference in this attribute needs its resource to work.
pub(crate) fn needs_ready(type_name: &TypeName, attribute: &str) -> bool {
    let definition: Option<&dyn TypeDefinition> = catalogue().definition(type_name);
    definition
        .and_then(|definition| definition.schema().attributes.get(attribute))
        .is_some_and(|attribute| attribute.needs_ready)
}

fn strings() -> Box<Kinds> {
    Box::new(Kinds::String)
}

/// Like a VPC: client token and tags, works at once.
fn network() -> Kind {
    Kind::new("net.network", Given)
        .with_client_token()
        .with_tags()
        .attribute("range", Kinds::String, &[Required, Immutable])
        .attribute("dns", Kinds::Bool, &[])
        .default("dns", true)
        .attribute("labels", Kinds::Map(strings()), &[])
        .computed("id", Id)
}

/// Like a subnet: tags only, cannot outlive its network.
fn part() -> Kind {
    Kind::new("net.part", Given)
        .with_tags()
        .attribute("network_id", Kinds::String, &[Required, Immutable])
        .attribute("range", Kinds::String, &[Immutable])
        .attribute("note", Kinds::String, &[])
        .refers("network_id")
        .computed("id", Id)
}

/// Like a NAT gateway: on its way for long, has its address only when it works, is long in going, and may hold
/// something that no other can hold at the same time.
fn gateway() -> Kind {
    Kind::new("net.gateway", Given)
        .with_client_token()
        .with_tags()
        .attribute("part_id", Kinds::String, &[Required, Immutable])
        .attribute("note", Kinds::String, &[])
        .attribute("allocation", Kinds::String, &[Immutable])
        .unique("allocation")
        .refers("part_id")
        .computed("id", Id)
        .computed("address", WhenReady)
        .ready_after("gateway available", 90)
        .gone_after("gateway deleted", 40)
}

/// Like a load balancer: a unique name, tags, an ARN long before it works.
fn balancer() -> Kind {
    Kind::new("net.balancer", Name("name"))
        .with_tags()
        .attribute("name", Kinds::String, &[Required, Immutable])
        .attribute("internal", Kinds::Bool, &[Immutable])
        .default("internal", false)
        .attribute("part_ids", Kinds::Set(strings()), &[Required])
        .attribute("idle_seconds", Kinds::Integer, &[])
        .default("idle_seconds", 60)
        .refers("part_ids")
        .computed("arn", NumberedArn)
        .ready_after("balancer active", 150)
}

/// Like a listener or a permission: known only under its parent, by neither token nor tags.
fn listener() -> Kind {
    Kind::new("net.listener", Under("balancer_arn", "port"))
        .attribute("balancer_arn", Kinds::String, &[Required, Immutable])
        .attribute("port", Kinds::Integer, &[Required, Immutable])
        .attribute("target", Kinds::String, &[])
        .refers("balancer_arn")
        .under("net.balancer")
        .computed("id", Id)
}

/// Like a DNS record: no tags, known by its name in a zone, and what goes and what comes in a zone can be changed by one
/// call.
fn record() -> Kind {
    Kind::new("net.record", Under("zone", "name"))
        .attribute("zone", Kinds::String, &[Required, Immutable])
        .attribute("name", Kinds::String, &[Required, Immutable])
        .attribute("value", Kinds::String, &[])
        .changed_together("zone")
        .ready_after("record everywhere", 60)
        .changed_after("record everywhere", 60)
}

/// Like an IAM role: a name that is unique whatever its case, tags, and attachments that the create call cannot make.
fn policy() -> Kind {
    Kind::new("app.policy", Name("name"))
        .caseless("name")
        .with_tags()
        .attribute("name", Kinds::String, &[Required, Immutable])
        .attribute("document", Kinds::Json { policy: true }, &[])
        .attribute("attached", Kinds::Set(strings()), &[SetAfterCreate])
        .computed("arn", Arn)
}

/// Like a policy of a role: no tags, and a create of what is there already succeeds.
fn grant() -> Kind {
    Kind::new("app.grant", Under("role", "name"))
        .idempotent()
        .attribute("role", Kinds::String, &[Required, Immutable])
        .attribute("name", Kinds::String, &[Required, Immutable])
        .attribute("document", Kinds::String, &[])
        .computed("id", Id)
}

/// Like a secret: one value that is never told back, one that is, both sensitive.
fn secret() -> Kind {
    Kind::new("app.secret", Name("name"))
        .with_client_token()
        .with_tags()
        .attribute("name", Kinds::String, &[Required, Immutable])
        .attribute("value", Kinds::String, &[Required, Sensitive, WriteOnly])
        .attribute("hint", Kinds::String, &[Sensitive])
        .computed("arn", Arn)
        .computed("version", Counts("value"))
}

/// Like a task definition: nothing of it can be changed, the next one is made first, and what it speaks of may go.
fn definition() -> Kind {
    Kind::new("app.definition", Given)
        .with_tags()
        .attribute("family", Kinds::String, &[Required, Immutable])
        .attribute("image", Kinds::String, &[Immutable])
        .attribute("environment", Kinds::Map(strings()), &[Immutable])
        .attribute("policy_arn", Kinds::String, &[Immutable])
        .computed("arn", Arn)
        .made_first()
}

/// Like a service behind a load balancer: refused while the balancer does not work, slow to change and to go;
/// two things can be set only once it is there, one of which has to work by then.
fn service() -> Kind {
    Kind::new("app.service", Name("name"))
        .with_client_token()
        .with_tags()
        .attribute("name", Kinds::String, &[Required, Immutable])
        .attribute("definition", Kinds::String, &[Required])
        .attribute("balancer_arn", Kinds::String, &[Immutable])
        .attribute("count", Kinds::Integer, &[])
        .default("count", 1)
        .attribute("scaling", Kinds::Integer, &[SetAfterCreate])
        .attribute("gateway_id", Kinds::String, &[SetAfterCreate])
        .refers("definition")
        .refers_to_working("balancer_arn")
        .refers_to_working("gateway_id")
        .computed("arn", Arn)
        .computed("deployment", Counts("definition"))
        .ready_after("service steady", 60)
        .changed_after("service steady again", 30)
        .gone_after("service drained", 20)
}

/// Like a rollout: needs its service to work, under it, begins with a change of that, too, and is watched until it is
/// through.
fn rollout() -> Kind {
    Kind::new("app.rollout", Under("service", "stage"))
        .attribute("service", Kinds::String, &[Required, Immutable, NeedsReady])
        .attribute("stage", Kinds::String, &[Required, Immutable])
        .attribute("definition", Kinds::String, &[Required])
        .refers("service")
        .under("app.service")
        .follows(
            "service",
            "app.service",
            &["definition", "balancer_arn", "gateway_id"],
        )
        .computed("id", Id)
        .ready_after("rollout through", 10)
        .changed_after("rollout through", 10)
}

/// Like a repository of images: what is in it is nobody's attribute, and is gone with it.
fn store() -> Kind {
    Kind::new("app.store", Name("name"))
        .with_tags()
        .attribute("name", Kinds::String, &[Required, Immutable])
        .attribute("note", Kinds::String, &[])
        .holds_data("records")
        .computed("arn", Arn)
}

/// Like an image in a registry: what it is follows from work on this machine.
fn image() -> Kind {
    Kind::new("app.image", Name("repository"))
        .shared()
        .attribute("repository", Kinds::String, &[Required, Immutable])
        .attribute("source", Kinds::String, &[Required])
        .computed("digest", Prepared)
        .computed("uri", Arn)
}
