//! Functions over address ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use infra_core::Value;
use ipnet::IpNet;

use super::{Wrong, integer, text};

/// The prefix as an integer of the address's width, its length, and that width.
struct Prefix {
    address: u128,
    length: u32,
    width: u32,
}

fn prefix(arguments: &[Value]) -> Result<Prefix, Wrong> {
    let text = text(arguments, 0)?;
    let net: IpNet = text.trim().parse().map_err(|_| {
        Wrong::new("argument 1 is not an address range")
            .because(format!("`{text}`"))
            .help("write it as `10.0.0.0/16`")
    })?;
    Ok(match net.trunc() {
        IpNet::V4(net) => Prefix {
            address: u128::from(u32::from(net.network())),
            length: u32::from(net.prefix_len()),
            width: 32,
        },
        IpNet::V6(net) => Prefix {
            address: u128::from(net.network()),
            length: u32::from(net.prefix_len()),
            width: 128,
        },
    })
}

impl Prefix {
    fn text(&self, address: u128) -> String {
        let address = match u32::try_from(address) {
            Ok(short) if self.width == 32 => IpAddr::V4(Ipv4Addr::from(short)),
            _ => IpAddr::V6(Ipv6Addr::from(address)),
        };
        address.to_string()
    }
}

/// The range number `number` among those that are `added_bits` longer than the prefix.
pub(super) fn cidrsubnet(arguments: &[Value]) -> Result<Value, Wrong> {
    let prefix = prefix(arguments)?;
    let (added, number) = (integer(arguments, 1)?, integer(arguments, 2)?);
    let length = u32::try_from(added)
        .ok()
        .and_then(|added| prefix.length.checked_add(added))
        .filter(|length| *length <= prefix.width)
        .ok_or_else(|| {
            Wrong::new("the prefix cannot be made that much longer").because(format!(
                "/{} and {added} bits more, of {}",
                prefix.length, prefix.width
            ))
        })?;
    let added = length - prefix.length;
    let number = u128::try_from(number)
        .ok()
        .filter(|number| added >= 128 || *number < 1_u128 << added)
        .ok_or_else(|| {
            let most = if added >= 63 {
                "many".to_owned()
            } else {
                (1_u64 << added).to_string()
            };
            Wrong::new("there is no range of that number").because(format!(
                "number {number}, but {added} more bits make {most} ranges, counted from 0"
            ))
        })?;
    let shift = prefix.width - length;
    let offset = if shift >= 128 { 0 } else { number << shift };
    Ok(Value::String(format!(
        "{}/{length}",
        prefix.text(prefix.address | offset)
    )))
}

/// The address number `number` in the prefix; a negative number counts from its end.
pub(super) fn cidrhost(arguments: &[Value]) -> Result<Value, Wrong> {
    let prefix = prefix(arguments)?;
    let number = integer(arguments, 1)?;
    let bits = prefix.width - prefix.length;
    let last = if bits >= 128 {
        u128::MAX
    } else {
        (1_u128 << bits) - 1
    };
    let offset = match u128::try_from(number) {
        Ok(number) => Some(number),
        Err(_) => last.checked_sub(u128::from(number.unsigned_abs()) - 1),
    };
    let offset = offset.filter(|offset| *offset <= last).ok_or_else(|| {
        Wrong::new("the range has no address of that number")
            .because(format!("number {number} of a /{}", prefix.length))
    })?;
    Ok(Value::String(prefix.text(prefix.address | offset)))
}
