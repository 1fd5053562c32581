//! The accuracy of many policies of one network, one after the other, as quickly as they have things in common.
//!
//! An [`Evaluator`] holds some of the calibration images and some of the reward images. A policy's layers become
//! integers one by one, and each asks all calibration images for the statistics of its sums; hence the evaluator goes
//! [step](Step) by step, and whoever drives it adds up what several evaluators answer. Sums are exact, so the score
//! does not depend on how images are spread over threads, workers and machines.
//!
//! What policies share is computed once: the codes of each tensor at each width
//! ([`Codings`](crate::calibrate::Codings)), and all images' codes after beginnings that turn up again, within a
//! stated limit of memory.

mod answer;
mod evaluator;
mod images;
mod prefixes;

pub use answer::{FloatAnswer, Rewarded};
pub use evaluator::{Evaluator, Step};
pub use images::score_network;
