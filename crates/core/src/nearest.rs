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
    let shortest = |is_meant: fn(&str, &str) -> bool| {
        candidates
            .iter()
            .copied()
            .filter(|candidate| *candidate != name && is_meant(candidate, name))
            .min_by_key(|candidate| (candidate.len(), *candidate))
    };
    misspelt
        .or_else(|| shortest(has_part))
        .or_else(|| shortest(has_part_in_other_number))
        .or_else(|| shortest(has_initials))
}

/// As [`has_part`], where one or several count as the same: `subnets` is a part of `subnet_ids`.
fn has_part_in_other_number(name: &str, part: &str) -> bool {
    let singular = |text: &str| {
        let words = text.split('_');
        words
            .map(|word| word.strip_suffix('s').unwrap_or(word))
            .collect::<Vec<_>>()
            .join("_")
    };
    has_part(&singular(name), &singular(part))
}

/// What says of a name only which form of a thing it takes.
const FORMS: [&str; 6] = ["id", "ids", "arn", "arns", "name", "names"];

/// Whether `initials` are those of the words of `name`: `az` of `availability_zone`, `sg` of `security_group_ids`.
fn has_initials(name: &str, initials: &str) -> bool {
    let of = |words: &[&str]| -> String { words.iter().filter_map(|word| word.chars().next()).collect() };
    let mut words: Vec<&str> = name.split('_').collect();
    let initials = initials.to_ascii_lowercase();
    let several = initials.strip_suffix('s').unwrap_or(&initials);
    let fits = |words: &[&str]| words.len() > 1 && [initials.as_str(), several].contains(&of(words).as_str());
    fits(&words) || {
        words.pop_if(|last| FORMS.contains(last));
        fits(&words)
    }
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
        let subnet = [
            "availability_zone",
            "availability_zone_id",
            "vpc_id",
            "cidr_block",
        ];
        assert_eq!(nearest("az", subnet), Some("availability_zone"));
        assert_eq!(
            nearest("azs", ["availability_zones", "names"]),
            Some("availability_zones")
        );
        let balancer = ["subnet_ids", "subnet_mappings", "security_group_ids", "scheme"];
        assert_eq!(nearest("subnets", balancer), Some("subnet_ids"));
        assert_eq!(nearest("sgs", balancer), Some("security_group_ids"));
        assert_eq!(nearest("s", balancer), None);
    }
}
