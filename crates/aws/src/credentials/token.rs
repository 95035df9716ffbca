//! The files that tokens are in.

use std::path::Path;

use infra_provider::ProviderResult;

use super::wrong;

/// Looks at the file of a token: one that is not there would be taken for a network that is not.
///
/// # Errors
/// There is none, or nothing is in it. `what` is what is missing, `by` what names the file, `hint` what to do.
pub(super) fn check(what: &str, file: &str, by: &str, hint: &str) -> ProviderResult<()> {
    let problem = match std::fs::metadata(Path::new(file)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
        Ok(found) if found.is_dir() => "is a folder".to_owned(),
        Ok(found) if found.len() == 0 => "is empty".to_owned(),
        Ok(_) => match std::fs::File::open(file) {
            Ok(_) => return Ok(()),
            Err(error) => format!("cannot be read: {error}"),
        },
    };
    Err(wrong(format!("the file of {what} {problem}: {file}, which {by} names")).hint(hint))
}
