//! The application without a screen: what a person can ask for, and what is reported back.
//!
//! A [`Session`] holds what is loaded and found out, and knows the steps; an [`Executor`] carries them out: workers in the
//! page, threads on the command line. The page sends [`Command`]s to its worker and draws the [`Event`]s that come back;
//! the command line calls the same steps directly. Files and packages travel beside the messages, never inside them.

mod evaluator;
mod executor;
mod figure;
mod fingerprint;
mod given;
mod image_memory;
mod images;
mod inputs;
mod key;
mod messages;
mod order;
mod package;
mod preprocessing_check;
mod provenance;
pub mod session;
mod table;
mod tally;
mod training;

pub use crate::export::{ExportError, PackageName};
pub use crate::import::{
    Format, KeptClass, Naming, Origin as SettingOrigin, RangesFrom, Remark, Setting, SettingKind, channels,
};
pub use evaluator::{Alone, Evaluator, Labelled, Peers};
pub use executor::{Asked, End, Executor, Pixels};
pub use figure::{Epochs, Figure, ImagesUsed, Subset};
pub use given::{GivenReading, GivenSettings};
pub use image_memory::{ImageMemory, ImageMemoryRow, TooManyImages, images_in, mebibytes, pixel_bytes};
pub use images::{CALIBRATION, DEMO_IMAGES, Item, Listing, ResizeError};
pub use inputs::{ClassRow, Inputs, PassedOverRow, SourceRow};
pub use key::{Key, Slot};
pub use messages::{
    ClassSummary, Command, Event, FinetuneEnd, FinetuneFound, FinetuneRequest, FinetuneStart, ImagesSummary,
    Measurement, NetworkSummary, RunId, SearchEnd, SearchFound, SearchRequest, SearchResult, SearchStart,
    Task,
};
pub use order::{Answer, Numbered, Order, Scorer, Set};
pub use package::{Artefact, Package, default_name};
pub use preprocessing_check::{Choice, PreprocessingCheck, PreprocessingVerdict};
pub use provenance::{Origin, Provenance};
pub use session::Session;
pub use table::Table;
pub use tally::Tally;
pub use training::{Course, Part, TrainNews, TrainTask, TrainingBackend, Wish};
