//! What the original server makes of a configuration: the real program, in a namespace of its own.

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dhcp6lab::link::ip::batch;
use dhcp6lab::link::log::Log;
use dhcp6lab::link::{Error, Namespace, wait};
use dhcp6lab::program::ORIGINAL;
use nix::libc;

/// The interfaces that there are, beside `lo`. The first one is served.
pub(crate) const INTERFACES: [&str; 2] = ["sv0", "svr"];
/// Where it has its DUID, which cannot be configured.
const STATE: &str = "/var/lib/dhcpv6";
/// Ten octets, little-endian, and a DUID-LL.
const DUID_FILE: &[u8] = b"\x0a\0\0\x03\0\x01\x02\0\0\0\0\x01";
/// How long it may take over a file. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where it writes its number, and what it removes when it is told to end, whatever that is.
const PID_FILE: &str = "/var/lib/dhcpv6/dhcp6s.pid";
/// A control key that is not there. (Of an empty file, it takes the key from memory that it never set.)
const NO_KEY: &str = "/nonexistent/dhcp6sctlkey";
/// What it says when it has read the configuration, has its DUID, and looks for the key. What it says before that
/// is about the configuration.
const SERVES: &str = "dhcp6_ctl_authinit: ";

/// What a server makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// It serves, and has nothing to say.
    Accept,
    /// It serves, and has something to say about the file.
    Warn,
    /// It says what is wrong and ends.
    Reject,
    /// A signal ends it.
    Crash,
}

impl Verdict {
    /// All of them, by the word that an example has for it, and in a sentence about the file.
    pub(crate) const ALL: [(Self, &str, &str); 4] = [
        (Self::Accept, "accept", "accepts it"),
        (Self::Warn, "warn", "accepts it with a warning"),
        (Self::Reject, "reject", "refuses it"),
        (Self::Crash, "crash", "crashes"),
    ];

    /// The verdict that a word stands for.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|it| it.1 == word);
        found.map(|it| it.0)
    }

    /// The verdict in a sentence about the file.
    pub(crate) fn phrase(self) -> &'static str {
        let found = Self::ALL.iter().find(|it| it.0 == self);
        found.expect("all are listed").2
    }
}

/// A place for the original server to run in.
#[derive(Debug)]
pub(crate) struct Original {
    namespace: Namespace,
}

impl Original {
    /// Makes the namespace with the interfaces and the state.
    pub(crate) fn new() -> Result<Self, Error> {
        let namespace = Namespace::new()?;
        let [served, other] = INTERFACES;
        batch(
            &namespace,
            format!(
                "link add {served} type veth peer name {other}\n\
                 link set {served} up\nlink set {other} up\n"
            ),
        )?;
        namespace.mount_memory(Path::new(STATE), 1 << 20)?;
        let written = namespace.run(|| fs::write(Path::new(STATE).join("dhcp6s_duid"), DUID_FILE));
        written.expect("the DUID can be written");
        Ok(Self { namespace })
    }

    /// Has it read a file of a folder, and says what came of it, with what it said.
    ///
    /// With `-d` it prints everything but debugging: what it says about a file that it accepts is a warning.
    pub(crate) fn read(&self, folder: &Path, file: &str) -> (Verdict, Vec<String>) {
        let mut command = Command::new(ORIGINAL.0);
        command
            .current_dir(folder)
            .args(["-f", "-d", "-c", file, "-k", NO_KEY, "-P", PID_FILE])
            .arg(INTERFACES[0])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = self.namespace.spawn(command).expect("it can be started");
        let pipe = process.take_stderr().expect("a pipe");
        let mut log = Log::new(pipe).expect("a log");
        let until = Instant::now() + PATIENCE;
        let mut said: Vec<String> = Vec::new();
        loop {
            for line in log.lines().expect("it can be read") {
                // Before the first colon and blank is the time.
                let text = line.split_once(": ").map_or(line.as_str(), |it| it.1);
                if text.starts_with(SERVES) {
                    let verdict = match said.is_empty() {
                        true => Verdict::Accept,
                        false => Verdict::Warn,
                    };
                    return (verdict, said);
                }
                said.push(text.to_owned());
            }
            if log.ended() {
                let status = process.wait(until).expect("it can be waited for");
                let status = status.expect("it has closed its standard error, so it ends");
                let verdict = match status.signal() {
                    Some(libc::SIGSEGV | libc::SIGABRT | libc::SIGBUS) => Verdict::Crash,
                    Some(signal) => panic!("{file}: ended by signal {signal}: {said:?}"),
                    None => Verdict::Reject,
                };
                return (verdict, said);
            }
            assert!(
                Instant::now() < until,
                "{file}: it neither serves nor ends: {said:?}"
            );
            wait(&[log.as_fd()], until).expect("the system can wait");
        }
    }
}
