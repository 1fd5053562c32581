//! Training: a worker of its own trains, and what comes out is measured in integers.

use super::super::trainer_port::TrainerPort;
use super::super::training::{Part, TrainNews, TrainOrder, TrainTask};
use super::{Deaths, End, Item, Runner, digest, wire};
use crate::data::Preprocess;
use crate::flow::{
    Epochs, Event, FinetuneEnd, FinetuneFound, FinetuneRequest, FinetuneStart, NetworkSummary, Subset, Task,
};
use crate::net::Model;
use crate::train::{Augmentation, Point, Report, Trained, Turn};
use js_sys::Array;
use serde::{Deserialize, Serialize};

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
    trained: Option<(Trained, Epochs)>,
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
        let _turn = self.session.executor.trainings.begin().await.map_err(End::Failed)?;
        self.train(request, module, None).await
    }

    /// Says what is stored.
    pub(super) async fn find_finetune(&self) {
        let stored = match self.session.executor.trainings.read::<Stored>().await {
            Ok(Some(stored)) => stored,
            Ok(None) => return,
            Err(message) => return self.report(&Event::Failed { task: Task::Finetune, message }),
        };
        let Stored { network, source, start, end, .. } = stored;
        let elsewhere = self.session.executor.trainings.is_elsewhere().await;
        let found = FinetuneFound { network, images: source, start, end, elsewhere };
        self.report(&Event::FinetuneFound(Box::new(found)));
    }

    /// Goes on with what is stored.
    pub(super) async fn continue_finetune(&mut self, module: &str) -> Result<(), End> {
        let _turn = self.session.executor.trainings.begin().await.map_err(End::Failed)?;
        let nothing = || End::Failed("no training is stored; start it anew".into());
        let stored = self
            .session
            .executor
            .trainings
            .read::<Stored>()
            .await
            .map_err(End::Failed)?
            .ok_or_else(nothing)?;
        let Stored { network, source, images, start, checkpoint, .. } = stored;
        let request = start.request;
        self.session.check_stored("training", &network, &source)?;
        if self.training_digest(&request)? != images {
            return Err(End::Failed(format!("the stored training is on other images of {source}")));
        }
        self.train(request, module, checkpoint).await
    }

    /// The weights that were trained last, as a file.
    pub(super) async fn save_trained(&mut self) -> Result<(), End> {
        self.recall().await?;
        let kept = match self.session.training() {
            Some(training) => Some(training.trained.clone()),
            // Of other weights than those that are loaded.
            None => {
                let stored = self.session.executor.trainings.read::<Stored>().await.map_err(End::Failed)?;
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
        let Ok(weights) = self.session.weights() else { return Ok(()) };
        if self.session.training().is_some() {
            return Ok(());
        }
        // What cannot be read was named when the page was opened.
        let Ok(Some(stored)) = self.session.executor.trainings.read::<Stored>().await else { return Ok(()) };
        if stored.network.key != weights.summary.key {
            return Ok(());
        }
        let Some((trained, epochs)) = stored.trained else { return Ok(()) };
        self.session.adopt_training(trained, epochs)?;
        let FinetuneStart { request, .. } = stored.start;
        if let Some(measurement) = stored.end.and_then(|end| end.measurement)
            && self.session.listing().is_ok()
            && self.training_digest(&request)? == stored.images
        {
            self.session.restore(&measurement.policy, measurement.figure).await?;
        }
        Ok(())
    }

    async fn train(
        &mut self,
        request: FinetuneRequest,
        module: &str,
        mut checkpoint: Option<Vec<u8>>,
    ) -> Result<(), End> {
        self.signals.pause.set(false);
        let listing = self.session.listing()?;
        let images = (listing.limited_train(request.images), listing.reward.clone());
        let start = self.session.quantize(&request.policy).await?.start.clone();
        let teacher = (*self.session.weights()?.model).clone();
        let mut deaths = Deaths::default();
        let (mut stored, stopped) = loop {
            let begin = (start.clone(), teacher.clone(), checkpoint.clone());
            match self.train_on(&request, module, begin, &images).await {
                Err(End::Died(cause)) if deaths.may_go_on() => {
                    self.revive(Task::Finetune, &cause).map_err(End::Failed)?;
                    if self.has_begun() {
                        let stored =
                            self.session.executor.trainings.read::<Stored>().await.map_err(End::Failed)?;
                        checkpoint = stored.and_then(|stored| stored.checkpoint);
                    }
                }
                Err(End::Died(cause)) => return Err(End::Failed(cause)),
                ended => break ended?,
            }
        };
        stored.end = Some(FinetuneEnd { stopped, measurement: None });
        self.keep(&stored).await;
        if let Some((trained, epochs)) = stored.trained.clone() {
            self.session.adopt_training(trained, epochs)?;
        }
        self.report(&Event::FinetuneEnded { stopped });
        // Stop has ended training, not the measurement that follows.
        self.signals.stop.set(false);
        let measured = self.session.measure_policy(&request.policy, Subset::default(), request.limit);
        let measurement = measured.await?;
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
            self.session.breathe().await?;
        }
        let (stored, _) = Augmentation::usual(side);
        let listing = self.session.listing()?;
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
        let side = preprocess.side;
        let give = |pixels: Vec<u8>, target: usize| {
            let (targets, bulk) = (vec![target as u16], Array::of1(&wire::buffer(&pixels)));
            trainer.tell(&TrainOrder::Keep { part, side, targets }, &bulk);
        };
        self.session.decode(items, preprocess, give).await.map(drop)
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
        let (network, images) = (self.session.weights()?.summary.clone(), self.training_digest(request)?);
        let source = self.session.listing()?.source.clone();
        let mut stored =
            Stored { network, source, images, start: started, checkpoint, end: None, trained: None };
        // From its first moment on: what the page shows as running is there after a reload.
        self.keep(&stored).await;
        self.session.executor.begun.set(true);
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
                            self.progress(Task::Finetune, done, total);
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
                    let epoch = |point: Option<&Point>| point.map_or(0, |point| point.epoch);
                    let epochs = Epochs { kept: epoch(Point::best(curve)), run: epoch(curve.last()) };
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
        let stored = self.session.executor.trainings.write(stored).await;
        self.session.executor.report_stored(Task::Finetune, stored).await;
    }

    fn training_digest(&self, request: &FinetuneRequest) -> Result<[u8; 32], End> {
        let listing = self.session.listing()?;
        let train = listing.limited_train(request.images);
        Ok(digest(listing.calibration.iter().chain(&train).chain(&listing.reward)))
    }
}
