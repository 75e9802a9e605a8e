//! Plays all scripts and compares what they print with what they expect.
//!
//! `UPDATE=1 cargo test -p serfer-sim --test scripts` records what they print instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let entries = fs::read_dir(folder).expect("the folder of scripts can be listed");
    let mut scripts: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|it| it == "txt"));
    scripts.sort();
    let trials = scripts.into_iter().map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name, move || play(&path))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn play(path: &Path) -> Result<(), Failed> {
    let expected = fs::read_to_string(path)?;
    let played = serfer_sim::script::play(&path.to_string_lossy(), &expected)?;
    if played == expected {
        return Ok(());
    }
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        fs::write(path, played)?;
        return Ok(());
    }
    let differences = differences(&expected, &played);
    Err(format!("{} printed something else:\n{differences}", path.display()).into())
}

/// The lines that differ, `-` for expected and `+` for printed, after three equal lines.
fn differences(expected: &str, played: &str) -> String {
    let (expected, played): (Vec<_>, Vec<_>) =
        (expected.lines().collect(), played.lines().collect());
    let pairs = |a: &[&str], b: &[&str]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let same = pairs(&expected, &played);
    let (old, new) = (&expected[same..], &played[same..]);
    let reversed = |lines: &[&str]| lines.iter().rev().copied().collect::<Vec<_>>().join("\n");
    let (back_old, back_new) = (reversed(old), reversed(new));
    let tail = back_old.lines().zip(back_new.lines()).take_while(|(a, b)| a == b).count();
    let tail = tail.min(old.len()).min(new.len());
    let mut text = String::new();
    for (sign, lines) in [
        (' ', &expected[same.saturating_sub(3)..same]),
        ('-', &old[..old.len() - tail]),
        ('+', &new[..new.len() - tail]),
    ] {
        text.extend(lines.iter().map(|line| format!("{sign} {line}\n")));
    }
    text
}
