//! What `node` and `guardian` share, on every runtime: their flags, how they start, and what they
//! print about members.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};
use serfer_async::{Builder, Config, Member, MemberEvent, Runtime};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// base64 of `SuperSecureToken`
const DEFAULT_KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";

/// The end of the output of `--help`.
const HELP: &str = "Ctrl-C leaves the cluster. Warnings are on standard error; RUST_LOG=serfer=info also tells who \
comes and goes, RUST_LOG=serfer=debug what is dropped and why.";

#[derive(Parser)]
#[command(version, after_help = HELP)]
pub(crate) struct Flags {
    /// Where to listen. Without a port: 7946, or the next that is free
    #[arg(long, value_name = "ADDR[:PORT]", default_value = "0.0.0.0")]
    bind: String,
    /// Where others reach us. By default an address of this machine, and the port that is bound
    #[arg(long, value_name = "ADDR[:PORT]")]
    advertise: Option<String>,
    /// What others call us. By default the host name, with the port unless it is 7946
    #[arg(long)]
    name: Option<String>,
    /// Whom to join: an address or host name, srv+NAME or file:PATH. May be repeated
    #[arg(long, value_name = "ADDR[:PORT]")]
    join: Vec<String>,
    /// What others are to know of us. May be repeated
    #[arg(long, value_name = "K=V", value_parser = key_value)]
    tag: Vec<(String, String)>,
    /// A key of 16, 24 or 32 bytes; the first one seals what we send. May be repeated
    #[arg(long, value_name = "BASE64", default_value = DEFAULT_KEY)]
    key: Vec<String>,
    /// Where to keep the keys, as they change. A new file is created with the first --key; if it is there, its own
    /// keys count
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    keyring_file: Option<PathBuf>,
    /// No encryption
    #[arg(long, conflicts_with = "key")]
    plain: bool,
    /// Where to remember the cluster, to come back to it without --join
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not of the form K=V")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Flags {
    /// The flags of the command line. `about` says what the program is for.
    pub(crate) fn parse_for(about: &'static str) -> Self {
        let matches = Self::command().about(about).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// A node as the flags say, on the runtime of `builder`.
    pub(crate) fn apply<R: Runtime>(
        self,
        builder: impl FnOnce(Config) -> Builder<R>,
    ) -> Result<Builder<R>, Box<dyn Error>> {
        let mut config = Config::lan(self.name.as_deref().unwrap_or_default());
        for (key, value) in self.tag {
            config = config.tag(key, value)?;
        }
        let mut builder = builder(config).bind(self.bind).join(self.join);
        if self.name.is_none() {
            builder = builder.named_after_host();
        }
        if let Some(advertise) = self.advertise {
            builder = builder.advertise(advertise);
        }
        if let Some(snapshot) = self.snapshot {
            builder = builder.snapshot(snapshot);
        }
        match (self.keyring_file, &self.key[..]) {
            _ if self.plain => {}
            (Some(path), [first]) => builder = builder.keyring_file_or_create(path, first)?,
            (Some(_), _) => return Err("give one --key with --keyring-file, for a new file".into()),
            (None, keys) => {
                for key in keys {
                    builder = builder.key(key)?;
                }
            }
        }
        Ok(builder)
    }
}

/// Prints which members join, leave, fail or change.
pub(crate) fn members(event: MemberEvent) {
    println!("{}: {}", event.change, describe(&event.members));
}

/// One line about each member.
fn describe(members: &[Member]) -> String {
    let describe = |member: &Member| {
        let (name, status, addr) = (member.name(), member.status(), member.addr());
        format!("{{ {name}\t{status}\t{addr}\t[{}] }}", member.tags())
    };
    members.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// Runs a program, and prints what went wrong in plain words. The library's traces go to standard
/// error: warnings, unless `RUST_LOG` says otherwise.
pub(crate) async fn run(program: impl Future<Output = Result<(), Box<dyn Error>>>) -> ExitCode {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into());
    let filter = filter.from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    match program.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
