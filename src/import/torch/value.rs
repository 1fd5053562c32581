//! What a pickle describes, as data.

/// Place of a value in its pickle. Containers hold places and not values, so that one value can stand in many containers
/// and no nesting is too deep to be let go of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(pub u32);

/// One value. Text is that of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Python's None.
    None,
    /// True or false.
    Bool(bool),
    /// Integers of up to 16 bytes.
    Int(i128),
    /// Text, also that of Python 2.
    Text(&'a str),
    /// A class or a function: its module and its name. Nothing of that name is ever looked for.
    Global(&'a str, &'a str),
    /// A tuple, list or set.
    Sequence(Vec<Id>),
    /// Keys and values in order.
    Dict(Vec<[Id; 2]>),
    /// What a call of a global would give.
    Object(Box<Object>),
    /// What the pickle leaves to its container, with the words for it: storages.
    Persistent(Id),
    /// Anything that no reader asks for: real numbers, bytes, larger integers.
    Other,
}

/// An object of a class, or the result of a function: what is known of it without the code.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object {
    /// The class or function.
    pub class: Id,
    /// A sequence of arguments.
    pub arguments: Id,
    /// Items that were set, if it is a dictionary.
    pub items: Vec<[Id; 2]>,
    /// Elements that were appended, if it is a list or set.
    pub elements: Vec<Id>,
    /// Its attributes, mostly a dictionary.
    pub state: Option<Id>,
}

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    /// By [`Id`]; containers hold such as are there.
    pub(super) values: Vec<Value<'a>>,
    /// The value that it is all about.
    pub root: Id,
    /// Bytes of the pickle, with which it ends.
    pub length: usize,
}

impl<'a> Pickle<'a> {
    /// A value; of a place that is not there [`Value::Other`].
    pub fn get(&self, id: Id) -> &Value<'a> {
        self.values.get(id.0 as usize).unwrap_or(&Value::Other)
    }

    /// Text.
    pub fn text(&self, id: Id) -> Option<&'a str> {
        if let Value::Text(text) = self.get(id) { Some(text) } else { None }
    }

    /// A size, an offset: an integer that is not negative.
    pub fn size(&self, id: Id) -> Option<usize> {
        if let Value::Int(size) = self.get(id) { usize::try_from(*size).ok() } else { None }
    }

    /// The elements of a tuple, list or set, or of a call that makes one of a sequence: `set([1])`, `torch.Size([1])`.
    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Sequence(elements) => Some(elements),
            Value::Object(object) if !object.elements.is_empty() => Some(&object.elements),
            Value::Object(object) => match (self.get(object.class), self.get(object.arguments)) {
                (Value::Global(_, "set" | "frozenset" | "Size"), Value::Sequence(arguments)) => {
                    arguments.first().and_then(|&first| self.sequence_itself(first))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn sequence_itself(&self, id: Id) -> Option<&[Id]> {
        if let Value::Sequence(elements) = self.get(id) { Some(elements) } else { None }
    }

    /// What has text for a key in a dictionary or in an object that is one, such as an `OrderedDict`.
    pub fn entries(&self, id: Id) -> Vec<(&'a str, Id)> {
        let named = |&[key, value]: &[Id; 2]| Some((self.text(key)?, value));
        match self.get(id) {
            Value::Dict(items) => items.iter().filter_map(named).collect(),
            Value::Object(object) if !object.items.is_empty() => {
                object.items.iter().filter_map(named).collect()
            }
            // Python 2 hands an OrderedDict its pairs when it is made.
            Value::Object(object) if matches!(self.get(object.class), Value::Global(_, "OrderedDict")) => {
                let first = self.sequence_itself(object.arguments).and_then(|arguments| arguments.first());
                let pairs = first.and_then(|&pairs| self.sequence_itself(pairs)).unwrap_or_default();
                let pair = |&pair: &Id| match self.sequence_itself(pair)? {
                    &[key, value] => Some((self.text(key)?, value)),
                    _ => None,
                };
                pairs.iter().filter_map(pair).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The function and the arguments of which an object is the result.
    pub fn call(&self, id: Id) -> Option<(Id, &[Id])> {
        let Value::Object(object) = self.get(id) else { return None };
        Some((object.class, self.sequence_itself(object.arguments)?))
    }
}
