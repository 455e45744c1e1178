//! WASI without powers, for languages that cannot do without it: its functions are there and give nothing away.
//!
//! There is no environment, argument, file or network, and nothing to read; what is written to standard output is gone,
//! and the end of standard error is kept for the case that the call fails. Clocks stand still and chance is no chance,
//! so that a module answers the same delivery in the same way. It must not know the interface of modules.

mod clock;
mod stderr;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use herald_core::formatter::Delivery;
use wasmtime::Result;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::p2::{self, bindings::clocks::monotonic_clock};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::sandbox::Sandbox;
use clock::{Stopped, StoppedWall};
use stderr::Tail;

/// What `wasi:cli/imports` of WASI 0.2 holds. `wasi:http` is not part of it: a module describes requests, and the host
/// sends them.
const INTERFACES: &[&str] = &[
    "cli/environment",
    "cli/exit",
    "cli/stderr",
    "cli/stdin",
    "cli/stdout",
    "cli/terminal-input",
    "cli/terminal-output",
    "cli/terminal-stderr",
    "cli/terminal-stdin",
    "cli/terminal-stdout",
    "clocks/monotonic-clock",
    "clocks/wall-clock",
    "filesystem/preopens",
    "filesystem/types",
    "io/error",
    "io/poll",
    "io/streams",
    "random/insecure",
    "random/insecure-seed",
    "random/random",
    "sockets/instance-network",
    "sockets/ip-name-lookup",
    "sockets/network",
    "sockets/tcp",
    "sockets/tcp-create-socket",
    "sockets/udp",
    "sockets/udp-create-socket",
];

/// How many random bytes a module may take at once. They are made in the host, where nothing interrupts.
const RANDOM_BYTES: u64 = 64 << 10;

/// Whether an import of this name is part of WASI as the host has it, in any release of 0.2: they are compatible.
pub(crate) fn offers(name: &str) -> bool {
    let Some((interface, version)) =
        name.strip_prefix("wasi:").and_then(|name| name.split_once('@'))
    else {
        return false;
    };
    INTERFACES.contains(&interface)
        && version.strip_prefix("0.2.").is_some_and(|patch| patch.parse::<u16>().is_ok())
}

/// Offers all of it to a module.
pub(crate) fn link(linker: &mut Linker<Sandbox>) -> Result<()> {
    p2::add_to_linker_async(linker)?;
    // The clock of `wasmtime-wasi` may be replaced, but what waits for it waits for the machine's all the same.
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<Sandbox, Stopped<'static>>(linker, |sandbox| {
        let nanos = sandbox.moment().nanos();
        Stopped::new(nanos, sandbox.ctx().table)
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What a module takes for the time and for chance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Since 1970, as the delivery shows it.
    seconds: u64,
    seed: [u8; 32],
}

impl Moment {
    /// For calls that are not about a delivery: a second after the beginning of 1970, as the runtime of Go takes a clock
    /// that says 0 for a broken one, and always the same numbers.
    pub(crate) const FIXED: Moment = Moment { seconds: 1, seed: [0; 32] };

    /// The same for each call with the same delivery. Its id is known to receivers, so the numbers are no secret.
    pub(crate) fn of(delivery: &Delivery) -> Moment {
        Moment {
            seconds: u64::try_from(delivery.now.as_second()).unwrap_or(0),
            seed: delivery.id.as_str().as_bytes().try_into().unwrap_or([0; 32]),
        }
    }

    fn nanos(self) -> u64 {
        self.seconds.saturating_mul(1_000_000_000)
    }

    /// One of several sources of numbers that have nothing to do with each other.
    fn numbers(self, stream: u64) -> ChaCha12Rng {
        let mut numbers = ChaCha12Rng::from_seed(self.seed);
        numbers.set_stream(stream);
        numbers
    }
}

/// What WASI holds for one call.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    stderr: Tail,
}

impl Wasi {
    pub(crate) fn new(moment: Moment) -> Self {
        let stderr = Tail::default();
        let mut seed = moment.numbers(2);
        let seed = u128::from(seed.next_u64()) << 64 | u128::from(seed.next_u64());
        let ctx = WasiCtx::builder()
            .stderr(stderr.clone())
            .wall_clock(StoppedWall { seconds: moment.seconds })
            .secure_random(moment.numbers(0))
            .insecure_random(moment.numbers(1))
            .insecure_random_seed(seed)
            .max_random_size(RANDOM_BYTES)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self { ctx, table: ResourceTable::new(), stderr }
    }

    /// The end of what was written to standard error.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasi_is_known_by_interface_and_version() {
        let check = |name: &str, known: bool| assert_eq!(offers(name), known, "{name}");
        check("wasi:cli/environment@0.2.0", true);
        check("wasi:cli/stderr@0.2.6", true);
        check("wasi:sockets/tcp@0.2.9", true);
        check("wasi:filesystem/types@0.2.12", true);
        check("wasi:io/poll@0.2.13", true);
        check("wasi:cli/environment", false);
        check("wasi:cli/environment@0.2", false);
        check("wasi:cli/environment@0.2.0-rc-2023-11-10", false);
        check("wasi:cli/environment@0.3.0", false);
        check("wasi:cli/run@0.2.6", false);
        check("wasi:http/outgoing-handler@0.2.9", false);
        check("wasi:keyvalue/store@0.2.0", false);
        check("herald:provider/log@0.1.0", false);
    }

    #[test]
    fn numbers_depend_on_the_seed_and_on_what_they_are_for() {
        let first = |moment: Moment, stream| moment.numbers(stream).next_u64();
        let other = Moment { seed: [1; 32], ..Moment::FIXED };
        assert_eq!(first(other, 0), first(other, 0));
        assert_ne!(first(other, 0), first(other, 1));
        assert_ne!(first(other, 0), first(Moment::FIXED, 0));
    }
}
