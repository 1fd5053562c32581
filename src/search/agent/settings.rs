//! The agent's hyper-parameters.

use crate::search::SearchError;
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
    /// Episodes that are drawn for each that is scored: the one with the least divergence to be expected.
    pub proposals: usize,
    /// Whether the replay buffer gets the widths that walls and fill have made of the actions.
    pub executed: bool,
}

impl AgentSettings {
    /// Checks what a person may have typed, and what a file may hold. The ranges bound memory and time: at their upper
    /// ends the networks take 40 MB.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn check(&self) -> Result<(), SearchError> {
        let wrong = |name, found: String, expected| Err(SearchError::Setting { name, found, expected });
        for (name, found, most, expected) in [
            ("neurons of a hidden layer", self.hidden, 1024, "1 to 1,024"),
            ("decisions in a batch", self.batch, 1024, "1 to 1,024"),
            ("episodes in the replay buffer", self.replay, 4096, "1 to 4,096"),
            ("proposals", self.proposals, 1024, "1 to 1,024"),
        ] {
            if !(1..=most).contains(&found) {
                return wrong(name, found.to_string(), expected);
            }
        }
        if self.warm_up > 100_000 {
            return wrong("episodes of the warm-up", self.warm_up.to_string(), "0 to 100,000");
        }
        for (name, found, most, expected) in [
            ("learning rate of the actor", self.actor_rate, 1.0, "0 to 1"),
            ("learning rate of the critic", self.critic_rate, 1.0, "0 to 1"),
            ("part that target networks follow", self.tau, 1.0, "0 to 1"),
            ("discount", self.discount, 1.0, "0 to 1"),
            ("updates for each decision", self.updates, 100.0, "0 to 100"),
            ("deviation of the noise", self.sigma, 10.0, "0 to 10"),
            ("decay of the noise", self.sigma_decay, 1.0, "0 to 1"),
            ("weight of the newest rewards", self.baseline, 1.0, "0 to 1"),
            ("chance of restarts", self.restart, 1.0, "0 to 1"),
            ("decisions taken again", self.redecided, 10_000.0, "0 to 10,000"),
        ] {
            if !(0.0..=most).contains(&found) {
                return wrong(name, found.to_string(), expected);
            }
        }
        Ok(())
    }
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
