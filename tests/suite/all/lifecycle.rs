//! Starting and stopping.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use smol::channel::bounded;

use super::adapter::{
    Coalescing, Config, Delivery, Error, Event, JoinPolicy, Label, MemberChange, Options,
    SeedFailure, Serfer, Tags,
};
use super::{addr, builder, configured, own_ip, run, spawn, start, start_joined, until};

#[test]
fn a_node_shut_down_leaves_its_port_free_at_once() {
    run(async {
        let serf = start("a").await;
        let addr = addr(&serf);
        for _ in 0..20 {
            serf.shutdown().await;
            UdpSocket::bind(&addr).unwrap();
            TcpListener::bind(&addr).unwrap();
            let again = builder("a").bind(addr.clone()).start().await.unwrap();
            again.shutdown().await;
        }
    });
}

#[test]
fn a_node_whose_last_handle_is_dropped_is_shut_down() {
    run(async {
        let serf = start("a").await;
        let addr = addr(&serf);
        let clone = serf.clone();
        drop(serf);
        assert!(UdpSocket::bind(&addr).is_err(), "a clone keeps it going");
        drop(clone);
        until("the port is free", || UdpSocket::bind(&addr).is_ok()).await;
    });
}

#[test]
fn a_node_that_runs_until_it_is_told_to_stop_leaves_in_good_order() {
    run(async {
        let a = start("a").await;
        let (stop, stopped) = bounded::<()>(1);
        let b = builder("b").join([addr(&a)]);
        let running = spawn(b.run_until(async move { stopped.recv().await }));
        until("b is there", || a.members().len() == 2).await;
        let mut events = a.events();
        stop.close();
        loop {
            let Some(Ok(Event::Member(event))) = events.next().await else {
                panic!("a goes on");
            };
            assert_ne!(event.change, MemberChange::Failed);
            if event.change == MemberChange::Leave {
                break;
            }
        }
        running.recv().await.unwrap().unwrap();
    });
}

#[test]
fn a_node_that_is_told_to_stop_before_it_has_joined_leaves_nothing_running() {
    run(async {
        let [nobody, own] = [own_ip(), own_ip()].map(|ip| SocketAddr::new(ip, 7946));
        let patience = JoinPolicy::Retry { first: Duration::from_secs(9), longest: Duration::MAX };
        let node = builder("a").bind(own.to_string()).join([nobody.to_string()]);
        let stop = async { until("it has started", || UdpSocket::bind(own).is_err()).await };
        node.join_policy(patience).run_until(stop).await.unwrap();
        until("the port is free", || UdpSocket::bind(own).is_ok()).await;
    });
}

#[test]
fn a_node_that_is_shut_down_says_so_and_can_still_be_read() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        a.shutdown().await;
        a.shutdown().await;
        assert!(matches!(a.user_event("e", ""), Err(Error::Closed(_))));
        assert!(matches!(a.query("q", ""), Err(Error::Closed(_))));
        assert!(matches!(a.join([addr(&b)]).await, Err(Error::Closed(_))));
        assert!(matches!(a.leave().await, Err(Error::Closed(_))));
        assert!(matches!(a.set_tags(Tags::new()), Err(Error::Closed(_))));
        assert_eq!(a.events().next().await, None);
        assert_eq!(a.members().len(), 2);
        a.wait().await.unwrap();
    });
}

#[test]
fn events_that_are_held_back_are_told_when_a_node_is_shut_down() {
    run(async {
        let hour = Duration::from_secs(3600);
        let hours = Some(Coalescing { period: hour, quiescent: hour });
        let config = Config::local("a").coalesce_members(hours);
        let a = configured(config).start().await.unwrap();
        let mut events = a.events();
        a.shutdown().await;
        let Some(Ok(Event::Member(event))) = events.next().await else {
            panic!("it joined itself");
        };
        assert_eq!((event.change, event.members[0].name()), (MemberChange::Join, "a"));
        assert_eq!(events.next().await, None);
    });
}

#[test]
fn who_leaves_learns_who_has_heard() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        until("both are there", || [&a, &b].iter().all(|it| it.members().len() == 2)).await;
        let report = b.leave().await.unwrap();
        assert_eq!((report.others, report.told, report.confirmed), (1, 1, 1), "{report}");
        assert_eq!((report.intent, report.farewell), (Delivery::Drained, Delivery::Drained));
        assert_eq!(b.leave().await.unwrap(), report, "again is the same");
    });
}

#[test]
fn the_default_port_gives_way_and_the_name_tells() {
    run(async {
        let ip = own_ip().to_string();
        let [first, second] = [(), ()].map(|()| builder("").bind(&ip).named_after_host());
        let first = first.start().await.unwrap();
        let second = second.start().await.unwrap();
        let (first, second) = (first.local_member().unwrap(), second.local_member().unwrap());
        assert_eq!((first.addr().port(), second.addr().port()), (7946, 7947));
        assert_eq!(second.name(), format!("{}-7947", first.name()));
    });
}

#[test]
fn a_port_that_is_taken_is_named() {
    run(async {
        let holder = start("a").await;
        let taken = holder.local_member().unwrap().addr();
        let error = builder("b").bind(taken.to_string()).start().await.unwrap_err();
        assert!(matches!(&error, Error::Bind { addr, .. } if *addr == taken), "{error}");
        assert!(error.to_string().starts_with(&format!("cannot bind {taken}: ")), "{error}");
        drop(holder);
    });
}

#[test]
fn the_address_that_is_advertised_may_be_part_of_the_configuration() {
    run(async {
        let behind: SocketAddr = "192.0.2.1:7000".parse().unwrap();
        let config = Config::local("a").advertise(behind);
        let builder = || configured(config.clone());
        let addr = |serf: Serfer| serf.local_member().unwrap().addr();
        assert_eq!(addr(builder().start().await.unwrap()), behind);

        let advertise = Some("192.0.2.2:7000".to_owned());
        let options = Options { advertise, ..Options::default() };
        let bind = format!("{}:0", own_ip());
        let builder = builder().options(Options { bind, ..options });
        assert_eq!(addr(builder.start().await.unwrap()), "192.0.2.2:7000".parse().unwrap());
    });
}

#[test]
fn wrong_settings_are_named() {
    run(async {
        let error = builder("a").bind("127.0.0.1:99999").start().await.unwrap_err().to_string();
        assert!(error.contains("port \"99999\""), "{error}");
        let error =
            builder("a").bind("no-such-host.invalid").start().await.unwrap_err().to_string();
        assert!(error.contains("\"no-such-host.invalid\" does not resolve"), "{error}");
        let error = builder("a").bind("192.0.2.1:7946").start().await.unwrap_err().to_string();
        assert!(error.starts_with("cannot bind 192.0.2.1:7946: "), "{error}");
        assert!(
            error.ends_with(
                "; bind to an address of this machine, and advertise the one that others are to use"
            ),
            "{error}"
        );
        let error = builder("a").advertise("0.0.0.0").start().await.unwrap_err().to_string();
        assert!(error.contains("is not an address that others can reach"), "{error}");
        let error = builder("").start().await.unwrap_err().to_string();
        assert!(
            error.starts_with("configuration: name \"\" is empty; give it one, or have it named"),
            "{error}"
        );
        let error = builder(&"x".repeat(129)).start().await.unwrap_err().to_string();
        assert!(error.ends_with("of 129 bytes is longer than 128 bytes"), "{error}");
        let error = builder("a").key("c2hvcnQ=").unwrap_err().to_string();
        assert_eq!(
            error,
            "a key of 5 bytes is not 16, 24 or 32 bytes long; as text it is base64, see `serf keygen`"
        );
        let error = Label::new("x".repeat(256)).unwrap_err().to_string();
        assert_eq!(error, "label of 256 bytes is not 1 to 255 bytes long");
    });
}

#[test]
fn seeds_that_cannot_be_joined_are_each_named_and_nothing_is_left_running() {
    run(async {
        let [nobody, own] = [own_ip(), own_ip()].map(|ip| SocketAddr::new(ip, 7946));
        let seeds = [nobody.to_string(), "no-such-host.invalid".to_owned(), ":80".to_owned()];
        let error = builder("a").bind(own.to_string()).join(seeds).start().await.unwrap_err();
        let Error::NobodyReached(failures) = &error else {
            panic!("{error}");
        };
        assert!(matches!(
            &failures.0[..],
            [SeedFailure::Address(_), SeedFailure::Address(_), SeedFailure::Join { addr, .. }]
                if *addr == nobody
        ));
        UdpSocket::bind(own).unwrap();
    });
}

#[test]
fn one_seed_that_can_be_reached_is_enough() {
    run(async {
        let a = builder("a").bind("127.0.0.1:0").start().await.unwrap();
        let b = start("b").await;
        let addr = a.local_member().unwrap().addr();
        let seeds = [own_ip().to_string(), format!("localhost:{}", addr.port()), ":80".to_owned()];
        let joined = b.join(&seeds).await.unwrap();
        assert_eq!(joined.reached, [addr]);
        assert!(joined.failed.len() >= 2, "{joined:?}");
        assert_eq!(b.members().len(), 2);
    });
}
