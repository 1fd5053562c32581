//! `bitsmith link`.

use super::arguments::LinkText;
use super::{Report, policy};

/// Says what a link holds.
pub fn run(arguments: &LinkText) -> anyhow::Result<Report> {
    Ok(policy::report(&arguments.link))
}
