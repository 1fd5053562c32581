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

pub use crate::export::{ExportError, PackageName};
pub use crate::import::{Origin as SettingOrigin, Setting, SettingKind, channels};
pub use evaluator::{Alone, Evaluator, Peers};
pub use executor::{Asked, End, Executor};
pub use figure::{Epochs, Figure, ImagesUsed, Subset};
pub use given::{GivenReading, GivenSettings};
pub use images::{CALIBRATION, DEMO_IMAGES, Item, Listing, ResizeError};
pub use inputs::{ClassRow, Inputs, PassedOverRow, SourceRow};
pub use key::{Key, Slot};
pub use messages::{
    ClassSummary, Command, Event, FinetuneEnd, FinetuneFound, FinetuneRequest, FinetuneStart, ImagesSummary,
    Measurement, NetworkSummary, RunId, SearchEnd, SearchFound, SearchRequest, SearchResult, SearchStart,
    Task,
};
pub use order::{Answer, Order, Scorer, Set};
pub use package::{Artefact, Package, default_name};
pub use preprocessing_check::{Choice, PreprocessingCheck, PreprocessingVerdict};
pub use provenance::{Origin, Provenance};
pub use session::Session;
pub use table::Table;
pub use tally::Tally;
