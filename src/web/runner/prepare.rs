//! Decoding the images for the network at hand, spread over the pool.

use super::{Answer, End, Item, Order, Prepared, Runner, Set, Unread, no_images, no_network, pool, wire};
use crate::data::{ClassMap, Files, Preprocess};
use crate::flow::Task;
use futures::future::try_join_all;
use js_sys::Array;

/// Images that a worker decodes between two reports.
const DECODE: usize = 16;

impl Runner {
    /// Evaluation images that are asked for.
    pub(super) fn evaluation_images(&self) -> usize {
        let limit = self.prepared.as_ref().and_then(|prepared| prepared.limit);
        self.images.as_ref().map_or(0, |images| images.listing.limited(limit).len())
    }

    /// Decodes calibration and evaluation images, unless that has been done for this network's side and classes.
    pub(super) async fn prepare(&mut self, limit: Option<usize>) -> Result<(), End> {
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let images = self.images.as_ref().ok_or_else(no_images)?;
        let map = images.listing.class_map(model)?;
        let side = usize::from(model.spec.side);
        if self
            .prepared
            .as_ref()
            .is_some_and(|p| p.side == side && p.outputs == map.outputs() && p.limit == limit)
        {
            return Ok(());
        }
        self.prepared = None;
        self.calibration = None;
        let calibration = images.listing.calibration.clone();
        let evaluation = images.listing.limited(limit);
        self.held.clear();
        self.clear(None).await?;
        let total = calibration.len() + evaluation.len();
        let mut skipped = Unread::new();
        let preprocess = images.listing.preprocess(side);
        let mut pixels = Vec::new();
        let keep = |_: &[Item], images: Array| pixels.extend(images.iter().map(|image| wire::bytes(&image)));
        self.decode(&calibration, preprocess, None, (0, total), &mut skipped, keep).await?;
        let keep = Some((Set::Evaluation, &map));
        let progress = (calibration.len(), total);
        self.decode(&evaluation, preprocess, keep, progress, &mut skipped, |_, _| ()).await?;
        if !skipped.is_empty()
            && let Some(images) = &mut self.images
        {
            images.unread = skipped;
            self.report_inputs();
        }
        let outputs = map.outputs().to_vec();
        let read = pixels.into_iter().zip(&calibration).filter(|(pixels, _)| !pixels.is_empty());
        let (calibration, targets) = read.map(|(pixels, item)| (pixels, outputs[item.class])).unzip();
        self.prepared = Some(Prepared { side, outputs, limit, calibration, targets });
        Ok(())
    }

    /// Decodes the images of a set into the pool, unless that has been done; after [`Runner::prepare`].
    pub(super) async fn hold(&mut self, set: Set, items: &[Item]) -> Result<(), End> {
        if self.held.iter().any(|(held, count)| (*held, *count) == (set, items.len())) {
            return Ok(());
        }
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let map = listing.class_map(model)?;
        let preprocess = listing.preprocess(usize::from(model.spec.side));
        self.held.retain(|(held, _)| *held != set);
        self.clear(Some(set)).await?;
        // Those that cannot be read were named when the evaluation images were decoded, or will be.
        let mut skipped = Unread::new();
        let keep = Some((set, &map));
        self.decode(items, preprocess, keep, (0, items.len()), &mut skipped, |_, _| ()).await?;
        self.held.push((set, items.len()));
        Ok(())
    }

    async fn clear(&self, set: Option<Set>) -> Result<(), End> {
        for member in &self.pool {
            member.ask(&Order::Clear(set), &Array::new()).await?;
        }
        Ok(())
    }

    /// Decodes images. With a set and a class map they stay in the pool, else `on` gets their pixels, some images at a
    /// time and in order, a buffer for each; that of an image which cannot be read is empty.
    pub(super) async fn decode(
        &mut self,
        items: &[Item],
        preprocess: Preprocess,
        keep: Option<(Set, &ClassMap)>,
        (before, total): (usize, usize),
        skipped: &mut Unread,
        mut on: impl FnMut(&[Item], Array),
    ) -> Result<(), End> {
        let mut done = before;
        for round in items.chunks(DECODE * self.pool.len()) {
            // The last round, too, is shared among all.
            let share = round.len().div_ceil(self.pool.len());
            let mut orders = Vec::new();
            for share in round.chunks(share) {
                let mut files = Vec::new();
                for item in share {
                    // An empty file is refused by the decoder, under the image's name.
                    files.push(wire::buffer(&self.read(item.file, skipped)));
                }
                let keep = keep.map(|(set, map)| {
                    let target = |item: &Item| map.output_of(item.class).unwrap_or(usize::MAX);
                    (set, share.iter().map(target).collect())
                });
                orders.push((Order::Load { preprocess, keep }, pool::bulk(files)));
            }
            let asked =
                self.pool.iter().zip(&orders).map(|(member, (order, files))| member.ask(order, files));
            let answers = try_join_all(asked).await?;
            for (share, (answer, images)) in round.chunks(share).zip(answers) {
                if let Answer::Loaded { failed } = answer {
                    skipped.extend(failed.into_iter().map(|(at, why)| (share[at].path.clone(), why)));
                }
                on(share, images);
            }
            done += round.len();
            self.progress(Task::Images, done, total, None);
            self.breathe().await?;
        }
        Ok(())
    }

    fn read(&mut self, file: usize, skipped: &mut Unread) -> Vec<u8> {
        let Some(images) = &mut self.images else { return Vec::new() };
        images.sources.read(file).unwrap_or_else(|error| {
            let path = images.sources.files().get(file).map(|info| info.path.clone());
            skipped.push((path.unwrap_or_default(), error.reason()));
            Vec::new()
        })
    }
}
