//! The programs: how each is built, and how a work is run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The core that everything runs on.
pub const CORE: &str = "1";
/// No work takes so many seconds.
const LONGEST: &str = "600";

pub struct System {
    /// As in the table.
    pub name: &'static str,
    kind: Kind,
    works: &'static [&'static str],
}

enum Kind {
    /// A package of this workspace.
    Package(&'static str),
    /// A workspace of its own: its `Cargo.toml` says why.
    Apart(&'static str),
    /// The Go program, and which of its systems.
    Go(&'static str),
}

pub const SYSTEMS: [System; 7] = [
    System {
        name: "serfer",
        kind: Kind::Package("bench-serfer"),
        works: &[
            "ping-ack",
            "known-8",
            "fresh",
            "gossip-1000",
            "push-pull",
            "aead",
            "heap",
            "cluster-100",
            "cluster-200",
            "query-3",
            "rate",
            "simulator",
        ],
    },
    System { name: "serfer", kind: Kind::Apart("bench-serfer-aws-lc"), works: &["aead"] },
    System {
        name: "serfer",
        kind: Kind::Apart("bench-serfer-shared"),
        works: &["cluster-100", "cluster-200"],
    },
    System {
        name: "foca",
        kind: Kind::Package("bench-foca"),
        works: &["ping-ack", "known-8", "fresh", "gossip-1000", "heap"],
    },
    System {
        name: "Go memberlist",
        kind: Kind::Go("memberlist"),
        works: &[
            "ping-ack",
            "known-8",
            "fresh",
            "gossip-1000",
            "push-pull",
            "aead",
            "heap",
            "cluster-100",
        ],
    },
    System {
        name: "Go serf",
        kind: Kind::Go("serf"),
        works: &["push-pull", "heap", "cluster-100", "query-3", "rate"],
    },
    System { name: "bare cipher", kind: Kind::Package("bench-aead"), works: &["aead"] },
];

impl System {
    pub fn does(&self, work: &str) -> bool {
        self.works.contains(&work)
    }

    /// Builds its program, and tells where it is.
    pub fn build(&self, root: &Path) -> Result<PathBuf, String> {
        let bench = root.join("bench");
        let target = target(root);
        let mut command = Command::new("cargo");
        command
            .args(["build", "--release", "--quiet"])
            .current_dir(&bench)
            .env("CARGO_TARGET_DIR", &target);
        let program = match self.kind {
            Kind::Package(package) => {
                command.args(["--package", package]);
                target.join("release").join(package)
            }
            Kind::Apart(package) => {
                let folder = bench.join(package.trim_start_matches("bench-"));
                command.current_dir(folder);
                target.join("release").join(package)
            }
            Kind::Go(_) => {
                let program = target.join("bench-go");
                command = Command::new("go");
                command.args(["build", "-o"]).arg(&program).arg(".").current_dir(bench.join("go"));
                command.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode");
                program
            }
        };
        let done = command.output().map_err(|why| format!("{why}"))?;
        if done.status.success() {
            return Ok(program);
        }
        let said = String::from_utf8_lossy(&done.stderr);
        Err(said
            .lines()
            .find(|line| line.contains("error") || line.contains("cannot"))
            .unwrap_or("it fails")
            .into())
    }

    /// Does a work, and tells what the program says of it.
    pub fn run(&self, program: &Path, work: &str) -> Result<String, String> {
        let mut command = Command::new("timeout");
        command.args([LONGEST, "taskset", "-c", CORE]).arg(program);
        match self.kind {
            Kind::Go(system) => {
                command.arg(system).arg(work);
            }
            // That program does nothing else.
            Kind::Package("bench-aead") => {}
            _ => {
                command.arg(work);
            }
        }
        let done = command.output().map_err(|why| format!("{why}"))?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&done.stderr);
        Err(format!("it fails: {}", said.lines().next().unwrap_or("in time it does not end")))
    }
}

/// Where everything is built.
pub fn target(root: &Path) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    folder.unwrap_or_else(|| root.join("bench/target"))
}
