//! The help window: what the page does, its words and its keys.

use crate::ui::browser;
use web_sys::{HtmlDialogElement, HtmlInputElement};
use yew::prelude::*;

/// Keys that work anywhere but in text fields.
const ANYWHERE: [(&str, &str); 6] = [
    ("m", "Measure the policy"),
    ("s", "Stop what is running, keep what was counted"),
    ("r", "Choose all bits by the rule"),
    ("u", "Undo (also Ctrl+Z)"),
    ("y", "Redo (also Ctrl+Y)"),
    ("?", "This help"),
];

/// Keys that work where they say.
const LOCAL: [(&str, &str); 6] = [
    ("2 4 8", "On bits in the table: set them"),
    ("p", "On bits in the table: pin them, so that searches and rules keep them"),
    ("← →", "On bits in the table: fewer, more"),
    ("↑ ↓", "On bits in the table: same column of the row above, below"),
    ("← → Home End", "On the charts: move the cursor; Enter goes to the layer's row"),
    ("Esc", "Close a list or this help"),
];

/// Words that the page uses, explained.
const WORDS: [(&str, &str); 27] = [
    ("Tensor", "The weights of one layer, or its activations. Each has bits of its own."),
    ("Bits", "With b bits a number is one of 2 to the power of b steps: 256, 16 or 4."),
    ("Activations", "The output of a layer, which the next layer reads."),
    ("Policy", "The bits of all tensors. W/A means bits of weights/bits of activations."),
    ("Multiplier", "The width multiplier of a network: a half has half the channels in every layer."),
    ("MACs", "Multiplications with addition that one image takes."),
    ("Padding", "Which border is added to images and activations; PyTorch and TensorFlow differ."),
    ("FLASH", "Memory for what never changes: packed weights, parameters, layer descriptors, code."),
    (
        "Parameters",
        "What each channel needs besides its weights: a multiplier, a shift and a bias for its integers.",
    ),
    ("Descriptors", "A few bytes per layer that tell the runtime its shapes and where its weights lie."),
    ("RAM", "Memory for what changes with every image."),
    ("Arena", "The one block of RAM in which all activations lie, each for as long as it is needed."),
    ("Scratch", "RAM that a layer needs only while it runs, such as unpacked rows of its input."),
    (
        "Gaps",
        "Parts of the arena that are free at its fullest moment but too small or in the wrong place for a tensor.",
    ),
    (
        "Device model, paper model",
        "Two ways to count. The device model is what the exported firmware takes, to the byte. The paper model is what \
         publications count: largest input plus output of a layer, weights and parameters, no code.",
    ),
    (
        "Calibrate",
        "To run some images through the network in real numbers, to see how large its activations get.",
    ),
    (
        "ICN",
        "Integer channel normalization: batch normalization and rescaling as one integer multiplier and bias for each \
         channel, so that the chip needs no real numbers.",
    ),
    ("Top-1", "Share of the images for which the class that the network rates highest is the right one."),
    (
        "Rule",
        "Cuts the bits of the largest tensors, in a fixed order, until FLASH and RAM hold. Needs no images.",
    ),
    (
        "Agent",
        "A reinforcement-learning search (DDPG): goes through the layers, chooses bits for each, sees how near the \
         network stays to the float network, and learns from that which choices pay.",
    ),
    ("Episode", "One policy that a search tries."),
    (
        "Reward images",
        "Images that a search measures policies on. Test images are kept apart from them until the end.",
    ),
    (
        "Divergence",
        "How far the answers of the network in integers are from those of the float network (Kullback-Leibler, in nats; 0 \
         is the same). It says something of every image, right answers only of the few that change.",
    ),
    (
        "Warm start",
        "Before it learns, the agent measures what narrowing each tensor alone costs, and tries the policies of the \
         simpler ways; it goes on from the best.",
    ),
    (
        "Run-off",
        "At the end the best few policies are measured on further images, so that none wins by luck on the reward images.",
    ),
    ("Seed", "Where random numbers begin: the same seed gives the same search."),
    (
        "Golden vectors",
        "Images in the package with the exact numbers that the firmware must compute for them.",
    ),
];

/// Key under which it is kept whether single keys are shortcuts.
const SHORTCUTS: &str = "shortcuts";

/// Whether single keys are shortcuts; some people's software types keys that they did not press.
pub fn shortcuts_on() -> bool {
    browser::preference(SHORTCUTS).as_deref() != Some("off")
}

#[derive(Properties, PartialEq)]
pub struct HelpProps {
    pub dialog: NodeRef,
}

/// A modal window; the caller opens it by `dialog`.
#[component]
pub fn Help(props: &HelpProps) -> Html {
    let on = use_state(shortcuts_on);
    let onchange = {
        let on = on.clone();
        move |event: Event| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                browser::keep_preference(SHORTCUTS, if input.checked() { "on" } else { "off" });
                on.set(input.checked());
            }
        }
    };
    let close = {
        let dialog = props.dialog.clone();
        move |_| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                dialog.close();
            }
        }
    };
    let keys = |rows: &[(&'static str, &'static str)]| -> Html {
        rows.iter()
            .map(|(keys, what)| {
                html! { <><dt>{ for keys.split(' ').map(|key| html! { <><kbd>{ key }</kbd>{ " " }</> }) }</dt><dd>{ *what }</dd></> }
            })
            .collect()
    };
    html! {
        <dialog ref={props.dialog.clone()} aria-labelledby="help-title">
            <h2 id="help-title">{ "Help" }</h2>
            <p>{ "Choose a network and a device, give every tensor 2, 4 or 8 bits until FLASH and RAM fit, measure the \
                  integer network on images, and download it as C code with packed weights. Everything runs on this \
                  machine; nothing is uploaded. The link holds the network, \
                  the budgets and the policy: copy it to share them." }</p>
            <h3>{ "Words" }</h3>
            <dl>{ for WORDS.map(|(word, what)| html! { <><dt>{ word }</dt><dd>{ what }</dd></> }) }</dl>
            <h3>{ "Keys" }</h3>
            <dl>{ keys(&ANYWHERE) }</dl>
            <label><input type="checkbox" checked={*on} {onchange} />{ " Single keys are shortcuts" }</label>
            <h3>{ "Keys in table and charts" }</h3>
            <dl>{ keys(&LOCAL) }</dl>
            <button type="button" class="primary" onclick={close}>{ "Close" }</button>
        </dialog>
    }
}

/// Opens a modal window.
pub fn open(dialog: &NodeRef) {
    if let Some(dialog) = dialog.cast::<HtmlDialogElement>().filter(|dialog| !dialog.open()) {
        // Fails only if the window is not in the page any more.
        let _ = dialog.show_modal();
    }
}
