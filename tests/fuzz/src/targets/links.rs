//! Policy links of both formats.

use super::{KIB, MIB, Target, nothing};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bitsmith::link::Link;
use bitsmith::memory::{Budget, MemoryModel, Reserve};
use bitsmith::net::Spec;
use bitsmith::quant::{Bits, Policy};

pub const TARGET: Target = Target {
    name: "links",
    longest: 2048,
    memory: |bytes| MIB + KIB * bytes,
    prepare: nothing,
    run,
    seeds,
    words: "https://|#|1|2|stm32f767zi",
};

/// The first byte says whether the rest is a text, or the body of a link that gets its length and its checksum here.
fn run(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let text = match kind {
        b'1' | b'2' => sealed(char::from(kind), rest),
        _ => String::from_utf8_lossy(rest).into_owned(),
    };
    match text.parse::<Link>() {
        Ok(link) => check(&link),
        Err(error) => drop(error.to_string()),
    }
}

fn check(link: &Link) {
    let again = link.encode().parse::<Link>();
    assert_eq!(again.as_ref(), Ok(link), "a link is read as it was written");
    assert!(link.to_string().contains("network: "));
    let graph = link.network.graph();
    let footprint = link.memory.footprint(graph, &link.policy);
    for excess in footprint.excesses(graph, &link.policy, link.budget) {
        drop(excess.to_string());
    }
    let _ = link.mcu();
}

/// The text of a body, as src/link.rs describes it.
fn sealed(format: char, body: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut length = body.len();
    while length >= 128 {
        bytes.push(length as u8 | 128);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(body);
    let mut crc = crc32fast::Hasher::new();
    crc.update(format.to_string().as_bytes());
    crc.update(&bytes);
    bytes.extend(crc.finalize().to_le_bytes());
    format!("{format}{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (name, device) in [("mobilenet-v1-0.25-128", Some("stm32f767zi")), ("mnasnet-0.5-32", None)] {
        let spec = name.parse::<Spec>().expect("a name");
        let policy = Policy::uniform(&spec.build(), Bits::B4, Bits::B8);
        let mut link = Link::new(spec, policy, Budget::PAPER, MemoryModel::DEVICE);
        link.device = device.map(str::to_owned);
        link.reserve = device.map(|_| Reserve { flash: 4096, ram: 2048 });
        let text = link.encode();
        let bytes = URL_SAFE_NO_PAD.decode(&text[1..]).expect("base64");
        // One or two bytes of length, four of checksum.
        let start = if bytes[0] < 128 { 1 } else { 2 };
        let body = &bytes[start..bytes.len() - 4];
        seeds.push([b"2", body].concat());
        seeds.push([b"1", body].concat());
        seeds.push([b" https://example.org/#", text.as_bytes()].concat());
    }
    seeds
}
