//! Who pushes: passwords, tokens, and where they are sent.

use super::*;

#[tokio::test]
async fn basic_credentials_are_asked_for() {
    let double = Double::start(Behaviour {
        basic: Some(PASSWORD),
        ..Behaviour::default()
    })
    .await;
    let image = image().await;
    push(&client(&double, credentials()), &image, &["v1"])
        .await
        .unwrap();
    assert_complete(&double, &image, "v1");
    for wrong in [None, Some(Credentials::new("infra", "wrong"))] {
        let error = push(&client(&double, wrong), &image, &["v1"]).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Unauthorized);
    }
}

#[tokio::test]
async fn bearer_tokens_are_got_once_and_renewed_once() {
    let bearer = Behaviour {
        bearer: true,
        basic: Some(PASSWORD),
        ..Behaviour::default()
    };
    let image = image().await;
    let tokens = |log: &[String]| log.iter().filter(|line| line.starts_with("GET /token?")).count();
    let double = Double::start(bearer.clone()).await;
    push(&client(&double, credentials()), &image, &["v1"])
        .await
        .unwrap();
    assert_complete(&double, &image, "v1");
    let log = double.take_log();
    assert_eq!(tokens(&log), 1);
    let scope = "scope=repository%3Ateam%2Fapp%3Apull%2Cpush";
    assert!(log.iter().any(|line| line.contains(scope)), "{log:?}");

    for (method, path) in [
        ("POST", "/uploads/"),
        ("PATCH", "/uploads/"),
        ("PUT", "/uploads/"),
        ("PUT", "/manifests/"),
    ] {
        let double = Double::start(bearer.clone()).await;
        double.fault(method, path, Fault::ForgetTokens);
        let pushed = push(&client(&double, credentials()), &image, &["v1"]).await;
        pushed.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert_complete(&double, &image, "v1");
        assert_eq!(tokens(&double.take_log()), 2, "{method} {path}");
    }

    let double = Double::start(bearer.clone()).await;
    let wrong = Some(Credentials::new("infra", "wrong"));
    let error = push(&client(&double, wrong), &image, &["v1"]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unauthorized);
    assert!(
        error
            .to_string()
            .starts_with(&format!("getting a token from {}/token", double.address())),
        "{error}"
    );
    assert!(!error.to_string().contains("wrong"), "{error}");
}

#[tokio::test]
async fn an_identity_token_is_exchanged_for_tokens() {
    let double = Double::start(Behaviour {
        bearer: true,
        identity_token: Some("not-a-real-token"),
        ..Behaviour::default()
    })
    .await;
    let image = image().await;
    double.fault("PUT", "/manifests/", Fault::ForgetTokens);
    let signed_in = Credentials::identity_token("not-a-real-token");
    push(&client(&double, Some(signed_in)), &image, &["v1"])
        .await
        .unwrap();
    assert_complete(&double, &image, "v1");
    let log = double.take_log();
    // It is sent in no address, and the newer one is taken for the second token.
    assert_eq!(
        log.iter().filter(|line| *line == "POST /token").count(),
        2,
        "{log:?}"
    );

    let ended = Credentials::identity_token("not-a-real-token-either");
    let error = push(&client(&double, Some(ended)), &image, &["v2"])
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unauthorized);
    assert!(error.hint().unwrap().contains("sign in again"), "{error}");
    assert!(!error.to_string().contains("not-a-real"), "{error}");
}

#[tokio::test]
async fn a_registrys_own_token_is_sent_as_it_is() {
    let double = Double::start(Behaviour {
        bearer: true,
        ..Behaviour::default()
    })
    .await;
    let image = image().await;
    push(&client(&double, None), &image, &["v1"]).await.unwrap();
    double.take_log();
    let own = Credentials::registry_token("token-1");
    push(&client(&double, Some(own)), &image, &["v2"]).await.unwrap();
    let wrong = Some(Credentials::registry_token("not-a-real-token"));
    let error = push(&client(&double, wrong), &image, &["v2"]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unauthorized);
    let log = double.take_log();
    assert!(!log.iter().any(|line| line.contains("/token")), "{log:?}");
}

#[tokio::test]
async fn confined_credentials_are_not_sent_to_a_token_service_elsewhere() {
    let elsewhere = Double::start(Behaviour {
        bearer: true,
        ..Behaviour::default()
    })
    .await;
    let double = Double::start(Behaviour {
        bearer: true,
        token_service: Some(elsewhere.address().to_owned()),
        ..Behaviour::default()
    })
    .await;
    let confined = credentials().map(Credentials::confined);
    let error = push(&client(&double, confined), &image().await, &["v1"])
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Denied);
    assert!(error.to_string().contains("are for"), "{error}");
    assert!(elsewhere.take_log().is_empty());

    // Those that are not confined go there, as the token specification has it.
    let _ = push(&client(&double, credentials()), &image().await, &["v1"]).await;
    assert!(!elsewhere.take_log().is_empty());
}

#[tokio::test]
async fn a_token_that_is_refused_twice_is_given_up() {
    let double = Double::start(Behaviour {
        bearer: true,
        ..Behaviour::default()
    })
    .await;
    for _ in 0..3 {
        double.fault("HEAD", "/manifests/", Fault::ForgetTokens);
    }
    let error = push(&client(&double, None), &image().await, &["v1"])
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unauthorized);
    assert_eq!(double.take_log().len(), 3, "refused, a token, refused again");
}
