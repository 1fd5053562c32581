//! Training in the page: a worker of its own takes the steps, the browser stores the state, and what comes out is measured
//! in integers.

use super::super::trainer_port::TrainerPort;
use super::super::training::TrainOrder;
use super::{End, Runner, wire};
use crate::flow::session::{TrainingEnd, TrainingPlan};
use crate::flow::{
    Course, Epochs, Event, FinetuneEnd, FinetuneFound, FinetuneRequest, FinetuneStart, Key, NetworkSummary,
    Part, Pixels, Session, Subset, Task, TrainNews, TrainTask, TrainingBackend, Wish,
};
use crate::train::{Augmentation, Trained};
use crate::web::pool::Pool;
use js_sys::Array;
use serde::{Deserialize, Serialize};
use web_sys::DedicatedWorkerGlobalScope;

/// Training as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    network: NetworkSummary,
    /// Where the images came from.
    source: String,
    /// See [`Course::of`].
    of: Key,
    start: FinetuneStart,
    /// See [`Course::checkpoint`].
    checkpoint: Option<Vec<u8>>,
    /// How it ended, if it has.
    end: Option<FinetuneEnd>,
    /// The trained network then, and its epochs.
    trained: Option<(Trained, Epochs)>,
}

impl Stored {
    /// Training that has not ended.
    fn new(session: &Session<Pool>, request: &FinetuneRequest, course: &Course) -> Result<Self, End> {
        Ok(Self {
            network: session.weights()?.summary.clone(),
            source: session.listing()?.source.clone(),
            of: course.of,
            start: begun(request, course),
            checkpoint: course.checkpoint.clone(),
            end: None,
            trained: None,
        })
    }
}

/// How training has begun, with the curves so far.
fn begun(request: &FinetuneRequest, course: &Course) -> FinetuneStart {
    let Course { images, device, curve, .. } = course.clone();
    FinetuneStart { request: request.clone(), device, images, curve }
}

/// A worker that trains, and what is stored of it.
struct InWorker<'a> {
    scope: &'a DedicatedWorkerGlobalScope,
    /// Address of the module that trains.
    module: &'a str,
    request: &'a FinetuneRequest,
    /// What is stored and shall be gone on with, if anything shall.
    stored: Option<Stored>,
    port: Option<TrainerPort>,
    /// What the worker was told last.
    wish: Wish,
}

impl InWorker<'_> {
    fn port(&mut self) -> Result<&mut TrainerPort, End> {
        self.port.as_mut().ok_or_else(|| End::Failed("the worker that trains was ended; start again".into()))
    }

    fn tell(&mut self, order: &TrainOrder, bulk: &Array) -> Result<(), End> {
        self.port()?.tell(order, bulk);
        Ok(())
    }
}

impl TrainingBackend<Pool> for InWorker<'_> {
    async fn open(&mut self, session: &Session<Pool>) -> Result<(), End> {
        let mut port = TrainerPort::spawn(self.scope, self.module).map_err(End::Failed)?;
        // If it does not load, images need not be decoded.
        while !port.listens().await.map_err(End::Failed)? {
            session.breathe().await?;
        }
        self.port = Some(port);
        Ok(())
    }

    fn give(&mut self, part: Part, side: usize, pixels: Pixels, output: usize) -> Result<(), End> {
        let order = TrainOrder::Keep { part, side, targets: vec![output as u16] };
        self.tell(&order, &Array::of1(&wire::buffer(&pixels)))
    }

    async fn kept(&mut self, of: Key) -> Result<Option<Vec<u8>>, End> {
        match self.stored.take() {
            Some(stored) if stored.of != of => {
                Err(End::Failed(format!("the stored training is on other images of {}", stored.source)))
            }
            stored => Ok(stored.and_then(|stored| stored.checkpoint)),
        }
    }

    async fn start(&mut self, task: TrainTask) -> Result<(), End> {
        self.tell(&TrainOrder::Start(Box::new(task)), &Array::new())
    }

    async fn next(&mut self, wish: Wish) -> Result<Option<TrainNews>, End> {
        if wish != self.wish {
            self.wish = wish;
            let order = match wish {
                Wish::Run => TrainOrder::Resume,
                Wish::Pause => TrainOrder::Pause,
                Wish::Stop => TrainOrder::Stop,
            };
            self.tell(&order, &Array::new())?;
        }
        self.port()?.news().await.map_err(End::Died)
    }

    async fn began(&mut self, session: &Session<Pool>, course: &Course) -> Result<(), End> {
        // From its first moment on: what the page shows as running is there after a reload.
        self.keep(session, course).await?;
        session.executor.begun.set(true);
        let start = begun(self.request, course);
        session.executor.send(&Event::FinetuneStarted(Box::new(start)), &Array::new());
        Ok(())
    }

    async fn keep(&mut self, session: &Session<Pool>, course: &Course) -> Result<(), End> {
        keep(session, &Stored::new(session, self.request, course)?).await;
        Ok(())
    }

    fn close(&mut self) {
        self.port = None;
    }
}

/// Keeps a state. A browser that cannot store it is no reason to end training.
async fn keep(session: &Session<Pool>, stored: &Stored) {
    let written = session.executor.trainings.write(stored).await;
    session.executor.report_stored(Task::Finetune, written).await;
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
        let stored = match self.stored_training().await {
            Ok(Some(stored)) => stored,
            Err(End::Failed(message)) => {
                return self.report(&Event::Failed { task: Task::Finetune, message });
            }
            _ => return,
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
        let stored = self.stored_training().await?.ok_or_else(nothing)?;
        self.session.check_stored("training", &stored.network, &stored.source)?;
        self.train(stored.start.request.clone(), module, Some(stored)).await
    }

    /// The weights that were trained last, as a file.
    pub(super) async fn save_trained(&mut self) -> Result<(), End> {
        self.recall().await?;
        let kept = match self.session.training() {
            Some(training) => Some(training.trained.clone()),
            // Of other weights than those that are loaded.
            None => {
                self.stored_training().await?.and_then(|stored| stored.trained).map(|(trained, _)| trained)
            }
        };
        let nothing = || End::Failed("nothing was trained yet; train first".into());
        let Trained { model, grids } = kept.ok_or_else(nothing)?;
        let bytes = crate::import::save(&model, grids.as_ref())?;
        let name = format!("{}-trained.safetensors", model.network);
        self.send(&Event::Packaged { name }, &Array::of1(&wire::buffer(&bytes).into()));
        Ok(())
    }

    /// Takes up what was trained from the loaded weights before the page was loaded again.
    pub(super) async fn recall(&mut self) -> Result<(), End> {
        let Ok(weights) = self.session.weights() else { return Ok(()) };
        if self.session.training().is_some() {
            return Ok(());
        }
        // What cannot be read was named when the page was opened.
        let Ok(Some(stored)) = self.stored_training().await else { return Ok(()) };
        if let Some((trained, epochs)) = stored.trained
            && stored.network.key == weights.summary.key
        {
            self.session.adopt_training(trained, epochs)?;
        }
        Ok(())
    }

    /// The same, and what was measured then: a package may be made of it.
    pub(super) async fn recall_measured(&mut self) -> Result<(), End> {
        self.recall().await?;
        if self.session.is_measured() || self.session.listing().is_err() {
            return Ok(());
        }
        let (Ok(weights), Ok(Some(stored))) = (self.session.weights(), self.stored_training().await) else {
            return Ok(());
        };
        let limit = stored.start.request.limit;
        if let Some(measurement) = stored.end.and_then(|end| end.measurement)
            && stored.network.key == weights.summary.key
        {
            self.session.restore(&measurement.policy, measurement.figure, limit).await?;
        }
        Ok(())
    }

    async fn stored_training(&self) -> Result<Option<Stored>, End> {
        self.session.executor.trainings.read().await.map_err(End::Failed)
    }

    async fn train(
        &mut self,
        request: FinetuneRequest,
        module: &str,
        stored: Option<Stored>,
    ) -> Result<(), End> {
        let start = self.session.quantize(&request.policy).await?.start.clone();
        let (side, _) = Augmentation::usual(start.model.network.side());
        let (recipe, device, images) = (request.recipe.clone(), request.device, request.images);
        let plan = TrainingPlan { start, recipe, device, images, stored: side };
        let (scope, wish) = (self.scope.clone(), Wish::default());
        let mut worker = InWorker { scope: &scope, module, request: &request, stored, port: None, wish };
        let TrainingEnd { trained, epochs, course, stopped } = self.session.train(plan, &mut worker).await?;
        let mut stored = Stored {
            end: Some(FinetuneEnd { stopped, measurement: None }),
            trained: Some((trained.clone(), epochs)),
            ..Stored::new(&self.session, &request, &course)?
        };
        keep(&self.session, &stored).await;
        self.session.adopt_training(trained, epochs)?;
        self.report(&Event::FinetuneEnded { stopped });
        // Stop has ended training, not the measurement that follows.
        self.signals.stop.set(false);
        let measured = self.session.measure_policy(&request.policy, Subset::default(), request.limit);
        let measurement = measured.await?;
        stored.end = Some(FinetuneEnd { stopped, measurement: Some(measurement.clone()) });
        keep(&self.session, &stored).await;
        self.report(&Event::Measured(measurement));
        Ok(())
    }
}
