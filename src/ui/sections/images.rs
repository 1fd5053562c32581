//! What the network is calibrated with and measured on.

use super::{Controls, Section, failure};
use crate::{
    flow::ImagesSummary,
    ui::{
        components::{DropZone, Progress},
        format,
        state::{Area, Work},
    },
};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ImagesSectionProps {
    /// Classes of the network on the screen.
    pub classes: u16,
    pub work: Work,
    pub controls: Controls,
}

/// Own images, and what was found in them.
#[component]
pub fn ImagesSection(props: &ImagesSectionProps) -> Html {
    let ImagesSectionProps { classes, work, controls } = props;
    let on_files = {
        let controls = controls.clone();
        Callback::from(move |picked| controls.open_images(picked))
    };
    html! {
        <Section id="images" number={3} title="Images">
            <DropZone id="images" what="a folder, .zip, .tar or .tgz" accept=".zip,.tar,.tgz,.gz" multiple={true}
                file_title="Choose archives" folder_title="Choose folder" {on_files} />
            <p class="hint">{ "One folder per class. Images stay on this machine." }</p>
            { match &work.images {
                Some(images) => html! { <Summary images={images.clone()} classes={*classes} /> },
                None => html! { <p class="hint">{ "No images loaded. A demo network brings its own." }</p> },
            } }
            if let Some(running) = work.running(Area::Images) {
                <Progress running={running.clone()} />
            }
            { failure(work.failure(Area::Images)) }
        </Section>
    }
}

#[derive(Properties, PartialEq)]
struct SummaryProps {
    images: ImagesSummary,
    classes: u16,
}

/// Source, counts, classes, and what was skipped.
#[component]
fn Summary(props: &SummaryProps) -> Html {
    let SummaryProps { images, classes } = props;
    let grouped = |number: usize| format::grouped(number as u64);
    let all: usize = images.classes.iter().map(|class| class.images).sum();
    html! {
        <div class="loaded">
            <p>{ "Images: " }<b>{ &images.source }</b>{ format!(", {} in {}.", format::count(all, "image", "images"),
                format::count(images.classes.len(), "class", "classes")) }</p>
            <p>{ format!("{} to calibrate with, {} to measure on; no image is in both.",
                grouped(images.calibration), grouped(images.evaluation)) }</p>
            if images.classes.len() != usize::from(*classes) {
                <p class="warning">{ format!("The images have {}, the network has {}: unless their names match, open images with the \
                    network's classes.",
                    format::count(images.classes.len(), "class", "classes"), grouped(usize::from(*classes))) }</p>
            }
            <details>
                <summary>{ "Classes" }</summary>
                <ul class="class-list" tabindex="0" aria-label="Classes">
                    { for images.classes.iter().map(|class| html! {
                        <li key={class.folder.clone()}>{ &class.name }
                            if class.name != class.folder { <span class="hint">{ format!(" {}", class.folder) }</span> }
                            { " " }<b>{ grouped(class.images) }</b></li>
                    }) }
                </ul>
            </details>
            if images.skipped_count > 0 {
                <details>
                    <summary>{ format!("{} skipped", format::count(images.skipped_count, "file", "files")) }</summary>
                    <ul class="class-list skipped" tabindex="0" aria-label="Skipped files">
                        { for images.skipped.iter().map(|line| html! { <li>{ line }</li> }) }
                        if images.skipped_count > images.skipped.len() {
                            <li>{ format!("and {} more", grouped(images.skipped_count - images.skipped.len())) }</li>
                        }
                    </ul>
                </details>
            }
        </div>
    }
}
