//! What happens on Ctrl-C: nothing is left behind.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use crate::link::{Error, owner, rootless};

/// Whether somebody has asked this process to end, for work that ends by itself then.
#[derive(Clone, Debug, Default)]
pub struct Interruption(Arc<AtomicI32>);

impl Interruption {
    /// The number of the signal, once one has come.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.load(Ordering::SeqCst)).filter(|it| *it != 0)
    }

    /// One that has come already, for tests.
    #[cfg(test)]
    pub(crate) fn of(signal: i32) -> Self {
        Self(Arc::new(AtomicI32::new(signal)))
    }
}

/// From now on, an interrupt, a request to end or the loss of the terminal removes the namespaces, programs and
/// folders of this process before it ends. To be called by the main thread while it is alone, before any of them is
/// made: other threads inherit what it asks for. Without root the process moves to a user namespace first, which it could
/// not do afterwards.
///
/// # Errors
/// The system does not let us.
pub fn remove_on_signal() -> Result<(), Error> {
    // What came of it is told where a link is needed.
    let _ = rootless::ensure();
    let ends = block()?;
    watch(move || {
        let Ok(signal) = ends.wait() else { return };
        end(signal);
    })
}

/// From now on, the first such signal is for the caller to look at, and to end by itself; the
/// programs in the namespaces of this process are ended at once, so that nobody waits for them in vain. A second
/// one is as after [`remove_on_signal`]. To be called by the main thread while it is alone.
///
/// # Errors
/// The system does not let us.
pub fn interruptible() -> Result<Interruption, Error> {
    let ends = block()?;
    let interruption = Interruption::default();
    let told = interruption.clone();
    watch(move || {
        let Ok(signal) = ends.wait() else { return };
        told.0.store(signal as i32, Ordering::SeqCst);
        owner::remove_own();
        let Ok(signal) = ends.wait() else { return };
        end(signal);
    })?;
    Ok(interruption)
}

fn block() -> Result<SigSet, Error> {
    let ends: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    let blocked = ends.thread_block();
    blocked.map_err(|errno| failed(errno.into()))?;
    Ok(ends)
}

fn watch(wait: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map(drop)
        .map_err(failed)
}

fn failed(source: io::Error) -> Error {
    Error::system("wait for signals", source)
}

fn end(signal: Signal) {
    // What the rest of this process has to say about losing its namespaces is of no interest.
    let _silence = (io::stdout().lock(), io::stderr().lock());
    // Other threads go on until the very end, and must not make again what was removed.
    let _for_good = owner::remove_for_good();
    process::exit(128 + signal as i32);
}
