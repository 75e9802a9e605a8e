//! Writing files, in order, while nothing else of the node waits for it.
//!
//! The endpoint says what to store. That is queued beside the endpoint, in the
//! [`backlog`](crate::node::state::backlog), and one task per node takes it to a thread that may block.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serfer_proto::{StoreWrite, StoredFile};

use super::disk;
use crate::node::shared::Shared;
use crate::node::state::backlog::StoreJob;
use crate::runtime::Runtime;

/// Where a node's files are.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilePaths {
    pub(crate) snapshot: Option<PathBuf>,
    pub(crate) keyring: Option<PathBuf>,
}

impl FilePaths {
    fn path(&self, file: StoredFile) -> Option<&Path> {
        match file {
            StoredFile::Snapshot => self.snapshot.as_deref(),
            StoredFile::Keyring => self.keyring.as_deref(),
        }
    }
}

/// Writes what the endpoint wants stored. When the node is shut down, it first writes what is left.
pub(crate) async fn run<R: Runtime>(runtime: R, shared: Arc<Shared>, paths: FilePaths) {
    while let Ok(next) = shared.with(|state| state.backlog.take()) {
        let Some((file, job)) = next else {
            match shared.store_came.recv().await {
                Ok(()) => continue,
                Err(_shut_down) => return,
            }
        };
        let Some(path) = paths.path(file).map(Path::to_owned) else {
            continue;
        };
        let written = runtime.unblock(move || {
            let outcome = write(&job, &path, file);
            outcome.map_err(|error| format!("{}: {error}", path.display()))
        });
        if let Err(reason) = written.await {
            let _ = shared.with(|state| state.backlog.drop_appends(file));
            let told =
                shared.input(|state, now| state.endpoint.handle_store_failed(now, file, &reason));
            if told.is_err() {
                tracing::warn!(target: "serfer::store", %file, reason, "cannot store");
            }
        }
    }
}

fn write(job: &StoreJob, path: &Path, file: StoredFile) -> io::Result<()> {
    match job.write {
        StoreWrite::Append => disk::append(path, &job.bytes, job.durability),
        StoreWrite::Replace => disk::replace(path, &job.bytes, file),
    }
}
