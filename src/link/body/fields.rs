//! What format 2 holds besides: fields with a tag and a length.

use super::{Reader, number};
use crate::{
    link::{HashPrefix, Link, LinkError},
    memory::Reserve,
};

/// Slug of the microcontroller in ASCII.
const DEVICE: u64 = 2;
/// FLASH and RAM beside the budgets for other things than the network, two numbers of bytes.
const RESERVE: u64 = 4;
/// First bytes of the SHA-256 of the weights.
const WEIGHTS: u64 = 6;
/// First bytes of the SHA-256 of the images.
const IMAGES: u64 = 8;

/// Bytes of a slug.
const LONGEST_SLUG: usize = 32;

/// The optional parts of a link.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) device: Option<String>,
    pub(super) reserve: Option<Reserve>,
    pub(super) weights: Option<HashPrefix>,
    pub(super) images: Option<HashPrefix>,
}

pub(super) fn write(bytes: &mut Vec<u8>, link: &Link) {
    let mut field = |tag: u64, content: &[u8]| {
        number::write(bytes, tag);
        number::write(bytes, content.len() as u64);
        bytes.extend_from_slice(content);
    };
    if let Some(slug) = link.device.as_ref().filter(|slug| is_slug(slug)) {
        field(DEVICE, slug.as_bytes());
    }
    if let Some(Reserve { flash, ram }) = link.reserve {
        let mut sizes = Vec::new();
        number::write(&mut sizes, flash as u64);
        number::write(&mut sizes, ram as u64);
        field(RESERVE, &sizes);
    }
    for (tag, hash) in [(WEIGHTS, &link.weights), (IMAGES, &link.images)] {
        if let Some(hash) = hash {
            field(tag, hash.bytes());
        }
    }
}

/// Reads fields to the end.
pub(super) fn read(mut reader: Reader<'_>) -> Result<Fields, LinkError> {
    let mut fields = Fields::default();
    let mut before = 0;
    while !reader.0.is_empty() {
        let (tag, length) = (reader.number()?, reader.number()?);
        if tag <= before {
            return Err(LinkError::Malformed("its fields are not in order"));
        }
        before = tag;
        let content = usize::try_from(length).ok().and_then(|length| reader.take(length));
        let content = content.ok_or(LinkError::Malformed("it ends in a field"))?;
        match tag {
            DEVICE => fields.device = Some(slug(content)?),
            RESERVE => fields.reserve = Some(sizes(content)?),
            WEIGHTS => fields.weights = Some(hash(content)?),
            IMAGES => fields.images = Some(hash(content)?),
            // The rule for what a later version adds.
            _ if tag % 2 == 1 => return Err(LinkError::Field(tag)),
            _ => {}
        }
    }
    Ok(fields)
}

fn slug(content: &[u8]) -> Result<String, LinkError> {
    let slug = str::from_utf8(content).ok().filter(|slug| is_slug(slug));
    slug.map(str::to_owned).ok_or(LinkError::Malformed("its device has no name of the catalogue's form"))
}

/// Whether a text can be the slug of a microcontroller: letters, digits and hyphens.
fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST_SLUG).contains(&text.len()) && text.bytes().all(allowed)
}

fn sizes(content: &[u8]) -> Result<Reserve, LinkError> {
    let mut reader = Reader(content);
    let sizes = Reserve { flash: reader.size()?, ram: reader.size()? };
    if reader.0.is_empty() { Ok(sizes) } else { Err(LinkError::Malformed("its reserve is too long")) }
}

fn hash(content: &[u8]) -> Result<HashPrefix, LinkError> {
    let bytes =
        content.try_into().map_err(|_| LinkError::Malformed("a hash has too few bytes or too many"))?;
    Ok(HashPrefix::from_bytes(bytes))
}
