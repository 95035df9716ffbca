//! Records of one zone: what takes a name comes by the same change as what leaves it, so that the name is always there.

use infra_sandbox::{Faults, Kill};
use serde_json::{Value, json};

use crate::harness::Project;
use crate::order::{FILE, STACK, Shop};

fn zone(project: &Project) -> String {
    let made = project.boto3(
        &json!({}),
        "made = client('route53').create_hosted_zone(Name='example.com', CallerReference='1')\n\
         result = made['HostedZone']['Id'].rsplit('/', 1)[-1]",
    );
    made.as_str().unwrap().to_owned()
}

fn with_zone() -> (Shop, String) {
    let project = Project::sandbox();
    let zone = zone(&project);
    let before = STACK.to_owned();
    (Shop { project, before }, zone)
}

fn record(zone: &str, address: &str, name: &str, kind: &str, value: &str, more: &str) -> String {
    format!(
        r#"
[route53.record.{address}]
hosted_zone_id   = "{zone}"
name             = "{name}.example.com"
type             = "{kind}"
ttl              = 60
resource_records = ["{value}"]
{more}
"#
    )
}

#[test]
fn a_cname_and_other_records_take_each_others_name() {
    let (shop, zone) = with_zone();
    let cname = record(&zone, "old", "www", "CNAME", "shop.example.net", "");
    let addresses = record(&zone, "four", "www", "A", "192.0.2.10", "")
        + &record(&zone, "six", "www", "AAAA", "2001:db8::10", "");
    shop.becomes(&cname);
    shop.becomes(&addresses);
    shop.becomes(&cname);
    // At one address.
    shop.becomes(&record(&zone, "old", "www", "A", "192.0.2.10", ""));
    shop.becomes(&cname);
    shop.cannot_be(
        &format!("{cname}{addresses}"),
        &["route53.record.old and route53.record.four", "www.example.com"],
    );
    shop.ends();
}

#[test]
fn records_of_one_name_change_how_one_of_them_is_chosen() {
    let (shop, zone) = with_zone();
    let one = record(&zone, "one", "www", "A", "192.0.2.10", "");
    let weighted = |address: &str, value: &str| {
        let more = format!("set_identifier = \"{address}\"\nweight = 1");
        record(&zone, address, "www", "A", value, &more)
    };
    let two = weighted("blue", "192.0.2.20") + &weighted("green", "192.0.2.30");
    shop.becomes(&one);
    shop.becomes(&two);
    // What is not part of its name is changed in place.
    shop.becomes(&two.replace("weight = 1", "weight = 2"))
        .says(["2 to change, 0 to replace, 0 to delete"]);
    shop.cannot_be(
        &format!("{one}{two}"),
        &["cannot exist side by side", "www.example.com"],
    );
    shop.becomes(&one);
    shop.ends();
}

#[test]
fn two_records_for_one_region_and_two_primaries_are_told_before_anything_is_asked() {
    let (shop, zone) = with_zone();
    let chosen = |address: &str, how: &str| {
        let more = format!("set_identifier = \"{address}\"\n{how}");
        record(&zone, address, "www", "A", "192.0.2.40", &more)
    };
    let two = |how: &str| chosen("blue", how) + &chosen("green", how);
    let both = "route53.record.green and route53.record.blue cannot exist side by side";
    shop.cannot_be(&two("region = \"us-east-1\""), &[both, "region us-east-1"]);
    shop.cannot_be(
        &two(&format!("failover = \"PRIMARY\"\n{CHECK}")),
        &[both, "failover PRIMARY"],
    );
    // AWS takes none of these either.
    for (kind, value, said) in [
        ("TXT", "\\\"a\\\"b\\\"", "must be in quotation marks"),
        (
            "CAA",
            "issue \\\"ca.example.net\\\"",
            "is no flags, tag and value",
        ),
    ] {
        shop.cannot_be(&record(&zone, "one", "www", kind, value, ""), &[said]);
    }
    let looked_up = "\n[lookup.route53.hosted_zone.main]\nname = \"example.com\"\n";
    let id = "${lookup.route53.hosted_zone.main.id}";
    let apex =
        record(id, "one", "www", "CNAME", "other.example.net", "").replace("www.example.com", "example.com");
    shop.cannot_be(
        &format!("{looked_up}{apex}"),
        &["`example.com` is the zone itself"],
    );
    let outside =
        record(id, "one", "www", "A", "192.0.2.1", "").replace("www.example.com", "www.example.org");
    shop.cannot_be(
        &format!("{looked_up}{outside}"),
        &["`www.example.org` is not in the zone `example.com`"],
    );
    shop.ends();
}

/// What tells whether a primary record with values is healthy.
const CHECK: &str = "health_check_id = \"11111111-2222-3333-4444-555555555555\"";

/// From what to what the records of a zone go, by one change each.
fn journeys(zone: &str) -> Vec<(&'static str, String, String)> {
    let record =
        |address: &str, name: &str, kind: &str, value: &str| record(zone, address, name, kind, value, "");
    let weighted = |address: &str, value: &str| {
        let more = format!("set_identifier = \"{address}\"\nweight = 1");
        self::record(zone, address, "www", "A", value, &more)
    };
    let cname = record("old", "www", "CNAME", "shop.example.net");
    let addresses = record("four", "www", "A", "192.0.2.10") + &record("six", "www", "AAAA", "2001:db8::10");
    let simple = record("one", "www", "A", "192.0.2.10");
    let two = weighted("blue", "192.0.2.20") + &weighted("green", "192.0.2.30");
    let chosen = |address: &str, how: &str| {
        let more = format!("set_identifier = \"{address}\"\n{how}");
        self::record(zone, address, "www", "A", "192.0.2.40", &more)
    };
    let first = |address: &str| chosen(address, &format!("failover = \"PRIMARY\"\n{CHECK}"));
    let second = |address: &str| chosen(address, "failover = \"SECONDARY\"");
    let in_region = |address: &str, region: &str| chosen(address, &format!("region = \"{region}\""));
    let weights = |numbers: &[u8]| -> String {
        let names = ["blue", "green", "red"].iter().zip(numbers);
        names
            .map(|(name, weight)| chosen(name, &format!("weight = {weight}")))
            .collect()
    };
    let places = |left: &str, right: &str| {
        record("left", left, "A", "192.0.2.1") + &record("right", right, "A", "192.0.2.2")
    };
    vec![
        ("a CNAME to addresses", cname.clone(), addresses.clone()),
        ("addresses to a CNAME", addresses, cname.clone()),
        (
            "another kind at one address",
            cname,
            record("old", "www", "A", "192.0.2.10"),
        ),
        ("one to several", simple.clone(), two.clone()),
        ("several to one", two, simple.clone()),
        (
            "another address of the file",
            simple,
            record("two", "www", "A", "192.0.2.11"),
        ),
        ("two change places", places("a", "b"), places("b", "a")),
        (
            "the second becomes the first",
            first("blue") + &second("green"),
            first("green"),
        ),
        (
            "the first and the second change places",
            first("blue") + &second("green"),
            second("blue") + &first("green"),
        ),
        (
            "another one for a region",
            in_region("blue", "us-east-1"),
            in_region("green", "us-east-1"),
        ),
        (
            "one moves on to another region",
            in_region("blue", "us-east-1"),
            in_region("blue", "eu-west-1") + &in_region("green", "us-east-1"),
        ),
        (
            "weights to regions",
            weights(&[100, 0]),
            in_region("blue", "us-east-1") + &in_region("green", "eu-west-1"),
        ),
        (
            "weights to several that answer together",
            weights(&[1, 1, 1]),
            ["blue", "green", "red"]
                .map(|name| chosen(name, "multi_value_answer = true"))
                .concat(),
        ),
    ]
}

/// What the zone has, but for its own records: type, name and values of each, and how it is chosen.
fn records(shop: &Shop) -> Value {
    shop.ask(
        "made = client('route53')\n\
         zone = made.list_hosted_zones()['HostedZones'][0]['Id']\n\
         all = made.list_resource_record_sets(HostedZoneId=zone)['ResourceRecordSets']\n\
         result = sorted([each['Type'], each['Name'], each.get('SetIdentifier', ''), each['ResourceRecords'][0]['Value'],\n    \
             str([each.get(how) for how in ('Weight', 'Region', 'Failover', 'MultiValueAnswer')])]\n    \
             for each in all if each['Type'] not in ('NS', 'SOA'))",
    )
}

const CHANGE: &str = "route53.ChangeResourceRecordSets";

#[test]
fn a_record_that_takes_a_name_comes_by_the_change_by_which_the_other_goes() {
    let (shop, zone) = with_zone();
    for (what, from, to) in journeys(&zone) {
        shop.becomes(&from);
        shop.project.forget_requests();
        let applied = shop.becomes(&to);
        assert!(applied.stdout.contains("in one call"), "{what}: {applied}");
        let asked = shop.project.requests();
        assert_eq!(asked.counts.get(CHANGE), Some(&1), "{what}: {:?}", asked.mutating);
    }
    // One that is replaced as it is.
    let same = record(&zone, "same", "same", "A", "192.0.2.1", "");
    shop.becomes(&same);
    shop.project.forget_requests();
    let replace = ["-y", "--replace", "route53.record.same"];
    shop.project.stack("apply", FILE, &replace).exits(0);
    assert_eq!(shop.project.requests().counts.get(CHANGE), Some(&1));
    shop.project.stack("diff", FILE, &[]).exits(0);
    shop.ends();
}

#[test]
fn a_change_of_records_that_fails_leaves_the_name_as_it_was() {
    let (shop, zone) = with_zone();
    let only = vec![CHANGE.to_owned()];
    let faults = |server_error, lost_answer| Faults {
        server_error,
        lost_answer,
        only: only.clone(),
        ..Faults::default()
    };
    for (number, (what, from, to)) in journeys(&zone).into_iter().enumerate() {
        shop.becomes(&from);
        let before = records(&shop);
        let emulator = shop.project.emulator();
        if number % 3 == 0 {
            emulator.set_faults(&faults(1.0, 0.0)).unwrap();
            shop.apply(&to).exits(1);
            assert_eq!(records(&shop), before, "{what}");
        }
        // It is done, and nobody is told.
        emulator.set_faults(&faults(0.0, 1.0)).unwrap();
        shop.apply(&to).exits(0);
        emulator.set_faults(&Faults::default()).unwrap();
        shop.project.stack("diff", FILE, &[]).exits(0);
        assert_ne!(records(&shop), before, "{what}");
    }
    shop.ends();
}

#[test]
fn killed_at_a_change_of_records_the_next_run_goes_on() {
    let (shop, zone) = with_zone();
    for (what, from, to) in journeys(&zone) {
        shop.becomes(&from);
        let before = records(&shop);
        shop.becomes(&to);
        let after = records(&shop);
        for (kill, is_done) in [(Kill::peer_before(1), false), (Kill::peer_after(1), true)] {
            shop.becomes(&from);
            shop.project.emulator().set_faults(&Faults::from(kill)).unwrap();
            let killed = shop.apply(&to);
            assert_eq!(killed.code, None, "{what}: {killed}");
            shop.project.emulator().set_faults(&Faults::default()).unwrap();
            assert_eq!(
                records(&shop),
                if is_done { after.clone() } else { before.clone() },
                "{what}"
            );
            shop.becomes(&to);
            assert_eq!(records(&shop), after, "{what}");
        }
    }
    shop.ends();
}
