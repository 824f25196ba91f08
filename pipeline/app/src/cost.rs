//! What a piece of work cost: CPU and wall seconds of this process, resident memory; and what machine it was.

use std::fs;
use std::time::Instant;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// CPU and wall seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Of all threads of this process, user and system.
    pub(crate) cpu_seconds: f64,
    pub(crate) wall_seconds: f64,
}

impl Cost {
    /// Pieces of work per CPU second.
    pub(crate) fn per_cpu_second(&self, count: usize) -> f64 {
        count as f64 / self.cpu_seconds.max(f64::EPSILON)
    }
}

/// Runs `work` and measures it.
pub(crate) fn measure<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let result = work();
    let cost = Cost { cpu_seconds: cpu_seconds() - cpu, wall_seconds: wall.elapsed().as_secs_f64() };
    (result, cost)
}

/// CPU seconds of this process so far, all threads, user and system (`CLOCK_PROCESS_CPUTIME_ID`).
pub(crate) fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Linux tells times of processes in hundredths of a second (`USER_HZ`) on every architecture that Streife runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of another process so far, 0 where they cannot be told (`utime` and `stime` of `/proc/PID/stat`).
pub(crate) fn cpu_seconds_of(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field is a name in brackets and may hold anything; of the fields after it these are the 12th and 13th.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

/// Resident memory of this process in megabytes (`VmRSS` of `/proc/self/status`), 0 where it cannot be told.
pub(crate) fn resident_megabytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Runs `work` with this process, its new threads and its new children on so many of the cores it may use, then on all
/// again. Without more ado where the system does not let a process choose.
pub(crate) fn on_cores<T>(count: usize, work: impl FnOnce() -> T) -> T {
    let Ok(all) = sched_getaffinity(None) else { return work() };
    let mut few = CpuSet::new();
    (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).take(count).for_each(|cpu| few.set(cpu));
    if sched_setaffinity(None, &few).is_err() {
        return work();
    }
    let result = work();
    // A thread that may not have its cores back goes on with fewer.
    let _ = sched_setaffinity(None, &all);
    result
}

/// Processor, cores and load, for the head of a report.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    format!("{model}, {} cores, load {load}, version {}", crate::open::cores(), env!("CARGO_PKG_VERSION"))
}
