//! The bodies of the fuzz targets: each takes any octets, and panics if the server broke a promise.
//!
//! They are plain functions, so that `lab/tests/corpus.rs` replays the kept inputs with them under the stable
//! toolchain. The fuzzer itself runs in `lab`, and writes what reaches further into the first folder:
//!
//! ```sh
//! RUSTC_BOOTSTRAP=1 cargo fuzz run -s none engine NEW fuzz/corpus/engine -- -timeout=10
//! ```
//!
//! There is no unsafe code in what is fuzzed, so no sanitizer has to watch. An input that finds a defect goes
//! into the corpus under a name that says what it is about.
//!
//! Nothing here reads a message with `dhcp6s::wire` in order to judge it, except where that is the subject.

mod answer;
mod compose;
mod config;
mod control;
mod engine;
mod input;
mod journal;
mod options;
mod wire;

pub use config::config;
pub use control::control;
pub use engine::engine;
pub use journal::journal;
pub use wire::wire;
