//! A file that a node keeps: locked while the node lives, and written as durably as its place allows.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serfer_proto::{Durability, StoreWrite, StoredFile};

use super::disk::{self, Shortcomings};
use super::lock::{self, FileLock};
use super::system::System;
use crate::node::state::backlog::StoreJob;

/// Another process, or another node of this one, keeps the file.
#[derive(Debug)]
pub(crate) struct InUse;

#[derive(Debug)]
pub(crate) struct OwnFile {
    pub(crate) path: PathBuf,
    file: StoredFile,
    system: System,
    /// `None` if the file is not there, may not be written, or cannot be locked.
    lock: Option<FileLock>,
    /// What the operator was told already.
    told_in_place: bool,
    told_unsynced: bool,
}

impl OwnFile {
    /// Takes the file, if it is there. Blocks for up to a second if somebody else has it.
    pub(crate) fn take(path: &Path, file: StoredFile) -> Result<Self, InUse> {
        let (told_in_place, told_unsynced) = (false, false);
        let (path, system) = (path.to_owned(), System::REAL);
        let mut taken = Self { path, file, system, lock: None, told_in_place, told_unsynced };
        taken.lock()?;
        Ok(taken)
    }

    fn lock(&mut self) -> Result<(), InUse> {
        if self.lock.is_some() {
            return Ok(());
        }
        match lock::lock(&self.path) {
            Ok(lock) => self.lock = Some(lock),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Err(InUse),
                // Nobody loses anything if a file is not written.
                ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem => {}
                _ => {
                    tracing::warn!(
                        target: "serfer::store", file = %self.file, path = %self.path.display(), %error,
                        "cannot lock the file: see to it that no other process uses it"
                    );
                }
            },
        }
        Ok(())
    }

    /// Creates the file, empty, unless it is there, and takes it.
    ///
    /// # Errors
    /// If it cannot be created. If somebody else has just done so, that is `Ok(Err(InUse))`.
    pub(crate) fn create(&mut self) -> io::Result<Result<(), InUse>> {
        match (self.system.create)(&disk::target(&self.path), self.file) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        Ok(self.lock())
    }

    /// Why the file, which is there, cannot be written.
    pub(crate) fn check_writable(&self) -> io::Result<()> {
        OpenOptions::new().append(true).open(&self.path).map(drop)
    }

    /// Checks that the file, which is not there, can be created.
    pub(crate) fn check_creatable(&self) -> io::Result<()> {
        disk::check_creatable(&self.system, &self.path, self.file)
    }

    pub(crate) fn write(&mut self, job: &StoreJob) -> io::Result<()> {
        let short = match job.write {
            StoreWrite::Append => self.append(&job.bytes, job.durability),
            StoreWrite::Replace => self.replace(&job.bytes),
        }?;
        self.tell(&short);
        Ok(())
    }

    fn append(&self, bytes: &[u8], durability: Durability) -> io::Result<Shortcomings> {
        disk::append(&self.system, &self.path, bytes, durability)
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<Shortcomings> {
        let (lock, short) = disk::replace(&self.system, &self.path, bytes, self.file)?;
        if lock.is_some() {
            self.lock = lock;
        }
        Ok(short)
    }

    /// Tells the operator, once, in which way the file is less durable than it should be.
    fn tell(&mut self, short: &Shortcomings) {
        let (file, path) = (self.file, self.path.display());
        if let Some(error) = short.in_place.as_ref().filter(|_| !self.told_in_place) {
            self.told_in_place = true;
            tracing::warn!(
                target: "serfer::store", %file, %path, %error,
                "the file cannot be replaced, so it is written in place, and a crash meanwhile may damage it: \
                 keep it in a folder of its own that the node may write"
            );
        }
        if let Some(error) = short.unsynced.as_ref().filter(|_| !self.told_unsynced) {
            self.told_unsynced = true;
            tracing::warn!(
                target: "serfer::store", %file, %path, %error,
                "the file is written, but its file system cannot sync it: a loss of power may undo the last writes"
            );
        }
    }
}
