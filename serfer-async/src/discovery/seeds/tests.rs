//! Tests of what seeds lead to.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_lite::future;

use super::*;

/// The hosts, services and files that can be looked up, by name.
#[derive(Clone, Default)]
struct World {
    hosts: BTreeMap<&'static str, &'static str>,
    services: BTreeMap<&'static str, Vec<(&'static str, u16)>>,
    files: BTreeMap<&'static str, &'static str>,
}

impl World {
    fn resolver(self) -> SeedResolver {
        let Self { hosts, services, files } = self;
        let resolver: HostResolver = Box::new(move |host, port| {
            let ip = hosts.get(&*host).and_then(|ip| ip.parse().ok());
            let addr = ip.map(|ip| SocketAddr::new(ip, port));
            Box::pin(
                async move { addr.map(|addr| vec![addr]).ok_or_else(|| io::Error::other("who?")) },
            )
        });
        let services = Box::new(move |service: String| -> BoxFuture<_> {
            let target = |&(host, port): &(&str, u16)| {
                let ips = if host == "dns-only.example" {
                    vec![[10, 0, 0, 9].into()]
                } else {
                    Vec::new()
                };
                SrvTarget { host: host.into(), port, ips: Box::pin(async { ips }) }
            };
            let found = services.get(&*service).map(|found| found.iter().map(target).collect());
            Box::pin(async move { found.ok_or_else(|| "there is no such name".to_owned()) })
        });
        let files = Box::new(move |path: PathBuf| -> BoxFuture<_> {
            let content = path.to_str().and_then(|path| files.get(path)).copied();
            let missing = io::Error::from(io::ErrorKind::NotFound);
            Box::pin(async move { content.map(str::to_owned).ok_or(missing) })
        });
        SeedResolver::of(resolver, services, files, never())
    }
}

/// A sleep that never ends.
fn never() -> Lookup<Duration, ()> {
    Box::new(|_| Box::pin(future::pending()))
}

/// What is found, in the order in which it is found.
fn resolve(resolver: SeedResolver, seeds: Vec<String>) -> Vec<SeedFinding> {
    let (sender, findings) = async_channel::unbounded();
    future::block_on(Arc::new(resolver).resolve(seeds, sender));
    std::iter::from_fn(|| findings.try_recv().ok()).collect()
}

/// The addresses and the failures, in words.
fn found(world: World, seeds: &[&str]) -> (Vec<String>, Vec<String>) {
    let texts = seeds.iter().map(|&seed| seed.to_owned()).collect();
    let (mut addrs, mut failed) = (Vec::new(), Vec::new());
    for SeedFinding { seed, result } in resolve(world.resolver(), texts) {
        match result {
            Ok(found) => addrs.extend(found.iter().map(|it| format!("{it} by {}", seeds[seed]))),
            Err(failure) => failed.push(failure.to_string()),
        }
    }
    (addrs, failed)
}

#[test]
fn a_service_leads_to_its_hosts_at_their_ports() {
    let world = World {
        hosts: [("a.example", "10.0.0.1"), ("b.example", "10.0.0.2")].into(),
        services: [("_serf._tcp.example", vec![("a.example", 7001), ("b.example", 7002)])].into(),
        ..World::default()
    };
    let (addrs, failed) = found(world.clone(), &["srv+_serf._tcp.example"]);
    let by = "by srv+_serf._tcp.example";
    assert_eq!(addrs, [format!("10.0.0.1:7001 {by}"), format!("10.0.0.2:7002 {by}")]);
    assert_eq!(failed, [""; 0]);
    let (_, failed) = found(world.clone(), &["srv+_consul._tcp.example"]);
    assert_eq!(failed, ["srv+_consul._tcp.example: there is no such name"]);
    let (_, failed) = found(world, &["srv+"]);
    assert_eq!(failed, ["address \"srv+\" has no host"]);
}

#[test]
fn a_file_has_a_seed_in_each_line() {
    let content = "# ours\n10.0.0.1\n\n  10.0.0.2:80 # the second\nnobody\nfile:more\n10.0.0.1";
    let world = World { files: [("/etc/seeds", content)].into(), ..World::default() };
    let (addrs, failed) = found(world.clone(), &["file:/etc/seeds"]);
    let by = "by file:/etc/seeds";
    assert_eq!(
        addrs,
        ["10.0.0.1:7946", "10.0.0.2:80", "10.0.0.1:7946"].map(|it| format!("{it} {by}"))
    );
    assert_eq!(
        failed,
        [
            "/etc/seeds:5: address \"nobody\" does not resolve: who?",
            "/etc/seeds:6: more: a file of seeds cannot name another one",
        ]
    );
    let (_, failed) = found(world, &["file:/etc/none"]);
    assert_eq!(failed, ["/etc/none: entity not found"]);
}

#[test]
fn names_are_looked_up_side_by_side_within_a_limit() {
    let running: Arc<Mutex<[usize; 2]>> = Arc::default();
    let counted = running.clone();
    // The later a name, the sooner it is found.
    let resolver: HostResolver = Box::new(move |host, port| {
        let running = counted.clone();
        Box::pin(async move {
            let number: u8 = host.parse().expect("all names are numbers");
            let [now, most] = *running.lock().unwrap();
            *running.lock().unwrap() = [now + 1, most.max(now + 1)];
            for _ in number..100 {
                future::yield_now().await;
            }
            running.lock().unwrap()[0] -= 1;
            if number == 21 {
                return Err(io::Error::other("who?"));
            }
            Ok(vec![SocketAddr::from(([10, 0, 0, number], port))])
        })
    });
    let services = Box::new(|_| -> BoxFuture<_> {
        let targets = (20..60).map(|host: u8| SrvTarget {
            host: host.to_string(),
            port: 1,
            ips: Box::pin(async { Vec::new() }),
        });
        Box::pin(async move { Ok(targets.collect()) })
    });
    let lines = (60..100).map(|host| format!("{host}:1")).collect::<Vec<_>>().join("\n");
    let files = Box::new(move |_| -> BoxFuture<_> {
        let lines = lines.clone();
        Box::pin(async move { Ok(lines) })
    });
    let resolver = SeedResolver::of(resolver, services, files, never());
    let mut seeds: Vec<String> = (10..20).map(|host| format!("{host}:1")).collect();
    seeds.extend(["srv+x", "file:/x", "10.0.0.100:1"].map(str::to_owned));
    let findings = resolve(resolver, seeds);
    let mut addrs: Vec<SocketAddr> =
        findings.iter().filter_map(|it| it.result.as_ref().ok()).flatten().copied().collect();
    assert_eq!(addrs[0], ([10, 0, 0, 100], 1).into(), "it needs no lookup");
    addrs.sort();
    let expected = (10..=100).filter(|number| *number != 21);
    let expected: Vec<_> = expected.map(|n| SocketAddr::from(([10, 0, 0, n], 1))).collect();
    assert_eq!(addrs, expected);
    assert_eq!(findings.iter().filter(|it| it.result.is_err()).count(), 1);
    assert_eq!(*running.lock().unwrap(), [0, LOOKUPS_MAX]);
}

#[test]
fn a_seed_that_fails_does_not_keep_others_from_being_found() {
    let world = World { hosts: [("here", "10.0.0.1")].into(), ..World::default() };
    let (addrs, failed) = found(world, &[":80", "there", "here", "10.0.0.1:7946"]);
    assert_eq!(addrs, ["10.0.0.1:7946 by 10.0.0.1:7946", "10.0.0.1:7946 by here"]);
    assert_eq!(failed.len(), 2);
}

#[test]
fn a_seed_that_leads_nowhere_yet_is_a_failure_in_words() {
    let nothing = |content| World { files: [("/seeds", content)].into(), ..World::default() };
    for content in ["", "\n\n", "# soon\n"] {
        let (addrs, failed) = found(nothing(content), &["file:/seeds"]);
        assert_eq!(
            (addrs.len(), &failed[..]),
            (0, &["/seeds: there is no seed in it yet".to_owned()][..])
        );
    }
    let nobody: HostResolver = Box::new(|_, _| Box::pin(async { Ok(Vec::new()) }));
    let mut resolver = World::default().resolver();
    resolver.resolver = nobody;
    let findings = resolve(resolver, vec!["here".to_owned()]);
    let failure = findings[0].result.as_ref().unwrap_err().to_string();
    assert_eq!(failure, "address \"here\" does not resolve: no address");
}

#[test]
fn a_file_that_is_not_all_text_or_far_too_long_is_read_as_far_as_it_makes_sense() {
    let file = |content: String| World {
        files: [("/seeds", &*content.leak())].into(),
        ..World::default()
    };
    let (addrs, failed) =
        found(file("\u{feff}10.0.0.1\n\0\0\u{fffd}\n10.0.0.2\n".into()), &["file:/seeds"]);
    assert_eq!((addrs.len(), failed.len()), (2, 1), "{addrs:?} {failed:?}");
    let long: String = (0..100_000).map(|n| format!("10.0.{}.{}\n", n / 250, n % 250)).collect();
    let (addrs, failed) = found(file(long), &["file:/seeds"]);
    assert_eq!(addrs.len(), LINES_MAX);
    assert_eq!(failed, ["/seeds:1025: a file has 1024 seeds at most; the rest is left out"]);
}

#[test]
fn the_text_of_a_seed_is_wrong_or_it_is_not_however_the_network_is() {
    let texts = |seeds: &[&str]| seeds.iter().map(|&it| it.to_owned()).collect::<Vec<String>>();
    let right = texts(&["10.0.0.1", "a.example:7946", "srv+_serf._tcp.example.", "file:/none"]);
    assert_eq!(faults(&right), []);
    let label = format!("srv+{}.example", "x".repeat(64));
    let wrong = texts(&["", ":80", "a:b", "[::1", "srv+", "srv+.", &label]);
    assert_eq!(faults(&wrong).len(), wrong.len());
    assert!(check(&wrong).is_err() && check(&[]).is_ok());
    assert!(check(&[wrong, right].concat()).is_ok(), "some may lead somewhere");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_file_of_seeds_and_keeps_no_thread_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("seeds");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let (done, outcome) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(read_file(&pipe).map_err(|error| error.to_string())));
    let outcome = outcome.recv_timeout(Duration::from_secs(5)).expect("it does not wait");
    assert_eq!(outcome.unwrap_err(), "it is not a regular file");
}

#[test]
fn lookups_that_never_end_are_given_up_and_take_nothing_from_what_was_found() {
    let resolver = SeedResolver {
        services: Box::new(|_| Box::pin(future::pending())),
        sleep: Box::new(|_| Box::pin(future::yield_now())),
        ..World { hosts: BTreeMap::from([("a", "10.0.0.1")]), ..World::default() }.resolver()
    };
    let seeds = (0..50).map(|n| format!("srv+s{n}")).chain(["a".to_owned()]);
    let seeds: Vec<String> = ["a".to_owned()].into_iter().chain(seeds).collect();
    let found = resolve(resolver, seeds);
    assert!(found[0].result.is_ok());
    let failed: Vec<String> =
        found.iter().filter_map(|it| Some(it.result.as_ref().err()?.to_string())).collect();
    assert_eq!(failed[0], "srv+s0: not all is looked up within 60s");
    assert!(failed.len() >= 50, "{failed:?}");
}
