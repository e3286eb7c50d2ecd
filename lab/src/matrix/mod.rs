//! `dhcp6lab matrix`: every scenario with every server that is installed, and who passes what.
//!
//! `survey` plays, `verdict` says what is known about the failures of other servers (`lab/peers.yaml`), and `table`,
//! `document`, `page` and `data` show the outcome on a terminal, in `docs/matrix.md`, as a page and as JSON. What a
//! server is held to is told in [`crate::peer`].

mod command;
mod data;
mod document;
mod page;
mod survey;
mod table;
mod verdict;

pub use command::{MatrixArguments, run};
pub use document::document;
pub use survey::{Cell, Failed, Matrix, Row, Server, survey};
pub use verdict::{Cause, Kind, Verdict, Verdicts};
