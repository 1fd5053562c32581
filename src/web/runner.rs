//! The worker that owns the flow: carries out the page's commands one after the other.

mod finetune;
mod settings;

use super::files;
use super::keep::Keep;
use super::pool::Pool;
use super::wire;
use crate::data::{Archive, Resize, Sources};
use crate::flow::session::Opened as Weights;
use crate::flow::{
    Artefact, CALIBRATION, Command, DEMO_IMAGES, End, Event, Executor, GivenReading, GivenSettings,
    KeptClass, Origin, PackageName, RunId, SearchRequest, Session, Subset, Task,
};
use crate::import::{ImportOptions, check_size, import_files};
use crate::link::{HashPrefix, Link};
use crate::net::Spec;
use crate::quant::Policy;
use js_sys::Array;
use settings::Opened;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::rc::Rc;
use web_sys::{DedicatedWorkerGlobalScope, File};
use web_time::Instant;

/// Under which a search is stored.
const SEARCH: &str = "search";

/// Carries out the page's commands with what the worker has loaded and found out so far.
pub struct Runner {
    scope: DedicatedWorkerGlobalScope,
    signals: Signals,
    session: Session<Pool>,
    /// Where the weights came from, or a file that was refused.
    opened: Option<Opened>,
    /// What the user says of them.
    given: GivenSettings,
    /// The classes that they are specialised to, if there are any.
    kept: Vec<KeptClass>,
    /// Why nothing can be stored, if that is so.
    unstored: Option<String>,
}

/// What those who read the messages tell the running task.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// It shall end.
    pub stop: Rc<Cell<bool>>,
    /// It shall hold, if it is a search or training.
    pub pause: Rc<Cell<bool>>,
    /// What was trained shall be forgotten before the next task.
    pub untrain: Rc<Cell<bool>>,
}

impl Runner {
    /// Starts the pool. `signals` are set by whoever reads the messages.
    ///
    /// # Errors
    /// If the browser starts no workers.
    pub fn new(
        scope: DedicatedWorkerGlobalScope,
        signals: Signals,
        searches: Keep,
        trainings: Keep,
        unstored: Option<String>,
    ) -> Result<Self, String> {
        let pool = Pool::new(scope.clone(), signals.clone(), searches, trainings)?;
        Ok(Self {
            scope,
            signals,
            session: Session::new(pool),
            opened: None,
            given: GivenSettings::default(),
            kept: Vec::new(),
            unstored,
        })
    }

    /// Tells the page that the worker listens.
    pub fn ready(&self) {
        let workers = self.session.executor.shares();
        self.report(&Event::Ready { workers, unstored: self.unstored.clone() });
    }

    /// Carries out a command and reports how it ended. If an evaluation worker dies meanwhile, all are started again, and a
    /// search or training goes on from what it has stored.
    pub async fn run(&mut self, run: RunId, mut command: Command, picked: Vec<File>) {
        self.signals.stop.set(false);
        let pool = &self.session.executor;
        pool.running.set(run);
        pool.warned.set(false);
        pool.begun.set(false);
        if self.signals.untrain.take() {
            self.session.discard_training();
        }
        let task = task_of(&command);
        let mut deaths = Deaths::default();
        let result = loop {
            let result = self.carry_out(command.clone(), picked.clone()).await;
            match result {
                Err(End::Died(cause)) if deaths.may_go_on() => {
                    if let Err(reason) = self.revive(task, &cause) {
                        break Err(End::Failed(reason));
                    }
                    command = self.continuation(command);
                }
                result => break result,
            }
        };
        match result {
            Ok(()) => {}
            Err(End::Stopped) => self.report(&Event::Stopped(task)),
            Err(End::Failed(message) | End::Died(message)) => self.report(&Event::Failed { task, message }),
        }
        // What is kept can go on, or be forgotten.
        match command {
            Command::Search(_) | Command::ContinueSearch => self.find_search().await,
            Command::Finetune { .. } | Command::ContinueFinetune { .. } => self.find_finetune().await,
            _ => {}
        }
    }

    /// Starts the pool again, with half of its workers: most die for want of memory.
    fn revive(&mut self, task: Task, cause: &str) -> Result<(), String> {
        if self.session.executor.died() {
            self.session.executor.revive()?;
            self.session.lost_shares();
            self.ready();
        }
        let message = format!("{cause}. It was started again, and the work goes on.");
        self.report(&Event::Revived { task, message });
        Ok(())
    }

    /// What does the rest of a command that was interrupted.
    fn continuation(&self, command: Command) -> Command {
        // Whether it has stored something to go on with.
        let has_begun = self.session.executor.begun.get();
        match command {
            Command::Search(_) if has_begun => Command::ContinueSearch,
            Command::Finetune { module, .. } if has_begun => Command::ContinueFinetune { module },
            command => command,
        }
    }

    /// Says which search is stored.
    async fn find_search(&self) {
        if let Err(End::Failed(message)) = self.session.find_search(SEARCH).await {
            self.report(&Event::Failed { task: Task::Search, message });
        }
    }

    /// The right to search, which one tab has.
    async fn search(&mut self, request: Option<SearchRequest>) -> Result<(), End> {
        let _turn = self.session.executor.searches.begin().await.map_err(End::Failed)?;
        match request {
            Some(request) => self.session.search(SEARCH, request).await,
            None => self.session.continue_search(SEARCH).await,
        }
    }

    async fn measure(&mut self, policy: &Policy, limit: Option<usize>) -> Result<(), End> {
        self.recall().await?;
        self.session.measure(policy, Subset::default(), limit).await.map(drop)
    }

    async fn carry_out(&mut self, command: Command, picked: Vec<File>) -> Result<(), End> {
        match command {
            Command::OpenDemo(spec) => self.open_demo(spec).await,
            Command::OpenWeights { name, network, settings } => {
                self.kept.clear();
                self.open_weights(&name, network, settings, &picked)
            }
            Command::KeepClasses(classes) => self.keep_classes(classes).await,
            Command::UseSettings(settings) => self.use_settings(settings).await,
            Command::CheckPreprocessing => self.check_preprocessing().await,
            Command::OpenImages { picks, reading } => self.open_images(picked, &picks, &reading),
            Command::Measure { policy, limit } => self.measure(&policy, limit).await,
            Command::MeasureFloat { subset, limit } => {
                self.session.measure_float(subset, limit).await.map(drop)
            }
            Command::Package { artefact, name, link } => self.package(artefact, name.as_ref(), &link).await,
            Command::Search(request) => self.search(Some(request)).await,
            Command::FindSearch => {
                self.find_search().await;
                Ok(())
            }
            Command::ContinueSearch => self.search(None).await,
            Command::Finetune { request, module } => self.finetune(request, &module).await,
            Command::FindFinetune => {
                self.find_finetune().await;
                Ok(())
            }
            Command::ContinueFinetune { module } => self.continue_finetune(&module).await,
            Command::SaveTrained => self.save_trained().await,
            // Those who read the messages deal with them.
            Command::Stop(_) | Command::Pause(_) | Command::Resume(_) | Command::Discard(_) => Ok(()),
        }
    }

    fn report(&self, event: &Event) {
        self.send(event, &Array::new());
    }

    fn send(&self, event: &Event, bulk: &Array) {
        self.session.executor.send(event, bulk);
    }

    fn open_weights(
        &mut self,
        name: &str,
        network: Option<Spec>,
        settings: GivenSettings,
        picked: &[File],
    ) -> Result<(), End> {
        if picked.is_empty() {
            return Err(End::Failed(format!("{name}: no file came along; choose it again")));
        }
        for file in picked {
            let failed = |error| End::Failed(format!("{}: {error}", file.name()));
            check_size(file.size() as u64).map_err(failed)?;
        }
        // A file that is refused can be read again with what it lacks.
        self.opened = Some(Opened::File { name: name.into(), network, files: picked.to_vec() });
        self.given = settings;
        let bytes = picked.iter().map(files::read_all).collect::<Result<Vec<_>, _>>()?;
        self.adopt_weights(name, &settings.options(network), &bytes).map_err(|error| match error {
            End::Failed(message) => End::Failed(format!("{name}: {message}")),
            end => end,
        })
    }

    fn adopt_weights(&mut self, source: &str, options: &ImportOptions, files: &[Vec<u8>]) -> Result<(), End> {
        let (mut imported, holder) = import_files(files, options)?;
        if !self.kept.is_empty() {
            imported = imported.keep_classes(&self.kept)?;
        }
        let sha256 = Sha256::digest(&files[holder]).iter().map(|byte| format!("{byte:02x}")).collect();
        self.session.adopt_weights(Weights::new(imported, source.into(), sha256))
    }

    /// Opens what was picked in the place of the images before, which stay if that cannot be.
    fn open_images(
        &mut self,
        picked: Vec<File>,
        picks: &[Vec<String>],
        reading: &GivenReading,
    ) -> Result<(), End> {
        let (mut picked, mut sources) = (picked.into_iter(), Vec::new());
        for paths in picks {
            let files = picked.by_ref().take(paths.len()).collect();
            sources.extend(files::open(files, paths, reading.names)?);
        }
        let resize = reading.resize.map(|resize| (resize, Origin::Given, "the page".to_owned()));
        self.adopt_images(files::picked_name(&picks.concat()), Sources::new(sources), resize)
    }

    fn adopt_images(
        &mut self,
        source: String,
        sources: Sources,
        resize: Option<(Resize, Origin, String)>,
    ) -> Result<(), End> {
        let former = std::mem::replace(&mut self.session.resize, resize);
        let adopted = self.session.adopt_images(source, sources, CALIBRATION);
        if adopted.is_err() {
            self.session.resize = former;
        }
        adopted
    }

    async fn open_demo(&mut self, spec: Spec) -> Result<(), End> {
        self.kept.clear();
        self.open_demo_weights(spec, GivenSettings::default()).await?;
        if self.session.listing().is_ok_and(|listing| listing.source == DEMO_IMAGES) {
            return Ok(());
        }
        let bytes = self.fetch("demo/fashion-mnist.tgz").await?;
        self.session.breathe().await?;
        let archive = Archive::open(DEMO_IMAGES, std::io::Cursor::new(bytes))?;
        self.adopt_images(DEMO_IMAGES.into(), Sources::one(DEMO_IMAGES, archive), None)
    }

    async fn open_demo_weights(&mut self, spec: Spec, settings: GivenSettings) -> Result<(), End> {
        let weights = self.fetch(&format!("demo/{spec}.safetensors")).await?;
        // Other weights may have been opened meanwhile.
        self.session.breathe().await?;
        (self.opened, self.given) = (Some(Opened::Demo(spec)), settings);
        self.adopt_weights(&spec.to_string(), &settings.options(Some(spec)), &[weights])
    }

    /// A file of the app itself. The worker's name is the address of the page.
    async fn fetch(&self, path: &str) -> Result<Vec<u8>, End> {
        let url = web_sys::Url::new_with_base(path, &self.scope.name())
            .map_err(|error| End::Failed(wire::describe(&error)))?;
        let failed =
            |reason: String| End::Failed(format!("{path} did not load ({reason}); check the connection"));
        let response = gloo::net::http::Request::get(&url.href());
        let response = response.send().await.map_err(|error| failed(error.to_string()))?;
        if !response.ok() {
            return Err(failed(format!("status {}", response.status())));
        }
        response.binary().await.map_err(|error| failed(error.to_string()))
    }

    async fn package(
        &mut self,
        artefact: Artefact,
        name: Option<&PackageName>,
        link: &str,
    ) -> Result<(), End> {
        let link: Link = link.parse()?;
        self.recall_measured().await?;
        // The package names what it is made of, whatever the link was made for.
        let (weights, images) = (self.session.weights()?, self.session.listing()?);
        let (weights, images) = (HashPrefix::of(&weights.summary.sha256), HashPrefix::of(&images.sha256));
        let link = Link { weights, images, ..link };
        let (name, bytes) = self.session.package(artefact, name, &link)?;
        self.send(&Event::Packaged { name }, &Array::of1(&wire::buffer(&bytes).into()));
        Ok(())
    }
}

/// How often workers died of late.
#[derive(Default)]
struct Deaths {
    last: Option<Instant>,
    count: usize,
}

impl Deaths {
    /// So many deaths, each soon after the other, and it is given up.
    const MOST: usize = 3;
    /// What died so many seconds after its predecessor has got on meanwhile.
    const SOON: f64 = 60.0;

    /// Notes one; whether to try once more.
    fn may_go_on(&mut self) -> bool {
        let is_soon = self.last.is_some_and(|last| last.elapsed().as_secs_f64() < Self::SOON);
        self.count = if is_soon { self.count + 1 } else { 1 };
        self.last = Some(Instant::now());
        self.count < Self::MOST
    }
}

/// What a command is reported as.
pub fn task_of(command: &Command) -> Task {
    match command {
        Command::OpenDemo(_)
        | Command::OpenWeights { .. }
        | Command::UseSettings(_)
        | Command::KeepClasses(_)
        | Command::Stop(_) => Task::Weights,
        Command::CheckPreprocessing => Task::CheckPreprocessing,
        Command::OpenImages { .. } => Task::Images,
        Command::Measure { .. } => Task::Evaluate,
        Command::MeasureFloat { .. } => Task::EvaluateFloat,
        Command::Package { .. } | Command::SaveTrained => Task::Package,
        Command::Search(_)
        | Command::ContinueSearch
        | Command::FindSearch
        | Command::Pause(_)
        | Command::Resume(_) => Task::Search,
        Command::Discard(task) => *task,
        Command::Finetune { .. } | Command::FindFinetune | Command::ContinueFinetune { .. } => Task::Finetune,
    }
}
