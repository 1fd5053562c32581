//! Scores of policies, kept over runs.

use super::super::output;
use crate::flow::Key;
use crate::quant::Policy;
use crate::search::Score;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Name of the file in the folder of checkpoints.
const FILE: &str = "scores.jsonl";

/// A score and the seconds of processor time that it took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    pub score: Score,
    pub seconds: f64,
}

/// All scores known; with a folder, those of earlier runs are among them, and new ones are written down at once. Each
/// stands under the key of what it is of, so one file can hold scores of many weights and images.
pub struct Scores {
    known: HashMap<(Policy, Key), Timed>,
    file: Option<File>,
}

impl Scores {
    /// Reads what a folder knows.
    pub fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let mut known = HashMap::new();
        let Some(folder) = folder else { return Ok(Self { known, file: None }) };
        let path = folder.join(FILE);
        let failed = || format!("{}", path.display());
        output::create_folder(folder)?;
        let file = OpenOptions::new().create(true).append(true).read(true).open(&path);
        let mut file = file.with_context(failed)?;
        for line in BufReader::new(&file).split(b'\n') {
            // One that another version wrote, or that was cut off, is as good as none.
            if let Ok((policy, of, timed)) = serde_json::from_slice(&line.with_context(failed)?) {
                known.insert((policy, of), timed);
            }
        }
        end_line(&mut file).with_context(failed)?;
        Ok(Self { known, file: Some(file) })
    }

    /// The score of a policy, if it is known.
    pub fn get(&self, policy: &Policy, of: Key) -> Option<Timed> {
        self.known.get(&(policy.clone(), of)).copied()
    }

    /// Notes a score.
    pub fn put(&mut self, policy: &Policy, of: Key, timed: Timed) -> anyhow::Result<()> {
        if let Some(file) = &mut self.file {
            let line = serde_json::to_string(&(policy, of, timed))? + "\n";
            file.write_all(line.as_bytes()).context(FILE)?;
        }
        self.known.insert((policy.clone(), of), timed);
        Ok(())
    }
}

/// Ends a last line that was cut off, lest the next one is lost with it.
fn end_line(file: &mut File) -> std::io::Result<()> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_found_under_what_they_are_of_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let spec: crate::net::Spec = "mobilenet-v1-0.25-32".parse().expect("a name");
        let policy = Policy::uniform(&spec.build(), crate::quant::Bits::B4, crate::quant::Bits::B8);
        let timed = Timed { score: Score { correct: 3, images: 5, divergence: 7, squares: 1 }, seconds: 0.5 };
        let (one, other) = (Key::of(&1), Key::of(&2));
        let mut scores = Scores::open(Some(folder.path())).expect("opens");
        scores.put(&policy, one, timed).expect("writes");
        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).expect("a file");
        // A program that ended while it wrote, and a line of another version.
        std::fs::write(&path, [&b"{\"weights_sha256\":\"00\"}\n"[..], &whole, &whole[..20]].concat())
            .expect("written");
        let mut again = Scores::open(Some(folder.path())).expect("opens");
        assert_eq!((again.get(&policy, one), again.get(&policy, other)), (Some(timed), None));
        again.put(&policy, other, timed).expect("writes");
        let last = Scores::open(Some(folder.path())).expect("opens");
        assert_eq!((last.get(&policy, one), last.get(&policy, other)), (Some(timed), Some(timed)));
    }
}
