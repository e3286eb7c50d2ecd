//! What happens on Ctrl-C: nothing is left behind.

use std::io;
use std::process;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use crate::link::{Error, owner};

/// From now on, an interrupt, a request to end or the loss of the terminal removes the namespaces and folders of this process before
/// it ends. To be called by the main thread while it is alone: other threads inherit what it asks for.
///
/// # Errors
/// The system does not let us.
pub fn remove_on_signal() -> Result<(), Error> {
    let failed = |source: io::Error| Error::system("wait for signals", source);
    let ends: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    ends.thread_block().map_err(|errno| failed(errno.into()))?;
    let wait = move || {
        let Ok(signal) = ends.wait() else { return };
        // What the rest of this process has to say about losing its namespaces is of no interest.
        let _silence = (io::stdout().lock(), io::stderr().lock());
        owner::remove_own();
        process::exit(128 + signal as i32);
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map(drop)
        .map_err(failed)
}
