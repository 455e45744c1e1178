//! Herald as a whole: the running binary against receivers on loopback, and the way out against real TLS and proxies.

#![allow(clippy::unwrap_used, reason = "tests")]

mod commands;
mod crash;
mod disk;
mod egress;
mod reload;
mod serve;
mod swap;
