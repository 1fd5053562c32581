//! The search itself: asks for scores, one policy at a time, and keeps what came of them.

mod checkpoint;

use super::{
    Agent, Allocator, Episode, Log, Problem, Purpose, Sample, Score, SearchError, Settings,
    evolution::{Evolution, random_policy},
    exact::exact,
    greedy::greedy,
    random::Random,
    run_off::{FINALISTS, RunOff},
    sensitivity::Probing,
};
use crate::{net::Graph, quant::Policy};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A policy that an allocator wants to know the score of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The policy.
    pub policy: Policy,
    /// Why.
    pub purpose: Purpose,
}

/// What a search wants next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The score of this policy on these images, for [`Search::scored`].
    Score(Policy, Sample),
    /// Nothing: this policy was scored before, and its episode is in the log.
    Known(Box<Episode>),
    /// Nothing more.
    Finished,
}

/// A search: a value that goes on wherever it is stored and loaded, with the same results.
///
/// It does not measure anything. Whoever drives it asks for what is [next](Search::ask) and answers with scores; the
/// same scores give the same search, so it does not matter who computes them and how.
pub struct Search {
    problem: Problem,
    known: HashMap<(Policy, Sample), Score>,
    state: State,
}

/// All of a search that is not the network.
#[derive(Serialize, Deserialize)]
struct State {
    settings: Settings,
    /// Accuracy of the float network on the reward images.
    float: Score,
    /// Position of the running allocator in the settings.
    running: usize,
    method: Method,
    /// Episodes of the running allocator.
    number: usize,
    /// Its run-off; `None` before that.
    run_off: Option<RunOff>,
    /// What is being scored.
    waiting: Option<Proposal>,
    log: Log,
}

/// An allocator at work.
#[derive(Serialize, Deserialize)]
enum Method {
    /// A policy that needs no measurement.
    Once,
    /// One that is made of sensitivities.
    Probing(Probing, bool),
    Random(Random),
    Evolution(Evolution),
    Agent(Box<Agent>),
    Finished,
}

impl Search {
    /// A search that has not begun. `float` is the score of the float network on the reward images.
    ///
    /// # Errors
    /// If no policy fits the budget; the error names the least budget that would do.
    pub fn new(graph: &Graph, settings: Settings, float: Score) -> Result<Self, SearchError> {
        let problem = settings.problem(graph)?;
        let (method, log) = (Method::Finished, Log::default());
        let state =
            State { settings, float, running: 0, method, number: 0, run_off: None, waiting: None, log };
        let mut search = Self { problem, known: HashMap::new(), state };
        search.start();
        Ok(search)
    }

    /// Reads what [`Search::checkpoint`] has written; `graph` must be that of the same network.
    ///
    /// # Errors
    /// If the bytes are of something else, of another version or network, damaged, or contradict themselves.
    pub fn resume(graph: &Graph, checkpoint: &[u8]) -> Result<Self, SearchError> {
        let (state, problem) = checkpoint::read(graph, checkpoint)?;
        let known =
            state.log.episodes().iter().map(|e| ((e.policy.clone(), e.purpose.sample()), e.score)).collect();
        Ok(Self { problem, known, state })
    }

    /// All that is needed to go on elsewhere. A policy that is being scored is scored again.
    pub fn checkpoint(&self) -> Vec<u8> {
        checkpoint::write(&self.state)
    }

    /// What is searched.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// How it is searched.
    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// The float network's score.
    pub fn float(&self) -> Score {
        self.state.float
    }

    /// All episodes so far.
    pub fn log(&self) -> &Log {
        &self.state.log
    }

    /// Episodes done, and in all if every allocator uses all of its own.
    pub fn progress(&self) -> (usize, usize) {
        let settings = &self.state.settings;
        let total = |&allocator: &Allocator| {
            let episodes = if allocator.measures() { settings.episodes } else { 1 };
            let finalists = match allocator {
                Allocator::Random | Allocator::Evolution => FINALISTS,
                Allocator::Agent if settings.warm_start => FINALISTS + Agent::STARTS.len(),
                Allocator::Agent => FINALISTS,
                _ => 1,
            };
            episodes + RunOff::scores(finalists.min(episodes), settings.run_off)
        };
        let before = settings.allocators.iter().take(self.state.running).map(total).sum::<usize>();
        (before + self.state.number, settings.allocators.iter().map(total).sum())
    }

    /// What to do next. Asked again without an answer, it asks for the same.
    pub fn ask(&mut self) -> Next {
        loop {
            let Some(&allocator) = self.state.settings.allocators.get(self.state.running) else {
                return Next::Finished;
            };
            let proposal = match self.state.waiting.take() {
                Some(proposal) => Some(proposal),
                None => self.propose(allocator),
            };
            let Some(proposal) = proposal else {
                self.state.running += 1;
                self.start();
                continue;
            };
            let (policy, sample) = (proposal.policy.clone(), proposal.purpose.sample());
            let known = self.known.get(&(policy.clone(), sample)).copied();
            self.state.waiting = Some(proposal);
            return match known.and_then(|score| self.scored(score).cloned()) {
                Some(episode) => Next::Known(Box::new(episode)),
                None => Next::Score(policy, sample),
            };
        }
    }

    /// Takes the score of the policy that was asked for; `None` if none was.
    pub fn scored(&mut self, score: Score) -> Option<&Episode> {
        let Proposal { policy, purpose } = self.state.waiting.take()?;
        let allocator = *self.state.settings.allocators.get(self.state.running)?;
        self.state.number += 1;
        self.known.insert((policy.clone(), purpose.sample()), score);
        let rewarded = if purpose.is_run_off() { Sample::All } else { purpose.sample() };
        let rewarded = self.known.get(&(policy.clone(), rewarded)).copied().unwrap_or(score);
        let reward = rewarded.reward();
        let usage = self.problem.usage(&policy);
        let episode = Episode { allocator, number: self.state.number, purpose, policy, usage, score, reward };
        if !purpose.is_run_off() {
            self.state.method.learn(&self.problem, &episode);
        }
        self.state.log.push(episode);
        self.state.log.episodes().last()
    }

    /// The next proposal of the running allocator, then its run-off; `None` if it has no more.
    fn propose(&mut self, allocator: Allocator) -> Option<Proposal> {
        if self.state.run_off.is_none()
            && let Some(proposal) = self.explore(allocator)
        {
            return Some(proposal);
        }
        let State { settings, run_off, log, .. } = &mut self.state;
        let run_off =
            run_off.get_or_insert_with(|| RunOff::new(log, allocator, settings.allocators.len() > 1));
        run_off.next(log, allocator, settings.run_off)
    }

    /// The next proposal of the running allocator before its run-off.
    fn explore(&mut self, allocator: Allocator) -> Option<Proposal> {
        let State { settings, method, number, .. } = &mut self.state;
        if *number >= settings.episodes.max(1) {
            return None;
        }
        let mut proposal = method.next(&self.problem, allocator, *number)?;
        if proposal.purpose.is_candidate() {
            proposal.policy = self.problem.executed(proposal.policy, settings.fill);
        }
        Some(proposal)
    }

    /// Sets up the running allocator.
    fn start(&mut self) {
        let Settings { allocators, seed, warm_start, fill, agent, .. } = &self.state.settings;
        self.state.number = 0;
        self.state.run_off = None;
        self.state.method = match allocators.get(self.state.running) {
            None => Method::Finished,
            Some(Allocator::Uniform | Allocator::Rule | Allocator::NotchDown) => Method::Once,
            Some(Allocator::Greedy | Allocator::Exact) => Method::Probing(Probing::new(&self.problem), false),
            Some(Allocator::Random) => Method::Random(Random::new(*seed, 1)),
            Some(Allocator::Evolution) => Method::Evolution(Evolution::new(*seed)),
            Some(Allocator::Agent) => {
                Method::Agent(Box::new(Agent::new(&self.problem, *agent, *warm_start, *fill, *seed)))
            }
        };
    }
}

impl Method {
    fn next(&mut self, problem: &Problem, allocator: Allocator, number: usize) -> Option<Proposal> {
        let candidate = |policy| Some(Proposal { policy, purpose: Purpose::Candidate });
        match self {
            Method::Once if number > 0 => None,
            Method::Once => candidate(match allocator {
                Allocator::Uniform => problem.uniform(),
                Allocator::NotchDown => problem.notch_down(),
                _ => problem.rule(),
            }),
            Method::Probing(_, true) | Method::Finished => None,
            Method::Probing(probing, _) => probing.next(problem).or_else(|| {
                candidate(match allocator {
                    Allocator::Exact => exact(problem, probing),
                    _ => greedy(problem, probing),
                })
            }),
            Method::Random(random) => candidate(random_policy(problem, random)),
            Method::Evolution(evolution) => Some(evolution.next(problem)),
            Method::Agent(agent) => Some(agent.next(problem)),
        }
    }

    fn learn(&mut self, problem: &Problem, episode: &Episode) {
        match self {
            Method::Probing(_, is_done) if episode.is_candidate() => *is_done = true,
            Method::Probing(probing, _) => probing.learn(episode.score),
            Method::Evolution(evolution) => evolution.learn(&episode.policy, episode.score),
            Method::Agent(agent) => agent.learn(problem, episode),
            Method::Once | Method::Random(_) | Method::Finished => {}
        }
    }
}
