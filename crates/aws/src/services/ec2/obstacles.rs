//! What keeps networks from being deleted: interfaces that something still has in them, and what others put there.
//!
//! Calls: DescribeNetworkInterfaces, and what each type that asks names in its own file.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html>

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{AttachmentStatus, Filter, NetworkInterface, NetworkInterfaceStatus, SecurityGroup};

use crate::prelude::*;

/// What the description of an interface begins with, and what it belongs to then; what follows is its name.
const OWNERS: &[(&str, &str)] = &[
    ("ELB ", "load balancer"),
    ("Interface for NAT Gateway ", "NAT gateway"),
    ("VPC Endpoint Interface ", "VPC endpoint"),
    ("AWS Lambda VPC ENI-", "Lambda function"),
    ("EFS mount target for ", "EFS mount target of"),
    ("ElastiCache ", "ElastiCache cluster"),
    (
        "Network Interface for Transit Gateway Attachment ",
        "transit gateway attachment",
    ),
    ("RDSNetworkInterface", "a database of RDS"),
    ("API Gateway VPC link ", "VPC link"),
];

/// The interfaces that a filter finds, in one request.
pub async fn interfaces(client: &Client, by: Filter) -> ProviderResult<Vec<NetworkInterface>> {
    let call = client.describe_network_interfaces().filters(by);
    let found = call.send().await.aws("ec2", "DescribeNetworkInterfaces")?;
    Ok(found.network_interfaces.unwrap_or_default())
}

/// The interfaces that a filter finds, as what is in the way.
pub async fn in_interfaces(aws: &Clients, by: Filter) -> ProviderResult<Vec<Obstacle>> {
    Ok(of_interfaces(&interfaces(&aws.ec2, by).await?))
}

/// Interfaces as what is in the way.
pub fn of_interfaces(interfaces: &[NetworkInterface]) -> Vec<Obstacle> {
    interfaces.iter().map(of_interface).collect()
}

fn of_interface(interface: &NetworkInterface) -> Obstacle {
    let id = interface.network_interface_id().unwrap_or_default();
    let attachment = interface.attachment();
    let instance = attachment.and_then(|attachment| attachment.instance_id());
    let is_managed = interface.requester_managed() == Some(true);
    let is_leaving =
        attachment.and_then(|attachment| attachment.status()) == Some(&AttachmentStatus::Detaching);
    // AWS takes away what its services made. An instance stays, and so does what nobody uses.
    let is_unused = interface.status() == Some(&NetworkInterfaceStatus::Available);
    Obstacle {
        what: format!("network interface {id}{}", belongs(interface)),
        id: PhysicalId::new(instance.unwrap_or(id)),
        stays: !is_managed && !is_leaving && (instance.is_some() || is_unused),
    }
}

/// What an interface belongs to, as a part of a sentence.
fn belongs(interface: &NetworkInterface) -> String {
    let description = interface.description().unwrap_or_default();
    let instance = interface
        .attachment()
        .and_then(|attachment| attachment.instance_id());
    if let Some(instance) = instance {
        return format!(" of instance {instance}");
    }
    if description.starts_with("arn:") && description.contains(":attachment/") {
        return " of a task of ECS".to_owned();
    }
    let owner = OWNERS
        .iter()
        .find_map(|(start, what)| Some((what, description.strip_prefix(start)?)));
    if let Some((what, name)) = owner {
        return format!(" of {what} {name}").trim_end().to_owned();
    }
    let said = match description {
        "" => String::new(),
        said => format!(" ({said})"),
    };
    match interface.requester_id() {
        Some(requester) if interface.requester_managed() == Some(true) => {
            format!("{said}, which {requester} manages")
        }
        _ if interface.status() == Some(&NetworkInterfaceStatus::Available) => {
            format!("{said}, which nothing uses")
        }
        _ => said,
    }
}

/// Something that others made, and that AWS does not take away by itself.
pub fn of_others(what: &str, id: Option<&str>) -> Obstacle {
    let id = id.unwrap_or_default();
    Obstacle {
        what: format!("{what} {id}"),
        id: PhysicalId::new(id),
        stays: true,
    }
}

/// A security group with its name.
pub fn of_group(what: &str, group: &SecurityGroup) -> Obstacle {
    let name = group.group_name().unwrap_or_default();
    let obstacle = of_others(what, group.group_id());
    Obstacle {
        what: format!("{} ({name})", obstacle.what),
        ..obstacle
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    fn interface(description: &str, managed: bool, status: NetworkInterfaceStatus) -> NetworkInterface {
        NetworkInterface::builder()
            .network_interface_id("eni-1")
            .description(description)
            .requester_managed(managed)
            .requester_id("amazon-aws")
            .status(status)
            .build()
    }

    #[test]
    fn an_interface_is_told_with_what_it_belongs_to() {
        use NetworkInterfaceStatus::{Available, InUse};
        for (description, managed, status, told, stays) in [
            (
                "ELB app/main/0123",
                true,
                InUse,
                " of load balancer app/main/0123",
                false,
            ),
            (
                "Interface for NAT Gateway nat-1",
                true,
                InUse,
                " of NAT gateway nat-1",
                false,
            ),
            ("RDSNetworkInterface", true, InUse, " of a database of RDS", false),
            (
                "AWS Lambda VPC ENI-work-01234567",
                true,
                Available,
                " of Lambda function work-01234567",
                false,
            ),
            (
                "arn:aws:ecs:us-east-1:123456789012:attachment/1",
                true,
                InUse,
                " of a task of ECS",
                false,
            ),
            ("DMS", true, InUse, " (DMS), which amazon-aws manages", false),
            ("spare", false, Available, " (spare), which nothing uses", true),
            ("", false, Available, ", which nothing uses", true),
            ("unclear", false, InUse, " (unclear)", false),
        ] {
            let obstacle = of_interface(&interface(description, managed, status));
            assert_eq!(obstacle.what, format!("network interface eni-1{told}"));
            assert_eq!(obstacle.stays, stays, "{description}");
        }
    }

    #[test]
    fn an_instance_stays_unless_its_interface_is_leaving() {
        for (status, stays) in [
            (AttachmentStatus::Attached, true),
            (AttachmentStatus::Detaching, false),
        ] {
            let attachment = NetworkInterfaceAttachment::builder()
                .instance_id("i-1")
                .status(status);
            let mut held = interface("eth0", false, NetworkInterfaceStatus::InUse);
            held.attachment = Some(attachment.build());
            let obstacle = of_interface(&held);
            assert_eq!(obstacle.what, "network interface eni-1 of instance i-1");
            assert_eq!((obstacle.id.as_str(), obstacle.stays), ("i-1", stays));
        }
    }
}
