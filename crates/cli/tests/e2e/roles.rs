//! A profile's role counts with all that is said of it, and what comes before it is not taken for its fault.

use crate::connection::Asking;
use crate::credential_sources::credentials;
use crate::credentials::deploy;
use crate::harness::{ACCOUNT, Listener, Project, Run, answer, at_terminal, bare_command};

/// As [`credentials`], and says who asks.
fn signed_in(request: &str) -> String {
    match request {
        _ if request.contains("Action=GetCallerIdentity") => answer(
            "200 OK",
            "text/xml",
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/deploy/x</Arn>\
             <UserId>x</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        ),
        _ => credentials(request),
    }
}

#[test]
fn a_profiles_role_is_taken_for_as_long_as_it_says() {
    let asking = Asking::new();
    let listener = Listener::answering(&credentials);
    asking.write(
        ".aws/config",
        deploy!("duration_seconds = 7200\nexternal_id = partner\nrole_session_name = ann"),
    );
    let mut command = bare_command(asking.folder.path(), ["plan", "stack.toml"]);
    command
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_ENDPOINT_URL_STS", listener.url())
        .env("AWS_PROFILE", "deploy");
    Run::of(&mut command).exits(1);
    let taken = the_role_taken(&listener);
    for part in [
        "DurationSeconds=7200",
        "ExternalId=partner",
        "RoleSessionName=ann",
        "Credential=AKIAFAKEBASE/",
    ] {
        assert!(taken.contains(part), "{part}: {taken}");
    }
}

/// The one request for a role that there was.
#[track_caller]
fn the_role_taken(listener: &Listener) -> String {
    let mut taken = listener.asked();
    taken.retain(|request| request.contains("Action=AssumeRole"));
    assert_eq!(taken.len(), 1, "{taken:?}");
    taken.remove(0)
}

#[test]
fn a_code_is_asked_for_once_at_a_terminal() {
    let project = Project::sandbox();
    let stack = |name: &str| {
        format!(
            "[stack]\nname = \"{name}\"\nenvironment = \"test\"\nstage = \"one\"\nregion = \"us-east-1\"\n\
             [ec2.vpc.main]\ncidr_block = \"10.0.0.0/16\"\n"
        )
    };
    project.write("one.toml", &stack("one"));
    project.write("two.toml", &stack("two"));
    let device = "arn:aws:iam::123456789012:mfa/ann";
    project.write(
        ".aws/config",
        deploy!("mfa_serial = arn:aws:iam::123456789012:mfa/ann"),
    );
    let listener = Listener::answering(&signed_in);
    let mut command = project.command(["plan", "one.toml", "two.toml"]);
    command
        .env("AWS_ENDPOINT_URL_STS", listener.url())
        .env("AWS_PROFILE", "deploy");
    let seen = at_terminal(&project, &command, &[(device, "123456\n")]);
    assert_eq!(seen.code, 0, "{}", seen.text);
    let taken = the_role_taken(&listener);
    let serial = device.replace(':', "%3A").replace('/', "%2F");
    for part in ["TokenCode=123456", &format!("SerialNumber={serial}")] {
        assert!(taken.contains(part), "{part}: {taken}");
    }

    // What is no code is sent nowhere.
    let listener = Listener::answering(&signed_in);
    command.env("AWS_ENDPOINT_URL_STS", listener.url());
    let seen = at_terminal(&project, &command, &[(device, "12a456\n"), (device, "\n")]);
    assert_eq!(seen.code, 1, "{}", seen.text);
    assert!(seen.text.contains("a code has six digits"), "{}", seen.text);
    assert_eq!(listener.asked(), Vec::<String>::new());
}

#[test]
fn a_service_that_does_not_answer_is_told_with_what_set_its_address() {
    let asking = Asking::new();
    let stack = "[stack]\nname = \"one\"\nenvironment = \"test\"\nstage = \"one\"\nregion = \"us-east-1\"\n\
                 [lookup.ec2.vpc.there]\nid = \"vpc-0123456789abcdef0\"\n\
                 [ec2.subnet.a]\nvpc_id = \"${lookup.ec2.vpc.there.id}\"\ncidr_block = \"10.0.0.0/24\"\n";
    asking.write("stack.toml", stack);
    let listener = Listener::answering(&signed_in);
    let mut command = bare_command(asking.folder.path(), ["plan", "stack.toml"]);
    command
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_ENDPOINT_URL", listener.url())
        .env("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:9")
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "fake");
    Run::of(&mut command).exits(1).says([
        "no answer from 127.0.0.1:9 (AWS_ENDPOINT_URL_EC2)",
        "the address is that of AWS_ENDPOINT_URL_EC2",
    ]);
}

#[test]
fn credentials_that_fail_before_a_role_are_not_taken_for_the_roles_fault() {
    let asking = Asking::new();
    let stack = "[stack]\nname = \"one\"\nenvironment = \"test\"\nstage = \"one\"\nregion = \"us-east-1\"\n\
                 assume_role = \"arn:aws:iam::123456789012:role/deploy\"\n[ec2.vpc.main]\ncidr_block = \"10.0.0.0/16\"\n";
    asking.write("stack.toml", stack);
    let refused = |environment: &[(&str, &str)]| {
        let mut command = bare_command(asking.folder.path(), ["plan", "stack.toml"]);
        command
            .env("AWS_MAX_ATTEMPTS", "1")
            .envs(environment.iter().copied());
        Run::of(&mut command).exits(1)
    };
    let none = refused(&[]);
    none.tells("no AWS credentials were found");
    assert!(!none.stderr.contains("trust policy"), "{none}");
    let listener = Listener::refusing();
    let url = listener.url();
    refused(&[
        ("AWS_ENDPOINT_URL_STS", &url),
        ("AWS_ACCESS_KEY_ID", "AKIAFAKE"),
        ("AWS_SECRET_ACCESS_KEY", "fake"),
    ])
    .says(["role/deploy", "trust policy"]);
    assert!(!listener.asked().is_empty());
}
