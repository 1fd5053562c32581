//! Decoding the images for the network at hand, spread over the shares.

use super::{End, Event, Executor, Held, Key, Session, Set};
use crate::data::{Files, Preprocess};
use crate::flow::{Answer, Item, Order, Task};
use std::collections::HashSet;
use std::mem::take;
use std::rc::Rc;

/// Calibration images as the network takes them.
#[derive(Debug)]
pub struct Prepared {
    /// Pixels of each, `[side, side, 3]` bytes.
    pub pixels: Vec<Vec<u8>>,
    /// The right output for each.
    pub targets: Vec<usize>,
    /// Of both.
    pub key: Key,
}

impl<E: Executor> Session<E> {
    /// Decodes the calibration images, unless that has been done for a network of this side and these classes.
    ///
    /// # Errors
    /// If nothing is loaded, the classes do not fit the network, or it was stopped.
    pub async fn prepare(&mut self) -> Result<Rc<Prepared>, End> {
        let key = self.prepared_key()?;
        if let Some(prepared) = self.prepared.get(key) {
            return Ok(prepared.clone());
        }
        let (weights, listing) = (self.weights()?, self.listing()?);
        let preprocess = listing.preprocess(usize::from(weights.model.spec.side));
        let (mut pixels, mut targets) = (Vec::new(), Vec::new());
        let keep = |image: Vec<u8>, target| {
            pixels.push(image);
            targets.push(target);
        };
        let keys = self.decode(&listing.calibration, preprocess, keep).await?;
        let of = Key::of(&keys.into_iter().flatten().collect::<Vec<_>>());
        Ok(self.prepared.put(key, Prepared { pixels, targets, key: of }.into()).clone())
    }

    /// What the calibration images are of: files, side and right outputs.
    pub(super) fn prepared_key(&self) -> Result<Key, End> {
        let images = self.images()?;
        let model = &self.weights()?.model;
        let preprocess = images.listing.preprocess(usize::from(model.spec.side));
        Ok(Key::of(&(images.key, preprocess, images.listing.class_map(model)?.outputs())))
    }

    /// Decodes images and hands over the pixels of each that can be read, with its right output. The key of each image;
    /// none where it could not be read.
    ///
    /// # Errors
    /// As [`Session::prepare`].
    pub async fn decode(
        &mut self,
        items: &[Item],
        preprocess: Preprocess,
        mut each: impl FnMut(Vec<u8>, usize),
    ) -> Result<Vec<Option<Key>>, End> {
        self.load(items, preprocess, None, &mut each).await
    }

    /// Decodes the images of a set into the shares, unless that has been done.
    pub(super) async fn hold(&mut self, set: Set, items: &[Item]) -> Result<Held, End> {
        let of = self.prepared_key()?;
        if self.holding != Some(of) {
            // Nobody asks for these any more.
            (self.holding, self.held) = (None, Default::default());
            self.clear(None).await?;
            self.holding = Some(of);
        }
        let wanted = Key::of(&items.iter().map(|item| item.file).collect::<Vec<_>>());
        if let Some(held) = self.held.get(&set).filter(|held| held.wanted == wanted) {
            return Ok(*held);
        }
        self.held.remove(&set);
        self.clear(Some(set)).await?;
        let preprocess = self.listing()?.preprocess(usize::from(self.weights()?.model.spec.side));
        let keys = self.load(items, preprocess, Some(set), &mut |_, _| ()).await?;
        let reward: HashSet<usize> = self.listing()?.reward.iter().map(|item| item.file).collect();
        let read = items.iter().zip(&keys).filter(|(_, key)| key.is_some());
        let reward = read.filter(|(item, _)| reward.contains(&item.file)).count();
        let keys: Vec<Key> = keys.into_iter().flatten().collect();
        let held = Held { wanted, count: keys.len(), reward, key: Key::of(&keys) };
        self.held.insert(set, held);
        Ok(held)
    }

    async fn clear(&self, set: Option<Set>) -> Result<(), End> {
        self.all(&Order::Clear(set)).await.map(drop)
    }

    /// Gives every share an order.
    pub(super) async fn all(&self, order: &Order) -> Result<Vec<Answer>, End> {
        let orders = (0..self.executor.shares()).map(|_| (order.clone(), Vec::new())).collect();
        let answers = self.executor.ask(orders).await?;
        Ok(answers.into_iter().map(|(answer, _)| answer).collect())
    }

    /// Decodes images; those of a set stay in the shares.
    async fn load(
        &mut self,
        items: &[Item],
        preprocess: Preprocess,
        keep: Option<Set>,
        each: &mut impl FnMut(Vec<u8>, usize),
    ) -> Result<Vec<Option<Key>>, End> {
        let weights = self.weights()?;
        let map = self.listing()?.class_map(&weights.model)?;
        let shares = self.executor.shares();
        let mut keys = vec![None; items.len()];
        let mut skipped = Vec::new();
        let mut done = 0;
        for round in items.chunks(self.executor.batch() * shares) {
            let mut read = Vec::with_capacity(round.len());
            for (at, item) in (done..).zip(round) {
                // A class always has an output; see `ClassMap`.
                let Some(output) = map.output_of(item.class) else { continue };
                match self.images.as_mut().map(|images| images.sources.read(item.file)) {
                    Some(Ok(file)) => read.push((at, output, file)),
                    Some(Err(error)) => skipped.push((item.path.clone(), error.reason())),
                    None => {}
                }
            }
            // The last round, too, is shared among all.
            let share = read.len().div_ceil(shares).max(1);
            let mut parts = Vec::new();
            for part in read.chunks_mut(share) {
                let outputs = part.iter().map(|(_, output, _)| *output).collect();
                let files = part.iter_mut().map(|(_, _, file)| take(file)).collect();
                parts.push((Order::Load { preprocess, outputs, keep }, files));
            }
            let answers = self.executor.ask(parts).await?;
            for (part, (answer, pixels)) in read.chunks(share).zip(answers) {
                let Answer::Loaded(found) = answer else { continue };
                let mut pixels = pixels.into_iter();
                for ((at, output, _), found) in part.iter().zip(found) {
                    let pixels = pixels.next();
                    match found {
                        Ok(key) => {
                            keys[*at] = Some(key);
                            pixels.into_iter().for_each(|pixels| each(pixels, *output));
                        }
                        Err(reason) => skipped.push((items[*at].path.clone(), reason)),
                    }
                }
            }
            done += round.len();
            let (task, total, tally) = (Task::Images, items.len(), None);
            self.executor.report(&Event::Progress { task, done, total, tally });
            self.breathe().await?;
        }
        self.skip(skipped)?;
        Ok(keys)
    }

    /// Names images that could not be read, each once.
    fn skip(&mut self, skipped: Vec<(String, String)>) -> Result<(), End> {
        let known = &self.images()?.unread;
        let new: Vec<_> = skipped.into_iter().filter(|unread| !known.contains(unread)).collect();
        if new.is_empty() {
            return Ok(());
        }
        new.iter().for_each(|(path, reason)| self.executor.note(&format!("skipped {path}: {reason}")));
        if let Some(images) = &mut self.images {
            images.unread.extend(new);
        }
        self.report_inputs();
        Ok(())
    }
}
