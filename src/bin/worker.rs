//! The workers behind the page: one that owns the flow, and a pool that it starts to classify images.

use bitsmith::web::worker;

fn main() {
    console_error_panic_hook::set_once();
    worker::start();
}
