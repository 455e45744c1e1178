//! What an answer with a 2xx status means: not every one is good.

use herald_provider::json::Value;
use herald_provider::{Failure, Response};

/// The object that an answer is.
pub(crate) fn read(answer: &Response) -> Result<Value, Failure> {
    // It comes with a page to sign in on where the credentials are not taken.
    if answer.status == 203 {
        return Err(Failure::misconfigured(
            "Azure DevOps answered 203, which asks to sign in: put another `token` into the Secret, as this one is wrong or has expired, or make the identity a user of the organization",
        ));
    }
    answer.json().filter(Value::is_object).ok_or_else(|| Failure::foreign_answer(crate::NAME))
}
