//! The live rig: a real server behind a TAP link, in a namespace of its own.
//!
//! Time is real, so is the disk. What is pinned down is what both rigs must agree on: addresses, the
//! server's DUID and the allocator's secret. A crash here ends a process and not the machine, so what was
//! written and not synced survives it; that it would not is for the simulated rig to show.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::link::log::Log;
use crate::link::{self, Namespace, Process, Station, Tap, wait};
use crate::rig::fence::Ledger;
use crate::rig::{
    Datagram, Disk, Event, INTERFACE, Rig, RigError, SECRET, SERVER_ADDRESS, SERVER_DUID,
    SERVER_MAC, Setup,
};

/// How long a server may take to start, to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a scenario may let time pass here.
const ADVANCE_MAX: Duration = Duration::from_secs(5);
/// How much the disk of the leases holds.
const DISK_BYTES: u64 = 4 << 20;

/// A real server, and the lab at the other end of its link.
#[derive(Debug)]
pub struct Live {
    server: PathBuf,
    running: Option<Running>,
    station: Station,
    ledger: Ledger,
    // Dropped in this order: whatever is left in the namespace ends before its files go.
    namespace: Namespace,
    state: State,
}

#[derive(Debug)]
struct Running {
    process: Process,
    log: Log,
}

/// The server's files.
#[derive(Debug)]
struct State {
    folder: TempDir,
}

impl State {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RigError> {
        let path = self.path(name);
        fs::write(&path, bytes)
            .map_err(|error| RigError(format!("cannot write {}: {error}", path.display())))
    }
}

impl From<link::Error> for RigError {
    fn from(error: link::Error) -> Self {
        Self(error.to_string())
    }
}

impl Live {
    /// Starts a server and waits until it can answer.
    ///
    /// # Errors
    /// There can be no link here (see [`link::available`]), or the server does not start.
    pub fn start(setup: &Setup, server: &Path) -> Result<Self, RigError> {
        let folder = tempfile::Builder::new()
            .prefix("dhcp6lab-")
            .tempdir()
            .map_err(|error| RigError(format!("cannot make a temporary folder: {error}")))?;
        let state = State { folder };
        state.write("dhcp6s.conf", setup.config.as_bytes())?;
        state.write("dhcp6s_secret", &SECRET)?;
        // The original server's format: a length as this machine writes it, then the DUID.
        let length = u16::try_from(SERVER_DUID.len()).expect("a DUID has at most 130 octets");
        state.write(
            "dhcp6s_duid",
            &[&length.to_ne_bytes()[..], &SERVER_DUID].concat(),
        )?;
        let leases = state.path("leases");
        fs::create_dir(&leases)
            .map_err(|error| RigError(format!("cannot make {}: {error}", leases.display())))?;

        let namespace = Namespace::new()?;
        namespace.mount_memory(&leases, DISK_BYTES)?;
        let tap = Tap::open(&namespace, INTERFACE, SERVER_MAC, &setup.addresses)?;
        let station = Station::new(tap, SERVER_MAC, SERVER_ADDRESS);
        let ledger = Ledger::default();
        let server = server.to_owned();
        let mut live = Self {
            server,
            running: None,
            station,
            ledger,
            namespace,
            state,
        };
        live.launch()?;
        Ok(live)
    }

    fn launch(&mut self) -> Result<(), RigError> {
        let mut command = Command::new(&self.server);
        command
            .args(["-f", "-d"])
            .arg("-c")
            .arg(self.state.path("dhcp6s.conf"))
            .arg("-P")
            .arg(self.state.path("dhcp6s.pid"))
            .arg("--duid")
            .arg(self.state.path("dhcp6s_duid"))
            .arg("--leases")
            .arg(self.state.path("leases"))
            .arg(INTERFACE)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = self.namespace.spawn(command)?;
        let pipe = process.take_stderr().expect("it was asked for");
        let running = Running {
            process,
            log: Log::new(pipe)?,
        };
        let running = self.running.insert(running);

        let ready = format!("serving on {INTERFACE}");
        let until = Instant::now() + PATIENCE;
        loop {
            let lines = running.log.lines()?;
            if lines.iter().any(|line| line.contains(&ready)) {
                return Ok(());
            }
            if running.log.ended() || Instant::now() >= until {
                let said = running.log.tail();
                return Err(RigError(format!("the server did not start:\n{said}")));
            }
            pause(&[&running.log], until)?;
        }
    }

    /// Takes in what has come from the server by now. The log first: a server says what it does before
    /// it does it.
    fn collect(&mut self) -> Result<(), RigError> {
        if let Some(running) = &mut self.running {
            for line in running.log.lines()? {
                if let Some(label) = drop_label(&line) {
                    self.ledger.drop(label.to_owned());
                }
            }
        }
        while let Some(datagram) = self.station.receive()? {
            self.ledger.answer(datagram);
        }
        Ok(())
    }

    /// Waits until something comes from the server, or the time has come.
    fn wait(&self, until: Instant) -> Result<(), RigError> {
        match &self.running {
            Some(running) => pause(&[&self.station, &running.log], until),
            None => pause(&[&self.station], until),
        }
    }

    fn fail(&self, what: &str) -> RigError {
        let said = self
            .running
            .as_ref()
            .map(|running| running.log.tail())
            .unwrap_or_default();
        RigError(format!("the server {what}; the last that it said:\n{said}"))
    }

    fn relaunch(&mut self, config: Option<&str>) -> Result<(), RigError> {
        // What it sent before it ended is still on the link, and what it said in the pipe.
        self.collect()?;
        self.running = None;
        self.ledger.forgo();
        if let Some(config) = config {
            self.state.write("dhcp6s.conf", config.as_bytes())?;
        }
        self.launch()
    }
}

impl Rig for Live {
    fn name(&self) -> &'static str {
        "live"
    }

    fn deliver(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        if let Some(fence) = self.ledger.open() {
            self.station.send(&fence)?;
        }
        Ok(self.station.send(datagram)?)
    }

    fn settle(&mut self) -> Result<Vec<Event>, RigError> {
        if let Some(fence) = self.ledger.close() {
            self.station.send(&fence)?;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            self.collect()?;
            if self.ledger.settled() {
                // What the server said before it answered the fence may have come after our last look.
                self.collect()?;
                return Ok(self.ledger.take());
            }
            if self
                .running
                .as_ref()
                .is_none_or(|running| running.log.ended())
            {
                return Err(self.fail("has ended"));
            }
            if Instant::now() >= until {
                return Err(self.fail("does not answer any more"));
            }
            self.wait(until)?;
        }
    }

    fn advance(&mut self, time: Duration) -> Result<(), RigError> {
        if time > ADVANCE_MAX {
            let (asked, most) = (time.as_secs(), ADVANCE_MAX.as_secs());
            return Err(RigError(format!(
                "{asked} s are to pass, which is more than the {most} s that the live rig waits: \
                 play this scenario on the simulated rig"
            )));
        }
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.collect()?;
            if self
                .running
                .as_ref()
                .is_none_or(|running| running.log.ended())
            {
                return Err(self.fail("has ended"));
            }
            self.wait(until)?;
        }
        Ok(())
    }

    fn crash(&mut self, config: Option<&str>) -> Result<(), RigError> {
        if let Some(running) = &mut self.running {
            running.process.kill()?;
        }
        self.relaunch(config)
    }

    fn restart(&mut self, config: Option<&str>) -> Result<(), RigError> {
        if let Some(running) = &mut self.running {
            running.process.signal(Signal::SIGTERM)?;
            match running.process.wait(Instant::now() + PATIENCE)? {
                Some(status) if status.success() => {}
                Some(status) => return Err(self.fail(&format!("ended with {status}"))),
                None => return Err(self.fail("does not end")),
            }
        }
        self.relaunch(config)
    }

    fn disk(&mut self, _disk: Disk) -> Result<(), RigError> {
        Err(RigError("the live rig has no say over the disk yet".into()))
    }
}

fn pause(files: &[&dyn AsFd], until: Instant) -> Result<(), RigError> {
    let files: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
    wait(&files, until)
        .map(drop)
        .map_err(|error| RigError(format!("cannot wait for the server: {error}")))
}

/// The reason in a line of the log that tells of a drop.
fn drop_label(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("dropped: ")?;
    rest.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_drop_is_the_word_behind_dropped() {
        let line = "Nov/23/2026 09:15:22: engine: dropped: no-client-id from fe80::c1 (24 bytes)";
        assert_eq!(drop_label(line), Some("no-client-id"));
        assert_eq!(drop_label("received solicit from fe80::c1"), None);
    }
}
