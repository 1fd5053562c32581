//! Short texts that people type or that metadata hold: names, sizes, preprocessing.

use super::{KIB, MIB, Target, nothing};
use bitsmith::data::{Charset, Resize};
use bitsmith::export::{PackageName, identifier};
use bitsmith::flow::channels;
use bitsmith::link::HashPrefix;
use bitsmith::memory::{Bytes, Mcu};
use bitsmith::net::{Normalization, Spec};
use std::fmt::{Debug, Display};
use std::str::FromStr;

pub const TARGET: Target = Target {
    name: "words",
    longest: KIB,
    memory: |bytes| MIB + KIB * bytes,
    prepare: nothing,
    run,
    seeds,
    words: "mobilenet-v1-|mnasnet-|-128|KiB|MB|x/127.5 - 1|mean|std|ImageNet|0.485|crop=|stretch|cp932|gbk|\
        (x - |) / |\u{e9}|e308",
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let text = text.as_ref();
    survives::<Spec>(text);
    survives::<Resize>(text);
    survives::<Normalization>(text);
    survives::<PackageName>(text);
    let _ = text.parse::<Charset>().map(|charset| charset.decode(data));
    let _ = text.parse::<Bytes>().map(|bytes| bytes.to_string());
    let _ = (channels(text), HashPrefix::of(text), Mcu::by_slug(text));
    let name = identifier(text);
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
    assert!(name.bytes().next().is_none_or(|byte| byte.is_ascii_lowercase()), "{name}");
}

/// What a text is read as is read again from what it is shown as.
fn survives<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => {
            let shown = value.to_string();
            let again = shown.parse::<T>().map_err(|error| error.to_string());
            assert_eq!(again.as_ref(), Ok(&value), "{text:?} is shown as {shown:?}");
        }
        Err(error) => drop(error.to_string()),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "mobilenet-v2-0.35-128",
        "1.5MiB",
        "crop=0.9",
        "(x/255 - mean) / std, ImageNet",
        "RGB uint8 x -> x/127.5 - 1, float32",
        "(x - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]",
        "0.485, 0.456, 0.406",
        "cats_and_dogs",
        "shift_jis",
        "0123456789abcdef",
        "stm32h743zi",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
