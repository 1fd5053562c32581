//! Links are read for ever, and whatever happens to one is said in a sentence.

use bitsmith::{
    link::{HashPrefix, Link, LinkError},
    memory::{Budget, Core, MemoryModel, Reserve, catalogue::MCUS},
    net::{Family, Padding, Spec, Width},
    quant::{Bits, Policy, Slot},
    search::{Allocator, Origin},
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
    let Link { network, policy, device, budget, reserve, memory, origin, seed, weights, images } = link;
    let (graph, spec) = (network.graph(), network.zoo().expect("a network of the zoo"));
    let join = |bits: Vec<usize>| bits.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    let optional = [
        ("device", device.clone()),
        ("reserve", reserve.map(|reserve| format!("{} {}", reserve.flash, reserve.ram))),
        ("weights_sha256", weights.map(|hash| hash.to_string())),
        ("images_sha256", images.map(|hash| hash.to_string())),
    ];
    let optional = optional.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let always = [
        ("network", spec.to_string()),
        ("classes", spec.classes.to_string()),
        ("padding", format!("{:?}", spec.padding)),
        ("flash", budget.flash.to_string()),
        ("ram", budget.ram.to_string()),
        // The device's model counts the code of a Cortex-M4 unless the link says otherwise.
        ("memory", if *memory == MemoryModel::DEVICE { "Device".into() } else { format!("{memory:?}") }),
        ("origin", format!("{origin:?}")),
        ("seed", seed.to_string()),
        ("weights", join(policy.weight_bits(graph))),
        ("activations", join(policy.activation_bits(graph))),
    ];
    always.into_iter().chain(optional).collect()
}

#[test]
fn golden_links_say_what_they_have_always_said() {
    let golden = golden();
    let of_format = |format| golden.iter().filter(|block| block["link"].starts_with(format)).count();
    assert!(of_format('1') >= 9 && of_format('2') >= 6);
    for mut block in golden {
        let text = block.remove("link").expect("every block has a link");
        let link: Link = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected: BTreeMap<_, _> = block.iter().map(|(&key, value)| (key, value.to_string())).collect();
        assert_eq!(contents(&link), expected, "{text}");
        let written = link.encode();
        assert_eq!(written.parse(), Ok(link.clone()), "{text}");
        assert!(text.starts_with('1') || written == text, "{text} and {written}");
        for around in [format!(" {text}\n"), format!("#{text}"), format!("https://example.org/?a=1#{text}")] {
            assert_eq!(around.parse(), Ok(link.clone()), "{around}");
        }
    }
}

/// A link with all that one can hold, each number as large as it can be for a network of the zoo and a microcontroller.
fn full(spec: Spec) -> Link {
    let policy = Policy::uniform(&spec.build(), Bits::B8, Bits::B8);
    let slugs = MCUS.iter().map(|mcu| mcu.slug);
    let hash = HashPrefix::of(&"f".repeat(64));
    let (flash, ram) = (64 << 20, 16 << 20);
    Link {
        device: slugs.max_by_key(|slug| slug.len()).map(str::to_owned),
        reserve: Some(Reserve { flash, ram }),
        origin: Allocator::Agent.into(),
        seed: u32::MAX.into(),
        weights: hash,
        images: hash,
        ..Link::new(spec, policy, Budget { flash, ram }, MemoryModel::DEVICE)
    }
}

#[test]
fn every_network_of_the_zoo_has_a_short_link() {
    let mut longest = BTreeMap::new();
    for family in Family::ALL {
        let widths = family.named_widths().iter();
        for (&width, side) in widths.flat_map(|width| Spec::SIDES.step_by(32).map(move |side| (width, side)))
        {
            let spec = Spec::new(family, Width(width), side).and_then(|spec| spec.with_classes(10_000));
            let length = full(spec.expect("in range")).encode().len();
            longest.entry(family).and_modify(|longest| *longest = length.max(*longest)).or_insert(length);
        }
    }
    let [v1, v2, mnasnet] = Family::ALL.map(|family| longest[&family]);
    let stated = format!("at most {v1} characters for MobileNetV1 and {} for the others", v2.max(mnasnet));
    let readme = include_str!("../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&stated), "README.md does not say: {stated}");
    assert!(v1 <= 140, "{v1}");
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
        ("3abc", LinkError::Newer('3')),
        ("2", LinkError::Truncated { expected: 8, found: 1 }),
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

const ORIGINS: [Origin; 4] =
    [Origin::ByHand, Origin::File, Origin::Allocator(Allocator::Rule), Origin::Allocator(Allocator::Agent)];

fn links() -> impl Strategy<Value = Link> {
    let widths = prop::collection::vec(0..3usize, 115);
    let sizes = || any::<(u32, u32)>();
    let hash =
        || prop::option::of("[0-9a-f]{16}".prop_map(|digits| HashPrefix::of(&digits).expect("a hash")));
    let target = (sizes(), 0..3usize, prop::option::of("[a-z0-9-]{1,32}"), prop::option::of(sizes()));
    let source = (0..ORIGINS.len(), any::<u64>(), hash(), hash());
    (specs(), widths, target, source).prop_map(
        |(spec, widths, ((flash, ram), model, device, reserve), (origin, seed, weights, images))| {
            let graph = spec.build();
            let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
            for (slot, width) in Slot::all(&graph).into_iter().zip(widths.into_iter().cycle()) {
                policy.set(slot, Bits::ALL[width]);
            }
            Link {
                network: spec.into(),
                policy,
                device,
                budget: Budget { flash: flash as usize, ram: ram as usize },
                reserve: reserve.map(|(flash, ram)| Reserve { flash: flash as usize, ram: ram as usize }),
                memory: [MemoryModel::Paper, MemoryModel::DEVICE, MemoryModel::Device(Core::Xtensa)][model],
                origin: ORIGINS[origin],
                seed,
                weights,
                images,
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
        prop_assert!(text.len() < 220 && text.chars().skip(1).all(|c| ALPHABET.contains(c)));
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
    fn any_other_text_is_refused(text in any::<String>(), coded in "[12][A-Za-z0-9_-]{0,120}") {
        complaint(&text)?;
        complaint(&coded)?;
    }
}
