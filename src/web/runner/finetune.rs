//! Training: a worker of its own trains, and what comes out is measured in integers.

use super::super::store::Store;
use super::super::trainer_port::TrainerPort;
use super::super::training::{Part, TrainNews, TrainOrder, TrainTask};
use super::{End, Item, Runner, digest, no_images, no_network, wire};
use crate::data::{Crop, Preprocess};
use crate::flow::{Event, FinetuneFound, FinetuneRequest, FinetuneStart, Task};
use crate::train::{Augmentation, Point, Report, Trained, Turn};
use js_sys::{Array, ArrayBuffer};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;

/// Name of the store.
const STORE: &str = "finetune";

/// Training as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    found: FinetuneFound,
    /// SHA-256 of the paths of all images that take part.
    images: [u8; 32],
    /// See [`Checkpoint::to_bytes`](crate::train::Checkpoint::to_bytes).
    checkpoint: Vec<u8>,
}

impl Runner {
    /// Trains from the beginning.
    pub(super) async fn finetune(&mut self, request: FinetuneRequest, module: &str) -> Result<(), End> {
        request.recipe.check()?;
        self.train(request, module, None).await
    }

    /// Says what is stored.
    pub(super) async fn find_finetune(&mut self) -> Result<(), End> {
        // Without a file system there is nothing to find.
        let Ok(mut store) = Store::open(&self.scope, STORE).await else { return Ok(()) };
        if let Ok(Some(bytes)) = store.read().await
            && let Ok(stored) = postcard::from_bytes::<Stored>(&bytes)
        {
            self.report(&Event::FinetuneFound(Box::new(stored.found)));
        }
        Ok(())
    }

    /// Goes on with what is stored.
    pub(super) async fn continue_finetune(&mut self, module: &str) -> Result<(), End> {
        let mut store = Store::open(&self.scope, STORE).await.map_err(End::Failed)?;
        let nothing = || End::Failed("no training is stored; start it anew".into());
        let bytes = store.read().await.map_err(End::Failed)?.ok_or_else(nothing)?;
        let stored: Stored = postcard::from_bytes(&bytes).map_err(|_| nothing())?;
        let FinetuneFound { request, network, images, .. } = stored.found;
        self.check_stored("training", &network, &images, self.training_digest(&request)? == stored.images)?;
        self.train(request, module, Some(stored.checkpoint)).await
    }

    /// The weights that were trained last, as a file.
    pub(super) fn save_trained(&self) -> Result<(), End> {
        let nothing = || End::Failed("nothing was trained with these weights; train first".into());
        let (Trained { model, grids }, _) = self.trained.as_ref().ok_or_else(nothing)?;
        let bytes = crate::import::save(model, grids.as_ref())?;
        let name = format!("{}-trained.safetensors", model.spec);
        self.send(&Event::Packaged { name }, &Array::of1(&wire::buffer(&bytes).into()));
        Ok(())
    }

    async fn train(
        &mut self,
        request: FinetuneRequest,
        module: &str,
        checkpoint: Option<Vec<u8>>,
    ) -> Result<(), End> {
        self.signals.pause.set(false);
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let (train, reward) = (listing.limited_train(request.images), listing.reward.clone());
        self.prepare(request.limit).await?;
        self.calibrate().await?;
        let (_, start) = self.quantize(&request.policy).await?;
        let (float, _) = self.model.as_ref().ok_or_else(no_network)?;
        let (side, teacher) = (usize::from(float.spec.side), float.clone());

        let mut trainer = TrainerPort::spawn(&self.scope, module).map_err(End::Failed)?;
        // If it does not load, images need not be decoded.
        while !trainer.news().await.map_err(End::Failed)?.is_some_and(|(news, _)| news == TrainNews::Listens)
        {
            self.breathe().await?;
        }
        let (stored, _) = Augmentation::usual(side);
        let stored = Preprocess { side: stored, crop: Crop::Square };
        self.hand_over(&trainer, Part::Train, &train, stored).await?;
        self.hand_over(&trainer, Part::Reward, &reward, Preprocess::new(side)).await?;
        let FinetuneRequest { recipe, device, .. } = request.clone();
        let task = TrainTask { start, teacher, recipe, device, checkpoint };
        trainer.tell(&TrainOrder::Start(Box::new(task)), &Array::new());

        let (trained, epochs, stopped) =
            self.follow(&mut trainer, &request, (train.len(), reward.len())).await?;
        // Gives its memory back before the integers are measured.
        drop(trainer);
        self.report(&Event::FinetuneEnded { stopped });
        self.trained = Some((trained, epochs));
        // Stop has ended training, not the measurement that follows.
        self.signals.stop.set(false);
        self.measure(request.policy, request.limit).await
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

    /// Passes on what is told and what is wished, until training ends: the trained network, its epochs, and whether it
    /// was stopped.
    async fn follow(
        &mut self,
        trainer: &mut TrainerPort,
        request: &FinetuneRequest,
        images: (usize, usize),
    ) -> Result<(Trained, u32, bool), End> {
        let mut store = Store::open(&self.scope, STORE).await.ok();
        if let Some(store) = &mut store {
            // For the number of the newest value.
            let _ = store.read().await;
        }
        let mut curve: Vec<Point> = Vec::new();
        let (mut paused, mut stopped) = (false, false);
        loop {
            if self.signals.stop.get() && !stopped {
                stopped = true;
                trainer.tell(&TrainOrder::Stop, &Array::new());
            } else if self.signals.pause.get() != paused && !stopped {
                paused = !paused;
                let order = if paused { TrainOrder::Pause } else { TrainOrder::Resume };
                trainer.tell(&order, &Array::new());
                let event = if paused { Event::Paused } else { Event::Resumed };
                self.report(&event(Task::Finetune));
            }
            let Some((news, bulk)) = trainer.news().await.map_err(End::Failed)? else { continue };
            match news {
                TrainNews::Listens => {}
                TrainNews::Started { device, curve: so_far } => {
                    curve.clone_from(&so_far);
                    let request = request.clone();
                    let start = FinetuneStart { request, device, images, curve: so_far };
                    self.report(&Event::FinetuneStarted(Box::new(start)));
                }
                TrainNews::Turn(turn) => {
                    match &turn {
                        Turn::Report(Report::Progress(progress)) => {
                            let (done, total) = (progress.step as usize, progress.steps as usize);
                            self.progress(Task::Finetune, done, total, None);
                        }
                        Turn::Report(Report::Epoch(point)) => curve.push(point.clone()),
                        Turn::Moved { epoch, .. } => curve.retain(|point| point.epoch <= *epoch),
                        Turn::Report(_) => {}
                    }
                    self.report(&Event::FinetuneTurn(turn));
                }
                TrainNews::Checkpoint => {
                    self.keep(&mut store, request, &curve, wire::bytes(&bulk.get(0))).await?;
                }
                TrainNews::Ended { trained, .. } => {
                    if let Some(store) = store.as_mut().filter(|_| !stopped) {
                        // Finished: nothing is left to go on with. If the browser keeps it, that does no harm.
                        let _ = store.write(&[]).await;
                    }
                    let epochs = curve.last().map_or(0, |point| point.epoch);
                    return Ok((*trained, epochs, stopped));
                }
                TrainNews::Failed { message, smaller_batch } => {
                    if let Some(batch) = smaller_batch {
                        self.report(&Event::FinetuneTooLarge { batch });
                    }
                    return Err(End::Failed(message));
                }
            }
        }
    }

    /// Stores a checkpoint. A browser that cannot is no reason to end training.
    async fn keep(
        &self,
        store: &mut Option<Store>,
        request: &FinetuneRequest,
        curve: &[Point],
        checkpoint: Vec<u8>,
    ) -> Result<(), End> {
        let Some(open) = store else { return Ok(()) };
        let (_, network) = self.model.as_ref().ok_or_else(no_network)?;
        let images = self.images.as_ref().ok_or_else(no_images)?.listing.source.clone();
        let (request, curve, network) = (request.clone(), curve.to_vec(), network.clone());
        let digest = self.training_digest(&request)?;
        let found = FinetuneFound { request, network, images, curve };
        let bytes = postcard::to_stdvec(&Stored { found, images: digest, checkpoint })?;
        if open.write(&bytes).await.is_err() {
            *store = None;
        }
        Ok(())
    }

    fn training_digest(&self, request: &FinetuneRequest) -> Result<[u8; 32], End> {
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let train = listing.limited_train(request.images);
        Ok(digest(listing.calibration.iter().chain(&train).chain(&listing.reward)))
    }
}
