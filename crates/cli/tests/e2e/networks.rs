//! Networks that change under what stands in them.

use crate::harness::Reference;

#[test]
fn a_stack_moves_to_another_network() {
    let mut reference = Reference::dev02_with_everything();
    reference.apply();
    reference.set("vpc_cidr", "10.7.0.0/16");
    reference
        .run("plan", &[])
        .exits(0)
        .says(["ec2.vpc.main, which it refers to, is replaced"]);
    let moved = reference.apply();
    for made in ["ec2.vpc.main", "elbv2.load_balancer.main", "elbv2.listener.http"] {
        moved.tells(&format!("{made}: created"));
    }
    let held = reference.project.held();
    assert_eq!(held.ids("ec2.vpc").len(), 1, "{held}");
    assert_eq!(held.ids("elbv2.load_balancer").len(), 1, "{held}");
    reference.differs_in_nothing();
    reference.applies_again_without_a_change();
    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}
