//! What the user wants of the next training.

use crate::{
    train::DeviceChoice,
    ui::{
        components::{NumberField, TextField},
        format,
        state::{Action, Plan},
    },
};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// Numbers of training images; the last stands for all.
const LIMITS: [Option<usize>; 5] = [Some(500), Some(1_000), Some(2_000), Some(5_000), None];

const DEVICES: [(DeviceChoice, &str); 3] = [
    (DeviceChoice::Automatic, "fastest, measured"),
    (DeviceChoice::Gpu, "GPU (WebGPU)"),
    (DeviceChoice::Cpu, "processor"),
];

#[derive(Properties, PartialEq)]
pub struct PlanFieldsProps {
    pub plan: Plan,
    /// Whether the network has classes of which there are no images.
    pub lacks_classes: bool,
    /// Numbers of training and reward images that are loaded.
    pub images: Option<(usize, usize)>,
    pub act: Callback<Action>,
}

/// Epochs, batch, rate, images, device, distillation.
#[component]
pub fn PlanFields(props: &PlanFieldsProps) -> Html {
    let PlanFieldsProps { plan, lacks_classes, images, act } = props;
    let rate = plan.rate.unwrap_or(plan.usual(*lacks_classes).rate);
    let number = |change: fn(Plan, u64) -> Plan| {
        let plan = plan.clone();
        act.reform(move |number| Action::SetPlan(change(plan.clone(), number)))
    };
    let take_rate = {
        let (plan, act) = (plan.clone(), act.clone());
        move |text: String| match text.trim().parse::<f32>() {
            Ok(rate) if rate > 0.0 && rate <= 1.0 => {
                act.emit(Action::SetPlan(Plan { rate: Some(rate), ..plan.clone() }));
                Ok(())
            }
            _ => Err(format!("'{text}': expected a number above 0 and at most 1, such as 0.001")),
        }
    };
    let choice = |event: Event| {
        let select = event.target_dyn_into::<HtmlSelectElement>();
        select.and_then(|select| usize::try_from(select.selected_index()).ok())
    };
    let on_limit = {
        let plan = plan.clone();
        act.reform(move |event: Event| {
            let images = choice(event).and_then(|place| LIMITS.get(place).copied()).flatten();
            Action::SetPlan(Plan { images, ..plan.clone() })
        })
    };
    let on_device = {
        let plan = plan.clone();
        act.reform(move |event: Event| {
            let device = choice(event).and_then(|place| DEVICES.get(place)).map(|(device, _)| *device);
            Action::SetPlan(Plan { device: device.unwrap_or_default(), ..plan.clone() })
        })
    };
    let on_distill = {
        let plan = plan.clone();
        act.reform(move |event: Event| {
            let distill = event.target_dyn_into::<HtmlInputElement>().is_some_and(|input| input.checked());
            Action::SetPlan(Plan { distill, ..plan.clone() })
        })
    };
    let loaded = images.map_or(String::new(), |(train, reward)| {
        format!(
            "{} to train with are loaded; {} reward images choose the best epoch.",
            format::count(train, "image", "images"),
            format::grouped(reward as u64)
        )
    });
    html! {
        <>
            <div class="fields">
                <NumberField id="epochs" label="Epochs" value={u64::from(plan.epochs)} least={1} most={1_000}
                    on_change={number(|plan, n| Plan { epochs: n as u32, ..plan })} />
                <NumberField id="batch" label="Batch size" value={plan.batch as u64} least={2} most={1_024}
                    on_change={number(|plan, n| Plan { batch: n as usize, ..plan })} />
                <TextField id="rate" label="Learning rate" value={rate.to_string()} take={take_rate} />
                <div>
                    <label for="training-images">{ "Training images" }</label>
                    <select id="training-images" onchange={on_limit}>
                        { for LIMITS.iter().map(|limit| html! {
                            <option selected={*limit == plan.images}>{ match limit {
                                Some(number) => format!("at most {}", format::grouped(*number as u64)),
                                None => "all".into(),
                            } }</option>
                        }) }
                    </select>
                </div>
                <div>
                    <label for="training-device">{ "Train on" }</label>
                    <select id="training-device" onchange={on_device}>
                        { for DEVICES.iter().map(|(device, title)| html! {
                            <option selected={*device == plan.device}>{ *title }</option>
                        }) }
                    </select>
                </div>
            </div>
            if *lacks_classes {
                <label class="check" title="The loss asks for the answers of the network as it was loaded (knowledge distillation), \
                    not for the labels">
                    <input type="checkbox" checked={plan.distill} onchange={on_distill} />
                    { " Keep all classes: learn the float network's answers only. There are images of some of the classes; labels \
                      alone would make it forget the others. To give these up, specialise the network in section 3." }</label>
            } else {
                <label class="check" title="Half of the loss asks for the answers of the network as it was loaded (knowledge distillation)">
                    <input type="checkbox" checked={plan.distill} onchange={on_distill} />
                    { " Learn the float network's answers, too" }</label>
            }
            <p class="hint">{ loaded }</p>
        </>
    }
}
