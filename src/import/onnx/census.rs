//! What a file will take in memory, before it is decoded.
//!
//! An empty node takes two bytes in a file and some hundred in memory. So the messages are walked over once without
//! keeping anything, and what [`onnx_proto`](crate::onnx_proto) will make of each is added up.

use super::OnnxError;

/// Bytes that all messages may take besides the bytes of the file: about 100 000 messages.
const MOST_BYTES: u64 = 48 << 20;

/// Bytes of one message in memory, with room for lists that double.
const MESSAGE: u64 = 384;

/// Bytes of one text or list of bytes.
const TEXT: u64 = 32;

/// Bytes of one number.
const NUMBER: u64 = 8;

/// The kinds of messages, as far as others lie in them. None lies in itself, so that the walk is never deep.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    /// Without messages in it.
    Leaf,
}

impl Kind {
    /// The kind of message that a field holds.
    fn child(self, field: u64) -> Option<Self> {
        Some(match (self, field) {
            (Self::Model, 7) => Self::Graph,
            (Self::Model, 8 | 14) | (Self::Function, 9) | (Self::Tensor, 13) | (Self::Shape, 1) => Self::Leaf,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5) => Self::Tensor,
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::ValueInfo, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            _ => return None,
        })
    }

    /// Whether a field is a list of numbers that may take fewer bytes in the file than in memory.
    fn grows(self, field: u64) -> bool {
        matches!((self, field), (Self::Tensor, 1) | (Self::Attribute, 8))
    }
}

/// Counts.
///
/// # Errors
/// If the bytes are no messages, or would take too much.
pub fn check(bytes: &[u8]) -> Result<(), OnnxError> {
    let most = MOST_BYTES + bytes.len() as u64;
    Census { total: 0, most }.walk(Kind::Model, bytes)
}

struct Census {
    total: u64,
    most: u64,
}

impl Census {
    fn walk(&mut self, kind: Kind, mut rest: &[u8]) -> Result<(), OnnxError> {
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            let field = key >> 3;
            let payload = match key & 7 {
                0 => {
                    varint(&mut rest)?;
                    self.add(NUMBER)?;
                    continue;
                }
                1 => {
                    take(&mut rest, 8)?;
                    self.add(NUMBER)?;
                    continue;
                }
                5 => {
                    take(&mut rest, 4)?;
                    self.add(NUMBER)?;
                    continue;
                }
                2 => {
                    let length = varint(&mut rest)?;
                    take(&mut rest, usize::try_from(length).unwrap_or(usize::MAX))?
                }
                other => return Err(OnnxError::Format(format!("a field of wire type {other}"))),
            };
            match kind.child(field) {
                Some(child) => {
                    self.add(MESSAGE)?;
                    self.walk(child, payload)?;
                }
                None if kind.grows(field) => self.add(NUMBER * payload.len() as u64)?,
                None => self.add(TEXT)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, bytes: u64) -> Result<(), OnnxError> {
        self.total += bytes;
        if self.total <= self.most {
            return Ok(());
        }
        let what = "the description of the network's nodes".to_owned();
        Err(OnnxError::TooLarge { what, found: (self.total >> 20) + 1, most: self.most >> 20 })
    }
}

/// The next number, of up to ten bytes with seven bits each.
pub fn varint(rest: &mut &[u8]) -> Result<u64, OnnxError> {
    let mut value = 0_u64;
    for (place, byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *rest = rest.get(place + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(OnnxError::Format("a number without an end".into()))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], OnnxError> {
    let (taken, after) = rest.split_at_checked(count).ok_or_else(|| {
        OnnxError::Format(format!("cut off: expected {count} more bytes, found {}", rest.len()))
    })?;
    *rest = after;
    Ok(taken)
}
