//! Cases as files, and what the runtimes say of them.

use bitsmith::export::onnx::{self, Outputs};
use bitsmith::infer::reference;
use bitsmith::net::Shape;
use bitsmith::quant::QuantizedNetwork;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

/// A network and images to run.
pub struct Case {
    pub name: String,
    pub network: QuantizedNetwork,
    pub images: Vec<Vec<u8>>,
}

impl Case {
    pub fn new(name: String, network: QuantizedNetwork, images: Vec<Vec<u8>>) -> Self {
        Self { name, network, images }
    }

    /// Writes the files of the case; returns its entry of cases.json.
    fn write(&self, folder: &Path) -> Value {
        let Self { name, network, images } = self;
        let graph = network.graph();
        let put = |ending: &str, bytes: &[u8]| {
            std::fs::write(folder.join(format!("{name}.{ending}")), bytes).expect("space for a case");
        };
        put("layers.onnx", &onnx::write(network, Outputs::EveryLayer).expect(name));
        put("logits.onnx", &onnx::write(network, Outputs::Logits).expect(name));
        put("images", &images.concat());
        let run = |image: &Vec<u8>| reference::trace(network, image).expect("an image of the right size");
        let traces: Vec<_> = images.iter().map(run).collect();
        let mut outputs = Vec::new();
        let mut expected: Vec<u8> = Vec::new();
        for layer in &graph.layers {
            let tensor = layer.output;
            let shape = graph.tensors[tensor].shape;
            let is_last = tensor == graph.logits();
            for trace in &traces {
                let numbers = if is_last {
                    trace.logits.clone()
                } else {
                    channels_first(&trace.tensors[tensor], shape)
                };
                expected.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
            outputs.push(if is_last {
                json!({ "name": "logits", "shape": [shape.channels] })
            } else {
                json!({ "name": layer.name, "shape": [shape.channels, shape.height, shape.width] })
            });
        }
        put("expected", &expected);
        let Shape { height, width, channels } = graph.image().shape;
        json!({ "name": name, "images": images.len(), "image": [height, width, channels], "outputs": outputs })
    }

    /// Numbers of all outputs, and of the logits.
    fn numbers(&self) -> [usize; 2] {
        let graph = self.network.graph();
        let of = |layer: &bitsmith::net::Layer| self.images.len() * graph.output_shape(layer).elements();
        [graph.layers.iter().map(of).sum(), self.images.len() * graph.classes()]
    }
}

/// Codes `[h, w, c]` as numbers `[c, h, w]`.
fn channels_first(codes: &[u8], shape: Shape) -> Vec<i32> {
    let pixels = shape.pixels();
    let code = |i: usize| i32::from(codes[i % pixels * shape.channels + i / pixels]);
    (0..shape.elements()).map(code).collect()
}

/// All runtimes compute what the reference computes, for every case, with and without optimizations.
pub fn agree(test: &str, cases: &[Case]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnx").join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("a removable folder");
    }
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let entries: Vec<_> = cases.iter().map(|case| case.write(&folder)).collect();
    std::fs::write(folder.join("cases.json"), json!(entries).to_string()).expect("space for the cases");
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    for (runtime, script) in [("peers-python", "run_onnx.py"), ("node", "run_onnx.mjs")] {
        let lines = run(runtime, &peers.join(script), &folder);
        let mut numbers = 0;
        for case in cases {
            let [all, logits] = case.numbers();
            for (file, level) in
                [("layers", "disabled"), ("layers", "all"), ("logits", "disabled"), ("logits", "all")]
            {
                let is_it = |line: &&Value| {
                    line["case"] == *case.name && line["file"] == file && line["level"] == level
                };
                let line = lines.iter().find(is_it);
                let line = line.unwrap_or_else(|| panic!("{script} {} {file} {level}: no result", case.name));
                let expected = if file == "layers" { all } else { logits };
                assert_eq!(line["compared"], expected, "{script}: {line}");
                assert_eq!(line["differing"], 0, "{script}: {line}");
                numbers += expected;
            }
        }
        assert_eq!(lines.len(), 4 * cases.len(), "{script}");
        println!("{script} {test}: {} networks, {numbers} numbers, 0 differ", cases.len());
    }
}

/// The lines of JSON that a script prints.
fn run(runtime: &str, script: &Path, folder: &Path) -> Vec<Value> {
    let mut command = Command::new(runtime);
    let output = command.arg(script).arg(folder).output().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{runtime} is missing; get it with: make test-peers"),
        _ => panic!("{command:?}: {error}"),
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, problems) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{problems}");
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{script:?} said: {line}"));
    out.lines().map(parse).collect()
}
