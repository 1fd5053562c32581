//! From the description of a model to nodes: layers in the order in which they can be computed, models inside models
//! written out.

use super::{
    KerasError,
    budget::Budget,
    builder::Builder,
    calls::{self, Call, TensorRef},
    config::{Entry, snake_case},
    layers::{self, Layer},
    store::{Place, Store},
};
use crate::import::raw::RawGraph;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Bytes that a byte of JSON may take when it is read: a digit and a comma become 32 bytes, in a vector that grows.
const JSON_BYTES: u64 = 32;

/// Reads the description of a network and its weights.
pub fn read(
    config: &str,
    version: Option<&str>,
    store: &Store,
    budget: &Budget,
) -> Result<RawGraph, KerasError> {
    budget.take(JSON_BYTES * config.len() as u64, "the description of the network")?;
    // The parser itself bounds how deep lists are nested.
    let value: Value = serde_json::from_str(config).map_err(|error| KerasError::Json(error.to_string()))?;
    let entry = Entry::new(&value)?;
    if !entry.is_model() {
        return Err(KerasError::Subclassed { class: entry.class.into() });
    }
    // Before 2.0 there was no entry for the version; the format is that of 2.
    let major = version.and_then(|version| version.split('.').next()?.parse().ok()).unwrap_or(2);
    let producer = version.map_or_else(|| "Keras".into(), |version| format!("Keras {version}"));
    let graph = RawGraph { name: entry.name.into(), producer, ..RawGraph::default() };
    let mut builder = Builder::new(graph, major, store, budget);
    let outputs = model(&mut builder, &entry, &Place::default(), "", None)?;
    Ok(builder.finish(outputs))
}

/// Writes out a model; returns its results. `inputs` are what it is called with, `None` for the outermost.
fn model(
    builder: &mut Builder,
    entry: &Entry,
    place: &Place,
    prefix: &str,
    inputs: Option<Vec<String>>,
) -> Result<Vec<String>, KerasError> {
    let layers = entry.layers()?;
    // Models that call one another twice could grow without bounds, even with no nodes in them.
    let memory = (place.name().len() + 256) * layers.len() + 1024;
    builder.budget.take(memory as u64, "models inside models")?;
    // Weights are found by name.
    let mut names = HashSet::new();
    if let Some(second) = layers.iter().find(|layer| !names.insert(layer.name)) {
        return Err(broken(path(prefix, second.name), "expected names that no two layers share"));
    }
    let places = places(&layers, place);
    if entry.is_sequential() {
        sequential(builder, entry, &layers, &places, prefix, inputs)
    } else {
        functional(builder, entry, &layers, &places, prefix, inputs)
    }
}

/// Where the weights of each layer stand. Archives number layers by class; operations that are no layers do not count.
fn places(layers: &[Entry], model: &Place) -> Vec<Place> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    layers
        .iter()
        .map(|layer| {
            let mut place = model.clone();
            place.names.push(layer.name.into());
            if !layer.module.contains(".ops.") {
                let class = snake_case(layer.class);
                let count = counts.entry(class.clone()).or_default();
                place.saved.push(if *count == 0 { class } else { format!("{class}_{count}") });
                *count += 1;
            }
            place
        })
        .collect()
}

/// Name of a layer's nodes.
fn path(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.into() } else { format!("{prefix}/{name}") }
}

fn broken(layer: String, problem: impl Into<String>) -> KerasError {
    KerasError::Layer { layer, problem: problem.into() }
}

/// Calls a layer or a model; returns its results.
fn call(
    builder: &mut Builder,
    entry: &Entry,
    place: &Place,
    prefix: &str,
    call: Call<String>,
) -> Result<Vec<String>, KerasError> {
    let name = path(prefix, entry.name);
    if entry.is_model() {
        let inputs = call.tensors().cloned().collect();
        return model(builder, entry, place, &name, Some(inputs));
    }
    let layer = Layer { class: entry.class, config: entry.config, name, place, call };
    layers::add(builder, &layer).map(|output| vec![output])
}

fn sequential(
    builder: &mut Builder,
    entry: &Entry,
    layers: &[Entry],
    places: &[Place],
    prefix: &str,
    inputs: Option<Vec<String>>,
) -> Result<Vec<String>, KerasError> {
    let mut tensor = inputs.and_then(|inputs| inputs.into_iter().next());
    for (layer, place) in layers.iter().zip(places) {
        let is_input = layer.class == "InputLayer";
        let before = match tensor {
            Some(tensor) => tensor,
            None => {
                let dims = layer.input_shape().or_else(|| entry.input_shape()).ok_or_else(|| {
                    broken(path(prefix, layer.name), "expected batch_shape, the size of the network's input")
                })?;
                let name = if is_input { layer.name.into() } else { format!("{}_input", layer.name) };
                builder.input(&path(prefix, &name), dims)?
            }
        };
        tensor = if is_input {
            Some(before)
        } else {
            call(builder, layer, place, prefix, Call::with(vec![before]))?.into_iter().next()
        };
    }
    Ok(tensor.into_iter().collect())
}

/// A call of a layer in a functional model: which layer, which of its calls.
type CallId = (usize, usize);

fn functional(
    builder: &mut Builder,
    entry: &Entry,
    layers: &[Entry],
    places: &[Place],
    prefix: &str,
    inputs: Option<Vec<String>>,
) -> Result<Vec<String>, KerasError> {
    let here = || path(prefix, "");
    let mut by_name = HashMap::new();
    let mut called = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        by_name.insert(layer.name, index);
        called.push(calls::read(layer).map_err(|problem| broken(path(prefix, layer.name), problem))?);
    }
    let counted = layers.iter().map(Counted::of).collect::<Result<_, _>>()?;
    let network = Network { layers, called, counted, by_name, prefix };

    let list = |key: &str| {
        let list = entry.config.get(key).unwrap_or(&Value::Null);
        calls::tensors(list).map_err(|problem| broken(here(), format!("{key}: {problem}")))
    };
    let mut results: HashMap<CallId, Vec<String>> = HashMap::new();
    network.bind(builder, &list("input_layers")?, inputs, &mut results)?;

    for (layer, index) in network.order(&results)? {
        let resolved = network.called[layer][index].try_map(|tensor| {
            let id = network.source(tensor, false)?;
            network.result(builder, &results, id, tensor)
        })?;
        let found = call(builder, &layers[layer], &places[layer], prefix, resolved)?;
        results.insert((layer, index), found);
    }
    let outputs = list("output_layers")?;
    outputs
        .iter()
        .map(|tensor| network.result(builder, &results, network.source(tensor, true)?, tensor))
        .collect()
}

struct Network<'a> {
    layers: &'a [Entry<'a>],
    called: Vec<Vec<Call<'a, TensorRef<'a>>>>,
    counted: Vec<Counted>,
    by_name: HashMap<&'a str, usize>,
    prefix: &'a str,
}

/// Whether a model counts the call that it was made with, which is in no list: in Keras 2 everywhere if its first layer
/// is an input, in Keras 3 in the list of outputs and if it is no Sequential.
#[derive(Clone, Copy)]
struct Counted {
    in_calls: bool,
    in_outputs: bool,
}

impl Counted {
    fn of(layer: &Entry) -> Result<Self, KerasError> {
        if !layer.is_model() {
            return Ok(Self { in_calls: false, in_outputs: false });
        }
        if layer.inbound.get(0).is_some_and(Value::is_array) {
            let begins = layer.layers()?.first().is_some_and(|first| first.class == "InputLayer");
            return Ok(Self { in_calls: begins, in_outputs: begins });
        }
        Ok(Self { in_calls: false, in_outputs: !layer.is_sequential() })
    }
}

impl Network<'_> {
    /// Gives the input layers their tensors.
    fn bind(
        &self,
        builder: &mut Builder,
        listed: &[TensorRef],
        given: Option<Vec<String>>,
        results: &mut HashMap<CallId, Vec<String>>,
    ) -> Result<(), KerasError> {
        let outermost = given.is_none();
        let mut given = given.unwrap_or_default().into_iter();
        for tensor in listed {
            let name = path(self.prefix, tensor.layer);
            let index =
                *self.by_name.get(tensor.layer).ok_or_else(|| broken(name.clone(), "no such layer"))?;
            let bound = match given.next() {
                Some(tensor) => tensor,
                None if outermost => {
                    let dims = self.layers[index].input_shape();
                    builder.input(&name, dims.ok_or_else(|| broken(name.clone(), "expected batch_shape"))?)?
                }
                None => {
                    return Err(broken(name, "the model is called with fewer tensors than it has inputs"));
                }
            };
            results.insert((index, 0), vec![bound]);
        }
        Ok(())
    }

    /// The call that a tensor comes from.
    fn source(&self, tensor: &TensorRef, is_output: bool) -> Result<CallId, KerasError> {
        let missing = || {
            broken(path(self.prefix, tensor.layer), "it is called for, but there is no such layer or call")
        };
        let index = *self.by_name.get(tensor.layer).ok_or_else(missing)?;
        let counted = self.counted[index];
        let more = if is_output { counted.in_outputs } else { counted.in_calls };
        let call = tensor.call.saturating_sub(usize::from(more));
        match self.called[index].len() {
            0 => Ok((index, 0)),
            // Versions of Keras count differently; one call is that one.
            1 if self.layers[index].is_model() => Ok((index, 0)),
            calls if call < calls => Ok((index, call)),
            _ => Err(missing()),
        }
    }

    /// The name of a tensor that was computed.
    fn result(
        &self,
        builder: &mut Builder,
        results: &HashMap<CallId, Vec<String>>,
        id: CallId,
        tensor: &TensorRef,
    ) -> Result<String, KerasError> {
        let missing = || broken(path(self.prefix, tensor.layer), "it is read before it is computed");
        let outputs = results.get(&id).ok_or_else(missing)?;
        if let Some(output) = outputs.get(tensor.output) {
            // Inside a model, the name may be much longer than what refers to it.
            builder.budget.take(64 + output.len() as u64, "the list of nodes")?;
            return Ok(output.clone());
        }
        let further = outputs.first().and_then(|first| builder.further_output(first, tensor.output));
        further.ok_or_else(|| {
            let problem = format!("it has {} outputs, and number {} is read", outputs.len(), tensor.output);
            broken(path(self.prefix, tensor.layer), problem)
        })
    }

    /// All calls in an order in which each has what it reads, as near to that of the file as can be. `bound` are there
    /// already.
    fn order(&self, bound: &HashMap<CallId, Vec<String>>) -> Result<Vec<CallId>, KerasError> {
        let mut waiting: HashMap<CallId, usize> = HashMap::new();
        let mut readers: HashMap<CallId, Vec<CallId>> = HashMap::new();
        let mut ready = BinaryHeap::new();
        for (layer, calls) in self.called.iter().enumerate() {
            for (index, call) in calls.iter().enumerate() {
                let id = (layer, index);
                if bound.contains_key(&id) {
                    continue;
                }
                let mut count = 0;
                for tensor in call.tensors() {
                    let source = self.source(tensor, false)?;
                    if !bound.contains_key(&source) {
                        readers.entry(source).or_default().push(id);
                        count += 1;
                    }
                }
                if count == 0 {
                    ready.push(Reverse(id));
                } else {
                    waiting.insert(id, count);
                }
            }
        }
        let mut order = Vec::new();
        while let Some(Reverse(id)) = ready.pop() {
            order.push(id);
            for reader in readers.remove(&id).unwrap_or_default() {
                if let Some(count) = waiting.get_mut(&reader) {
                    *count -= 1;
                    if *count == 0 {
                        waiting.remove(&reader);
                        ready.push(Reverse(reader));
                    }
                }
            }
        }
        match waiting.keys().min() {
            None => Ok(order),
            Some(&(layer, _)) => {
                let problem =
                    "it needs, through others, its own result or that of a layer that is never called";
                Err(broken(path(self.prefix, self.layers[layer].name), problem))
            }
        }
    }
}
