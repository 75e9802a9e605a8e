//! Giving a whole cluster another primary key, so that nobody is cut off on the way.
//!
//! A sender's primary must be in every receiver's ring. So the new key is installed everywhere first,
//! then used everywhere, and only then are the old ones removed. Between any two changes everybody is
//! asked what keys they have, and the answers alone decide what is next: nothing is changed unless
//! every live member has answered, and a stage begins only when the one before it is true of all.
//! That is also why a rotation that stopped can be begun again, and goes on where it was.
//!
//! Go has no such thing; its documentation tells operators to take these steps by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::error::QueryError;
use crate::api::event::Event;
use crate::api::keyring::SecretKey;
use crate::api::keys::{
    KeyAnswer, KeyError, KeyOp, KeyReport, Lag, Laggard, Retire, RotationParams, RotationReport,
    RotationStage, RotationStopped,
};
use crate::api::member::Status;
use crate::machinery::context::Cx;
use crate::machinery::timers::Timer;
use crate::serf::Serf;
use crate::serf::keys::changes::Asks;

/// A rotation under way.
#[derive(Debug)]
pub(crate) struct Rotation {
    new: SecretKey,
    params: RotationParams,
    /// The furthest there was.
    stage: RotationStage,
    /// How often it was tried to get on from there.
    attempts: u32,
    /// Why members did not do what they were last asked, in their words.
    complaints: BTreeMap<Arc<str>, Arc<str>>,
    /// What was answered and has not been looked at.
    report: Option<KeyReport>,
    /// What is to be removed before everybody is asked again.
    to_remove: BTreeSet<SecretKey>,
    removed: BTreeSet<SecretKey>,
}

/// How long old keys are kept after they were last used, in gossip intervals.
const GRACE_TICKS: u32 = 5;

/// What there is to do, and whom it is about.
#[derive(Debug)]
struct Finding {
    stage: RotationStage,
    laggards: Vec<Laggard>,
}

impl Serf {
    /// Begins to give all members another primary key, or goes on with it.
    pub(crate) fn rotate_key(
        &mut self,
        cx: &mut Cx<'_>,
        new: SecretKey,
        params: RotationParams,
    ) -> Result<(), KeyError> {
        self.check_key_change(cx)?;
        tracing::info!(target: "serfer::keys", key = %new.fingerprint(), "rotating keys");
        self.keys.former.remove(&new);
        // Before anybody is asked: a node without company has answered at once.
        self.keys.rotation = Some(Rotation::new(new, params));
        if let Err(error) = self.ask_about_keys(cx, KeyOp::List, params.ask, Asks::Rotation) {
            self.keys.rotation = None;
            return Err(error.into());
        }
        cx.emit(Event::RotationStage(RotationStage::Preflight));
        Ok(())
    }

    /// Everybody has answered or had the time to. It is looked at once the call that brought this is
    /// through.
    pub(crate) fn on_rotation_report(&mut self, cx: &mut Cx<'_>, report: KeyReport) {
        if let Some(rotation) = &mut self.keys.rotation {
            rotation.report = Some(report);
            cx.timers.set(Timer::Rotation, cx.now);
        }
    }

    /// Does what follows from what everybody answered.
    pub(crate) fn on_rotation_timer(&mut self, cx: &mut Cx<'_>) {
        let Some(rotation) = &mut self.keys.rotation else {
            return;
        };
        let Some(report) = rotation.report.take() else {
            return self.rotate_on(cx, KeyOp::List);
        };
        if report.op == KeyOp::List {
            return self.on_rotation_list(cx, &report);
        }
        rotation.note_complaints(&report);
        let next = rotation.to_remove.pop_first();
        self.rotate_on(cx, next.map_or(KeyOp::List, KeyOp::Remove));
    }

    /// Decides what is next by the keys that everybody has.
    fn on_rotation_list(&mut self, cx: &mut Cx<'_>, report: &KeyReport) {
        let Some(rotation) = &mut self.keys.rotation else {
            return;
        };
        let in_use = report.primary_keys().into_keys().filter(|key| **key != rotation.new);
        self.keys.former.extend(in_use.cloned());
        if report.is_complete() {
            let held = report.keys();
            self.keys.former.retain(|key| held.contains_key(key));
        }
        let to_retire = rotation.to_retire(report, &self.keys.former);
        let Some(finding) = rotation.judge(report, &to_retire) else {
            return self.end_rotation(cx, report);
        };
        let Finding { stage, laggards } = finding;
        if stage > rotation.stage {
            (rotation.stage, rotation.attempts) = (stage, 0);
            rotation.complaints.clear();
            tracing::info!(target: "serfer::keys", %stage, "rotating keys");
            cx.emit(Event::RotationStage(stage));
            if stage == RotationStage::Remove {
                // What was sealed with the old key may still be on its way. Everybody is asked again
                // afterwards.
                let grace = cx.params.gossip.interval * GRACE_TICKS;
                return cx.timers.set(Timer::Rotation, cx.now + grace);
            }
        }
        if rotation.attempts >= rotation.params.attempts {
            return self.stop_rotation(cx, stage, laggards, None);
        }
        rotation.attempts += 1;
        let op = match stage {
            // Nothing is changed before all have answered.
            _ if !report.is_complete() => KeyOp::List,
            RotationStage::Preflight => KeyOp::List,
            RotationStage::Install => KeyOp::Install(rotation.new.clone()),
            RotationStage::Use => KeyOp::Use(rotation.new.clone()),
            RotationStage::Remove => {
                rotation.removed.extend(to_retire.iter().cloned());
                rotation.to_remove = to_retire;
                let first = rotation.to_remove.pop_first();
                first.map_or(KeyOp::List, KeyOp::Remove)
            }
        };
        self.rotate_on(cx, op);
    }

    fn rotate_on(&mut self, cx: &mut Cx<'_>, op: KeyOp) {
        let Some(rotation) = &self.keys.rotation else {
            return;
        };
        let (ask, stage) = (rotation.params.ask, rotation.stage);
        if let Err(error) = self.ask_about_keys(cx, op, ask, Asks::Rotation) {
            self.stop_rotation(cx, stage, Vec::new(), Some(error));
        }
    }

    fn end_rotation(&mut self, cx: &mut Cx<'_>, report: &KeyReport) {
        let Some(rotation) = self.keys.rotation.take() else {
            return;
        };
        self.keys.former.clear();
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

    fn stop_rotation(
        &mut self,
        cx: &mut Cx<'_>,
        stage: RotationStage,
        laggards: Vec<Laggard>,
        error: Option<QueryError>,
    ) {
        let Some(rotation) = self.keys.rotation.take() else {
            return;
        };
        let laggards = laggards.into_iter().map(|laggard| rotation.with_complaint(laggard));
        let (key, laggards) = (rotation.new.fingerprint(), laggards.collect());
        let stopped = RotationStopped { key, stage, laggards, error };
        tracing::warn!(target: "serfer::keys", %stopped, "rotation stopped");
        cx.emit(Event::RotationStopped(stopped));
    }
}

impl Rotation {
    fn new(new: SecretKey, params: RotationParams) -> Self {
        Self {
            new,
            params,
            stage: RotationStage::Preflight,
            attempts: 1,
            complaints: BTreeMap::new(),
            report: None,
            to_remove: BTreeSet::new(),
            removed: BTreeSet::new(),
        }
    }

    /// The keys to be rid of in the end.
    fn to_retire(&self, report: &KeyReport, former: &BTreeSet<SecretKey>) -> BTreeSet<SecretKey> {
        match self.params.retire {
            Retire::Former => former.clone(),
            Retire::Others => {
                let others = report.keys().into_keys().filter(|key| **key != self.new);
                others.cloned().collect()
            }
            Retire::Nothing => BTreeSet::new(),
        }
    }

    /// The first stage that is not done with, and those it is not done with; `None` if all are.
    fn judge(&self, report: &KeyReport, to_retire: &BTreeSet<SecretKey>) -> Option<Finding> {
        let found = |stage, laggards: Vec<Laggard>| Some(Finding { stage, laggards });
        if !report.is_complete() {
            let silent = report.silent.iter().map(|node| Laggard::new(node, Lag::Silent));
            let refusing = report.failures().map(|answer| {
                let laggard = Laggard::new(&answer.node, Lag::Refuses);
                Laggard { said: answer.message.clone(), ..laggard }
            });
            return found(self.stage, silent.chain(refusing).collect());
        }
        let in_use = report.primary_keys();
        let lacking = |key: &SecretKey| {
            let lag = Lag::Lacks(key.fingerprint());
            lagging(report, lag, |answer| !answer.keys.contains(key))
        };
        let seals_with = |key: &SecretKey| {
            let lag = Lag::SealsWith(key.fingerprint());
            lagging(report, lag, |answer| answer.primary.as_ref() == Some(key))
        };
        let keeping = |key: &SecretKey| {
            let lag = Lag::Keeps(key.fingerprint());
            lagging(report, lag, |answer| answer.keys.contains(key))
        };
        let others = || in_use.keys().copied().filter(|key| **key != self.new);
        let stages = [
            (RotationStage::Preflight, others().flat_map(lacking).collect::<Vec<_>>()),
            (RotationStage::Install, lacking(&self.new)),
            (RotationStage::Use, others().flat_map(seals_with).collect()),
            (RotationStage::Remove, to_retire.iter().flat_map(keeping).collect()),
        ];
        let undone = stages.into_iter().find(|(_, laggards)| !laggards.is_empty());
        undone.and_then(|(stage, laggards)| found(stage, laggards))
    }

    fn note_complaints(&mut self, report: &KeyReport) {
        let failures = report.failures();
        let complaints = failures.map(|answer| (answer.node.clone(), answer.message.clone()));
        self.complaints.extend(complaints);
    }

    fn with_complaint(&self, laggard: Laggard) -> Laggard {
        match self.complaints.get(&laggard.node) {
            Some(complaint) if laggard.said.is_empty() => {
                Laggard { said: complaint.clone(), ..laggard }
            }
            _ => laggard,
        }
    }
}

/// The members of whom something is so.
fn lagging(report: &KeyReport, lag: Lag, is_so: impl Fn(&KeyAnswer) -> bool) -> Vec<Laggard> {
    let lagging = report.answers.iter().filter(|answer| is_so(answer));
    lagging
        .map(|answer| Laggard {
            // Perhaps that its list is not all there is.
            said: answer.message.clone(),
            ..Laggard::new(&answer.node, lag)
        })
        .collect()
}
