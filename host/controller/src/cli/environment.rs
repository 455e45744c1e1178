//! The variables of the environment that are no flags: identities that the clouds' own tools read from there.
//!
//! A flag would show a secret in the list of processes, and a workload identity sets the variables itself.

use crate::credentials::Environment;

/// What the environment says of an identity. Read once, at the start.
pub(super) fn read() -> Environment {
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
    Environment::read(|name| std::env::var(name).ok())
}
