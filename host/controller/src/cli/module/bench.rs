//! `herald module bench`: what a call of a module costs.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};
use herald_engine::CallError;

use super::subject::{Name, Subject, engine};
use crate::cli::modules_dir::CompileFlags;
use crate::cli::{Failed, print};
use crate::rehearsal::opening::openings;
use crate::telemetry::report;

/// Calls before it is measured: the first ones take what later ones find warm.
const WARM_UP: usize = 20;

/// Measure what a call of a module costs.
///
/// For each case: the time from the making of a sandbox to the module's first answer, as the median (p50) and as what one
/// call in a hundred takes at least (p99), and what its memory comes to; and how long compiling took. A call may run for
/// 250 ms and take 64 MiB. Other work on the machine makes times longer, so compare runs on a quiet one.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 when it was measured; 1 when the module cannot be loaded or a call fails; 64 when a file cannot be read."
)]
pub(super) struct Bench {
    /// The module: a .wasm file or built-in:TYPE.
    #[arg(value_name = "FILE")]
    module: Name,
    /// A folder of case folders, instead of the cases inside.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// How many calls are measured for each case.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = value_parser!(u32).range(1..))]
    calls: u32,
    #[command(flatten)]
    compile: CompileFlags,
}

impl Bench {
    pub(super) async fn run(self) -> Result<(), Failed> {
        crate::cli::warn_on_stderr()?;
        let engine = engine()?;
        let subject = Subject::load(&engine, &self.module, self.compile.limits()).await?;
        let cases = subject.cases(self.cases.as_deref())?;
        print(format_args!(
            "{}: {} bytes, compiled in {}",
            subject.kind,
            subject.wasm.len(),
            shown(subject.compiled_in)
        ));
        print(format_args!("{:>10}  {:>10}  {:>10}  case", "p50", "p99", "memory"));
        for (name, case, _) in cases.iter() {
            let openings = openings(&engine, &subject.module, &case, |_| {}).await;
            let Some(opening) = openings.first() else {
                print(format_args!(
                    "{:>10}  {:>10}  {:>10}  {name}: the module is not called",
                    "-", "-", "-"
                ));
                continue;
            };
            let mut times = Vec::new();
            let mut memory = 0;
            for call in 0..WARM_UP + self.calls as usize {
                let failed = |err: CallError| Failed::Run(format!("{name}: {}", report(&err)));
                let place = subject.module.place().await.map_err(failed)?;
                let measured = place.measured(&opening.delivery, opening.disclosure()).await;
                let (_, cost) = measured.map_err(failed)?;
                memory = memory.max(cost.memory_bytes);
                if call >= WARM_UP {
                    times.push(cost.time);
                }
            }
            times.sort_unstable();
            print(format_args!(
                "{:>10}  {:>10}  {:>6} KiB  {name}",
                shown(quantile(&times, 50)),
                shown(quantile(&times, 99)),
                memory.div_ceil(1024),
            ));
        }
        Ok(())
    }
}

/// The time that so many of a hundred calls stay below or at; the times are sorted.
fn quantile(times: &[Duration], percent: usize) -> Duration {
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}

fn shown(time: Duration) -> String {
    match time.as_micros() {
        0..1_000 => format!("{:.1} us", time.as_secs_f64() * 1e6),
        1_000..1_000_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!(quantile(&times, 50), Duration::from_micros(100));
        assert_eq!(quantile(&times, 99), Duration::from_micros(198));
        assert_eq!(quantile(&times[..1], 99), Duration::from_micros(1));
        assert_eq!(quantile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn a_time_has_a_unit_that_fits() {
        for (nanos, text) in
            [(9_800, "9.8 us"), (1_250_000, "1.2 ms"), (2_000_000_000, "2.0 s"), (0, "0.0 us")]
        {
            assert_eq!(shown(Duration::from_nanos(nanos)), text);
        }
    }
}
