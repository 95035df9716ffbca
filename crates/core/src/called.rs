//! What resources are called where others name them by a text: by the name alone, by kind and name, or by an ARN.

use std::borrow::Cow;

use crate::schema::TypeSchema;
use crate::value::Value;

/// What follows the fifth colon of an ARN, with its region and account; `None`: the text is none.
pub fn of_arn(text: &str) -> Option<(&str, [&str; 2])> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, _, region, account, own] => Some((own, [region, account])),
        _ => None,
    }
}

impl TypeSchema {
    /// A name of a resource of this type in a form that is the same for what AWS takes for the same.
    pub fn meant_name<'t>(&self, name: &'t str) -> Cow<'t, str> {
        match self.natural_key.as_slice() {
            [only] => match self.unique_part(only, &Value::from(name)) {
                Some(meant) => Cow::Owned(meant.trim_start_matches('"').to_owned()),
                None => Cow::Borrowed(name),
            },
            keys if keys.iter().any(|key| self.is_caseless(key)) => Cow::Owned(name.to_ascii_lowercase()),
            _ => Cow::Borrowed(name),
        }
    }

    /// The names, in [that form](Self::meant_name), of the resources of this type that a text may mean: `main`,
    /// `cluster/main` and `arn:aws:ecs:…:cluster/main`, and with a path `arn:aws:iam::…:role/path/main`.
    pub fn names_in(&self, text: &str) -> Vec<String> {
        let arn = of_arn(text);
        let own = arn.map_or(text, |(own, _)| own);
        let of_kind = own
            .strip_prefix(self.name.kind())
            .and_then(|rest| rest.strip_prefix('/'));
        let mut found = vec![self.meant_name(of_kind.unwrap_or(own)).into_owned()];
        if let (Some(_), Some((_, last))) = (arn.and(of_kind), of_kind.and_then(|own| own.rsplit_once('/'))) {
            found.push(self.meant_name(last).into_owned());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::TypeName;

    #[test]
    fn a_text_names_what_it_is_the_name_the_kind_and_name_or_the_arn_of() {
        let mut role = TypeSchema::new(TypeName::new("iam", "role"));
        role.natural_key = vec!["role_name".into()];
        role.caseless = role.natural_key.clone();
        let mut service = TypeSchema::new(TypeName::new("ecs", "service"));
        service.natural_key = vec!["cluster".into(), "service_name".into()];
        let arn = "arn:aws:iam::123456789012:role/a/Web";
        let of_service = "arn:aws:ecs:us-east-1:123456789012:service/Main/web";
        for (schema, text, names) in [
            (&role, "Web", vec!["web"]),
            (&role, arn, vec!["a/web", "web"]),
            (&service, "service/Main/web", vec!["Main/web"]),
            (&service, of_service, vec!["Main/web", "web"]),
            (&service, "table/web", vec!["table/web"]),
        ] {
            assert_eq!(schema.names_in(text), names, "{text}");
        }
    }
}
