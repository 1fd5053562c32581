//! Training on the processor of this machine.

use super::super::session::{Session, Threads};
use super::place::Place;
use crate::flow::{Course, End, Key, Part, Pixels, TrainNews, TrainTask, TrainingBackend, Wish};
use crate::net::Model;
use crate::quant::Grids;
use crate::train::{self, Checkpoint, Images, Job, Recipe, Report, TrainError, Trained, Turn};
use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

/// Steps between two looks at the loss.
const STEPS: u32 = 10;

/// Trains in this program, and keeps checkpoints in a file if there is one.
pub struct Processor<'a> {
    path: Option<&'a Path>,
    recipe: Recipe,
    place: Option<Place>,
    train: Images,
    reward: Images,
    running: Option<Running>,
    /// What is told next.
    news: VecDeque<TrainNews>,
}

/// Training that runs.
struct Running {
    session: train::Session,
    /// What it began with.
    model: Model,
    grids: Option<Grids>,
}

impl Running {
    async fn best(&mut self) -> Result<Trained, TrainError> {
        self.session.best(&self.model, self.grids.as_ref()).await
    }
}

impl<'a> Processor<'a> {
    /// Nothing given yet. Checkpoints go to the file at `path`.
    pub fn new(path: Option<&'a Path>, recipe: &Recipe) -> Self {
        let (train, reward) = (Images::default(), Images::default());
        let (place, running, news) = (None, None, VecDeque::new());
        Self { path, recipe: recipe.clone(), place, train, reward, running, news }
    }
}

impl TrainingBackend<Threads> for Processor<'_> {
    async fn open(&mut self, _: &Session) -> Result<(), End> {
        Ok(())
    }

    fn give(&mut self, part: Part, side: usize, pixels: Pixels, output: usize) -> Result<(), End> {
        let images = match part {
            Part::Train => &mut self.train,
            Part::Reward => &mut self.reward,
        };
        if images.is_empty() {
            *images = Images::new(side);
        }
        Ok(images.push(pixels, output)?)
    }

    async fn kept(&mut self, of: Key) -> Result<Option<Vec<u8>>, End> {
        let place = self.path.map(|path| Place::new(path, of, &self.recipe)).transpose().map_err(failed)?;
        let kept = place.as_ref().map(Place::read).transpose().map_err(failed)?;
        self.place = place;
        Ok(kept.flatten())
    }

    async fn start(&mut self, task: TrainTask) -> Result<(), End> {
        let TrainTask { start, teacher, recipe, device, checkpoint } = task;
        let Trained { model, grids } = start;
        let (job, state) = Job::new(&model, grids.as_ref(), &teacher, recipe)?;
        let checkpoint = checkpoint.as_deref().map(Checkpoint::from_bytes).transpose()?;
        let (train, reward) = (std::mem::take(&mut self.train), vec![std::mem::take(&mut self.reward)]);
        let mut session =
            train::Session::start(job, &state, device, train.into(), reward, checkpoint, seconds).await?;
        let (device, curve) = (session.device().clone(), session.trainer().curve().to_vec());
        self.news.push_back(TrainNews::Started { device, curve });
        self.running = Some(Running { session, model, grids });
        Ok(())
    }

    async fn next(&mut self, wish: Wish) -> Result<Option<TrainNews>, End> {
        if let Some(news) = self.news.pop_front() {
            return Ok(Some(news));
        }
        let Some(running) = &mut self.running else { return Ok(None) };
        if wish == Wish::Stop {
            return Ok(Some(TrainNews::Ended(running.best().await?.into())));
        }
        let turn = running.session.turn(STEPS).await?;
        match &turn {
            Turn::Report(Report::Epoch(_)) => {
                self.news.push_back(TrainNews::Checkpoint(running.session.checkpoint().to_bytes()?));
            }
            Turn::Report(Report::Finished) => {
                self.news.push_back(TrainNews::Ended(running.best().await?.into()));
            }
            _ => {}
        }
        Ok(Some(TrainNews::Turn(turn)))
    }

    async fn began(&mut self, _: &Session, _: &Course) -> Result<(), End> {
        Ok(())
    }

    async fn keep(&mut self, _: &Session, course: &Course) -> Result<(), End> {
        match (&mut self.place, &course.checkpoint) {
            (Some(place), Some(checkpoint)) => place.write(checkpoint).map_err(failed),
            _ => Ok(()),
        }
    }

    fn close(&mut self) {
        self.running = None;
    }
}

fn failed(error: anyhow::Error) -> End {
    End::Failed(format!("{error:#}"))
}

/// Seconds since the first call.
fn seconds() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}
