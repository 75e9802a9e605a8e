//! Sealing and opening, with the back end that `serfer-proto` is built with.

use bench_common::micro::measure;
use serfer_proto::wire::seal::{Cipher, Sealing, Version, open};

/// Datagrams as gossip has them.
pub fn aead(back_end: &str) {
    for (bits, key) in [(128, &[7; 16][..]), (256, &[7; 32])] {
        let cipher = Cipher::new(key).expect("the key has a length that AES has");
        let text = [5; 1_400];
        let mut out = Vec::with_capacity(2_000);
        let seal = |out: &mut Vec<u8>| {
            out.clear();
            let sealing = Sealing::begin(Version::Plain, [3; 12], out);
            out.extend_from_slice(&text);
            sealing.finish(&cipher, b"", out);
        };
        measure("seal-1400", &format!("{back_end}aes={bits}"), |meter| {
            meter.count(1_000, || (0..1_000).for_each(|_| seal(std::hint::black_box(&mut out))));
        });
        seal(&mut out);
        let mut copy = out.clone();
        measure("open-1400", &format!("{back_end}aes={bits}"), |meter| {
            meter.count(1_000, || {
                for _ in 0..1_000 {
                    copy.copy_from_slice(&out);
                    open(std::hint::black_box(&mut copy), [&cipher], b"").expect("it is whole");
                }
            });
        });
    }
}
