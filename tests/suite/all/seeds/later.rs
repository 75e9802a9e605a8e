//! Seeds that lead somewhere only later, or somewhere else.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::adapter::{Error, JoinPolicy, Serfer};
use super::super::{addr, builder, own_ip, run, sleep, spawn, start, until};
use super::name_server::{NameServer, SERVICE};

const MOMENT: Duration = Duration::from_millis(100);

fn in_file(file: &Path) -> String {
    format!("file:{}", file.display())
}

fn alive(serf: &Serfer) -> usize {
    serf.stats().members_alive
}

#[test]
fn a_seed_that_leads_nowhere_yet_is_like_one_where_nobody_answers() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seeds");
        let dns = NameServer::start();
        std::fs::write(&file, "# soon\n").unwrap();
        let missing = in_file(&dir.path().join("missing"));
        let unknown = "no-such-host.invalid".to_owned();
        let (service, other) = (format!("srv+{SERVICE}"), "srv+_other._tcp.test".to_owned());
        for seed in [in_file(&file), missing, unknown, service, other] {
            let node = || builder("b").dns_servers([dns.addr]).join([&seed]);
            let best = node().join_policy(JoinPolicy::BestEffort).start().await;
            assert!(best.is_ok(), "{seed}: {}", best.unwrap_err());
            let patient = node().join_policy(JoinPolicy::Retry { first: MOMENT, longest: MOMENT });
            let patient = spawn(patient.start());
            sleep(3 * MOMENT).await;
            assert!(patient.is_empty(), "{seed} ended a patient start");
            let error = node().start().await.unwrap_err();
            assert!(matches!(error, Error::NobodyReached(_)), "{seed}: {error}");
        }
    });
}

#[test]
fn a_seed_whose_text_is_wrong_is_an_error_whatever_the_policy() {
    run(async {
        let retry = JoinPolicy::Retry { first: MOMENT, longest: MOMENT };
        for policy in
            [JoinPolicy::BestEffort, JoinPolicy::Require(0), JoinPolicy::Require(1), retry]
        {
            let error = builder("a").join([":80", "srv+"]).join_policy(policy).start().await;
            let said = error.unwrap_err().to_string();
            assert!(said.contains("address \":80\" has no host"), "{said}");
            assert!(said.contains("address \"srv+\" has no host"), "{said}");
        }
        let mixed = [":80", "127.0.0.1:1"];
        let node = builder("a").join(mixed).join_policy(JoinPolicy::BestEffort).start().await;
        assert!(node.is_ok(), "the other may lead somewhere");
    });
}

#[test]
fn an_empty_file_is_read_again_until_there_is_a_seed_in_it() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seeds");
        std::fs::write(&file, "").unwrap();
        let best = builder("b").join([in_file(&file)]).join_policy(JoinPolicy::BestEffort);
        let best = best.seed_interval(MOMENT).start().await.unwrap();
        let patient = builder("c").join([in_file(&file)]);
        let patient = patient.join_policy(JoinPolicy::Retry { first: MOMENT, longest: MOMENT });
        let patient = spawn(patient.start());
        let a = start("a").await;
        std::fs::write(&file, addr(&a)).unwrap();
        let patient = patient.recv().await.unwrap().unwrap();
        until("all are there", || alive(&best) == 3 && alive(&patient) == 3).await;
    });
}

#[test]
fn a_node_that_is_alone_survives_an_empty_file() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seeds");
        let a = start("a").await;
        std::fs::write(&file, addr(&a)).unwrap();
        let b = builder("b").join([in_file(&file)]).seed_interval(MOMENT).start().await.unwrap();
        std::fs::write(&file, "").unwrap();
        a.shutdown().await;
        until("it is alone", || alive(&b) == 1).await;
        sleep(5 * MOMENT).await;
        let other = start("other").await;
        std::fs::write(&file, addr(&other)).unwrap();
        until("it has found the other", || alive(&b) == 2).await;
    });
}

/// Two islands of two nodes each get seeds in common.
async fn islands_meet(keeps_seeds: bool, joins_later: bool) {
    let dir = tempfile::tempdir().expect("there is room");
    let files = ["x", "y"].map(|name| dir.path().join(name));
    let ips: Vec<String> = (0..4).map(|_| SocketAddr::new(own_ip(), 7946).to_string()).collect();
    let mut all = Vec::new();
    for (n, ip) in ips.iter().enumerate() {
        let file = &files[n / 2];
        std::fs::write(file, ips[n / 2 * 2..][..2].join("\n")).expect("there is room");
        let node = builder(&format!("n-{n}")).bind(ip).seed_interval(MOMENT);
        let node = node.configure(|it| if keeps_seeds { it } else { it.seed_keeper(None) });
        let node = node.join_policy(JoinPolicy::BestEffort);
        let seeds = [in_file(file)];
        if joins_later {
            let node = node.start().await.expect("a port is free");
            let joined = node.join(&seeds).await.expect("it is a seed itself");
            assert!(joined.reached.iter().any(|it| it.to_string() == *ip), "{joined:?}");
            all.push(node);
        } else {
            all.push(node.join(&seeds).start().await.expect("a port is free"));
        }
    }
    until("there are two islands", || all.iter().all(|node| alive(node) == 2)).await;
    for file in &files {
        std::fs::write(file, ips.join("\n")).expect("there is room");
    }
    until("they are one", || all.iter().all(|node| alive(node) == 4)).await;
}

#[test]
fn two_islands_find_each_other_by_their_seeds() {
    run(islands_meet(true, false));
}

#[test]
fn two_islands_that_got_their_seeds_while_they_ran_find_each_other() {
    run(islands_meet(true, true));
}

#[test]
fn two_islands_without_seed_retries_find_each_other() {
    run(islands_meet(false, false));
}

#[test]
fn a_service_that_moves_is_found_where_it_is_now() {
    run(async {
        let dns = NameServer::start();
        let a = builder("a").bind("127.0.0.1:0").start().await.unwrap();
        let island = builder("island").bind("127.0.0.1:0").start().await.unwrap();
        dns.offer([("localhost", a.local_addr().port())]);
        let b = builder("b").dns_servers([dns.addr]).join([format!("srv+{SERVICE}")]);
        let b = b.seed_interval(MOMENT).start().await.unwrap();
        dns.offer([("localhost", island.local_addr().port())]);
        until("the island is found", || alive(&b) == 3).await;
    });
}

#[test]
fn nothing_is_told_twice_about_a_seed_that_cannot_be_reached() {
    run(async {
        let nobody = SocketAddr::new(own_ip(), 7946).to_string();
        let error = builder("a").join([&nobody]).start().await.unwrap_err().to_string();
        let expected =
            format!("cannot join: {nobody}: cannot connect: Connection refused (os error 111)");
        if cfg!(target_os = "linux") {
            assert_eq!(error, expected);
        }
        let named = format!("somebody/{nobody}");
        let error = builder("a").join([&named]).start().await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot join: {nobody}: cannot connect")), "{error}");
        let error = builder("a").join(["localhost:1"]).start().await.unwrap_err().to_string();
        assert!(error.contains("localhost:1 (127.0.0.1:1): cannot connect: "), "{error}");
    });
}

#[test]
fn a_newcomer_compares_everything_with_a_few_only() {
    run(async {
        let seed = start("seed").await;
        let mut all = Vec::new();
        for n in 0..30 {
            all.push(builder(&format!("n-{n}")).join([addr(&seed)]).start().await.unwrap());
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seeds");
        let lines: Vec<String> = all.iter().map(addr).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let begin = Instant::now();
        let late = builder("late").join([in_file(&file)]).start().await.unwrap();
        until("it knows all", || alive(&late) == 32).await;
        // Eight are dialled at once, eight more for each quarter of a second without any answer, and one more
        // for each of seven answers. The node also pings by streams.
        let most = 4 + 8 * (2 + begin.elapsed().as_millis() as u64 / 250);
        assert!(late.stats().streams_dialled <= most, "{}", late.stats().streams_dialled);
    });
}
