//! A real `serf agent`, driven by the `serf` command.

use std::cell::RefCell;
use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serfer_tokio::Coalesce;
use tokio::time::timeout;

use crate::harness::network::Host;
use crate::harness::node::RUNTIME;
use crate::harness::peer::{Answers, Entry, Heard, Identity, Message, Peer, Question, Roster};
use crate::harness::rpc::Rpc;
use crate::harness::setting::{AgentKeys, Setting};
use crate::harness::starting;
use crate::harness::wait::{PATIENCE, SOON, until};

/// The absolute path of the real `serf`: the one that `SERF_BIN` names, or else the first on the
/// `PATH`.
pub(crate) static SERF: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let named = env::var_os("SERF_BIN").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        env::split_paths(&path).map(|dir| dir.join("serf")).find(|serf| serf.is_file())
    });
    found.and_then(|serf| serf.canonicalize().ok())
});

/// Log lines with one of these words, in any case, mean that the agent did not understand a
/// message.
pub(crate) const FAULTS: [&str; 13] = [
    "failed to decode",
    "not supported",
    "could decrypt",
    "failed to decompress",
    "error decoding",
    "invalid checksum",
    "truncated",
    "too short",
    "msgtype",
    "unknown type",
    "unexpected node",
    "failed push/pull merge",
    "conflict",
];

/// How long a command may take. A query is open for 1.6 s, and leaving takes up to 5 s.
const COMMAND_MAX: Duration = Duration::from_secs(20);

const HANDLER: &str = include_str!("handler.sh");

pub(crate) struct Agent {
    identity: Identity,
    dir: PathBuf,
    process: RefCell<Child>,
    host: Option<Rc<Host>>,
}

impl Agent {
    /// Starts an agent and waits until it runs and, if the flags say so, has joined.
    #[track_caller]
    pub(crate) fn start(
        dir: PathBuf,
        identity: Identity,
        setting: &Setting,
        host: Option<Rc<Host>>,
        flags: &[&str],
    ) -> Self {
        let write = |file: &str, content: &[u8]| {
            fs::write(dir.join(file), content).expect("the directory of the test is writable");
        };
        write("handler.sh", HANDLER.as_bytes());
        write("heard", b"");
        let log = File::create(dir.join("log")).expect("the directory of the test is writable");
        let Entry { name, addr, tags, .. } = identity.entry();
        let mut command = Command::new(serf());
        command.arg("agent").args([setting.preset.agent_flag(), "-log-level=debug"]);
        command.args([format!("-node={name}"), format!("-bind={addr}")]);
        command.arg(format!("-rpc-addr={}", rpc_addr(&identity))).args(setting.agent_flags);
        command.args(tags.iter().map(|(key, value)| format!("-tag={key}={value}")));
        command.arg(format!("-event-handler=*=sh '{}'", dir.join("handler.sh").display()));
        match setting.agent_keys {
            AgentKeys::None => {}
            AgentKeys::Flag(key) => drop(command.arg(format!("-encrypt={key}"))),
            AgentKeys::File(keys) => {
                write("keyring", format!("{keys:?}").as_bytes());
                command.arg(format!("-keyring-file={}", dir.join("keyring").display()));
            }
        }
        command.args(flags).env("HEARD", dir.join("heard")).stdin(Stdio::null());
        command.stderr(log.try_clone().expect("a file can be opened twice")).stdout(log);
        let process = {
            let _there = host.as_deref().map(Host::enter);
            starting::start(|| command.spawn()).expect("serf can be started")
        };
        let agent = Self { identity, dir, process: RefCell::new(process), host };
        agent.logs("Log data will now stream in", 1);
        agent
    }

    /// Runs `serf COMMAND …` and returns what it prints.
    ///
    /// # Panics
    /// If it fails or takes too long.
    #[track_caller]
    pub(crate) fn run(&self, command: &[&str]) -> String {
        let output = self.output(command);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "serf {command:?} failed: {printed}");
        printed
    }

    /// Runs `serf COMMAND …`, which must fail, and returns all that it prints.
    #[track_caller]
    pub(crate) fn fails(&self, command: &[&str]) -> String {
        let output = self.output(command);
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert!(!output.status.success(), "serf {command:?} did not fail: {printed}");
        printed
    }

    /// The path of its keyring file, if it has one.
    pub(crate) fn keyring_file(&self) -> PathBuf {
        self.dir.join("keyring")
    }

    #[track_caller]
    fn output(&self, command: &[&str]) -> Output {
        let (first, rest) = command.split_first().expect("a command");
        let mut serf = tokio::process::Command::new(serf());
        serf.arg(first).arg(format!("-rpc-addr={}", rpc_addr(&self.identity))).args(rest);
        serf.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let _there = self.host.as_deref().map(Host::enter);
        let output = RUNTIME.block_on(async {
            let process = starting::start(|| serf.spawn()).expect("serf can be started");
            timeout(COMMAND_MAX, process.wait_with_output()).await
        });
        let Ok(output) = output else {
            panic!("serf {command:?} takes longer than {COMMAND_MAX:?}");
        };
        output.expect("serf can be run")
    }

    /// A connection to its RPC, for what its command does not print.
    #[track_caller]
    pub(crate) fn rpc(&self) -> Rpc {
        let _there = self.host.as_deref().map(Host::enter);
        Rpc::connect(rpc_addr(&self.identity))
    }

    /// Waits until its log contains this text this many times.
    #[track_caller]
    pub(crate) fn logs(&self, text: &str, times: usize) {
        let name = self.identity.entry().name;
        until(format_args!("{name} logs {text:?} {times} times"), PATIENCE, || {
            let is_running = self.is_running();
            let log = self.log();
            if log.matches(text).count() >= times {
                return Ok(());
            }
            assert!(is_running, "{name} ended:\n{log}");
            Err(log)
        });
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        read(&self.dir.join("log"))
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process.borrow())
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.process.borrow_mut().try_wait(), Ok(None))
    }

    /// Leaves the cluster as after Ctrl-C, and ends.
    #[track_caller]
    fn interrupt(&self) {
        let pid = Pid::from_child(&self.process.borrow());
        kill_process(pid, Signal::INT).expect("it is our child");
        let name = self.identity.entry().name;
        let ended = until(format_args!("{name} ends after SIGINT"), SOON, || {
            let ended = self.process.borrow_mut().try_wait().expect("it is our child");
            ended.ok_or("it runs")
        });
        assert!(ended.success(), "{name} left, but it ended with {ended}");
    }

    /// Waits until it has shut down by itself, as it does when it loses its name.
    #[track_caller]
    pub(crate) fn ends_by_itself(&self) {
        let ended = || if self.is_running() { Err(self.log()) } else { Ok(()) };
        until("the agent ends", SOON, ended);
        self.identity.is_now("failed");
    }

    /// Ends without leaving. Its snapshot is written first.
    #[track_caller]
    pub(crate) fn terminate(&self) {
        self.identity.is_now("failed");
        let pid = Pid::from_child(&self.process.borrow());
        kill_process(pid, Signal::TERM).expect("it is our child");
        until("it ends after SIGTERM", SOON, || {
            let ended = self.process.borrow_mut().try_wait().expect("it is our child");
            ended.ok_or("it runs")
        });
    }

    fn end(&self) {
        let mut process = self.process.borrow_mut();
        // It may have ended already.
        let _ = process.kill();
        let _ = process.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
    }
}

impl Peer for Agent {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn roster(&self) -> Roster {
        let printed = json(&self.run(&["members", "-format=json"]));
        let members = printed["members"].as_array().into_iter().flatten();
        Roster::of(members.map(|member| {
            let text = |key: &str| member[key].as_str().unwrap_or_default().to_owned();
            let tags = member["tags"].as_object().into_iter().flatten();
            let tags = tags
                .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
            Entry {
                name: text("name"),
                addr: text("addr"),
                status: text("status"),
                tags: tags.collect(),
            }
        }))
    }

    fn heard(&self) -> Vec<Heard> {
        let heard = read(&self.dir.join("heard"));
        heard.split_inclusive('\n').filter_map(|line| parse(line.strip_suffix('\n')?)).collect()
    }

    #[track_caller]
    fn send(&self, event: &str, payload: &str, coalesce: Coalesce) {
        let flag = match coalesce {
            Coalesce::No => "-coalesce=false",
            // Agents coalesce by themselves.
            Coalesce::Yes => "--",
        };
        self.run(&["event", flag, event, payload]);
    }

    #[track_caller]
    fn ask(&self, question: &Question<'_>) -> Answers {
        let node = question.node.map(|node| format!("-node={node}"));
        let tag = question.tag.map(|(tag, expr)| format!("-tag={tag}={expr}"));
        let relay = format!("-relay-factor={}", question.relay_factor);
        let mut command = vec!["query", &relay];
        command.extend(node.as_deref());
        command.extend(tag.as_deref());
        command.extend([question.name, question.payload]);
        let printed = self.run(&command);
        let answers = answers(&printed);
        for total in [
            format!("Total Acks: {}", answers.acks.len()),
            format!("Total Responses: {}", answers.replies.len()),
        ] {
            assert!(printed.lines().any(|line| line == total), "no {total:?} in\n{printed}");
        }
        answers
    }

    #[track_caller]
    fn set_tag(&self, key: &str, value: &str) {
        self.identity.is_tagged(key, value);
        self.run(&["tags", "-set", &format!("{key}={value}")]);
    }

    #[track_caller]
    fn untold(&self) -> u64 {
        let info = json(&self.run(&["info", "-format=json"]));
        let queue = |queue: &str| info["serf"][queue].as_str()?.parse::<u64>().ok();
        let queues = ["intent_queue", "event_queue", "query_queue"].map(queue);
        queues.into_iter().map(|len| len.expect("it tells how long its queues are")).sum()
    }

    #[track_caller]
    fn leave(&self) {
        self.identity.is_now("left");
        self.interrupt();
    }

    fn kill(&self) {
        self.identity.is_now("failed");
        self.end();
    }

    #[track_caller]
    fn force_leave(&self, name: &str) {
        self.run(&["force-leave", name]);
    }

    #[track_caller]
    fn prune(&self, name: &str) {
        self.run(&["force-leave", "-prune", name]);
    }
}

/// The address of its RPC.
fn rpc_addr(identity: &Identity) -> SocketAddr {
    SocketAddr::new(identity.ip, 7373)
}

fn serf() -> &'static Path {
    SERF.as_deref().expect("without a serf all tests are ignored")
}

fn json(printed: &str) -> serde_json::Value {
    serde_json::from_str(printed).expect("it prints JSON if asked to")
}

fn read(file: &Path) -> String {
    let bytes = fs::read(file).expect("it was created when the agent was started");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A line that `handler.sh` wrote.
fn parse(line: &str) -> Option<Heard> {
    let (what, rest) = line.split_once('\t')?;
    let (name, rest) = rest.split_once('\t')?;
    let name = name.to_owned();
    if what.starts_with("member-") {
        return Some(Heard::Member { change: what.to_owned(), name });
    }
    let (ltime, payload) = rest.split_once('\t')?;
    let message = Message { name, payload: payload.to_owned(), ltime: ltime.parse().ok()? };
    Some(if what == "query" { Heard::Query(message) } else { Heard::Event(message) })
}

/// The acks and replies in the output of `serf query`.
fn answers(printed: &str) -> Answers {
    let quoted = |text: &str| text.strip_suffix('\'').map(str::to_owned);
    let ack = |line: &str| quoted(line.strip_prefix("Ack from '")?);
    let reply = |line: &str| {
        let (from, reply) = line.strip_prefix("Response from '")?.split_once("': ")?;
        Some((from.to_owned(), reply.to_owned()))
    };
    Answers::new(
        printed.lines().filter_map(ack).collect(),
        printed.lines().filter_map(reply).collect(),
    )
}
