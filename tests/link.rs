//! Links are read for ever, and whatever happens to one is said in a sentence.

use bitsmith::{
    link::{Allocator, Link, LinkError},
    memory::{Budget, MemoryModel},
    net::{Family, Padding, Spec, Width},
    quant::{Bits, Policy, Slot},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The characters of base64 with the URL-safe alphabet.
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Reads `tests/golden/links.txt`: blocks of `key value` lines, the text of the link first.
fn golden() -> Vec<BTreeMap<&'static str, &'static str>> {
    let text = include_str!("golden/links.txt");
    let lines = |block: &'static str| block.lines().filter(|line| !line.starts_with('#'));
    let pairs = |block| lines(block).map(|line| line.split_once(' ').expect("key and value")).collect();
    text.split("\n\n").map(pairs).filter(|block: &BTreeMap<_, _>| !block.is_empty()).collect()
}

/// The block that the golden file would have for a link, without its text.
fn contents(link: &Link) -> BTreeMap<&'static str, String> {
    let Link { spec, policy, budget, memory, allocator, seed } = link;
    let graph = spec.build();
    let join = |bits: Vec<usize>| bits.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    BTreeMap::from([
        ("network", spec.to_string()),
        ("classes", spec.classes.to_string()),
        ("padding", format!("{:?}", spec.padding)),
        ("flash", budget.flash.to_string()),
        ("ram", budget.ram.to_string()),
        // The device's model counts the code of a Cortex-M4 unless the link says otherwise.
        ("memory", if *memory == MemoryModel::DEVICE { "Device".into() } else { format!("{memory:?}") }),
        ("allocator", format!("{allocator:?}")),
        ("seed", seed.to_string()),
        ("weights", join(policy.weight_bits(&graph))),
        ("activations", join(policy.activation_bits(&graph))),
    ])
}

#[test]
fn golden_links_say_what_they_have_always_said() {
    let golden = golden();
    assert!(golden.len() >= 8);
    for mut block in golden {
        let text = block.remove("link").expect("every block has a link");
        let link: Link = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected: BTreeMap<_, _> = block.iter().map(|(&key, value)| (key, value.to_string())).collect();
        assert_eq!(contents(&link), expected, "{text}");
        assert_eq!(link.encode(), text);
        for around in [format!(" {text}\n"), format!("#{text}"), format!("https://example.org/?a=1#{text}")] {
            assert_eq!(around.parse(), Ok(link.clone()), "{around}");
        }
    }
}

#[test]
fn every_network_of_the_zoo_has_a_short_link() {
    let mut longest = 0;
    for family in Family::ALL {
        let widths = family.named_widths().iter();
        for (&width, side) in widths.flat_map(|width| Spec::SIDES.step_by(32).map(move |side| (width, side)))
        {
            let spec = Spec::new(family, Width(width), side).and_then(|spec| spec.with_classes(10_000));
            let spec = spec.expect("in range");
            let policy = Policy::uniform(&spec.build(), Bits::B8, Bits::B8);
            let budget = Budget { flash: u32::MAX as usize, ram: u32::MAX as usize };
            let (memory, allocator) = (MemoryModel::DEVICE, Allocator::Rule);
            let link = Link { spec, policy, budget, memory, allocator, seed: u64::MAX };
            longest = longest.max(link.encode().len());
        }
    }
    assert!(longest <= 100, "{longest}");
}

#[test]
fn what_is_no_link_is_told_apart() {
    let text = golden()[0]["link"];
    let cut = &text[..text.len() - 7];
    let longer = format!("{text}AAAA");
    let (length, cut_length) = (text.len(), cut.len());
    for (text, expected) in [
        ("", LinkError::Empty),
        ("  ", LinkError::Empty),
        ("https://example.org/#", LinkError::Empty),
        ("https://example.org/", LinkError::Foreign('h')),
        ("section-2", LinkError::Foreign('s')),
        ("0abc", LinkError::Foreign('0')),
        ("é", LinkError::Foreign('é')),
        ("2abc", LinkError::Newer('2')),
        ("1ab%20", LinkError::Character { position: 4, found: '%' }),
        ("1ab cd", LinkError::Character { position: 4, found: ' ' }),
        ("1", LinkError::Truncated { expected: 8, found: 1 }),
        ("1A", LinkError::Truncated { expected: 8, found: 2 }),
        (cut, LinkError::Truncated { expected: length, found: cut_length }),
        (&longer, LinkError::TooLong { expected: length, found: length + 4 }),
        ("1________________", LinkError::Damaged),
    ] {
        assert_eq!(text.parse::<Link>(), Err(expected), "{text:?}");
    }
}

fn specs() -> impl Strategy<Value = Spec> {
    (0..3usize, 10..=200u16, 1..=10u16, 2..=10_000u64, any::<bool>()).prop_map(
        |(family, width, side, classes, pytorch)| {
            let padding = if pytorch { Padding::PyTorch } else { Padding::TensorFlow };
            let spec = Spec::new(Family::ALL[family], Width(width), side * 32).expect("in range");
            spec.with_classes(classes).expect("in range").with_padding(padding)
        },
    )
}

fn links() -> impl Strategy<Value = Link> {
    let widths = prop::collection::vec(0..3usize, 115);
    (specs(), widths, any::<(u32, u32)>(), any::<bool>(), 0..3usize, any::<u64>()).prop_map(
        |(spec, widths, (flash, ram), device, allocator, seed)| {
            let graph = spec.build();
            let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
            for (slot, width) in Slot::all(&graph).into_iter().zip(widths.into_iter().cycle()) {
                policy.set(slot, Bits::ALL[width]);
            }
            Link {
                spec,
                policy,
                budget: Budget { flash: flash as usize, ram: ram as usize },
                memory: if device { MemoryModel::DEVICE } else { MemoryModel::Paper },
                allocator: [Allocator::ByHand, Allocator::Uniform, Allocator::Rule][allocator],
                seed,
            }
        },
    )
}

/// The error of a text that is no link, as a sentence.
fn complaint(text: &str) -> Result<String, TestCaseError> {
    match text.parse::<Link>() {
        Ok(link) => Err(TestCaseError::fail(format!("{text:?} was read as {link}"))),
        Err(error) => {
            let sentence = error.to_string();
            prop_assert!(sentence.len() > 30 && sentence.contains(' '), "{sentence}");
            Ok(sentence)
        }
    }
}

proptest! {
    #[test]
    fn links_round_trip(link in links()) {
        let text = link.encode();
        prop_assert!(text.len() < 160 && text.chars().skip(1).all(|c| ALPHABET.contains(c)));
        prop_assert_eq!(text.parse(), Ok(link));
    }

    #[test]
    fn one_changed_character_is_noticed(link in links(), position: prop::sample::Index, other in any::<char>()) {
        let text = link.encode();
        let position = position.index(text.len());
        let replaced = |c: char| format!("{}{c}{}", &text[..position], &text[position + 1..]);
        for c in ALPHABET.chars().chain([other]).filter(|c| !text[position..].starts_with(*c)) {
            complaint(&replaced(c))?;
        }
    }

    #[test]
    fn a_part_of_a_link_is_noticed(link in links(), ends: (prop::sample::Index, prop::sample::Index)) {
        let text = link.encode();
        let (a, b) = (ends.0.index(text.len()), ends.1.index(text.len()));
        complaint(&text[a.min(b)..a.max(b)])?;
        prop_assert!(a == 0 || complaint(&text[..a])?.contains("cut off"));
    }

    #[test]
    fn two_swapped_characters_are_noticed(link in links(), a: prop::sample::Index, b: prop::sample::Index) {
        let mut bytes = link.encode().into_bytes();
        let (a, b) = (a.index(bytes.len()), b.index(bytes.len()));
        prop_assume!(bytes[a] != bytes[b]);
        bytes.swap(a, b);
        complaint(std::str::from_utf8(&bytes).expect("ASCII"))?;
    }

    #[test]
    fn any_other_text_is_refused(text in any::<String>(), coded in "1[A-Za-z0-9_-]{0,120}") {
        complaint(&text)?;
        complaint(&coded)?;
    }
}
