//! Rotation: all members get another primary key, and none is cut off on the way.
//!
//! A sender's primary key must be in every receiver's keyring. So the new key is installed everywhere
//! first, then made primary everywhere, and only then are the old keys removed. Between any two changes
//! all members are asked what keys they have, and the answers alone decide what is next: nothing is
//! changed unless every live member has answered, and a stage begins only when the one before it is
//! finished on all members. So a rotation that stopped can be started again, and goes on where it was.
//!
//! Go has no rotation. Its documentation tells operators to take these steps by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::{
    Event, Fingerprint, KeyAnswer, KeyError, KeyOp, KeyReport, Lag, Laggard, QueryError, Retire,
    RotationParams, RotationReport, RotationStage, RotationStopped, SecretKey, Status,
};
use crate::machinery::{Cx, Timer};
use crate::serf::Serf;
use crate::serf::queries::open_queries::KeyRequester;

/// A rotation under way.
#[derive(Debug)]
pub(crate) struct Rotation {
    new: SecretKey,
    params: RotationParams,
    /// The furthest stage so far.
    stage: RotationStage,
    /// How many attempts there were to finish this stage.
    attempts: u32,
    /// Why members refused the last changes, in their own words.
    refusals: BTreeMap<Arc<str>, Arc<str>>,
    /// The latest report, until it is looked at.
    report: Option<KeyReport>,
    /// The keys to remove before all members are asked again.
    to_remove: BTreeSet<SecretKey>,
    removed: BTreeSet<SecretKey>,
}

/// How long old keys are kept after their last use, in gossip intervals.
const GRACE_TICKS: u32 = 5;

impl Serf {
    /// Starts to give all members another primary key, or goes on with it.
    pub(crate) fn rotate_key(
        &mut self,
        cx: &mut Cx<'_>,
        new: SecretKey,
        params: RotationParams,
    ) -> Result<(), KeyError> {
        self.check_key_change(cx)?;
        tracing::info!(target: "serfer::keys", key = %new.fingerprint(), "rotating keys");
        self.keys.former_primaries.remove(&new);
        // Before the query is sent, since a node that is alone has all answers at once.
        self.keys.rotation = Some(Rotation::new(new, params));
        let sent = self.send_key_query(cx, KeyOp::List, params.ask, KeyRequester::Rotation);
        if let Err(error) = sent {
            self.keys.rotation = None;
            return Err(error.into());
        }
        cx.emit(Event::RotationStage(RotationStage::Preflight));
        Ok(())
    }

    /// A key query of the rotation is closed. Its report is looked at after the call that closed it.
    pub(crate) fn on_rotation_report(&mut self, cx: &mut Cx<'_>, report: KeyReport) {
        if let Some(rotation) = &mut self.keys.rotation {
            rotation.report = Some(report);
            cx.timers.set(Timer::Rotation, cx.now);
        }
    }

    /// A report has come, or old keys have been kept for long enough.
    pub(crate) fn on_rotation_timer(&mut self, cx: &mut Cx<'_>) {
        let Some(mut rotation) = self.keys.rotation.take() else {
            return;
        };
        match rotation.report.take() {
            None => self.continue_rotation(cx, rotation, KeyOp::List),
            Some(report) if report.op == KeyOp::List => self.on_key_lists(cx, rotation, &report),
            Some(report) => {
                let refusals = report.failures().map(|it| (it.node.clone(), it.message.clone()));
                rotation.refusals.extend(refusals);
                let next = rotation.next_removal();
                self.continue_rotation(cx, rotation, next);
            }
        }
    }

    /// Decides what is next by the keys that all members have.
    fn on_key_lists(&mut self, cx: &mut Cx<'_>, mut rotation: Rotation, report: &KeyReport) {
        let former = &mut self.keys.former_primaries;
        former.extend(rotation.other_primaries(report).into_iter().cloned());
        if report.is_complete() {
            let held = report.keys();
            former.retain(|key| held.contains_key(key));
        }
        let to_retire = rotation.to_retire(report, former);
        let Some((stage, laggards)) = rotation.first_unfinished(report, &to_retire) else {
            return self.finish_rotation(cx, &rotation, report);
        };
        if stage > rotation.stage {
            (rotation.stage, rotation.attempts) = (stage, 0);
            rotation.refusals.clear();
            tracing::info!(target: "serfer::keys", %stage, "rotating keys");
            cx.emit(Event::RotationStage(stage));
            if stage == RotationStage::Remove {
                // Messages that were sealed with an old key may still be on their way. All members are
                // asked again after that.
                self.keys.rotation = Some(rotation);
                let grace = cx.params.gossip.interval * GRACE_TICKS;
                return cx.timers.set(Timer::Rotation, cx.now + grace);
            }
        }
        if rotation.attempts >= rotation.params.attempts {
            return rotation.stop(cx, stage, laggards, None);
        }
        rotation.attempts += 1;
        let op = match stage {
            // Nothing is changed before all members have answered.
            _ if !report.is_complete() => KeyOp::List,
            RotationStage::Preflight => KeyOp::List,
            RotationStage::Install => KeyOp::Install(rotation.new.clone()),
            RotationStage::Use => KeyOp::Use(rotation.new.clone()),
            RotationStage::Remove => {
                rotation.removed.extend(to_retire.iter().cloned());
                rotation.to_remove = to_retire;
                rotation.next_removal()
            }
        };
        self.continue_rotation(cx, rotation, op);
    }

    fn continue_rotation(&mut self, cx: &mut Cx<'_>, rotation: Rotation, op: KeyOp) {
        let (ask, stage) = (rotation.params.ask, rotation.stage);
        self.keys.rotation = Some(rotation);
        if let Err(error) = self.send_key_query(cx, op, ask, KeyRequester::Rotation)
            && let Some(rotation) = self.keys.rotation.take()
        {
            rotation.stop(cx, stage, Vec::new(), Some(error));
        }
    }

    fn finish_rotation(&mut self, cx: &mut Cx<'_>, rotation: &Rotation, report: &KeyReport) {
        self.keys.former_primaries.clear();
        let key = rotation.new.fingerprint();
        tracing::info!(target: "serfer::keys", %key, "keys are rotated");
        let failed = self.members().filter(|member| member.status == Status::Failed);
        cx.emit(Event::RotationDone(RotationReport {
            key,
            removed: rotation.removed.iter().map(SecretKey::fingerprint).collect(),
            members: report.answers.iter().map(|answer| answer.node.clone()).collect(),
            absent: failed.map(|member| member.name().into()).collect(),
        }));
    }
}

impl Rotation {
    fn new(new: SecretKey, params: RotationParams) -> Self {
        Self {
            new,
            params,
            stage: RotationStage::Preflight,
            attempts: 1,
            refusals: BTreeMap::new(),
            report: None,
            to_remove: BTreeSet::new(),
            removed: BTreeSet::new(),
        }
    }

    fn stop(
        &self,
        cx: &mut Cx<'_>,
        stage: RotationStage,
        mut laggards: Vec<Laggard>,
        error: Option<QueryError>,
    ) {
        for laggard in laggards.iter_mut().filter(|laggard| laggard.said.is_empty()) {
            laggard.said = self.refusals.get(&laggard.node).cloned().unwrap_or_default();
        }
        let (key, laggards) = (self.new.fingerprint(), laggards.into());
        let stopped = RotationStopped { key, stage, laggards, error };
        tracing::warn!(target: "serfer::keys", %stopped, "rotation stopped");
        cx.emit(Event::RotationStopped(stopped));
    }

    fn next_removal(&mut self) -> KeyOp {
        self.to_remove.pop_first().map_or(KeyOp::List, KeyOp::Remove)
    }

    /// The primary keys that members have instead of the new one.
    fn other_primaries<'a>(&self, report: &'a KeyReport) -> Vec<&'a SecretKey> {
        report.primary_keys().into_keys().filter(|key| **key != self.new).collect()
    }

    /// The keys that no member should have in the end.
    fn to_retire(&self, report: &KeyReport, former: &BTreeSet<SecretKey>) -> BTreeSet<SecretKey> {
        match self.params.retire {
            Retire::Former => former.clone(),
            Retire::Others => {
                report.keys().into_keys().filter(|key| **key != self.new).cloned().collect()
            }
            Retire::Nothing => BTreeSet::new(),
        }
    }

    /// The first stage that is not finished, and the members it is not finished on; `None` if all
    /// stages are finished.
    fn first_unfinished(
        &self,
        report: &KeyReport,
        to_retire: &BTreeSet<SecretKey>,
    ) -> Option<(RotationStage, Vec<Laggard>)> {
        if !report.is_complete() {
            let silent = report.silent.iter();
            let silent = silent.map(|node| laggard(node, Lag::Silent, &Arc::default()));
            let refusing = report.failures().map(|it| laggard(&it.node, Lag::Refuses, &it.message));
            return Some((self.stage, silent.chain(refusing).collect()));
        }
        let others = self.other_primaries(report);
        let lacks = |answer: &KeyAnswer, key: &SecretKey| !answer.keys.contains(key);
        let uses = |answer: &KeyAnswer, key: &SecretKey| answer.primary.as_ref() == Some(key);
        let keeps = |answer: &KeyAnswer, key: &SecretKey| answer.keys.contains(key);
        let stages = [
            (RotationStage::Preflight, lagging(report, others.clone(), Lag::Lacks, lacks)),
            (RotationStage::Install, lagging(report, [&self.new], Lag::Lacks, lacks)),
            (RotationStage::Use, lagging(report, others, Lag::SealsWith, uses)),
            (RotationStage::Remove, lagging(report, to_retire, Lag::Keeps, keeps)),
        ];
        stages.into_iter().find(|(_, laggards)| !laggards.is_empty())
    }
}

/// The members of which something is so, for each key.
fn lagging<'a>(
    report: &KeyReport,
    keys: impl IntoIterator<Item = &'a SecretKey>,
    lag: fn(Fingerprint) -> Lag,
    is_so: impl Fn(&KeyAnswer, &SecretKey) -> bool,
) -> Vec<Laggard> {
    let of_key = |key: &'a SecretKey| {
        let answers = report.answers.iter().filter(|answer| is_so(answer, key));
        // Its message may say that its list of keys was cut.
        answers.map(|it| laggard(&it.node, lag(key.fingerprint()), &it.message)).collect::<Vec<_>>()
    };
    keys.into_iter().flat_map(of_key).collect()
}

fn laggard(node: &Arc<str>, lag: Lag, said: &Arc<str>) -> Laggard {
    Laggard { node: node.clone(), lag, said: said.clone() }
}
