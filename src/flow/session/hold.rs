//! Which decoded images the shares hold: each image once, in one share, whatever sets it belongs to.

use super::{End, Executor, Key, Session, Set};
use crate::flow::{Answer, Item, Labelled, Numbered, Order, Pixels, pixel_bytes};
use std::collections::{HashMap, HashSet};

/// Images of a set that the shares hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    wanted: Key,
    /// How many could be read.
    pub(super) count: usize,
    /// How many of them are reward images.
    pub(super) reward: usize,
    /// Of their pixels and right outputs.
    pub(super) key: Key,
}

/// Where decoded images are.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// What all of them are of: files, side and right outputs.
    of: Option<Key>,
    /// The share that has the image of a file, and the image's key; `None` if the file cannot be read.
    images: HashMap<usize, Option<(usize, Key)>>,
    sets: HashMap<Set, (Held, Vec<usize>)>,
    /// Keys of images that were measured, by [`wanted`].
    measured: HashMap<Key, Key>,
    /// Images that were dealt out.
    dealt: usize,
    /// What the float network was asked: of its weights and of the images of a set.
    answered: HashMap<Set, Key>,
}

impl Holding {
    /// The number of the first of some images that are dealt out: image `n` goes to share `n` modulo their number.
    pub(super) fn deal(&mut self, count: usize) -> usize {
        self.dealt += count;
        self.dealt - count
    }

    /// The image of a file is in a share, or cannot be read.
    pub(super) fn note(&mut self, file: usize, found: Option<(usize, Key)>) {
        self.images.insert(file, found);
    }

    /// The key of images that were measured, if they were.
    pub(super) fn measured(&self, items: &[Item]) -> Option<Key> {
        self.measured.get(&wanted(items)).copied()
    }

    /// All of these images were measured; `key` is of their pixels and right outputs.
    pub(super) fn note_measured(&mut self, items: &[Item], key: Key) {
        self.measured.insert(wanted(items), key);
    }

    /// Those that no share has, and of which it is not known that they cannot be read.
    fn missing(&self, items: &[Item]) -> Vec<Item> {
        items.iter().filter(|item| !self.images.contains_key(&item.file)).cloned().collect()
    }

    /// The float network was asked about the images of a set.
    pub(super) fn note_answered(&mut self, set: Set, of: Key) {
        self.answered.insert(set, of);
    }

    /// Whether it was.
    pub(super) fn is_answered(&self, set: Set, of: Key) -> bool {
        self.answered.get(&set) == Some(&of)
    }

    /// What a set holds.
    pub(super) fn get(&self, set: Set) -> Option<&Held> {
        self.sets.get(&set).map(|(held, _)| held)
    }

    /// Keys of the images of a set, in its order.
    pub(super) fn keys(&self, set: Set) -> Vec<Key> {
        let files = self.sets.get(&set).map_or(&[][..], |(_, files)| files);
        files.iter().filter_map(|file| self.images.get(file).copied().flatten()).map(|(_, key)| key).collect()
    }

    /// Images of a set that each share has.
    pub(super) fn by_share(&self, set: Set, shares: usize) -> Vec<usize> {
        let files = self.sets.get(&set).map_or(&[][..], |(_, files)| files);
        self.among(files.iter().copied(), shares)
    }

    /// How many of these files' images each share has.
    pub(super) fn among(&self, files: impl Iterator<Item = usize>, shares: usize) -> Vec<usize> {
        let mut counts = vec![0; shares];
        for (share, _) in files.filter_map(|file| self.images.get(&file).copied().flatten()) {
            if let Some(count) = counts.get_mut(share) {
                *count += 1;
            }
        }
        counts
    }

    /// Files of all sets but one.
    pub(super) fn others(&self, set: Set) -> HashSet<usize> {
        let others = self.sets.iter().filter(|(other, _)| **other != set);
        others.flat_map(|(_, (_, files))| files).copied().collect()
    }

    /// As the shares do: images that belong to no set go.
    fn prune(&mut self) {
        let used: HashSet<usize> = self.sets.values().flat_map(|(_, files)| files).copied().collect();
        self.images.retain(|file, found| found.is_none() || used.contains(file));
    }
}

impl<E: Executor> Session<E> {
    /// Makes a set of images, decoding those that no share has.
    pub(super) async fn hold(&mut self, set: Set, items: &[Item]) -> Result<Held, End> {
        self.begin_holding().await?;
        let wanted = wanted(items);
        if let Some(held) = self.holding.get(set).filter(|held| held.wanted == wanted) {
            return Ok(*held);
        }
        let side = self.side()?;
        let mut new = self.holding.missing(items);
        let bytes = pixel_bytes(self.holding.images.len() + new.len(), side);
        if bytes > self.executor.image_memory() && self.holding.get(set).is_some() {
            // What the set held before goes first.
            self.drop_set(set).await?;
            new = self.holding.missing(items);
        }
        let preprocess = self.listing()?.preprocess(side);
        self.load(&new, preprocess, true, &mut |_, _| ()).await?;
        self.form(set, items.iter().map(|item| item.file), wanted).await
    }

    /// Makes a set of the calibration images, which the session has decoded for itself.
    pub(super) async fn hold_calibration(&mut self) -> Result<(), End> {
        let prepared = self.prepare().await?;
        self.begin_holding().await?;
        if self.holding.get(Set::Calibration).is_some_and(|held| held.wanted == prepared.key) {
            return Ok(());
        }
        let images = prepared.files.iter().zip(&prepared.pixels).zip(&prepared.targets);
        let is_new = |file: &usize| !self.holding.images.contains_key(file);
        let images = images.filter(|(((file, _), _), _)| is_new(file));
        let images = images.map(|(((file, key), pixels), target)| ((*file, *target), *key, pixels.clone()));
        let images = images.collect();
        self.hand_out(images).await?;
        let files = prepared.files.iter().map(|(file, _)| *file);
        self.form(Set::Calibration, files, prepared.key).await.map(drop)
    }

    /// The images of a set with their right outputs, handed over one after the other; in the order of the set if there is
    /// one share.
    ///
    /// # Errors
    /// If a share is gone.
    pub async fn send_set(&self, set: Set, mut each: impl FnMut(Labelled)) -> Result<(), End> {
        let count = self.executor.batch();
        for from in (0..).step_by(count) {
            let orders = (0..self.executor.shares()).map(|_| (Order::Send { set, from, count }, Vec::new()));
            let mut is_over = true;
            for (answer, pixels) in self.executor.ask(orders.collect()).await? {
                let Answer::Sent(outputs) = answer else { continue };
                is_over &= outputs.is_empty();
                pixels.into_iter().zip(outputs).for_each(&mut each);
            }
            if is_over {
                break;
            }
        }
        Ok(())
    }

    /// Gives decoded images to the shares, in turn.
    pub(super) async fn hand_out(&mut self, images: Vec<(Numbered, Key, Pixels)>) -> Result<(), End> {
        let shares = self.executor.shares();
        let first = self.holding.deal(images.len());
        let mut parts: Vec<(Vec<Numbered>, Vec<Pixels>)> = vec![Default::default(); shares];
        let mut places = Vec::with_capacity(images.len());
        for (number, (image, key, pixels)) in images.into_iter().enumerate() {
            let share = (first + number) % shares;
            parts[share].0.push(image);
            parts[share].1.push(pixels);
            places.push((image.0, share, key));
        }
        let orders = parts.into_iter().map(|(images, pixels)| (Order::Keep(images), pixels));
        self.executor.ask(orders.collect()).await?;
        places.into_iter().for_each(|(file, share, key)| self.holding.note(file, Some((share, key))));
        Ok(())
    }

    /// Makes a set of images that the shares have.
    async fn form(&mut self, set: Set, files: impl Iterator<Item = usize>, wanted: Key) -> Result<Held, End> {
        let mut parts = vec![Vec::new(); self.executor.shares()];
        let (mut all, mut keys) = (Vec::new(), Vec::new());
        for file in files {
            let Some((share, key)) = self.holding.images.get(&file).copied().flatten() else { continue };
            if let Some(part) = parts.get_mut(share) {
                part.push(file);
                all.push(file);
                keys.push(key);
            }
        }
        let orders = parts.into_iter().map(|part| (Order::Form(set, part), Vec::new()));
        self.executor.ask(orders.collect()).await?;
        let choosing: HashSet<usize> = self.listing()?.reward.iter().map(|item| item.file).collect();
        let reward = all.iter().filter(|file| choosing.contains(file)).count();
        let held = Held { wanted, count: all.len(), reward, key: Key::of(&keys) };
        self.holding.sets.insert(set, (held, all));
        self.holding.prune();
        Ok(held)
    }

    /// Forgets what is held of other files, another side or other outputs: nobody asks for it any more.
    pub(super) async fn begin_holding(&mut self) -> Result<(), End> {
        let of = self.prepared_key()?;
        if self.holding.of != Some(of) {
            self.holding = Holding::default();
            self.all(&Order::Clear(None)).await?;
            self.holding.of = Some(of);
        }
        Ok(())
    }

    pub(super) async fn drop_set(&mut self, set: Set) -> Result<(), End> {
        self.holding.sets.remove(&set);
        self.holding.prune();
        self.all(&Order::Clear(Some(set))).await.map(drop)
    }

    /// Gives every share an order.
    pub(super) async fn all(&self, order: &Order) -> Result<Vec<Answer>, End> {
        let orders = (0..self.executor.shares()).map(|_| (order.clone(), Vec::new())).collect();
        let answers = self.executor.ask(orders).await?;
        Ok(answers.into_iter().map(|(answer, _)| answer).collect())
    }
}

fn wanted(items: &[Item]) -> Key {
    Key::of(&items.iter().map(|item| item.file).collect::<Vec<_>>())
}
