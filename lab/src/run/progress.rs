//! How far a run is: a line on the terminal, which nobody else ever sees.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line at the bottom of the terminal; nothing where standard error is none.
#[derive(Debug)]
pub(crate) struct Progress {
    line: ProgressBar,
    failed: usize,
}

impl Progress {
    /// The line of a run with so many tasks. A hidden one is never drawn.
    pub(crate) fn new(tasks: usize, hidden: bool) -> Self {
        let target = match hidden {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let style = ProgressStyle::with_template("{pos}/{len} {bar:30} {msg}{eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let length = u64::try_from(tasks).unwrap_or(u64::MAX);
        Self {
            line: ProgressBar::with_draw_target(Some(length), target).with_style(style),
            failed: 0,
        }
    }

    /// One task more is done.
    pub(crate) fn advance(&self) {
        self.line.inc(1);
    }

    /// One of them has failed.
    pub(super) fn fail(&mut self) {
        self.failed += 1;
        self.line.set_message(format!("{} failed, ", self.failed));
    }

    /// Prints something where the line is, which comes back below it.
    pub(super) fn print<T>(&self, print: impl FnOnce() -> T) -> T {
        self.line.suspend(print)
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.line.finish_and_clear();
    }
}
