//! What a provider module of Herald is written with.
//!
//! A module is a type that implements [`Module`], handed to [`module!`]: a pure function from one delivery to the next
//! thing to do. This crate gives it the words of the interface (`wit/`), a JSON writer whose bytes are those of Go's
//! `encoding/json`, and the few rules that many receivers share: names of objects, words of a reason, Git addresses.
//!
//! What only one type needs belongs in that type's folder; of a receiver it knows what several types need.

pub mod bitbucket;
mod build;
mod bytes;
pub mod comment;
pub mod commit_status;
pub mod custom;
mod event_json;
pub mod form;
pub mod git;
pub mod github;
pub mod hash;
pub mod html;
pub mod json;
pub mod metadata;
mod module;
mod note;
mod object;
mod provider;
mod report;
mod response;
pub mod testing;
pub mod text;
mod webhook;

pub use build::{REMEMBER_LIMIT, basic, bearer, place};
pub use event_json::{event_json, event_json_within};
pub use module::Module;
pub use report::markdown_report;
pub use webhook::{event_request, webhook_request};

// Named one by one, so that what is added to the interface is seen here.
pub use bindings::exports::herald::provider::formatter::{
    Action, Address, Alert, Base, Conclusion, Delivery, Description, Encoding, Event, Failure,
    Fragment, Hash, Hmac, ObjectReference, Origin, Outcome, Placement, Places, Plain, Postponement,
    Provider, Purpose, Question, Request, Response, Signed, Timestamp, Url,
};
pub use bindings::herald::provider::{full_address, log, secret_values};

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use herald_alloc as _;

#[doc(hidden)]
pub use module::Exported;

/// Written by wit-bindgen; only [`module!`] names it.
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "module-with-secrets",
        pub_export_macro: true,
        export_macro_name: "export_module",
        default_bindings_module: "herald_provider::bindings",
        runtime_path: "wit_bindgen::rt",
    });
}
