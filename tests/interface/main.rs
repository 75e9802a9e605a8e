//! Nodes whose network interface goes away while they run, on each runtime.
//!
//! Interfaces are made and removed here, so this program starts itself again in a network namespace
//! of its own. Where that is impossible its tests are ignored, which with `CI=true` is a failure.

#[path = "../obstacles.rs"]
mod obstacles;

use std::env;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Arguments;
use serfer_smol::Smol;
use serfer_tokio::{Builder, Config, Member, Runtime, Serfer, Status, Tokio};
use smol::{Executor, future};

use crate::obstacles::Case;

/// Set if this process is already alone in its network.
const ALONE: &str = "SERFER_ALONE_IN_A_NETWORK";

const OBSTACLE: &str = "no network can be made here, which takes root, `unshare` and `ip`";

/// A limit for what must not hang.
const SOON: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let is_alone = env::var_os(ALONE).is_some();
    if !is_alone && can_be_alone() {
        let program = env::current_exe().expect("this is a program");
        let error = alone(program).args(env::args_os().skip(1)).env(ALONE, "1").exec();
        panic!("it was possible before: {error}");
    }
    let case = |runtime: &str, play: fn()| Case {
        name: format!(
            "{runtime}::nodes_whose_interface_goes_away_go_on_and_find_each_other_when_it_is_back"
        ),
        play: Box::new(play),
        obstacle: (!is_alone).then_some(OBSTACLE),
    };
    obstacles::run(&Arguments::from_args(), vec![case("tokio", on_tokio), case("smol", on_smol)])
}

/// A program in a network of its own.
fn alone(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--"]).arg(program);
    command
}

fn can_be_alone() -> bool {
    let tried = alone("sh").args(["-c", &Interface(0).up()]).status();
    tried.is_ok_and(|it| it.success())
}

fn on_tokio() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("nothing hinders it");
    runtime.block_on(async { lose(Interface(1), Tokio::current()).await });
}

fn on_smol() {
    let executor = Arc::new(Executor::new());
    smol::block_on(executor.run(lose(Interface(2), Smol::on(executor.clone()))));
}

/// An interface, by number, with an address for each of two nodes. It is a bridge, in place of a
/// network card.
struct Interface(u8);

impl Interface {
    fn up(&self) -> String {
        let (name, [a, b]) = (self.name(), [1, 2].map(|node| self.address(node)));
        format!(
            "ip link set lo up && ip link add {name} type bridge && ip link set {name} up \
             && ip address add {a}/24 dev {name} && ip address add {b}/24 dev {name}"
        )
    }

    fn down(&self) -> String {
        format!("ip link delete {}", self.name())
    }

    fn name(&self) -> String {
        format!("eth{}", self.0)
    }

    fn address(&self, node: u8) -> String {
        format!("10.7.{}.{node}", self.0)
    }
}

fn shell(commands: &str) {
    let done = Command::new("sh").args(["-c", commands]).status();
    assert!(done.is_ok_and(|it| it.success()), "{commands}");
}

async fn lose<R: Runtime>(interface: Interface, runtime: R) {
    let node = |name, number| {
        let builder = Builder::new(runtime.clone(), Config::local(name));
        builder.bind(format!("{}:7946", interface.address(number)))
    };
    shell(&interface.up());
    let a = node("a", 1).start().await.expect("the address is there");
    let b = node("b", 2).join([interface.address(1)]).start().await.expect("a is there");
    until_each_sees_the_other(Status::Alive, [&a, &b], &runtime).await;

    shell(&interface.down());
    until_each_sees_the_other(Status::Failed, [&a, &b], &runtime).await;
    a.user_event("e", "").expect("it is not shut down");
    assert!(a.join([interface.address(2)]).await.is_err());
    let answers = a.query("q", "").expect("it is small").collect().await;
    assert_eq!(answers.acks, ["a".into()], "it still hears itself");

    shell(&interface.up());
    a.join([interface.address(2)]).await.expect("the interface is back");
    until_each_sees_the_other(Status::Alive, [&a, &b], &runtime).await;
    a.leave().await.expect("it is not shut down");
    let shut_down = async {
        a.shutdown().await;
        b.shutdown().await;
        true
    };
    let late = async {
        runtime.sleep_until(runtime.now() + SOON).await;
        false
    };
    assert!(future::or(shut_down, late).await, "it hangs");
}

async fn until_each_sees_the_other<R: Runtime>(status: Status, [a, b]: [&Serfer; 2], runtime: &R) {
    let is_so = |member: Option<Member>| member.is_some_and(|it| it.status() == status);
    let begin = Instant::now();
    while !is_so(a.member("b")) || !is_so(b.member("a")) {
        assert!(begin.elapsed() < 2 * SOON, "not in time: each sees that the other is {status}");
        runtime.sleep_until(runtime.now() + Duration::from_millis(20)).await;
    }
}
