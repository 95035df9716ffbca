//! What leads out of VPCs: gateways, attachments and peerings.

use aws_sdk_ec2::types::{
    AttachmentStatus, InternetGateway, TransitGatewayAttachmentState, TransitGatewayVpcAttachment,
    VpcPeeringConnection, VpcPeeringConnectionStateReasonCode, VpnGateway,
};
use infra_provider::{ProviderResult, Standing};

use super::{Networks, VPC};
use crate::errors::AwsResult;
use crate::services::ec2::common::all_tags;
use crate::survey::{Look, Thing};

impl Networks<'_> {
    /// What leads out of the VPCs.
    pub(super) async fn gateways(&self) -> ProviderResult<Vec<Standing>> {
        let ec2 = &self.look.clients.ec2;
        let private = ec2.describe_vpn_gateways().filters(self.by("attachment.vpc-id"));
        let private = async { private.send().await.aws("ec2", "DescribeVpnGateways") };
        let (internet, egress_only, private, transit, asked, accepted) = futures::try_join!(
            items!(
                ec2.describe_internet_gateways()
                    .filters(self.by("attachment.vpc-id")),
                "ec2",
                "DescribeInternetGateways"
            ),
            // Has no filter by VPC.
            items!(
                ec2.describe_egress_only_internet_gateways(),
                "ec2",
                "DescribeEgressOnlyInternetGateways"
            ),
            private,
            items!(
                ec2.describe_transit_gateway_vpc_attachments()
                    .filters(self.by("vpc-id")),
                "ec2",
                "DescribeTransitGatewayVpcAttachments"
            ),
            items!(
                ec2.describe_vpc_peering_connections()
                    .filters(self.by("requester-vpc-info.vpc-id")),
                "ec2",
                "DescribeVpcPeeringConnections"
            ),
            items!(
                ec2.describe_vpc_peering_connections()
                    .filters(self.by("accepter-vpc-info.vpc-id")),
                "ec2",
                "DescribeVpcPeeringConnections"
            ),
        )?;
        let look = self.look;
        let internet = internet
            .iter()
            .filter_map(|gateway| internet_gateway(look, gateway));
        let egress_only = egress_only.iter().filter_map(|gateway| {
            let mut attached = gateway.attachments().iter().filter_map(|each| each.vpc_id());
            look.standing(Thing {
                resource_type: "ec2.egress_only_internet_gateway",
                id: gateway.egress_only_internet_gateway_id(),
                tags: all_tags(gateway.tags()),
                near: Some(attached.find(|vpc| self.vpcs.iter().any(|ours| ours == vpc))?),
                ..Thing::default()
            })
        });
        let private = private.vpn_gateways().iter();
        let private = private.filter_map(|gateway| vpn_gateway(look, gateway, &self.vpcs));
        let transit = transit.iter().filter_map(|each| transit_attachment(look, each));
        let peerings = asked
            .iter()
            .chain(&accepted)
            .filter_map(|each| peering(look, each));
        Ok(internet
            .chain(egress_only)
            .chain(private)
            .chain(transit)
            .chain(peerings)
            .collect())
    }
}

fn internet_gateway(look: &Look<'_>, gateway: &InternetGateway) -> Option<Standing> {
    let attached = gateway.attachments().iter().find_map(|each| each.vpc_id());
    look.standing(Thing {
        resource_type: "ec2.internet_gateway",
        id: gateway.internet_gateway_id(),
        tags: all_tags(gateway.tags()),
        near: attached,
        ..Thing::default()
    })
}

fn vpn_gateway(look: &Look<'_>, gateway: &VpnGateway, vpcs: &[String]) -> Option<Standing> {
    // A deleted gateway, and one that was detached, are told for a while.
    let attached = gateway.vpc_attachments().iter().find(|each| {
        let is_gone = matches!(
            each.state(),
            Some(AttachmentStatus::Detaching | AttachmentStatus::Detached)
        );
        !is_gone && vpcs.iter().any(|ours| Some(ours.as_str()) == each.vpc_id())
    })?;
    look.standing(Thing {
        resource_type: "ec2.vpn_gateway",
        id: gateway.vpn_gateway_id(),
        tags: all_tags(gateway.tags()),
        near: attached.vpc_id(),
        ..Thing::default()
    })
}

fn transit_attachment(look: &Look<'_>, attachment: &TransitGatewayVpcAttachment) -> Option<Standing> {
    if matches!(
        attachment.state(),
        Some(
            TransitGatewayAttachmentState::Deleting
                | TransitGatewayAttachmentState::Deleted
                | TransitGatewayAttachmentState::Rejected
        )
    ) {
        return None;
    }
    look.standing(Thing {
        resource_type: "ec2.transit_gateway_vpc_attachment",
        id: attachment.transit_gateway_attachment_id(),
        tags: all_tags(attachment.tags()),
        said: attachment.transit_gateway_id(),
        near: attachment.vpc_id(),
        created: attachment.creation_time(),
    })
}

fn peering(look: &Look<'_>, connection: &VpcPeeringConnection) -> Option<Standing> {
    let state = connection.status().and_then(|status| status.code());
    if matches!(
        state,
        Some(
            VpcPeeringConnectionStateReasonCode::Deleted
                | VpcPeeringConnectionStateReasonCode::Deleting
                | VpcPeeringConnectionStateReasonCode::Expired
                | VpcPeeringConnectionStateReasonCode::Failed
                | VpcPeeringConnectionStateReasonCode::Rejected
        )
    ) {
        return None;
    }
    let ends = [connection.requester_vpc_info(), connection.accepter_vpc_info()];
    let near = ends
        .into_iter()
        .flatten()
        .filter_map(|end| end.vpc_id())
        .find(|vpc| look.knows(VPC, vpc));
    look.standing(Thing {
        resource_type: "ec2.vpc_peering_connection",
        id: connection.vpc_peering_connection_id(),
        tags: all_tags(connection.tags()),
        near,
        ..Thing::default()
    })
}
