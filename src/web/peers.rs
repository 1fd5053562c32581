//! The lines between workers of the pool: statistics of a layer go from each worker to each other one.

use super::wire;
use crate::calibrate::SumMoments;
use crate::flow;
use crate::net::LayerId;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageChannel, MessageEvent, MessagePort};

/// What a worker says of a layer: its sums over this worker's calibration images.
type Part = (LayerId, SumMoments);

/// The other workers, as one of them reaches them.
#[derive(Default)]
pub struct Peers {
    lines: Vec<Line>,
}

/// The line to another worker.
struct Line {
    port: MessagePort,
    /// In the order in which they were sent; `None` for what cannot be read.
    parts: UnboundedReceiver<Option<Part>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Peers {
    /// `ports` holds one [`MessagePort`] for each of the other workers.
    pub fn new(ports: &Array) -> Self {
        Self { lines: ports.iter().filter_map(|port| port.dyn_into().ok()).map(Line::new).collect() }
    }
}

impl flow::Peers for Peers {
    /// Fails if another worker is at another layer.
    async fn merge(&mut self, layer: LayerId, sums: &mut SumMoments) -> Result<(), String> {
        let (message, _) = wire::encode(&(layer, &*sums), &Array::new());
        for Line { port, .. } in &self.lines {
            port.post_message(&message).map_err(|e| wire::describe(&e))?;
        }
        for Line { parts, .. } in &mut self.lines {
            // A line stays open as long as both of its workers.
            let (other, more) = parts.next().await.flatten().ok_or(wire::VERSIONS)?;
            if other != layer {
                return Err("the evaluation workers are out of step; start the search again".into());
            }
            sums.merge(&more);
        }
        Ok(())
    }
}

impl Line {
    fn new(port: MessagePort) -> Self {
        let (sender, parts) = unbounded();
        let on_message = Closure::new(move |message: MessageEvent| {
            // Fails only if nobody listens any more.
            let _ = sender.unbounded_send(wire::decode(&message.data()).map(|(part, _)| part));
        });
        port.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Self { port, parts, _on_message: on_message }
    }
}

/// The ends of lines from each of so many workers to each other one, by worker.
///
/// # Errors
/// What the browser says.
pub fn lines(workers: usize) -> Result<Vec<Array>, JsValue> {
    let ends: Vec<Array> = (0..workers).map(|_| Array::new()).collect();
    for (number, one) in ends.iter().enumerate() {
        for other in &ends[..number] {
            let channel = MessageChannel::new()?;
            one.push(&channel.port1());
            other.push(&channel.port2());
        }
    }
    Ok(ends)
}
