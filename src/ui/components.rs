//! Parts that sections are made of.

mod bits_control;
mod budget_bar;
mod combobox;
mod drop_zone;
mod front_chart;
mod header;
pub mod help;
mod layer_chart;
mod layer_row;
mod layer_table;
mod number_field;
mod pattern;
mod pin;
mod plot;
mod progress;
mod search_chart;
mod skyline;
mod text_field;
mod training_chart;

pub use budget_bar::{BudgetBar, Part};
pub use combobox::{Choice, Combobox};
pub use drop_zone::DropZone;
pub use front_chart::front_chart;
pub use header::Header;
pub use help::Help;
pub use layer_chart::LayerChart;
pub use layer_table::LayerTable;
pub use number_field::NumberField;
pub use pattern::Patterns;
pub use progress::Progress;
pub use search_chart::search_chart;
pub use skyline::BitsBars;
pub use text_field::TextField;
pub use training_chart::{accuracy_chart, loss_chart};
