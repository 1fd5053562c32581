//! What differs between the page and the command line.

use super::{Answer, Event, Order, Set, Tally};
use std::sync::Arc;

/// Why a step ended without a result.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The user stopped it, or asked for something else.
    Stopped,
    /// It failed, and why.
    Failed(String),
    /// What carries it out died; what was kept holds.
    Died(String),
}

impl<E: std::error::Error> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Who carries out the steps of a [`Session`](super::Session): workers of a page, threads of a command.
///
/// Images are split into shares, each of which is held by one [`Evaluator`](super::Evaluator).
#[expect(
    async_fn_in_trait,
    reason = "whoever awaits knows the executor, and none of them moves between threads"
)]
pub trait Executor {
    /// How many shares there are.
    fn shares(&self) -> usize;

    /// Images of a share that are decoded or classified between two reports.
    fn batch(&self) -> usize;

    /// Gives the evaluators of the first shares an order each, with what travels beside it, all at the same time, and
    /// waits for their answers, which come in the same order.
    async fn ask(&self, orders: Vec<(Order, Vec<Pixels>)>) -> Result<Vec<Asked>, End>;

    /// Lets every share classify its images of a set. `counted` gets what was counted since it was called last, and says
    /// whether to go on.
    async fn classify(&self, set: Set, counted: impl Fn(Tally) -> bool) -> Result<(), End>;

    /// Tells how a step goes.
    fn report(&self, event: &Event);

    /// Says what the user should know beside the events.
    fn note(&self, _text: &str) {}

    /// Lets messages come in.
    async fn breathe(&self);

    /// Lets some time pass, in which messages come in.
    async fn rest(&self) {
        self.breathe().await;
    }

    /// Whether the running step shall end.
    fn stops(&self) -> bool;

    /// Whether the running search or training shall hold.
    fn pauses(&self) -> bool {
        false
    }

    /// What was to be held goes on.
    fn resume(&self) {}

    /// Memory for what policies have in common, in bytes, over all shares.
    fn memory(&self) -> usize;

    /// Memory for decoded images, in bytes, over all shares.
    fn image_memory(&self) -> u64;

    /// Memory for image files and what decoding makes of them, in bytes, over all shares: so many are decoded at the
    /// same time. What takes more than that alone is decoded alone.
    fn decoding_memory(&self) -> u64;

    /// Keeps a checkpoint under a name, in the place of the one before: whatever interrupts it leaves one of both.
    async fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), String>;

    /// The checkpoint of a name, if there is one.
    async fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, String>;

    /// Whether somebody else runs under a name.
    async fn is_elsewhere(&self, _name: &str) -> bool {
        false
    }
}

/// The pixels of an image, `[side, side, 3]` bytes, or its file: what travels beside orders and answers. Where all shares
/// are of one program it is the same memory everywhere.
pub type Pixels = Arc<[u8]>;

/// An answer, with what travels beside it.
pub type Asked = (Answer, Vec<Pixels>);
