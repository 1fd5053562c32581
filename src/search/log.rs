//! The log of a search: every policy that was scored, and what follows from it.

use super::{Allocator, Sample, Score, run_off::ranking};
use crate::{
    memory::Usage,
    net::Graph,
    quant::{Bits, Policy, Slot},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write;

/// Why a policy was scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// It is what the allocator proposes: it fits the budget and may win.
    Candidate,
    /// As [`Purpose::Candidate`]: a start that another allocator has given.
    Start(Allocator),
    /// All free tensors at 8 bits, to compare probes with. Need not fit the budget, and never wins.
    Widest,
    /// All free tensors at 8 bits but one, to see what that costs. As [`Purpose::Widest`].
    Probe(Slot, Bits),
    /// A finalist in a round of the run-off, counted from 0: on images of which no reward is.
    RunOff(usize),
}

impl Purpose {
    /// Whether the policy fits the budget and may win.
    pub fn is_candidate(self) -> bool {
        matches!(self, Self::Candidate | Self::Start(_))
    }

    /// Whether a finalist is scored once more.
    pub fn is_run_off(self) -> bool {
        matches!(self, Self::RunOff(_))
    }

    /// The images that it is scored on.
    pub fn sample(self) -> Sample {
        match self {
            Self::Candidate | Self::Start(_) => Sample::All,
            Self::Widest | Self::Probe(..) => Sample::Part,
            Self::RunOff(round) => Sample::RunOff(round),
        }
    }
}

/// A policy that was scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Who proposed it.
    pub allocator: Allocator,
    /// Number among the episodes of its allocator, from 1.
    pub number: usize,
    /// Why it was scored.
    pub purpose: Purpose,
    /// The policy.
    pub policy: Policy,
    /// What it takes.
    pub usage: Usage,
    /// How well it does on the images of [`Purpose::sample`].
    pub score: Score,
    /// [`Score::reward`] on the reward images.
    pub reward: f64,
}

impl Episode {
    /// Whether the policy fits the budget and may win.
    pub fn is_candidate(&self) -> bool {
        self.purpose.is_candidate()
    }
}

/// What narrowing a single tensor costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The tensor.
    pub slot: Slot,
    /// Its width; all others have 8 bits.
    pub bits: Bits,
    /// The score with it.
    pub score: Score,
    /// By how much the mean divergence rises, in nats.
    pub nats: f64,
}

/// All episodes of a search in the order in which they were scored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    episodes: Vec<Episode>,
}

impl Log {
    /// Adds an episode.
    pub fn push(&mut self, episode: Episode) {
        self.episodes.push(episode);
    }

    /// All episodes.
    pub fn episodes(&self) -> &[Episode] {
        &self.episodes
    }

    /// Policies that an allocator has scored before its run-off.
    pub fn count(&self, allocator: Allocator) -> usize {
        self.of(allocator).filter(|episode| !episode.purpose.is_run_off()).count()
    }

    /// The best candidate, of one allocator or of all: the one with the lowest divergence on the reward images, among equals
    /// the first. After a run-off, the one that has won it.
    pub fn best(&self, allocator: Option<Allocator>) -> Option<&Episode> {
        let best = match allocator {
            Some(allocator) => self.winner(allocator),
            None => {
                chosen(Allocator::ALL.into_iter().filter_map(|allocator| self.winner(allocator)).collect())
            }
        };
        best.map(|(episode, _)| episode)
    }

    /// What a candidate scored in the run-off of its allocator, in all of its rounds together, if it took part.
    pub fn run_off(&self, candidate: &Episode) -> Option<Score> {
        self.run_offs(candidate.allocator).get(&candidate.policy).copied()
    }

    /// What the finalists of an allocator scored in all rounds of its run-off together.
    fn run_offs(&self, allocator: Allocator) -> HashMap<&Policy, Score> {
        let mut scores: HashMap<&Policy, Score> = HashMap::new();
        for episode in self.of(allocator).filter(|episode| episode.purpose.is_run_off()) {
            *scores.entry(&episode.policy).or_default() += episode.score;
        }
        scores
    }

    /// The best candidate of an allocator, and its score in the run-off if there was one.
    fn winner(&self, allocator: Allocator) -> Option<Contender<'_>> {
        let run_offs = self.run_offs(allocator);
        let candidates = self.of(allocator).filter(|episode| episode.is_candidate());
        let mut field: Vec<Contender<'_>> =
            candidates.map(|episode| (episode, run_offs.get(&episode.policy).copied())).collect();
        // Who got further in the run-off was scored on more images.
        let images = |(_, run_off): &Contender<'_>| run_off.map(|score| score.images);
        let most = field.iter().map(images).max()?;
        field.retain(|contender| images(contender) == most);
        chosen(field)
    }

    fn of(&self, allocator: Allocator) -> impl Iterator<Item = &Episode> {
        self.episodes.iter().filter(move |episode| episode.allocator == allocator)
    }

    /// The policies that went through a round of an allocator's run-off, best first by what they scored in all rounds
    /// so far.
    pub(super) fn standing(&self, allocator: Allocator, round: usize) -> Vec<Policy> {
        let run_offs = self.run_offs(allocator);
        let took_part = self.of(allocator).filter(|episode| episode.purpose == Purpose::RunOff(round));
        let policies: Vec<&Policy> = took_part.map(|episode| &episode.policy).collect();
        let scores: Vec<Score> = policies.iter().filter_map(|policy| run_offs.get(policy).copied()).collect();
        ranking(&scores).into_iter().map(|at| policies[at].clone()).collect()
    }

    /// The policies of an allocator that take part in its run-off, best first: all that other allocators have given,
    /// and as many of its best others.
    pub(super) fn finalists(&self, allocator: Allocator, others: usize) -> Vec<Policy> {
        let mut candidates: Vec<&Episode> = self.of(allocator).filter(|e| e.is_candidate()).collect();
        // Stable: the first of equals stays the first.
        candidates.sort_by_key(|episode| Reverse(episode.score.rank()));
        let mut finalists: Vec<Policy> = Vec::new();
        let mut left = others;
        for episode in candidates {
            let is_start = matches!(episode.purpose, Purpose::Start(_));
            if (is_start || left > 0) && !finalists.contains(&episode.policy) {
                finalists.push(episode.policy.clone());
                left -= usize::from(!is_start);
            }
        }
        finalists
    }

    /// Episodes whose scores can be compared: those on all reward images. Probes take part if they were scored on as
    /// many images as candidates, the run-off does not.
    pub fn comparable(&self) -> impl Iterator<Item = &Episode> {
        let episodes = || self.episodes.iter().filter(|episode| !episode.purpose.is_run_off());
        let images = episodes().map(|episode| episode.score.images).max();
        episodes().filter(move |episode| Some(episode.score.images) == images)
    }

    /// Comparable episodes that no other beats in divergence, FLASH and RAM at once: whatever fits some other budget is
    /// worth knowing. By FLASH, smallest first; of equals the first.
    pub fn front(&self) -> Vec<&Episode> {
        let dominates = |a: &Episode, b: &Episode| {
            let (ours, theirs) = (a.usage, b.usage);
            ours.flash <= theirs.flash && ours.ram <= theirs.ram && !b.score.beats(&a.score)
        };
        let mut front: Vec<&Episode> = Vec::new();
        for episode in self.comparable() {
            if !front.iter().any(|other| dominates(other, episode)) {
                front.retain(|other| !dominates(episode, other));
                front.push(episode);
            }
        }
        front.sort_by_key(|episode| (episode.usage.flash, episode.usage.ram));
        front
    }

    /// What narrowing each tensor costs, as far as it was measured, in the order of measurement.
    pub fn sensitivities(&self) -> Vec<Sensitivity> {
        let widest = self.episodes.iter().find(|episode| episode.purpose == Purpose::Widest);
        let Some(widest) = widest else { return Vec::new() };
        let probe = |episode: &Episode| match episode.purpose {
            Purpose::Probe(slot, bits) => {
                let nats = episode.score.nats() - widest.score.nats();
                Some(Sensitivity { slot, bits, score: episode.score, nats })
            }
            _ => None,
        };
        self.episodes.iter().filter_map(probe).collect()
    }

    /// The log as comma-separated values, a line for each episode. Widths are listed as in
    /// [`Policy::weight_bits`] and [`Policy::activation_bits`], with spaces between them.
    pub fn csv(&self, graph: &Graph) -> String {
        let mut csv = String::from(
            "allocator,episode,purpose,correct,images,accuracy,divergence,reward,flash,ram,weight_bits,activation_bits\n",
        );
        for episode in &self.episodes {
            let Episode { allocator, number, policy, usage, score, reward, .. } = episode;
            let list = |bits: Vec<usize>| bits.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
            let _ = writeln!(
                csv,
                "{},{number},{},{},{},{:.4},{:.6},{reward:.4},{},{},{},{}",
                allocator.name(),
                purpose(graph, episode.purpose),
                score.correct,
                score.images,
                score.percent(),
                score.nats(),
                usage.flash,
                usage.ram,
                list(policy.weight_bits(graph)),
                list(policy.activation_bits(graph)),
            );
        }
        csv
    }

    /// The log as a JSON list with an object for each episode; see [`Log::csv`].
    pub fn json(&self, graph: &Graph) -> Value {
        self.episodes.iter().map(|episode| episode_json(graph, episode)).collect()
    }
}

/// A candidate and what it scored in the run-off, if it took part.
type Contender<'a> = (&'a Episode, Option<Score>);

/// By their run-offs if all have one, of as many images; else by their own scores. Of equals the first.
fn chosen(field: Vec<Contender<'_>>) -> Option<Contender<'_>> {
    let run_offs: Option<Vec<Score>> = field.iter().map(|(_, run_off)| *run_off).collect();
    let comparable = run_offs.filter(|scores| scores.windows(2).all(|pair| pair[0].images == pair[1].images));
    if let Some(scores) = comparable {
        return field.get(*ranking(&scores).first()?).copied();
    }
    field.into_iter().reduce(|best, next| if next.0.score.beats(&best.0.score) { next } else { best })
}

/// An episode as a JSON object.
pub fn episode_json(graph: &Graph, episode: &Episode) -> Value {
    let Episode { allocator, number, policy, usage, score, reward, .. } = episode;
    json!({
        "allocator": allocator.name(),
        "episode": number,
        "purpose": purpose(graph, episode.purpose),
        "correct": score.correct,
        "images": score.images,
        "accuracy": score.percent(),
        "divergence": score.nats(),
        "divergence_standard_error": score.standard_error(),
        "reward": reward,
        "flash_bytes": usage.flash,
        "ram_bytes": usage.ram,
        "weight_bits": policy.weight_bits(graph),
        "activation_bits": policy.activation_bits(graph),
    })
}

/// A purpose in words without commas.
fn purpose(graph: &Graph, purpose: Purpose) -> String {
    match purpose {
        Purpose::Candidate => "candidate".into(),
        Purpose::Start(allocator) => format!("start: {}", allocator.name()),
        Purpose::Widest => "widest".into(),
        Purpose::RunOff(round) => format!("run-off {}", round + 1),
        Purpose::Probe(slot, bits) => match slot {
            Slot::Weight(layer) => format!("probe: {} weights at {bits}", graph.layers[layer].name),
            Slot::Activation(tensor) => format!("probe: {} output at {bits}", graph.tensors[tensor].name),
        },
    }
}
