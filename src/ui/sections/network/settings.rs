//! How a file was read: what was recognized in it, what is assumed, what the user says.

use super::super::Controls;
use crate::{
    flow::{
        Command, GivenSettings, NetworkSummary, PreprocessingVerdict, RangesFrom, Setting, SettingKind,
        channels,
    },
    net::{ColourRange, Normalization, Padding},
    ui::{
        components::{Button, TextField},
        format,
        state::{Action, Reading},
    },
};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct TrainedSettingsProps {
    /// The weights that are loaded.
    pub loaded: Option<NetworkSummary>,
    /// What was found of the preprocessing that was assumed.
    pub verdict: Option<PreprocessingVerdict>,
    /// Whether images are loaded.
    pub has_images: bool,
    pub given: GivenSettings,
    pub controls: Controls,
}

/// What was recognized and what is assumed, a check of the latter, and fields to say otherwise.
#[component]
pub fn TrainedSettings(props: &TrainedSettingsProps) -> Html {
    let TrainedSettingsProps { loaded, verdict, has_images, given, controls } = props;
    let settings = loaded.as_ref().map_or(&[][..], |loaded| &loaded.settings);
    let has_ranges = loaded.as_ref().is_some_and(|loaded| loaded.ranges.is_some());
    let reading = loaded.as_ref().map(Reading::of).unwrap_or_default();
    let assumed = reading.assumed.len();
    let use_settings = {
        let (controls, is_loaded) = (controls.clone(), loaded.is_some());
        Callback::from(move |given: GivenSettings| {
            controls.act.emit(Action::SetGiven(given));
            if is_loaded {
                controls.ask.emit((Command::UseSettings(given), Vec::new()));
            }
        })
    };
    let check = controls.ask.reform(|_| (Command::CheckPreprocessing, Vec::new()));
    html! {
        <>
            if assumed > 0 {
                <p class="warning">{ format!("{} assumed of these weights: a wrong one costs accuracy without an error. ",
                    if assumed == 1 { "One thing is".into() } else { format!("{assumed} things are") }) }
                    if settings.iter().any(Setting::can_be_checked) {
                        <Button onclick={check}
                            why_not={(!has_images).then(|| AttrValue::from("Load images first: their labels tell."))}>
                            { "Check on calibration images" }</Button>
                    }
                </p>
            }
            if let Some(verdict) = verdict {
                <Found verdict={verdict.clone()} given={*given} use_settings={use_settings.clone()} />
            }
            <details class="reading" open={assumed > 0}>
                <summary>{ reading.title() }</summary>
                { list("read-recognized", "Recognized", &reading.recognized) }
                { list("read-assumed", "Assumed", &reading.assumed) }
                { list("read-unused", "Not used", &reading.unused) }
                <Fields settings={settings.to_vec()} {has_ranges} given={*given} {use_settings}
                    why_not_side={loaded.as_ref().and_then(NetworkSummary::why_not_side)} />
            </details>
        </>
    }
}

/// Clauses under a heading; nothing if there are none.
fn list(id: &'static str, title: &'static str, clauses: &[String]) -> Html {
    if clauses.is_empty() {
        return Html::default();
    }
    html! {
        <>
            <h3 {id}>{ title }</h3>
            <ul aria-labelledby={id}>{ for clauses.iter().map(|clause| html! { <li>{ format::sentence(clause) }</li> }) }</ul>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct FoundProps {
    verdict: PreprocessingVerdict,
    given: GivenSettings,
    use_settings: Callback<GivenSettings>,
}

/// What the check has found, with a button that takes what is better.
#[component]
fn Found(props: &FoundProps) -> Html {
    let FoundProps { verdict, given, use_settings } = props;
    let better = given.with(verdict);
    let take = use_settings.reform(move |_| better);
    html! {
        <div role="status">
            <p class={if verdict.better.is_some() { "warning" } else { "hint" }}>
                { format::sentence(&verdict.sentence()) }{ " " }
                if verdict.better.is_some() { <Button onclick={take}>{ "Use the former" }</Button> }
            </p>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct FieldsProps {
    settings: Vec<Setting>,
    /// Whether the file has ranges of activations.
    has_ranges: bool,
    given: GivenSettings,
    use_settings: Callback<GivenSettings>,
    /// Why the input size cannot be another.
    why_not_side: Option<String>,
}

/// Fields for what the user knows better than the file.
#[component]
fn Fields(props: &FieldsProps) -> Html {
    let FieldsProps { settings, has_ranges, given, use_settings, why_not_side } = props;
    let given = *given;
    let range = use_state(ColourRange::default);
    let stated = settings.iter().find(|setting| setting.kind == SettingKind::Normalization);
    let normalization = given.normalization.or_else(|| stated?.value.parse().ok());
    let shown_epsilon = settings.iter().find(|setting| setting.kind == SettingKind::Epsilon);
    let shown_epsilon =
        given.epsilon.map(|epsilon| epsilon.to_string()).or(shown_epsilon.map(|s| s.value.clone()));

    // The setting reads 176x176.
    let shown_side = settings.iter().find(|setting| setting.kind == SettingKind::Side);
    let shown_side = shown_side.and_then(|side| side.value.split_once('x')).map(|(rows, _)| rows.to_owned());
    let given_side = given.side.filter(|_| why_not_side.is_none()).map(|side| side.to_string());
    let shown_side = given_side.or(shown_side).unwrap_or_default();

    let take_formula = {
        let use_settings = use_settings.clone();
        move |text: String| {
            let normalization = if text.trim().is_empty() {
                None
            } else {
                Some(text.parse::<Normalization>().map_err(|error| error.to_string())?)
            };
            use_settings.emit(GivenSettings { normalization, ..given });
            Ok(())
        }
    };
    let base = normalization.unwrap_or(Normalization::UNIT);
    let unit = range.most() / 255.0;
    let in_range = move |values: [f32; 3]| values.map(|value| f64::from(value) * unit);
    let (mean, deviation) = (in_range(base.mean), in_range(base.deviation));
    let take_numbers = |of_mean: bool| {
        let (use_settings, range) = (use_settings.clone(), *range);
        Callback::from(move |text: String| -> Result<(), String> {
            let numbers = channels(&text)
                .ok_or_else(|| format!("'{text}': expected one number, or three with commas between them"))?;
            let (mean, deviation) = if of_mean { (numbers, deviation) } else { (mean, numbers) };
            let normalization =
                Normalization::new(mean, deviation, range).map_err(|error| error.to_string())?;
            use_settings.emit(GivenSettings { normalization: Some(normalization), ..given });
            Ok(())
        })
    };
    let take_epsilon = {
        let use_settings = use_settings.clone();
        move |text: String| {
            let epsilon = match text.trim() {
                "" => None,
                text => match text.parse::<f32>() {
                    Ok(epsilon) if epsilon > 0.0 && epsilon < 1.0 => Some(epsilon),
                    _ => return Err(format!("'{text}': expected a number between 0 and 1, e.g. 0.001")),
                },
            };
            use_settings.emit(GivenSettings { epsilon, ..given });
            Ok(())
        }
    };
    let take_side = {
        let use_settings = use_settings.clone();
        move |text: String| {
            use_settings.emit(GivenSettings { side: GivenSettings::side_of(&text)?, ..given });
            Ok(())
        }
    };
    let paddings = [None, Some(Padding::TensorFlow), Some(Padding::PyTorch)];
    let padding_options = paddings.map(|padding| {
        (padding.map_or("as the file says", Padding::title).to_owned(), padding == given.padding)
    });
    let on_padding = {
        let use_settings = use_settings.clone();
        super::chosen(move |i| use_settings.emit(GivenSettings { padding: paddings[i], ..given }))
    };
    let ranges = [(ColourRange::One, "0 to 1"), (ColourRange::Codes, "0 to 255")];
    let range_options = ranges.map(|(one, title)| (title.to_owned(), one == *range));
    let on_range = {
        let range = range.clone();
        super::chosen(move |i| range.set(ranges[i].0))
    };
    let formula = normalization.map(|normalization| normalization.to_string()).unwrap_or_default();
    let sources = [RangesFrom::Images, RangesFrom::File];
    let range_sources =
        [("the calibration images", RangesFrom::Images), ("the file, at 8 bits", RangesFrom::File)]
            .map(|(title, from)| (title.to_owned(), from == given.ranges));
    let on_source = {
        let use_settings = use_settings.clone();
        super::chosen(move |i| use_settings.emit(GivenSettings { ranges: sources[i], ..given }))
    };
    let unsaid = GivenSettings { linked_side: given.linked_side, ..GivenSettings::default() };
    let forget = use_settings.reform(move |_| unsaid);
    html! {
        <>
            <h3>{ "To say otherwise" }</h3>
            <p class="hint">{ "Preprocessing is a formula of a colour x from 0 to 255, such as x/127.5 - 1, or mean and deviation \
                of the colours. Say here what the file does not." }</p>
            <div class="fields">
                <TextField id="preprocessing" label="Preprocessing" value={formula} take={take_formula} />
                <TextField id="mean" label="Mean" value={numbers(mean)} take={take_numbers(true)} />
                <TextField id="deviation" label="Deviation" value={numbers(deviation)}
                    take={take_numbers(false)} />
                { super::select("colour-range", "Of colours from", &range_options, on_range) }
                <TextField id="epsilon" label="Epsilon" value={shown_epsilon.unwrap_or_default()} take={take_epsilon} />
                { super::select("trained-padding", "Trained with padding", &padding_options, on_padding) }
                <TextField id="read-side" label="Input size" value={shown_side} numeric={true} take={take_side}
                    why_not={why_not_side.clone().map(AttrValue::from)} />
                if *has_ranges {
                    { super::select("ranges", "Ranges of activations from", &range_sources, on_source) }
                }
            </div>
            if given != unsaid {
                <p class="tools"><Button onclick={forget}>{ "Read it as the file says" }</Button></p>
            }
        </>
    }
}

/// One number if all are equal, else three.
fn numbers(values: [f64; 3]) -> String {
    let short = values.map(|value| ((value * 1e6).round() / 1e6).to_string());
    if short.iter().all(|value| *value == short[0]) { short[0].clone() } else { short.join(", ") }
}
