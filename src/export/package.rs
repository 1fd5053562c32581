//! The package: one folder with all that firmware needs.

use super::{
    ExportError,
    archive::{self, File},
    blob, check,
    describe::Description,
    golden::{GoldenImage, GoldenVector},
    model,
    name::check_name,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accuracy {
    /// Images whose highest logit was that of their class.
    pub correct: usize,
    /// Images classified.
    pub images: usize,
    /// Which images: `test`, `reward` or `validation`.
    pub subset: String,
    /// How many of these there are.
    pub of: usize,
    /// Whether the measurement was stopped before all images that it should classify.
    pub stopped: bool,
    /// The images in words, with what has chosen by them.
    pub images_used: String,
}

/// What the package says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageInfo {
    /// What C names begin with, and the name of the folder; see [`PackageName`](super::PackageName).
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
    /// Epochs of training behind the weights after their file was loaded, if it was trained.
    pub trained_epochs: Option<u32>,
    /// The same in words, with how many epochs were run.
    pub trained: Option<String>,
    /// SHA-256 of the weight file in hexadecimal.
    pub weights_sha256: Option<String>,
    /// Where the ranges of activations come from, if not from the calibration images alone.
    pub ranges: Option<String>,
    /// Where the images came from.
    pub images: Option<String>,
    /// What has chosen the policy, e.g. `rule`.
    pub allocator: Option<String>,
    /// Seed of the run that has chosen it.
    pub seed: Option<u64>,
}

/// Templates that every package has, and where their text goes; NAME stands for the package's.
const RENDERED: [(&str, &str); 16] = [
    ("README.md", "README.md"),
    ("CMakeLists.txt", "CMakeLists.txt"),
    ("runtime.cmake", "src/runtime/CMakeLists.txt"),
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
    check_name(&info.name)?;
    if images.is_empty() {
        return Err(ExportError::NoImages);
    }
    check::check(network)?;
    let vectors = GoldenVector::all(network, images)?;
    let section = blob::write(network);
    let images = vectors.iter().flat_map(|vector| vector.pixels.iter().copied()).collect::<Vec<u8>>();

    let description = Description::new(network, info, &vectors, &section);
    let renderer = Renderer::new(&description)?;
    let name = &info.name;
    let model = model::write(network)?;
    let onnx = onnx::write(network, Outputs::Logits)?;
    let report = Report::new(network, info, &model, &onnx);
    let (graph, policy) = (network.graph(), &network.policy);
    let mut files = vec![
        File::new("LICENSE-MIT", include_str!("../../LICENSE-MIT")),
        File::new("LICENSE-APACHE", include_str!("../../LICENSE-APACHE")),
        File::new("model.bin", model),
        File::new("model.onnx", onnx),
        File::new("policy.json", policy::write(&network.network, policy)),
        File::new("haq.json", policy::write_haq(graph, policy)),
        File::new("report.json", report.json()),
        File::new("report.html", report.html()?),
        File::new("src/weights.c", renderer.render_with("weights.c", &bytes_as_words(&section))?),
        File::new(format!("src/{name}_weights.bin"), section),
        File::new("src/golden.c", renderer.render_with("golden.c", &bytes_as_words(&images))?),
        File::new(format!("src/{name}_golden.bin"), images),
    ];
    for (template, path) in RENDERED {
        files.push(File::new(path.replace("NAME", name), renderer.render(template)?));
    }
    if network.labels.is_some() {
        files.push(File::new("src/labels.c", renderer.render("labels.c")?));
    }
    let runtime = runtime::SOURCES.iter();
    files.extend(runtime.map(|source| File::new(format!("src/runtime/{}", source.name), source.text)));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
