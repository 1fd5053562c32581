//! The form of messages between page, worker and pool.
//!
//! A message is an object: `control` holds a message in postcard's encoding, `bulk` an array of what travels beside
//! it: buffers and ports, which change hands without being copied, or files.

use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, MessagePort, Url, Worker, WorkerOptions, WorkerType};

/// Why a message cannot be read.
pub const VERSIONS: &str = "two parts of the app are of different versions; reload the page";

/// An object with `control` and `bulk`, and the list of the buffers and ports that change hands.
pub fn encode(control: &impl Serialize, bulk: &Array) -> (Object, Array) {
    let bytes = postcard::to_stdvec(control).expect("messages have only types that postcard writes");
    let message = Object::new();
    for (key, value) in
        [("control", Uint8Array::from(bytes.as_slice()).into()), ("bulk", JsValue::from(bulk))]
    {
        Reflect::set(&message, &key.into(), &value).expect("a plain object takes any key");
    }
    let moves = |part: &JsValue| part.is_instance_of::<ArrayBuffer>() || part.is_instance_of::<MessagePort>();
    (message, bulk.iter().filter(moves).collect())
}

/// The parts of a message; `None` if it is none of ours.
pub fn decode<T: DeserializeOwned>(message: &JsValue) -> Option<(T, Array)> {
    let get = |key: &str| Reflect::get(message, &key.into()).ok();
    let control = get("control")?.dyn_into::<Uint8Array>().ok()?;
    let bulk = get("bulk")?.dyn_into::<Array>().ok()?;
    Some((postcard::from_bytes(&control.to_vec()).ok()?, bulk))
}

/// Starts a worker from the module at an address. A worker inherits the page's security policy only if it starts from a
/// blob, which imports the module.
pub fn module_worker(module: &str, name: &str) -> Result<Worker, JsValue> {
    let script = Array::of1(&format!("import {};", js_sys::JSON::stringify(&module.into())?).into());
    let javascript = BlobPropertyBag::new();
    javascript.set_type("text/javascript");
    let blob = Blob::new_with_str_sequence_and_options(&script, &javascript)?;
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    options.set_name(name);
    // Not revoked: a worker may start others from the same blob.
    Worker::new_with_options(&Url::create_object_url_with_blob(&blob)?, &options)
}

/// Bytes as a buffer of their own, to be handed over.
pub fn buffer(bytes: &[u8]) -> ArrayBuffer {
    Uint8Array::from(bytes).buffer()
}

/// Bytes of a buffer that was handed over.
pub fn bytes(buffer: &JsValue) -> Vec<u8> {
    Uint8Array::new(buffer).to_vec()
}

/// What the browser says of an error.
pub fn describe(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |e| String::from(e.message()))
}
