//! Time passed: every timer that is due is handed to its layer.

use std::time::Instant;

use super::Endpoint;
use crate::machinery::Timer;

impl Endpoint {
    /// It is `now`: does whatever is due.
    ///
    /// If this comes late, because the process stood still, defences may be waiting in its sockets: acks,
    /// refutations, answers. Then what passes a verdict waits a little longer, so that they are read
    /// before.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.core.latest(now);
        let grace = self.core.grace(now);
        while let Some((due, timer)) = self.core.timers.pop_due(now) {
            match grace.filter(|_| timer.is_verdict()) {
                Some(end) => self.core.timers.set(timer, end),
                None => self.on_timer(now, due, timer),
            }
        }
    }

    fn on_timer(&mut self, now: Instant, due: Instant, timer: Timer) {
        let cx = &mut self.core.cx(now);
        let (memberlist, serf) = (&mut self.memberlist, &mut self.serf);
        match timer {
            Timer::Stream(stream) => memberlist.on_stream_timeout(cx, serf, stream),
            Timer::Relay(seq) => memberlist.on_relay_timeout(cx, serf, seq),
            Timer::ProbeEnd => memberlist.on_probe_end(cx, serf),
            Timer::ProbeIndirect => memberlist.on_probe_indirect(cx, serf),
            Timer::AddressClaim(key) => memberlist.on_address_claim_timeout(cx, serf, key),
            Timer::OwnName => memberlist.on_own_name_timer(cx, serf),
            Timer::ReturnClaim(seq) => memberlist.on_return_claim_timeout(cx, seq),
            Timer::Suspicion(key) => memberlist.on_suspicion_timeout(cx, serf, key),
            Timer::Probe => memberlist.on_probe_tick(cx, serf, due),
            Timer::News => memberlist.on_news_tick(cx, serf),
            Timer::Gossip => memberlist.on_gossip_tick(cx, serf),
            Timer::PushPull => memberlist.on_push_pull_tick(cx, due),
            Timer::Forget => memberlist.on_forget(cx, serf),
            Timer::Relocation => memberlist.on_relocation_tick(cx, serf),
            Timer::Leave => serf.on_leave_timer(cx, memberlist),
            Timer::Query(query) => serf.on_query_timeout(cx, query),
            Timer::QuerySettle(query) => serf.on_query_settled(cx, query),
            Timer::QueryAgain(query) => serf.on_query_again(cx, query),
            Timer::HeldAnswers => serf.on_held_answers_timeout(cx),
            Timer::Rotation => serf.on_rotation_timer(cx),
            Timer::AskLeaving => serf.on_ask_leaving_tick(cx),
            Timer::KeyChange => serf.on_key_change_late(cx),
            Timer::Reap => serf.on_reap_tick(cx),
            Timer::Reconnect => serf.on_reconnect_tick(cx, memberlist),
            Timer::Rejoin => memberlist.on_rejoin_tick(cx, serf),
            Timer::SeedRetry => memberlist.on_retry_tick(cx, serf),
            Timer::CoalesceMembers => serf.flush_members(cx),
            Timer::CoalesceEvents => serf.flush_user_events(cx),
            Timer::Portion => memberlist.on_portion_tick(cx, serf),
            Timer::Snapshot => serf.on_snapshot_tick(cx, memberlist.incarnation()),
        }
    }
}
