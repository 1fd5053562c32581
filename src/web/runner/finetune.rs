//! Training: a worker of its own trains, and what comes out is measured in integers.

use super::super::trainer_port::TrainerPort;
use super::super::training::{Part, TrainNews, TrainOrder, TrainTask};
use super::{Deaths, End, Item, Measured, Runner, digest, no_images, no_network, wire};
use crate::calibrate;
use crate::data::Preprocess;
use crate::flow::{Event, FinetuneEnd, FinetuneFound, FinetuneRequest, FinetuneStart, NetworkSummary, Task};
use crate::net::Model;
use crate::train::{Augmentation, Report, Trained, Turn};
use js_sys::{Array, ArrayBuffer};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;

/// Training as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    network: NetworkSummary,
    /// Where the images came from.
    source: String,
    /// SHA-256 of the paths of all images that take part.
    images: [u8; 32],
    start: FinetuneStart,
    /// See [`Checkpoint::to_bytes`](crate::train::Checkpoint::to_bytes); `None` before the first.
    checkpoint: Option<Vec<u8>>,
    /// How it ended, if it has.
    end: Option<FinetuneEnd>,
    /// The trained network then, and its epochs.
    trained: Option<(Trained, u32)>,
}

/// Wishes that the training worker knows of.
#[derive(Default)]
struct Obeyed {
    paused: bool,
    stopped: bool,
}

impl Runner {
    /// Trains from the beginning.
    pub(super) async fn finetune(&mut self, request: FinetuneRequest, module: &str) -> Result<(), End> {
        request.recipe.check()?;
        let _turn = self.trainings.begin().await.map_err(End::Failed)?;
        self.train(request, module, None).await
    }

    /// Says what is stored.
    pub(super) async fn find_finetune(&self) {
        let stored = match self.trainings.read::<Stored>().await {
            Ok(Some(stored)) => stored,
            Ok(None) => return,
            Err(message) => return self.report(&Event::Failed { task: Task::Finetune, message }),
        };
        let Stored { network, source, start, end, .. } = stored;
        let elsewhere = self.trainings.is_elsewhere().await;
        let found = FinetuneFound { network, images: source, start, end, elsewhere };
        self.report(&Event::FinetuneFound(Box::new(found)));
    }

    /// Goes on with what is stored.
    pub(super) async fn continue_finetune(&mut self, module: &str) -> Result<(), End> {
        let _turn = self.trainings.begin().await.map_err(End::Failed)?;
        let nothing = || End::Failed("no training is stored; start it anew".into());
        let stored = self.trainings.read::<Stored>().await.map_err(End::Failed)?.ok_or_else(nothing)?;
        let Stored { network, source, images, start, checkpoint, .. } = stored;
        let request = start.request;
        self.check_stored("training", &network, &source, self.training_digest(&request)? == images)?;
        self.train(request, module, checkpoint).await
    }

    /// The weights that were trained last, as a file.
    pub(super) async fn save_trained(&mut self) -> Result<(), End> {
        self.recall().await?;
        let kept = match &self.trained {
            Some((trained, _)) => Some(trained.clone()),
            // Of other weights than those that are loaded.
            None => {
                let stored = self.trainings.read::<Stored>().await.map_err(End::Failed)?;
                stored.and_then(|stored| stored.trained).map(|(trained, _)| trained)
            }
        };
        let nothing = || End::Failed("nothing was trained yet; train first".into());
        let Trained { model, grids } = kept.ok_or_else(nothing)?;
        let bytes = crate::import::save(&model, grids.as_ref())?;
        let name = format!("{}-trained.safetensors", model.spec);
        self.send(&Event::Packaged { name }, &Array::of1(&wire::buffer(&bytes).into()));
        Ok(())
    }

    /// Takes up what was trained from the loaded weights before the page was loaded again, and what was measured then.
    pub(super) async fn recall(&mut self) -> Result<(), End> {
        let Some((_, loaded)) = &self.model else { return Ok(()) };
        if self.trained.is_some() {
            return Ok(());
        }
        // What cannot be read was named when the page was opened.
        let Ok(Some(stored)) = self.trainings.read::<Stored>().await else { return Ok(()) };
        if (&stored.network.sha256, stored.network.spec) != (&loaded.sha256, loaded.spec) {
            return Ok(());
        }
        let Some((trained, epochs)) = stored.trained else { return Ok(()) };
        let FinetuneStart { request, .. } = stored.start;
        let measurement = stored.end.and_then(|end| end.measurement);
        if let (None, Some(measurement), Some(grids)) = (&self.measured, measurement, &trained.grids)
            && self.images.is_some()
            && self.training_digest(&request)? == stored.images
        {
            self.prepare(request.limit).await?;
            let network = calibrate::trained(&trained.model, grids)?;
            self.measured = Some(Measured { network, tally: measurement.tally, trained: Some(epochs) });
        }
        self.trained = Some((trained, epochs));
        Ok(())
    }

    async fn train(
        &mut self,
        request: FinetuneRequest,
        module: &str,
        mut checkpoint: Option<Vec<u8>>,
    ) -> Result<(), End> {
        self.signals.pause.set(false);
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let images = (listing.limited_train(request.images), listing.reward.clone());
        self.prepare(request.limit).await?;
        self.calibrate().await?;
        let (_, start) = self.quantize(&request.policy).await?;
        let (float, _) = self.model.as_ref().ok_or_else(no_network)?;
        let teacher = float.clone();
        let mut deaths = Deaths::default();
        let (mut stored, stopped) = loop {
            let begin = (start.clone(), teacher.clone(), checkpoint.clone());
            match self.train_on(&request, module, begin, &images).await {
                Err(End::Died(cause)) if deaths.may_go_on() => {
                    self.revive(Task::Finetune, &cause).map_err(End::Failed)?;
                    if self.begun {
                        let stored = self.trainings.read::<Stored>().await.map_err(End::Failed)?;
                        checkpoint = stored.and_then(|stored| stored.checkpoint);
                    }
                }
                Err(End::Died(cause)) => return Err(End::Failed(cause)),
                ended => break ended?,
            }
        };
        stored.end = Some(FinetuneEnd { stopped, measurement: None });
        self.keep(&stored).await;
        self.trained.clone_from(&stored.trained);
        self.report(&Event::FinetuneEnded { stopped });
        // Stop has ended training, not the measurement that follows.
        self.signals.stop.set(false);
        let measurement = self.measure_policy(request.policy, request.limit).await?;
        stored.end = Some(FinetuneEnd { stopped, measurement: Some(measurement.clone()) });
        self.keep(&stored).await;
        self.report(&Event::Measured(measurement));
        Ok(())
    }

    /// Trains in a worker of its own: what is stored of it, with the trained network, and whether it was stopped.
    async fn train_on(
        &mut self,
        request: &FinetuneRequest,
        module: &str,
        (start, teacher, checkpoint): (Trained, Model, Option<Vec<u8>>),
        (train, reward): &(Vec<Item>, Vec<Item>),
    ) -> Result<(Stored, bool), End> {
        let side = usize::from(teacher.spec.side);
        let mut trainer = TrainerPort::spawn(&self.scope, module).map_err(End::Failed)?;
        // If it does not load, images need not be decoded.
        while !trainer.news().await.map_err(End::Failed)?.is_some_and(|(news, _)| news == TrainNews::Listens)
        {
            self.breathe().await?;
        }
        let (stored, _) = Augmentation::usual(side);
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let (stored, input) = (listing.preprocess_training(stored), listing.preprocess(side));
        self.hand_over(&trainer, Part::Train, train, stored).await?;
        self.hand_over(&trainer, Part::Reward, reward, input).await?;
        let FinetuneRequest { recipe, device, .. } = request.clone();
        let task = TrainTask { start, teacher, recipe, device, checkpoint: checkpoint.clone() };
        trainer.tell(&TrainOrder::Start(Box::new(task)), &Array::new());
        // The worker gives its memory back before the integers are measured.
        self.follow(&mut trainer, request, (train.len(), reward.len()), checkpoint).await
    }

    /// Decodes images and hands their pixels over.
    async fn hand_over(
        &mut self,
        trainer: &TrainerPort,
        part: Part,
        items: &[Item],
        preprocess: Preprocess,
    ) -> Result<(), End> {
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let map = self.images.as_ref().ok_or_else(no_images)?.listing.class_map(model)?;
        let mut skipped = Vec::new();
        let give = |items: &[Item], pixels: Array| {
            let (bulk, mut targets) = (Array::new(), Vec::new());
            for (item, pixels) in items.iter().zip(pixels.iter()) {
                let is_read = pixels.dyn_ref::<ArrayBuffer>().is_some_and(|buffer| buffer.byte_length() > 0);
                if let (true, Some(target)) = (is_read, map.output_of(item.class)) {
                    bulk.push(&pixels);
                    targets.push(target as u16);
                }
            }
            trainer.tell(&TrainOrder::Keep { part, side: preprocess.side, targets }, &bulk);
        };
        self.decode(items, preprocess, None, (0, items.len()), &mut skipped, give).await
    }

    /// Passes on what is told and what is wished, and stores every epoch, until training ends: what is stored of it, with
    /// the trained network, and whether it was stopped.
    async fn follow(
        &mut self,
        trainer: &mut TrainerPort,
        request: &FinetuneRequest,
        counts: (usize, usize),
        checkpoint: Option<Vec<u8>>,
    ) -> Result<(Stored, bool), End> {
        let mut obeyed = Obeyed::default();
        let started = loop {
            match self.obey(trainer, &mut obeyed).await? {
                Some((TrainNews::Started { device, curve }, _)) => {
                    break FinetuneStart { request: request.clone(), device, images: counts, curve };
                }
                Some((TrainNews::Failed { message, smaller_batch }, _)) => {
                    return Err(self.failed(message, smaller_batch));
                }
                _ => {}
            }
        };
        let (_, network) = self.model.as_ref().ok_or_else(no_network)?;
        let source = self.images.as_ref().ok_or_else(no_images)?.listing.source.clone();
        let (network, images) = (network.clone(), self.training_digest(request)?);
        let mut stored =
            Stored { network, source, images, start: started, checkpoint, end: None, trained: None };
        // From its first moment on: what the page shows as running is there after a reload.
        self.keep(&stored).await;
        self.begun = true;
        self.report(&Event::FinetuneStarted(Box::new(stored.start.clone())));
        loop {
            let Some((news, bulk)) = self.obey(trainer, &mut obeyed).await? else { continue };
            let curve = &mut stored.start.curve;
            match news {
                TrainNews::Listens | TrainNews::Started { .. } => {}
                TrainNews::Turn(turn) => {
                    match &turn {
                        Turn::Report(Report::Progress(progress)) => {
                            let (done, total) = (progress.step as usize, progress.steps as usize);
                            self.progress(Task::Finetune, done, total, None);
                        }
                        Turn::Report(Report::Epoch(point)) => curve.push(point.clone()),
                        Turn::Moved { epoch, device, .. } => {
                            curve.retain(|point| point.epoch <= *epoch);
                            stored.start.device = device.clone();
                        }
                        Turn::Report(_) => {}
                    }
                    self.report(&Event::FinetuneTurn(turn));
                }
                TrainNews::Checkpoint => {
                    stored.checkpoint = Some(wire::bytes(&bulk.get(0)));
                    self.keep(&stored).await;
                }
                TrainNews::Ended { trained, .. } => {
                    let epochs = curve.last().map_or(0, |point| point.epoch);
                    stored.trained = Some((*trained, epochs));
                    return Ok((stored, obeyed.stopped));
                }
                TrainNews::Failed { message, smaller_batch } => {
                    return Err(self.failed(message, smaller_batch));
                }
            }
        }
    }

    /// Passes on what is wished; the next news, if there are any.
    async fn obey(
        &self,
        trainer: &mut TrainerPort,
        obeyed: &mut Obeyed,
    ) -> Result<Option<(TrainNews, Array)>, End> {
        let Obeyed { paused, stopped } = obeyed;
        if self.signals.stop.get() && !*stopped {
            *stopped = true;
            trainer.tell(&TrainOrder::Stop, &Array::new());
        } else if self.signals.pause.get() != *paused && !*stopped {
            *paused = !*paused;
            let order = if *paused { TrainOrder::Pause } else { TrainOrder::Resume };
            trainer.tell(&order, &Array::new());
            let event = if *paused { Event::Paused } else { Event::Resumed };
            self.report(&event(Task::Finetune));
        }
        trainer.news().await.map_err(End::Died)
    }

    /// Why training failed; the page is told of a smaller batch.
    fn failed(&self, message: String, smaller_batch: Option<usize>) -> End {
        if let Some(batch) = smaller_batch {
            self.report(&Event::FinetuneTooLarge { batch });
        }
        End::Failed(message)
    }

    /// Keeps the state. A browser that cannot store it is no reason to end training.
    async fn keep(&mut self, stored: &Stored) {
        let stored = self.trainings.write(stored).await;
        self.report_stored(Task::Finetune, stored).await;
    }

    fn training_digest(&self, request: &FinetuneRequest) -> Result<[u8; 32], End> {
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let train = listing.limited_train(request.images);
        Ok(digest(listing.calibration.iter().chain(&train).chain(&listing.reward)))
    }
}
