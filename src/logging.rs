//! Where log messages go and which of them are written.
//!
//! In the foreground a message is a line on standard error in the form of the original server,
//! `Nov/23/2026 09:15:22: ORIGIN: TEXT`; a detached server sends it to the syslog. Without -d, warnings and errors
//! are written (the original leaves warnings out, and with them the reason why nobody gets an answer); -d
//! adds what happens, -D every detail. A message that the syslog or standard error has no room for is lost
//! rather than waited for: a reader that is slow must not stop the server. A panic is a message too, so that a
//! server in the background leaves a trace of it.
//!
//! A message that people's scripts know from the original server begins with the origin that it has there, which
//! is the field `origin`; a message of our own has none. What the original logs as a notice, a severity that events
//! do not have, is an `info!` with the field `notice`:
//! ```
//! tracing::info!(origin = "server6_reload", notice = true, "server reloaded");
//! tracing::warn!(origin = "server6_reload", "failed to reload configuration file");
//! ```
//!
//! Not here: what is worth a message. Text that cannot be read is escaped, so one message is one line.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// How much is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verbosity {
    /// Warnings and errors.
    Warnings,
    /// What happens, too.
    Info,
    /// Everything.
    Debug,
}

/// Where messages go.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// Standard error.
    Foreground,
    /// The syslog, under the base name of this program.
    Syslog {
        /// The program as it was called.
        program: &'a OsStr,
    },
}

/// The socket of the system's log.
const SYSLOG_PATH: &str = "/dev/log";
/// The most octets of a message, as in the original server.
const TEXT_LEN_MAX: usize = 2047;
const FACILITY_DAEMON: u8 = 3;

/// Sends all messages of this process to one place from now on, those of panics included. If that is a syslog
/// that is not there, standard error says so, for nothing else can.
///
/// # Errors
/// That was done before.
pub fn start(
    destination: Destination<'_>,
    verbosity: Verbosity,
) -> Result<(), SetGlobalDefaultError> {
    let sink = match destination {
        Destination::Foreground => Sink::Stderr(Lost::default()),
        Destination::Syslog { program } => {
            let syslog = Syslog::new(SYSLOG_PATH, program);
            if let Some(complaint) = syslog.complaint() {
                drop(writeln!(std::io::stderr(), "{complaint}"));
            }
            Sink::Syslog(syslog)
        }
    };
    tracing::subscriber::set_global_default(subscriber(sink, verbosity))?;
    // The C library reads the time zone once, and later may not be able to.
    let _ = LocalTime::now();
    std::panic::set_hook(Box::new(trace_of));
    Ok(())
}

fn trace_of(panic: &PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("no reason is given");
    match panic.location() {
        Some(place) => tracing::error!("internal error at {place}: {what}"),
        None => tracing::error!("internal error: {what}"),
    }
}

fn subscriber(sink: Sink, verbosity: Verbosity) -> impl Subscriber + Send + Sync {
    let filter = match verbosity {
        Verbosity::Warnings => LevelFilter::WARN,
        Verbosity::Info => LevelFilter::INFO,
        Verbosity::Debug => LevelFilter::TRACE,
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(Log { sink })
}

struct Log {
    sink: Sink,
}

enum Sink {
    Stderr(Lost),
    Syslog(Syslog),
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let severity = text.severity(*event.metadata().level());
        let text = text.finish();
        let time = LocalTime::now();
        match &self.sink {
            Sink::Stderr(lost) => lost.write(std::io::stderr().lock(), &Foreground(&time), &text),
            Sink::Syslog(syslog) => syslog.send(severity, &time, &text),
        }
    }
}

/// How much a message matters, as RFC 3164 §4.1.1 numbers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Severity {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Info,
            Level::DEBUG | Level::TRACE => Self::Debug,
        }
    }
}

/// Counts the lines that standard error had no room for since the last one that was written.
#[derive(Default)]
struct Lost(AtomicU64);

impl Lost {
    /// Writes a line if that does not take waiting. A pipe that is ready takes 4096 octets, which is more than a
    /// line and the one about lost lines have; a file or a terminal is always ready.
    fn write(&self, mut stderr: impl Write + AsFd, time: &impl fmt::Display, text: &str) {
        let mut polled = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
        let ready = poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
        if !ready {
            self.0.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let line = match self.0.swap(0, Ordering::Relaxed) {
            0 => format!("{time}: {text}\n"),
            lost => format!("{time}: {lost} messages lost, nobody read them\n{time}: {text}\n"),
        };
        // Nobody is left to be told that standard error is gone.
        drop(stderr.write_all(line.as_bytes()));
    }
}

/// The origin and the message of an event, and behind them its other fields.
#[derive(Default)]
struct Text {
    origin: String,
    message: String,
    fields: String,
    notice: bool,
}

/// The field with the routine of the original server that a message comes from there.
const ORIGIN: &str = "origin";
/// The field that makes a notice of an `info!`.
const NOTICE: &str = "notice";

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string succeeds.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            ORIGIN => write!(self.origin, "{value:?}: "),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == NOTICE {
            self.notice = value;
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl Text {
    fn severity(&self, level: Level) -> Severity {
        if self.notice {
            Severity::Notice
        } else {
            level.into()
        }
    }

    fn finish(mut self) -> String {
        self.message.insert_str(0, &self.origin);
        self.message.push_str(&self.fields);
        if self.message.chars().any(char::is_control) {
            let escaped = self.message.chars().map(|character| match character {
                control if control.is_control() => control.escape_default().to_string(),
                plain => plain.to_string(),
            });
            self.message = escaped.collect();
        }
        let end = self.message.floor_char_boundary(TEXT_LEN_MAX);
        self.message.truncate(end);
        self.message
    }
}

/// A datagram for each message (RFC 3164).
struct Syslog {
    path: PathBuf,
    ident: String,
    socket: Mutex<Option<UnixDatagram>>,
}

impl Syslog {
    fn new(path: impl AsRef<Path>, program: &OsStr) -> Self {
        let path = path.as_ref().to_owned();
        let base = Path::new(program)
            .file_name()
            .unwrap_or(OsStr::new("dhcp6s"));
        let socket = Mutex::new(connect(&path));
        Self {
            path,
            ident: base.to_string_lossy().into_owned(),
            socket,
        }
    }

    fn complaint(&self) -> Option<String> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let (ident, path) = (&self.ident, self.path.display());
        let lost = "messages are lost until there is; -f writes them to standard error";
        socket
            .is_none()
            .then(|| format!("{ident}: there is no syslog at {path}: {lost}"))
    }

    fn send(&self, severity: Severity, time: &LocalTime, text: &str) {
        let priority = FACILITY_DAEMON * 8 + severity as u8;
        let pid = std::process::id();
        let datagram = format!(
            "<{priority}>{} {}[{pid}]: {text}",
            Rfc3164(time),
            self.ident
        );
        // A panic elsewhere leaves the socket as good as it was.
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = socket
            .as_ref()
            .map(|socket| socket.send(datagram.as_bytes()));
        let lost = match sent {
            Some(Ok(_)) => false,
            // No room: to wait would hold up the clients, and a new connection has no room either.
            Some(Err(error)) => error.kind() != std::io::ErrorKind::WouldBlock,
            None => true,
        };
        if lost {
            *socket = connect(&self.path);
            drop(
                socket
                    .as_ref()
                    .map(|socket| socket.send(datagram.as_bytes())),
            );
        }
    }
}

fn connect(path: &Path) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect(path).ok()?;
    Some(socket)
}

/// A time of day where the server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct LocalTime {
    year: i64,
    month: usize,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl LocalTime {
    fn now() -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::at(libc::time_t::try_from(now.as_secs()).unwrap_or_default())
    }

    #[expect(
        unsafe_code,
        reason = "the rules of the time zone are known to the C library alone"
    )]
    fn at(seconds: libc::time_t) -> Self {
        // SAFETY: all octets zero are a valid `tm`, whose only pointer may be null.
        let mut parts: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both point to live values for the length of the call, and the environment, which the call
        // may read, is never changed by this program.
        unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) };
        let number = |part: libc::c_int| u32::try_from(part).unwrap_or_default();
        Self {
            year: i64::from(parts.tm_year) + 1900,
            month: usize::try_from(parts.tm_mon).unwrap_or_default(),
            day: number(parts.tm_mday),
            hour: number(parts.tm_hour),
            minute: number(parts.tm_min),
            second: number(parts.tm_sec),
        }
    }

    fn month(&self) -> &'static str {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        MONTHS.get(self.month).copied().unwrap_or("???")
    }
}

struct Foreground<'a>(&'a LocalTime);

impl fmt::Display for Foreground<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0;
        write!(
            f,
            "{}/{:02}/{} {:02}:{:02}:{:02}",
            time.month(),
            time.day,
            time.year,
            time.hour,
            time.minute,
            time.second
        )
    }
}

struct Rfc3164<'a>(&'a LocalTime);

impl fmt::Display for Rfc3164<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0;
        write!(
            f,
            "{} {:2} {:02}:{:02}:{:02}",
            time.month(),
            time.day,
            time.hour,
            time.minute,
            time.second
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TIME: LocalTime = LocalTime {
        year: 2026,
        month: 10,
        day: 3,
        hour: 9,
        minute: 5,
        second: 7,
    };

    #[test]
    fn a_reader_that_does_not_read_stops_nobody() {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let lost = Lost::default();
        let text = "x".repeat(TEXT_LEN_MAX);
        for _ in 0..100 {
            lost.write(&writer, &"now", &text);
        }
        let count = lost.0.load(Ordering::Relaxed);
        assert!((1..100).contains(&count), "{count}");
        // Room for two lines again: the first that fits tells of those that did not.
        let mut read = vec![0; 8192];
        std::io::Read::read_exact(&mut reader, &mut read).expect("lines");
        lost.write(&writer, &"now", "here I am");
        drop(writer);
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut reader, &mut rest).expect("lines");
        assert!(rest.ends_with(&format!(
            "now: {count} messages lost, nobody read them\nnow: here I am\n"
        )));
    }

    #[test]
    fn times_have_the_form_of_the_original_server_and_of_rfc_3164() {
        assert_eq!(Foreground(&TIME).to_string(), "Nov/03/2026 09:05:07");
        assert_eq!(Rfc3164(&TIME).to_string(), "Nov  3 09:05:07");
    }

    #[test]
    fn local_time_is_within_a_day_of_utc() {
        let time = LocalTime::at(1_795_400_122);
        assert_eq!((time.year, time.month), (2026, 10));
        assert!((21..=24).contains(&time.day), "{time:?}");
        assert_eq!(time.second, 22);
    }

    struct Receiver {
        _directory: tempfile::TempDir,
        path: PathBuf,
        socket: UnixDatagram,
    }

    fn receiver() -> Receiver {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let socket = bind(&path);
        Receiver {
            _directory: directory,
            path,
            socket,
        }
    }

    fn bind(path: &Path) -> UnixDatagram {
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout");
        socket
    }

    fn next(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 4096];
        let len = socket.recv(&mut buffer).expect("a datagram");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    fn text(datagram: &str) -> &str {
        datagram.split_once("]: ").expect("a tag").1
    }

    #[test]
    fn a_message_is_one_datagram_with_priority_and_pid() {
        let log = receiver();
        let sink = Sink::Syslog(Syslog::new(&log.path, OsStr::new("/usr/sbin/dhcp6s")));
        tracing::subscriber::with_default(subscriber(sink, Verbosity::Warnings), || {
            tracing::info!("not written");
            tracing::error!(port = 547, name = "a\nb", "cannot bind {}", "x");
            tracing::warn!("second");
        });
        let first = next(&log.socket);
        assert!(first.starts_with("<27>"), "{first}");
        assert!(
            first.contains(&format!(" dhcp6s[{}]: ", std::process::id())),
            "{first}"
        );
        assert_eq!(text(&first), "cannot bind x port=547 name=a\\nb");
        assert!(next(&log.socket).starts_with("<28>"));
    }

    #[test]
    fn an_origin_stands_in_front_and_a_notice_is_one() {
        let log = receiver();
        let sink = Sink::Syslog(Syslog::new(&log.path, OsStr::new("dhcp6s")));
        tracing::subscriber::with_default(subscriber(sink, Verbosity::Info), || {
            tracing::info!(origin = "server6_reload", notice = true, "server reloaded");
            tracing::info!(origin = "server6_recv", "invalid unicast message");
            tracing::info!(notice = false, "of our own");
            tracing::debug!(origin = "server6_recv", "received solicit from ::1");
            tracing::error!(origin = "main", "failed to parse configuration file");
        });
        let said = [0; 4].map(|_| next(&log.socket));
        let parts = said.each_ref().map(|said| {
            let (priority, _) = said.split_once('>').expect("a priority");
            (priority, text(said))
        });
        assert_eq!(
            parts,
            [
                ("<29", "server6_reload: server reloaded"),
                ("<30", "server6_recv: invalid unicast message"),
                ("<30", "of our own"),
                ("<27", "main: failed to parse configuration file"),
            ]
        );
    }

    #[test]
    fn a_restarted_syslog_gets_the_next_message() {
        let log = receiver();
        let syslog = Syslog::new(&log.path, OsStr::new("dhcp6s"));
        syslog.send(Severity::Info, &TIME, "one");
        assert_eq!(text(&next(&log.socket)), "one");
        drop(log.socket);
        std::fs::remove_file(&log.path).expect("removed");
        syslog.send(Severity::Info, &TIME, "lost");
        let socket = bind(&log.path);
        syslog.send(Severity::Info, &TIME, "two");
        assert_eq!(text(&next(&socket)), "two");
    }

    #[test]
    fn a_syslog_without_room_does_not_hold_up_the_server() {
        let log = receiver();
        let syslog = Syslog::new(&log.path, OsStr::new("dhcp6s"));
        for _ in 0..10_000 {
            syslog.send(Severity::Debug, &TIME, &"x".repeat(1000));
        }
        assert_eq!(text(&next(&log.socket)).len(), 1000);
    }

    #[test]
    fn a_panic_leaves_one_line_with_its_place() {
        let log = receiver();
        let sink = Sink::Syslog(Syslog::new(&log.path, OsStr::new("dhcp6s")));
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(trace_of));
        let outcome =
            tracing::subscriber::with_default(subscriber(sink, Verbosity::Warnings), || {
                std::panic::catch_unwind(|| panic!("the table\nhas {}", "a hole"))
            });
        std::panic::set_hook(before);
        assert!(outcome.is_err());
        let said = next(&log.socket);
        assert!(said.starts_with("<27>"), "{said}");
        let text = text(&said);
        assert!(
            text.starts_with("internal error at src/logging.rs:"),
            "{text}"
        );
        assert!(text.ends_with(": the table\\nhas a hole"), "{text}");
    }

    #[test]
    fn a_missing_syslog_is_complained_about() {
        let log = receiver();
        let there = Syslog::new(&log.path, OsStr::new("/usr/sbin/dhcp6s"));
        assert_eq!(there.complaint(), None);
        let missing = Syslog::new("/nonexistent/log", OsStr::new("/usr/sbin/dhcp6s"));
        let complaint = missing.complaint().expect("a complaint");
        assert!(
            complaint.starts_with("dhcp6s: there is no syslog at /nonexistent/log"),
            "{complaint}"
        );
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let text = Text {
            message: "ü".repeat(2000),
            ..Text::default()
        };
        assert_eq!(text.finish().len(), 2046);
    }
}
