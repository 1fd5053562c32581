//! The root of the page: holds the state, the worker, the address and the keys, and lays out the sections.

use super::{
    browser,
    components::{Header, Help, Lead, Patterns, help},
    line::Line,
    opening::use_opening,
    sections::{
        Controls, DeviceSection, FinetuneSection, ImagesSection, NetworkSection, PolicySection, ReadAs,
        ResultSection, SearchSection, ShareSection,
    },
    state::{Action, Area, DEMOS, Preset, State},
};
use crate::{flow::Command, link::Link, web::trainer_module};
use gloo::events::{EventListener, EventListenerOptions};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, File, KeyboardEvent};
use yew::prelude::*;

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

/// The page.
#[component]
pub fn App() -> Html {
    let state = use_reducer(State::default);
    let package = use_state(|| None::<AttrValue>);
    let dialog = use_node_ref();
    let act = use_callback(state.dispatcher(), |action: Action, dispatcher| dispatcher.dispatch(action));
    let ask = use_worker(&act, &package);
    let link = use_link(&state, &act);
    let ask = use_guard(&state, &ask);
    use_leaving(&state);
    use_demo(&ask);
    use_float(&state, &ask);
    use_check(&state, &ask);
    use_stored(&state, &ask);
    use_revival(&state, &ask);

    let measure = {
        let (state, ask) = (state.clone(), ask.clone());
        Callback::from(move |()| {
            if state.why_not_measure_now().is_none() {
                let policy = (**state.design.policy()).clone();
                ask.emit((Command::Measure { policy, limit: state.limit }, Vec::new()));
            }
        })
    };
    use_keys(&act, &state, &ask, &measure, &dialog);
    let (pick, opening) = use_opening(&state, &ask);
    let controls = Controls { act, ask, pick };
    let dragged = use_whole_page_drop(&state, &controls);
    let design = &state.design;
    // The policy is drawn anew when it changes, not with every episode of a search; what is asked then is answered from
    // the newest state.
    let latest = use_mut_ref(|| state.clone());
    *latest.borrow_mut() = state.clone();
    let why = use_callback((), move |layer, ()| latest.borrow().why(layer));
    html! {
        <>
            <Header design={design.clone()} trial={state.trial().cloned()} why_not_measure={state.why_not_measure_now()}
                on_measure={measure.reform(|_| ())} on_help={
                    let dialog = dialog.clone();
                    move |_| help::open(&dialog)
                } />
            <div class="sections">
                <Lead design={design.clone()} opened={state.opened} has_weights={state.has_weights()} />
                if let Some(message) = &state.link_error {
                    <p class="error banner" role="alert">{ message }</p>
                }
                if let Some(message) = state.link_notice() {
                    <p class="warning banner" role="status">{ message }</p>
                }
                if let Some(reason) = &state.work.unstored {
                    <p class="warning banner" role="status">
                        { format!("Nothing is stored: {reason}. A search or training runs all the same, but is lost when this \
                                   tab is closed or loaded again.") }
                    </p>
                }
                <NetworkSection design={design.clone()} work={state.work.clone()} forced={state.forced}
                    given={state.given()}
                    controls={controls.clone()} />
                <DeviceSection design={design.clone()} controls={controls.clone()} />
                <ImagesSection work={state.work.clone()} reading={state.reading}
                    {opening} controls={controls.clone()} />
                <PolicySection design={design.clone()} notice={state.notice.clone()} can_undo={state.can_undo()}
                    can_redo={state.can_redo()} pins={state.search.pins.clone()} {why} controls={controls.clone()} />
                <SearchSection state={(*state).clone()} controls={controls.clone()} />
                <FinetuneSection state={(*state).clone()} controls={controls.clone()} />
                <ResultSection state={(*state).clone()} on_measure={measure.reform(|_| ())} controls={controls.clone()} />
                <ShareSection state={(*state).clone()} {link} package={(*package).clone()} {controls} />
            </div>
            <footer>
                { "Nothing is uploaded: weights and images stay on this machine. " }
                <a href="licences.txt">{ "Licences" }</a>
            </footer>
            <div class="whole-page" hidden={!dragged}><p>{ "Drop weights or images anywhere" }</p></div>
            <Help {dialog} />
            <Patterns />
        </>
    }
}

/// Starts the worker; the callback sends it commands.
#[hook]
fn use_worker(
    act: &Callback<Action>,
    package: &UseStateHandle<Option<AttrValue>>,
) -> Callback<(Command, Vec<File>)> {
    let line = use_mut_ref(|| None::<Line>);
    use_effect_with((), {
        let (act, line, package) = (act.clone(), line.clone(), package.setter());
        move |()| {
            let last = RefCell::new(None::<AttrValue>);
            let on_bulk = {
                let act = act.clone();
                move |name: &str, bytes: &js_sys::ArrayBuffer| {
                    if let Some(url) = last.take() {
                        browser::revoke(&url);
                    }
                    if let Some(url) = browser::object_url(bytes, browser::mime(name)).map(AttrValue::from) {
                        browser::save(&url, name);
                        act.emit(Action::Saved(name.to_owned(), bytes.byte_length() as usize));
                        package.set(Some(url.clone()));
                        last.replace(Some(url));
                    }
                }
            };
            *line.borrow_mut() = Some(Line::start(act, on_bulk));
            move || {
                if let Some(line) = line.take() {
                    line.end();
                }
            }
        }
    });
    use_callback((), move |(command, files): (Command, Vec<File>), _| {
        if let Some(line) = &*line.borrow() {
            line.send(command, files);
        }
    })
}

/// After the worker was started again: what ran goes on as soon as it is found and its weights and images are loaded.
#[hook]
fn use_revival(state: &UseReducerHandle<State>, ask: &Callback<(Command, Vec<File>)>) {
    let ask = ask.clone();
    let search = state.goes_on.search && state.search.found.is_some() && state.why_not_continue().is_none();
    let training = state.goes_on.training
        && state.finetune.found.is_some()
        && state.why_not_continue_finetune().is_none();
    use_effect_with((search, training), move |&(search, training)| {
        if search {
            ask.emit((Command::ContinueSearch, Vec::new()));
        }
        if let (true, Ok(module)) = (training, trainer_module()) {
            ask.emit((Command::ContinueFinetune { module }, Vec::new()));
        }
    });
}

/// What is asked of the worker passes here first: what would end a run is confirmed, and storage is asked for when the
/// first run begins.
#[hook]
fn use_guard(
    state: &UseReducerHandle<State>,
    ask: &Callback<(Command, Vec<File>)>,
) -> Callback<(Command, Vec<File>)> {
    let latest = use_mut_ref(|| state.clone());
    *latest.borrow_mut() = state.clone();
    let asked = use_mut_ref(|| false);
    use_callback(ask.clone(), move |(command, files): (Command, Vec<File>), ask| {
        let state = latest.borrow().clone();
        match &command {
            Command::OpenDemo(_)
            | Command::OpenWeights { .. }
            | Command::UseSettings(_)
            | Command::KeepClasses(_)
            | Command::OpenImages { .. } => {
                let runs = [Area::Search, Area::Finetune].map(|area| state.work.running(area).map(|r| r.run));
                if let Some(what) = state.running_run() {
                    let question = format!(
                        "{what} is running on the present weights and images. Stop it and open the others? What it has \
                         found so far is kept."
                    );
                    if !browser::confirm(&question) {
                        return;
                    }
                }
                for run in runs.into_iter().flatten() {
                    ask.emit((Command::Stop(run), Vec::new()));
                }
            }
            Command::Search(_) | Command::Finetune { .. } if !asked.replace(true) => browser::keep_storage(),
            _ => {}
        }
        ask.emit((command, files));
    })
}

/// Asks before the page is left while something would be lost.
#[hook]
fn use_leaving(state: &UseReducerHandle<State>) {
    use_effect_with(state.has_unsaved(), |&unsaved| {
        let listener = unsaved.then(|| {
            let options = EventListenerOptions::enable_prevent_default();
            EventListener::new_with_options(&browser::window(), "beforeunload", options, |event| {
                event.prevent_default();
                // What older browsers go by.
                let _ = js_sys::Reflect::set(event, &"returnValue".into(), &true.into());
            })
        });
        move || drop(listener)
    });
}

/// Keeps the address and the policy the same: opens what the address says, and writes what was changed. Another network
/// or device is a new entry of the browser's history, so that Back returns to the former one; Undo is for policies.
#[hook]
fn use_link(state: &UseReducerHandle<State>, act: &Callback<Action>) -> AttrValue {
    let link = use_memo((state.design.clone(), state.link_hashes()), |(design, hashes)| {
        AttrValue::from(design.link(*hashes))
    });
    // What the page began with, which an address without a link stands for.
    let first = use_memo((), |()| (*link).clone());
    // What the address holds; nothing is written before the first change.
    let written = use_mut_ref(|| None::<AttrValue>);
    use_effect_with((), {
        let (act, written) = (act.clone(), written.clone());
        move |()| {
            let open = move |text: String| {
                let ours = written.borrow().as_ref().is_some_and(|link: &AttrValue| link.as_str() == text);
                if !text.is_empty() && !ours {
                    act.emit(Action::OpenLink(text));
                }
            };
            open(browser::hash());
            let listener = EventListener::new(&browser::window(), "hashchange", move |_| {
                let text = browser::hash();
                open(if text.is_empty() { first.to_string() } else { text });
            });
            move || drop(listener)
        }
    });
    let place = (state.design.network.clone(), state.design.target);
    let former = use_mut_ref(|| place.clone());
    let (design, before) = (state.design.clone(), use_mut_ref(|| state.design.clone()));
    // A link that was opened has its entry already.
    let was_opened = state.opened;
    use_effect_with(((*link).clone(), state.link_error.is_some()), move |(link, damaged)| {
        // A damaged link stays in the address, so that it can be compared with its source.
        if *damaged {
            return;
        }
        let is_first = written.borrow_mut().replace(link.clone()).is_none();
        // Weights that are loaded change the link's hashes, but nothing of the design.
        let is_same = before.replace(design.clone()) == design;
        if is_same && browser::hash().is_empty() {
            return;
        }
        let has_moved = former.replace(place.clone()) != place;
        if !is_first && browser::hash() != link.as_str() {
            browser::set_hash(link, has_moved && !was_opened);
        }
    });
    (*link).clone()
}

/// Loads the demo on the screen, once, as soon as the page is there.
#[hook]
fn use_demo(ask: &Callback<(Command, Vec<File>)>) {
    let ask = ask.clone();
    use_effect_with((), move |()| {
        let spec = browser::hash().parse().map_or(Some(DEMOS[0]), |link: Link| link.network.zoo());
        // Opened by a link to another network, the page waits for that network's weights.
        if let Some(spec) = spec.filter(|spec| DEMOS.contains(spec)) {
            ask.emit((Command::OpenDemo(spec), Vec::new()));
        }
    });
}

/// Measures the float network after the first integer one, if the user wants it.
#[hook]
fn use_float(state: &UseReducerHandle<State>, ask: &Callback<(Command, Vec<File>)>) {
    let ask = ask.clone();
    let wanted = state.wants_float().filter(|_| state.why_not_measure().is_none());
    use_effect_with((state.trials.len(), state.loaded()), move |_| {
        if let Some(command) = wanted {
            ask.emit((command, Vec::new()));
        }
    });
}

/// Checks what was assumed of the weights after the first measurement, which has decoded the images that tell.
#[hook]
fn use_check(state: &UseReducerHandle<State>, ask: &Callback<(Command, Vec<File>)>) {
    let (ask, wanted) = (ask.clone(), state.wants_check() && state.why_not_measure().is_none());
    use_effect_with((state.trials.len(), state.loaded()), move |_| {
        if wanted {
            ask.emit((Command::CheckPreprocessing, Vec::new()));
        }
    });
}

/// Asks once, as soon as the worker listens, whether a search or training was left unfinished.
#[hook]
fn use_stored(state: &UseReducerHandle<State>, ask: &Callback<(Command, Vec<File>)>) {
    let ask = ask.clone();
    use_effect_with(state.work.workers.is_some(), move |&listens| {
        if listens {
            ask.emit((Command::FindSearch, Vec::new()));
            ask.emit((Command::FindFinetune, Vec::new()));
        }
    });
}

/// Keys that work anywhere but in text fields.
#[hook]
fn use_keys(
    act: &Callback<Action>,
    state: &UseReducerHandle<State>,
    ask: &Callback<(Command, Vec<File>)>,
    measure: &Callback<()>,
    dialog: &NodeRef,
) {
    let latest = use_mut_ref(Callback::noop);
    *latest.borrow_mut() = measure.clone();
    let stop = use_mut_ref(Callback::noop);
    *stop.borrow_mut() = {
        let (ask, runs) = (ask.clone(), state.work.runs().collect::<Vec<_>>());
        Callback::from(move |()| runs.iter().for_each(|&run| ask.emit((Command::Stop(run), Vec::new()))))
    };
    let (act, dialog) = (act.clone(), dialog.clone());
    use_effect_with((), move |()| {
        let on_key = move |event: &web_sys::Event| {
            let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
            if browser::is_typing(event) || event.alt_key() {
                return;
            }
            let with_control = event.ctrl_key() || event.meta_key();
            if !with_control && !help::shortcuts_on() {
                return;
            }
            match (with_control, event.key().as_str()) {
                (false, "?") => help::open(&dialog),
                (false, "m") => latest.borrow().emit(()),
                (false, "s") => stop.borrow().emit(()),
                (false, "r") => act.emit(Action::Allocate(Preset::Rule)),
                (false, "u") | (true, "z") => act.emit(Action::Undo),
                (false, "y") | (true, "y" | "Z") => act.emit(Action::Redo),
                _ => return,
            }
            event.prevent_default();
        };
        let options = EventListenerOptions::enable_prevent_default();
        let listener = EventListener::new_with_options(&browser::window(), "keydown", options, on_key);
        move || drop(listener)
    });
}

/// Takes files that are dropped anywhere; whether some are being dragged over the page.
#[hook]
fn use_whole_page_drop(state: &UseReducerHandle<State>, controls: &Controls) -> bool {
    let dragged = use_state_eq(|| false);
    let latest = use_mut_ref(Callback::noop);
    *latest.borrow_mut() = {
        let network = state.design.network.zoo().filter(|_| state.forced);
        let (controls, how) = (controls.clone(), ReadAs { network, settings: state.given() });
        Callback::from(move |picked| controls.open(picked, how))
    };
    let setter = dragged.setter();
    use_effect_with((), move |()| {
        let on_event = move |event: &web_sys::Event| {
            let Some(event) = event.dyn_ref::<DragEvent>() else { return };
            let has_files = event.data_transfer().is_some_and(|t| t.types().includes(&"Files".into(), 0));
            match event.type_().as_str() {
                "dragover" => setter.set(has_files),
                // Between two elements of the page the files are still over it.
                "dragleave" if event.related_target().is_some() => {}
                _ => setter.set(false),
            }
            // By the section it was dropped on.
            let handled = event.default_prevented();
            event.prevent_default();
            if event.type_() != "drop" || handled {
                return;
            }
            let Some(transfer) = event.data_transfer() else { return };
            let (files, open) = (browser::dropped(&transfer), latest.clone());
            wasm_bindgen_futures::spawn_local(async move {
                let picked = files.await;
                open.borrow().emit(picked);
            });
        };
        let on_event = Rc::new(on_event);
        let listeners = ["dragover", "dragleave", "drop"].map(|name| {
            let (options, on_event) = (EventListenerOptions::enable_prevent_default(), on_event.clone());
            EventListener::new_with_options(&browser::window(), name, options, move |event| on_event(event))
        });
        move || drop(listeners)
    });
    *dragged
}
