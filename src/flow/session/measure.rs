//! Calibration, integers, and how well they do.

use super::{End, Event, Executor, Figure, Integers, Key, Session, Set};
use crate::calibrate::{self, Calibration, Observer, Preparation, Quantization};
use crate::data::without_background;
use crate::flow::{
    ImagesUsed, Measurement, Order, PreprocessingCheck, PreprocessingVerdict, Subset, Tally, Task,
};
use crate::parallel;
use crate::quant::Policy;
use crate::train::Trained;
use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

/// Images that the float network observes between two looks at the messages.
const OBSERVE: usize = 8;

impl<E: Executor> Session<E> {
    /// Measures a policy in integers, on at most `limit` images of a subset.
    ///
    /// # Errors
    /// If nothing is loaded, the network has no integer form, or it was stopped before the first image.
    pub async fn measure(
        &mut self,
        policy: &Policy,
        subset: Subset,
        limit: Option<usize>,
    ) -> Result<Measurement, End> {
        let measurement = self.measure_policy(policy, subset, limit).await?;
        self.executor.report(&Event::Measured(measurement.clone()));
        Ok(measurement)
    }

    /// The same, which nobody is told of.
    ///
    /// # Errors
    /// As [`Session::measure`].
    pub async fn measure_policy(
        &mut self,
        policy: &Policy,
        subset: Subset,
        limit: Option<usize>,
    ) -> Result<Measurement, End> {
        let calibration = self.prepare().await?.pixels.len();
        let integers = self.integers(policy).await?;
        let order = || Order::UseIntegers(Box::new(integers.network.clone()));
        let figure = self.figure(Task::Evaluate, integers.key, order, subset, limit).await?;
        let trained = integers.trained;
        // The network of a stopped measurement can be packaged all the same.
        self.measured.put(self.loaded()?, (integers, figure));
        let (weights, images) = (self.weights()?.summary.key, self.images()?.shown);
        let policy = policy.clone();
        Ok(Measurement { policy, figure, calibration, trained, weights, images })
    }

    /// Whether a policy was measured with what is loaded.
    pub fn is_measured(&self) -> bool {
        self.loaded().is_ok_and(|loaded| self.measured.get(loaded).is_some())
    }

    /// Takes up what was measured before the program was started again, on at most `limit` images, if the images that are
    /// loaded are the same: their pixels decide.
    ///
    /// # Errors
    /// As [`Session::measure`].
    pub async fn restore(
        &mut self,
        policy: &Policy,
        figure: Figure,
        limit: Option<usize>,
    ) -> Result<(), End> {
        let loaded = self.loaded()?;
        let (subset, items) = self.listing()?.measured(figure.images.subset, limit);
        let set = Set::measured(subset);
        let size = self.at_a_time(set, &items).await?;
        let mut keys = Vec::with_capacity(items.len());
        for part in items.chunks(size) {
            self.hold(set, part).await?;
            keys.extend(self.holding.keys(set));
        }
        if subset == figure.images.subset && Key::of(&keys) == figure.images.key {
            self.prepare().await?;
            let integers = self.integers(policy).await?;
            self.measured.put(loaded, (integers, figure));
        }
        Ok(())
    }

    /// Measures the float network, on at most `limit` images of a subset.
    ///
    /// # Errors
    /// As [`Session::measure`].
    pub async fn measure_float(&mut self, subset: Subset, limit: Option<usize>) -> Result<Figure, End> {
        let figure = self.float_figure(subset, limit).await?;
        let weights = self.weights()?.summary.key;
        self.executor.report(&Event::MeasuredFloat { figure, weights });
        Ok(figure)
    }

    /// The float network's accuracy.
    pub(super) async fn float_figure(&mut self, subset: Subset, limit: Option<usize>) -> Result<Figure, End> {
        let weights = self.weights()?;
        let order = || weights.use_floats();
        self.figure(Task::EvaluateFloat, weights.summary.key, order, subset, limit).await
    }

    /// Tries what was assumed of the weights on calibration images; `None` if nothing was assumed.
    ///
    /// # Errors
    /// As [`Session::prepare`].
    pub async fn check_preprocessing(&mut self) -> Result<Option<PreprocessingVerdict>, End> {
        let weights = self.weights()?;
        let Some(check) = PreprocessingCheck::new(&weights.model, &weights.summary.settings)? else {
            return Ok(None);
        };
        let prepared = self.prepare().await?;
        let sample = check.sample(prepared.pixels.len());
        let (pixels, targets) = (&prepared.pixels, &prepared.targets);
        let mut judged = Vec::with_capacity(sample.len());
        for some in sample.chunks(OBSERVE) {
            let judge = |(): &mut (), &place: &usize| check.judge(&pixels[place], targets[place]);
            for answer in parallel::map_with(some, || (), judge) {
                judged.push(answer?);
            }
            self.progress(Task::CheckPreprocessing, judged.len(), sample.len(), None);
            self.breathe().await?;
        }
        Ok(Some(check.verdict(&judged)))
    }

    /// What the float network does on the calibration images, and the key of that.
    ///
    /// # Errors
    /// As [`Session::prepare`].
    pub async fn calibrate(&mut self) -> Result<(Key, Arc<Calibration>), End> {
        let prepared = self.prepare().await?;
        let weights = self.weights()?;
        let key = Key::of(&(weights.summary.key, prepared.key, self.settings));
        if let Some(calibration) = self.calibration.get(key) {
            return Ok((key, calibration.clone()));
        }
        let mut observer = Observer::new(&weights.model, self.settings)?.with_ranges(weights.ranges());
        let total = prepared.pixels.len();
        for (chunk, seen) in prepared.pixels.chunks(OBSERVE).zip((OBSERVE..).step_by(OBSERVE)) {
            observer.add(chunk)?;
            self.progress(Task::Calibrate, seen.min(total), total, None);
            self.breathe().await?;
        }
        Ok((key, self.calibration.put(key, observer.finish()?.into()).clone()))
    }

    /// The same with codes that can be combined freely, which policies are scored with.
    ///
    /// # Errors
    /// As [`Session::prepare`].
    pub(super) async fn calibrate_for_scores(&mut self) -> Result<Arc<Calibration>, End> {
        let (key, calibration) = self.calibrate().await?;
        if let Some(calibration) = self.calibration_for_scores.get(key) {
            return Ok(calibration.clone());
        }
        let (weights, prepared) = (self.weights()?, self.prepare().await?);
        let Some(mut preparation) = Preparation::new(&weights.model, &calibration, &prepared.pixels) else {
            return Ok(calibration);
        };
        let codes = loop {
            if let Some(codes) = preparation.step()? {
                break codes;
            }
            let (done, total) = preparation.progress();
            self.progress(Task::Quantize, done, total, None);
            self.breathe().await?;
        };
        let with_codes = Calibration { codes, ..(*calibration).clone() };
        Ok(self.calibration_for_scores.put(key, with_codes.into()).clone())
    }

    /// A policy's integers: those that were trained at it, here or in the file, else what calibration gives.
    ///
    /// # Errors
    /// As [`Session::measure`].
    pub async fn integers(&mut self, policy: &Policy) -> Result<Rc<Integers>, End> {
        if let Some(training) = self.training().cloned()
            && let Trained { model, grids: Some(grids) } = &training.trained
            && grids.policy(model.graph()) == *policy
        {
            let (start, trained) = (training.trained.clone(), Some(training.epochs));
            let network = calibrate::trained(model, grids)?;
            return Ok(Integers { network, start, trained, key: training.key }.into());
        }
        self.quantize(policy).await
    }

    /// A policy's integers with the weights as they were loaded.
    ///
    /// # Errors
    /// As [`Session::measure`].
    pub async fn quantize(&mut self, policy: &Policy) -> Result<Rc<Integers>, End> {
        let (calibrated, calibration) = self.calibrate().await?;
        let key = Key::of(&(calibrated, policy));
        if let Some(integers) = self.integers.get(key) {
            return Ok(integers.clone());
        }
        let (weights, prepared) = (self.weights()?, self.prepare().await?);
        let model = &*weights.model;
        let (network, start) = match &weights.grids {
            Some(grids) if grids.policy(model.graph()) == *policy => {
                let start = Trained { model: model.clone(), grids: Some(grids.clone()) };
                (calibrate::trained(model, grids)?, start)
            }
            grids => {
                if grids.is_some() {
                    let text =
                        "note: the weights were trained at other widths; their quantizers are not used";
                    self.executor.note(text);
                }
                let mut quantization = Quantization::new(model, &calibration, policy, &prepared.pixels)?;
                loop {
                    if let Some(network) = quantization.step()? {
                        let (model, grids) = quantization.settled();
                        break (network, Trained { model, grids: Some(grids) });
                    }
                    let (done, total) = quantization.progress();
                    self.progress(Task::Quantize, done, total, None);
                    self.breathe().await?;
                }
            }
        };
        Ok(self.integers.put(key, Integers { network, start, trained: None, key }.into()).clone())
    }

    /// The accuracy of a network, `of` which is its key, on at most `limit` images of a subset.
    async fn figure(
        &mut self,
        task: Task,
        of: Key,
        network: impl Fn() -> Order,
        subset: Subset,
        limit: Option<usize>,
    ) -> Result<Figure, End> {
        let (subset, items) = self.listing()?.measured(subset, limit);
        let set = Set::measured(subset);
        let size = self.at_a_time(set, &items).await?;
        // What is held is known as soon as it is held; what is measured part by part, from the first time on.
        let known = self.holding.measured(&items).and_then(|key| self.figures.get(&Key::of(&(of, key))));
        if let Some(figure) = known {
            return Ok(*figure);
        }
        let (mut tally, mut stopped) = (Tally::default(), false);
        let (mut reward, mut keys) = (0, Vec::new());
        // Images of which it is known that they can be read, or may be.
        let mut total = items.len();
        for (part, begun) in items.chunks(size).zip((0..).step_by(size)) {
            let held = match self.hold(set, part).await {
                Err(End::Stopped) if tally.images > 0 => {
                    stopped = true;
                    break;
                }
                held => held?,
            };
            total -= part.len() - held.count;
            reward += held.reward;
            keys.extend(self.holding.keys(set));
            if begun == 0 {
                let key = Key::of(&(of, held.key));
                if let Some(figure) = self.figures.get(&key).filter(|_| part.len() == items.len()) {
                    return Ok(*figure);
                }
                self.all(&network()).await?;
            }
            if held.count > 0 {
                (tally, stopped) = self.classify(task, set, tally, held.count, total).await?;
            }
            if stopped {
                break;
            }
        }
        if total == 0 {
            return Err(End::Failed(format!("no {} image could be read", subset.name())));
        }
        let images = self.images_used(subset, total, reward, Key::of(&keys))?;
        let figure = Figure { tally, images, stopped };
        if !stopped {
            self.holding.note_measured(&items, images.key);
            self.figures.insert(Key::of(&(of, images.key)), figure);
        }
        Ok(figure)
    }

    /// So many images of one subset, `chosen_by` of which are reward images; `key` is of their pixels and right outputs.
    pub(super) fn images_used(
        &self,
        subset: Subset,
        count: usize,
        chosen_by: usize,
        key: Key,
    ) -> Result<ImagesUsed, End> {
        let images = self.listing()?.subset(subset);
        let seen: HashSet<usize> = images.iter().map(|item| item.class).collect();
        let classes = (seen.len(), without_background(self.weights()?.model.graph().classes()));
        Ok(ImagesUsed { subset, count, of: images.len(), chosen_by, classes, key })
    }

    /// Classifies the `count` images of a set, which are some of `total`, of which `before` were classified; if stopped,
    /// those so far.
    pub(super) async fn classify(
        &self,
        task: Task,
        set: Set,
        before: Tally,
        count: usize,
        total: usize,
    ) -> Result<(Tally, bool), End> {
        let all = Cell::new(before);
        let counted = |tally| {
            let sum = all.get() + tally;
            all.set(sum);
            self.progress(task, sum.images, total, Some(sum));
            !self.executor.stops()
        };
        self.executor.classify(set, counted).await?;
        let tally = all.get();
        let stopped = tally.images < before.images + count;
        if tally.images == 0 { Err(End::Stopped) } else { Ok((tally, stopped)) }
    }

    pub(super) fn progress(&self, task: Task, done: usize, total: usize, tally: Option<Tally>) {
        self.executor.report(&Event::Progress { task, done, total, tally });
    }
}
