//! What is measured and how it is told: times of a process, percentiles, medians, and the machine.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

/// The kernel counts time of processes in hundredths of a second, whatever its own clock is.
const TICK: Duration = Duration::from_millis(10);

/// How long a process has run so far, in its own code and in the kernel, on all its threads.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name of the command stands in brackets and may hold blanks; the fields after it are numbered from 3.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u32 =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum();
    TICK * ticks
}

/// A line of `/proc/PID/status` in bytes, such as `VmRSS`.
pub(crate) fn memory(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    value.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap()
        << 10
}

/// The bytes of the files of a journal.
pub(crate) fn journal_bytes(dir: &Path) -> u64 {
    let size = |name| fs::metadata(dir.join(name)).map_or(0, |file| file.len());
    size("journal.db") + size("journal.db-wal")
}

/// The value below which this share of the sorted times lies.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len().saturating_sub(1)) * percent / 100).copied().unwrap_or_default()
}

/// Figures of repeated rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    pub(crate) fn add(&mut self, figure: f64) {
        self.0.push(figure);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn add_micros(&mut self, time: Duration) {
        self.add(time.as_secs_f64() * 1e6);
    }

    pub(crate) fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

/// The median, and the least and the most.
impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = f.precision().unwrap_or(0);
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        write!(f, "{:.precision$} [{least:.precision$}-{most:.precision$}]", self.median())
    }
}

/// The machine, the load that others make on it, and the date.
pub(crate) fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kib = read("/proc/meminfo");
    let kib = kib.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
    format!(
        "{}, {cores} x {}, {} GB, Linux {}, load {}",
        Timestamp::now().strftime("%Y-%m-%d"),
        model.trim_start_matches([':', ' ', '\t']),
        kib >> 20,
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}
