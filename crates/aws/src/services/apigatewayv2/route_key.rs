//! Route keys: what a request has to look like to take a route.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use infra_core::types::Problems;

const METHODS: &[&str] = &["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Whether a key is one of an HTTP API: `$default`, or a method and a path.
pub fn is_http(key: &str) -> bool {
    key == "$default" || key.contains(' ')
}

/// Checks the key at `path`: of an HTTP API, or a word such as a WebSocket API has.
pub fn check(path: &str, key: &str, problems: &mut Problems) {
    let forms = "`$default`, or a method and a path such as `GET /pets/{id}` or `ANY /{proxy+}`";
    let Some((method, resource)) = key.split_once(' ') else {
        let is_word = key.starts_with('$') || !key.is_empty() && !key.contains('/');
        if !is_word {
            problems.at_with_help(path, format!("`{key}` is no route key"), forms);
        }
        return;
    };
    if !METHODS.contains(&method) {
        problems.at_with_help(
            path,
            format!("`{method}` is no method of an HTTP API"),
            METHODS.join(", "),
        );
    }
    if let Some(wrong) = wrong_path(resource) {
        problems.at_with_help(path, format!("the path `{resource}` {wrong}"), forms);
    }
}

/// What is wrong with a path.
fn wrong_path(path: &str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some("does not begin with `/`");
    };
    if rest.is_empty() {
        return None;
    }
    let parts: Vec<&str> = rest.split('/').collect();
    for (index, part) in parts.iter().enumerate() {
        let variable = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        match variable {
            Some(name) if name.ends_with('+') && index + 1 < parts.len() => {
                return Some("has a greedy variable that is not at its end");
            }
            Some(name) if !is_variable(name.strip_suffix('+').unwrap_or(name)) => {
                return Some("has a variable that is no name of letters, digits, `.`, `_`, `-`");
            }
            Some(_) => {}
            None if part.contains(['{', '}']) => return Some("has braces that are not a whole part of it"),
            None if part.contains(char::is_whitespace) => return Some("has a space"),
            None => {}
        }
    }
    None
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "._-:".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_a_default_or_a_method_and_a_path() {
        let cases: &[(&str, &[&str])] = &[
            ("$default", &[]),
            ("$connect", &[]),
            ("sendMessage", &[]),
            ("GET /", &[]),
            ("GET /pets/{id}", &[]),
            ("ANY /{proxy+}", &[]),
            ("POST /a/b/", &[]),
            ("", &["`` is no route key"]),
            ("/pets", &["`/pets` is no route key"]),
            ("get /pets", &["`get` is no method of an HTTP API"]),
            ("GET pets", &["the path `pets` does not begin with `/`"]),
            (
                "GET /{proxy+}/a",
                &["the path `/{proxy+}/a` has a greedy variable that is not at its end"],
            ),
            (
                "GET /a{id}",
                &["the path `/a{id}` has braces that are not a whole part of it"],
            ),
            (
                "GET /{}",
                &["the path `/{}` has a variable that is no name of letters, digits, `.`, `_`, `-`"],
            ),
            ("GET /a b", &["the path `/a b` has a space"]),
        ];
        for (key, said) in cases {
            let mut problems = Problems::default();
            check("route_key", key, &mut problems);
            let messages: Vec<String> = problems
                .into_vec()
                .into_iter()
                .map(|problem| problem.message)
                .collect();
            assert_eq!(messages, *said, "{key}");
        }
    }
}
