//! Reads a pickle, the program with which Python describes objects, without running it.
//!
//! A pickle is a list of instructions for a machine with a stack, written down in Python's `pickletools`. Here the machine
//! builds a tree of [`Value`]s. A call of a function, which makes pickles dangerous in Python, is written down as an
//! [`Object`] with the function's name and arguments: there is nothing here that could be called. Of the instructions
//! those of the protocols 2 to 5 are known, which `torch.save` writes; protocol 0 and 1 are older than PyTorch.

use super::TorchError;
use super::value::{Id, Object, Pickle, Value};
use std::collections::BTreeMap;

/// Values of one pickle. A tensor takes about 15, so that a network has some thousands at most.
const MOST_VALUES: usize = 1 << 18;

/// Instructions of one pickle. A number in a list is one, so that logs of long trainings pass.
const MOST_INSTRUCTIONS: usize = 1 << 22;

/// Containers inside one another. Python itself gives up at a thousand.
const DEEPEST: usize = 10_000;

/// Values that exist before the first instruction: the small integers and what stands behind them.
const INTEGERS: u32 = 256;
const NONE: Id = Id(INTEGERS);
const FALSE: Id = Id(INTEGERS + 1);
const TRUE: Id = Id(INTEGERS + 2);
const OTHER: Id = Id(INTEGERS + 3);
const EMPTY: Id = Id(INTEGERS + 4);

/// Reads the pickle at the start of `bytes`; there may be more behind it.
///
/// # Errors
/// If it is cut off, contradicts itself, holds instructions that are not known, or more than a network needs.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle<'_>, TorchError> {
    let mut values: Vec<Value> = (0..INTEGERS).map(|number| Value::Int(number.into())).collect();
    values.extend([
        Value::None,
        Value::Bool(false),
        Value::Bool(true),
        Value::Other,
        Value::Sequence(Vec::new()),
    ]);
    let mut machine =
        Machine { bytes, at: 0, values, stack: Vec::new(), marks: Vec::new(), memo: BTreeMap::new() };
    for _ in 0..MOST_INSTRUCTIONS {
        if let Some(root) = machine.step()? {
            return Ok(Pickle { values: machine.values, root, length: machine.at });
        }
    }
    Err(TorchError::TooMuch { what: "instructions", most: MOST_INSTRUCTIONS })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack that instructions come back to.
    marks: Vec<usize>,
    /// Values that are asked for again by number.
    memo: BTreeMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Carries out an instruction; the result if it is the last one.
    fn step(&mut self) -> Result<Option<Id>, TorchError> {
        let [instruction] = self.number()?;
        match instruction {
            b'.' => return self.pop().map(Some),
            // Protocol and frames: hints to the reader.
            0x80 => match self.number()? {
                [0..=5] => {}
                [protocol] => {
                    return self.fail(format!("expected pickle protocol 2 to 5, found {protocol}"));
                }
            },
            0x95 => drop(self.number::<8>()?),
            // The stack.
            b'(' => {
                if self.marks.len() >= DEEPEST {
                    return Err(TorchError::TooMuch { what: "containers inside one another", most: DEEPEST });
                }
                self.marks.push(self.stack.len());
            }
            b'0' if self.height() == 0 => drop(self.marked()?),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // Plain values.
            b'N' => self.stack.push(NONE),
            0x88 => self.stack.push(TRUE),
            0x89 => self.stack.push(FALSE),
            b'K' => {
                let [byte] = self.number()?;
                self.stack.push(Id(byte.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.number()?);
                self.push(Value::Int(number.into()))?;
            }
            b'J' => {
                let number = i32::from_le_bytes(self.number()?);
                self.push(Value::Int(number.into()))?;
            }
            0x8a => {
                let bytes = self.counted::<1>()?;
                self.long(bytes)?;
            }
            0x8b => {
                let bytes = self.counted::<4>()?;
                self.long(bytes)?;
            }
            b'G' => {
                self.number::<8>()?;
                self.stack.push(OTHER);
            }
            // Texts, and Python 2's strings, which mostly are.
            b'X' | b'T' => self.counted::<4>().and_then(|bytes| self.text(bytes))?,
            0x8c | b'U' => self.counted::<1>().and_then(|bytes| self.text(bytes))?,
            0x8d => self.counted::<8>().and_then(|bytes| self.text(bytes))?,
            // Bytes.
            b'C' => {
                self.counted::<1>()?;
                self.stack.push(OTHER);
            }
            b'B' => {
                self.counted::<4>()?;
                self.stack.push(OTHER);
            }
            0x8e | 0x96 => {
                self.counted::<8>()?;
                self.stack.push(OTHER);
            }
            // Containers.
            b')' => self.stack.push(EMPTY),
            b't' | 0x91 => {
                let elements = self.marked()?;
                self.push(Value::Sequence(elements))?;
            }
            0x85..=0x87 => {
                let mut elements = Vec::with_capacity(3);
                for _ in 0x84..instruction {
                    elements.push(self.pop()?);
                }
                elements.reverse();
                self.push(Value::Sequence(elements))?;
            }
            b']' | 0x8f => self.push(Value::Sequence(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b'a' => {
                let element = self.pop()?;
                self.append(&[element])?;
            }
            b'e' | 0x90 => {
                let elements = self.marked()?;
                self.append(&elements)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[[key, value]])?;
            }
            b'u' => {
                let items = self.marked()?;
                let (pairs, []) = items.as_chunks() else { return self.fail("a key has no value") };
                self.set(pairs)?;
            }
            // Classes, functions and what they give.
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(module, name))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.value(module), self.value(name)) {
                    (&Value::Text(module), &Value::Text(name)) => self.push(Value::Global(module, name))?,
                    _ => return self.fail("the name of a class is no text"),
                }
            }
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.object(class, arguments)?;
            }
            0x92 => {
                // Arguments by name, which nothing that is read here has.
                let (_, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.object(class, arguments)?;
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?);
                if let Some(Value::Object(object)) = self.values.get_mut(object.0 as usize) {
                    object.state = Some(state);
                }
            }
            b'Q' => {
                let words = self.pop()?;
                self.push(Value::Persistent(words))?;
            }
            // Values again.
            b'q' => {
                let [number] = self.number()?;
                self.memorize(number.into())?;
            }
            b'r' => {
                let number = u32::from_le_bytes(self.number()?);
                self.memorize(number)?;
            }
            0x94 => self.memorize(self.memo.len() as u32)?,
            b'h' => {
                let [number] = self.number()?;
                self.remember(number.into())?;
            }
            b'j' => {
                let number = u32::from_le_bytes(self.number()?);
                self.remember(number)?;
            }
            other => {
                return self.fail(format!(
                    "the instruction 0x{other:02x} is none that torch.save writes; load the file in PyTorch and save it \
                     again"
                ));
            }
        }
        Ok(None)
    }

    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, TorchError> {
        Err(TorchError::Pickle { at: self.at, reason: reason.into() })
    }

    /// The next bytes of the file.
    fn take(&mut self, count: u64) -> Result<&'a [u8], TorchError> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => {
                let found = self.bytes.len() - self.at;
                self.fail(format!("expected {count} more bytes, found {found}"))
            }
        }
    }

    /// The next bytes, which are a number or the like.
    fn number<const N: usize>(&mut self) -> Result<[u8; N], TorchError> {
        let mut number = [0; N];
        number.copy_from_slice(self.take(N as u64)?);
        Ok(number)
    }

    /// As many bytes as the `N` before them say.
    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], TorchError> {
        let count = self.number::<N>()?.iter().rev().fold(0, |count, &byte| count << 8 | u64::from(byte));
        self.take(count)
    }

    fn line(&mut self) -> Result<&'a str, TorchError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return self.fail("the name of a class has no end");
        };
        let line = self.take(length as u64)?;
        self.at += 1;
        std::str::from_utf8(line).or_else(|_| self.fail("the name of a class is no text"))
    }

    fn value(&self, id: Id) -> &Value<'a> {
        self.values.get(id.0 as usize).unwrap_or(&Value::Other)
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), TorchError> {
        if self.values.len() >= MOST_VALUES {
            return Err(TorchError::TooMuch { what: "values", most: MOST_VALUES });
        }
        self.stack.push(Id(self.values.len() as u32));
        self.values.push(value);
        Ok(())
    }

    /// Values above the last mark.
    fn height(&self) -> usize {
        self.stack.len() - self.marks.last().unwrap_or(&0)
    }

    fn top(&self) -> Result<Id, TorchError> {
        let top = if self.height() == 0 { None } else { self.stack.last().copied() };
        top.map_or_else(|| self.fail("an instruction finds no value"), Ok)
    }

    fn pop(&mut self) -> Result<Id, TorchError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// The values above the last mark, which are taken away with it.
    fn marked(&mut self) -> Result<Vec<Id>, TorchError> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => self.fail("an instruction finds no mark"),
        }
    }

    /// An integer of any length, in two's complement.
    fn long(&mut self, bytes: &[u8]) -> Result<(), TorchError> {
        let mut number = [if bytes.last().is_some_and(|&last| last >= 0x80) { 0xff } else { 0 }; 16];
        match number.get_mut(..bytes.len()) {
            Some(low) => low.copy_from_slice(bytes),
            None => {
                self.stack.push(OTHER);
                return Ok(());
            }
        }
        self.push(Value::Int(i128::from_le_bytes(number)))
    }

    fn text(&mut self, bytes: &'a [u8]) -> Result<(), TorchError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.push(Value::Text(text)),
            Err(_) => {
                self.stack.push(OTHER);
                Ok(())
            }
        }
    }

    /// Appends to what is on top.
    fn append(&mut self, elements: &[Id]) -> Result<(), TorchError> {
        let top = self.top()?;
        match self.values.get_mut(top.0 as usize) {
            // The empty tuple belongs to all.
            Some(Value::Sequence(list)) if top != EMPTY => list.extend_from_slice(elements),
            Some(Value::Object(object)) => object.elements.extend_from_slice(elements),
            _ => return self.fail("elements are appended to what is no list"),
        }
        Ok(())
    }

    /// Sets items of what is on top.
    fn set(&mut self, items: &[[Id; 2]]) -> Result<(), TorchError> {
        let top = self.top()?;
        match self.values.get_mut(top.0 as usize) {
            Some(Value::Dict(dict)) => dict.extend_from_slice(items),
            Some(Value::Object(object)) => object.items.extend_from_slice(items),
            _ => return self.fail("items are set in what is no dictionary"),
        }
        Ok(())
    }

    fn object(&mut self, class: Id, arguments: Id) -> Result<(), TorchError> {
        let object = Object { class, arguments, items: Vec::new(), elements: Vec::new(), state: None };
        self.push(Value::Object(Box::new(object)))
    }

    fn memorize(&mut self, number: u32) -> Result<(), TorchError> {
        let top = self.top()?;
        self.memo.insert(number, top);
        if self.memo.len() > MOST_VALUES {
            return Err(TorchError::TooMuch { what: "values", most: MOST_VALUES });
        }
        Ok(())
    }

    fn remember(&mut self, number: u32) -> Result<(), TorchError> {
        match self.memo.get(&number) {
            Some(&value) => self.stack.push(value),
            None => return self.fail(format!("value {number} is asked for before it is there")),
        }
        Ok(())
    }
}
