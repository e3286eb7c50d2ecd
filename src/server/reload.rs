//! Reload: the configuration is read by a thread of its own, however long that takes, while the server goes
//! on with the one in force. What was read is put in force whole, or not at all.

use crate::config::Config;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The routine of the original server that says what came of a reload.
pub(super) const ORIGIN: &str = "server6_reload";

/// Reads the configuration as it is now and logs what there is to say about it; `None` if it cannot be used.
pub type ReadConfig = dyn Fn() -> Option<Config> + Send + Sync;

/// How the configuration is read anew.
#[derive(Clone)]
pub struct Reading {
    /// Reads it.
    pub read: Arc<ReadConfig>,
    /// Whether it depends on the addresses of the interfaces, and those have changed since it was read.
    pub is_outdated: Arc<dyn Fn() -> bool + Send + Sync>,
}

pub(super) struct Reload {
    read: Arc<ReadConfig>,
    /// What the thread that reads will say.
    under_way: Option<oneshot::Receiver<Option<Config>>>,
    /// Somebody wants a reload since that thread has begun, so it may have missed something.
    again: bool,
}

impl Reload {
    pub(super) fn new(read: Arc<ReadConfig>) -> Self {
        Self {
            read,
            under_way: None,
            again: false,
        }
    }

    /// Begins to read the configuration. While it is being read, this makes sure that it is read once more.
    pub(super) fn start(&mut self) {
        if self.under_way.is_some() {
            tracing::info!("still reading the configuration, which is read again then");
            self.again = true;
            return;
        }
        let (sender, receiver) = oneshot::channel();
        let read = Arc::clone(&self.read);
        // Not of the runtime's threads: the end of a server waits for those, and reading may never end.
        let started = std::thread::Builder::new()
            .name("reload".to_owned())
            // Whoever asked is gone only with the server.
            .spawn(move || drop(sender.send(read())));
        match started {
            Ok(_) => self.under_way = Some(receiver),
            Err(error) => {
                tracing::error!("cannot start a thread: {error}");
                refuse();
            }
        }
    }

    /// Waits until a configuration was read, and says what is wrong with it. For ever if none is being read.
    ///
    /// Nothing is lost when this is dropped before it is done.
    pub(super) async fn next(&mut self) -> Option<Config> {
        let Some(receiver) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let outcome = receiver.await;
        self.under_way = None;
        // What the thread had to say about a defect is in the log already.
        let config = outcome.unwrap_or_default();
        if std::mem::take(&mut self.again) {
            self.start();
        }
        if config.is_none() {
            refuse();
        }
        config
    }
}

/// Says that the configuration stays as it is.
fn refuse() {
    tracing::warn!(origin = ORIGIN, "failed to reload configuration file");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    /// A configuration that the test hands over each time that it is read, and where it does so.
    fn handed_over() -> (Reload, Sender<Option<Config>>) {
        let (sender, receiver) = channel::<Option<Config>>();
        let receiver = Mutex::new(receiver);
        let read = move || {
            let receiver = receiver.lock().expect("one reader at a time");
            receiver.recv().expect("something to read")
        };
        (Reload::new(Arc::new(read)), sender)
    }

    fn next(reload: &mut Reload) -> Option<Config> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(reload.next())
    }

    fn good() -> Option<Config> {
        Some(Config::default())
    }

    #[test]
    fn what_is_wanted_while_reading_is_done_once_more_and_no_oftener() {
        let (mut reload, file) = handed_over();
        (0..5).for_each(|_| reload.start());
        for _ in 0..2 {
            file.send(good()).expect("somebody reads");
            assert!(next(&mut reload).is_some());
        }
        assert!(reload.under_way.is_none());
    }

    #[test]
    fn a_mistake_changes_nothing_and_the_next_reading_can_be_right() {
        let (mut reload, file) = handed_over();
        for (outcome, is_read) in [(None, false), (good(), true)] {
            reload.start();
            file.send(outcome).expect("somebody reads");
            assert_eq!(next(&mut reload).is_some(), is_read);
        }
    }

    #[test]
    fn a_defect_while_reading_is_a_reload_that_failed() {
        let mut reload = Reload::new(Arc::new(|| panic!("a defect")));
        for _ in 0..2 {
            reload.start();
            assert!(next(&mut reload).is_none());
        }
    }
}
