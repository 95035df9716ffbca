//! A state belongs to the accounts that it was made in, and no other is touched for it.

use infra_core::{AwsIdentity, State};

use crate::site::Site;

/// The credentials are for another account than the state's.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the state of {stack} was made in the account {bound}, but the credentials are for {account} ({arn}): nothing of it was read \
     or changed there. Use credentials of {bound} (`AWS_PROFILE`, or `assume_role` under `[stack]`). To move the stack, \
     `{destroy}` with these first; to have it in both accounts, give the other one a `name`, `environment` or `stage` of \
     its own"
)]
pub struct OtherAccount {
    stack: String,
    bound: String,
    account: String,
    arn: String,
    destroy: String,
}

/// Refuses an account that the state has nothing in.
///
/// # Errors
/// [`OtherAccount`].
pub fn check(state: &State, identity: &AwsIdentity, site: &Site) -> Result<(), OtherAccount> {
    let bound: Vec<&str> = state.accounts().into_iter().collect();
    if bound.iter().all(|account| *account == identity.account_id) {
        return Ok(());
    }
    Err(OtherAccount {
        stack: state.stack.to_string(),
        bound: bound.join(", "),
        account: identity.account_id.clone(),
        arn: identity.arn.clone(),
        destroy: site.command("destroy", &state.stack),
    })
}

/// Refuses a saved plan that was made in another account.
///
/// # Errors
/// Both accounts, and what to do.
pub fn check_plan(planned_in: Option<&str>, identity: Option<&AwsIdentity>) -> anyhow::Result<()> {
    match (planned_in, identity) {
        (Some(planned), Some(identity)) if planned != identity.account_id => anyhow::bail!(
            "the plan was made in the account {planned}, but the credentials are for {} ({}): nothing was changed. Use \
             credentials of {planned}, or plan again",
            identity.account_id,
            identity.arn
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_for_the_account_that_it_was_made_in() {
        let identity = AwsIdentity {
            account_id: "222222222222".into(),
            partition: "aws".into(),
            arn: "arn:aws:iam::222222222222:user/test".into(),
        };
        for (planned_in, refused) in [
            (None, false),
            (Some("222222222222"), false),
            (Some("111111111111"), true),
        ] {
            let result = check_plan(planned_in, Some(&identity));
            assert_eq!(result.is_err(), refused, "{planned_in:?}");
        }
    }
}
