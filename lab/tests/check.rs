//! `dhcp6s --check`: what it says, what its exit status is, and that it leaves nothing behind.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dhcp6lab::link::Namespace;
use dhcp6lab::link::owner::temporary_folder;
use tempfile::TempDir;

#[path = "support/server.rs"]
mod server;
mod support;

/// What a check said.
struct Said {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A folder that is the working directory of a server, and holds its configuration alone.
struct Folder(TempDir);

impl Folder {
    fn new(configuration: impl AsRef<[u8]>) -> Self {
        let folder = temporary_folder().expect("a folder");
        fs::write(folder.path().join("dhcp6s.conf"), configuration).expect("a configuration");
        Self(folder)
    }

    fn command(&self, program: PathBuf, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command.args(["-c", "dhcp6s.conf", "--duid", "duid", "--leases", "leases"]);
        command.args(["-P", "pid"]).args(words);
        command
    }

    /// Checks the configuration, and that nothing was made in the folder.
    fn check(&self, words: &[&str]) -> Said {
        let said = said(self.command(server::path(), &[&["--check"], words].concat()));
        assert_eq!(self.files(), ["dhcp6s.conf"], "{}", said.stderr);
        said
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|it| {
                it.expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

fn said(mut command: Command) -> Said {
    let output = command.output().expect("it runs");
    Said {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// An interface that no machine has.
const ELSEWHERE: &str = "interface elsewhere0 { address-pool lan 3600 7200; };
pool lan { range 2001:db8:1::1000 to 2001:db8:1::ffff; };
";

#[test]
fn a_configuration_for_another_machine_is_told_with_a_warning() {
    let said = Folder::new(ELSEWHERE).check(&[]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert_eq!(
        said.stdout,
        "The configuration can be used. It was read from dhcp6s.conf.

Link elsewhere0
  Addresses: pool lan, 61440 addresses from 2001:db8:1::1000 to 2001:db8:1::ffff.
  Lifetimes: 1 h preferred, 2 h valid; renewed after 30 min (T1), rebound after 48 min (T2).
  Preference: not sent, which counts as 0.
  Rapid commit: not allowed.
"
    );
    assert_eq!(
        said.stderr,
        "dhcp6s.conf:1:11: warning: there is no interface `elsewhere0` on this machine
  |
1 | interface elsewhere0 { address-pool lan 3600 7200; };
  |           ^^^^^^^^^^
  |
  = help: the server starts only where all interfaces that are named exist

1 warning
"
    );
}

#[test]
fn a_server_does_not_start_where_an_interface_is_missing() {
    let folder = Folder::new(ELSEWHERE);
    let said = said(folder.command(server::path(), &["-f", "lo"]));
    assert_eq!(said.status, Some(1));
    let mistake = "dhcp6s.conf:1:11: error: there is no interface `elsewhere0`\n";
    assert!(said.stderr.contains(mistake), "{}", said.stderr);
    assert_eq!(folder.files(), ["dhcp6s.conf"]);
}

#[test]
fn mistakes_are_shown_and_counted_and_nothing_is_promised() {
    let secret = "c2VjcmV0";
    let text = format!(
        "pool lan {{ range 2001:db8::1 to 2001:db8::2; }};
interface elsewhere0 {{ adress-pool lam 3600; }};
keyinfo k {{ realm \"r\"; keyid x; secret \"{secret}\"; }};
"
    );
    let said = Folder::new(text).check(&[]);
    assert_eq!(said.status, Some(1));
    assert_eq!(said.stdout, "");
    for part in [
        "dhcp6s.conf:2:24: error: `adress-pool` is not a declaration\n",
        "2 | interface elsewhere0 { adress-pool lam 3600; };\n  |                        ^^^^^^^^^^^\n",
        "  = help: did you mean `address-pool`?\n",
        "dhcp6s.conf:3:30: error: `x` stands where a number is expected\n",
    ] {
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
    assert!(!said.stderr.contains(secret), "{}", said.stderr);
    assert!(!said.stderr.contains('\u{1b}'), "no terminal, no colour");
    let last = said.stderr.lines().last();
    assert!(
        last.is_some_and(|it| it.starts_with("3 mistakes")),
        "{}",
        said.stderr
    );
}

#[test]
fn one_interface_is_told_by_itself() {
    let said = Folder::new("option domain-name \"example.net\";").check(&["lo"]);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    assert!(said.stdout.contains("Link lo\n"), "{}", said.stdout);
    let said = Folder::new("").check(&["elsewhere0"]);
    assert_eq!(said.status, Some(0));
    assert!(
        said.stdout.contains("There is nothing to give"),
        "{}",
        said.stdout
    );
    let warning = "dhcp6s: warning: interface elsewhere0 does not exist here; there are: ";
    assert!(said.stderr.starts_with(warning), "{}", said.stderr);
    let said = Folder::new(ELSEWHERE).check(&["lo"]);
    let warning = "\ndhcp6s: warning: nothing is configured for lo; there are statements for: \
                   elsewhere0\n\n2 warnings\n";
    assert!(said.stderr.ends_with(warning), "{}", said.stderr);
}

#[test]
fn dns_servers_of_the_command_line_belong_to_it() {
    let said = Folder::new("").check(&["-n", "2001:db8::53"]);
    assert_eq!(said.status, Some(0));
    assert!(
        said.stdout
            .contains("23 domain-name-servers: 2001:db8::53\n"),
        "{}",
        said.stdout
    );
    let said = Folder::new("option domain-name-servers ::1;").check(&["-n", "2001:db8::53"]);
    assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""));
    assert!(
        said.stderr.ends_with("\n1 mistake, 1 warning\n"),
        "{}",
        said.stderr
    );
}

#[test]
fn whoever_may_read_the_files_can_check_them_without_a_network() {
    if !support::can_run(&[]) || !support::has_other_users() {
        return;
    }
    let folder = Folder::new(
        "interface eth0 { address-pool lan 10; };\npool lan { range 2001:db8::1 to 2001:db8::2; };",
    );
    let program = temporary_folder().expect("a folder");
    let program_path = program.path().join("dhcp6s");
    fs::copy(server::path(), &program_path).expect("a copy that anybody can run");
    for path in [folder.0.path(), program.path()] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path, mode).expect("a folder");
    }
    let namespace = Namespace::new().expect("a namespace");
    let mut down = Command::new("ip");
    down.args(["link", "set", "lo", "down"]);
    namespace.command(down).expect("the system lets us");
    let mut command = folder.command(program_path, &["--check"]);
    command.uid(65534).gid(65534);
    let said = namespace.run(move || said(command));
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("Link eth0\n"), "{}", said.stdout);
    assert!(said.stderr.ends_with("\n1 warning\n"), "{}", said.stderr);
    assert_eq!(folder.files(), ["dhcp6s.conf"]);
}

#[test]
fn a_pool_of_another_link_is_warned_about_in_check_and_service() {
    if !support::can_run(&[]) {
        return;
    }
    let namespace = Namespace::new().expect("a namespace");
    for words in [
        "link add eth0 type veth peer name eth1",
        "link set eth0 up",
        "address add 2001:db8:9::1/64 dev eth0 nodad",
    ] {
        let mut ip = Command::new("ip");
        ip.args(words.split(' '));
        namespace.command(ip).expect("the system lets us");
    }
    let folder = Folder::new(
        "interface eth0 { address-pool lan 10; };\npool lan { range 2001:db8::1 to 2001:db8::2; };",
    );
    // No DUID can be made there, so that the server ends by itself.
    for (words, status) in [
        (&["--check"][..], 0),
        (&["-f", "--duid", "dhcp6s.conf/duid", "eth0"], 1),
    ] {
        let command = folder.command(server::path(), words);
        let said = namespace.run(move || said(command));
        assert_eq!(said.status, Some(status), "{}", said.stderr);
        let warning = "dhcp6s.conf:1:31: warning: `pool lan` lies outside every prefix of eth0 \
                       (2001:db8:9::/64)\n";
        assert!(said.stderr.contains(warning), "{}", said.stderr);
    }
}

#[test]
fn what_is_no_configuration_is_refused_in_a_few_lines() {
    let large = Folder::new("");
    let file = File::create(large.0.path().join("dhcp6s.conf")).expect("a file");
    file.set_len(70 << 20).expect("a large file");
    let directory = Folder::new("");
    let path = directory.0.path().join("dhcp6s.conf");
    fs::remove_file(&path).expect("a file");
    fs::create_dir(path).expect("a folder");
    for (folder, part) in [
        (large, "is larger than 67108864 octets"),
        (directory, "is a directory"),
    ] {
        let said = folder.check(&[]);
        assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""));
        assert_eq!(said.stderr.lines().count(), 3, "{}", said.stderr);
        assert!(
            said.stderr.contains(part) && said.stderr.ends_with("\n\n1 mistake\n"),
            "{}",
            said.stderr
        );
    }
}

#[test]
fn many_mistakes_and_junk_are_shown_in_bounds() {
    let many = "option ntp-servers nowhere;\n".repeat(1000);
    let said = Folder::new(many).check(&[]);
    assert_eq!(said.status, Some(1));
    assert!(
        said.stderr.contains("dhcp6s.conf:100:20: error:"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("dhcp6s.conf:101:"), "{}", said.stderr);
    assert!(
        said.stderr.ends_with("\n\n100 mistakes or more\n"),
        "{}",
        said.stderr
    );

    let mut state = 1_u32;
    let junk: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(100_000)
    .collect();
    let said = Folder::new(junk).check(&[]);
    assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.chars().all(|it| it == '\n' || !it.is_control()));
    assert!(said.stderr.lines().count() < 2000);
    assert!(said.stderr.lines().all(|it| it.chars().count() < 400));
}
