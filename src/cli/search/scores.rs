//! Scores of policies, kept over runs.

use crate::calibrate::Settings;
use crate::quant::Policy;
use crate::search::{Sample, Score};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

/// Name of the file in the folder of checkpoints.
const FILE: &str = "scores.jsonl";

/// Which images a score is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Images {
    /// Reward images.
    Reward(Sample),
    /// Test images.
    Test,
}

/// A score and the seconds of processor time that it took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    pub score: Score,
    pub seconds: f64,
}

/// What scores depend on beside policy and images' purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    pub weights_sha256: String,
    pub images: String,
    /// Images and how they serve.
    pub calibration: (usize, Settings),
    /// The float network's score on the reward images.
    pub float: Score,
    /// Version of the program: another one may quantize otherwise.
    pub version: String,
    /// Steps of training before each score.
    #[serde(default)]
    pub tune_steps: u32,
}

/// All scores known; with a folder, those of earlier runs are among them, and new ones are written down at once.
pub struct Scores {
    known: HashMap<(Policy, Images), Timed>,
    file: Option<File>,
}

impl Scores {
    /// Reads what a folder knows of a subject.
    pub fn open(folder: Option<&Path>, subject: &Subject) -> anyhow::Result<Self> {
        let mut known = HashMap::new();
        let Some(folder) = folder else { return Ok(Self { known, file: None }) };
        let path = folder.join(FILE);
        let failed = || format!("{}", path.display());
        fs::create_dir_all(folder).with_context(failed)?;
        let mut is_new = true;
        if path.exists() {
            let mut lines = BufReader::new(File::open(&path).with_context(failed)?).lines();
            if let Some(first) = lines.next().transpose().with_context(failed)? {
                is_new = false;
                ensure!(
                    serde_json::from_str::<Subject>(&first).is_ok_and(|found| found == *subject),
                    "{} is of other weights or images, or of another version; remove it or choose another folder",
                    path.display()
                );
            }
            for line in lines {
                // The last line may be cut off.
                if let Ok((policy, images, timed)) = serde_json::from_str(&line.with_context(failed)?) {
                    known.insert((policy, images), timed);
                }
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path).with_context(failed)?;
        if is_new {
            writeln!(file, "{}", serde_json::to_string(subject)?).with_context(failed)?;
        }
        Ok(Self { known, file: Some(file) })
    }

    /// Seconds that a score took; 0 if it is not known.
    pub fn seconds(&self, policy: &Policy, images: Images) -> f64 {
        self.known.get(&(policy.clone(), images)).map_or(0.0, |timed| timed.seconds)
    }

    /// The score of a policy, measured unless it is known.
    pub fn get(
        &mut self,
        policy: &Policy,
        images: Images,
        measure: impl FnOnce() -> anyhow::Result<Timed>,
    ) -> anyhow::Result<Timed> {
        let key = (policy.clone(), images);
        if let Some(&timed) = self.known.get(&key) {
            return Ok(timed);
        }
        let timed = measure()?;
        if let Some(file) = &mut self.file {
            writeln!(file, "{}", serde_json::to_string(&(policy, images, timed))?)?;
        }
        self.known.insert(key, timed);
        Ok(timed)
    }
}
