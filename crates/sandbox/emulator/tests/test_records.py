"""Record sets of Route 53: which of them a change is about."""

from support import SandboxTest


class Records(SandboxTest):
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
