//! Weights and images from disk, and the threads that carry out a session's steps, with progress bars.

use super::arguments::{ImageArguments, Inputs, PaddingName};
use super::progress::Progress as Bar;
use super::{interrupt, output};
use crate::data::{Archive, Charset, Folder, Limits, Source, Sources};
use crate::flow::session::Opened;
use crate::flow::{
    self, Alone, Answer, Asked, End, Evaluator, Event, Executor, Order, Origin, Pixels, PreprocessingVerdict,
    Set, Tally, Task,
};
use crate::import::{ImportOptions, RangesFrom, check_size, import_files};
use crate::link::{HashPrefix, Link};
#[cfg(feature = "train")]
use crate::net::Model;
use crate::printable::printable_lines;
use crate::train::{Point, Progress, Report, Turn};
use anyhow::{Context, anyhow, ensure};
use pollster::block_on;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// A session whose steps threads of this program carry out.
pub type Session = flow::Session<Threads>;

/// Images for each thread that are decoded or classified between two reports.
const BATCH: usize = 16;

/// Memory for image files and what decoding makes of them, in bytes: 16 photographs of 10 megapixels, or two of 64.
const DECODING: u64 = 512 << 20;

/// Reads weights and lists images; a link says which network it is where nothing else does.
pub fn open(inputs: &Inputs, link: Option<&Link>) -> anyhow::Result<Session> {
    let Inputs { weights, images, calibration, trained, .. } = inputs;
    let name = || format!("{}", weights.display());
    let network = inputs.network.or(link.and_then(|link| link.network.zoo()));
    let files = read_network(weights, inputs.graph.as_deref())?;
    // The side is the caller's, the number of classes the file's.
    let options = ImportOptions {
        side: inputs.side.or(network.map(|network| network.side)),
        linked_side: link.and_then(|link| u16::try_from(link.network.side()).ok()),
        ranges: calibration.ranges(),
        ..trained.options()?
    };
    let (imported, holder) = import_files(&files, &options).with_context(name)?;
    let found = &imported.model.network;
    let agrees = |expected: &crate::net::Spec| {
        found.zoo().is_some_and(|spec| (spec.family, spec.width) == (expected.family, expected.width))
    };
    if let Some(expected) = network.filter(|expected| !agrees(expected)) {
        return Err(anyhow!("{} holds {found}, not {expected}", weights.display()));
    }
    ensure!(
        options.ranges == RangesFrom::Images || imported.ranges.is_some(),
        "--ranges file: {} holds no ranges of activations, as files with integers do (TensorFlow Lite int8 or uint8, ONNX \
         with QDQ); leave the option out, so that they come from the images",
        weights.display()
    );
    let sha256: String = Sha256::digest(&files[holder]).iter().map(|byte| format!("{byte:02x}")).collect();
    interrupt::listen();
    let mut session = Session::new(Threads::new(images));
    session.settings = calibration.settings();
    open_images(&mut session, images, calibration.images)?;
    done(session.adopt_weights(Opened::new(imported, name(), sha256.clone()))).with_context(name)?;
    if inputs.specialise {
        let kept = done(session.inputs(false))?.kept_classes();
        let kept =
            kept.context("--specialise: expected images of some of the network's classes and no others")?;
        let imported = import_files(&files, &options)?.0.keep_classes(&kept).with_context(name)?;
        done(session.adopt_weights(Opened::new(imported, name(), sha256))).with_context(name)?;
    }
    say_inputs(&session)?;
    if let Some(link) = link {
        compare(&session, link);
    }
    Ok(session)
}

/// The bytes of a network's file, and of its description if there is one.
pub fn read_network(weights: &Path, graph: Option<&Path>) -> anyhow::Result<Vec<Vec<u8>>> {
    let read = |path: &Path| {
        let name = || path.display().to_string();
        check_size(fs::metadata(path).with_context(name)?.len()).with_context(name)?;
        fs::read(path).with_context(name)
    };
    std::iter::once(weights).chain(graph).map(read).collect()
}

/// Says what weights and images were found to be.
fn say_inputs(session: &Session) -> anyhow::Result<()> {
    eprintln!("{}", printable_lines(&done(session.inputs(true))?.text()));
    Ok(())
}

/// Tries what was assumed of the weights on calibration images, and says whether something else does clearly better.
pub fn check_preprocessing(session: &mut Session) -> anyhow::Result<()> {
    if let Some(verdict) = run(session.check_preprocessing())? {
        eprintln!("note: {}{}", verdict.sentence(), options_for(&verdict));
    }
    Ok(())
}

/// How the command line is told of a better choice.
fn options_for(verdict: &PreprocessingVerdict) -> String {
    let Some(choice) = verdict.better() else { return String::new() };
    let mut options = String::new();
    if verdict.assumed.0 {
        options += &format!(" --preprocessing '{}'", choice.normalization);
    }
    if let Some(padding) = choice.padding.filter(|_| verdict.assumed.1) {
        options += &format!(" --padding {}", PaddingName::from(padding));
    }
    format!("; try{options}")
}

/// Says so if a link is of other weights or images than those that are loaded.
fn compare(session: &Session, link: &Link) {
    let (weights, images) = hashes(session);
    for (what, of_link, found) in [("weights", link.weights, weights), ("images", link.images, images)] {
        if let (Some(expected), Some(found)) = (of_link, found)
            && expected != found
        {
            eprintln!(
                "note: the link is of other {what}: SHA-256 {expected}... in the link, {found}... here"
            );
        }
    }
}

/// What tells weights and images apart in a link.
pub fn hashes(session: &Session) -> (Option<HashPrefix>, Option<HashPrefix>) {
    let weights = session.weights().ok().and_then(|weights| HashPrefix::of(&weights.summary.sha256));
    (weights, session.listing().ok().and_then(|listing| HashPrefix::of(&listing.sha256)))
}

/// A session for a model that comes from no file; its labels become those of the images.
#[cfg(feature = "train")]
pub fn with_model(model: &mut Model, images: &ImageArguments) -> anyhow::Result<Session> {
    interrupt::listen();
    let mut session = Session::new(Threads::new(images));
    open_images(&mut session, images, 0)?;
    let classes = &done(session.listing())?.dataset.classes;
    model.labels = Some(classes.iter().map(|class| class.folder.clone()).collect());
    adopt_model(&mut session, model.clone())?;
    say_inputs(&session)?;
    Ok(session)
}

/// Takes a model that comes from no file.
#[cfg(feature = "train")]
pub fn adopt_model(session: &mut Session, model: Model) -> anyhow::Result<()> {
    done(session.adopt_weights(Opened::of_model(model)))
}

fn open_images(session: &mut Session, images: &ImageArguments, calibration: usize) -> anyhow::Result<()> {
    let open = |path: &PathBuf| open_source(path, images.names);
    let mut opened: Vec<Source> = images.images.iter().map(open).collect::<Result<_, _>>()?;
    let source = opened.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
    for path in &images.labels {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        opened.push(Source { name, files: Box::new(Folder::file(path)?) });
    }
    if let Some(resize) = images.resize {
        session.resize = Some((resize, Origin::Given, "--resize".into()));
    }
    done(session.adopt_images(source, Sources::new(opened), calibration))?;
    let dataset = &done(session.listing())?.dataset;
    for path in &images.labels {
        // What is given is used or refused.
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        ensure!(
            dataset.labels.iter().any(|file| file.path == name),
            "{}: expected names or numbers of images in no class folder with their labels, found none of the {} \
             images without a class",
            path.display(),
            dataset.unlabelled()
        );
    }
    Ok(())
}

/// Opens a folder or an archive under the last part of its path.
fn open_source(path: &Path, names: Option<Charset>) -> anyhow::Result<Source> {
    // `.` and `photos/..` have no name of their own.
    let whole = if path.file_name().is_none() { path.canonicalize().ok() } else { None };
    let whole = whole.as_deref().unwrap_or(path);
    let name = whole.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if path.is_dir() {
        return Ok(Source { name, files: Box::new(Folder::open(path, names)?) });
    }
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let shown = path.display().to_string();
    let archive = Archive::open_as(&shown, BufReader::new(file), Limits::default(), names)?;
    Ok(Source { name, files: Box::new(archive) })
}

/// Runs a step to its end.
pub fn run<T>(step: impl Future<Output = Result<T, End>>) -> anyhow::Result<T> {
    done(block_on(step))
}

/// What a step has ended with.
pub fn done<T>(result: Result<T, End>) -> anyhow::Result<T> {
    result.map_err(|end| match end {
        End::Stopped => anyhow!("stopped"),
        End::Failed(reason) | End::Died(reason) => anyhow!(reason),
    })
}

/// The threads of this program: one share, whose evaluator uses them all.
pub struct Threads {
    /// Folder for checkpoints.
    pub checkpoints: Option<PathBuf>,
    /// Memory for what policies have in common, in bytes.
    pub memory: usize,
    /// Memory for decoded images, in bytes.
    image_memory: u64,
    evaluator: RefCell<Evaluator<Alone>>,
    bar: RefCell<Option<(Task, Bar)>>,
}

impl Threads {
    /// With nothing loaded and nothing shown.
    fn new(images: &ImageArguments) -> Self {
        let (evaluator, bar) = (RefCell::default(), RefCell::default());
        Self { checkpoints: None, memory: 0, image_memory: images.memory(), evaluator, bar }
    }

    fn answer(&self, order: Order, bulk: Vec<Pixels>) -> Result<Asked, End> {
        // The only evaluator waits for no other.
        match block_on(self.evaluator.borrow_mut().answer(order, bulk)) {
            (Answer::Refused(reason), _) => Err(End::Failed(reason)),
            answer => Ok(answer),
        }
    }

    /// Work of scoring on the reward images done so far, as a part of the work without anything kept.
    pub fn work_share(&self) -> f64 {
        self.evaluator.borrow().work_share(Set::Reward)
    }

    /// Says something in front of the bar that runs.
    pub fn say(&self, line: &str) {
        let line = printable_lines(line);
        match &*self.bar.borrow() {
            Some((_, bar)) => bar.print(&line),
            None => eprintln!("{line}"),
        }
    }

    /// Says how training goes: steps beside the bar that runs, epochs in front of it.
    fn say_turn(&self, turn: &Turn) {
        match turn {
            Turn::Report(Report::Progress(Progress { loss, speed, .. })) => {
                if let Some((_, bar)) = &*self.bar.borrow() {
                    bar.set_message(format!("loss {loss:.3}, {speed:.0} images/s"));
                }
            }
            Turn::Report(Report::Epoch(Point { epoch, loss, accuracy, measured })) => {
                let measured: Vec<_> = measured.iter().map(|accuracy| format!("{accuracy:.2}")).collect();
                let learned = loss.zip(*accuracy).map_or(String::new(), |(loss, accuracy)| {
                    format!("loss {loss:.4}, training top-1 {accuracy:.2} %, ")
                });
                self.say(&format!("epoch {epoch}: {learned}reward top-1 {} %", measured.join(", ")));
            }
            Turn::Report(_) | Turn::Moved { .. } => {}
        }
    }

    /// Where a checkpoint of a name is kept, if any is.
    pub fn checkpoint(&self, name: &str) -> Option<PathBuf> {
        self.checkpoints.as_ref().map(|folder| folder.join(name))
    }
}

impl Executor for Threads {
    fn shares(&self) -> usize {
        1
    }

    fn batch(&self) -> usize {
        BATCH * rayon::current_num_threads()
    }

    async fn ask(&self, orders: Vec<(Order, Vec<Pixels>)>) -> Result<Vec<Asked>, End> {
        orders.into_iter().map(|(order, bulk)| self.answer(order, bulk)).collect()
    }

    async fn classify(&self, set: Set, counted: impl Fn(Tally) -> bool) -> Result<(), End> {
        let count = self.batch();
        for from in (0..).step_by(count) {
            match self.answer(Order::Classify { set, from, count }, Vec::new())? {
                (Answer::Classified(tally), _) if tally.images > 0 && counted(tally) => {}
                _ => break,
            }
        }
        Ok(())
    }

    fn report(&self, event: &Event) {
        if let Event::FinetuneTurn(turn) = event {
            return self.say_turn(turn);
        }
        let Event::Progress { task, done, total, .. } = event else { return };
        let mut bar = self.bar.borrow_mut();
        if bar.as_ref().is_some_and(|(shown, _)| shown != task)
            && let Some((_, former)) = bar.take()
        {
            former.finish();
        }
        let (_, shown) = bar.get_or_insert_with(|| (*task, Bar::from(title(*task), *done, *total)));
        shown.set_position(*done as u64);
        if done >= total {
            shown.finish();
            *bar = None;
        }
    }

    fn note(&self, text: &str) {
        self.say(text);
    }

    async fn breathe(&self) {}

    fn stops(&self) -> bool {
        interrupt::stops()
    }

    fn memory(&self) -> usize {
        self.memory
    }

    fn image_memory(&self) -> u64 {
        self.image_memory
    }

    fn decoding_memory(&self) -> u64 {
        DECODING
    }

    async fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let Some(path) = self.checkpoint(name) else { return Ok(()) };
        output::write(&path, bytes).map_err(|error| format!("{error:#}"))
    }

    async fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(path) = self.checkpoint(name).filter(|path| path.exists()) else { return Ok(None) };
        fs::read(&path).map(Some).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn title(task: Task) -> &'static str {
    match task {
        Task::Weights => "weights",
        Task::Images => "images",
        Task::CheckPreprocessing => "checking preprocessing",
        Task::Calibrate => "calibrating",
        Task::Quantize => "quantizing",
        Task::Evaluate => "integers",
        Task::EvaluateFloat => "float",
        Task::Package => "packing",
        Task::Search => "searching",
        Task::Finetune => "training",
    }
}
