//! The limits of a call and of all calls together, and what they mean for wasmtime.
//!
//! It knows wasmtime's configuration and must not know modules or calls.

use std::time::Duration;

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
};

/// How many memories, tables and core instances one module may have. Modules made from Rust have one of each; the
/// tools of JavaScript and Python use several.
pub(crate) const MEMORIES_PER_MODULE: u32 = 8;
pub(crate) const TABLES_PER_MODULE: u32 = 16;
pub(crate) const CORE_INSTANCES_PER_MODULE: u32 = 64;

/// The limits of a call and of all calls together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the memories of one call may hold together, in bytes.
    pub memory_bytes: usize,
    /// What each table of a call may hold, in elements.
    pub table_elements: usize,
    /// How many component handles a call may hold at once.
    pub handles: usize,
    /// How much a module may give back in one answer, in bytes.
    pub output_bytes: usize,
    /// How long a call may run, counted in ticks while its code is on a CPU.
    pub running: Duration,
    /// How long a call may take in all, waiting for a CPU included but not the wait for its turn.
    pub wall: Duration,
    /// The length of a tick: a call that runs longer gives way to others.
    pub tick: Duration,
    /// How many calls run at once, besides one of each module that has a place reserved.
    pub concurrent: u32,
    /// How many modules have a place reserved, so that bad modules cannot take every place from good ones.
    pub reserved: u32,
    /// How many calls of one module run at once.
    pub concurrent_per_module: u32,
    /// How long a call waits for a place.
    pub wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            handles: 1_000,
            output_bytes: 4 << 20,
            running: Duration::from_millis(250),
            wall: Duration::from_secs(5),
            tick: Duration::from_millis(5),
            concurrent: 64,
            reserved: 64,
            concurrent_per_module: 16,
            wait: Duration::from_secs(60),
        }
    }
}

/// What one module may have less of than others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What the memories of one call may hold together, in bytes.
    pub memory_bytes: Option<usize>,
    /// How long a call may run.
    pub running: Option<Duration>,
}

impl Settings {
    /// The same for a module with limits of its own. They only ever take away.
    pub(crate) fn within(&self, limits: Limits) -> Self {
        let least = |own: Option<usize>, house: usize| own.map_or(house, |own| own.min(house));
        Self {
            memory_bytes: least(limits.memory_bytes, self.memory_bytes),
            running: limits.running.map_or(self.running, |own| own.min(self.running)),
            ..self.clone()
        }
    }
}

impl Settings {
    /// The same with room for one call and a clock that lets others run.
    pub(crate) fn usable(self) -> Self {
        Self {
            tick: self.tick.max(Duration::from_millis(1)),
            concurrent: self.concurrent.max(1),
            concurrent_per_module: self.concurrent_per_module.max(1),
            ..self
        }
    }

    /// How many ticks a call may run; at least one, so that every call may begin.
    pub(crate) fn slices(&self) -> u64 {
        let slices = self.running.as_nanos().div_ceil(self.tick.as_nanos());
        u64::try_from(slices).unwrap_or(u64::MAX).max(1)
    }

    /// The configuration in which memories and stacks are reserved beforehand: a call costs a third of what it costs
    /// otherwise.
    pub(crate) fn pooling(&self) -> Config {
        let n = self.concurrent.saturating_add(self.reserved);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(n)
            // Each call may have as many as a module may have: else modules with many would leave none to others.
            .total_core_instances(n.saturating_mul(CORE_INSTANCES_PER_MODULE))
            .total_memories(n.saturating_mul(MEMORIES_PER_MODULE))
            .total_tables(n.saturating_mul(TABLES_PER_MODULE))
            .total_stacks(n.saturating_mul(2))
            .max_core_instances_per_component(CORE_INSTANCES_PER_MODULE)
            .max_memories_per_component(MEMORIES_PER_MODULE)
            .max_memories_per_module(MEMORIES_PER_MODULE)
            .max_tables_per_component(TABLES_PER_MODULE)
            .max_tables_per_module(TABLES_PER_MODULE)
            .max_core_instance_size(16 << 20)
            .max_component_instance_size(4 << 20)
            .max_memory_size(self.memory_bytes)
            .table_elements(self.table_elements)
            // Clearing a few pages costs less than giving them back to the kernel, which the kernel's list of touched
            // pages, where there is one, keeps to those.
            .linear_memory_keep_resident(128 << 10)
            .pagemap_scan(Enabled::Auto);
        let mut config = common();
        config.allocation_strategy(pool);
        config
    }

    /// The configuration for where the address space for [`Settings::pooling`] cannot be had.
    pub(crate) fn on_demand(&self) -> Config {
        let mut config = common();
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        config
    }
}

impl Settings {
    /// The configuration for compiling alone: nothing is reserved, and no thread is started whose memory counts.
    ///
    /// What is compiled depends on [`common`] only, so all engines can run it.
    pub(crate) fn compiling() -> Config {
        let mut config = common();
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        config.parallel_compilation(false);
        config
    }
}

fn common() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Modules made by the tools of JavaScript use its built-ins.
        .concurrency_support(true)
        .epoch_interruption(true)
        .memory_init_cow(true)
        // The memories of a trapped call are read for the text of its panic.
        .coredump_on_trap(true)
        // Names of functions suffice, and a module's debug information is not to be parsed on each trap.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // A module called twice with the same delivery gives the same answer.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modules_own_limits_only_take_away() {
        let house = Settings::default();
        let limits = Limits { memory_bytes: Some(1 << 20), running: Some(Duration::from_secs(9)) };
        let own = house.within(limits);
        assert_eq!((own.memory_bytes, own.running), (1 << 20, house.running));
        assert_eq!(house.within(Limits::default()), house);
    }

    #[test]
    fn running_time_is_counted_in_whole_ticks() {
        let check = |running, tick, slices| {
            let settings = Settings {
                running: Duration::from_millis(running),
                tick: Duration::from_millis(tick),
                ..Settings::default()
            };
            assert_eq!(settings.usable().slices(), slices, "{running} ms in ticks of {tick} ms");
        };
        check(250, 5, 50);
        check(12, 5, 3);
        check(0, 5, 1);
        check(7, 0, 7);
    }
}
