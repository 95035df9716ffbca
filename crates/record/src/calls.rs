//! The calls to AWS.

use std::collections::BTreeMap;

use infra_core::ResourceAddress;

/// One call to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The resource that it served; `None` for those that served many.
    pub address: Option<ResourceAddress>,
    /// The service, such as `ec2`.
    pub service: String,
    /// AWS's operation, such as `CreateVpc`.
    pub operation: String,
    /// Whether it may change something.
    pub mutating: bool,
    /// When it began, in milliseconds since the run's start; 0 for one before.
    pub start_ms: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// AWS's error code, if it failed.
    pub error: Option<String>,
    /// Whether AWS asked to slow down.
    pub throttled: bool,
}

/// All calls of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct CallSum {
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// Whether it may change something.
    pub mutating: bool,
    /// How many.
    pub count: u64,
    /// All together, in milliseconds.
    pub total_ms: u64,
    /// The slowest, in milliseconds.
    pub slowest_ms: u64,
    /// How many failed, throttled ones included.
    pub failed: u64,
    /// How many were throttled.
    pub throttled: u64,
}

impl CallSum {
    /// The mean in milliseconds.
    pub fn mean_ms(&self) -> u64 {
        self.total_ms.checked_div(self.count).unwrap_or_default()
    }
}

/// Calls by service and operation, in this order.
pub fn call_sums<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Vec<CallSum> {
    let mut sums: BTreeMap<(&str, &str), CallSum> = BTreeMap::new();
    for call in calls {
        let sum = sums
            .entry((&call.service, &call.operation))
            .or_insert_with(|| CallSum {
                service: call.service.clone(),
                operation: call.operation.clone(),
                mutating: call.mutating,
                ..CallSum::default()
            });
        sum.count += 1;
        sum.total_ms = sum.total_ms.saturating_add(call.duration_ms);
        sum.slowest_ms = sum.slowest_ms.max(call.duration_ms);
        sum.failed += u64::from(call.error.is_some());
        sum.throttled += u64::from(call.throttled);
    }
    sums.into_values().collect()
}
