//! Bitsmith fits ImageNet-class convolutional networks into microcontrollers.
//!
//! A network is cut to size by giving every weight tensor and every activation tensor a width of its own:
//! 2, 4 or 8 bits. Read the modules in the order in which data flows:
//!
//! 1. [`net`] describes a network: layers, tensors, shapes; its `zoo` builds MobileNetV1, MobileNetV2 and MNasNet.
//! 2. [`import`] reads trained weights for it from the files that Keras, torchvision and timm users have.
//! 3. [`float`] runs it in real numbers.
//! 4. [`quant`] turns real numbers into integers: widths, ranges, requantization, and the
//!    [`Policy`](quant::Policy) that holds the width of every tensor.
//! 5. [`infer`] runs it in integers alone, as a microcontroller does.
//! 6. [`calibrate`] leads from the float network to the integers, with some images.
//! 7. [`memory`] counts the FLASH and RAM of a policy, to the byte; it knows microcontrollers.
//! 8. [`speed`] estimates the cycles it takes.
//! 9. [`search`] chooses a policy for a budget; [`score`] measures many of them quickly.
//! 10. [`link`] writes a policy as the text of a link.
//! 11. [`data`] reads the images that calibrate and measure: archives, class folders, decoding, resizing.
//! 12. [`train`] trains networks with the quantization of a policy; its steppers come with the feature of that name.
//! 13. [`export`] makes the file and the firmware package.
//! 14. [`sealed`] keeps what an interrupted run goes on from.
//! 15. [`flow`] is the application without a screen. The command line (`cli`) and the browser (`web`, the workers, and
//!     [`ui`], the page) drive it.

pub mod calibrate;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod export;
pub mod float;
pub mod flow;
mod guarded;
pub mod import;
pub mod infer;
pub mod link;
pub mod memory;
pub mod net;
mod onnx_proto;
mod parallel;
mod printable;
mod proportion;
pub mod quant;
pub mod random;
pub mod score;
pub mod sealed;
pub mod search;
pub mod speed;
pub mod train;
pub mod ui;
#[cfg(feature = "web")]
pub mod web;
