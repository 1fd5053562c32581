//! Whether images fit into the memory for them, found before any is decoded.

use super::{End, Executor, Session, Set, TrainingPlan};
use crate::flow::{Item, Listing, SearchRequest, TooManyImages, images_in, pixel_bytes};
use std::collections::HashSet;

/// A measurement that does not fit is made of parts, none smaller than this part of the memory for images.
const LEAST: u64 = 8;

impl<E: Executor> Session<E> {
    /// Refuses images that do not fit into the memory for them; `held` bytes of others are held beside them.
    pub(super) fn check_room(
        &self,
        what: &'static str,
        images: usize,
        side: usize,
        held: u64,
        advice: &'static str,
    ) -> Result<(), TooManyImages> {
        let limit = self.executor.image_memory();
        let bytes = pixel_bytes(images, side) + held;
        let fit = images_in(limit.saturating_sub(held), side);
        if bytes <= limit || images <= fit {
            return Ok(());
        }
        Err(TooManyImages { what, images, side, bytes, limit, fit, advice })
    }

    /// Refuses a search whose images do not fit into the memory for them, before any is decoded.
    pub(super) fn check_search_room(&self, request: &SearchRequest, listing: &Listing) -> Result<(), End> {
        let side = self.side()?;
        let limit = self.executor.image_memory();
        let images_of = |reward: usize| {
            let rounds = listing.run_off(reward);
            reward + rounds.iter().take(request.settings.run_off).map(Vec::len).sum::<usize>()
        };
        let calibrating = listing.calibration.len();
        let bytes_of = |reward| pixel_bytes(images_of(reward) + calibrating, side);
        let images = listing.limited_reward(request.limit).len();
        if bytes_of(images) <= limit {
            return Ok(());
        }
        let (mut fit, mut too_many) = (1, images);
        while fit + 1 < too_many {
            let middle = fit.midpoint(too_many);
            *(if bytes_of(middle) <= limit { &mut fit } else { &mut too_many }) = middle;
        }
        let advice =
            "search with fewer of them (--limit on the command line, or --image-memory for more room)";
        let (what, bytes) =
            ("reward images, with those of the run-off and of calibration,", bytes_of(images));
        Err(TooManyImages { what, images, side, bytes, limit, fit, advice }.into())
    }

    /// Refuses training whose images do not fit into the memory for them, before any is decoded.
    pub(super) fn check_training_room(&self, plan: &TrainingPlan, listing: &Listing) -> Result<(), End> {
        let images = plan.images.unwrap_or(usize::MAX).min(listing.train.len());
        let reward = pixel_bytes(listing.reward.len(), self.side()?);
        let advice = "train on fewer of them (--limit on the command line, or --image-memory for more room)";
        Ok(self.check_room("training images", images, plan.stored, reward, advice)?)
    }

    /// So many images of a set are held at a time: all, if they fit beside what else is held. A measurement of more is
    /// made part by part.
    pub(super) async fn at_a_time(&mut self, set: Set, items: &[Item]) -> Result<usize, End> {
        self.begin_holding().await?;
        let limit = self.executor.image_memory();
        let side = self.side()?;
        let fits = |others: &HashSet<usize>| {
            let new = items.iter().filter(|item| !others.contains(&item.file)).count();
            pixel_bytes(others.len() + new, side) <= limit
        };
        if fits(&self.holding.others(set)) {
            return Ok(items.len().max(1));
        }
        // Measurements can decode theirs again.
        for measured in [Set::Test, Set::Validation].into_iter().filter(|measured| *measured != set) {
            self.drop_set(measured).await?;
        }
        let others = self.holding.others(set);
        if fits(&others) {
            return Ok(items.len().max(1));
        }
        let left = limit.saturating_sub(pixel_bytes(others.len(), side));
        Ok(images_in(left.max(limit / LEAST), side))
    }
}
