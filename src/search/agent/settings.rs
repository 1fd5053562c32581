//! The agent's hyper-parameters.

use serde::{Deserialize, Serialize};

/// Hyper-parameters of the agent. The defaults are those of the published code of HAQ (arXiv 1811.08886) but
/// for the numbers of neurons and updates, which suit episodes of tenths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentSettings {
    /// Neurons of each hidden layer of actor and critic.
    pub hidden: usize,
    /// Learning rate of the actor.
    pub actor_rate: f64,
    /// Learning rate of the critic.
    pub critic_rate: f64,
    /// Part of the way that target networks follow after each update.
    pub tau: f64,
    /// Discount of the next decision's value.
    pub discount: f64,
    /// Decisions in a batch.
    pub batch: usize,
    /// Decisions that the replay buffer holds, for each free tensor.
    pub replay: usize,
    /// Episodes of uniform random actions before the first update. Starts of the warm start are among them.
    pub warm_up: usize,
    /// Updates after each later episode, for each free tensor.
    pub updates: f64,
    /// Deviation of the truncated normal noise at the first episode after the warm-up.
    pub sigma: f64,
    /// Factor of the deviation from episode to episode.
    pub sigma_decay: f64,
    /// Weight of the newest batch's mean reward in the moving average that is subtracted from rewards.
    pub baseline: f64,
    /// How often, from 0 to 1, an episode repeats the best policy so far but for a few decisions. Not in HAQ; 0 turns
    /// it off.
    pub restart: f64,
    /// Decisions that such an episode takes again, on average.
    pub redecided: f64,
    /// Episodes that are drawn for each that is scored: the one with the least cross-entropy to be expected.
    pub proposals: usize,
    /// Whether the replay buffer gets the widths that walls and fill have made of the actions.
    pub executed: bool,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            hidden: 64,
            actor_rate: 1e-4,
            critic_rate: 1e-3,
            tau: 0.01,
            discount: 1.0,
            batch: 64,
            replay: 128,
            warm_up: 20,
            updates: 0.125,
            sigma: 0.5,
            sigma_decay: 0.99,
            baseline: 0.5,
            restart: 0.9,
            redecided: 3.0,
            proposals: 32,
            executed: true,
        }
    }
}
