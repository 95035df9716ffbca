"""Route53: changes that take a minute, record sets and what tells them apart, and caller references."""

import itertools
from typing import Any

from moto.route53 import models

from ..call import Answer, AwsError, Call, operation
from ..world import store, timeline
from . import route53_rules as rules

pending: set[tuple[str, str]] = store(set)
# (account, caller reference) → the zone it made
references: dict[tuple[str, str], str] = store()
# The members that say who is answered with a record, but for the place.
ROUTING = ("Weight", "Region", "Failover", "MultiValueAnswer", "HealthCheckId")
_numbers = itertools.count(1)

_zone_id_of_moto = models.create_route53_zone_id


def zone_id(*arguments: Any, **more: Any) -> str:
    """AWS's zone ids begin with a Z, and people's patterns rely on it; moto's begin with anything."""
    return "Z" + _zone_id_of_moto(*arguments, **more)[1:]


def carry_out(backend: Any, zone_id: str, changes: list[dict[str, Any]]) -> None:
    """The changes of a batch, all of which were found good.

    moto judges them by what was once sent, and deletes by a set identifier alone, or without looking at it.
    """
    zone = backend.get_hosted_zone(zone_id)
    for change in changes:
        models.validate_domain_name(change["ResourceRecordSet"]["Name"], code="InvalidChangeBatch")
        record = change["ResourceRecordSet"] | {"Name": name_of(change["ResourceRecordSet"])}
        if "ResourceRecords" in record:
            record["ResourceRecords"] = [each["Value"] for each in record["ResourceRecords"]]
        if change["Action"] == "DELETE":
            zone.rrsets = [each for each in zone.rrsets if key_of_present(each) != key_of(record)]
        else:
            zone.upsert_rrset(record)


models.create_route53_zone_id = zone_id
models.Route53Backend.change_resource_record_sets = carry_out


def submit(account: str, result: dict[str, Any]) -> dict[str, Any]:
    """Makes the change of an answer pending, under an id of its own."""
    change = f"C{next(_numbers):020}"
    pending.add((account, change))
    result["ChangeInfo"] |= {"Id": f"/change/{change}", "Status": "PENDING"}
    timeline.after("route53.change.insync", f"change {change} in sync", lambda: pending.discard((account, change)))
    return result


@operation("route53", "CreateHostedZone")
def create_hosted_zone(call: Call) -> dict[str, Any]:
    key = (call.account, call.params["CallerReference"])
    if key in references:
        raise AwsError(
            "HostedZoneAlreadyExists",
            "A hosted zone has already been created with the specified caller reference.",
            409,
        )
    result = call.moto()
    references[key] = result["HostedZone"]["Id"]
    own_records(call.backend().get_hosted_zone(result["HostedZone"]["Id"]))
    return submit(call.account, result)


def own_records(zone: Any) -> None:
    """Gives a zone's own records their values, which moto leaves out."""
    servers = [f"{server.rstrip('.')}." for server in zone.delegation_set.name_servers]
    for record in zone.rrsets:
        record.name = zone.name
        if record.type == "NS":
            record.ttl, record.records = 172800, servers
        elif record.type == "SOA":
            record.ttl = 900
            record.records = [f"{servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"]


@operation("route53", "ChangeResourceRecordSets")
def change_resource_record_sets(call: Call) -> dict[str, Any]:
    """Each change is held against what those before it leave."""
    zone = call.backend().get_hosted_zone(call.params["HostedZoneId"])
    present = {key_of_present(each): members_of_present(each) for each in zone.rrsets}
    changes = call.params["ChangeBatch"]["Changes"]
    for change in changes:
        rules.check_form(change)
    problems: list[str] = []
    for change in changes:
        record = change["ResourceRecordSet"]
        key, deletes = key_of(record), change["Action"] == "DELETE"
        problems += problems_of(zone, change, present)
        if deletes:
            present.pop(key, None)
        else:
            problems += rules.wrong_values(record)
            present[key] = record
    if problems:
        raise rules.invalid_batch(problems)
    return submit(call.account, call.moto())


def problems_of(zone: Any, change: dict[str, Any], present: dict[tuple[str, str, str], dict[str, Any]]) -> list[str]:
    record, action = change["ResourceRecordSet"], change["Action"]
    name, key = name_of(record), key_of(record)
    set_identifier = f", set-identifier='{key[2]}'" if key[2] else ""
    what = f"resource record set [name='{name}', type='{record['Type']}'{set_identifier}]"
    if name != zone.name and not name.endswith("." + zone.name):
        return [f"RRSet with DNS name {name} is not permitted in zone {zone.name}"]
    if apex := rules.apex_problem(zone.name, change, name):
        return [apex]
    if action == "CREATE" and key in present:
        return [f"Tried to create {what} but it already exists"]
    if action == "DELETE":
        if key not in present:
            return [f"Tried to delete {what} but it was not found"]
        if value_of(present[key]) != value_of(record):
            return [f"Tried to delete {what} but the values provided do not match the current values"]
        return []
    conflicts = cname_conflicts(zone, name, record["Type"], set(present))
    if conflicts:
        return conflicts
    if rules.is_not_watched(record):
        return ["A non-alias primary ResourceRecordSet must have an associated health check."]
    others = [other for there, other in present.items() if there[:2] == key[:2] and there != key]
    clash = rules.clash(name, record, others)
    return [clash] if clash else []


def cname_conflicts(zone: Any, name: str, kind: str, present: set[tuple[str, str, str]]) -> list[str]:
    """A CNAME stands alone at its name, change by change. https://github.com/hashicorp/terraform/issues/6679"""
    others = {other for there, other, _ in present if there == name and other != kind}
    if kind == "CNAME" and others:
        return [
            f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the"
            f" same DNS name in zone {zone.name}"
        ]
    if "CNAME" in others:
        return [
            f"RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of type  CNAME"
            f" with the same DNS name already exists in zone {zone.name}"
        ]
    return []


# What a set of records is told apart by


def name_of(record: dict[str, Any]) -> str:
    return record["Name"].lower().rstrip(".") + "."


def key_of(record: dict[str, Any]) -> tuple[str, str, str]:
    return (name_of(record), record["Type"], record.get("SetIdentifier") or "")


def key_of_present(record: Any) -> tuple[str, str, str]:
    return (record.name, record.type, record.set_identifier or "")


# What it says


def value_of(record: dict[str, Any]) -> Any:
    """In a form that can be compared: its values, and who is answered with them."""
    routing = [str(record.get(member) or "").lower() for member in ROUTING]
    place = sorted((record.get("GeoLocation") or {}).items())
    alias = record.get("AliasTarget")
    if alias:
        evaluate = str(alias.get("EvaluateTargetHealth", False)).lower() == "true"
        return (alias["HostedZoneId"], alias["DNSName"].lower().rstrip("."), evaluate, routing, place)
    values = sorted(each["Value"] for each in record.get("ResourceRecords") or [])
    return (int(record.get("TTL") or 0), values, routing, place)


def members_of_present(record: Any) -> dict[str, Any]:
    return {
        "Name": record.name,
        "Type": record.type,
        "SetIdentifier": record.set_identifier,
        "AliasTarget": record.alias_target,
        "TTL": record.ttl,
        "ResourceRecords": record.resource_records,
        "Weight": record.weight,
        "Region": record.region,
        "Failover": record.failover,
        "MultiValueAnswer": record.multi_value_answer,
        "HealthCheckId": record.health_check_id,
        "GeoLocation": record.geo_location,
    }


@operation("route53", "GetChange")
def get_change(call: Call) -> dict[str, Any] | Answer:
    result = call.moto()
    change = call.params["Id"].removeprefix("/change/")
    result["ChangeInfo"]["Status"] = "PENDING" if (call.account, change) in pending else "INSYNC"
    return result
