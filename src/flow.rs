//! The application without a screen: what a person can ask for, and what is reported back.
//!
//! The page sends [`Command`]s to its worker and draws the [`Event`]s that come back; the command line calls the
//! same steps directly. Files and packages travel beside the messages, never inside them.

mod fingerprint;
mod given;
mod images;
mod inputs;
mod messages;
mod package;
mod preprocessing_check;
mod provenance;
mod table;
mod tally;

pub use crate::export::{ExportError, PackageName};
pub use crate::import::{Origin as SettingOrigin, Setting, SettingKind, channels};
pub use given::GivenSettings;
pub use images::{CALIBRATION, Item, Listing, ResizeError};
pub use inputs::{ClassRow, Inputs, PassedOverRow, SourceRow};
pub use messages::{
    ClassSummary, Command, Event, FinetuneEnd, FinetuneFound, FinetuneRequest, FinetuneStart, ImagesSummary,
    Measurement, NetworkSummary, RunId, SearchEnd, SearchFound, SearchRequest, SearchResult, SearchStart,
    Task,
};
pub use package::{Artefact, Package, default_name};
pub use preprocessing_check::{Choice, PreprocessingCheck, PreprocessingVerdict};
pub use provenance::{Origin, Provenance};
pub use table::Table;
pub use tally::Tally;
