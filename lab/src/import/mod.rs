//! Captures → scenarios, and the configuration that goes with them.

mod guess;
mod observed;
mod words;

pub use guess::{Guess, guess};
