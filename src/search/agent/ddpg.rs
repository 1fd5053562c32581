//! Deep deterministic policy gradient (Lillicrap et al., arXiv 1509.02971).

use super::{
    AgentSettings,
    matrix::Matrix,
    network::{Adam, Backward, Perceptron, Trace},
    observe::{FEATURES, Observation},
};
use crate::search::random::Random;
use serde::{Deserialize, Serialize};

/// A decision and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    pub state: Observation,
    pub action: f32,
    pub reward: f32,
    /// The next decision; `None` after the last.
    pub next: Option<Observation>,
}

/// Actor, critic, their targets and what they learn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ddpg {
    settings: AgentSettings,
    actor: Perceptron,
    critic: Perceptron,
    actor_target: Perceptron,
    critic_target: Perceptron,
    actor_adam: Adam,
    critic_adam: Adam,
    replay: Vec<Transition>,
    capacity: usize,
    /// Where the next transition goes when the buffer is full.
    oldest: usize,
    /// Moving average of batches' mean rewards; `None` before the first.
    baseline: Option<f32>,
}

/// Buffers of updates; they hold nothing that outlasts one.
#[derive(Debug, Default)]
pub struct Buffers {
    states: Trace,
    next: Trace,
    values: Trace,
    backward: Backward,
    gradients: Option<[Perceptron; 2]>,
}

impl Ddpg {
    /// Networks with random weights, for episodes of so many decisions.
    pub fn new(settings: AgentSettings, decisions: usize, random: &mut Random) -> Self {
        let actor = Perceptron::new(FEATURES, 0, settings.hidden, random);
        // The critic has a layer for the state and one for the action, and adds up what they give.
        let critic = Perceptron::new(FEATURES + 1, 1, settings.hidden, random);
        Self {
            actor_adam: Adam::new(&actor, settings.actor_rate),
            critic_adam: Adam::new(&critic, settings.critic_rate),
            actor_target: actor.clone(),
            critic_target: critic.clone(),
            actor,
            critic,
            replay: Vec::new(),
            capacity: (settings.replay * decisions).max(1),
            oldest: 0,
            baseline: None,
            settings,
        }
    }

    /// Whether it can be that of these settings and so many decisions.
    pub fn is_sound(&self, settings: &AgentSettings, decisions: usize) -> bool {
        let fresh = Self::new(*settings, decisions, &mut Random::new(0, 0));
        let networks = [
            (&self.actor, &fresh.actor),
            (&self.actor_target, &fresh.actor),
            (&self.critic, &fresh.critic),
            (&self.critic_target, &fresh.critic),
        ];
        let is_full = self.replay.len() == self.capacity;
        networks.iter().all(|(own, fresh)| own.is_like(fresh))
            && self.actor_adam.is_like(&fresh.actor)
            && self.critic_adam.is_like(&fresh.critic)
            && self.settings == *settings
            && self.capacity == fresh.capacity
            && self.replay.len() <= self.capacity
            && (self.oldest == 0 || is_full && self.oldest < self.capacity)
    }

    /// The actor's action for each state, from 0 to 1.
    pub fn act(&self, states: &[Observation], buffers: &mut Buffers) -> Vec<f64> {
        fill(&mut buffers.states.inputs, states.iter().map(|state| (state, None)), states.len());
        self.actor.forward(&mut buffers.states);
        buffers.states.outputs.iter().take(states.len()).map(|&y| f64::from(sigmoid(y))).collect()
    }

    /// Remembers a transition; the oldest goes when the buffer is full.
    pub fn remember(&mut self, transition: Transition) {
        if self.replay.len() < self.capacity {
            self.replay.push(transition);
        } else {
            self.replay[self.oldest] = transition;
            self.oldest = (self.oldest + 1) % self.capacity;
        }
    }

    /// One update of all networks from a batch of the buffer.
    pub fn update(&mut self, random: &mut Random, buffers: &mut Buffers) {
        if self.replay.is_empty() {
            return;
        }
        let count = self.settings.batch.max(1);
        let batch: Vec<Transition> =
            (0..count).map(|_| self.replay[random.below(self.replay.len())].clone()).collect();
        let per_row = 1.0 / count as f32;
        let targets = self.targets(&batch, buffers);
        let Buffers { states, values, backward, gradients, .. } = buffers;
        let [critic_gradients, actor_gradients] =
            gradients.get_or_insert_with(|| [self.critic.zeros_like(), self.actor.zeros_like()]);

        // Critic: mean squared distance to the targets.
        fill(&mut values.inputs, batch.iter().map(|t| (&t.state, Some(t.action))), count);
        self.critic.forward(values);
        let mut slopes = vec![0.0; values.outputs.len()];
        for ((slope, value), target) in slopes.iter_mut().zip(&values.outputs).zip(&targets) {
            *slope = 2.0 * per_row * (value - target);
        }
        self.critic.backward(values, &slopes, backward, critic_gradients);
        self.critic_adam.step(&mut self.critic, critic_gradients);

        // Actor: up the critic's value of its own actions.
        fill(&mut states.inputs, batch.iter().map(|t| (&t.state, None)), count);
        self.actor.forward(states);
        let actions: Vec<f32> = states.outputs.iter().map(|&y| sigmoid(y)).collect();
        fill(
            &mut values.inputs,
            batch.iter().zip(&actions).map(|(t, &action)| (&t.state, Some(action))),
            count,
        );
        self.critic.forward(values);
        slopes.fill(0.0);
        slopes[..count].fill(-per_row);
        let mut slopes = self.critic.input_gradients(values, &slopes, backward, FEATURES);
        for (slope, action) in slopes.iter_mut().zip(&actions) {
            *slope *= action * (1.0 - action);
        }
        self.actor.backward(states, &slopes, backward, actor_gradients);
        self.actor_adam.step(&mut self.actor, actor_gradients);

        let tau = self.settings.tau as f32;
        self.actor_target.follow(&self.actor, tau);
        self.critic_target.follow(&self.critic, tau);
    }

    /// reward - baseline + discount * target critic(next, target actor(next)), for each transition.
    fn targets(&mut self, batch: &[Transition], buffers: &mut Buffers) -> Vec<f32> {
        let count = batch.len();
        let mean = batch.iter().map(|t| t.reward).sum::<f32>() / count as f32;
        let weight = self.settings.baseline as f32;
        let baseline = self.baseline.map_or(mean, |old| old + weight * (mean - old));
        self.baseline = Some(baseline);
        let next = |t: &Transition| t.next.unwrap_or([0.0; FEATURES]);
        let nexts: Vec<Observation> = batch.iter().map(next).collect();
        fill(&mut buffers.states.inputs, nexts.iter().map(|next| (next, None)), count);
        self.actor_target.forward(&mut buffers.states);
        let actions = buffers.states.outputs.iter().map(|&y| Some(sigmoid(y)));
        fill(&mut buffers.next.inputs, nexts.iter().zip(actions), count);
        self.critic_target.forward(&mut buffers.next);
        let discount = self.settings.discount as f32;
        let value = |(t, &value): (&Transition, &f32)| {
            let later = if t.next.is_some() { discount * value } else { 0.0 };
            t.reward - baseline + later
        };
        batch.iter().zip(&buffers.next.outputs).map(value).collect()
    }
}

/// Writes observations, each with its action, into the rows of a matrix.
fn fill<'a>(inputs: &mut Matrix, rows: impl Iterator<Item = (&'a Observation, Option<f32>)>, count: usize) {
    inputs.reset(count, FEATURES + 1);
    for (row, (observation, action)) in rows.enumerate() {
        let out = inputs.row_mut(row);
        out[..FEATURES].copy_from_slice(observation);
        out[FEATURES] = action.unwrap_or(0.0);
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task of one decision: the reward is highest at an action that depends on the state.
    #[test]
    fn the_actor_finds_the_best_action() {
        let mut random = Random::new(5, 0);
        let settings = AgentSettings {
            hidden: 32,
            actor_rate: 2e-3,
            critic_rate: 5e-3,
            discount: 0.0,
            ..AgentSettings::default()
        };
        let mut ddpg = Ddpg::new(settings, 8, &mut random);
        let mut buffers = Buffers::default();
        let state = |x: f32| std::array::from_fn(|i| if i == 0 { x } else { 0.5 });
        let best = |x: f32| 0.2 + 0.6 * x;
        for _ in 0..600 {
            let x = random.below(2) as f32;
            let action = random.uniform() as f32;
            let reward = -(action - best(x)).powi(2);
            ddpg.remember(Transition { state: state(x), action, reward, next: None });
        }
        for _ in 0..1500 {
            ddpg.update(&mut random, &mut buffers);
        }
        for x in [0.0, 1.0] {
            let found = ddpg.act(&[state(x)], &mut buffers)[0];
            assert!((found - f64::from(best(x))).abs() < 0.12, "{x}: {found}");
        }
    }

    #[test]
    fn the_oldest_transition_goes_first() {
        let mut random = Random::new(6, 0);
        let settings = AgentSettings { hidden: 4, replay: 2, ..AgentSettings::default() };
        let mut ddpg = Ddpg::new(settings, 2, &mut random);
        for action in 0..6 {
            let action = action as f32;
            ddpg.remember(Transition { state: [0.0; FEATURES], action, reward: 0.0, next: None });
        }
        let mut kept: Vec<f32> = ddpg.replay.iter().map(|t| t.action).collect();
        kept.sort_by(f32::total_cmp);
        assert_eq!(kept, [2.0, 3.0, 4.0, 5.0]);
    }
}
