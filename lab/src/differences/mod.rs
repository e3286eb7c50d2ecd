//! How this server differs from the original one: every scenario is played against both, and what differs
//! must have a reason.
//!
//! `survey` plays and compares, `document` writes `docs/differences.md` from what came of it. What differs
//! everywhere is left out by the rules of [`crate::lens`].

mod command;
mod document;
mod survey;

pub use document::document;
pub use survey::{Compared, Outcome, Survey, compare, original, survey};

pub use command::{DifferencesArguments, run};
