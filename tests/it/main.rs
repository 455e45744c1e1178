//! Herald as a whole: the running binary against receivers on loopback, and the way out against real TLS and proxies.

#![allow(clippy::unwrap_used, reason = "tests")]

mod commands;
mod connections;
mod corpus;
mod crash;
mod credentials;
mod deliveries;
mod deploy;
mod disk;
mod egress;
mod floods;
mod frozen;
mod hostile;
mod keyless;
mod kit;
mod lanes;
mod migrate;
mod nats;
mod page;
mod pages;
mod properties;
mod recall;
mod reload;
mod revisions;
mod secrets;
mod serve;
mod swap;
