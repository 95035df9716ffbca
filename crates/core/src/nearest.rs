//! The name that was probably meant.

/// The candidate nearest to `name`, if one is near enough to be what was meant: misspelt a little, or else `name`
/// is a part of it.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let allowed = (name.chars().count() / 3).max(1);
    let misspelt = candidates
        .iter()
        .copied()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= allowed || (name.len() >= 3 && candidate.eq_ignore_ascii_case(name))
        })
        .min()
        .map(|(_, candidate)| candidate);
    misspelt.or_else(|| {
        candidates
            .into_iter()
            .filter(|candidate| *candidate != name && has_part(candidate, name))
            .min_by_key(|candidate| (candidate.len(), *candidate))
    })
}

/// Whether `part` is some of the words of `name`, or its beginning or end.
fn has_part(name: &str, part: &str) -> bool {
    let (name, part) = (name.to_ascii_lowercase(), part.to_ascii_lowercase());
    let words = |text: &str| -> Vec<String> {
        text.split(|character: char| !character.is_alphanumeric())
            .map(str::to_owned)
            .collect()
    };
    let (all, wanted) = (words(&name), words(&part));
    // What is shorter begins or ends too much by chance.
    let is_long = part.chars().count() >= 4;
    part.chars().count() >= 2
        && (all.windows(wanted.len()).any(|some| some == wanted)
            || (is_long && (name.starts_with(&part) || name.ends_with(&part))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_only_when_it_is_near() {
        assert_eq!(nearest("cidr_blok", ["cidr_block", "vpc_id"]), Some("cidr_block"));
        assert_eq!(nearest("fargate", ["EC2", "FARGATE"]), Some("FARGATE"));
        assert_eq!(nearest("colour", ["cidr_block", "vpc_id"]), None);
        let record = ["resource_records", "name", "ttl", "alias_target"];
        assert_eq!(nearest("records", record), Some("resource_records"));
        assert_eq!(nearest("target", record), Some("alias_target"));
        assert_eq!(nearest("reco", ["x_records"]), None);
        assert_eq!(nearest("id", ["vpc_id", "provider"]), Some("vpc_id"));
        assert_eq!(
            nearest("definition", ["task_definition_arn", "task_definition"]),
            Some("task_definition")
        );
        assert_eq!(nearest("desc", ["description"]), Some("description"));
        assert_eq!(nearest("", ["description"]), None);
    }
}
