//! The real agent: three of them on the loopback, as processes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::systems::CORE;

const IDLE: Duration = Duration::from_secs(30);

/// Those that are running, ended when this goes.
struct Agents(Vec<Child>);

impl Drop for Agents {
    fn drop(&mut self) {
        for agent in &mut self.0 {
            agent.kill().ok();
            agent.wait().ok();
        }
    }
}

/// What they take while nothing happens, and how long a query takes.
pub fn measure() -> Result<String, String> {
    let mut agents = Agents(Vec::new());
    for at in 0..3 {
        let agent = Command::new("taskset")
            .args(["-c", CORE, "serf", "agent", "-node", &format!("agent-{at}")])
            .args(["-bind", &format!("127.0.0.1:{}", 17_946 + at), "-rpc-addr", &rpc(at)])
            .args(if at > 0 { &["-join", "127.0.0.1:17946"][..] } else { &[] })
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        agents.0.push(agent.map_err(|why| why.to_string())?);
        sleep(Duration::from_millis(500));
    }
    sleep(Duration::from_secs(10));
    if serf(&["members", "-rpc-addr", &rpc(0)])?.matches("alive").count() != 3 {
        return Err("three agents do not see each other; is serf installed?".into());
    }
    let worked = || agents.0.iter().map(|agent| seconds(agent.id())).sum::<f64>();
    let start = worked();
    sleep(IDLE);
    let idle = (worked() - start) * 60.0 / IDLE.as_secs_f64() / 3.0;
    let resident = agents.0.iter().map(|agent| resident(agent.id())).sum::<f64>() / 3.0;
    let mut times = Vec::new();
    for _ in 0..3 {
        let begin = Instant::now();
        serf(&["query", "-rpc-addr", &rpc(0), "status"])?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let line = |metric, value: f64| format!("agent\tn=3\t{metric}\t{value}\n");
    Ok(line("cpu-s/node/min", idle) + &line("rss-kB/node", resident) + &line("query-ms", times[1]))
}

fn rpc(at: usize) -> String {
    format!("127.0.0.1:{}", 17_373 + at)
}

fn serf(arguments: &[&str]) -> Result<String, String> {
    let said = Command::new("serf").args(arguments).output().map_err(|why| why.to_string())?;
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}

/// How long a process has worked, of all its threads.
fn seconds(process: u32) -> f64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return 0.0 };
    let times = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e9
}

/// In kB.
fn resident(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}
