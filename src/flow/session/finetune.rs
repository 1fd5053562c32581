//! Training: whoever takes the steps, images, checkpoints, holding, stopping and what comes out are the same.

use super::{End, Event, Executor, Key, Session, Set};
use crate::flow::{Course, Epochs, Listing, Part, Task, TrainNews, TrainTask, TrainingBackend, Wish};
use crate::train::{DeviceChoice, Point, Recipe, Report, Trained, Turn};

/// What to train, and how.
#[derive(Clone, Debug)]
pub struct TrainingPlan {
    /// What to begin with; without quantizers it trains in real numbers.
    pub start: Trained,
    /// How to train.
    pub recipe: Recipe,
    /// Where.
    pub device: DeviceChoice,
    /// At most this many training images; all if `None`.
    pub images: Option<usize>,
    /// Side of the stored training images in pixels, of which random crops are taken.
    pub stored: usize,
}

/// What has come of training.
#[derive(Clone, Debug)]
pub struct TrainingEnd {
    /// The best network by the reward images, the one that training began with among them; the last without any.
    pub trained: Trained,
    /// The epochs behind it.
    pub epochs: Epochs,
    /// How it went.
    pub course: Course,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

impl<E: Executor> Session<E> {
    /// Trains until the end or until it is stopped: before the first epoch and after each the reward images are
    /// classified, and what has most of them right is kept. The network that is loaded is the one to learn from.
    ///
    /// # Errors
    /// If nothing is loaded, there are more images than the memory for them takes, what is kept is of something else, or
    /// training fails.
    pub async fn train(
        &mut self,
        plan: TrainingPlan,
        backend: &mut impl TrainingBackend<E>,
    ) -> Result<TrainingEnd, End> {
        self.executor.resume();
        let listing = self.listing()?;
        let weights = self.weights()?;
        self.check_training_room(&plan, &listing)?;
        backend.open(self).await?;
        let (of, images) = self.hand_over(&plan, &listing, backend).await?;
        let checkpoint = backend.kept(of).await?;
        let TrainingPlan { start, recipe, device, .. } = plan;
        let teacher = (*weights.model).clone();
        backend.start(TrainTask { start, teacher, recipe, device, checkpoint: checkpoint.clone() }).await?;
        let end = self.follow(of, images, checkpoint, backend).await;
        // Its memory is wanted by what comes next.
        backend.close();
        end
    }

    /// Gives training its images. The key of all that it is of, and the numbers of training and reward images.
    async fn hand_over(
        &mut self,
        plan: &TrainingPlan,
        listing: &Listing,
        backend: &mut impl TrainingBackend<E>,
    ) -> Result<(Key, (usize, usize)), End> {
        let train = listing.limited_train(plan.images);
        let side = self.side()?;
        let mut refused = Ok(());
        let mut give = |part, side, pixels, output| {
            if refused.is_ok() {
                refused = backend.give(part, side, pixels, output);
            }
        };
        let stored = listing.preprocess_training(plan.stored);
        let keep = |pixels, output| give(Part::Train, plan.stored, pixels, output);
        let keys = self.decode(&train, stored, keep).await?.into_iter().flatten().collect::<Vec<_>>();
        // What measures later is there already.
        self.hold(Set::Reward, &listing.reward).await?;
        self.send_set(Set::Reward, |(pixels, output)| give(Part::Reward, side, pixels, output)).await?;
        refused?;
        let teacher = self.weights()?.summary.key;
        let of = Key::of(&(&plan.start, teacher, keys, self.holding.keys(Set::Reward)));
        Ok((of, (train.len(), listing.reward.len())))
    }

    /// Passes on what is told and what is wished, and keeps every epoch, until training ends.
    async fn follow(
        &mut self,
        of: Key,
        images: (usize, usize),
        checkpoint: Option<Vec<u8>>,
        backend: &mut impl TrainingBackend<E>,
    ) -> Result<TrainingEnd, End> {
        let mut wish = Wish::default();
        let mut course = match self.next_news(&mut wish, backend).await? {
            TrainNews::Started { device, curve } => Course { of, images, device, curve, checkpoint },
            _ => return Err(End::Failed("training went on before it began; start it again".into())),
        };
        backend.began(self, &course).await?;
        loop {
            match self.next_news(&mut wish, backend).await? {
                TrainNews::Turn(turn) => self.took_turn(turn, &mut course),
                TrainNews::Checkpoint(bytes) => {
                    course.checkpoint = Some(bytes);
                    backend.keep(self, &course).await?;
                }
                TrainNews::Ended(trained) => {
                    let epoch = |point: Option<&Point>| point.map_or(0, |point| point.epoch);
                    let epochs =
                        Epochs { kept: epoch(Point::best(&course.curve)), run: epoch(course.curve.last()) };
                    let stopped = wish == Wish::Stop;
                    return Ok(TrainingEnd { trained: *trained, epochs, course, stopped });
                }
                TrainNews::Started { .. } | TrainNews::Failed { .. } => {}
            }
        }
    }

    /// Passes on what is wished until there are news; a failure ends training.
    async fn next_news(
        &self,
        wish: &mut Wish,
        backend: &mut impl TrainingBackend<E>,
    ) -> Result<TrainNews, End> {
        loop {
            *wish = self.wish(*wish);
            match backend.next(*wish).await? {
                None => {}
                Some(TrainNews::Failed { message, smaller_batch }) => {
                    if let Some(batch) = smaller_batch {
                        self.executor.report(&Event::FinetuneTooLarge { batch });
                    }
                    return Err(End::Failed(message));
                }
                Some(news) => return Ok(news),
            }
        }
    }

    /// Notes and reports what a turn has brought.
    fn took_turn(&self, turn: Turn, course: &mut Course) {
        match &turn {
            Turn::Report(Report::Progress(progress)) => {
                self.progress(Task::Finetune, progress.step as usize, progress.steps as usize, None);
            }
            Turn::Report(Report::Epoch(point)) => course.curve.push(point.clone()),
            Turn::Moved { epoch, device, .. } => {
                course.curve.retain(|point| point.epoch <= *epoch);
                course.device = device.clone();
            }
            Turn::Report(_) => {}
        }
        self.executor.report(&Event::FinetuneTurn(turn));
    }

    /// What is wished now; that training is held or goes on is told. Nothing undoes a stop.
    fn wish(&self, before: Wish) -> Wish {
        let wish = match before {
            Wish::Stop => Wish::Stop,
            _ if self.executor.stops() => Wish::Stop,
            _ if self.executor.pauses() => Wish::Pause,
            _ => Wish::Run,
        };
        match (before, wish) {
            (Wish::Run, Wish::Pause) => self.executor.report(&Event::Paused(Task::Finetune)),
            (Wish::Pause, Wish::Run) => self.executor.report(&Event::Resumed(Task::Finetune)),
            _ => {}
        }
        wish
    }
}
