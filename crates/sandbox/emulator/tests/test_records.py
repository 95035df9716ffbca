"""Record sets of Route 53: which of them a change is about."""

from support import SandboxTest


class RecordTest(SandboxTest):
    def setUp(self):
        super().setUp()
        zone = self.route53.create_hosted_zone(Name="example.com", CallerReference=self.account)
        self.zone = zone["HostedZone"]["Id"]

    def change(self, *changes):
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
        self.route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)

    def refused_change(self, *changes):
        self.refused("InvalidChangeBatch", lambda: self.change(*changes))

    def present(self):
        found = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return [
            (each["Name"].split(".")[0], each["Type"], each.get("SetIdentifier"))
            for each in found
            if each["Type"] not in ("NS", "SOA")
        ]

    def record(self, name, kind="A", identifier=None, value="192.0.2.1", **more):
        values = [{"Value": value}]
        record = {"Name": f"{name}.example.com", "Type": kind, "TTL": 60, "ResourceRecords": values} | more
        return record | ({"SetIdentifier": identifier, "Weight": 1} if identifier else {})


class Records(RecordTest):
    def test_a_set_goes_by_its_name_type_and_identifier(self):
        weighted = [self.record(name, identifier=of) for name in ("a", "b") for of in ("x", "y")]
        text = self.record("b", "TXT", "x", '"text"')
        self.change(*(("CREATE", each) for each in [*weighted, text, self.record("c")]))
        self.change(("DELETE", self.record("a", identifier="x")))
        left = [("a", "A", "y"), ("b", "A", "x"), ("b", "A", "y"), ("b", "TXT", "x"), ("c", "A", None)]
        self.assertEqual(sorted(self.present(), key=str), left)
        missing = [
            self.record("a", identifier="x"),
            self.record("c", identifier="x"),
            self.record("a", "AAAA", "y", "2001:db8::1"),
            self.record("a"),
            self.record("c", value="192.0.2.2"),
            self.record("c", TTL=61),
            self.record("a", identifier="y") | {"Weight": 2},
        ]
        for record in missing:
            with self.subTest(record):
                self.refused_change(("DELETE", record))
        # All of a batch is done, or nothing.
        gone = ("DELETE", self.record("c"))
        self.refused_change(gone, ("DELETE", missing[0]))
        self.assertEqual(sorted(self.present(), key=str), left)

    def test_one_batch_makes_what_it_deletes_anew_and_the_other_way_round(self):
        old, new = self.record("a", identifier="x"), self.record("a", identifier="x", value="192.0.2.9")
        self.change(("CREATE", old), ("DELETE", old), ("CREATE", new))
        self.change(("DELETE", new), ("CREATE", old))
        self.assertEqual(self.present(), [("a", "A", "x")])
        self.change(("DELETE", old | {"Name": "A.EXAMPLE.com."}))
        self.assertEqual(self.present(), [])


class Routing(RecordTest):
    """How Route 53 chooses among records of one name and type."""

    def of(self, identifier, value="192.0.2.1", **policy):
        return self.record("a", value=value, **({"SetIdentifier": identifier} if identifier else {}), **policy)

    def says(self, said, *changes):
        self.assertIn(said, self.refused("InvalidChangeBatch", lambda: self.change(*changes)))

    def test_records_of_one_name_and_type_are_chosen_from_in_one_way(self):
        simple, weighted = self.of(None), self.of("w", Weight=1)
        others = [
            (self.of("r", Region="us-east-1"), "a non-latency RRSet"),
            (self.of("f", Failover="SECONDARY"), "a non-failover RRSet"),
            (self.of("g", GeoLocation={"CountryCode": "*"}), "a non-geolocation RRSet"),
            (self.of("m", MultiValueAnswer=True), "a non multivalue answer rrset exists"),
        ]
        for other, said in others:
            self.change(("CREATE", weighted))
            self.says(said, ("CREATE", other))
            self.says("cannot be created as other RRSets exist with the same name and type", ("CREATE", simple))
            self.change(("DELETE", weighted), ("CREATE", other))
            self.says("SetIdentifier w cannot be created as a non-weighted set exists", ("CREATE", weighted))
            self.change(("DELETE", other), ("CREATE", simple))
            self.says(said, ("CREATE", other))
            self.change(("DELETE", simple))
        self.change(("CREATE", weighted), ("CREATE", self.of("v", Weight=1)))

    def test_a_region_and_each_half_of_a_failover_are_there_once(self):
        check = {"HealthCheckId": "11111111-2222-3333-4444-555555555555"}
        pairs = [
            (lambda name: self.of(name, Region="us-east-1"), "a latency RRSet with the same name, type and region"),
            (lambda name: self.of(name, Failover="PRIMARY", **check), "a failover RRSet with the same name, type"),
            (lambda name: self.of(name, GeoLocation={"CountryCode": "DE"}), "a geolocation RRSet with the same name"),
        ]
        for record, said in pairs:
            one, two = record("one"), record("two")
            self.change(("CREATE", one))
            self.says(said, ("CREATE", two))
            # Changes count in their order.
            self.says(said, ("UPSERT", two), ("DELETE", one))
            self.change(("DELETE", one), ("CREATE", two))
            self.change(("UPSERT", two))
            self.change(("DELETE", two))
        first, second = self.of("one", Failover="PRIMARY", **check), self.of("two", Failover="SECONDARY")
        self.change(("CREATE", first), ("CREATE", second))
        turned = (first | {"Failover": "SECONDARY"}, second | {"Failover": "PRIMARY"} | check)
        self.says("already exists", *(("UPSERT", each) for each in turned))
        self.change(("DELETE", first), ("DELETE", second), *(("CREATE", each) for each in turned))

    def test_what_fails_over_is_watched_and_a_set_has_one_policy(self):
        self.says("must have an associated health check", ("CREATE", self.of("one", Failover="PRIMARY")))
        for record in (self.of("one"), self.of(None, Weight=1), self.of("one", Weight=1, Region="us-east-1")):
            self.refused("InvalidInput", lambda record=record: self.change(("CREATE", record)))

    def test_values_are_in_the_form_of_their_type(self):
        long = "x" * 255
        for kind, value, said in [
            ("TXT", f'"{long}y"', "CharacterStringTooLong (Value is too long)"),
            ("TXT", '"a"b"', "InvalidCharacterString (Value should be enclosed in quotation marks)"),
            ("TXT", "a", "InvalidCharacterString"),
            ("SPF", '"a', "InvalidCharacterString"),
            ("CAA", 'issue "ca.example.net"', "CAA"),
            ("CAA", '256 issue "ca.example.net"', "CAA"),
            ("CAA", "0 issue ca.example.net", "CAA"),
            ("A", "192.0.2", "ARRDATAIllegalIPv4Address"),
            ("AAAA", "192.0.2.1", "IPv6"),
            ("MX", "mail.example.com", "MXRRDATANotTwoFields"),
            ("CNAME", "a b", "CNAMERRDATANotSingleField"),
        ]:
            with self.subTest(value):
                self.says(said, ("CREATE", self.record("v", kind, value=value)))
        good = [f'"{long}" "{long}"', '"a \\"b\\" c"', '"\\303\\244"' + f' "{"x" * 254}' + '\\344"']
        for number, value in enumerate(good):
            self.change(("CREATE", self.record(f"t{number}", "TXT", value=value)))
        self.change(("CREATE", self.record("v", "CAA", value='0 issue "ca.example.net"')))

    def test_a_zone_keeps_records_of_its_own(self):
        found = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        own = {each["Type"]: each for each in found}
        self.assertEqual({each["Name"] for each in found}, {"example.com."})
        servers = [each["Value"] for each in own["NS"]["ResourceRecords"]]
        self.assertEqual(len(servers), 4)
        self.assertTrue(all(each.endswith(".") for each in servers))
        soa = own["SOA"]["ResourceRecords"][0]["Value"]
        self.assertEqual(soa, f"{servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400")
        self.assertEqual((own["NS"]["TTL"], own["SOA"]["TTL"]), (172800, 900))
        self.says("must contain exactly one SOA record", ("DELETE", own["SOA"]))
        self.says("at least one NS record", ("DELETE", own["NS"]))
        cname = self.record("a", "CNAME", value="other.example.net") | {"Name": "example.com"}
        self.says("is not permitted at apex in zone example.com.", ("CREATE", cname))
