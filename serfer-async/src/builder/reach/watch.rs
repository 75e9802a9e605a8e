//! The address that a node advertises may be gone while it runs: a lease ends, a cable is pulled, a laptop
//! moves to another network.
//!
//! An address that was chosen is replaced by the one that would be chosen now, and others are told. One that
//! was given, or that the sockets are bound to, cannot be replaced; then a warning says what to do.
//! Interfaces are looked at every few seconds, which costs next to nothing and works on every system.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::choice::{Choice, Why, choose};
use super::local::Surroundings;
use crate::node::shared::Shared;
use crate::node::sockets::HeardFamilies;
use crate::runtime::Runtime;

/// How often it is looked at: often enough to be at the new address before anybody is sure that we are dead.
const INTERVAL: Duration = Duration::from_secs(2);

/// In how many looks a change must be seen, so that an interface that is set up anew is no change.
const LOOKS: u32 = 2;

/// The address that a node advertises.
#[derive(Clone, Debug)]
pub(crate) struct Advertised {
    pub(crate) addr: SocketAddr,
    /// Why it was chosen; `None` if it was given.
    pub(crate) choice: Option<Choice>,
}

/// What was found out by looking.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    AsBefore,
    /// Another address has to be advertised.
    Moved(Choice),
    /// The address is gone, and there is none instead.
    Gone,
    /// The address is there again.
    Back,
}

/// Looks at the interfaces until the node ends.
pub(crate) async fn watch<R: Runtime>(
    runtime: R,
    shared: Arc<Shared>,
    advertised: Advertised,
    heard: HeardFamilies,
) {
    let mut watch = AddressWatch::of(advertised);
    loop {
        runtime.sleep_until(runtime.now() + INTERVAL).await;
        let Ok(around) = runtime.unblock(Surroundings::look).await else {
            continue;
        };
        let old = watch.advertised.addr;
        match watch.look(&around, heard) {
            Finding::AsBefore => {}
            Finding::Moved(choice) => {
                tracing::warn!(target: "serfer::runtime", %old, "our address has changed; advertising {choice}");
                let addr = SocketAddr::new(choice.ip, old.port());
                shared.tell(|state, now| drop(state.endpoint.set_advertise(now, addr)));
            }
            Finding::Gone if watch.advertised.choice.is_some() => {
                tracing::warn!(target: "serfer::runtime", addr = %old, "the address that we advertise is gone, and there is no other yet");
            }
            Finding::Gone => {
                tracing::warn!(target: "serfer::runtime", addr = %old, "the address that we advertise is gone from this machine, so others lose us; bind 0.0.0.0 or [::] and advertise nothing, and the node follows by itself");
            }
            Finding::Back => {
                tracing::info!(target: "serfer::runtime", addr = %old, "the address that we advertise is back");
            }
        }
    }
}

struct AddressWatch {
    advertised: Advertised,
    /// It was an address of this machine. Others, of a proxy for example, cannot be watched.
    is_ours: bool,
    /// In how many looks something was different.
    looks: u32,
}

impl AddressWatch {
    fn of(advertised: Advertised) -> Self {
        Self { is_ours: advertised.choice.is_some(), advertised, looks: 0 }
    }

    fn look(&mut self, around: &Surroundings, heard: HeardFamilies) -> Finding {
        let is_there = around.has(self.advertised.addr.ip());
        self.is_ours |= is_there;
        if !self.is_ours {
            return Finding::AsBefore;
        }
        let better = self.better(around, heard, is_there);
        if is_there && better.is_none() {
            let was_gone = std::mem::take(&mut self.looks) >= LOOKS;
            return if was_gone { Finding::Back } else { Finding::AsBefore };
        }
        self.looks = self.looks.saturating_add(1);
        match better {
            Some(choice) if self.looks >= LOOKS => {
                self.looks = 0;
                self.advertised.addr.set_ip(choice.ip);
                self.advertised.choice = Some(choice.clone());
                Finding::Moved(choice)
            }
            None if self.looks == LOOKS => Finding::Gone,
            _ => Finding::AsBefore,
        }
    }

    /// What has to be advertised instead, if anything. As long as an address works, only a default route is
    /// better, and only than none, or than one of IPv6 if it is of IPv4: others that hear only IPv4 cannot
    /// follow to IPv6, so that is left again. Without a default route, an address must at least be of the same
    /// interface and family: a bridge must not stand in for a cable that is pulled.
    fn better(
        &self,
        around: &Surroundings,
        heard: HeardFamilies,
        is_there: bool,
    ) -> Option<Choice> {
        let old = self.advertised.choice.as_ref()?;
        let new = choose(around, heard)?;
        let current = self.advertised.addr.ip();
        let is_new = new.ip != current;
        let is_like_it = new.ip.is_ipv4() == current.is_ipv4();
        let is_here = new.interface == old.interface;
        let is_sure = match new.why {
            Why::DefaultRoute => {
                let is_back = is_here && current.is_ipv6() && new.ip.is_ipv4();
                let had_none = old.why != Why::DefaultRoute;
                !is_there || is_back || had_none && (is_like_it || !is_here)
            }
            Why::OnlyOne | Why::Guess(_) => !is_there && is_like_it && is_here,
        };
        (is_new && is_sure).then_some(new)
    }
}

/// Whether an address can be watched at all.
pub(crate) fn is_worth_it(ip: IpAddr) -> bool {
    !ip.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::reach::choice::tests::around;

    const V4: HeardFamilies = HeardFamilies { v4: true, v6: false };
    const BOTH: HeardFamilies = HeardFamilies { v4: true, v6: true };

    /// What is found by looking at one set of addresses after another.
    fn found(watch: &mut AddressWatch, looks: &[&[&str]]) -> Vec<String> {
        found_by(watch, V4, looks)
    }

    fn found_by(watch: &mut AddressWatch, heard: HeardFamilies, looks: &[&[&str]]) -> Vec<String> {
        let found = looks.iter().map(|addresses| match watch.look(&around(addresses), heard) {
            Finding::Moved(choice) => choice.ip.to_string(),
            other => format!("{other:?}"),
        });
        found.collect()
    }

    fn chosen(addresses: &[&str]) -> AddressWatch {
        let choice = choose(&around(addresses), V4).unwrap();
        let addr = SocketAddr::new(choice.ip, 7946);
        AddressWatch::of(Advertised { addr, choice: Some(choice) })
    }

    fn given(ip: &str) -> AddressWatch {
        let addr = SocketAddr::new(ip.parse().unwrap(), 7946);
        AddressWatch::of(Advertised { addr, choice: None })
    }

    const HOME: &[&str] = &["eth0 >10.0.0.1", "docker0 172.17.0.1"];
    const MOVED: &[&str] = &["eth0 >10.0.0.9", "docker0 172.17.0.1"];
    const UNPLUGGED: &[&str] = &["-eth0 10.0.0.1", "docker0 172.17.0.1", "tun0 10.8.0.1"];
    const BARE: &[&str] = &["docker0 172.17.0.1"];

    #[test]
    fn an_address_that_was_chosen_is_replaced_once_it_is_gone_for_good() {
        let found = found(&mut chosen(HOME), &[HOME, MOVED, HOME, MOVED, MOVED, MOVED, HOME, HOME]);
        let expected =
            ["AsBefore"; 4].into_iter().chain(["10.0.0.9", "AsBefore", "AsBefore", "10.0.0.1"]);
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_bridge_does_not_stand_in_for_a_cable_that_is_pulled() {
        let found = found(&mut chosen(HOME), &[UNPLUGGED, UNPLUGGED, BARE, HOME, HOME]);
        assert_eq!(found, ["AsBefore", "Gone", "AsBefore", "Back", "AsBefore"]);
    }

    #[test]
    fn a_lease_of_ipv4_that_is_lost_for_a_moment_does_not_leave_a_node_at_ipv6() {
        let both = &["eth0 >10.0.0.1", "eth0 >fd00::1"][..];
        let v6 = &["eth0 >fd00::1"][..];
        let looks = [v6, v6, both, both, both];
        let expected = ["AsBefore", "fd00::1", "AsBefore", "10.0.0.1", "AsBefore"];
        assert_eq!(found_by(&mut chosen(both), BOTH, &looks), expected);
        // The default route of IPv4 may go: its address still works.
        let no_route = &["eth0 10.0.0.1", "eth0 >fd00::1"][..];
        assert_eq!(found_by(&mut chosen(both), BOTH, &[no_route; 3]), ["AsBefore"; 3]);
        // A tunnel of IPv4 is no reason to leave IPv6.
        let mut watch = AddressWatch::of(Advertised {
            addr: SocketAddr::new("fd00::1".parse().unwrap(), 7946),
            choice: choose(&around(v6), BOTH),
        });
        let tunnel = &["eth0 >fd00::1", "tun0 >10.8.0.1"][..];
        assert_eq!(found_by(&mut watch, BOTH, &[v6, tunnel, tunnel]), ["AsBefore"; 3]);
        // Nor does it matter that a router shows up that only knows IPv6.
        let no_router = &["eth0 10.0.0.1", "eth0 fd00::1"];
        assert_eq!(found_by(&mut chosen(no_router), BOTH, &[no_route; 3]), ["AsBefore"; 3]);
        let (both, v6) = (&["eth0 10.0.0.1", "eth0 fd00::1"][..], &["eth0 fd00::1"][..]);
        let expected = ["AsBefore", "Gone", "Back", "AsBefore"];
        assert_eq!(found_by(&mut chosen(both), BOTH, &[v6, v6, both, both]), expected);
    }

    #[test]
    fn a_node_that_was_started_before_its_network_was_up_moves_there() {
        let mut watch = chosen(BARE);
        assert_eq!(found(&mut watch, &[BARE, HOME, HOME]), ["AsBefore", "AsBefore", "10.0.0.1"]);
        // A default route that moves to another interface is no reason: the old address still works.
        let two = &["eth0 10.0.0.1", "wlan0 >10.9.0.1"][..];
        assert_eq!(found(&mut watch, &[two, two, two]), ["AsBefore"; 3]);
    }

    #[test]
    fn an_address_that_was_given_is_only_missed() {
        assert_eq!(
            found(&mut given("10.0.0.1"), &[HOME, MOVED, MOVED, MOVED, HOME]),
            ["AsBefore", "AsBefore", "Gone", "AsBefore", "Back"]
        );
        assert_eq!(found(&mut given("203.0.113.9"), &[HOME, MOVED, MOVED]), ["AsBefore"; 3]);
    }
}
