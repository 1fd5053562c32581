//! The worker that owns the flow: carries out the page's commands one after the other.

mod finetune;
mod measure;
mod prepare;
mod search;
mod settings;

use super::files;
use super::keep::Keep;
use super::pool::{self, Answer, Member, Order, Set};
use super::wire;
use crate::calibrate::Calibration;
use crate::data::{Archive, Source, Sources};
use crate::flow::{
    Artefact, Command, Event, GivenSettings, Inputs, Item, Listing, NetworkSummary, Package, PackageName,
    Provenance, RunId, Tally, Task,
};
use crate::import::{ImportOptions, check_size, import};
use crate::link::{HashPrefix, Link};
use crate::net::{Model, Spec};
use crate::quant::{Grids, QuantizedNetwork};
use crate::train::Trained;
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use settings::Opened;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::rc::Rc;
use web_sys::{DedicatedWorkerGlobalScope, File};
use web_time::Instant;

/// Why a task ended without a result.
pub(super) enum End {
    /// The user stopped it, or asked for something else.
    Stopped,
    /// It failed, and why.
    Failed(String),
    /// A worker that it needs died; what it has stored holds.
    Died(String),
}

impl<E: std::error::Error> From<E> for End {
    fn from(error: E) -> Self {
        End::Failed(error.to_string())
    }
}

/// Images that cannot be read, each with the reason.
type Unread = Vec<(String, String)>;

/// Images as they came from the user.
struct Images {
    sources: Sources,
    listing: Listing,
    unread: Unread,
}

/// Images decoded for a network of a certain side and classes.
struct Prepared {
    side: usize,
    outputs: Vec<usize>,
    limit: Option<usize>,
    calibration: Vec<Vec<u8>>,
    /// The right output for each calibration image.
    targets: Vec<usize>,
}

/// A network in integers and how well it does.
struct Measured {
    network: QuantizedNetwork,
    tally: Tally,
    /// Epochs of training behind its weights, if any.
    trained: Option<u32>,
}

/// What the worker has loaded and found out so far.
pub struct Runner {
    scope: DedicatedWorkerGlobalScope,
    signals: Signals,
    /// The command that is carried out.
    running: RunId,
    pool: Vec<Member>,
    /// Stored searches, and stored training.
    searches: Keep,
    trainings: Keep,
    /// Why nothing can be stored, if that is so.
    unstored: Option<String>,
    /// Whether the page was told that the running command's state cannot be stored.
    warned: bool,
    /// Whether the running command has stored something to go on with.
    begun: bool,
    model: Option<(Model, NetworkSummary)>,
    /// Quantizers that were trained with the weights, if their file has them.
    grids: Option<Grids>,
    /// How the weights' metadata say that images become squares.
    resize: Option<String>,
    /// Where the weights came from, or a file that was refused.
    opened: Option<Opened>,
    images: Option<Images>,
    prepared: Option<Prepared>,
    calibration: Option<Calibration>,
    measured: Option<Measured>,
    /// What was trained last, and for how many epochs.
    trained: Option<(Trained, u32)>,
    float: Option<Tally>,
    /// Sets of images in the pool besides the evaluation images, and how many there are of each.
    held: Vec<(Set, usize)>,
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
        let pool = Member::spawn_all(&scope, pool::size(&scope))?;
        Ok(Self {
            scope,
            signals,
            running: 0,
            pool,
            searches,
            trainings,
            unstored,
            warned: false,
            begun: false,
            model: None,
            grids: None,
            resize: None,
            opened: None,
            images: None,
            prepared: None,
            calibration: None,
            measured: None,
            trained: None,
            float: None,
            held: Vec::new(),
        })
    }

    /// Tells the page that the worker listens.
    pub fn ready(&self) {
        self.report(&Event::Ready { workers: self.pool.len(), unstored: self.unstored.clone() });
    }

    /// Carries out a command and reports how it ended. If an evaluation worker dies meanwhile, all are started again, and a
    /// search or training goes on from what it has stored.
    pub async fn run(&mut self, run: RunId, mut command: Command, picked: Vec<File>) {
        self.signals.stop.set(false);
        self.running = run;
        (self.warned, self.begun) = (false, false);
        if self.signals.untrain.take() {
            self.trained = None;
            self.measured.take_if(|measured| measured.trained.is_some());
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
        if self.pool.iter().any(Member::died) {
            let workers = self.pool.len().div_ceil(2);
            self.pool.clear();
            self.pool = Member::spawn_all(&self.scope, workers).map_err(|reason| {
                format!("the browser started no evaluation workers: {reason}; reload the page")
            })?;
            self.prepared = None;
            self.held.clear();
            self.ready();
        }
        let message = format!("{cause}. It was started again, and the work goes on.");
        self.report(&Event::Revived { task, message });
        Ok(())
    }

    /// What does the rest of a command that was interrupted.
    fn continuation(&self, command: Command) -> Command {
        match command {
            Command::Search(_) if self.begun => Command::ContinueSearch,
            Command::Finetune { module, .. } if self.begun => Command::ContinueFinetune { module },
            command => command,
        }
    }

    async fn carry_out(&mut self, command: Command, picked: Vec<File>) -> Result<(), End> {
        match command {
            Command::OpenDemo(spec) => self.open_demo(spec).await,
            Command::OpenWeights { name, network, settings } => {
                self.open_weights(&name, network, settings, &picked)
            }
            Command::UseSettings(settings) => self.use_settings(settings).await,
            Command::CheckPreprocessing => self.check_preprocessing().await,
            Command::OpenImages { paths } => self.open_images(picked, &paths),
            Command::Measure { policy, limit } => self.measure(policy, limit).await,
            Command::MeasureFloat { limit } => self.measure_float(limit).await,
            Command::Package { artefact, name, link } => self.package(artefact, name.as_ref(), &link).await,
            Command::Search(request) => self.search(request).await,
            Command::FindSearch => {
                self.find_search().await;
                Ok(())
            }
            Command::ContinueSearch => self.continue_search().await,
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
        let (message, buffers) = wire::encode(&(self.running, event), bulk);
        self.scope.post_message_with_transfer(&message, &buffers).expect("bytes and buffers can be sent");
    }

    fn progress(&self, task: Task, done: usize, total: usize, tally: Option<Tally>) {
        self.report(&Event::Progress { task, done, total, tally });
    }

    /// Lets messages come in.
    ///
    /// # Errors
    /// If one of them ends the task.
    async fn breathe(&self) -> Result<(), End> {
        TimeoutFuture::new(0).await;
        if self.signals.stop.get() { Err(End::Stopped) } else { Ok(()) }
    }

    fn open_weights(
        &mut self,
        name: &str,
        network: Option<Spec>,
        settings: GivenSettings,
        picked: &[File],
    ) -> Result<(), End> {
        let missing = || End::Failed(format!("{name}: no file came along; choose it again"));
        let file = picked.first().ok_or_else(missing)?;
        check_size(file.size() as u64).map_err(|error| End::Failed(format!("{name}: {error}")))?;
        // A file that is refused can be read again with what it lacks.
        self.opened = Some(Opened::File { name: name.into(), network, file: file.clone() });
        let bytes = files::read_all(file)?;
        self.adopt_weights(name, &settings.options(network), &bytes).map_err(|error| match error {
            End::Failed(message) => End::Failed(format!("{name}: {message}")),
            end => end,
        })
    }

    fn adopt_weights(&mut self, source: &str, options: &ImportOptions, bytes: &[u8]) -> Result<(), End> {
        let imported = import(bytes, options)?;
        if let Some(images) = &mut self.images {
            images.listing.adopt_resize(imported.resize.as_deref())?;
        }
        if self.resize != imported.resize {
            // Images were decoded as the weights before want them.
            self.prepared = None;
            self.held.clear();
            self.resize = imported.resize;
        }
        let model = imported.model;
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let policy = imported.grids.as_ref().map(|grids| grids.policy(&model.graph));
        let (spec, source, labels) = (model.spec, source.into(), model.labels.clone());
        let notes = imported.notes.iter().map(ToString::to_string).collect();
        let settings = imported.settings;
        let summary = NetworkSummary { spec, source, labels, sha256, policy, settings, notes };
        self.report(&Event::Network(summary.clone()));
        self.grids = imported.grids;
        self.model = Some((model, summary));
        self.report_inputs();
        self.calibration = None;
        (self.measured, self.trained) = (None, None);
        self.float = None;
        Ok(())
    }

    /// Tells the page what weights and images are, as soon as there are images.
    fn report_inputs(&self) {
        if let Some(Images { sources, listing, unread }) = &self.images {
            let (model, settings) = match &self.model {
                Some((model, summary)) => {
                    (Some(model), summary.settings.iter().map(Provenance::from).collect())
                }
                None => (None, Vec::new()),
            };
            let inputs = Inputs::new(sources, listing, model, &settings, unread);
            self.report(&Event::Inputs(Box::new(inputs)));
        }
    }

    fn open_images(&mut self, picked: Vec<File>, paths: &[String]) -> Result<(), End> {
        let sources = Sources::new(files::open(picked, paths, None)?);
        self.adopt_images(files::source(paths), sources)
    }

    fn adopt_images(&mut self, source: String, mut sources: Sources) -> Result<(), End> {
        let mut listing = Listing::new(source, &mut sources, crate::flow::CALIBRATION)?;
        listing.adopt_resize(self.resize.as_deref())?;
        self.report(&Event::Images(listing.summary()));
        self.images = Some(Images { sources, listing, unread: Vec::new() });
        self.report_inputs();
        self.prepared = None;
        self.held.clear();
        self.calibration = None;
        // What was trained stays: it needs no images.
        self.measured = None;
        self.float = None;
        Ok(())
    }

    async fn open_demo(&mut self, spec: Spec) -> Result<(), End> {
        self.open_demo_weights(spec, GivenSettings::default()).await?;
        if self.images.as_ref().is_some_and(|images| images.listing.source == DEMO_IMAGES) {
            return Ok(());
        }
        let bytes = self.fetch("demo/fashion-mnist.tgz").await?;
        self.breathe().await?;
        let archive = Archive::open(DEMO_IMAGES, std::io::Cursor::new(bytes))?;
        let source = Source { name: DEMO_IMAGES.into(), files: Box::new(archive) };
        self.adopt_images(DEMO_IMAGES.into(), Sources::new(vec![source]))
    }

    async fn open_demo_weights(&mut self, spec: Spec, settings: GivenSettings) -> Result<(), End> {
        let weights = self.fetch(&format!("demo/{spec}.safetensors")).await?;
        // Other weights may have been opened meanwhile.
        self.breathe().await?;
        self.opened = Some(Opened::Demo(spec));
        self.adopt_weights(&spec.to_string(), &settings.options(Some(spec)), &weights)
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

    /// Whether what was stored, a search or training, is of the network and the images that are loaded.
    fn check_stored(
        &self,
        what: &str,
        network: &NetworkSummary,
        images: &str,
        same_images: bool,
    ) -> Result<(), End> {
        let (_, loaded) = self.model.as_ref().ok_or_else(no_network)?;
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let NetworkSummary { spec, source, sha256, .. } = network;
        let values = |summary: &NetworkSummary| -> Vec<String> {
            summary.settings.iter().map(|setting| setting.value.clone()).collect()
        };
        if (&loaded.sha256, loaded.spec, values(loaded)) != (sha256, *spec, values(network)) {
            return Err(End::Failed(format!(
                "the stored {what} is of {spec} from {source}; open that first"
            )));
        }
        if !same_images {
            let found = &listing.source;
            return Err(End::Failed(format!(
                "the stored {what} is on the images of {images}, not of {found}"
            )));
        }
        Ok(())
    }

    /// Says once when the state of the running task can no longer be stored, and when it can again.
    async fn report_stored(&mut self, task: Task, stored: Result<(), String>) {
        if stored.is_err() == self.warned {
            return;
        }
        self.warned = stored.is_err();
        let problem = match stored {
            Ok(()) => None,
            Err(reason) => {
                let other = if task == Task::Finetune { &self.searches } else { &self.trainings };
                let room = match other.size().await {
                    Some(other) => format!("discard {other}, or delete data of other pages of this site"),
                    None => "delete data of other pages of this site".into(),
                };
                let what = if task == Task::Finetune { "Training" } else { "The search" };
                Some(format!(
                    "{what} is not stored any more: {reason}. It goes on in memory: keep this tab open. To make room, {room}; \
                     as soon as there is room, it is stored again."
                ))
            }
        };
        self.report(&Event::Stored { task, problem });
    }

    async fn package(
        &mut self,
        artefact: Artefact,
        name: Option<&PackageName>,
        link: &str,
    ) -> Result<(), End> {
        let link: Link = link.parse()?;
        self.recall().await?;
        let unmeasured =
            || End::Failed("this policy was not measured with these weights; measure it first".into());
        let Measured { network, tally, trained } = self.measured.as_ref().ok_or_else(unmeasured)?;
        if (network.spec, &network.policy) != (link.spec, &link.policy) {
            return Err(unmeasured());
        }
        let (_, summary) = self.model.as_ref().ok_or_else(no_network)?;
        let images = self.images.as_ref().ok_or_else(no_images)?;
        let prepared = self.prepared.as_ref().ok_or_else(no_images)?;
        // The package names what it is made of, whatever the link was made for.
        let link = Link {
            weights: HashPrefix::of(&summary.sha256),
            images: HashPrefix::of(&images.listing.sha256),
            ..link
        };
        let package = Package {
            name,
            link: &link,
            weights_sha256: &summary.sha256,
            images: &images.listing.source,
            integers: *tally,
            trained: *trained,
            float: self.float,
            calibration: &prepared.calibration,
            targets: &prepared.targets,
        };
        let bytes = package.artefact(network, artefact)?;
        let name = artefact.file_name(&package.name());
        self.send(&Event::Packaged { name }, &Array::of1(&wire::buffer(&bytes).into()));
        Ok(())
    }
}

/// SHA-256 of the paths of images.
fn digest<'a>(items: impl Iterator<Item = &'a Item>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for item in items {
        digest.update(item.path.as_bytes());
        digest.update([0]);
    }
    digest.finalize().into()
}

/// What the built-in images are called.
const DEMO_IMAGES: &str = "Fashion-MNIST (built in)";

fn no_network() -> End {
    End::Failed("there is no network yet; open the demo or a weights file".into())
}

fn no_images() -> End {
    End::Failed("there are no images yet; open the demo, a folder or an archive".into())
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
        Command::OpenDemo(_) | Command::OpenWeights { .. } | Command::UseSettings(_) | Command::Stop(_) => {
            Task::Weights
        }
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
