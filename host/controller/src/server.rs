//! The way in: three listeners that speak plain HTTP/1.1, and what each answers.
//!
//! [`events()`] takes events and is the only place that chooses the status an emitter sees; [`health()`] and
//! [`metrics()`] answer the kubelet and Prometheus, [`admin()`] the person who runs Herald, through a Unix socket. [`Listener`] opens sockets, [`serve()`] runs connections with limits
//! on headers, time and number. Nothing here knows Alerts, Providers, modules or the way out; the journal is behind
//! [`Keeper`].

mod admin;
mod connections;
mod events;
mod health;
mod keep;
mod listen;
mod metrics;
mod throttle;

#[cfg(test)]
mod tests;

pub use admin::{
    AdminSocket, BindSocketError, ModuleOrder, ModulesDesk, SOCKET, connectable, router as admin,
};
pub use connections::{Answers, ConnectionSettings, serve, serve_with};
pub use events::{EventSettings, Keeper, Kept, NotKept, events};
pub use health::{Readiness, router as health};
pub use listen::{ListenAddr, ListenError, Listener, ParseListenAddrError};
pub use metrics::router as metrics;
