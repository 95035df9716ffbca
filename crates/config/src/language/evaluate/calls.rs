//! Calls of functions, and the one function that reads a file.

use infra_core::Value;

use super::{At, Evaluator};
use crate::language::failure::{Failure, Wrong, failure};
use crate::language::formula::{Call, Formula, Node};
use crate::language::functions::{self, Function};

impl Evaluator<'_> {
    pub(super) fn call(&self, at: At<'_>, node: &Node, call: &Call) -> Result<Value, Failure> {
        let fail = |wrong: Wrong| {
            let message = format!("`{}`: {}", call.function.name(), wrong.message);
            failure(at.formula, node, Wrong { message, ..wrong })
        };
        if call.function == Function::Coalesce && !call.expand {
            for argument in &call.arguments {
                match self.shape(at, argument)? {
                    Value::Null => {}
                    Value::String(text) if text.is_empty() => {}
                    value => return Ok(value),
                }
            }
            return Ok(Value::Null);
        }
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(self.node(at, argument)?);
        }
        if call.expand {
            let last = arguments.pop().map(|last| self.open_shape(last));
            match last.transpose().map_err(fail)? {
                Some(Value::List(items)) => arguments.extend(items),
                Some(Value::Unknown(_)) => return Ok(Value::unknown()),
                other => {
                    let found = other.map_or("nothing", |value| value.kind());
                    return Err(fail(Wrong::new(format!(
                        "`...` stands behind a list, found {found}"
                    ))));
                }
            }
            let (least, most) = call.function.arity();
            if arguments.len() < least || arguments.len() > most {
                let wrong = Wrong::new(format!("does not take {} arguments", arguments.len()));
                return Err(fail(
                    wrong.help(format!("it is used as `{}`", call.function.usage())),
                ));
            }
        }
        if !functions::hands_on(call.function, &arguments) {
            for argument in &mut arguments {
                *argument = self.open(argument).map_err(fail)?;
            }
        }
        if call.function == Function::File {
            return self.file(at.formula, arguments.first()).map_err(fail);
        }
        functions::call(call.function, arguments).map_err(fail)
    }

    fn file(&self, formula: &Formula, path: Option<&Value>) -> Result<Value, Wrong> {
        match path {
            Some(Value::Unknown(_)) => Err(Wrong::new("the path must be known when the stack file is read")
                .help("use variables and plain texts in it, no attributes that AWS sets")),
            Some(Value::String(path)) => {
                let from = self
                    .world
                    .paths
                    .get(formula.whole().file)
                    .cloned()
                    .unwrap_or_default();
                let full = crate::source::beside(&from, path);
                match self.world.files.read(&full) {
                    Ok(text) => Ok(Value::from(&*text)),
                    Err(reason) => Err(Wrong::new("the file cannot be read")
                        .because(format!("`{}`: {reason}", full.display()))
                        .help("a path is meant from the folder of the file that it is written in")),
                }
            }
            other => Err(Wrong::new(format!(
                "the path is a text, found {}",
                other.map_or("nothing", Value::kind)
            ))),
        }
    }
}
