//! What changes the state.

use super::{Area, Plan, Preset, Target, Wish};
use crate::{
    flow::{Command, Event, GivenReading, GivenSettings, RunId},
    net::Network,
    quant::{Bits, Slot},
    search::Episode,
};

/// What the user or the worker did.
#[derive(Clone, Debug)]
pub enum Action {
    /// Another network was chosen; it gets the rule's policy.
    SelectNetwork(Network),
    /// Another device, budget or memory model was chosen; the policy stays.
    SelectTarget(Target),
    /// All widths shall be chosen anew.
    Allocate(Preset),
    /// These tensors shall have this width.
    Set(Vec<Slot>, Bits),
    /// Searches and rules shall leave these tensors as they are, or not any more.
    Pin(Vec<Slot>, bool),
    /// The user wants this of the next search.
    SetWish(Wish),
    /// The user wants this of the next training.
    SetPlan(Plan),
    /// A policy that a search has scored shall be on the screen.
    Adopt(Box<Episode>),
    /// Back to the policy before the last change.
    Undo,
    /// Forth again.
    Redo,
    /// A link was opened: the text after `#`.
    OpenLink(String),
    /// Something was asked of the worker, under a number and at a time in milliseconds.
    Asked(RunId, Command, f64),
    /// The worker died and was started again; what happened, as the screen shows it.
    Revived(String),
    /// Something that was open was asked of the new worker again.
    Reopened(RunId, Command, f64),
    /// Something was refused before it reached the worker.
    Refused(Area, String),
    /// The worker reported, each event about a command and at a time in milliseconds.
    Reported(Vec<(RunId, Event, f64)>),
    /// Measure on at most so many images.
    SetLimit(Option<usize>),
    /// Whether the float network is measured as well.
    SetFloat(bool),
    /// Whether weights are read as the network on the screen, whatever their file says.
    SetForced(bool),
    /// What the user says of weights was changed.
    SetGiven(GivenSettings),
    /// What the user says of images was changed.
    SetReading(GivenReading),
    /// The package was handed to the browser under this name, with so many bytes.
    Saved(String, usize),
}
