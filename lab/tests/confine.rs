//! What a running server can still do: seen from outside in its status, and by having it try. What a single thread can
//! do is told by the unit tests of `src/confine`.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcp6lab::link::log::Log;
use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::{Namespace, Process};
use dhcp6lab::rig::server::PATIENCE;
use frame::{Frame, KEY_FILE, RELOAD, STOP};
use nix::sys::signal::Signal;
use rstest::rstest;
use tempfile::TempDir;

#[path = "support/frame.rs"]
#[allow(dead_code, reason = "not all commands are sent")]
mod frame;
#[path = "support/server.rs"]
mod server;
mod support;

const RELOADED: &str = "server6_reload: server reloaded";
const REFUSED: &str = "server6_reload: failed to reload configuration file";
/// CAP_NET_BIND_SERVICE alone, as the kernel shows it.
const BIND_SERVICE: &str = "0000000000000400";
const NONE: &str = "0000000000000000";

/// A namespace whose loopback interface is served, and a folder for the files of a server.
struct Bench {
    namespace: Namespace,
    folder: TempDir,
}

/// A server that serves there.
struct Running {
    process: Process,
    log: Log,
    /// All that it has said so far.
    said: Vec<String>,
}

impl Bench {
    fn new() -> Option<Self> {
        if !support::can_run(&[]) {
            return None;
        }
        let bench = Self {
            namespace: Namespace::new().expect("a namespace"),
            folder: temporary_folder().expect("a folder"),
        };
        fs::create_dir(bench.path("etc")).expect("a folder");
        fs::create_dir(bench.path("var")).expect("a folder");
        bench.write("etc/dhcp6s.conf", "");
        let duid = [&10_u16.to_ne_bytes()[..], &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]];
        bench.write("var/duid", duid.concat());
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    /// The words that the server is started with.
    fn arguments(&self, config: &str) -> Vec<PathBuf> {
        let files = [("-c", config), ("-P", "var/pid"), ("-k", "etc/key")];
        let more = [("--duid", "var/duid"), ("--leases", "var/leases")];
        let files = files.iter().chain(&more);
        let words = files.flat_map(|(option, file)| [option.into(), self.path(file)]);
        words.chain(["lo".into()]).collect()
    }

    fn command(&self, config: &str) -> Command {
        let mut command = Command::new(server::path());
        command.args(["-f", "-D"]).args(self.arguments(config));
        command
    }

    /// Starts a server and waits until it serves.
    #[track_caller]
    fn start(&self, mut command: Command) -> Running {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = self.namespace.spawn(command).expect("it starts");
        let log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
        let mut running = Running {
            process,
            log,
            said: Vec::new(),
        };
        running.until("serving on lo");
        running
    }

    /// Sends a frame to the control port of the server.
    fn control(&self, frame: &Frame) {
        let octets = frame.octets();
        let sent = self.namespace.run(move || -> io::Result<usize> {
            let mut stream = TcpStream::connect("[::1]:5547")?;
            stream.write_all(&octets)?;
            stream.read(&mut [0; 1])
        });
        sent.expect("the server closes the connection");
    }
}

impl Running {
    /// Waits until the server has logged that, and returns the line.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.line();
            let line = line.unwrap_or_else(|| panic!("no `{text}` in:\n{}", self.log.tail()));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The next line, or `None` if it says nothing more.
    fn line(&mut self) -> Option<String> {
        let line = self.log.until("", Instant::now() + PATIENCE);
        let line = line.expect("a pipe");
        self.said.extend(line.clone());
        line
    }

    #[track_caller]
    fn reload(&mut self, outcome: &str) {
        self.process.signal(Signal::SIGHUP).expect("it runs");
        self.until(outcome);
    }

    fn said(&self, text: &str) -> Vec<&str> {
        let lines = self.said.iter().filter(|it| it.contains(text));
        lines.map(String::as_str).collect()
    }

    #[track_caller]
    fn end(mut self) {
        self.process.signal(Signal::SIGTERM).expect("it runs");
        let status = self.process.wait(Instant::now() + PATIENCE);
        let status = status.expect("a status").expect("it ends");
        assert!(status.success(), "{status}:\n{}", self.log.tail());
    }
}

/// What the kernel says of every thread of a process.
fn threads(pid: impl std::fmt::Display) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let status = |task: io::Result<fs::DirEntry>| {
        fs::read_to_string(task.expect("a thread").path().join("status")).expect("it runs")
    };
    tasks.map(status).collect()
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|it| it.strip_prefix(name));
    line.and_then(|it| it.strip_prefix(':'))
        .unwrap_or_default()
        .trim()
}

#[track_caller]
fn is(status: &str, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        assert_eq!(field(status, name), *value, "{name}\n{status}");
    }
}

#[test]
fn every_thread_of_a_server_has_one_capability_and_is_filtered() {
    let Some(bench) = Bench::new() else { return };
    let mut running = bench.start(bench.command("etc/dhcp6s.conf"));
    running.reload(RELOADED);
    let threads = threads(running.process.id());
    assert!(threads.len() >= 2, "{}", threads.len());
    for status in &threads {
        is(
            status,
            &[
                ("CapEff", BIND_SERVICE),
                ("CapPrm", BIND_SERVICE),
                ("CapInh", NONE),
                ("CapBnd", NONE),
                ("CapAmb", NONE),
                ("NoNewPrivs", "1"),
                ("Seccomp", "2"),
            ],
        );
    }
    let told = running.said("confined: ");
    assert_eq!(told.len(), 1, "{told:?}");
    for part in [
        "no new privileges; ",
        "no capabilities but CAP_NET_BIND_SERVICE; ",
        &format!("reads below {}, ", bench.path("etc").display()),
        &format!("writes below {}; ", bench.path("var/leases").display()),
        " system calls by seccomp",
    ] {
        assert!(told[0].contains(part), "no `{part}` in {}", told[0]);
    }
    assert!(bench.path("var/pid").exists());
    running.end();
    assert!(!bench.path("var/pid").exists(), "the pid file stays");
}

#[test]
fn a_server_in_the_background_is_confined_as_well() {
    let Some(bench) = Bench::new() else { return };
    let mut command = Command::new(server::path());
    command.args(bench.arguments("etc/dhcp6s.conf"));
    bench.namespace.command(command).expect("it serves");
    let pid = fs::read_to_string(bench.path("var/pid")).expect("a pid file");
    let pid = pid.trim();
    for status in threads(pid) {
        is(&status, &[("CapEff", BIND_SERVICE), ("Seccomp", "2")]);
    }
    for descriptor in 0..3 {
        let file = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).expect("it runs");
        assert_eq!(file, Path::new("/dev/null"), "{descriptor}");
    }
    let mut kill = Command::new("kill");
    kill.arg(pid);
    bench.namespace.command(kill).expect("it runs");
}

#[test]
fn an_include_in_a_folder_that_was_unknown_at_the_start_takes_a_restart() {
    let Some(bench) = Bench::new() else { return };
    fs::create_dir(bench.path("site")).expect("a folder");
    bench.write(
        "site/more.conf",
        "option domain-name-servers 2001:db8::53;\n",
    );
    let mut running = bench.start(bench.command("etc/dhcp6s.conf"));
    let include = format!("include \"{}\";\n", bench.path("site/more.conf").display());
    bench.write("etc/dhcp6s.conf", &include);
    running.process.signal(Signal::SIGHUP).expect("it runs");
    let said = running.until("more.conf");
    assert!(said.contains(":1 "), "{said}");
    let known = format!(
        "a running server reads only below the folders that it knew at its start ({}); restart it",
        bench.path("etc").display()
    );
    assert!(said.contains(&known), "{said}");
    running.until(REFUSED);
    // A file beside the first one is another matter, however new it is.
    bench.write(
        "etc/more.conf",
        "option domain-name-servers 2001:db8::53;\n",
    );
    let beside = format!("include \"{}\";\n", bench.path("etc/more.conf").display());
    bench.write("etc/dhcp6s.conf", beside);
    running.reload(RELOADED);
    running.end();
    bench.write("etc/dhcp6s.conf", &include);
    let mut running = bench.start(bench.command("etc/dhcp6s.conf"));
    running.reload(RELOADED);
    running.end();
}

#[test]
fn a_file_that_its_owner_alone_may_read_is_told_of_as_that() {
    let Some(bench) = Bench::new() else { return };
    let mut running = bench.start(bench.command("etc/dhcp6s.conf"));
    let mode = fs::Permissions::from_mode(0o000);
    fs::set_permissions(bench.path("etc/dhcp6s.conf"), mode).expect("a mode");
    running.process.signal(Signal::SIGHUP).expect("it runs");
    let said = running.until("cannot be read");
    assert!(said.contains("Permission denied"), "{said}");
    running.until(REFUSED);
    running.end();
}

/// As `mv`, as the kubelet, and as those who switch releases replace a configuration.
#[test]
fn a_configuration_that_is_replaced_is_read_again() {
    let Some(bench) = Bench::new() else { return };
    for (folder, link) in [("etc/..1", "etc/..data"), ("etc/r1", "etc/current")] {
        fs::create_dir(bench.path(folder)).expect("a folder");
        let target = Path::new(folder).file_name().expect("a name");
        symlink(target, bench.path(link)).expect("a link");
    }
    bench.write("etc/plain.conf", "");
    bench.write("etc/..1/mounted.conf", "");
    bench.write("etc/r1/released.conf", "");
    symlink("..data/mounted.conf", bench.path("etc/mounted.conf")).expect("a link");
    let replace = |what: &str, by: &str| {
        fs::rename(bench.path(by), bench.path(what)).expect("a rename");
    };
    for (config, folder, link) in [
        ("etc/plain.conf", None, None),
        ("etc/mounted.conf", Some("etc/..2"), Some("etc/..data")),
        (
            "etc/current/released.conf",
            Some("etc/r2"),
            Some("etc/current"),
        ),
    ] {
        let mut running = bench.start(bench.command(config));
        match (folder, link) {
            (Some(folder), Some(link)) => {
                fs::create_dir(bench.path(folder)).expect("a folder");
                let name = Path::new(config).file_name().expect("a name");
                fs::write(bench.path(folder).join(name), "nonsense;").expect("a file");
                let target = Path::new(folder).file_name().expect("a name");
                symlink(target, bench.path("etc/new")).expect("a link");
                replace(link, "etc/new");
            }
            _ => {
                bench.write("etc/new", "nonsense;");
                replace(config, "etc/new");
            }
        }
        running.process.signal(Signal::SIGHUP).expect("it runs");
        // That it is wrong shows that it was read.
        let said = running.until(&format!("{}:1 ", bench.path(config).display()));
        assert!(said.contains("nonsense"), "{said}");
        running.end();
    }
}

/// A system call that the kernel is made not to know, for the server and those before it.
fn without(command: &mut Command, call: libc::c_long) {
    let number = u32::try_from(call).expect("a number");
    let instruction = |code: u32, jt, jf, k| libc::sock_filter {
        code: u16::try_from(code).expect("a short code"),
        jt,
        jf,
        k,
    };
    let program = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number),
        instruction(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(),
        ),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let install = move || {
        let described = libc::sock_fprog {
            len: 4,
            filter: program.as_ptr().cast_mut(),
        };
        #[expect(unsafe_code, reason = "the system call has no wrapper")]
        // SAFETY: the kernel copies the program, which outlives the call; neither call changes memory.
        let outcome = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const described,
            )
        };
        match outcome {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    #[expect(
        unsafe_code,
        reason = "the filter has to be there before the program is"
    )]
    // SAFETY: between fork and exec there is one system call, which neither allocates nor locks.
    unsafe {
        command.pre_exec(install);
    }
}

/// What the kernel lacks, what is said about it, and what holds all the same.
#[rstest]
#[case::landlock(
    libc::SYS_landlock_create_ruleset,
    "files are not protected by Landlock: this kernel does not know it"
)]
#[case::seccomp(libc::SYS_seccomp, "system calls are not filtered by seccomp: ")]
#[case::capabilities(libc::SYS_capset, "capabilities are not dropped: ")]
fn what_the_kernel_lacks_is_said_in_one_line_and_done_without(
    #[case] call: libc::c_long,
    #[case] said: &str,
) {
    let Some(bench) = Bench::new() else { return };
    let mut command = bench.command("etc/dhcp6s.conf");
    without(&mut command, call);
    let mut running = bench.start(command);
    let told = running.said("serving without that protection");
    assert_eq!(told.len(), 1, "{:#?}", running.said);
    assert!(told[0].contains(said), "{}", told[0]);
    let holds = running.said("confined: ");
    let parts = ["CAP_NET_BIND_SERVICE", "Landlock", "seccomp"];
    let missing: Vec<_> = parts.iter().filter(|it| !holds[0].contains(**it)).collect();
    assert_eq!(missing.len(), 1, "{}", holds[0]);
    running.reload(RELOADED);
    running.end();
}

#[test]
fn leases_in_the_folder_of_another_user_stay_writable() {
    let Some(bench) = Bench::new() else { return };
    if !support::has_other_users() {
        return;
    }
    fs::create_dir(bench.path("var/leases")).expect("a folder");
    for file in ["var/leases", "etc/dhcp6s.conf"] {
        chown(bench.path(file), Some(65534), Some(65534)).expect("another owner");
    }
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(bench.path("etc/dhcp6s.conf"), mode).expect("a mode");
    let mut running = bench.start(bench.command("etc/dhcp6s.conf"));
    for status in threads(running.process.id()) {
        // CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH besides.
        is(&status, &[("CapEff", "0000000000000406")]);
    }
    let told = running.said("confined: ");
    for (capability, file) in [
        ("CAP_DAC_OVERRIDE", "var/leases"),
        ("CAP_DAC_READ_SEARCH", "etc/dhcp6s.conf"),
    ] {
        let file = bench.path(file);
        let why = format!(
            "{capability} (for {}, which belongs to another user)",
            file.display()
        );
        assert!(told[0].contains(&why), "{}", told[0]);
    }
    running.reload(RELOADED);
    running.end();
}

/// Whatever is asked and however wrong it is, and at the loudest.
#[test]
fn secrets_reach_no_log() {
    let Some(bench) = Bench::new() else { return };
    bench.write("etc/key", KEY_FILE);
    let shared = "c2VjcmV0IG9mIGEgY2xpZW50";
    let config = format!(
        "keyinfo kname {{ realm \"example\"; keyid 1; secret \"{shared}\"; expire \"forever\"; }};\n\
         host one {{ duid 00:03:00:01:02:00:00:00:00:c1; delayedkey kname; }};\n"
    );
    bench.write("etc/dhcp6s.conf", &config);
    let mut running = bench.start(bench.command("etc/dhcp6s.conf"));
    running.reload(RELOADED);
    bench.control(&Frame::new(RELOAD));
    running.until(RELOADED);
    let mut wrong = Frame::new(STOP);
    wrong.secret = b"not the secret";
    bench.control(&wrong);
    running.until("authentication failure");
    for mistake in [
        config.replace("secret", "secert"),
        config.replace("\"; expire", "; expire"),
        config.replace("\"forever\"", "never"),
        config.replace("keyid 1", "keyid x"),
        config.replace("delayedkey kname", &format!("delayedkey \"{shared}\"")),
    ] {
        bench.write("etc/dhcp6s.conf", mistake);
        running.reload(REFUSED);
    }
    bench.write("etc/dhcp6s.conf", &config);
    let mut check = Command::new(server::path());
    check
        .arg("--check")
        .arg("-c")
        .arg(bench.path("etc/dhcp6s.conf"));
    let checked = check.output().expect("it runs");
    bench.control(&Frame::new(STOP));
    running.until("server6_stop: exiting");
    while running.line().is_some() {}
    let said = [
        running.said.join("\n").as_bytes(),
        &checked.stdout,
        &checked.stderr,
    ]
    .concat();
    assert!(said.len() > 1000, "it said little");
    let placing = fs::read(bench.path("var/dhcp6s_secret")).expect("a secret");
    let control = KEY_FILE.trim_end();
    for secret in [shared, control, "secret of a client", "1234567890abcdef"] {
        none(&said, secret.as_bytes());
    }
    for secret in [&placing[..], b"secret of a client", b"1234567890abcdef"] {
        none(&said, secret);
        let hex: String = secret.iter().map(|it| format!("{it:02x}")).collect();
        none(&said, hex.as_bytes());
        let debug = format!("{:?}", secret.get(..4).unwrap_or_default());
        none(&said, debug.trim_end_matches(']').as_bytes());
    }
}

#[track_caller]
fn none(said: &[u8], secret: &[u8]) {
    let shown = said.windows(secret.len()).any(|it| it == secret);
    assert!(!shown, "{secret:?} in:\n{}", String::from_utf8_lossy(said));
}
