//! A node of ours in a process of its own: this program, started again. It can be stopped as an agent can, it
//! shows its log, and it may fail to start.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::rc::Rc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serfer_smol::Smol;
use serfer_tokio::{Builder, Config, Runtime, Tokio};
use tracing_subscriber::EnvFilter;

use crate::harness::network::Host;
use crate::harness::starting;
use crate::harness::wait::until;

/// Set in such a process: the runtime.
const RUNTIME: &str = "SERFER_PROGRAM_RUNTIME";
const NAME: &str = "SERFER_PROGRAM_NAME";
const BIND: &str = "SERFER_PROGRAM_BIND";
const JOIN: &str = "SERFER_PROGRAM_JOIN";

/// The runtimes that a program can have.
pub(crate) const RUNTIMES: [&str; 2] = ["tokio", "smol"];

pub(crate) struct Program {
    name: String,
    log: PathBuf,
    process: Child,
    _host: Option<Rc<Host>>,
}

impl Program {
    /// Starts a node that joins `seed`, if that is not empty.
    pub(crate) fn start(
        dir: PathBuf,
        host: Option<Rc<Host>>,
        [runtime, name, bind, seed]: [&str; 4],
    ) -> Self {
        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log).expect("the directory of the test is writable");
        let mut command = Command::new(env::current_exe().expect("this is a program"));
        command.envs([(RUNTIME, runtime), (NAME, name), (BIND, bind), (JOIN, seed)]);
        // It ends when this pipe does.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(file);
        let process = {
            let _there = host.as_deref().map(Host::enter);
            starting::start(|| command.spawn()).expect("it can be started")
        };
        Self { name: name.to_owned(), log, process, _host: host }
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("it was created")
    }

    /// Waits until a line of its log contains all of this.
    #[track_caller]
    pub(crate) fn logs(&self, words: &[&str], within: Duration) {
        until(format_args!("{} logs {words:?}", self.name), within, || {
            let log = self.log();
            let is_there = log.lines().any(|line| words.iter().all(|word| line.contains(word)));
            if is_there { Ok(()) } else { Err(log) }
        });
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process(self.pid(), Signal::KILL);
        let _ = self.process.wait();
    }
}

/// In such a process: runs the node until standard input ends.
pub(crate) fn play() -> Option<ExitCode> {
    let runtime = env::var(RUNTIME).ok()?;
    let filter = EnvFilter::new("serfer=debug");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(io::stderr)
        .init();
    let played = if runtime == "smol" {
        smol::block_on(run(Smol::global()))
    } else {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("nothing hinders it");
        runtime.block_on(async { run(Tokio::current()).await })
    };
    Some(if played { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run<R: Runtime>(runtime: R) -> bool {
    let [name, bind, join] = [NAME, BIND, JOIN].map(|key| env::var(key).unwrap_or_default());
    let config = Config::lan(name).tag("role", "node").expect("it is short");
    let mut builder = Builder::new(runtime, config).bind(bind);
    if !join.is_empty() {
        builder = builder.join([join]);
    }
    match builder.start().await {
        Ok(_node) => {
            // Nobody else needs this thread.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            true
        }
        Err(error) => {
            eprintln!("cannot start: {error}");
            false
        }
    }
}
