//! Networks, images and logits that native code hands to the browser; see tests/browser/logits.test.mjs.

use bitsmith::export::model;
use bitsmith::infer::{Engine, Workspace, reference};
use js_sys::{ArrayBuffer, Function, Promise, Reflect, Uint8Array, global};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Where they are served, if they are.
const ADDRESS: Option<&str> = option_env!("BITSMITH_CASES_ADDRESS");

/// Every image's logits by vectors, and the first image's by the reference, are those of native code.
pub async fn networks_agree_with_native_code() {
    let Some(address) = ADDRESS else { return };
    let names = String::from_utf8(fetch(&format!("{address}/names")).await).expect("text");
    for name in names.lines() {
        let file = fetch(&format!("{address}/{name}.model")).await;
        let network = model::read(&file).expect("a file of native code");
        let engine = Engine::new(&network).expect("a sound network");
        let mut workspace = Workspace::default();
        let cases = fetch(&format!("{address}/{name}.images")).await;
        let side = network.network.side();
        let classes = network.network.classes();
        let (count, cases) = cases.split_at(4);
        let mut images = 0;
        for case in cases.chunks_exact(3 * side * side + 4 * classes) {
            let (image, logits) = case.split_at(3 * side * side);
            let number = |bytes: &[u8]| i32::from_le_bytes(bytes.try_into().expect("four bytes"));
            let expected: Vec<i32> = logits.chunks_exact(4).map(number).collect();
            assert_eq!(
                engine.run(&mut workspace, image).expect("an image of the right size"),
                expected,
                "{name}"
            );
            if images == 0 {
                assert_eq!(
                    reference::run(&network, image).expect("an image of the right size"),
                    expected,
                    "{name}"
                );
            }
            images += 1;
        }
        assert_eq!(u32::to_le_bytes(images), count, "{name} lacks images");
        wasm_bindgen_test::console_log!("Chromium {name}: {images} images, 0 differing logits");
    }
}

/// The bytes at an address.
async fn fetch(address: &str) -> Vec<u8> {
    let call = |object: &JsValue, method: &str, argument: &str| {
        let method: Function =
            Reflect::get(object, &method.into()).expect("a method").dyn_into().expect("a method");
        JsFuture::from(method.call1(object, &argument.into()).expect("a call").unchecked_into::<Promise>())
    };
    let response = call(&global(), "fetch", address).await.expect("an answer");
    assert_eq!(Reflect::get(&response, &"ok".into()), Ok(true.into()), "{address}");
    let buffer: ArrayBuffer = call(&response, "arrayBuffer", "").await.expect("bytes").unchecked_into();
    Uint8Array::new(&buffer).to_vec()
}
