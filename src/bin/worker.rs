//! The worker that does everything heavy, so that the page only draws.

fn main() {
    console_error_panic_hook::set_once();
}
