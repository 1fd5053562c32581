//! How the layers of a functional model are called: the lists `inbound_nodes`, as Keras 2 and as Keras 3 write them.

use super::config::{Entry, brief};
use serde_json::Value;

/// A tensor: which output of which call of which layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorRef<'a> {
    /// Name of the layer.
    pub layer: &'a str,
    /// Number of the call, as the file counts.
    pub call: usize,
    /// Number of the output.
    pub output: usize,
}

/// What is given to a layer.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a, T> {
    /// A tensor.
    Tensor(T),
    /// A value that stands in the file.
    Value(&'a Value),
}

/// One call of a layer.
#[derive(Clone, Debug)]
pub struct Call<'a, T> {
    /// Operands by position; lists of tensors are written out.
    pub operands: Vec<Operand<'a, T>>,
    /// Operands by name.
    pub named: Vec<(&'a str, Operand<'a, T>)>,
}

impl<'a, T> Call<'a, T> {
    /// With tensors only.
    pub fn with(tensors: Vec<T>) -> Self {
        Self { operands: tensors.into_iter().map(Operand::Tensor).collect(), named: Vec::new() }
    }

    /// All tensors, in order.
    pub fn tensors(&self) -> impl Iterator<Item = &T> {
        self.operands.iter().chain(self.named.iter().map(|(_, operand)| operand)).filter_map(|operand| {
            match operand {
                Operand::Tensor(tensor) => Some(tensor),
                Operand::Value(_) => None,
            }
        })
    }

    /// The same call with other tensors.
    pub fn try_map<U, E>(&self, mut map: impl FnMut(&T) -> Result<U, E>) -> Result<Call<'a, U>, E> {
        let mut operand = |operand: &Operand<'a, T>| match operand {
            Operand::Tensor(tensor) => map(tensor).map(Operand::Tensor),
            Operand::Value(value) => Ok(Operand::Value(value)),
        };
        let operands = self.operands.iter().map(&mut operand).collect::<Result<_, E>>()?;
        let named = self.named.iter().map(|(name, found)| Ok((*name, operand(found)?)));
        Ok(Call { operands, named: named.collect::<Result<_, E>>()? })
    }

    /// The operand of a position or of one of several names.
    pub fn operand(&self, position: usize, names: &[&str]) -> Option<&Operand<'a, T>> {
        let named = || self.named.iter().find(|(name, _)| names.contains(name)).map(|(_, operand)| operand);
        self.operands.get(position).or_else(named)
    }

    /// A value of one of several names.
    pub fn value(&self, names: &[&str]) -> Option<&'a Value> {
        self.named.iter().find_map(|(name, operand)| match operand {
            Operand::Value(value) if names.contains(name) && !value.is_null() => Some(*value),
            _ => None,
        })
    }
}

/// The calls of a layer.
///
/// # Errors
/// What was expected and found, if a list is not as Keras writes it.
pub fn read<'a>(entry: &Entry<'a>) -> Result<Vec<Call<'a, TensorRef<'a>>>, String> {
    let Some(calls) = entry.inbound.as_array() else { return Ok(Vec::new()) };
    calls.iter().map(|call| if call.is_object() { new_form(call) } else { old_form(call) }).collect()
}

/// Keras 3: `{"args": [...], "kwargs": {...}}` with tensors as objects.
fn new_form(call: &Value) -> Result<Call<'_, TensorRef<'_>>, String> {
    let mut operands = Vec::new();
    for operand in call.get("args").and_then(Value::as_array).into_iter().flatten() {
        flatten(operand, &mut operands)?;
    }
    let mut named = Vec::new();
    for (name, operand) in call.get("kwargs").and_then(Value::as_object).into_iter().flatten() {
        let mut found = Vec::new();
        flatten(operand, &mut found)?;
        named.extend(found.into_iter().map(|operand| (name.as_str(), operand)));
    }
    Ok(Call { operands, named })
}

/// A tensor, the tensors of a list, or a value.
fn flatten<'a>(value: &'a Value, into: &mut Vec<Operand<'a, TensorRef<'a>>>) -> Result<(), String> {
    if let Some(history) = history(value) {
        into.push(Operand::Tensor(tensor(history).ok_or_else(|| no_tensor(history))?));
        return Ok(());
    }
    match value.as_array() {
        Some(list) if list.iter().any(holds_tensor) => list.iter().try_for_each(|value| flatten(value, into)),
        _ => {
            into.push(Operand::Value(value));
            Ok(())
        }
    }
}

fn holds_tensor(value: &Value) -> bool {
    history(value).is_some() || value.as_array().is_some_and(|list| list.iter().any(holds_tensor))
}

fn history(value: &Value) -> Option<&Value> {
    (value.get("class_name")?.as_str()? == "__keras_tensor__")
        .then(|| value.get("config")?.get("keras_history"))?
}

/// Keras 2: a list of `[layer, call, output, {arguments}]`, or one of these alone where an operation of TensorFlow is
/// called; a number as the first operand is `["_CONSTANT_VALUE", -1, number, {arguments}]`.
fn old_form(call: &Value) -> Result<Call<'_, TensorRef<'_>>, String> {
    let list = call.as_array().ok_or_else(|| no_tensor(call))?;
    let alone = list.first().is_some_and(Value::is_string);
    let entries = if alone { std::slice::from_ref(call) } else { list.as_slice() };
    let mut operands = Vec::new();
    let mut named = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let operand = match entry.as_array().map(Vec::as_slice) {
            Some([Value::String(name), _, value, ..]) if name == "_CONSTANT_VALUE" => Operand::Value(value),
            _ => Operand::Tensor(tensor(entry).ok_or_else(|| no_tensor(entry))?),
        };
        operands.push(operand);
        // All entries of a call have the same arguments.
        let arguments = entry.get(3).and_then(Value::as_object).filter(|_| at == 0);
        for (name, value) in arguments.into_iter().flatten() {
            named.push((name.as_str(), tensor(value).map_or(Operand::Value(value), Operand::Tensor)));
        }
    }
    Ok(Call { operands, named })
}

/// `[layer, call, output]`, perhaps with more behind.
pub fn tensor(value: &Value) -> Option<TensorRef<'_>> {
    let [layer, call, output, ..] = value.as_array()?.as_slice() else { return None };
    let index = |value: &Value| usize::try_from(value.as_u64()?).ok();
    Some(TensorRef { layer: layer.as_str()?, call: index(call)?, output: index(output)? })
}

/// All tensors of `input_layers` and `output_layers`, which are one, a list, or an object of them.
pub fn tensors(value: &Value) -> Result<Vec<TensorRef<'_>>, String> {
    if let Some(one) = tensor(value) {
        return Ok(vec![one]);
    }
    let parts: Vec<_> = match value {
        Value::Array(list) => list.iter().map(tensors).collect::<Result<_, _>>()?,
        Value::Object(map) => map.values().map(tensors).collect::<Result<_, _>>()?,
        other => return Err(no_tensor(other)),
    };
    Ok(parts.concat())
}

fn no_tensor(found: &Value) -> String {
    format!("expected a tensor as [layer, call, output], found {}", brief(found))
}
