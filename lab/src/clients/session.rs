//! One run of a client: it is waited for, never for time.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::clients::site::Site;
use crate::clients::{Client, Identity, Release};
use crate::link::log::Log;
use crate::link::watch::Assigned;
use crate::link::{Process, wait};
use crate::rig::RigError;

/// How long a client may take for anything. The slowest of them renews after 18 seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// After what time a client that was told to end is told again.
const REPETITION: Duration = Duration::from_secs(2);

/// A client that runs.
#[derive(Debug)]
pub struct Session<'a> {
    client: &'a dyn Client,
    identity: Identity,
    folder: PathBuf,
    process: Process,
    log: Log,
    renewals: usize,
    beginnings: usize,
}

impl<'a> Session<'a> {
    /// Starts a client.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        client: &'a dyn Client,
        site: &Site,
        identity: Identity,
    ) -> Result<Self, RigError> {
        let folder = site.folder(identity.number)?;
        client.prepare(site, &folder, identity)?;
        let mut command = client.start(&folder, identity);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = site.namespace().spawn(command)?;
        let pipe = process.take_stderr().expect("it was asked for");
        let log = Log::new(pipe)?;
        Ok(Self {
            client,
            identity,
            folder,
            process,
            log,
            renewals: 0,
            beginnings: 0,
        })
    }

    /// Waits until the addresses of its machine are as they should be, and returns them.
    ///
    /// # Errors
    /// They do not become so.
    pub fn until_assigned(
        &mut self,
        site: &Site,
        what: &str,
        mut right: impl FnMut(&[Assigned]) -> bool,
    ) -> Result<Vec<Assigned>, RigError> {
        self.until(site, what, |_, assigned| right(assigned))
    }

    /// Waits until it says that it has extended its leases, in an exchange after this call.
    ///
    /// # Errors
    /// It does not, or it had to ask for them anew.
    pub fn until_renewed(&mut self, site: &Site) -> Result<Vec<Assigned>, RigError> {
        self.listen()?;
        let (renewals, beginnings) = (self.renewals, self.beginnings);
        let renewed = self.until(site, "renew", |session, _| {
            session.renewals > renewals || session.beginnings > beginnings
        })?;
        if self.beginnings > beginnings {
            return Err(self.failure(site, "renew, but asked anew", &renewed));
        }
        Ok(renewed)
    }

    /// Waits until it says that. What it said ahead of it about its leases counts for nothing.
    ///
    /// # Errors
    /// It does not.
    pub fn until_said(&mut self, text: &str) -> Result<String, RigError> {
        let said = self.log.until(text, Instant::now() + PATIENCE)?;
        said.ok_or_else(|| {
            let tail = self.log.tail();
            RigError(format!(
                "a client did not say `{text}`; its last words:\n{tail}"
            ))
        })
    }

    /// Makes it give back what it has, and waits for its end.
    ///
    /// # Errors
    /// It does not end.
    pub fn release(mut self, site: &Site) -> Result<(), RigError> {
        let until = Instant::now() + PATIENCE;
        match self.client.release(&self.folder, self.identity) {
            Release::By(command) => {
                site.namespace().command(command)?;
                // All is said and done, and it may have lost the signal that the other program sent it.
                self.process.kill()?;
            }
            Release::On(signal) => {
                // One that comes while a hook runs may be lost, so it is repeated until it is heard.
                while !self.log.ended() && Instant::now() < until {
                    self.process.signal(signal)?;
                    self.until_ended(until.min(Instant::now() + REPETITION))?;
                }
            }
        }
        match self.process.wait(until)? {
            Some(_) => Ok(()),
            None => Err(self.failure(site, "end", &site.assigned()?)),
        }
    }

    /// It may have much to say, and would not end if nobody listened.
    fn until_ended(&mut self, until: Instant) -> Result<(), RigError> {
        while !self.log.ended() && Instant::now() < until {
            wait(&[self.log.as_fd()], until)
                .map_err(|error| RigError(format!("cannot wait for a client: {error}")))?;
            self.listen()?;
        }
        Ok(())
    }

    /// What it wrote down about its leases.
    ///
    /// # Errors
    /// As [`Client::notes`].
    pub fn notes(&self, site: &Site) -> Result<Option<super::Notes>, RigError> {
        Ok(self.client.notes(site, &self.folder)?)
    }

    fn until(
        &mut self,
        site: &Site,
        what: &str,
        mut done: impl FnMut(&Self, &[Assigned]) -> bool,
    ) -> Result<Vec<Assigned>, RigError> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.listen()?;
            let assigned = site.assigned()?;
            if done(self, &assigned) {
                return Ok(assigned);
            }
            if self.log.ended() || Instant::now() >= until {
                return Err(self.failure(site, what, &assigned));
            }
            wait(&[self.log.as_fd(), site.changes()], until)
                .map_err(|error| RigError(format!("cannot wait for a client: {error}")))?;
        }
    }

    fn listen(&mut self) -> Result<(), RigError> {
        let lines = self.log.lines()?;
        for line in &lines {
            self.renewals += usize::from(self.client.has_renewed(line));
            self.beginnings += usize::from(self.client.asks_anew(line));
        }
        Ok(())
    }

    fn failure(&self, site: &Site, what: &str, assigned: &[Assigned]) -> RigError {
        let (program, _) = self.client.program();
        let said = self.log.tail();
        let server = site.server.failure("may know why");
        RigError(format!(
            "{program} did not {what}; addresses: {assigned:?}; its last words:\n{said}\n{server}"
        ))
    }
}
