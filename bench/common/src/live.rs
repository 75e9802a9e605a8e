//! What a process takes while a cluster runs in it, from `/proc`.

use std::fs;

/// A member of `/proc/self/status` in its unit, as `VmRSS` in kB.
fn status(path: &str, key: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

/// How much memory is resident, in kB.
pub fn resident() -> f64 {
    status("/proc/self/status", "VmRSS")
}

/// How often its threads have given up the processor, of their own will or not.
pub fn switches() -> f64 {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return 0.0 };
    let paths = tasks.flatten().map(|task| task.path().join("status").display().to_string());
    let both = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
    paths.map(|path| both.iter().map(|key| status(&path, key)).sum::<f64>()).sum()
}
