//! The interface to provider modules in the host's own words: what a module is given and what it may answer.
//!
//! These types mirror `wit/` without naming any version of it; `engine` translates them for each version that it serves.
//! They hold no secret: a [`Fragment::Secret`] names a key, and only egress knows its value.

mod answer;
mod description;
mod given;
mod request;

pub use answer::{Action, Conclusion, Failure, Outcome, Postponement, Question};
pub use description::{Description, Permission, Place, Placement, Places, Purpose};
pub use given::{AlertRef, Delivery, Origin, ProviderAddress, ProviderView, Response};
pub use request::{Base, Encoding, Fragment, Hash, Hmac, Plain, Request, Signed, Url};
