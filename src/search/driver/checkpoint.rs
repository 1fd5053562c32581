//! A search as bytes, and what must hold of bytes that say they are one.

use super::{Method, Proposal, State};
use crate::net::Graph;
use crate::quant::Policy;
use crate::sealed::{self, Kind, SealError};
use crate::search::{Allocator, Episode, Problem, Purpose, Sample, Score, SearchError};

/// Version of the state's form.
const VERSION: u16 = 6;

/// Images that a score may be of.
const MOST_IMAGES: usize = 10_000_000;

pub(super) fn write(state: &State) -> Vec<u8> {
    sealed::store(Kind::Search, VERSION, state).expect("the state has only types that postcard writes")
}

/// The state, and what it searches in a network.
pub(super) fn read(graph: &Graph, bytes: &[u8]) -> Result<(State, Problem), SearchError> {
    let state: State = sealed::load(Kind::Search, VERSION, bytes)?;
    let wrong = |what: String| SearchError::from(SealError::content(Kind::Search, what));
    state.settings.check().map_err(|error| wrong(error.to_string()))?;
    let problem = state.settings.problem(graph)?;
    state.check(&problem).map_err(|what| wrong(what.to_owned()))?;
    Ok((state, problem))
}

/// `Err(what)` unless `holds`.
fn require(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

impl State {
    /// What the rest of the search relies on.
    fn check(&self, problem: &Problem) -> Result<(), &'static str> {
        let Self { settings, float, running, method, number, run_off, waiting, log } = self;
        let policy =
            |policy: &Policy| require(policy.is_of(problem.graph()), "a policy is of another network");
        score(float)?;
        require(*running <= settings.allocators.len(), "no such allocator is to run")?;
        require(*number <= log.episodes().len(), "more episodes than its log has")?;
        for Episode { policy: tried, purpose: why, score: found, reward, .. } in log.episodes() {
            policy(tried)?;
            purpose(problem, *why)?;
            score(found)?;
            require(reward.is_finite(), "a reward is no number")?;
        }
        if let Some(Proposal { policy: asked, purpose: why }) = waiting {
            policy(asked)?;
            purpose(problem, *why)?;
        }
        if let Some(run_off) = run_off {
            require(run_off.is_sound(settings.run_off), "a run-off has no such round")?;
            run_off.policies().try_for_each(policy)?;
        }
        let episodes = log.episodes().len();
        let awaits = waiting.as_ref().is_some_and(|proposal| proposal.purpose == Purpose::Candidate);
        let is_sound = match (settings.allocators.get(*running), method) {
            (None, Method::Finished) | (Some(Allocator::Random), Method::Random(_)) => true,
            (Some(Allocator::Uniform | Allocator::Rule | Allocator::NotchDown), Method::Once) => true,
            (Some(Allocator::Greedy | Allocator::Exact), Method::Probing(probing, _)) => {
                probing.is_sound(problem)
            }
            (Some(Allocator::Evolution), Method::Evolution(evolution)) => evolution.is_sound(problem),
            (Some(Allocator::Agent), Method::Agent(agent)) => {
                agent.is_sound(problem, settings, episodes, awaits)
            }
            _ => false,
        };
        require(is_sound, "the running allocator's state is not that of its settings")
    }
}

fn score(score: &Score) -> Result<(), &'static str> {
    require(score.is_sound(MOST_IMAGES), "a score has no meaning")
}

fn purpose(problem: &Problem, purpose: Purpose) -> Result<(), &'static str> {
    let holds = match purpose {
        Purpose::Candidate | Purpose::Start(_) | Purpose::Widest => true,
        Purpose::Probe(slot, _) => problem.slots().contains(&slot),
        Purpose::RunOff(round) => round < Sample::ROUNDS.len(),
    };
    require(holds, "an episode has no such purpose")
}
