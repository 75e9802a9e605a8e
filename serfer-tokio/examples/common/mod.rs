//! What `node` and `guardian` have in common, on whatever runtime: their flags, how they are started,
//! and what they print about members.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use serfer_async::{Builder, Config, Member, MemberEvent, Runtime};

/// base64 of `SuperSecureToken`
const DEFAULT_KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";

#[derive(Parser)]
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
    /// A member to join through: address or host name. May be repeated
    #[arg(long, value_name = "ADDR[:PORT]")]
    join: Vec<String>,
    /// What others are to know of us. May be repeated
    #[arg(long, value_name = "K=V", value_parser = key_value)]
    tag: Vec<(String, String)>,
    /// A key of 16, 24 or 32 bytes; the first one seals what we send. May be repeated
    #[arg(long, value_name = "BASE64", default_value = DEFAULT_KEY)]
    key: Vec<String>,
    /// No encryption
    #[arg(long, conflicts_with = "key")]
    plain: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not of the form K=V")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Flags {
    /// A node that is as the flags say, on the runtime that `builder` is for.
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
        if !self.plain {
            for key in &self.key {
                builder = builder.key(key)?;
            }
        }
        Ok(builder)
    }
}

/// Tells who joined.
pub(crate) async fn join(event: MemberEvent) {
    println!("members: {}", describe(&event.members));
}

/// One line about each member.
fn describe(members: &[Member]) -> String {
    let describe = |member: &Member| {
        let (name, status, addr) = (member.name(), member.status(), member.addr());
        format!("{{ {name}\t{status}\t{addr}\t[{}] }}", member.tags())
    };
    members.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// Runs a program, with what the library traces on standard error (`RUST_LOG=serfer=debug`),
/// and says in plain words what went wrong.
pub(crate) async fn run(program: impl Future<Output = Result<(), Box<dyn Error>>>) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match program.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
