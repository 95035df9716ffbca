//! What breaks is done again, up to a bound; what is refused is not.

use super::*;

#[tokio::test]
async fn what_breaks_is_done_again() {
    struct Case {
        name: &'static str,
        behaviour: Behaviour,
        faults: Vec<(&'static str, &'static str, Fault)>,
        /// How many bytes more than the image go out at least and at most.
        again: std::ops::RangeInclusive<u64>,
        retries: usize,
    }
    let plain = Behaviour::default;
    let break_at = |bytes| ("PATCH", "/uploads/", Fault::BreakAfter(bytes));
    let whole = 3_000_000..=3_300_000;
    let cases = [
        Case {
            name: "a broken upload goes on where it broke",
            behaviour: plain(),
            faults: vec![break_at(2_900_000)],
            again: 0..=200_000,
            retries: 1,
        },
        Case {
            name: "and with relative Locations",
            behaviour: Behaviour {
                relative_locations: true,
                ..plain()
            },
            faults: vec![break_at(2_900_000)],
            again: 0..=200_000,
            retries: 1,
        },
        Case {
            name: "and breaks again",
            behaviour: plain(),
            faults: vec![break_at(1_000_000), break_at(1_000_000)],
            again: 0..=3_100_000,
            retries: 2,
        },
        Case {
            name: "a registry that does not tell how far it got gets it all again",
            behaviour: Behaviour {
                no_status: true,
                ..plain()
            },
            faults: vec![break_at(2_900_000)],
            again: 2_000_000..=3_300_000,
            retries: 1,
        },
        Case {
            name: "a registry that tells an old place gets it all again",
            behaviour: Behaviour {
                stale_status: Some(1_000_000),
                ..plain()
            },
            faults: vec![break_at(2_900_000)],
            again: 2_900_000..=6_000_000,
            retries: 2,
        },
        Case {
            name: "the answer to a PATCH is lost",
            behaviour: plain(),
            faults: vec![("PATCH", "/uploads/", Fault::LoseAnswer)],
            again: 0..=0,
            retries: 1,
        },
        Case {
            name: "the answer to the last PUT of a blob is lost",
            behaviour: plain(),
            faults: vec![("PUT", "/uploads/", Fault::LoseAnswer)],
            again: 0..=0,
            retries: 1,
        },
        Case {
            name: "5xx at the beginning of an upload",
            behaviour: plain(),
            faults: vec![
                ("POST", "/uploads/", Fault::Refuse(503, "", "")),
                ("POST", "/uploads/", Fault::LoseAnswer),
                (
                    "POST",
                    "/uploads/",
                    Fault::Refuse(429, "TOOMANYREQUESTS", "slow down"),
                ),
            ],
            again: 0..=0,
            retries: 0,
        },
        Case {
            name: "5xx in the middle of an upload",
            behaviour: plain(),
            faults: vec![("PATCH", "/uploads/", Fault::Refuse(500, "UNKNOWN", "oops"))],
            again: 0..=3_300_000,
            retries: 1,
        },
        Case {
            name: "an upload that is forgotten begins again",
            behaviour: plain(),
            faults: vec![(
                "PATCH",
                "/uploads/",
                Fault::Refuse(404, "BLOB_UPLOAD_UNKNOWN", "who?"),
            )],
            again: 0..=*whole.end(),
            retries: 1,
        },
        Case {
            name: "HEAD and manifests",
            behaviour: plain(),
            faults: vec![
                ("HEAD", "/manifests/", Fault::Refuse(502, "", "")),
                ("HEAD", "/blobs/", Fault::LoseAnswer),
                ("PUT", "/manifests/", Fault::LoseAnswer),
                ("PUT", "/manifests/", Fault::Refuse(500, "", "")),
            ],
            again: 0..=0,
            retries: 0,
        },
    ];
    let image = image().await;
    for case in cases {
        let double = Double::start(case.behaviour).await;
        for (method, path, fault) in case.faults {
            double.fault(method, path, fault);
        }
        let recorder = Recorder::default();
        let report = push_with(&client(&double, None), &image, &["v1"], &recorder).await;
        let report = report.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(double.faults_left(), 0, "{}", case.name);
        assert_complete(&double, &image, "v1");
        assert_eq!(report.blobs_sent, 3, "{}", case.name);
        let again = report.bytes_sent - image.size_bytes();
        assert!(
            case.again.contains(&again),
            "{}: {again} bytes were sent again",
            case.name
        );
        assert_eq!(
            recorder.retries(),
            case.retries,
            "{}: {:?}",
            case.name,
            double.take_log()
        );
    }
}

#[tokio::test]
async fn retries_end() {
    let image = image().await;
    for (method, path) in [
        ("HEAD", "/manifests/"),
        ("POST", "/uploads/"),
        ("PATCH", "/uploads/"),
    ] {
        let double = Double::start(Behaviour::default()).await;
        for _ in 0..20 {
            double.fault(method, path, Fault::Refuse(500, "UNKNOWN", "broken for good"));
        }
        let error = push(&client(&double, None), &image, &["v1"]).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        assert_eq!(error.status(), Some(500));
        // The answer to a HEAD has no body.
        assert!(
            method == "HEAD" || error.to_string().contains("UNKNOWN: broken for good"),
            "{error}"
        );
        let asked = double
            .take_log()
            .iter()
            .filter(|line| line.starts_with(method) && line.contains(path))
            .count();
        // Of the other blobs some may have been under way too, each with at most four attempts.
        assert!((4..=12).contains(&asked), "{method}: {asked} times");
        assert_eq!(double.manifest("team/app", "v1"), None);
    }
}

#[tokio::test]
async fn an_upload_that_stands_still_is_given_up() {
    let double = Double::start(Behaviour::default()).await;
    for _ in 0..20 {
        double.fault("PATCH", "/uploads/", Fault::Hang);
    }
    // More than fits into the buffers of a connection.
    let folder = TempDir::new().unwrap();
    let image = support::opened_with_big_layer(folder.path(), 64 * 1024 * 1024).await;
    let settings = RegistrySettings {
        stall_timeout: Duration::from_millis(50),
        ..support::quick()
    };
    let registry = Registry::with_settings(double.address(), None, settings).unwrap();
    let error = push(&registry, &image, &["v1"]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    // Either the client sees it or the system.
    let text = error.to_string();
    assert!(
        text.contains("has stood still") || text.contains("was not answered in time"),
        "{text}"
    );
}

#[tokio::test]
async fn refusals_have_classes_and_are_not_repeated() {
    let cases = [
        ("HEAD", "/manifests/", 403, "", ErrorClass::Denied),
        ("POST", "/uploads/", 403, "DENIED", ErrorClass::Denied),
        ("POST", "/uploads/", 404, "NAME_UNKNOWN", ErrorClass::NotFound),
        ("POST", "/uploads/", 401, "UNAUTHORIZED", ErrorClass::Unauthorized),
        ("PUT", "/manifests/", 400, "MANIFEST_INVALID", ErrorClass::Invalid),
        ("PUT", "/manifests/", 413, "", ErrorClass::Other),
    ];
    let image = opened(&TempDir::new().unwrap().keep(), &ImageBuilder::new("amd64")).await;
    for (method, path, status, code, class) in cases {
        let double = Double::start(Behaviour::default()).await;
        double.fault(method, path, Fault::Refuse(status, code, "said so"));
        let error = push(&client(&double, None), &image, &["v1"]).await.unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert_eq!(error.status(), Some(status));
        assert!(
            error
                .to_string()
                .contains(&format!("{method} {}/v2/team/app/", double.address())),
            "{error}"
        );
        if !code.is_empty() && method != "HEAD" {
            assert_eq!(error.faults()[0].code, code);
            assert!(error.to_string().contains(&format!("{code}: said so")), "{error}");
        }
        let log = double.take_log();
        let asked = log
            .iter()
            .filter(|line| line.starts_with(method) && line.contains(path))
            .count();
        assert_eq!(asked, 1, "{log:?}");
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_not_found() {
    let double = Double::start(Behaviour {
        no_repository: true,
        ..Behaviour::default()
    })
    .await;
    let error = push(&client(&double, None), &image().await, &["v1"])
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotFound);
    assert!(error.hint().unwrap().contains("do not create a repository"));
}
