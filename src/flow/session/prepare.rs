//! Decoding the images for the network at hand, some at a time.

use super::{End, Event, Executor, Key, Session};
use crate::data::{ClassMap, Files, Preprocess, decoding_bytes};
use crate::flow::{Answer, Item, Numbered, Order, Pixels, Task};
use std::rc::Rc;

/// Calibration images as the network takes them.
#[derive(Debug)]
pub struct Prepared {
    /// Pixels of each, `[side, side, 3]` bytes.
    pub pixels: Vec<Pixels>,
    /// The right output for each.
    pub targets: Vec<usize>,
    /// Of both.
    pub key: Key,
    /// Number of the file of each, and the key of the image.
    pub(super) files: Vec<(usize, Key)>,
}

/// Image files that are decoded at the same time.
#[derive(Default)]
struct Round {
    files: Vec<Read>,
    /// Bytes of the files and of what decoding makes of them.
    bytes: u64,
    /// Those of the largest.
    largest: u64,
}

/// An image file that was read.
struct Read {
    /// Place of the image among all that are decoded.
    at: usize,
    image: Numbered,
    file: Pixels,
}

/// An image that was decoded, with its pixels unless they are kept; or why it could not be.
type Decoded = Result<(Key, Option<Pixels>), String>;

impl<E: Executor> Session<E> {
    /// Decodes the calibration images, unless that has been done for a network of this side and these classes.
    ///
    /// # Errors
    /// If nothing is loaded, the classes do not fit the network, there are more than the memory for images takes, or it
    /// was stopped.
    pub async fn prepare(&mut self) -> Result<Rc<Prepared>, End> {
        let key = self.prepared_key()?;
        if let Some(prepared) = self.prepared.get(key) {
            return Ok(prepared.clone());
        }
        let listing = self.listing()?;
        let side = self.side()?;
        let images = listing.calibration.len();
        let advice =
            "calibrate with fewer (--calibration on the command line, or --image-memory for more room)";
        self.check_room("calibration images", images, side, 0, advice)?;
        let (mut pixels, mut targets) = (Vec::with_capacity(images), Vec::with_capacity(images));
        let keep = |image, target| {
            pixels.push(image);
            targets.push(target);
        };
        let keys = self.decode(&listing.calibration, listing.preprocess(side), keep).await?;
        let files = listing.calibration.iter().zip(&keys);
        let files = files.filter_map(|(item, key)| Some((item.file, (*key)?))).collect();
        let of = Key::of(&keys.into_iter().flatten().collect::<Vec<_>>());
        Ok(self.prepared.put(key, Prepared { pixels, targets, key: of, files }.into()).clone())
    }

    /// What the calibration images are of: files, side and right outputs.
    pub(super) fn prepared_key(&self) -> Result<Key, End> {
        let images = self.images()?;
        let preprocess = images.listing.preprocess(self.side()?);
        Ok(Key::of(&(images.key, preprocess, images.listing.class_map(&self.weights()?.model)?.outputs())))
    }

    /// Side of the network's images in pixels.
    pub(super) fn side(&self) -> Result<usize, End> {
        Ok(self.weights()?.model.network.side())
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
        mut each: impl FnMut(Pixels, usize),
    ) -> Result<Vec<Option<Key>>, End> {
        self.load(items, preprocess, false, &mut each).await
    }

    /// Decodes images, with `keep` into the shares. Files are read, decoded and let go round by round: what a round takes
    /// is estimated from the files' headers, and bounded by [`Executor::decoding_memory`].
    pub(super) async fn load(
        &mut self,
        items: &[Item],
        preprocess: Preprocess,
        keep: bool,
        each: &mut impl FnMut(Pixels, usize),
    ) -> Result<Vec<Option<Key>>, End> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let map = self.listing()?.class_map(&self.weights()?.model)?;
        let most = self.executor.batch() * self.executor.shares();
        let limit = self.executor.decoding_memory();
        let mut keys = vec![None; items.len()];
        let mut skipped = Vec::new();
        let mut rest = items.iter().enumerate();
        let mut next = None;
        loop {
            let mut round = Round::default();
            while round.files.len() < most {
                let Some(read) = next.take().or_else(|| self.read(&map, &mut rest, &mut skipped)) else {
                    break;
                };
                let bytes = read.file.len() as u64 + decoding_bytes(&read.file);
                if !round.files.is_empty() && round.bytes + bytes > limit {
                    next = Some(read);
                    break;
                }
                round.bytes += bytes;
                round.largest = round.largest.max(bytes);
                round.files.push(read);
            }
            let places: Vec<usize> = round.files.iter().map(|read| read.at).collect();
            let images: Vec<Numbered> = round.files.iter().map(|read| read.image).collect();
            let decoded = self.decode_round(round, preprocess, keep).await?;
            for ((at, (_, output)), decoded) in places.into_iter().zip(images).zip(decoded) {
                match decoded {
                    Ok((key, pixels)) => {
                        keys[at] = Some(key);
                        pixels.into_iter().for_each(|pixels| each(pixels, output));
                    }
                    Err(reason) => skipped.push((items[at].path.clone(), reason)),
                }
            }
            let done = next.as_ref().map_or(items.len() - rest.len(), |read: &Read| read.at);
            let (task, total, tally) = (Task::Images, items.len(), None);
            self.executor.report(&Event::Progress { task, done, total, tally });
            self.breathe().await?;
            if done == total {
                break;
            }
        }
        if keep {
            let unread = items.iter().zip(&keys).filter(|(_, key)| key.is_none());
            unread.for_each(|(item, _)| self.holding.note(item.file, None));
        }
        self.skip(skipped)?;
        Ok(keys)
    }

    /// Reads the next file that can be read.
    fn read<'a>(
        &mut self,
        map: &ClassMap,
        rest: &mut impl Iterator<Item = (usize, &'a Item)>,
        skipped: &mut Vec<(String, String)>,
    ) -> Option<Read> {
        for (at, item) in rest {
            // A class always has an output; see `ClassMap`.
            let Some(output) = map.output_of(item.class) else { continue };
            match self.images.as_mut().map(|images| images.sources.read(item.file)) {
                Some(Ok(file)) => return Some(Read { at, image: (item.file, output), file: file.into() }),
                Some(Err(error)) => skipped.push((item.path.clone(), error.reason())),
                None => {}
            }
        }
        None
    }

    /// Decodes the files of a round, each in one share: those that are kept where they stay, unless they are costly. A
    /// share's memory never shrinks again in a browser, so that files of which all shares together could not decode one
    /// each are decoded by as few shares as there are files, always the first.
    async fn decode_round(
        &mut self,
        round: Round,
        preprocess: Preprocess,
        keep: bool,
    ) -> Result<Vec<Decoded>, End> {
        let shares = self.executor.shares();
        let count = round.files.len();
        let images: Vec<Numbered> = round.files.iter().map(|read| read.image).collect();
        let is_costly = round.largest > self.executor.decoding_memory() / shares as u64;
        let stay = keep && !is_costly;
        let first = if stay { self.holding.deal(count) } else { 0 };
        let share_of = |number: usize| (first + number) % shares;
        let busy = if stay { shares } else { shares.min(count) };
        let mut parts: Vec<(Vec<Numbered>, Vec<Pixels>)> = vec![Default::default(); busy];
        for (number, read) in round.files.into_iter().enumerate() {
            let (images, files) = &mut parts[share_of(number)];
            images.push(read.image);
            files.push(read.file);
        }
        let order = |(images, files)| (Order::Decode { preprocess, images, keep: stay }, files);
        let answers = self.executor.ask(parts.into_iter().map(order).collect()).await?;
        let mut found: Vec<_> = answers
            .into_iter()
            .map(|(answer, pixels)| match answer {
                Answer::Decoded(keys) => (keys.into_iter(), pixels.into_iter()),
                _ => (Vec::new().into_iter(), Vec::new().into_iter()),
            })
            .collect();
        let mut decoded = Vec::with_capacity(count);
        for (number, &(file, _)) in images.iter().enumerate() {
            let share = share_of(number);
            let lost = || Err("the part of the program that decodes it gave no answer".into());
            let (keys, pixels) = &mut found[share];
            let (key, pixels) = (keys.next().unwrap_or_else(lost), pixels.next());
            if stay && let Ok(key) = key {
                self.holding.note(file, Some((share, key)));
            }
            decoded.push(key.map(|key| (key, pixels)));
        }
        if keep && !stay {
            self.keep(&images, &mut decoded).await?;
        }
        Ok(decoded)
    }

    /// Gives images that were decoded to the shares that keep them.
    async fn keep(&mut self, images: &[Numbered], decoded: &mut [Decoded]) -> Result<(), End> {
        let whole = images.iter().zip(decoded).filter_map(|(&image, decoded)| match decoded {
            Ok((key, pixels)) => Some((image, *key, pixels.take()?)),
            Err(_) => None,
        });
        self.hand_out(whole.collect()).await
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
