//! Our push/pull on its way to a stream, portion by portion. Counterpart of Go's `localState`.

use crate::api::StreamId;
use crate::machinery::{Cx, Output, Portion, Sealer, cost};
use crate::memberlist::members::swim_member::{SwimMember, SwimState};
use crate::memberlist::streams::exchange::ExchangePhase;
use crate::memberlist::streams::handler::set_deadline;
use crate::memberlist::streams::long_push_pull::{Job, Sending, SendingStage};
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{PushNodeState, state};
use crate::wire::stream::{PushPullBuf, Side};

impl<D: Delegate> Memberlist<D> {
    /// Sends everything we know.
    ///
    /// Unlike Go, which locks its list of members for as long as this takes: each member is sent as it is
    /// when it has its turn. What changes meanwhile is gossiped anyway.
    pub(crate) fn send_local_state(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        side: Side,
        join: bool,
    ) {
        self.start_job(cx, up, Job::Send(Box::new(Sending::new(stream, side, join))));
    }

    /// Returns whether it is done, or nobody waits for it any more.
    pub(crate) fn go_on_sending(
        &self,
        cx: &mut Cx<'_>,
        up: &D,
        sending: &mut Sending<D>,
        portion: &mut Portion,
    ) -> bool {
        if !self.is_waited_for(sending) {
            return true;
        }
        while !portion.is_used_up() {
            match &mut sending.stage {
                SendingStage::Above(progress) => {
                    let Some(state) = up.local_state(progress, portion) else {
                        return false;
                    };
                    let (room, nodes) = (cx.link.headers_len(sending.side), self.members.len());
                    let buf = PushPullBuf::new(room, sending.join, nodes, state);
                    sending.stage = SendingStage::Members(0, buf);
                }
                SendingStage::Members(place, buf) => {
                    if !self.add_members(place, buf, portion) {
                        return false;
                    }
                    let message = std::mem::take(buf).finish();
                    sending.stage = SendingStage::Sealing(Sealer::begin(sending.side, message));
                }
                SendingStage::Sealing(sealer) => {
                    let Some(frame) = sealer.step(cx.link, cx.rng, portion) else {
                        return false;
                    };
                    finish(cx, sending, frame);
                    return true;
                }
            }
        }
        false
    }

    /// Returns whether all are in it.
    fn add_members(&self, place: &mut usize, buf: &mut PushPullBuf, portion: &mut Portion) -> bool {
        while *place < self.members.places() {
            if portion.is_used_up() {
                buf.expect(self.members.places() - *place);
                return false;
            }
            portion.spend(cost::LOOK);
            if let Some(member) = self.members.at(*place) {
                push(buf, member);
            }
            *place += 1;
        }
        true
    }

    fn is_waited_for(&self, sending: &Sending<D>) -> bool {
        let exchange = self.exchanges.open.get(&sending.stream);
        exchange.is_some_and(|exchange| match sending.side {
            Side::Accepted => true,
            // The other side may have answered before we have asked.
            Side::Dialled => matches!(exchange.phase, ExchangePhase::Reading(..)),
        })
    }
}

impl<D: Delegate> Sending<D> {
    pub(crate) fn new(stream: StreamId, side: Side, join: bool) -> Self {
        let stage = SendingStage::Above(D::LocalState::default());
        Self { stream, side, join, stage }
    }
}

fn push(buf: &mut PushPullBuf, member: &SwimMember) {
    let node = &member.node;
    buf.push(&PushNodeState {
        addr: node.ip_bytes(),
        incarnation: member.incarnation.number(),
        meta: node.meta(),
        name: node.name_text(),
        port: node.port(),
        state: match member.state() {
            SwimState::Alive => state::ALIVE,
            SwimState::Suspect => state::SUSPECT,
            SwimState::Dead => state::DEAD,
            SwimState::Left => state::LEFT,
        },
        versions: &node.versions().to_bytes(),
    });
}

/// The peer has the whole stream timeout from now on.
fn finish<D: Delegate>(cx: &mut Cx<'_>, sending: &Sending<D>, frame: Vec<u8>) {
    let stream = sending.stream;
    cx.out.write_frame(stream, frame);
    set_deadline(cx, stream);
    if sending.side == Side::Accepted {
        cx.out.push(Output::Close { stream });
    }
}
