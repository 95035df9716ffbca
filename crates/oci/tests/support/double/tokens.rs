//! Who asks: passwords, tokens, and what is told who has none.

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request};

use super::{Answer, Query, Shared, answer, refusal, with};

fn basic((username, password): (&str, &str)) -> String {
    // "infra:not-a-real-password", the only pair in these tests.
    assert_eq!((username, password), ("infra", "not-a-real-password"));
    "Basic aW5mcmE6bm90LWEtcmVhbC1wYXNzd29yZA==".to_owned()
}

pub(super) fn token(shared: &Shared, request: &Request<Incoming>, query: &str) -> Answer {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .map(|value| value.to_str().unwrap());
    if let Some(pair) = shared.behaviour.basic
        && given != Some(&basic(pair))
    {
        return refusal(401, "UNAUTHORIZED", "wrong password");
    }
    assert!(
        query.contains("service=double") && query.contains("scope=repository%3A"),
        "{query}"
    );
    let mut state = shared.state.lock().unwrap();
    state.next_id += 1;
    let token = format!("token-{}", state.next_id);
    state.tokens.push(token.clone());
    let mut answer = answer(200);
    *answer.body_mut() = Full::from(format!(r#"{{"token":"{token}","expires_in":300}}"#));
    answer
}

/// The token for an identity token. The one that was exchanged is worth nothing from then on.
pub(super) fn exchanged(shared: &Shared, method: &Method, form: &str) -> Answer {
    let form = Query::parse(form);
    let mut state = shared.state.lock().unwrap();
    let first = shared.behaviour.identity_token.unwrap_or_default();
    let good = state.identity_token.as_deref().unwrap_or(first);
    if method != Method::POST || form.get("refresh_token") != Some(good) {
        return refusal(401, "UNAUTHORIZED", "no such identity token");
    }
    assert_eq!(form.get("grant_type"), Some("refresh_token"));
    assert_eq!(form.get("service"), Some("double"));
    assert!(form.get("scope").unwrap().starts_with("repository:team/app:"));
    state.next_id += 1;
    let (token, newer) = (
        format!("token-{}", state.next_id),
        format!("newer-{}", state.next_id),
    );
    state.tokens.push(token.clone());
    state.identity_token = Some(newer.clone());
    let mut answer = answer(200);
    *answer.body_mut() = Full::from(format!(
        r#"{{"access_token":"{token}","expires_in":300,"refresh_token":"{newer}"}}"#
    ));
    answer
}

pub(super) fn unauthorized(shared: &Shared, request: &Request<Incoming>) -> Option<Answer> {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .map_or("", |value| value.to_str().unwrap());
    if shared.behaviour.bearer {
        let state = shared.state.lock().unwrap();
        if given
            .strip_prefix("Bearer ")
            .is_some_and(|token| state.tokens.iter().any(|known| known == token))
        {
            return None;
        }
        let challenge = format!(
            r#"Bearer realm="{}/token",service="double",scope="repository:any:pull""#,
            shared.behaviour.token_service.as_ref().unwrap_or(&shared.address)
        );
        return Some(with(
            refusal(401, "UNAUTHORIZED", "token needed"),
            "www-authenticate",
            &challenge,
        ));
    }
    let pair = shared.behaviour.basic?;
    if given == basic(pair) {
        return None;
    }
    Some(with(
        refusal(401, "UNAUTHORIZED", "sign in"),
        "www-authenticate",
        r#"Basic realm="double""#,
    ))
}
