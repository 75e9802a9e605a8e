//! Networks whose hosts can be cut off, and whose datagrams can get lost.
//!
//! A host is a network namespace with a cable to a switch: a virtual Ethernet pair, and a bridge in
//! one more namespace. Nothing of it is visible from outside, so networks do not disturb each
//! other. A process, a thread or a socket belongs to the namespace of its creator: see
//! [`Host::enter`].
//!
//! When a network is dropped, its namespaces are removed with all that is in them. What a killed
//! run leaves behind is removed by the next run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::rc::Rc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{self, Runtime};

use crate::harness::starting;

/// Where `ip` keeps the names of namespaces.
const NAMES: &str = "/run/netns";

/// The names of all our namespaces begin like this. Then comes the id of the process.
const PREFIX: &str = "serfer-test";

/// Why no network can be made here, if so.
pub(crate) static OBSTACLE: LazyLock<Option<String>> = LazyLock::new(|| {
    remove_leftovers();
    let lay = || {
        let network = Network::lay(Family::V4)?;
        let host = network.connect("any")?;
        network.lose_at(&host, 30)
    };
    let obstacle = lay().err()?;
    Some(format!("no networks can be made here, which takes root, `ip` and `nft`: {obstacle}"))
});

/// Why a network cannot have IPv6 addresses, if so.
pub(crate) static V6_OBSTACLE: LazyLock<Option<String>> = LazyLock::new(|| {
    let obstacle = Network::lay(Family::V6).and_then(|network| network.connect("any")).err()?;
    Some(format!("no network can have IPv6 addresses here: {obstacle}"))
});

pub(crate) struct Network {
    name: String,
    family: Family,
    hosts: RefCell<BTreeMap<String, Rc<Host>>>,
}

/// The kind of addresses that the hosts have.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    V4,
    V6,
}

/// A host of a network.
pub(crate) struct Host {
    pub(crate) ip: IpAddr,
    namespace: String,
    /// The end of its cable at the switch.
    port: String,
    /// The runtime whose threads are in this namespace.
    pub(crate) runtime: Runtime,
}

impl Network {
    /// A switch without hosts.
    pub(crate) fn lay(family: Family) -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}-{}-{number}", process::id());
        run(&format!("ip netns add {name}"))?;
        let network = Self { name, family, hosts: RefCell::default() };
        let switch = &network.name;
        run(&format!("ip -n {switch} link add switch type bridge"))?;
        run(&format!("ip -n {switch} link set switch up"))?;
        Ok(network)
    }

    /// The host of this name, which is made if it does not exist.
    pub(crate) fn host(&self, name: &str) -> Rc<Host> {
        let known = self.hosts.borrow().get(name).cloned();
        known.unwrap_or_else(|| {
            let host = self.connect(name).expect("a network that was laid can have hosts");
            self.hosts.borrow_mut().insert(name.to_owned(), host.clone());
            host
        })
    }

    fn connect(&self, name: &str) -> Result<Rc<Host>, String> {
        let number = self.hosts.borrow().len() as u8 + 1;
        let (switch, port) = (&self.name, format!("port{number}"));
        let namespace = format!("{switch}-{name}");
        // The address is certainly free, so the check for duplicates, which takes a second, is
        // skipped.
        let (ip, prefix) = match self.family {
            Family::V4 => (Ipv4Addr::new(10, 0, 0, number).into(), "24"),
            Family::V6 => {
                let ip = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into());
                (ip.into(), "64 nodad")
            }
        };
        run(&format!("ip netns add {namespace}"))?;
        run(&format!("ip -n {namespace} link set lo up"))?;
        let pair = format!("eth0 type veth peer name {port} netns {switch}");
        run(&format!("ip -n {namespace} link add {pair}"))?;
        run(&format!("ip -n {namespace} address add {ip}/{prefix} dev eth0"))?;
        run(&format!("ip -n {namespace} link set eth0 up"))?;
        run(&format!("ip -n {switch} link set {port} master switch up"))?;
        let _there = Visit::to(&namespace)?;
        if number > 1 && matches!(self.family, Family::V6) {
            wait_for_path(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1))?;
        }
        let mut runtime = runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        Ok(Rc::new(Host { ip, namespace, port, runtime }))
    }

    /// Cuts a host off: all that is sent to it or by it is lost silently.
    pub(crate) fn cut(&self, name: &str) {
        self.set_port(name, "nomaster");
    }

    /// Undoes a cut.
    pub(crate) fn mend(&self, name: &str) {
        self.set_port(name, "master switch");
    }

    fn set_port(&self, name: &str, how: &str) {
        let (switch, host) = (&self.name, self.host(name));
        let port = &host.port;
        run(&format!("ip -n {switch} link set {port} {how}")).expect("its port is there");
    }

    /// From now on this many percent of all datagrams are lost.
    pub(crate) fn lose(&self, percent: u8) {
        for host in self.hosts.borrow().values() {
            self.lose_at(host, percent).expect("what was possible once is possible again");
        }
    }

    fn lose_at(&self, host: &Host, percent: u8) -> Result<(), String> {
        let _there = host.enter();
        run("nft add table inet loss")?;
        run("nft add chain inet loss arrivals { type filter hook input priority 0 ; }")?;
        let some = format!("numgen random mod 100 < {percent}");
        run(&format!("nft add rule inet loss arrivals udp dport 7946 {some} counter drop"))?;
        Ok(())
    }

    /// From now on no datagram of one host reaches the other.
    pub(crate) fn block(&self, from: &str, to: &str) {
        let from = self.host(from).ip;
        let host = self.host(to);
        let _there = host.enter();
        let rules = [
            "add table inet blocks".to_owned(),
            "add chain inet blocks arrivals { type filter hook input priority 0 ; }".to_owned(),
            format!("add rule inet blocks arrivals ip saddr {from} udp dport 7946 drop"),
        ];
        for rule in rules {
            run(&format!("nft {rule}")).expect("what was possible once is possible again");
        }
    }

    /// How many datagrams were lost.
    pub(crate) fn lost(&self) -> u64 {
        let lost_at = |host: &Rc<Host>| {
            let _there = host.enter();
            let rules = run("nft list chain inet loss arrivals").expect("it loses datagrams");
            let (_, count) = rules.split_once("counter packets ").expect("it counts them");
            let count = count.split(' ').next().and_then(|count| count.parse::<u64>().ok());
            count.expect("a number follows")
        };
        self.hosts.borrow().values().map(lost_at).sum()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        remove(|namespace| {
            let rest = namespace.strip_prefix(&*self.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
    }
}

impl Host {
    /// Moves this thread to the host until the visit is dropped. What it starts is there, too.
    pub(crate) fn enter(&self) -> Visit {
        Visit::to(&self.namespace).expect("its namespace is there")
    }

    /// Runs a command there, given as words.
    #[track_caller]
    pub(crate) fn run(&self, command: &str) {
        let _there = self.enter();
        run(command).expect("what was possible once is possible again");
    }
}

/// A thread's stay in another namespace, which ends when this is dropped.
pub(crate) struct Visit {
    home: File,
    /// It must end on the thread that it began on.
    of_this_thread: PhantomData<*const ()>,
}

impl Visit {
    fn to(namespace: &str) -> Result<Self, String> {
        let open =
            |path: &Path| File::open(path).map_err(|error| format!("{}: {error}", path.display()));
        let home = open(Path::new("/proc/thread-self/ns/net"))?;
        let there = open(&Path::new(NAMES).join(namespace))?;
        move_to(&there).map_err(|error| format!("cannot move to {namespace}: {error}"))?;
        Ok(Self { home, of_this_thread: PhantomData })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        move_to(&self.home).expect("a thread can go back to where it was");
    }
}

fn move_to(namespace: &File) -> rustix::io::Result<()> {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
}

/// Waits until packets go to a host and back. With IPv6 a new link often loses those of its first
/// second, and in the local preset a join waits no longer than that.
fn wait_for_path(host: Ipv6Addr) -> Result<(), String> {
    const CLOSED_PORT: u16 = 1;
    const PAUSE: Duration = Duration::from_millis(100);
    for _ in 0..100 {
        let answer = TcpStream::connect_timeout(&(host, CLOSED_PORT).into(), PAUSE);
        if answer.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    Err(format!("{host} does not answer"))
}

/// Runs a command, given as words, and returns what it prints.
fn run(command: &str) -> Result<String, String> {
    let mut words = command.split_whitespace();
    let mut process = Command::new(words.next().expect("a command has a name"));
    process.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = starting::start(|| process.spawn());
    let output = process.and_then(process::Child::wait_with_output);
    let output = output.map_err(|error| format!("`{command}`: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("`{command}`: {}", text(&output.stderr)))
    }
}

fn remove_leftovers() {
    remove(|namespace| {
        let rest = namespace.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('-'));
        let process = rest.and_then(|rest| rest.split('-').next());
        process.is_some_and(|id| !PathBuf::from(format!("/proc/{id}")).exists())
    });
}

/// Removes the namespaces of these names.
fn remove(is_meant: impl Fn(&str) -> bool) {
    let names = fs::read_dir(NAMES).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    for name in names.filter(|name| is_meant(name)) {
        // Without the right to remove it, it could not have been made.
        let _ = run(&format!("ip netns delete {name}"));
    }
}
