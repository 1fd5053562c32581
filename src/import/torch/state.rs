//! Where in a checkpoint the network's tensors are.

use super::TorchError;
use super::storage::is_tensor;
use super::value::{Id, Pickle, Value};

/// Keys under which checkpoints keep the network that was trained, the usual ones first.
const NETWORKS: [&str; 9] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
];

/// Keys of averages of a network's weights over the training. The network itself goes before them.
const AVERAGES: [&str; 6] =
    ["state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema", "params_ema"];

/// State dicts inside one another, such as `model` in `state_dict`.
const DEEPEST: usize = 4;

/// Modules inside one another.
const DEEPEST_MODULE: usize = 64;

/// Entries that are looked at; shared parts count each time.
const MOST_ENTRIES: usize = 1 << 20;

/// Tensors of a network. The longest of the zoo has 314.
const MOST_TENSORS: usize = 1 << 14;

/// Bytes of all tensors' names, which a pickle need hold only once to use them many times.
const MOST_NAMES: usize = 16 << 20;

/// A network's tensors.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// By name.
    pub tensors: Vec<(String, Id)>,
    /// The keys that lead to them, with points between them; empty if they are the checkpoint itself.
    pub path: String,
    /// Other networks that the checkpoint holds: keys and numbers of tensors.
    pub others: Vec<(String, usize)>,
}

/// Finds the tensors.
///
/// # Errors
/// If there are none, several networks without a usual key, or more than a network has.
pub(super) fn find(pickle: &Pickle) -> Result<State, TorchError> {
    let mut search = Search { pickle, entries: MOST_ENTRIES, names: MOST_NAMES };
    match search.within(pickle.root, 0)? {
        Some(state) => Ok(state),
        None => Err(TorchError::NoState { holds: search.outline() }),
    }
}

struct Search<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// Entries that may still be looked at.
    entries: usize,
    /// Bytes of names that may still be copied.
    names: usize,
}

impl<'a> Search<'_, 'a> {
    fn entries(&mut self, id: Id) -> Result<Vec<(&'a str, Id)>, TorchError> {
        let entries = self.pickle.entries(id);
        self.entries = self
            .entries
            .checked_sub(entries.len() + 1)
            .ok_or(TorchError::TooMuch { what: "entries", most: MOST_ENTRIES })?;
        Ok(entries)
    }

    /// The tensors of a module, or of a dictionary: below a usual key, else its own, else those of its only entry with any.
    fn within(&mut self, id: Id, depth: usize) -> Result<Option<State>, TorchError> {
        let mut module = State::default();
        self.module("", id, 0, &mut module.tensors)?;
        if !module.tensors.is_empty() {
            return Ok(Some(module));
        }
        let entries = self.entries(id)?;
        let mut below = Vec::new();
        if depth < DEEPEST {
            for &(key, value) in entries.iter().filter(|(_, value)| !is_tensor(self.pickle, *value)) {
                if let Some(state) = self.within(value, depth + 1)? {
                    below.push((key, state));
                }
            }
        }
        let own = entries.iter().filter(|(_, value)| is_tensor(self.pickle, *value));
        let own: Vec<_> = own.copied().collect();
        let mut usual = NETWORKS.iter().chain(&AVERAGES);
        let taken = match usual.find_map(|usual| below.iter().position(|(key, _)| key == usual)) {
            Some(usual) => usual,
            // A checkpoint may have single tensors beside the network, such as an accuracy.
            None if !own.is_empty() && below.iter().all(|(_, state)| state.tensors.len() <= own.len()) => {
                let mut tensors = Vec::new();
                self.take("", own, &mut tensors)?;
                return Ok(Some(State { tensors, ..State::default() }));
            }
            None if below.len() > 1 => {
                let names: Vec<_> = below.iter().map(|(key, _)| *key).collect();
                return Err(TorchError::Several { names: names.join(", ") });
            }
            None if below.is_empty() => return Ok(None),
            None => 0,
        };
        let (key, mut state) = below.swap_remove(taken);
        state.path = if state.path.is_empty() { key.to_owned() } else { format!("{key}.{}", state.path) };
        state.others.extend(below.into_iter().map(|(key, state)| (key.to_owned(), state.tensors.len())));
        Ok(Some(state))
    }

    /// Collects the tensors of a pickled module and of those in it, with the names that `state_dict` gives them.
    fn module(
        &mut self,
        prefix: &str,
        id: Id,
        depth: usize,
        tensors: &mut Vec<(String, Id)>,
    ) -> Result<(), TorchError> {
        let attributes = match self.pickle.get(id) {
            Value::Object(object) => object.state,
            _ => None,
        };
        let Some(attributes) = attributes else { return Ok(()) };
        let attributes = self.entries(attributes)?;
        let attribute = |name: &str| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let (Some(parameters), Some(modules)) = (attribute("_parameters"), attribute("_modules")) else {
            return Ok(());
        };
        if depth >= DEEPEST_MODULE {
            return Err(TorchError::TooMuch { what: "modules inside one another", most: DEEPEST_MODULE });
        }
        // Buffers that the module computes anew.
        let scratch = attribute("_non_persistent_buffers_set").and_then(|set| self.pickle.sequence(set));
        let scratch: Vec<_> =
            scratch.unwrap_or_default().iter().filter_map(|&name| self.pickle.text(name)).collect();
        let buffers = match attribute("_buffers") {
            Some(buffers) => self.entries(buffers)?,
            None => Vec::new(),
        };
        let buffers = buffers.into_iter().filter(|(name, _)| !scratch.contains(name));
        let own = self.entries(parameters)?.into_iter().chain(buffers);
        let own = own.filter(|(_, value)| is_tensor(self.pickle, *value)).collect();
        self.take(prefix, own, tensors)?;
        for (name, module) in self.entries(modules)? {
            self.module(&format!("{prefix}{name}."), module, depth + 1, tensors)?;
        }
        Ok(())
    }

    /// Adds tensors with something before their names.
    fn take(
        &mut self,
        prefix: &str,
        own: Vec<(&str, Id)>,
        tensors: &mut Vec<(String, Id)>,
    ) -> Result<(), TorchError> {
        if tensors.len() + own.len() > MOST_TENSORS {
            return Err(TorchError::TooMuch { what: "tensors", most: MOST_TENSORS });
        }
        for (name, value) in own {
            let left = self.names.checked_sub(prefix.len() + name.len());
            self.names = left.ok_or(TorchError::TooMuch { what: "letters in names", most: MOST_NAMES })?;
            tensors.push((format!("{prefix}{name}"), value));
        }
        Ok(())
    }

    /// A few words on a checkpoint without tensors.
    fn outline(&self) -> String {
        const SHOWN: usize = 5;
        let keys: Vec<_> = self.pickle.entries(self.pickle.root).into_iter().map(|(key, _)| key).collect();
        if keys.is_empty() {
            return "other values".into();
        }
        let shown: Vec<_> = keys.iter().take(SHOWN).map(|key| format!("'{key}'")).collect();
        let more = keys.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", shown.join(", "))
    }
}
