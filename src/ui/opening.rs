//! Own images: what is open, and what waits for the user's word on whether it is added or takes the place.

use super::{browser::Picked, state::State};
use crate::flow::{Command, DEMO_IMAGES, GivenReading};
use web_sys::File;
use yew::prelude::*;

/// What shall happen to images that were picked while others are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// They are read beside those.
    Add,
    /// They are read instead of those.
    Replace,
    /// They are not read.
    Leave,
}

/// What the section of images shows of it, and what it can do.
#[derive(Clone, PartialEq)]
pub struct Opening {
    /// What was picked while own images are open.
    pub waiting: Option<Picked>,
    /// Says what shall happen to it.
    pub decide: Callback<Decision>,
    /// Reads what is open again, in another way.
    pub read: Callback<GivenReading>,
}

/// What was picked, one after the other.
#[derive(Default)]
struct Picks {
    /// What is open.
    opened: Vec<Picked>,
    /// What the worker was asked to open.
    asked: Vec<Picked>,
}

/// Opens what is picked: at once if no own images are open, else as the user decides.
#[hook]
pub fn use_opening(
    state: &UseReducerHandle<State>,
    ask: &Callback<(Command, Vec<File>)>,
) -> (Callback<Picked>, Opening) {
    let picks = use_mut_ref(Picks::default);
    let waiting = use_state(|| None::<Picked>);
    let latest = use_mut_ref(|| state.reading);
    *latest.borrow_mut() = state.reading;
    let images = state.work.images.as_ref().map(|images| (images.key, images.source == DEMO_IMAGES));
    use_effect_with(images, {
        let picks = picks.clone();
        move |images| {
            let mut picks = picks.borrow_mut();
            picks.opened = match images {
                Some((_, false)) => picks.asked.clone(),
                _ => Vec::new(),
            };
        }
    });
    let open = use_callback(ask.clone(), {
        let (picks, latest) = (picks.clone(), latest.clone());
        move |picked: Vec<Picked>, ask| {
            picks.borrow_mut().asked.clone_from(&picked);
            let (paths, files): (Vec<_>, Vec<_>) = picked.into_iter().map(|p| (p.paths, p.files)).unzip();
            let reading = *latest.borrow();
            ask.emit((Command::OpenImages { picks: paths, reading }, files.concat()));
        }
    });
    let pick = use_callback(open.clone(), {
        let (picks, waiting) = (picks.clone(), waiting.setter());
        move |picked: Picked, open| {
            if picks.borrow().opened.is_empty() {
                open.emit(vec![picked]);
            } else {
                waiting.set(Some(picked));
            }
        }
    });
    let decide = use_callback((open.clone(), (*waiting).clone()), {
        let (picks, waiting) = (picks.clone(), waiting.setter());
        move |decision, (open, picked)| {
            waiting.set(None);
            let Some(picked) = picked.clone() else { return };
            match decision {
                Decision::Add => {
                    let opened = picks.borrow().opened.clone();
                    open.emit(opened.into_iter().chain([picked]).collect());
                }
                Decision::Replace => open.emit(vec![picked]),
                Decision::Leave => {}
            }
        }
    });
    let read = use_callback(open, move |reading, open| {
        *latest.borrow_mut() = reading;
        let opened = picks.borrow().opened.clone();
        if !opened.is_empty() {
            open.emit(opened);
        }
    });
    (pick, Opening { waiting: (*waiting).clone(), decide, read })
}
