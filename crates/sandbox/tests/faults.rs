//! Faults on demand, over HTTP and through their Rust interface.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use infra_sandbox::{
    Faults, Kill, KillMoment, KillTarget, Sandbox, SandboxError, StartOptions, TemporarySandbox,
};

fn start(root: &tempfile::TempDir) -> TemporarySandbox {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let options = StartOptions {
        time_scale: Some(0.0),
        ..StartOptions::default()
    };
    TemporarySandbox::start(root.path(), Sandbox::new(project).venv(), &options).unwrap()
}

/// What came of a request: the status line's number and the rest, or how the connection ended.
type Outcome = Result<(u16, String), ErrorKind>;

fn request(sandbox: &TemporarySandbox, head: &str, body: &str) -> Outcome {
    let host = sandbox.running().endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "{head} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(|error| error.kind())?;
    match text.split_whitespace().nth(1) {
        Some(status) => Ok((status.parse().unwrap(), text)),
        None => Err(ErrorKind::UnexpectedEof),
    }
}

fn create_vpc(sandbox: &TemporarySandbox) -> Outcome {
    request(
        sandbox,
        "POST /",
        "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16",
    )
}

/// How many VPCs there are, the default one among them.
fn vpcs(sandbox: &TemporarySandbox) -> usize {
    let (status, text) = request(sandbox, "POST /", "Action=DescribeVpcs&Version=2016-11-15").unwrap();
    assert_eq!(status, 200);
    text.matches("<vpcId>").count()
}

#[test]
fn every_kind_of_fault_is_made_and_counted() {
    let root = tempfile::tempdir().unwrap();
    let sandbox = start(&root);
    let before = vpcs(&sandbox);
    let only = Faults {
        only: vec!["ec2.CreateVpc".to_owned()],
        time_out_seconds: 0.1,
        ..Faults::default()
    };
    let is_throttled =
        |outcome: &Outcome| matches!(outcome, Ok((503, text)) if text.contains("RequestLimitExceeded"));
    let is_server_error = |outcome: &Outcome| matches!(outcome, Ok((500 | 503, text)) if !text.contains("RequestLimitExceeded"));
    let is_reset = |outcome: &Outcome| matches!(outcome, Err(ErrorKind::ConnectionReset));
    let is_closed = |outcome: &Outcome| matches!(outcome, Err(ErrorKind::UnexpectedEof));
    // The kind, what the client sees, and how many VPCs it leaves, when that is certain.
    #[expect(clippy::type_complexity, reason = "the rows of a table")]
    let cases: [(&str, Faults, &dyn Fn(&Outcome) -> bool, Option<usize>); 5] = [
        (
            "throttled",
            Faults {
                throttled: 1.0,
                ..only.clone()
            },
            &is_throttled,
            Some(0),
        ),
        (
            "server_error",
            Faults {
                server_error: 1.0,
                ..only.clone()
            },
            &is_server_error,
            Some(0),
        ),
        (
            "reset",
            Faults {
                reset: 1.0,
                ..only.clone()
            },
            &is_reset,
            Some(0),
        ),
        (
            "lost_answer",
            Faults {
                lost_answer: 1.0,
                ..only.clone()
            },
            &is_reset,
            Some(1),
        ),
        (
            "time_out",
            Faults {
                time_out: 1.0,
                ..only.clone()
            },
            &is_closed,
            None,
        ),
    ];
    let mut left = before;
    for (kind, faults, expected, made) in cases {
        sandbox.set_faults(&faults).unwrap();
        let outcome = create_vpc(&sandbox);
        assert!(expected(&outcome), "{kind}: {outcome:?}");
        let now = vpcs(&sandbox);
        if let Some(made) = made {
            assert_eq!(now, left + made, "{kind}");
        }
        left = now;
        let report = sandbox.faults().unwrap();
        assert_eq!(report.setup.as_ref(), Some(&faults));
        assert_eq!((report.injected[kind], report.injected_total()), (1, 1), "{kind}");
        assert_eq!(report.operations["ec2.CreateVpc"][kind], 1);
        assert_eq!((report.requests, report.mutating), (2, 1));
    }
    let report = sandbox.clear_faults().unwrap();
    assert_eq!(report.injected["time_out"], 1);
    assert!(matches!(create_vpc(&sandbox), Ok((200, _))));
    assert_eq!(sandbox.faults().unwrap().setup, None);

    let asked = sandbox.requests().unwrap();
    let faults: Vec<&str> = asked.mutating.iter().map(|each| each.fault.as_str()).collect();
    assert_eq!(
        faults,
        [
            "throttled",
            "server_error",
            "reset",
            "lost_answer",
            "time_out",
            ""
        ]
    );
}

#[test]
fn the_registry_meets_faults_too() {
    let root = tempfile::tempdir().unwrap();
    let sandbox = start(&root);
    // Without an AWS signature, it is the registry that is asked.
    let ask = || {
        let host = sandbox.running().endpoint.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET /v2/ HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
        let mut text = String::new();
        let ended = stream.read_to_string(&mut text).map_err(|error| error.kind());
        ended.map(|_| text.split_whitespace().nth(1).map(str::to_owned))
    };
    let status = |number: &str| Ok(Some(number.to_owned()));
    let cases = [
        (Faults::default(), status("401")),
        (
            Faults {
                throttled: 1.0,
                ..Faults::default()
            },
            status("429"),
        ),
        (
            Faults {
                server_error: 1.0,
                ..Faults::default()
            },
            status("503"),
        ),
        (
            Faults {
                reset: 1.0,
                ..Faults::default()
            },
            Err(ErrorKind::ConnectionReset),
        ),
    ];
    for (faults, expected) in cases {
        sandbox.set_faults(&faults).unwrap();
        assert_eq!(ask(), expected, "{faults:?}");
    }
    assert_eq!(
        sandbox.faults().unwrap().operations["registry.GetBase"]["reset"],
        1
    );
}

/// A process that is gone when the test is, whatever happens.
struct Bystander(Child);

impl Drop for Bystander {
    fn drop(&mut self) {
        // It may have been killed already, which is what the test is about.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bystander() -> Bystander {
    let child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn();
    Bystander(child.unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_is_killed_at_a_request_that_changes_something() {
    use std::os::unix::process::ExitStatusExt;

    let root = tempfile::tempdir().unwrap();
    let sandbox = start(&root);
    for (when, made) in [(KillMoment::Before, 0), (KillMoment::After, 1)] {
        let mut process = bystander();
        let before = vpcs(&sandbox);
        let kill = Kill {
            pid: KillTarget::Pid(process.0.id()),
            at_mutating: 2,
            when,
        };
        sandbox.set_faults(&Faults::from(kill)).unwrap();
        assert!(matches!(create_vpc(&sandbox), Ok((200, _))));
        assert!(!sandbox.faults().unwrap().kill.unwrap().killed);
        assert_eq!(create_vpc(&sandbox), Err(ErrorKind::ConnectionReset));
        assert_eq!(process.0.wait().unwrap().signal(), Some(9));
        assert_eq!(vpcs(&sandbox), before + 1 + made, "{when:?}");
        let report = sandbox.faults().unwrap();
        assert_eq!(report.mutating, 2);
        let killed = report.kill.unwrap();
        assert_eq!((killed.killed, killed.pid), (true, Some(process.0.id())));
        assert_eq!(killed.operation, "ec2.CreateVpc");
    }
}

#[test]
fn a_set_up_that_cannot_be_is_refused_and_a_reset_ends_what_is_set_up() {
    let root = tempfile::tempdir().unwrap();
    let sandbox = start(&root);
    let storm = Faults {
        reset: 0.5,
        ..Faults::default()
    };
    sandbox.set_faults(&storm).unwrap();
    let wrong = Faults {
        throttled: 0.75,
        reset: 0.75,
        ..Faults::default()
    };
    match sandbox.set_faults(&wrong) {
        Err(SandboxError::Answer {
            status: 400, body, ..
        }) => assert!(body.contains("1.5"), "{body}"),
        other => unreachable!("{other:?}"),
    }
    assert_eq!(sandbox.faults().unwrap().setup, Some(storm));
    sandbox.reset().unwrap();
    assert_eq!(sandbox.faults().unwrap().setup, None);
}
