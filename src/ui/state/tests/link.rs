//! Links that are made and opened.

use super::*;
use crate::{
    link::{HashPrefix, Link},
    memory::{Budget, MemoryModel, Reserve, catalogue::MCUS},
    net::{Activation, Graph, Network, Pads, Shape, Window},
    quant::Policy,
};

/// The link to what is on the screen.
pub fn link(state: &State) -> String {
    state.design.link(state.link_hashes())
}

fn parsed(state: &State) -> Link {
    link(state).parse().expect("a link")
}

fn weights(name: &str) -> Action {
    Action::Asked(
        RUN,
        Command::OpenWeights { name: name.into(), network: None, settings: Default::default() },
        0.0,
    )
}

#[test]
fn links_lead_back_to_the_design() {
    let slot = Slot::Weight(3);
    let spec: Spec = "mnasnet-0.5-128".parse().expect("a name");
    let edited = state([Action::SelectNetwork(spec.into()), Action::Set(vec![slot], Bits::B2)]);
    let opened = state([Action::OpenLink(link(&edited))]);
    assert_eq!(opened.design, edited.design);
    assert_eq!(opened.link_error, None);
    assert_eq!(link(&opened), link(&edited));
}

#[test]
fn a_damaged_link_is_explained_and_changes_nothing() {
    let mut link = link(&State::default());
    link.truncate(link.len() - 3);
    let state = state([Action::OpenLink(link)]);
    assert_eq!(state.design, State::default().design);
    let error = state.link_error.as_deref().expect("a sentence");
    assert!(error.contains("cut off"), "{error}");
    assert_eq!(state.after(Action::Allocate(Preset::Rule)).link_error, None);
}

/// An nRF52840 has the memories of an STM32F412ZG, which stands before it in the catalogue.
#[test]
fn a_link_opens_with_the_device_it_was_made_for() {
    for mcu in MCUS {
        let made = state([Action::SelectTarget(Target::default().on(mcu))]);
        let opened = state([Action::OpenLink(link(&made))]);
        assert_eq!(opened.design.target, made.design.target, "{}", mcu.slug);
        assert_eq!(opened.link_notice(), None, "{}", mcu.slug);
    }
}

#[test]
fn budgets_without_a_device_stay_without_one() {
    let mcu = Mcu::by_slug("nrf52840").expect("in the catalogue");
    let spec = DEMOS[0];
    let policy = Policy::uniform(&spec.build(), Bits::B4, Bits::B8);
    let plain = Link::new(spec, policy, mcu.budget(Reserve::default()).expect("known"), MemoryModel::DEVICE);
    let opened = state([Action::OpenLink(plain.encode())]);
    assert_eq!((opened.design.target.device, opened.design.target.budget), (None, plain.budget));
    let newer = Link { device: Some("m99".into()), ..plain };
    let opened = state([Action::OpenLink(newer.encode())]);
    assert_eq!(opened.design.target.device, None);
    let notice = opened.link_notice().expect("a sentence");
    assert!(
        notice.contains("the microcontroller m99, which this version does not know with these memories"),
        "{notice}"
    );
}

/// A search is held to the device it was started for, also where another has the same memories.
#[test]
fn a_found_policy_comes_back_with_its_device() {
    let mcu = Mcu::by_slug("nrf52840").expect("in the catalogue");
    let ready = state([network(DEMOS[0]), images(), Action::SelectTarget(Target::default().on(mcu))]);
    let found = search::scored(&search::started(&ready), 1, 70);
    let elsewhere = found.after(Action::SelectTarget(Target::default()));
    let shown = elsewhere.after(Action::Adopt(Box::new(search::episode(&found, 1, 70))));
    assert_eq!(shown.design.target, ready.design.target);
}

#[test]
fn other_weights_and_images_than_the_links_are_named() {
    let made = state([network(DEMOS[0]), images()]);
    let [zeros, fs] = ["0", "f"].map(|digit| HashPrefix::of(&digit.repeat(64)));
    assert_eq!((parsed(&made).weights, parsed(&made).images), (zeros, fs));
    let elsewhere = made.after(Action::SelectNetwork(DEMOS[1].into()));
    assert_eq!((parsed(&elsewhere).weights, parsed(&elsewhere).images), (None, None), "of another network");

    let ones = HashPrefix::of(&"1".repeat(64));
    let other = Link { weights: ones, images: ones, ..parsed(&made) };
    let opened = state([Action::OpenLink(other.encode())]);
    assert_eq!((opened.link_notice(), parsed(&opened)), (None, other.clone()), "nothing is loaded yet");
    let demo = opened.after(network(DEMOS[0])).after(images());
    let notice = demo.link_notice().expect("two sentences");
    for part in
        ["other weights than those", "other images than those", "1111111111111111…", "0000000000000000…"]
    {
        assert!(notice.contains(part), "{part}: {notice}");
    }
    assert_eq!(parsed(&demo), other, "the page has loaded the demo by itself");

    let own = demo.after(weights("own")).after(network(DEMOS[0]));
    assert_eq!((parsed(&own).weights, parsed(&own).images), (zeros, ones));
    assert!(own.link_notice().is_some(), "still not the link's");
    let changed = own.after(Action::Set(vec![Slot::Weight(1)], Bits::B2));
    assert_eq!((changed.link_notice(), parsed(&changed).images), (None, fs), "a policy of one's own");
    assert!(changed.after(Action::Undo).link_notice().is_some());

    let same = state([Action::OpenLink(link(&made)), network(DEMOS[0]), images()]);
    assert_eq!(same.link_notice(), None);
}

/// A network of a file, for images of a size that none of the zoo has.
fn own(side: usize) -> Network {
    let mut graph = Graph::new(Shape::new(side, side, 3));
    let window = Window { kernel: 3, stride: 2, pads: Pads::symmetric(1) };
    let x = graph.conv("conv", 0, 4, window, Activation::Relu);
    let x = graph.global_avg_pool("pool", x);
    graph.linear("fc", x, 2);
    Network::own("own", graph)
}

/// What the worker says of a file with such a network.
fn opened_file(side: usize, origin: SettingOrigin) -> Action {
    let value = format!("{side}x{side}");
    let settings = vec![Setting { kind: SettingKind::Side, value, origin }];
    reported(Event::Network(NetworkSummary { settings, ..summary(own(side), "own.pth") }))
}

/// A file that leaves the size open is read with that of the link on the screen, whose policy stays there.
#[test]
fn a_link_keeps_the_size_of_its_network() {
    let policy = Policy::uniform(own(176).graph(), Bits::B2, Bits::B4);
    let made = Link::new(own(176), policy.clone(), Budget::PAPER, MemoryModel::DEVICE);
    let opened = state([Action::OpenLink(made.encode())]);
    assert_eq!(opened.design.network.side(), 176);
    let said = GivenSettings { epsilon: Some(0.01), side: Some(96), ..GivenSettings::default() };
    for (what, after, expected) in [
        ("the page as it opens", State::default(), (None, None)),
        ("the link", opened.clone(), (None, Some(176))),
        ("another policy", opened.after(Action::Allocate(Preset::Rule)), (None, Some(176))),
        ("another network", opened.after(Action::SelectNetwork(DEMOS[1].into())), (None, None)),
        ("a size of one's own", opened.after(Action::SetGiven(said)), (Some(96), Some(176))),
    ] {
        assert_eq!((after.given().side, after.given().linked_side), expected, "{what}");
    }
    assert_eq!(opened.after(Action::SetGiven(said)).given().epsilon, Some(0.01));

    let asked = opened.after(weights("own.pth"));
    let read = asked.after(opened_file(176, SettingOrigin::Linked));
    assert!(read.has_weights() && *read.design.policy() == Rc::new(policy));
    let other = asked.after(opened_file(224, SettingOrigin::Assumed("why".into())));
    assert_eq!((other.design.network.side(), other.given().linked_side), (224, None));
}

#[test]
fn a_size_that_the_file_fixes_has_a_reason() {
    for (origin, is_free) in [
        (SettingOrigin::Given, true),
        (SettingOrigin::Stated, true),
        (SettingOrigin::Assumed("why".into()), true),
        (SettingOrigin::Linked, true),
        (SettingOrigin::Fixed, false),
    ] {
        let state = state([weights("own.pth"), opened_file(96, origin.clone())]);
        let loaded = state.work.network.as_ref().expect("weights");
        let reason = loaded.why_not_side();
        assert_eq!(reason.is_none(), is_free, "{origin:?}: {reason:?}");
        assert!(reason.is_none_or(|reason| reason.contains("96x96")));
    }
}
