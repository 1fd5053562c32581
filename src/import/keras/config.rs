//! Settings out of the JSON that describes a network.

use super::KerasError;
use serde_json::{Map, Value};

/// Largest number of a layer's settings: strides, sizes, counts of channels.
const MAX_SETTING: u64 = 1 << 24;

/// An entry of a model's list of layers.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The class, e.g. `Conv2D`.
    pub class: &'a str,
    /// Where the class is from; empty in files of Keras 2.
    pub module: &'a str,
    /// Name of the layer; unique in its model.
    pub name: &'a str,
    /// Settings.
    pub config: Settings<'a>,
    /// How it is called; null in a Sequential.
    pub inbound: &'a Value,
}

impl<'a> Entry<'a> {
    /// Reads an entry.
    pub fn new(value: &'a Value) -> Result<Self, KerasError> {
        let text = |value: Option<&'a Value>| value.and_then(Value::as_str);
        let config = Settings(value.get("config").unwrap_or(&Value::Null));
        let class = text(value.get("class_name"));
        let name = text(value.get("name")).or_else(|| text(config.get("name"))).unwrap_or_default();
        let class = class.ok_or_else(|| KerasError::Layer {
            layer: name.into(),
            problem: "expected an object with class_name and config".into(),
        })?;
        let module = text(value.get("module")).unwrap_or_default();
        Ok(Self { class, module, name, config, inbound: value.get("inbound_nodes").unwrap_or(&Value::Null) })
    }

    /// Whether it is a model of layers that stand in its settings.
    pub fn is_model(&self) -> bool {
        self.is_sequential()
            || (self.config.get("layers").is_some() && self.config.get("output_layers").is_some())
    }

    /// Whether it is a model whose layers follow one another.
    pub fn is_sequential(&self) -> bool {
        self.class == "Sequential"
    }

    /// The layers of a model. The oldest files have nothing else in the settings of a Sequential.
    pub fn layers(&self) -> Result<Vec<Entry<'a>>, KerasError> {
        let list = self.config.0.as_array().or_else(|| self.config.get("layers").and_then(Value::as_array));
        let list = list.ok_or_else(|| KerasError::Layer {
            layer: self.name.into(),
            problem: "expected a list of layers".into(),
        })?;
        list.iter().map(Entry::new).collect()
    }

    /// Size of the tensor that the layer reads, if it says so: the first of several. The batch is open.
    pub fn input_shape(&self) -> Option<Vec<Option<usize>>> {
        let keys = ["batch_shape", "batch_input_shape", "build_input_shape"];
        if let Some(mut shape) = keys.iter().find_map(|key| shape(self.config.get(key)?)) {
            // A network that was made by its first images has their number here, which means nothing.
            if let Some(batch) = shape.first_mut() {
                *batch = None;
            }
            return Some(shape);
        }
        // A model begins with a layer that does; models inside one another are as deep as JSON may be.
        self.is_model().then(|| self.layers().ok()?.first()?.input_shape()).flatten()
    }
}

fn shape(value: &Value) -> Option<Vec<Option<usize>>> {
    let list = value.as_array()?;
    // The shape of the first of several inputs.
    if let Some(first) = list.first().filter(|first| first.is_array()) {
        return shape(first);
    }
    let size = |size: &Value| match size {
        Value::Null => Some(None),
        size => number(size).map(Some),
    };
    (list.len() <= 8).then(|| list.iter().map(size).collect::<Option<Vec<_>>>()).flatten()
}

/// A count, not too large to compute with.
pub fn number(value: &Value) -> Option<usize> {
    let number = value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number >= 0.0 && number.fract() == 0.0 && number <= MAX_SETTING as f64).then_some(number as u64)
    })?;
    (number <= MAX_SETTING).then(|| usize::try_from(number).ok()).flatten()
}

/// Settings of a layer. What is missing or null is as Keras has it by default; what is of another type is an error in
/// words, which [`Layer::setting`](super::layers::Layer::setting) makes one of the layer.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a>(pub &'a Value);

impl<'a> Settings<'a> {
    /// A setting, unless it is null.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.0
            .as_object()
            .and_then(|map: &'a Map<String, Value>| map.get(key))
            .filter(|value| !value.is_null())
    }

    /// A word.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key).and_then(Value::as_str)
    }

    /// A real number.
    pub fn real(&self, key: &str, default: f64) -> Result<f64, String> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_f64().ok_or_else(|| wrong(key, "a number", value))
    }

    /// Yes or no.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool, String> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| wrong(key, "true or false", value))
    }

    /// A count.
    pub fn count(&self, key: &str) -> Result<usize, String> {
        let value = self.get(key).unwrap_or(&Value::Null);
        number(value).ok_or_else(|| wrong(key, "a count", value))
    }

    /// Counts for rows and columns: two, or one for both.
    pub fn pair(&self, key: &str, default: [usize; 2]) -> Result<[usize; 2], String> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let both = || number(value).map(|both| [both; 2]);
        both().or_else(|| pair(value)).ok_or_else(|| wrong(key, "one or two counts", value))
    }

    /// Whole numbers: a list, or one.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i64>>, String> {
        self.get(key)
            .map(|value| integers(value).ok_or_else(|| wrong(key, "whole numbers", value)))
            .transpose()
    }
}

/// Two counts.
pub fn pair(value: &Value) -> Option<[usize; 2]> {
    match value.as_array()?.as_slice() {
        [first, second] => Some([number(first)?, number(second)?]),
        _ => None,
    }
}

/// Whole numbers: a list, or one.
pub fn integers(value: &Value) -> Option<Vec<i64>> {
    let limit = MAX_SETTING as i64;
    let integer = |value: &Value| value.as_i64().filter(|number| (-limit..=limit).contains(number));
    match value {
        Value::Array(list) => list.iter().map(integer).collect(),
        one => integer(one).map(|one| vec![one]),
    }
}

/// Says that a setting is not what it should be.
pub fn wrong(key: &str, expected: &str, found: &Value) -> String {
    format!("{key}: expected {expected}, found {}", brief(found))
}

/// A value as text, cut short.
pub fn brief(value: &Value) -> String {
    const LONGEST: usize = 60;
    // What is large is not written out first.
    let text = match value {
        Value::Array(list) if list.len() > LONGEST => format!("a list of {}", list.len()),
        Value::Object(map) => format!("an object with {} entries", map.len()),
        Value::String(text) => format!("'{}'", text.chars().take(LONGEST).collect::<String>()),
        value => value.to_string(),
    };
    text.chars().take(LONGEST + 20).collect()
}

/// The name of a class as Keras makes one for a group of an archive: `DepthwiseConv2D` is `depthwise_conv2d`.
pub fn snake_case(class: &str) -> String {
    let plain: Vec<char> = class.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let is_upper = |at: usize| plain.get(at).is_some_and(char::is_ascii_uppercase);
    let is_lower = |at: usize| plain.get(at).is_some_and(char::is_ascii_lowercase);
    let mut words = String::with_capacity(2 * plain.len());
    // Keras does this with two regular expressions, of which the first consumes the character before a word.
    let mut consumed = 0;
    for (at, &letter) in plain.iter().enumerate() {
        let starts_word = is_upper(at) && is_lower(at + 1) && at > consumed;
        let follows_lower = is_upper(at) && at > 0 && is_lower(at - 1);
        if starts_word {
            consumed = (at + 1..).find(|&next| !is_lower(next)).unwrap_or(at + 1);
        }
        if starts_word || follows_lower {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_classes_are_those_of_keras() {
        // What keras.src.utils.naming.to_snake_case says.
        for (class, expected) in [
            ("Conv2D", "conv2d"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("ReLU", "re_lu"),
            ("LeakyReLU", "leaky_re_lu"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("TFOpLambda", "tf_op_lambda"),
            ("AbCdEf", "ab_cd_ef"),
            ("ABCdef", "ab_cdef"),
            ("TrueDivide", "true_divide"),
            ("Custom>My-Layer", "custom_my_layer"),
            ("already_snake", "already_snake"),
            ("RMSNormalization", "rms_normalization"),
            ("", ""),
        ] {
            assert_eq!(snake_case(class), expected, "{class}");
        }
    }
}
