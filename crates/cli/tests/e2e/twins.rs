//! Somebody else makes the very same a moment before a create call, and AWS answers with theirs: it is told, and left
//! alone.

use infra_sandbox::Twin;

use crate::harness::Reference;

/// Where AWS answers with what is there instead of a refusal.
const ANSWERED: [&str; 4] = [
    "ecs.CreateCluster",
    "elbv2.CreateListener",
    "elbv2.CreateLoadBalancer",
    "elbv2.CreateTargetGroup",
];

#[test]
fn what_aws_answers_with_is_not_taken_for_what_was_asked_for() {
    let mut reference = Reference::dev02();
    for operation in ANSWERED {
        reference.start_over();
        let twin = Twin {
            at: 1,
            ..Twin::of([operation])
        };
        reference.project.emulator().plant(&twin.into()).unwrap();
        let refusal = "exists already and was not made by this stack";
        reference.run("apply", &["-y"]).exits(1).says([refusal]);
        reference.run("apply", &["-y"]).exits(1).says([refusal]);
        let report = reference.project.emulator().clear_foreign().unwrap();
        assert_eq!(
            (report.planted.len(), report.touched),
            (1, 0),
            "{operation}: {report:?}"
        );
        reference.apply();
        reference.differs_in_nothing();
    }
}
