//! The package: one folder with all that firmware needs.

use super::{
    ExportError,
    archive::{self, File},
    blob, check,
    describe::Description,
    golden::{GoldenImage, GoldenVector},
    model,
    onnx::{self, Outputs},
    policy,
    render::{Renderer, bytes_as_words},
    report::Report,
    runtime,
};
use crate::{
    memory::{Budget, Core},
    quant::QuantizedNetwork,
};
use serde::Serialize;

/// Right answers among images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Accuracy {
    /// Images whose highest logit was that of their class.
    pub correct: usize,
    /// Images classified.
    pub images: usize,
}

/// What the package says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageInfo {
    /// What C names begin with, and the name of the folder; see [`identifier`].
    pub name: String,
    /// The link that opens the policy.
    pub link: Option<String>,
    /// The microcontroller that it was made for.
    pub device: Option<String>,
    /// The core that it was made for.
    pub core: Core,
    /// Bytes that it had to keep to.
    pub budget: Option<Budget>,
    /// Accuracy of the integers in the package.
    pub accuracy: Option<Accuracy>,
    /// Accuracy of the float network on the same images.
    pub float_accuracy: Option<Accuracy>,
    /// Epochs of training after the weight file was loaded, if there were any.
    pub trained_epochs: Option<u32>,
    /// SHA-256 of the weight file in hexadecimal.
    pub weights_sha256: Option<String>,
    /// Where the images came from.
    pub images: Option<String>,
    /// What has chosen the policy, e.g. `rule`.
    pub allocator: Option<String>,
    /// Seed of the run that has chosen it.
    pub seed: Option<u64>,
}

/// A name for C out of a network's or any other name: small letters, digits and underscores.
///
/// ```
/// assert_eq!(bitsmith::export::identifier("mobilenet-v1-0.25-128"), "mobilenet_v1_0_25_128");
/// assert_eq!(bitsmith::export::identifier("3 cats!"), "network_3_cats_");
/// ```
pub fn identifier(name: &str) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let folded: String = name.chars().map(fold).collect();
    if is_identifier(&folded) { folded } else { format!("network_{folded}") }
}

/// Whether names in C and files of the package can begin with this.
fn is_identifier(name: &str) -> bool {
    // Headers that the package includes itself.
    const TAKEN: [&str; 6] = ["bitsmith", "weights", "stdbool", "stddef", "stdint", "string"];
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with("bs_")
        && !TAKEN.contains(&name)
}

/// Templates that every package has, and where their text goes; NAME stands for the package's.
const RENDERED: [(&str, &str); 15] = [
    ("README.md", "README.md"),
    ("CMakeLists.txt", "CMakeLists.txt"),
    ("library.json", "library.json"),
    ("library.properties", "library.properties"),
    ("package.pdsc", "Bitsmith.NAME.pdsc"),
    ("module.yml", "zephyr/module.yml"),
    ("zephyr.cmake", "zephyr/CMakeLists.txt"),
    ("Kconfig", "zephyr/Kconfig"),
    ("main.c", "examples/main.c"),
    ("classify.ino", "examples/classify/classify.ino"),
    ("network.h", "src/NAME.h"),
    ("network.c", "src/network.c"),
    ("golden.S", "src/golden.S"),
    ("weights.h", "src/NAME_weights.h"),
    ("weights.S", "src/weights.S"),
];

/// The zip archive of a network's package. The same arguments always give the same bytes.
///
/// The images go into the self-test, the first also into the example; each takes as many bytes of FLASH as it has
/// codes, in firmware that calls the self-test.
///
/// # Errors
/// If the network cannot be exported (see [`model::write`]), the name is no C name, there is no golden image, or one
/// has another size or class than the network.
pub fn package(
    network: &QuantizedNetwork,
    info: &PackageInfo,
    images: &[GoldenImage],
) -> Result<Vec<u8>, ExportError> {
    archive::zip(&info.name, &files(network, info, images)?)
}

/// The package's files in the order in which the archive has them.
fn files(
    network: &QuantizedNetwork,
    info: &PackageInfo,
    images: &[GoldenImage],
) -> Result<Vec<File>, ExportError> {
    if !is_identifier(&info.name) {
        return Err(ExportError::Name(info.name.clone()));
    }
    if images.is_empty() {
        return Err(ExportError::NoImages);
    }
    check::check(network)?;
    let vectors = GoldenVector::all(network, images)?;
    let section = blob::write(network);
    let images = vectors.iter().flat_map(|vector| vector.pixels.iter().copied()).collect::<Vec<u8>>();
    let sources = runtime::sources(&network.graph);

    let description = Description::new(network, info, &vectors, &sources, &section);
    let renderer = Renderer::new(&description)?;
    let name = &info.name;
    let model = model::write(network)?;
    let onnx = onnx::write(network, Outputs::Logits)?;
    let report = Report::new(network, info, &model, &onnx);
    let QuantizedNetwork { spec, graph, policy, .. } = network;
    let mut files = vec![
        File::new("LICENSE-MIT", include_str!("../../LICENSE-MIT")),
        File::new("LICENSE-APACHE", include_str!("../../LICENSE-APACHE")),
        File::new("model.bin", model),
        File::new("model.onnx", onnx),
        File::new("policy.json", policy::write(spec, graph, policy)),
        File::new("haq.json", policy::write_haq(graph, policy)),
        File::new("report.json", report.json()),
        File::new("report.html", report.html()?),
        File::new("src/weights.c", renderer.render_with("weights.c", &bytes_as_words(&section))?),
        File::new("src/weights.bin", section),
        File::new("src/golden.c", renderer.render_with("golden.c", &bytes_as_words(&images))?),
        File::new("src/golden.bin", images),
    ];
    for (template, path) in RENDERED {
        files.push(File::new(path.replace("NAME", name), renderer.render(template)?));
    }
    if network.labels.is_some() {
        files.push(File::new("src/labels.c", renderer.render("labels.c")?));
    }
    files.extend(sources.iter().map(|source| File::new(format!("src/{}", source.name), source.text)));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
