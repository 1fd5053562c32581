//! Scores of policies: after calibration, or after a little training; known ones are looked up.

use super::super::arguments::Search as Arguments;
use super::super::session::{Session, Threads, run};
use super::scores::{Scores, Timed};
#[cfg(feature = "train")]
use super::tuner::Tuner;
use crate::flow::session::{Calibrated, Scoring, Subject};
use crate::flow::{End, Key, SearchRequest, Set};
use crate::quant::{Policy, QuantizedNetwork};
use crate::search::{Allocator, Episode, Sample, Score, Search, Settings};
use anyhow::ensure;
use cpu_time::ProcessTime;
use std::collections::HashMap;

/// Gives scores, of calibrated networks unless there is a [`Tuner`], and keeps account of the time.
pub struct Scorer {
    /// What is scored.
    pub subject: Subject,
    #[cfg(feature = "train")]
    tuner: Option<Tuner>,
    scores: Scores,
    times: HashMap<Allocator, Times>,
    /// Since the last step was taken.
    step: ProcessTime,
    /// Seconds that the score of this step took whoever first asked, and that it took now.
    scoring: (f64, f64),
}

/// Seconds of processor time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Of scores, whoever had them measured first.
    pub scoring: f64,
    /// Of the allocator itself.
    pub thinking: f64,
}

impl Scorer {
    /// Decodes the images and measures the float network.
    pub fn new(arguments: &Arguments, session: &mut Session, settings: &Settings) -> anyhow::Result<Self> {
        let run_off = if arguments.no_run_off { 0 } else { Sample::ROUNDS.len() };
        let settings = Settings { run_off, ..settings.clone() };
        let request = SearchRequest { settings, limit: arguments.limit, test: !arguments.no_test };
        let subject = run(session.prepare_search(&request))?;
        ensure!(subject.float.tally.images > 0, "no reward image could be read");
        Ok(Self {
            subject,
            #[cfg(feature = "train")]
            tuner: match arguments.tune_steps() {
                0 => None,
                steps => Some(Tuner::new(session, steps)?),
            },
            scores: Scores::open(arguments.checkpoint.as_deref())?,
            times: HashMap::new(),
            step: ProcessTime::now(),
            scoring: (0.0, 0.0),
        })
    }

    /// Begins a search, or goes on with one: what is there has taken its time as well.
    pub fn begin(&mut self, session: &Session, search: &Search) {
        self.times.clear();
        for episode in search.log().episodes() {
            let of = self.key(session, Set::of(episode.purpose.sample()));
            let seconds = self.scores.get(&episode.policy, of).map_or(0.0, |timed| timed.seconds);
            self.times.entry(episode.allocator).or_default().scoring += seconds;
        }
        self.step = ProcessTime::now();
    }

    /// What an allocator has taken.
    pub fn times(&self, allocator: Allocator) -> Times {
        self.times.get(&allocator).copied().unwrap_or_default()
    }

    /// What a score on a set is of. Another version of the program may quantize otherwise.
    fn key(&self, session: &Session, set: Set) -> Key {
        #[cfg(feature = "train")]
        let tuned = self.tuner.as_ref().filter(|_| set != Set::Probe).map(Tuner::key);
        #[cfg(not(feature = "train"))]
        let tuned = None::<Key>;
        Key::of(&(session.score_key(&self.subject, set), tuned, env!("CARGO_PKG_VERSION")))
    }

    async fn measure(&self, session: &Session, policy: &Policy, set: Set) -> Result<Score, End> {
        // Probes are never trained: what narrowing one tensor costs shows without.
        #[cfg(feature = "train")]
        if let Some(tuner) = self.tuner.as_ref().filter(|_| set != Set::Probe) {
            let mut images = Vec::new();
            session.send_set(set, |image| images.push(image)).await?;
            return tuner.score(policy, &images).map_err(failed);
        }
        session.score(policy, set).await
    }
}

impl Scoring<Threads> for Scorer {
    async fn score(&mut self, session: &mut Session, policy: &Policy, set: Set) -> Result<Score, End> {
        let of = self.key(session, set);
        if let Some(Timed { score, seconds }) = self.scores.get(policy, of) {
            self.scoring = (seconds, 0.0);
            return Ok(score);
        }
        let start = ProcessTime::now();
        let score = self.measure(session, policy, set).await?;
        let seconds = start.elapsed().as_secs_f64();
        self.scoring = (seconds, seconds);
        self.scores.put(policy, of, Timed { score, seconds }).map_err(failed)?;
        Ok(score)
    }

    async fn network(&mut self, session: &mut Session, policy: &Policy) -> Result<QuantizedNetwork, End> {
        #[cfg(feature = "train")]
        if let Some(tuner) = &self.tuner {
            return tuner.network(policy).map_err(failed);
        }
        Calibrated.network(session, policy).await
    }

    fn took(&mut self, _: &Search, episode: Option<&Episode>) {
        let all = std::mem::replace(&mut self.step, ProcessTime::now()).elapsed().as_secs_f64();
        let (first, now) = std::mem::take(&mut self.scoring);
        if let Some(episode) = episode {
            let times = self.times.entry(episode.allocator).or_default();
            times.scoring += first;
            times.thinking += (all - now).max(0.0);
        }
    }
}

fn failed(error: anyhow::Error) -> End {
    End::Failed(format!("{error:#}"))
}
