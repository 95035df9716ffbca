//! The functions of expressions: pure, without clock or randomness.

mod collections;
mod format;
mod network;
mod texts;

use infra_core::Value;

use super::failure::Wrong;
use super::operators::text_of;

macro_rules! functions {
    ($($name:ident $text:literal $least:literal $most:expr, $usage:literal;)*) => {
        /// A function by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function { $($name,)* }

        impl Function {
            /// The function of this name.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }

            /// All names, in alphabetical order.
            pub(crate) fn names() -> impl Iterator<Item = &'static str> {
                [$($text,)*].into_iter()
            }

            /// The name.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The least and the largest number of arguments.
            pub(crate) fn arity(self) -> (usize, usize) {
                match self { $(Self::$name => ($least, $most),)* }
            }

            /// How it is used.
            pub(crate) fn usage(self) -> &'static str {
                match self { $(Self::$name => $usage,)* }
            }
        }
    };
}

/// Whether a function only hands on parts of these arguments, and looks into nothing that is sensitive.
pub(crate) fn hands_on(function: Function, arguments: &[Value]) -> bool {
    let clear = |value: &Value| !matches!(value, Value::Secret(_));
    match function {
        Function::Keys | Function::Values | Function::Length => arguments.iter().all(clear),
        Function::Merge | Function::Concat => arguments.iter().all(clear),
        // What to use instead may be sensitive.
        Function::Lookup => arguments.iter().take(2).all(clear),
        _ => false,
    }
}

functions! {
    Base64encode "base64encode" 1 1, "base64encode(text)";
    Cidrhost "cidrhost" 2 2, "cidrhost(prefix, number)";
    Cidrsubnet "cidrsubnet" 3 3, "cidrsubnet(prefix, added_bits, number)";
    Coalesce "coalesce" 1 usize::MAX, "coalesce(value, …)";
    Concat "concat" 1 usize::MAX, "concat(list, …)";
    Contains "contains" 2 2, "contains(list, value)";
    Distinct "distinct" 1 1, "distinct(list)";
    File "file" 1 1, "file(path)";
    Flatten "flatten" 1 1, "flatten(list)";
    Format "format" 1 usize::MAX, "format(pattern, value, …)";
    Join "join" 2 2, "join(separator, list)";
    Jsondecode "jsondecode" 1 1, "jsondecode(text)";
    Jsonencode "jsonencode" 1 1, "jsonencode(value)";
    Keys "keys" 1 1, "keys(table)";
    Length "length" 1 1, "length(value)";
    Lookup "lookup" 2 3, "lookup(table, key, default)";
    Lower "lower" 1 1, "lower(text)";
    Max "max" 1 usize::MAX, "max(number, …)";
    Merge "merge" 1 usize::MAX, "merge(table, …)";
    Min "min" 1 usize::MAX, "min(number, …)";
    Range "range" 1 3, "range(start, end, step)";
    Replace "replace" 3 3, "replace(text, search, replacement)";
    Sha256 "sha256" 1 1, "sha256(text)";
    Split "split" 2 2, "split(separator, text)";
    Trim "trim" 2 2, "trim(text, characters)";
    Upper "upper" 1 1, "upper(text)";
    Values "values" 1 1, "values(table)";
}

/// Calls a function. `coalesce` with expanded arguments comes here too, `file` does not.
pub(crate) fn call(function: Function, arguments: Vec<Value>) -> Result<Value, Wrong> {
    // These look at the shape of what they are given, or hand elements on, so that an unknown element does not
    // make all of the result unknown.
    let by_shape = matches!(
        function,
        Function::Coalesce
            | Function::Concat
            | Function::Contains
            | Function::Keys
            | Function::Length
            | Function::Lookup
            | Function::Merge
            | Function::Values
    );
    let unknown = match (by_shape, function) {
        (_, Function::Coalesce) => false,
        (true, _) => arguments
            .iter()
            .any(|argument| matches!(argument, Value::Unknown(_))),
        (false, _) => arguments.iter().any(Value::has_unknown),
    };
    if unknown {
        return Ok(Value::unknown());
    }
    match function {
        Function::Format => format::format(&arguments),
        Function::Join
        | Function::Split
        | Function::Lower
        | Function::Upper
        | Function::Replace
        | Function::Trim
        | Function::Jsonencode
        | Function::Jsondecode
        | Function::Base64encode
        | Function::Sha256 => texts::call(function, &arguments),
        Function::Cidrsubnet => network::cidrsubnet(&arguments),
        Function::Cidrhost => network::cidrhost(&arguments),
        _ => collections::call(function, arguments),
    }
}

/// The argument at `position`.
fn argument(arguments: &[Value], position: usize) -> &Value {
    arguments.get(position).unwrap_or(&Value::Null)
}

/// A text; numbers and truth values are taken as they are written.
fn text(arguments: &[Value], position: usize) -> Result<String, Wrong> {
    let value = argument(arguments, position);
    text_of(value).ok_or_else(|| expected(position, "a text", value))
}

fn integer(arguments: &[Value], position: usize) -> Result<i64, Wrong> {
    let value = argument(arguments, position);
    value
        .as_integer()
        .ok_or_else(|| expected(position, "a whole number", value))
}

fn list(arguments: &[Value], position: usize) -> Result<&[Value], Wrong> {
    let value = argument(arguments, position);
    value.as_list().ok_or_else(|| expected(position, "a list", value))
}

/// A wrong argument.
fn expected(position: usize, what: &str, found: &Value) -> Wrong {
    Wrong::new(format!(
        "argument {} is {what}, found {}",
        position + 1,
        found.kind()
    ))
}

#[cfg(test)]
mod tests;
