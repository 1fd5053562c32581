//! The worker that trains.

use bitsmith::web::trainer;

fn main() {
    console_error_panic_hook::set_once();
    trainer::start();
}
