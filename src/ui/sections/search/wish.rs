//! What the user wants of the next search.

use crate::{
    search::Allocator,
    ui::{
        components::NumberField,
        format,
        state::{Action, Wish},
    },
};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// Numbers of reward images; the last stands for all.
const LIMITS: [Option<usize>; 5] = [Some(100), Some(250), Some(500), Some(1_000), None];

#[derive(Properties, PartialEq)]
pub struct WishFieldsProps {
    pub wish: Wish,
    /// Number of pinned tensors.
    pub pins: usize,
    /// Numbers of reward and test images that are loaded.
    pub images: Option<(usize, usize)>,
    pub act: Callback<Action>,
}

/// Allocators, episodes, seed, images, and two switches.
#[component]
pub fn WishFields(props: &WishFieldsProps) -> Html {
    let WishFieldsProps { wish, pins, images, act } = props;
    let change = |change: fn(&mut Wish, &HtmlInputElement)| {
        let (wish, act) = (wish.clone(), act.clone());
        move |event: Event| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                let mut wish = wish.clone();
                change(&mut wish, &input);
                act.emit(Action::SetWish(wish));
            }
        }
    };
    let allocators = Allocator::ALL.into_iter().rev().map(|allocator| {
        let wish = wish.clone();
        let checked = wish.allocators.contains(&allocator);
        let onchange = act.reform(move |_| {
            let mut wish = wish.clone();
            if !wish.allocators.remove(&allocator) {
                wish.allocators.insert(allocator);
            }
            Action::SetWish(wish)
        });
        html! {
            <label class="check"><input type="checkbox" {checked} {onchange} />{ format!(" {}", allocator.title()) }</label>
        }
    });
    let on_limit = {
        let wish = wish.clone();
        act.reform(move |event: Event| {
            let place = event.target_dyn_into::<HtmlSelectElement>().map(|select| select.selected_index());
            let limit = place.and_then(|place| LIMITS.get(usize::try_from(place).ok()?).copied());
            Action::SetWish(Wish { limit: limit.flatten(), ..wish.clone() })
        })
    };
    let images = images.map_or(String::new(), |(reward, test)| {
        let reward = wish.limit.map_or(reward, |limit| limit.min(reward));
        format!(
            " {} of the loaded images steer the search (reward images); {} others test what it found, once.",
            format::grouped(reward as u64),
            format::grouped(test as u64)
        )
    });
    let pins = match pins {
        0 => "No tensor is pinned; pin some in the table above to keep their bits.".into(),
        pins => format!(
            "{} pinned to the bits in the table above.",
            format::count(*pins, "tensor is", "tensors are")
        ),
    };
    html! {
        <>
            <fieldset class="allocators"><legend>{ "Compare, within the same budgets and on the same images" }</legend>
                { for allocators }</fieldset>
            <details>
                <summary>{ "What each of them does" }</summary>
                <dl class="words">{ for Allocator::ALL.into_iter().rev().map(|allocator| html! {
                    <><dt>{ allocator.title() }</dt><dd>{ allocator.explanation() }</dd></>
                }) }</dl>
            </details>
            <div class="fields">
                <NumberField id="episodes" label="Episodes each" value={wish.episodes as u64} least={1} most={10_000}
                    on_change={ let wish = wish.clone(); act.reform(move |n| Action::SetWish(Wish { episodes: n as usize, ..wish.clone() })) } />
                <NumberField id="seed" label="Seed" value={wish.seed} least={0} most={u64::from(u32::MAX)}
                    on_change={ let wish = wish.clone(); act.reform(move |seed| Action::SetWish(Wish { seed, ..wish.clone() })) } />
                <div>
                    <label for="reward-images">{ "Reward images" }</label>
                    <select id="reward-images" onchange={on_limit}>
                        { for LIMITS.iter().map(|limit| html! {
                            <option selected={*limit == wish.limit}>{ match limit {
                                Some(number) => format::grouped(*number as u64),
                                None => "all".into(),
                            } }</option>
                        }) }
                    </select>
                </div>
            </div>
            <div class="toolbar">
                <label class="check" title="Its first episodes are the policies of the simpler allocators; measuring sensitivities for them takes two episodes a tensor">
                    <input type="checkbox" checked={wish.warm_start} onchange={change(|wish, input| wish.warm_start = input.checked())} />
                    { " Warm start of the agent" }</label>
                <label class="check" title="Give more bits where they fit until the budgets are used up">
                    <input type="checkbox" checked={wish.fill} onchange={change(|wish, input| wish.fill = input.checked())} />
                    { " Spend what is left of the budgets" }</label>
            </div>
            <p class="hint">{ pins }{ images }</p>
        </>
    }
}
