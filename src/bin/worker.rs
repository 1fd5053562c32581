//! The worker behind the page.

fn main() {}
