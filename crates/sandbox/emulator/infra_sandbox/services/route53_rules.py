"""What Route 53 refuses of records: values that are none, and records that cannot be of one name and type.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ..call import AwsError, refuse

# The members that say how a record is chosen, in the order in which Route 53 names them.
POLICIES = ("Weight", "Region", "Failover", "GeoLocation", "MultiValueAnswer")
# A text of a TXT record, in quotation marks; what is behind a backslash is one character.
TEXT = re.compile(r'"((?:[^"\\]|\\[0-7]{3}|\\.)*)"')
CHARACTER = re.compile(r"\\[0-7]{3}|\\.|.", re.DOTALL)
CAA = re.compile(r'(\d{1,3})\s+([A-Za-z0-9]+)\s+"(?:[^"\\]|\\.)*"')


# Values


def wrong_values(record: dict[str, Any]) -> Iterator[str]:
    """Route 53's words for each value of a record that is none of its type."""
    for each in record.get("ResourceRecords") or []:
        wrong = wrong_value(record["Type"], each["Value"])
        if wrong:
            yield f"Invalid Resource Record: 'FATAL problem: {wrong} encountered with '{each['Value']}''"


def wrong_value(kind: str, value: str) -> str:
    """https://github.com/boto/boto3/issues/1462, https://github.com/octodns/octodns/issues/1196"""
    if kind in ("TXT", "SPF"):
        return wrong_text(value)
    if kind == "CAA":
        found = CAA.fullmatch(value.strip())
        return "" if found and int(found[1]) <= 255 else "CAARRDATAIllegalFormat (Value is not a valid CAA record)"
    if kind == "A" and not is_address(value, ipaddress.IPv4Address):
        return "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
    if kind == "AAAA" and not is_address(value, ipaddress.IPv6Address):
        return "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
    if kind == "MX" and len(value.split()) != 2:
        return "MXRRDATANotTwoFields (MX value must have two fields)"
    if kind in ("CNAME", "NS", "PTR") and len(value.split()) != 1:
        return f"{kind}RRDATANotSingleField (Value contains spaces)"
    return ""


def wrong_text(value: str) -> str:
    rest = value.strip()
    while True:
        found = TEXT.match(rest)
        if found is None:
            return "InvalidCharacterString (Value should be enclosed in quotation marks)"
        if len(CHARACTER.findall(found[1])) > 255:
            return "CharacterStringTooLong (Value is too long)"
        rest = rest[found.end() :].lstrip()
        if not rest:
            return ""


def is_address(value: str, kind: type) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True


# How a record is chosen


def policies(record: dict[str, Any]) -> list[str]:
    return [member for member in POLICIES if record.get(member) not in (None, "", {})]


def check_form(change: dict[str, Any]) -> None:
    """One of several records of a name says how it is chosen, in one way, and has an identifier."""
    record = change["ResourceRecordSet"]
    found, identifier = policies(record), record.get("SetIdentifier")
    what = f"Change with [Action={change['Action']}, Name={record['Name']}, Type={record['Type']}, SetIdentifier="
    what += f"{identifier or 'null'}]"
    if identifier and len(found) != 1:
        expected = f"Expected exactly one of [{', '.join(POLICIES[:-1])}, or {POLICIES[-1]}]"
        but = "none" if not found else "more than one"
        raise refuse("InvalidInput", f"Invalid request: {expected}, but found {but} in {what}")
    if found and not identifier:
        raise refuse("InvalidInput", f"Invalid request: Missing field 'SetIdentifier' in {what}")


def is_not_watched(record: dict[str, Any]) -> bool:
    """https://github.com/kubernetes-sigs/external-dns/issues/2362"""
    return record.get("Failover") == "PRIMARY" and not record.get("HealthCheckId") and not record.get("AliasTarget")


def clash(name: str, record: dict[str, Any], others: list[dict[str, Any]]) -> str:
    """Route 53's words where a record cannot be beside the others of its name and type.

    https://github.com/kubernetes-sigs/external-dns/issues/1411 (weighted), https://github.com/chef-boneyard/route53/issues/100
    (simple), https://github.com/cert-manager/cert-manager/issues/5388 (multivalue answer),
    https://github.com/hashicorp/terraform-provider-aws/issues/1668 (latency); those of failover follow the last.
    """
    what = f"RRSet with DNS name {name}, type {record['Type']}"
    own = policies(record)
    if not own:
        return f"{what} cannot be created as other RRSets exist with the same name and type." if others else ""
    what += f", SetIdentifier {record['SetIdentifier']}"
    policy, value = own[0], record[own[0]]
    if any(policies(other) != own for other in others):
        return {
            "Weight": f"{what} cannot be created as a non-weighted set exists with the same name and type.",
            "Region": f"{what}, and Region Name={value} cannot be created because a non-latency RRSet with the same"
            " name and type already exists.",
            "Failover": f"{what}, and Failover {value} cannot be created because a non-failover RRSet with the same"
            " name and type already exists.",
            "GeoLocation": f"{what} cannot be created because a non-geolocation RRSet with the same name and type"
            " already exists.",
            "MultiValueAnswer": f"{what} cannot be created because a non multivalue answer rrset exists with the same"
            " name and type.",
        }[policy]
    # Many may have one weight, or answer together.
    kinds = {"Region": ("latency", "region"), "Failover": ("failover", "failover"), "GeoLocation": ("geolocation",) * 2}
    if policy in kinds and any(other[policy] == value for other in others):
        kind, member = kinds[policy]
        told = {"Region": f"Region Name={value}"}.get(policy, f"{policy} {value}")
        return (
            f"{what}, and {told} cannot be created because a {kind} RRSet with the same name, type and {member} already"
            " exists."
        )
    return ""


# The records of the zone itself


def apex_problem(zone_name: str, change: dict[str, Any], name: str) -> str:
    """A zone keeps its SOA and NS records, and has no CNAME beside them."""
    kind = change["ResourceRecordSet"]["Type"]
    if name != zone_name:
        return ""
    if kind == "CNAME" and change["Action"] != "DELETE":
        return f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone_name}"
    if change["Action"] == "DELETE" and kind == "SOA":
        return "A HostedZone must contain exactly one SOA record."
    if change["Action"] == "DELETE" and kind == "NS":
        return "A HostedZone must contain at least one NS record for the zone itself."
    return ""


def invalid_batch(problems: list[str]) -> AwsError:
    return AwsError("InvalidChangeBatch", str(problems), 400)
