//! What is the same for all types of Route 53.

use infra_provider::Service;

use crate::clients::Clients;

/// Route 53. Records have no tags.
pub struct Route53;

impl Service for Route53 {
    type Clients = Clients;
}
