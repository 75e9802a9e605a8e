//! Faults of disks, and the files on them.

use serfer_proto::StoredFile;

use crate::engine::{DiskState, Sim, Unsynced};
use crate::node_id::NodeId;

impl Sim {
    /// The content of a node's file. `None` if the file does not exist.
    pub fn file(&self, node: NodeId, file: StoredFile) -> Option<&[u8]> {
        self.nodes[node.index()].disk.read(file)
    }

    /// Replaces a file on a node's disk, as another program would.
    pub fn put_file(&mut self, node: NodeId, file: StoredFile, bytes: &[u8]) {
        self.nodes[node.index()].disk.put(file, bytes);
    }

    /// Sets what becomes of a node's unsynced bytes when it crashes.
    pub fn unsynced(&mut self, node: NodeId, unsynced: Unsynced) {
        self.nodes[node.index()].unsynced = unsynced;
    }

    /// Makes all writes of a node fail from now on. Its files stay as they are.
    pub fn disk_fails(&mut self, node: NodeId) {
        self.nodes[node.index()].disk.state = DiskState::Fails;
        self.note_fault(node, "disk fails");
    }

    /// Makes a node's disk work again.
    pub fn disk_works(&mut self, node: NodeId) {
        self.nodes[node.index()].disk.state = DiskState::Works;
        self.note_fault(node, "disk works");
    }
}
