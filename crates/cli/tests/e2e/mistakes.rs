//! Mistakes in stack files: all at once, each with its place, and before AWS is asked anything.

use crate::harness::Project;

struct Case {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// For each mistake the place `file:line:column`, and words of the message.
    mistakes: &'static [(&'static str, &'static str)],
}

const HEAD: &str = r#"[stack]
name = "wrong"
environment = "test"
stage = "one"
region = "us-east-1"
allowed_account_ids = ["123456789012"]
"#;

/// Line 7 is the first of the case's own file.
const CASES: &[Case] = &[
    Case {
        name: "many mistakes in one file",
        files: &[(
            "stacks/wrong.toml",
            r#"[ec2.vpc.main]
cidr_blok = "10.0.0.0/16"
enable_dns_support = "maybe"

[ec2.subnet.bad]
vpc_id = "${ec2.vpc.mian.id}"
cidr_block = "10.0.1.0/33"

[ec2.vpc.other]
cidr_block = "10.1.0.0/16"

[ec2.subnet.one]
vpc_id = "${ec2.vpc.other.id}"
cidr_block = "10.1.0.0/24"

[ec2.subnet.two]
vpc_id = "${ec2.vpc.other.id}"
cidr_block = "10.1.0.128/25"

[logs.log_group.a]
log_group_name = "${logs.log_group.b.arn}"

[logs.log_group.b]
log_group_name = "${logs.log_group.a.arn}"

[elbv2.target_group.app]
name = "a-name-that-is-longer-than-thirty-two-characters"
target_type = "ip"
protocol = "HTTP"
port = 8080
vpc_id = "${ec2.vpc.other.id}"

[ecs.task_definition.app]
family = "app"
requires_compatibilities = ["FARGATE"]
network_mode = "awsvpc"
cpu = 256
memory = 16384
container_definitions = [{ name = "app", image = "nginx", essential = true }]

[logs.log_group.each]
for_each = ["x", "x"]
log_group_name = "/${each.value}"
"#,
        )],
        mistakes: &[
            ("stacks/wrong.toml:7:1", "needs `cidr_block`"),
            ("stacks/wrong.toml:8:1", "did you mean `cidr_block`"),
            ("stacks/wrong.toml:9:22", "true or false"),
            ("stacks/wrong.toml:12:21", "ec2.vpc.mian"),
            ("stacks/wrong.toml:13:14", "10.0.1.0/33"),
            ("stacks/wrong.toml:24:14", "overlap"),
            ("stacks/wrong.toml:27:21", "logs.log_group.a -> logs.log_group.b"),
            ("stacks/wrong.toml:33:8", "1 to 32"),
            ("stacks/wrong.toml:44:10", "512, 1024 or 2048"),
            ("stacks/wrong.toml:48:18", "the key `x` twice"),
        ],
    },
    Case {
        name: "an address twice",
        files: &[(
            "stacks/wrong.toml",
            "[logs.log_group.a]\nlog_group_name = \"/a\"\n\n[logs.log_group.a]\nlog_group_name = \"/b\"\n",
        )],
        mistakes: &[("stacks/wrong.toml:10:", "declared twice")],
    },
    Case {
        name: "no TOML",
        files: &[("stacks/wrong.toml", "[logs.log_group.a]\nlog_group_name = \n")],
        mistakes: &[("stacks/wrong.toml:8:18", "not TOML")],
    },
    Case {
        name: "files that include each other",
        files: &[
            ("stacks/wrong.toml", ""),
            ("stacks/one.toml", "include = [\"two.toml\"]\n"),
            ("stacks/two.toml", "include = [\"one.toml\"]\n"),
        ],
        mistakes: &[("stacks/two.toml:1:12", "include each other")],
    },
    Case {
        name: "what a service was called before",
        files: &[(
            "stacks/wrong.toml",
            r#"[autoscaling.scalable_target.app]
min_capacity = 1

[logs.log_group.a]
log_group_name = "${autoscaling.scalable_target.app.resource_id}"
"#,
        )],
        mistakes: &[("stacks/wrong.toml:7:2", "did you mean `applicationautoscaling`?")],
    },
];

#[test]
fn all_mistakes_are_told_at_once_and_nothing_is_asked() {
    // Carets are drawn with better characters where the terminal has them.
    let project = Project::sandbox().env("LANG", "C");
    project.forget_requests();
    let mut wrong = Vec::new();
    for case in CASES {
        for (path, text) in case.files {
            let text = match *path {
                // An include has to stand before the first table.
                "stacks/wrong.toml" if text.is_empty() => format!("include = [\"one.toml\"]\n{HEAD}"),
                "stacks/wrong.toml" => format!("{HEAD}{text}"),
                _ => (*text).to_owned(),
            };
            project.write(path, &text);
        }
        for command in ["validate", "apply"] {
            let more: &[&str] = if command == "apply" { &["-y"] } else { &[] };
            let run = project.stack(command, "stacks/wrong.toml", more).exits(65);
            // Each mistake is a paragraph: message, place, the line with a caret.
            let paragraphs: Vec<&str> = run.stderr.split("\n\n").collect();
            for (place, words) in case.mistakes {
                let told = paragraphs.iter().any(|paragraph| {
                    paragraph.contains(place) && paragraph.contains(words) && paragraph.contains('^')
                });
                if !told {
                    wrong.push(format!(
                        "{}: {place} {words:?} is not in what `{command}` said",
                        case.name
                    ));
                }
            }
            if command == "validate" && !wrong.is_empty() {
                wrong.push(run.stderr.clone());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(project.requests().total, 0);
}

#[test]
fn a_file_without_a_mistake_needs_no_cloud() {
    let project = Project::sandbox();
    for path in ["stacks", "examples/app/image"] {
        project.copy(path);
    }
    project.forget_requests();
    project
        .infra([
            "validate",
            "stacks/dev02-us-east-1.toml",
            "stacks/prod01-eu-west-1.toml",
        ])
        .exits(0);
    assert_eq!(project.requests().total, 0);
}
