//! What the running service costs and how fast it is: the binary `herald` in a release build, loaded over loopback.
//!
//! `make bench` runs everything; `cargo bench -p herald-tests --bench load -- matching waiting` some of it. Times depend on
//! the machine and on what else runs there, so whatever has an aim is measured beside what it is compared with, in turns.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::string_slice,
    reason = "a program that prints figures"
)]

mod accept;
mod dead;
mod deliveries;
mod floor;
mod matching;
mod meter;
mod poster;
mod service;
mod sink;
mod waiting;

/// What can be measured, in the order in which it is.
const SUBJECTS: [(&str, fn()); 6] = [
    ("latency", accept::latency),
    ("throughput", accept::throughput),
    ("matching", matching::run),
    ("deliveries", deliveries::run),
    ("waiting", waiting::run),
    ("dead", dead::run),
];

fn main() {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [flag, address, data, authority @ ..] = args.as_slice()
        && flag == "--floor"
    {
        return floor::run(address, data.as_ref(), authority.first().map(AsRef::as_ref));
    }
    for wanted in &args {
        let names = SUBJECTS.map(|(name, _)| name);
        assert!(names.contains(&wanted.as_str()), "there is no {wanted}, but {}", names.join(", "));
    }
    println!("{}", meter::machine());
    for (name, measure) in SUBJECTS {
        if args.is_empty() || args.iter().any(|wanted| wanted == name) {
            measure();
        }
    }
}
