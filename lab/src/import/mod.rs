//! Captures → scenarios, and the configuration that goes with them.
//!
//! A message becomes the most readable step that composes to its octets (`message`); the configuration is one that
//! makes the server answer as recorded (`guess`), as far as its language can say that.

mod command;
mod draft;
mod expect;
mod guess;
mod message;
mod observed;
mod steps;
mod story;
#[cfg(test)]
mod tests;
mod words;
mod yaml;

pub use command::{ImportArguments, run};
pub use draft::{Draft, usable};
pub use guess::{Guess, guess};
