//! A small catalogue whose types resemble AWS's.

use std::collections::BTreeMap;

use infra_core::schema::{AttributeKind as Kind, ComputedSchema};
use infra_core::types::{Problem, known_str};
use infra_core::{
    AttributePath, AttributeSchema, Attributes, Catalogue, HoldsData, Problems, ResourceAddress,
    TypeDefinition, TypeName, TypeSchema, Value,
};

/// Types by name.
pub struct TestCatalogue {
    types: BTreeMap<TypeName, TestType>,
    lookups: BTreeMap<TypeName, TestType>,
}

struct TestType(TypeSchema);

impl Catalogue for TestCatalogue {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        self.types.get(name).map(|found| found as &dyn TypeDefinition)
    }

    fn names(&self) -> Vec<TypeName> {
        self.types.keys().cloned().collect()
    }

    fn lookup(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        self.lookups.get(name).map(|found| found as &dyn TypeDefinition)
    }

    fn lookup_names(&self) -> Vec<TypeName> {
        self.lookups.keys().cloned().collect()
    }
}

impl TypeDefinition for TestType {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn validate(&self, attributes: &Attributes, problems: &mut Problems) {
        if let Some(cidr) = known_str(attributes, "cidr_block")
            && cidr.parse::<ipnet::Ipv4Net>().is_err()
        {
            problems.at_with_help(
                "cidr_block",
                format!("`{cidr}` is not an address range"),
                "write it as `10.0.0.0/16`",
            );
        }
        if let Some(Value::Map(tags)) = attributes.get("tags") {
            for name in tags.keys().filter(|name| name.starts_with("aws:")) {
                let path = AttributePath::attribute("tags").name(name.as_str());
                problems.at(path, format!("the tag `{name}` begins with `aws:`"));
            }
        }
        if let Some(Value::List(containers)) = attributes.get("container_definitions") {
            for (position, container) in containers.iter().enumerate() {
                if container
                    .as_map()
                    .is_some_and(|container| container.get("essential") == Some(&Value::Bool(false)))
                {
                    let path = format!("container_definitions[{position}].essential");
                    problems.at(path.as_str(), "one container has to be essential");
                }
            }
        }
    }

    fn validate_together(
        &self,
        stack: &BTreeMap<ResourceAddress, Attributes>,
    ) -> Vec<(ResourceAddress, Problem)> {
        let mut seen: BTreeMap<String, &ResourceAddress> = BTreeMap::new();
        let mut found = Vec::new();
        for (address, attributes) in stack
            .iter()
            .filter(|(address, _)| *address.type_name() == self.0.name)
        {
            let Some(Value::Unknown(vpc)) = attributes.get("vpc_id") else {
                continue;
            };
            let (Some(origin), Some(cidr)) = (&vpc.origin, known_str(attributes, "cidr_block")) else {
                continue;
            };
            if let Some(other) = seen.insert(format!("{origin} {cidr}"), address) {
                let message = format!("`{address}` has the same addresses as `{other}`");
                found.push((
                    address.clone(),
                    Problem {
                        path: "cidr_block".into(),
                        message,
                        help: None,
                    },
                ));
            }
        }
        found
    }

    fn derive(&self, attributes: &Attributes) -> Attributes {
        match (
            known_str(attributes, "repository_url"),
            known_str(attributes, "tag"),
        ) {
            (Some(repository), Some(tag)) if self.0.computed.contains_key("uri") => {
                Attributes::from([("uri".to_owned(), Value::String(format!("{repository}:{tag}")))])
            }
            _ => Attributes::new(),
        }
    }
}

struct Builder(TypeSchema);

fn of(service: &str, kind: &str) -> Builder {
    Builder(TypeSchema::new(TypeName::new(service, kind)))
}

impl Builder {
    fn with(mut self, name: &str, kind: Kind, change: impl Fn(&mut AttributeSchema)) -> Self {
        let mut schema = AttributeSchema::new(kind);
        change(&mut schema);
        self.0.attributes.insert(name.to_owned(), schema);
        self
    }

    fn required(self, name: &str, kind: Kind) -> Self {
        self.with(name, kind, |schema| schema.required = true)
    }

    fn optional(self, name: &str, kind: Kind) -> Self {
        self.with(name, kind, |_| {})
    }

    fn tags(self) -> Self {
        self.optional("tags", Kind::Map(Box::new(Kind::String)))
    }

    fn computed(mut self, names: &[&str]) -> Self {
        for name in names {
            let schema = ComputedSchema {
                kind: Kind::String,
                description: String::new(),
                changes_on_update: false,
            };
            self.0.computed.insert((*name).to_owned(), schema);
        }
        self
    }

    fn holding(mut self, what: &'static str) -> Self {
        self.0.holds_data = Some(HoldsData {
            what: what.into(),
            allowed_by: None,
        });
        self
    }

    fn named_by(mut self, name: &str) -> Self {
        self.0.natural_key.push(name.to_owned());
        self
    }
}

fn required(kind: Kind) -> AttributeSchema {
    let mut schema = AttributeSchema::new(kind);
    schema.required = true;
    schema
}

fn choices(names: &[&str]) -> Kind {
    Kind::Enum(names.iter().map(|name| (*name).to_owned()).collect())
}

fn list(inner: Kind) -> Kind {
    Kind::List(Box::new(inner))
}

/// The catalogue.
pub fn catalogue() -> TestCatalogue {
    let port = BTreeMap::from([
        ("container_port".to_owned(), required(Kind::Integer)),
        (
            "protocol".to_owned(),
            AttributeSchema::new(choices(&["tcp", "udp"])),
        ),
    ]);
    let mut secret = AttributeSchema::new(Kind::String);
    secret.sensitive = true;
    let container = BTreeMap::from([
        ("name".to_owned(), required(Kind::String)),
        ("image".to_owned(), required(Kind::String)),
        ("essential".to_owned(), AttributeSchema::new(Kind::Bool)),
        (
            "environment".to_owned(),
            AttributeSchema::new(Kind::Map(Box::new(Kind::String))),
        ),
        (
            "port_mappings".to_owned(),
            AttributeSchema::new(list(Kind::Object(port))),
        ),
        ("token".to_owned(), secret),
    ]);
    let mut target_group = required(Kind::String);
    target_group.needs_ready = true;
    let balancer = BTreeMap::from([
        ("target_group_arn".to_owned(), target_group),
        ("container_name".to_owned(), required(Kind::String)),
    ]);
    let types = [
        of("ec2", "vpc")
            .required("cidr_block", Kind::String)
            .with("enable_dns_support", Kind::Bool, |schema| {
                schema.default = Some(Value::Bool(true))
            })
            .optional("enable_dns_hostnames", Kind::Bool)
            .tags()
            .computed(&["id", "arn"]),
        of("ec2", "subnet")
            .required("vpc_id", Kind::String)
            .required("cidr_block", Kind::String)
            .optional("availability_zone", Kind::String)
            .tags()
            .computed(&["id", "arn"]),
        of("ec2", "nat_gateway")
            .required("subnet_id", Kind::String)
            .computed(&["id"]),
        of("elbv2", "target_group")
            .required("vpc_id", Kind::String)
            .required("port", Kind::Integer)
            .computed(&["arn"]),
        of("ecs", "task_definition")
            .required("family", Kind::String)
            .optional("cpu", Kind::String)
            .optional("memory", Kind::Integer)
            .required(
                "container_definitions",
                Kind::KeyedList {
                    key: "name".to_owned(),
                    element: container,
                },
            )
            .computed(&["arn"]),
        of("ecs", "service")
            .required("name", Kind::String)
            .required("task_definition", Kind::String)
            .optional("launch_type", choices(&["EC2", "FARGATE", "EXTERNAL"]))
            .optional("desired_count", Kind::Integer)
            .optional("subnets", Kind::Set(Box::new(Kind::String)))
            .optional("load_balancers", list(Kind::Object(balancer)))
            .tags()
            .computed(&["arn"]),
        of("ecr", "image")
            .required("repository_url", Kind::String)
            .optional("tag", Kind::String)
            .computed(&["digest", "uri"]),
        of("iam", "role")
            .required("assume_role_policy", Kind::Json { policy: true })
            .optional("name", Kind::String)
            .computed(&["arn"])
            .named_by("name"),
        of("rds", "database")
            .with("password", Kind::String, |schema| {
                schema.required = true;
                schema.sensitive = true;
            })
            .optional("size", Kind::Number)
            .optional("options", Kind::Any)
            .computed(&["endpoint"])
            .holding("tables"),
    ];
    let lookups = [
        of("ec2", "vpc")
            .optional("id", Kind::String)
            .optional("cidr_block", Kind::String)
            .tags()
            .computed(&["arn"]),
        of("ec2", "subnet").optional("id", Kind::String).tags(),
        of("dns", "zone")
            .required("name", Kind::String)
            .optional("private", Kind::Bool)
            .computed(&["id"]),
    ];
    fn by_name(built: impl IntoIterator<Item = Builder>) -> BTreeMap<TypeName, TestType> {
        built
            .into_iter()
            .map(|built| (built.0.name.clone(), TestType(built.0)))
            .collect()
    }
    TestCatalogue {
        types: by_name(types),
        lookups: by_name(lookups),
    }
}
