//! Bitsmith fits ImageNet-class convolutional networks into microcontrollers.
//!
//! A network is cut to size by giving every weight tensor and every activation tensor a width of its own:
//! 2, 4 or 8 bits. Read the modules in the order in which data flows:
//!
//! 1. [`net`] describes a network: layers, tensors, shapes; its `zoo` builds MobileNetV1, MobileNetV2 and MNasNet.
//! 2. [`quant`] turns real numbers into integers: widths, ranges, requantization, and the
//!    [`Policy`](quant::Policy) that holds the width of every tensor.
//! 3. [`memory`] counts the FLASH and RAM that a policy takes, and plans the arena in which activations live.
//! 4. [`search`] chooses a policy for a budget.

pub mod memory;
pub mod net;
pub mod quant;
pub mod search;
