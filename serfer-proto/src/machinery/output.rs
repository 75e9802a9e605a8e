//! The one door out: what the runtime must do next, in order.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use crate::api::{Durability, Event, StoreWrite, StoredFile, StreamId};
use crate::machinery::slack::Slack;

/// What must now be done. Obtained from [`Endpoint::poll_output`](crate::Endpoint::poll_output)
/// until it is [`Wait`](Self::Wait).
#[must_use = "an output is something that has to be done"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the `len` bytes just appended to the buffer as one datagram.
    Datagram {
        /// The receiver.
        to: SocketAddr,
        /// How many bytes were appended.
        len: usize,
    },
    /// Dial `to`; report with `handle_connected`, or with `handle_stream_end` if that fails.
    Connect {
        /// The stream's name in all that follows.
        stream: StreamId,
        /// The address to dial.
        to: SocketAddr,
    },
    /// Write the `len` bytes just appended to the buffer. Happens at most once per stream.
    Write {
        /// The stream.
        stream: StreamId,
        /// How many bytes were appended.
        len: usize,
    },
    /// Send what was written, then close the stream and report that with `handle_stream_end`. What
    /// still arrives on it need not be reported.
    Close {
        /// The stream.
        stream: StreamId,
    },
    /// Drop the stream at once, unsent bytes included. Report nothing more about it.
    Abort {
        /// The stream.
        stream: StreamId,
    },
    /// Store the `len` bytes just appended to the buffer, after everything stored before. Report with
    /// `handle_stored` when a keyring is stored, and with `handle_store_failed` if storing fails. Nothing but
    /// the change of keys waits for it: a runtime with a slow disk goes on with the next output.
    Store {
        /// In which file.
        file: StoredFile,
        /// Append to the file, or replace its content.
        write: StoreWrite,
        /// How durable the bytes must be.
        durability: Durability,
        /// How many bytes were appended.
        len: usize,
    },
    /// Tell the application.
    Event(Event),
    /// Nothing left. Call `handle_timeout` at `until`, or sooner if anything else happens.
    Wait {
        /// When; `None` is never.
        until: Option<Instant>,
    },
}

/// Outputs waiting to be polled, with their bytes in one arena.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Output>,
    /// The bytes of each [`Output::Write`] in the queue. They may be many, so they are moved, not copied.
    frames: VecDeque<Vec<u8>>,
    bytes: Vec<u8>,
    /// How much of `bytes` has been handed out, and how many outputs.
    taken: usize,
    popped: usize,
    bytes_slack: Slack,
    queue_slack: Slack,
}

/// How much memory an emptied arena keeps at least and at most.
const KEEP_BYTES_MIN: usize = 4 << 10;
const KEEP_BYTES: usize = 1 << 20;

/// How many outputs an emptied queue has room for at least.
const KEEP_OUTPUTS: usize = 16;

impl Outbox {
    /// Queues one datagram, made of whatever `write` appends.
    pub(crate) fn datagram(&mut self, to: SocketAddr, write: impl FnOnce(&mut Vec<u8>)) {
        let len = self.append(write);
        self.queue.push_back(Output::Datagram { to, len });
    }

    /// Queues what a stream has to send.
    pub(crate) fn write(&mut self, stream: StreamId, write: impl FnOnce(&mut Vec<u8>)) {
        let mut frame = Vec::new();
        write(&mut frame);
        self.write_frame(stream, frame);
    }

    /// Queues the frame that a stream has to send.
    pub(crate) fn write_frame(&mut self, stream: StreamId, frame: Vec<u8>) {
        self.queue.push_back(Output::Write { stream, len: frame.len() });
        self.frames.push_back(frame);
    }

    /// Queues what is to be stored.
    pub(crate) fn store(
        &mut self,
        file: StoredFile,
        write: StoreWrite,
        durability: Durability,
        bytes: impl FnOnce(&mut Vec<u8>),
    ) {
        let len = self.append(bytes);
        self.queue.push_back(Output::Store { file, write, durability, len });
    }

    /// Queues an output without bytes.
    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    /// Takes the first output and appends its bytes to `buf`.
    pub(crate) fn pop(&mut self, buf: &mut Vec<u8>) -> Option<Output> {
        let Some(output) = self.queue.pop_front() else {
            self.rest();
            return None;
        };
        self.popped += 1;
        match output {
            Output::Datagram { len, .. } | Output::Store { len, .. } => {
                buf.extend_from_slice(&self.bytes[self.taken..self.taken + len]);
                self.taken += len;
            }
            Output::Write { .. } => match self.frames.pop_front() {
                Some(frame) if buf.is_empty() && frame.len() > KEEP_BYTES => *buf = frame,
                frame => buf.extend(frame.unwrap_or_default()),
            },
            _ => {}
        }
        Some(output)
    }

    /// Everything has been handed out.
    fn rest(&mut self) {
        self.bytes_slack.note(self.bytes.len());
        self.queue_slack.note(self.popped);
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
        (self.taken, self.popped) = (0, 0);
    }

    /// Gives back the memory that only a burst needed. Called at each probe tick.
    pub(crate) fn tidy(&mut self) {
        if let Some(enough) = self.bytes_slack.tick(self.bytes.capacity(), KEEP_BYTES_MIN) {
            self.bytes.shrink_to(enough);
        }
        if let Some(enough) = self.queue_slack.tick(self.queue.capacity(), KEEP_OUTPUTS) {
            self.queue.shrink_to(enough);
        }
    }

    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.bytes.len() - start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_out_in_order_each_with_its_bytes() {
        let to = "127.0.0.1:7946".parse().unwrap();
        let stream = StreamId(1);
        let mut outbox = Outbox::default();
        outbox.push(Output::Connect { stream, to });
        outbox.write(stream, |out| out.extend_from_slice(b"state"));
        outbox.datagram(to, |out| out.extend_from_slice(b"ping"));
        let (file, write) = (StoredFile::Snapshot, StoreWrite::Append);
        outbox.store(file, write, Durability::Lazy, |out| out.extend_from_slice(b"line"));
        outbox.push(Output::Close { stream });

        let mut buf = b"> ".to_vec();
        let outputs: Vec<_> = std::iter::from_fn(|| outbox.pop(&mut buf)).collect();
        assert_eq!(
            outputs,
            [
                Output::Connect { stream, to },
                Output::Write { stream, len: 5 },
                Output::Datagram { to, len: 4 },
                Output::Store { file, write, durability: Durability::Lazy, len: 4 },
                Output::Close { stream },
            ]
        );
        assert_eq!(buf, b"> statepingline");
    }

    #[test]
    fn the_memory_of_a_large_write_is_given_back() {
        let mut outbox = Outbox::default();
        let (file, write) = (StoredFile::Snapshot, StoreWrite::Replace);
        outbox.store(file, write, Durability::Lazy, |out| out.resize(8 << 20, 0));
        let mut buf = Vec::new();
        while outbox.pop(&mut buf).is_some() {}
        assert!(outbox.bytes.capacity() <= KEEP_BYTES);
    }

    #[test]
    fn a_long_frame_is_appended_as_well_as_handed_over() {
        for before in [&b""[..], b"> "] {
            let mut outbox = Outbox::default();
            outbox.write_frame(StreamId(1), vec![7; KEEP_BYTES + 1]);
            let mut buf = before.to_vec();
            let len = KEEP_BYTES + 1;
            assert_eq!(outbox.pop(&mut buf), Some(Output::Write { stream: StreamId(1), len }));
            assert!(buf == [before, &vec![7; len]].concat());
        }
    }
}
