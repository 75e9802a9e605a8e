//! What was measured: kept in a file beside the programs, so that parts can be measured again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::systems::target;

/// What is measured: a work, its parameters, a metric.
type Key = (String, String, String);

#[derive(Default)]
pub struct Results {
    values: BTreeMap<(String, Key), Vec<f64>>,
    /// Why there are none, by system and work.
    missing: BTreeMap<(String, String), String>,
    /// At which commit, by the work as programs call it.
    commits: BTreeMap<String, String>,
}

/// Programs print more than one work under one name.
fn parts(work: &str) -> &[&str] {
    match work {
        "aead" => &["seal-1400", "open-1400"],
        "cluster-100" | "cluster-200" => &["all-see-all", "idle", "event"],
        _ => &[],
    }
}

impl Results {
    pub fn load(root: &Path) -> Self {
        let mut results = Self::default();
        let text = fs::read_to_string(target(root).join("results.tsv")).unwrap_or_default();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["commit", work, commit] => {
                    results.commits.insert(work.into(), commit.into());
                }
                ["missing", system, work, why] => {
                    results.missing.insert((system.into(), work.into()), why.into());
                }
                [system, work, parameters, metric, values] => {
                    let key = (work.into(), parameters.into(), metric.into());
                    let values = values.split(',').filter_map(|value| value.parse().ok()).collect();
                    results.values.insert((system.into(), key), values);
                }
                _ => {}
            }
        }
        results
    }

    pub fn store(&self, root: &Path) {
        let mut text = String::new();
        for (work, commit) in &self.commits {
            text += &format!("commit\t{work}\t{commit}\n");
        }
        for ((system, work), why) in &self.missing {
            text += &format!("missing\t{system}\t{work}\t{why}\n");
        }
        for ((system, (work, parameters, metric)), values) in &self.values {
            let values: Vec<String> = values.iter().map(f64::to_string).collect();
            text += &format!("{system}\t{work}\t{parameters}\t{metric}\t{}\n", values.join(","));
        }
        fs::write(target(root).join("results.tsv"), text)
            .expect("the target folder can be written");
    }

    /// Makes room for what is measured anew.
    pub fn forget(&mut self, work: &str) {
        let size = work.strip_prefix("cluster-").map(|size| format!("n={size}"));
        self.values.retain(|(_, (of, parameters, _)), _| {
            let is_part = of == work || parts(work).contains(&&**of);
            !(is_part
                && size.as_ref().is_none_or(|size| parameters.split(' ').next() == Some(size)))
        });
        self.missing.retain(|(_, of), _| of != work);
        self.commits.insert(work.into(), commit());
    }

    /// Takes what a program printed.
    pub fn take(&mut self, system: &str, work: &str, said: Result<String, String>) {
        let said = said.unwrap_or_else(|why| {
            println!("{why}");
            self.missing.insert((system.into(), work.into()), why);
            String::new()
        });
        for line in said.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            println!("{line}");
            match fields[..] {
                [of, parameters, "missing", why] => {
                    self.missing.insert((system.into(), format!("{of} {parameters}")), why.into());
                }
                [of, parameters, metric, value] => {
                    let key = (of.into(), parameters.into(), metric.into());
                    if let Ok(value) = value.parse() {
                        self.values.entry((system.into(), key)).or_default().push(value);
                    }
                }
                _ => {}
            }
        }
    }

    /// The median of the rounds.
    pub fn get(&self, system: &str, work: &str, parameters: &str, metric: &str) -> Option<f64> {
        let values = self.sorted(system, work, parameters, metric)?;
        values.get(values.len() / 2).copied()
    }

    /// How far the rounds are apart: the largest less the smallest, as a part of the median.
    pub fn spread(&self, system: &str, work: &str, parameters: &str, metric: &str) -> Option<f64> {
        let values = self.sorted(system, work, parameters, metric)?;
        let (first, last) = (values.first()?, values.last().filter(|_| values.len() > 1)?);
        Some((last - first) / values[values.len() / 2].max(f64::MIN_POSITIVE))
    }

    fn sorted(&self, system: &str, work: &str, parameters: &str, metric: &str) -> Option<Vec<f64>> {
        let key = (work.into(), parameters.into(), metric.into());
        let mut values = self.values.get(&(system.into(), key))?.clone();
        values.sort_by(f64::total_cmp);
        Some(values)
    }

    /// Whatever could not be measured, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.missing.iter().map(|((system, work), why)| (&**system, &**work, &**why))
    }

    /// At which commits it was measured.
    pub fn commits(&self) -> Vec<(String, Vec<&str>)> {
        let mut works: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (work, commit) in &self.commits {
            works.entry(commit).or_default().push(work);
        }
        works.into_iter().map(|(commit, works)| (commit.to_owned(), works)).collect()
    }
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let said = Command::new("git").args(arguments).output();
        said.map_or_else(
            |_| String::new(),
            |said| String::from_utf8_lossy(&said.stdout).trim().to_owned(),
        )
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", "..", ":!../docs"]);
    let mark = if changed.is_empty() { "" } else { " and changes" };
    git(&["rev-parse", "--short=10", "HEAD"]) + mark
}
