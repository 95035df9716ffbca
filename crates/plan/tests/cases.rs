//! Cases as data: each `tests/cases/*.md` holds a stack, a state and what AWS has as TOML; beside it lies
//! the plan that is expected of them, or the errors.

mod common;

use std::path::Path;

use common::case::Case;
use common::text::{errors_text, plan_text};
use infra_plan::refused_data_loss;

#[test]
fn every_case_has_the_plan_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let (_, toml) = text.split_once("```toml\n").expect("a case has a toml block");
            let (toml, _) = toml.split_once("\n```").expect("the toml block ends");
            let case = Case::read(toml);
            let result = match case.plan() {
                Ok(plan) => {
                    let refused = refused_data_loss(&plan, case.stack.as_ref());
                    plan_text(&plan) + &errors_text(&refused)
                }
                Err(errors) => errors_text(&errors),
            };
            insta::assert_snapshot!(file.file_stem().unwrap().to_str().unwrap(), result);
        }
    });
}
