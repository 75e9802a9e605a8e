//! Writing files, in order, while nothing else of the node waits for it.
//!
//! The endpoint says what to store. That is queued beside the endpoint, in the
//! [`backlog`](crate::node::state::backlog), and one task per node takes it to a thread that may block.

use std::sync::Arc;

use serfer_proto::StoredFile;

use super::own_file::OwnFile;
use crate::node::shared::Shared;
use crate::runtime::Runtime;

/// A node's files. They are locked for as long as the writer runs.
#[derive(Debug, Default)]
pub(crate) struct OwnFiles {
    pub(crate) snapshot: Option<OwnFile>,
    pub(crate) keyring: Option<OwnFile>,
}

/// Only a configuration that stores keys, without a file for that, comes to this.
const NO_FILE: &str = "no file is given for it: see `keyring_file`";

impl OwnFiles {
    fn of(&mut self, file: StoredFile) -> &mut Option<OwnFile> {
        match file {
            StoredFile::Snapshot => &mut self.snapshot,
            StoredFile::Keyring => &mut self.keyring,
        }
    }
}

/// Writes what the endpoint wants stored. When the node is shut down, it first writes what is left.
pub(crate) async fn run<R: Runtime>(runtime: R, shared: Arc<Shared>, mut files: OwnFiles) {
    while let Ok(next) = shared.with(|state| state.backlog.take()) {
        let Some((file, job)) = next else {
            match shared.store_came.recv().await {
                Ok(()) => continue,
                Err(_shut_down) => return,
            }
        };
        let Some(mut own) = files.of(file).take() else {
            if file == StoredFile::Keyring {
                report(&shared, file, Err(NO_FILE.to_owned()));
            }
            continue;
        };
        let span = tracing::Span::current();
        let writing = runtime.unblock(move || {
            let written = span.in_scope(|| own.write(&job));
            let reason = written.map_err(|error| format!("{}: {error}", own.path.display()));
            (own, reason)
        });
        let (own, written) = writing.await;
        *files.of(file) = Some(own);
        report(&shared, file, written);
    }
}

fn report(shared: &Shared, file: StoredFile, written: Result<(), String>) {
    match written {
        Ok(()) if file == StoredFile::Snapshot => {}
        // If the node is shut down, nobody waits for it.
        Ok(()) => drop(shared.input(|state, now| state.endpoint.handle_stored(now, file))),
        Err(reason) => {
            let _ = shared.with(|state| state.backlog.drop_appends(file));
            let told =
                shared.input(|state, now| state.endpoint.handle_store_failed(now, file, &reason));
            if told.is_err() {
                tracing::warn!(target: "serfer::store", %file, reason, "cannot store");
            }
        }
    }
}
