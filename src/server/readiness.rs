//! When the server is ready, and who is told: whoever started it, and the service manager.

use super::notify::Notify;
use super::served::Served;

/// When whoever started the server is told that it is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// When it runs, whether or not a link can be served yet.
    Running,
    /// When clients can be answered on every link.
    AllReady,
}

/// Tells each once, and the service manager of every change.
pub(super) struct Readiness<Ready> {
    when: When,
    ready: Option<Ready>,
    manager: Notify,
    /// The service manager knows that some link can be served.
    announced: bool,
    status: String,
}

impl<Ready: FnOnce()> Readiness<Ready> {
    pub(super) fn new(when: When, ready: Ready) -> Self {
        Self {
            when,
            ready: Some(ready),
            manager: Notify::open(),
            announced: false,
            status: String::new(),
        }
    }

    /// Looks at how things are, and tells of it.
    pub(super) fn look(&mut self, served: &[Served]) {
        let all_ready = served.iter().all(Served::is_ready);
        if (self.when == When::Running || all_ready)
            && let Some(ready) = self.ready.take()
        {
            ready();
        }
        let links = served.iter().map(|it| (it.name(), it.health().waits));
        let status = status(links);
        let announces = !self.announced && served.iter().any(Served::is_ready);
        if status != self.status || announces {
            let ready = if announces { "READY=1\n" } else { "" };
            self.manager.say(&format!("{ready}STATUS={status}"));
            self.announced |= announces;
            self.status = status;
        }
    }

    /// Tells that the server ends.
    pub(super) fn end(self) {
        self.manager.say("STOPPING=1\nSTATUS=ending");
    }
}

/// What is served and what is waited for, in one line.
fn status<'a>(links: impl Iterator<Item = (&'a str, Option<String>)>) -> String {
    let (ready, waiting): (Vec<_>, Vec<_>) = links.partition(|it| it.1.is_none());
    let names: Vec<_> = ready.iter().map(|it| it.0).collect();
    let mut parts = Vec::new();
    if !names.is_empty() {
        parts.push(format!("serving {}", names.join(", ")));
    }
    for (name, reason) in waiting {
        parts.push(format!(
            "waiting for {name}: {}",
            reason.unwrap_or_default()
        ));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_names_what_is_served_and_what_is_waited_for() {
        let no_carrier = Some("it has no carrier".to_owned());
        let all = [("a", None), ("b", no_carrier.clone()), ("c", None)];
        let said = status(all.into_iter());
        assert_eq!(said, "serving a, c; waiting for b: it has no carrier");
        let said = status([("b", no_carrier)].into_iter());
        assert_eq!(said, "waiting for b: it has no carrier");
    }
}
