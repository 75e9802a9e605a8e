//! The seeds that a node looks for others with, for as long as it runs, and where each led last.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use async_channel::{Receiver, Sender};

/// The most seeds that are kept.
const SEEDS_MAX: usize = 1024;

#[derive(Debug)]
pub(crate) struct SeedBook {
    pages: Mutex<Pages>,
    /// Tells that there is a seed.
    came: (Sender<()>, Receiver<()>),
}

#[derive(Debug, Default)]
struct Pages {
    seeds: Vec<KeptSeed>,
    /// How many of them are from the start of the node. These always stay.
    from_start: usize,
}

#[derive(Debug)]
struct KeptSeed {
    text: String,
    /// Where it led when it last led anywhere.
    addrs: Vec<SocketAddr>,
}

impl Default for SeedBook {
    fn default() -> Self {
        Self { pages: Mutex::default(), came: async_channel::bounded(1) }
    }
}

impl SeedBook {
    /// Keeps the seeds that the node is started with.
    pub(crate) fn begin_with<'a>(&self, seeds: impl Iterator<Item = &'a String>) {
        self.keep(seeds);
        self.with(|pages| pages.from_start = pages.seeds.len());
    }

    /// Keeps more seeds. If there are too many, the oldest go that are not from the start of the node.
    pub(crate) fn keep<'a>(&self, seeds: impl Iterator<Item = &'a String>) {
        self.with(|pages| {
            for text in seeds {
                if pages.seeds.iter().any(|kept| kept.text == *text) {
                    continue;
                }
                if pages.seeds.len() >= SEEDS_MAX {
                    if pages.from_start >= pages.seeds.len() {
                        break;
                    }
                    pages.seeds.remove(pages.from_start);
                }
                pages.seeds.push(KeptSeed { text: text.clone(), addrs: Vec::new() });
            }
        });
        // If the channel is full, somebody is told already.
        let _ = self.came.0.try_send(());
    }

    /// Waits until there is a seed.
    pub(crate) async fn some(&self) {
        while self.texts().is_empty() {
            let _ = self.came.1.recv().await;
        }
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.with(|pages| pages.seeds.iter().map(|seed| seed.text.clone()).collect())
    }

    /// A seed leads here. If it leads nowhere for a moment, it keeps the addresses that it had.
    pub(crate) fn found(&self, text: &str, addrs: Vec<SocketAddr>) {
        self.with(|pages| {
            let kept = pages.seeds.iter_mut().find(|seed| seed.text == text);
            if let Some(kept) = kept.filter(|_| !addrs.is_empty()) {
                kept.addrs = addrs;
            }
        });
    }

    /// Where all of them lead.
    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        self.with(|pages| pages.seeds.iter().flat_map(|seed| seed.addrs.clone()).collect())
    }

    fn with<T>(&self, f: impl FnOnce(&mut Pages) -> T) -> T {
        f(&mut self.pages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|n| format!("seed-{n}")).collect()
    }

    #[test]
    fn a_program_that_joins_for_ever_pushes_out_its_oldest_seeds_and_none_from_the_start() {
        let book = SeedBook::default();
        book.begin_with(numbered(0..3).iter());
        for n in 3..3000 {
            book.keep(numbered(n..n + 1).iter());
        }
        let texts = book.texts();
        assert_eq!(texts.len(), SEEDS_MAX);
        assert_eq!(texts[..3], numbered(0..3));
        assert_eq!(texts[3..], numbered(3000 - SEEDS_MAX + 3..3000));
    }

    #[test]
    fn a_seed_that_leads_nowhere_for_a_moment_keeps_its_addresses() {
        let book = SeedBook::default();
        let [one, other] = [1, 2].map(|n| SocketAddr::from(([10, 0, 0, n], 7946)));
        book.begin_with(numbered(0..1).iter());
        book.found("seed-0", vec![one]);
        book.found("seed-0", Vec::new());
        book.found("nobody", vec![other]);
        assert_eq!(book.addrs(), [one]);
        book.found("seed-0", vec![other]);
        assert_eq!(book.addrs(), [other]);
    }
}
