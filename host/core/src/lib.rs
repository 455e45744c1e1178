//! The words and decisions of Herald: what an event, an Alert, a Provider and a delivery are, and everything that can be
//! decided about them from values alone.
//!
//! Nothing here waits, reads a clock, opens a file or a socket, or knows WebAssembly, HTTP libraries or Kubernetes
//! clients. Time, randomness and configuration are arguments, so every decision is a table in a test.

pub mod address;
pub mod alert;
pub mod commit_status;
pub mod config_schema;
pub mod delivery;
pub mod event;
pub mod floods;
pub mod formatter;
pub mod intake;
pub mod matching;
pub mod metadata;
pub mod object_json;
pub mod patterns;
pub mod policy;
pub mod provider;
pub mod provider_module;
pub mod retry;
pub mod rollout;
pub mod secret;
pub mod skip;
