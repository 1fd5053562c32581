//! The state of a network in the device's memory.

use super::super::state::State;
use super::buffer::Buffer;

/// A [`State`] in buffers.
#[derive(Debug)]
pub(super) struct Held {
    pub parameters: Buffer,
    pub running: Buffer,
    pub first: Buffer,
    pub second: Buffer,
    pub steps: u64,
}

impl Held {
    pub fn new(state: &State) -> Self {
        let State { parameters, running, first, second, steps } = state.clone();
        let [parameters, running, first, second] = [parameters, running, first, second].map(Buffer::from);
        Self { parameters, running, first, second, steps }
    }

    pub fn to_state(&self) -> State {
        let Self { parameters, running, first, second, steps } = self;
        let [parameters, running, first, second] = [parameters, running, first, second].map(|b| b.to_vec());
        State { parameters, running, first, second, steps: *steps }
    }
}
