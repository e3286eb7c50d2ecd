//! The server under test as a process: its files, its start and its end.
//!
//! The files pin down what all rigs must agree on. Leases lie in a file system of their own, in memory,
//! which outlives the process and can be filled up.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::chown;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::link::log::Log;
use crate::link::owner::temporary_folder;
use crate::link::{Namespace, Process, wait};
use crate::rig::product::{self, Ear, Ending, Files, KEY_FILE, Order, Post, Said, Scene, Told};
pub use crate::rig::program::{IMAGE_NEEDS, Program};
use crate::rig::{Ended, RigError, SECRET, SERVER_DUID};

/// How long a server may take to start, to answer, or to end.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How much the disk of the leases holds.
const DISK_BYTES: u64 = 4 << 20;

/// Where the leases are, on that disk, and what takes the rest of it when it is to be full.
const LEASES: &str = "disk/leases";
const FILLER: &str = "disk/filler";

/// Who the server is in a container: nobody.
const CONTAINER_USER: u32 = 65_534;

/// A server in a namespace, running or not.
#[derive(Debug)]
pub struct Server {
    pub(super) program: Program,
    running: Option<Running>,
    starts: u32,
    // Dropped in this order: whatever is left in the namespace ends before its files go.
    pub(super) namespace: Namespace,
    pub(super) folder: TempDir,
    /// Where the leases are if not in memory.
    leases: Option<PathBuf>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    log: Log,
    ear: Box<dyn Ear>,
}

impl Server {
    /// Lays out the files of a server that is to run in this namespace.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn new(program: Program, namespace: Namespace, config: &str) -> Result<Self, RigError> {
        let folder = temporary_folder()?;
        let server = Self {
            program,
            running: None,
            starts: 0,
            namespace,
            folder,
            leases: None,
        };
        server.configure(config)?;
        server.share_key(product::KEY)?;
        server.write("dhcp6s_secret", &SECRET)?;
        // The original server's format: a length as this machine writes it, then the DUID.
        let length = u16::try_from(SERVER_DUID.len()).expect("a DUID has at most 130 octets");
        server.write(
            "dhcp6s_duid",
            &[&length.to_ne_bytes()[..], &SERVER_DUID].concat(),
        )?;
        let disk = server.path("disk");
        let leases = server.path(LEASES);
        fs::create_dir(&disk)
            .map_err(|error| RigError(format!("cannot make {}: {error}", disk.display())))?;
        server.namespace.mount_memory(&disk, DISK_BYTES)?;
        server
            .namespace
            .run(move || fs::create_dir(leases))
            .map_err(|error| RigError(format!("cannot make a folder for leases: {error}")))?;
        if let Program::Image(_) = server.program {
            server.give_to(CONTAINER_USER)?;
        }
        let adapter = server.program.product().adapter();
        let leases = server.path(LEASES);
        adapter.lay_out(server.files(&leases), &server.namespace)?;
        Ok(server)
    }

    fn give_to(&self, user: u32) -> Result<(), RigError> {
        let folder = self.folder.path().to_owned();
        let leases = self.path(LEASES);
        let give = move || -> io::Result<()> {
            for entry in fs::read_dir(&folder)? {
                chown(entry?.path(), Some(user), Some(user))?;
            }
            chown(folder, Some(user), Some(user))?;
            chown(leases, Some(user), Some(user))
        };
        self.namespace
            .run(give)
            .map_err(|error| RigError(format!("cannot give the server its folder: {error}")))
    }

    /// Takes all the space that is left on the disk of the leases. The page that a file ends in belongs
    /// to the file, so what is appended to that page still has room: see `ballast`.
    ///
    /// # Errors
    /// Something other than the end of the space stops it.
    pub fn fill_disk(&self) -> Result<(), RigError> {
        let filler = self.path(FILLER);
        let fill = move || -> io::Result<()> {
            let mut filler = fs::File::create(filler)?;
            loop {
                match filler.write(&[0; 4096]) {
                    Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                    other => other?,
                };
            }
        };
        self.namespace
            .run(fill)
            .map_err(|error| RigError(format!("cannot fill the disk: {error}")))
    }

    /// Gives that space back.
    ///
    /// # Errors
    /// The system refuses.
    pub fn empty_disk(&self) -> Result<(), RigError> {
        let filler = self.path(FILLER);
        match self.namespace.run(move || fs::remove_file(filler)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(RigError(format!("cannot make room on the disk: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Gives it a configuration, which it reads when it starts, in the words of `dhcp6s.conf`; other servers get it
    /// in their own.
    ///
    /// # Errors
    /// The file cannot be written, or this server cannot do that.
    pub fn configure(&self, config: &str) -> Result<(), RigError> {
        let addresses = self.namespace.run(product::addresses);
        let addresses = addresses
            .map_err(|error| RigError(format!("cannot read the addresses of the link: {error}")))?;
        let leases = self.path(LEASES);
        let scene = Scene {
            text: config,
            addresses: &addresses,
            files: self.files(&leases),
        };
        let adapter = self.program.product().adapter();
        let text = adapter
            .translate(&scene)
            .map_err(|error| RigError(format!("{}: {error}", adapter.name())))?;
        self.write(adapter.config_file(), text.as_bytes())
    }

    fn files<'a>(&'a self, leases: &'a Path) -> Files<'a> {
        Files {
            folder: self.folder.path(),
            leases: self.leases.as_deref().unwrap_or(leases),
        }
    }

    /// Gives it another DUID, which it reads when it starts.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn call(&self, duid: &[u8]) -> Result<(), RigError> {
        // The original server's format: a length as this machine writes it, then the DUID.
        let length =
            u16::try_from(duid.len()).map_err(|_| RigError("no DUID has so many octets".into()))?;
        self.write("dhcp6s_duid", &[&length.to_ne_bytes()[..], duid].concat())
    }

    /// Gives it another key file, which it reads when it starts, instead of the lab's own. Without a key it opens no
    /// control port.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn share_key(&self, text: &str) -> Result<(), RigError> {
        self.write(KEY_FILE, text.as_bytes())
    }

    /// Has it keep its leases in this folder from the next start on, on whatever disk that is.
    pub fn keep_leases_in(&mut self, folder: &Path) {
        self.leases = Some(folder.to_owned());
    }

    /// The namespace that it runs in.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Starts it and waits until it can be talked to.
    ///
    /// # Errors
    /// It does not start; the text has its last words.
    pub fn start(&mut self) -> Result<(), RigError> {
        self.launch()?;
        self.await_ready()
    }

    /// Starts it and waits until it can be talked to, or has ended instead, as it does with a configuration
    /// that it refuses; then tells how.
    ///
    /// # Errors
    /// It does neither, or the program cannot be run.
    pub fn try_to_start(&mut self) -> Result<Option<Ended>, RigError> {
        self.launch()?;
        self.ready_or_ended()
    }

    /// Starts it, and does not wait for what it makes of that.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn launch(&mut self) -> Result<(), RigError> {
        self.starts += 1;
        let failed = |error| RigError(format!("cannot make a pipe for a log: {error}"));
        let (pipe, end) = io::pipe().map_err(failed)?;
        let mut command = self.command();
        command.stdout(end.try_clone().map_err(failed)?).stderr(end);
        self.running = Some(Running {
            process: self.namespace.spawn(command)?,
            log: Log::new(pipe)?,
            ear: self.program.product().adapter().ear(),
        });
        Ok(())
    }

    /// Waits until it can be talked to, after [`Self::launch`].
    ///
    /// # Errors
    /// It does not come to that; the text has its last words.
    pub fn await_ready(&mut self) -> Result<(), RigError> {
        match self.ready_or_ended()? {
            None => Ok(()),
            Some(_) => Err(self.failure("did not start")),
        }
    }

    fn ready_or_ended(&mut self) -> Result<Option<Ended>, RigError> {
        let Some(running) = &mut self.running else {
            return Err(self.failure("was not started"));
        };
        let adapter = self.program.product().adapter();
        let until = Instant::now() + PATIENCE;
        loop {
            if adapter.is_ready(&running.log.lines()?, &self.namespace) {
                return Ok(None);
            }
            if running.log.ended() {
                return self.ended();
            }
            let now = Instant::now();
            if now >= until {
                return Err(self.failure("did not start"));
            }
            let again = now.checked_add(adapter.look_again()).unwrap_or(until);
            pause(&[running.log.as_fd()], again.min(until))?;
        }
    }

    fn command(&self) -> Command {
        let leases = self.path(LEASES);
        let files = self.files(&leases);
        let adapter = self.program.product().adapter();
        let arguments = adapter.arguments(files);
        let mut command = match &self.program {
            Program::Binary(path) | Program::Foreign(_, path) => {
                let mut command = Command::new(path);
                command.args(arguments);
                command
            }
            // Its entry point has the first one, which keeps the server in the foreground.
            Program::Image(image) => {
                let mut command = self.container(image);
                command.args(arguments.iter().skip(1));
                command
            }
            Program::Command(line) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("exec {}", product::filled(line, files))]);
                command
            }
        };
        command.envs(adapter.environment(files));
        command.stdin(Stdio::null());
        command
    }

    /// A container that may do no more than the server needs: it sees the server's folder and the
    /// interface, is nobody, and has the one capability.
    fn container(&self, image: &str) -> Command {
        let folder = self.folder.path().display();
        let mut command = podman();
        command.args(["run", "--rm", "--name", &self.container_name()]);
        command.args(["--ulimit", "nofile=1024:1024"]);
        command.args(["--ulimit", "nproc=1024:1024"]);
        // Nothing stands between the server and its log, so that what it says of a message is here before its answer is.
        command.args(["--log-driver", "passthrough"]);
        command.args(["--pull", "never", "--read-only"]);
        command.args(["--cap-drop", "all", "--cap-add", "NET_BIND_SERVICE"]);
        command.args(["--security-opt", "no-new-privileges"]);
        command.args(["--user", &format!("{CONTAINER_USER}:{CONTAINER_USER}")]);
        // podman is in the namespace itself.
        command.args(["--network", "host"]);
        // The image has a volume for leases; without anything in its place podman would make one each time.
        command.args(["--mount", "type=tmpfs,destination=/var/lib/dhcpv6"]);
        command.args(["--volume", &format!("{folder}:{folder}"), image]);
        command
    }

    /// The namespace has it to itself, and its name is nobody else's.
    fn container_name(&self) -> String {
        let name = self.namespace.path().file_name().unwrap_or_default();
        format!("{}-{}", name.to_string_lossy(), self.starts)
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// It does not end, or not with success where that is its way.
    pub fn stop(&mut self) -> Result<(), RigError> {
        if self.running.is_none() {
            return Ok(());
        }
        match self.program.product().adapter().ending() {
            Ending::Success => {
                self.signal(Signal::SIGTERM)?;
                self.until_ended()
            }
            Ending::AnyStatus => {
                self.signal(Signal::SIGTERM)?;
                match self.await_end()? {
                    Some(_) => Ok(()),
                    None => Err(self.failure("does not end")),
                }
            }
            Ending::Killed => self.kill(),
        }
    }

    /// Sends it a signal. What started a container, and hands its log on untouched, hands no signals on.
    fn signal(&self, signal: Signal) -> Result<(), RigError> {
        match (&self.program, &self.running) {
            (_, None) => Err(self.failure("does not run")),
            (Program::Image(_), Some(_)) => {
                let mut podman = podman();
                podman.args(["kill", "--signal", signal.as_str(), &self.container_name()]);
                self.namespace.command(podman)?;
                Ok(())
            }
            (_, Some(running)) => Ok(running.process.signal(signal)?),
        }
    }

    /// Waits until it has ended.
    fn await_end(&mut self) -> Result<Option<ExitStatus>, RigError> {
        match &mut self.running {
            Some(running) => Ok(running.process.wait(Instant::now() + PATIENCE)?),
            None => Ok(None),
        }
    }

    /// Tells it to do something.
    ///
    /// # Errors
    /// It does not run, or cannot be told.
    pub(super) fn tell(&self, order: &Order<'_>) -> Result<Told, RigError> {
        if self.running.is_none() {
            return Err(self.failure("does not run"));
        }
        let leases = self.path(LEASES);
        let post = Post {
            files: self.files(&leases),
            namespace: &self.namespace,
        };
        let told = self.program.product().adapter().tell(order, &post)?;
        if let Told::Signal(signal) = told {
            self.signal(signal)?;
        }
        Ok(told)
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> Result<(), RigError> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        // First what starts a container, for that might have yet to make it.
        running.process.kill()?;
        if let Program::Image(_) = self.program {
            let mut podman = podman();
            podman.args(["rm", "--force", "--time", "0", "--ignore"]);
            podman.arg(self.container_name());
            self.namespace.command(podman)?;
        }
        Ok(())
    }

    /// The lines that it has logged since the last call.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn lines(&mut self) -> Result<Vec<String>, RigError> {
        match &mut self.running {
            Some(running) => Ok(running.log.lines()?),
            None => Ok(Vec::new()),
        }
    }

    /// Waits until it has logged a line with this text, and returns that line. Lines ahead of it are skipped.
    ///
    /// # Errors
    /// It does not say that.
    pub fn until(&mut self, text: &str) -> Result<String, RigError> {
        let until = Instant::now() + PATIENCE;
        let said = match &mut self.running {
            Some(running) => running.log.until(text, until)?,
            None => None,
        };
        said.ok_or_else(|| self.failure(&format!("does not say `{text}`")))
    }

    /// Waits until it has ended by itself, with success.
    ///
    /// # Errors
    /// It goes on, or ends otherwise.
    pub fn until_ended(&mut self) -> Result<(), RigError> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        match running.process.wait(Instant::now() + PATIENCE)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failure(&format!("ended with {status}"))),
            None => Err(self.failure("does not end")),
        }
    }

    /// What those lines tell.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn said(&mut self) -> Result<Vec<Said>, RigError> {
        let Some(running) = &mut self.running else {
            return Ok(Vec::new());
        };
        let lines = running.log.lines()?;
        Ok(lines.iter().filter_map(|it| running.ear.hear(it)).collect())
    }

    /// How many packets have come to it so far, if that has to be known: see [`Self::has_read`].
    pub(super) fn packets(&self) -> Option<u64> {
        let in_order = self.program.product().adapter().has_one_socket();
        (!in_order).then(|| self.namespace.run(product::packets))
    }

    /// Whether it has read everything that came, and something came since there were so many packets. Always so
    /// where it reads in the order of arrival.
    pub(super) fn has_read(&self, packets: Option<u64>) -> bool {
        packets.is_none_or(|before| {
            self.namespace
                .run(move || product::packets() > before && !product::has_unread())
        })
    }

    /// Waits until it says something, ends, something comes on `other`, or the time has come.
    ///
    /// # Errors
    /// The system cannot wait.
    pub fn wait(&self, other: Option<BorrowedFd<'_>>, until: Instant) -> Result<(), RigError> {
        let log = self.running.as_ref().map(|it| &it.log);
        let log = log.filter(|it| !it.ended()).map(Log::as_fd);
        let files: Vec<_> = other.into_iter().chain(log).collect();
        pause(&files, until)
    }

    /// Waits until the time has come.
    ///
    /// # Errors
    /// The system cannot wait.
    pub(super) fn pause(&self, until: Instant) -> Result<(), RigError> {
        pause(&[], until)
    }

    /// How it ended, if it has ended by itself since it was started.
    ///
    /// # Errors
    /// It has closed its log and goes on.
    pub fn ended(&mut self) -> Result<Option<Ended>, RigError> {
        let Some(running) = self.running.as_mut().filter(|it| it.log.ended()) else {
            return Ok(None);
        };
        let Some(status) = running.process.wait(Instant::now() + PATIENCE)? else {
            return Err(self.failure("has closed its log"));
        };
        let signal = status
            .signal()
            .and_then(|number| Signal::try_from(number).ok());
        Ok(Some(Ended {
            how: signal.map_or_else(|| status.to_string(), |it| it.to_string()),
            last_words: running.log.tail(),
        }))
    }

    /// An error unless it runs.
    ///
    /// # Errors
    /// It has ended.
    pub fn check(&self) -> Result<(), RigError> {
        match &self.running {
            Some(running) if !running.log.ended() => Ok(()),
            _ => Err(self.failure("has ended")),
        }
    }

    /// An error that tells what is wrong with it, together with its last words.
    #[must_use]
    pub fn failure(&self, what: &str) -> RigError {
        let said = self
            .running
            .as_ref()
            .map(|running| running.log.tail())
            .unwrap_or_default();
        RigError(format!("the server {what}; its last words:\n{said}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RigError> {
        let path = self.path(name);
        fs::write(&path, bytes)
            .map_err(|error| RigError(format!("cannot write {}: {error}", path.display())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A container does not end with the program that started it.
        let _ = self.kill();
    }
}

/// podman, with runc, and limits that everybody may set (in [`Server::container`]): with these, containers run on machines,
/// too, that are containers themselves.
fn podman() -> Command {
    let mut command = Command::new("podman");
    command.args(["--runtime", "runc"]);
    command
}

fn pause(files: &[BorrowedFd<'_>], until: Instant) -> Result<(), RigError> {
    wait(files, until)
        .map(drop)
        .map_err(|error| RigError(format!("cannot wait for the server: {error}")))
}
