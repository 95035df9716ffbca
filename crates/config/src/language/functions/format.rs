//! `format`: values put into a pattern, with the verbs that users of HCL know.

use infra_core::Value;

use super::{Wrong, argument, text};
use crate::language::operators::text_of;

/// Wider than this is a mistake.
const MAX_WIDTH: usize = 1024;

/// One `%…` of a pattern.
#[derive(Default)]
struct Directive {
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

pub(super) fn format(arguments: &[Value]) -> Result<Value, Wrong> {
    let pattern = text(arguments, 0)?;
    let mut result = String::new();
    let mut next = 1;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        let mut directive = Directive::default();
        while let Some(flag) = characters.peek().copied() {
            match flag {
                '-' => directive.left = true,
                '+' => directive.plus = true,
                ' ' => directive.space = true,
                '0' => directive.zero = true,
                _ => break,
            }
            characters.next();
        }
        directive.width = number(&mut characters)?.unwrap_or(0);
        if characters.next_if_eq(&'.').is_some() {
            directive.precision = Some(number(&mut characters)?.unwrap_or(0));
        }
        let Some(verb) = characters.next() else {
            return Err(Wrong::new("the pattern ends within a `%`").help("a literal `%` is written `%%`"));
        };
        if verb == '%' {
            result.push('%');
            continue;
        }
        if next >= arguments.len() {
            return Err(Wrong::new(format!(
                "the pattern has more `%` than there are values ({})",
                next - 1
            )));
        }
        let piece = directive.piece(verb, argument(arguments, next), next)?;
        result.push_str(&piece);
        next += 1;
    }
    if next < arguments.len() {
        return Err(Wrong::new(format!(
            "there are {} values, but the pattern has {} `%`",
            arguments.len() - 1,
            next - 1
        )));
    }
    Ok(Value::String(result))
}

fn number(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, Wrong> {
    let mut found = None;
    while let Some(digit) = characters.peek().and_then(|character| character.to_digit(10)) {
        characters.next();
        let value = found.unwrap_or(0_usize) * 10 + digit as usize;
        if value > MAX_WIDTH {
            return Err(Wrong::new(format!(
                "a width in the pattern is larger than {MAX_WIDTH}"
            )));
        }
        found = Some(value);
    }
    Ok(found)
}

impl Directive {
    fn piece(&self, verb: char, value: &Value, position: usize) -> Result<String, Wrong> {
        let wrong = |what: &str| {
            Wrong::new(format!(
                "`%{verb}` takes {what}, but argument {} is {}",
                position + 1,
                value.kind()
            ))
        };
        let plain = match verb {
            's' | 'v' => {
                let whole = match (text_of(value), verb) {
                    (Some(text), _) => text,
                    (None, 'v') => value
                        .reveal()
                        .map(|json| json.to_string())
                        .map_err(|error| Wrong::new(error.to_string()))?,
                    (None, _) => return Err(wrong("a text, a number or a truth value")),
                };
                match self.precision {
                    Some(most) => whole.chars().take(most).collect(),
                    None => whole,
                }
            }
            'q' => match value {
                Value::String(text) => serde_json::Value::from(text.as_str()).to_string(),
                _ => return Err(wrong("a text")),
            },
            't' => match value {
                Value::Bool(truth) => truth.to_string(),
                _ => return Err(wrong("a truth value")),
            },
            'd' | 'x' | 'X' | 'o' | 'b' => {
                let number = self.integer(value).ok_or_else(|| wrong("a whole number"))?;
                let digits = match verb {
                    'x' => format!("{:x}", number.unsigned_abs()),
                    'X' => format!("{:X}", number.unsigned_abs()),
                    'o' => format!("{:o}", number.unsigned_abs()),
                    'b' => format!("{:b}", number.unsigned_abs()),
                    _ => number.unsigned_abs().to_string(),
                };
                return Ok(self.padded_number(number < 0, digits));
            }
            'f' | 'F' | 'e' | 'g' => {
                let number = match value {
                    Value::Integer(number) => *number as f64,
                    Value::Float(number) => *number,
                    Value::String(text) => text.parse().map_err(|_| wrong("a number"))?,
                    _ => return Err(wrong("a number")),
                };
                let digits = match (verb, self.precision) {
                    ('e', precision) => format!("{:.*e}", precision.unwrap_or(6), number.abs()),
                    ('g', None) => number.abs().to_string(),
                    (_, precision) => format!("{:.*}", precision.unwrap_or(6), number.abs()),
                };
                return Ok(self.padded_number(number.is_sign_negative(), digits));
            }
            other => {
                return Err(Wrong::new(format!("the pattern has the unknown verb `%{other}`"))
                    .help("there are %s, %v, %q, %t, %d, %x, %X, %o, %b, %f, %e, %g and %%"));
            }
        };
        Ok(self.padded(plain))
    }

    fn integer(&self, value: &Value) -> Option<i64> {
        value
            .as_integer()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    }

    fn padded_number(&self, negative: bool, digits: String) -> String {
        let sign = match (negative, self.plus, self.space) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        if self.zero && !self.left {
            let width = self.width.saturating_sub(sign.len());
            return format!("{sign}{digits:0>width$}");
        }
        self.padded(format!("{sign}{digits}"))
    }

    fn padded(&self, text: String) -> String {
        let width = self.width;
        if self.left {
            format!("{text:<width$}")
        } else {
            format!("{text:>width$}")
        }
    }
}
