//! Control commands and what they bring about: the original command and ours, on our server, the original one and
//! WIDE's client.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcp6lab::clients::session::Session;
use dhcp6lab::clients::site::{ADDRESS, HOST, PREFIX, Site};
use dhcp6lab::clients::{Client as _, Dhcp6c, Identity, Wants};
use dhcp6lab::link::Namespace;
use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::watch::Assigned;
use dhcp6lab::program::{ORIGINAL, control_command};
use dhcp6lab::rig::product::Product;
use dhcp6lab::rig::server::{PATIENCE, Program};
use frame::KEY_FILE;
use rstest::rstest;

#[path = "support/frame.rs"]
#[expect(dead_code, reason = "frames are made by the commands here")]
mod frame;
#[path = "support/server.rs"]
mod server;
mod support;

const ORIGINAL_COMMAND: (&str, &str) = ("/usr/sbin/dhcp6ctl", "wide-dhcpv6-client");

/// Which of two programs of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Original,
}

impl Whose {
    fn server(self) -> Program {
        match self {
            Self::Ours => server::path().as_path().into(),
            Self::Original => Program::Foreign(Product::Wide, ORIGINAL.0.into()),
        }
    }

    fn command(self) -> PathBuf {
        match self {
            Self::Ours => control_command().expect("a control command to test"),
            Self::Original => ORIGINAL_COMMAND.0.into(),
        }
    }
}

/// What a control command made of its command line.
#[derive(Debug)]
struct Outcome {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs a control command with that key file. The words have one blank between them.
fn run(namespace: &Namespace, whose: Whose, key_file: &Path, words: &str) -> Outcome {
    let mut command = Command::new(whose.command());
    command.arg("-k").arg(key_file).args(words.split(' '));
    command.stdin(Stdio::null());
    let output = namespace.run(move || command.output()).expect("it runs");
    Outcome {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A server that can be commanded, and a key file for who commands.
struct Place {
    site: Site,
    key_file: PathBuf,
    whose: Whose,
}

impl Place {
    /// A server that runs, and the command that it is commanded by.
    fn new(server: Whose, whose: Whose) -> Self {
        let mut site = Site::quiet(server.server(), Dhcp6c.lifetimes()).expect("a site");
        let key_file = site.folder(0).expect("a folder").join("key");
        site.write(&key_file, KEY_FILE).expect("a key file");
        site.server.share_key(KEY_FILE).expect("a key file");
        site.server.launch().expect("a server");
        if server == Whose::Original {
            site.server.namespace().run(knock);
        }
        site.server.await_ready().expect("a server that is ready");
        Self {
            site,
            key_file,
            whose,
        }
    }

    /// Commands the server.
    #[track_caller]
    fn order(&self, words: &str) {
        let namespace = self.site.server.namespace();
        let outcome = run(
            namespace,
            self.whose,
            &self.key_file,
            &format!("-S {words}"),
        );
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        if self.whose == Whose::Ours {
            assert!(
                outcome
                    .stdout
                    .starts_with("sent to the server at [::1]:5547")
            );
        }
    }

    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        let line = self.site.server.until(text);
        line.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Connects to the control port as soon as there is one, and says nothing.
fn knock() {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect("[::1]:5547").is_err() {
        assert!(Instant::now() < deadline, "there is no control port");
        std::thread::yield_now();
    }
}

fn identity(number: u8, wants: Wants) -> Identity {
    Identity { number, wants }
}

/// Whether a machine has its address, and no more addresses than so many.
fn has_address(assigned: &[Assigned], count: usize) -> bool {
    let address = format!("{ADDRESS}/128");
    assigned.len() == count && assigned.iter().any(|it| it.address == address)
}

/// Lets a client obtain what it wants.
fn obtain(site: &Site, number: u8, wants: Wants, count: usize) -> Session<'static> {
    let session = Session::start(&Dhcp6c, site, identity(number, wants));
    let mut session = session.unwrap_or_else(|error| panic!("{error}"));
    let right = |assigned: &[Assigned]| has_address(assigned, count);
    let assigned = session.until_assigned(site, "obtain its leases", right);
    assigned.unwrap_or_else(|error| panic!("{error}"));
    session
}

fn commands(server: Whose, whose: Whose) {
    if !support::can_run(&[Dhcp6c.program(), ORIGINAL_COMMAND, ORIGINAL]) {
        return;
    }
    let mut place = Place::new(server, whose);
    // Its IA_NA and its IA_PD have the same IAID.
    let session = obtain(&place.site, HOST, Wants::Both, 2);
    let duid = identity(HOST, Wants::Both).duid_text();

    place.order("reload");
    place.until("server6_reload: server reloaded");

    let (prefix, length) = PREFIX;
    for (kind, gone) in [
        ("IA_PD", format!("{prefix}/{length}")),
        ("IA_NA", ADDRESS.to_string()),
    ] {
        let words = format!("remove binding IA {kind} 1 {duid}");
        place.order(&words);
        match server {
            Whose::Ours => {
                let line = place.until("removed by the operator");
                assert!(line.contains(&gone), "{line}");
            }
            Whose::Original => {
                let kind = &kind[3..];
                let line = place.until("remove_binding: remove a binding");
                assert!(line.contains(&format!("type={kind}, iaid=1,")), "{line}");
            }
        }
    }
    // The original would remove the other one in place of one that is not there.
    let words = format!("remove binding IA IA_PD 1 {duid}");
    place.order(&words);
    place.until("server6_do_ctlcommand: no such binding");
    // There is but one address in the pool.
    drop(session);
    let mut ip = Command::new("ip");
    ip.args(["address", "flush", "scope", "global"]);
    place
        .site
        .namespace()
        .command(ip)
        .expect("the system lets us");
    obtain(&place.site, HOST + 1, Wants::Address, 1);

    place.order("stop");
    place.until("server6_stop: exiting");
    let ended = place.site.server.until_ended();
    ended.unwrap_or_else(|error| panic!("{error}"));
}

#[rstest]
fn our_server_obeys(#[values(Whose::Ours, Whose::Original)] command: Whose) {
    commands(Whose::Ours, command);
}

#[rstest]
fn the_original_server_obeys(#[values(Whose::Ours, Whose::Original)] command: Whose) {
    commands(Whose::Original, command);
}

/// The original removes the IA_PD first, whatever was named.
#[test]
fn the_ia_type_that_is_named_is_the_one_removed() {
    if !support::can_run(&[Dhcp6c.program(), ORIGINAL_COMMAND]) {
        return;
    }
    let mut place = Place::new(Whose::Ours, Whose::Original);
    let _session = obtain(&place.site, HOST, Wants::Both, 2);
    let duid = identity(HOST, Wants::Both).duid_text();
    place.order(&format!("remove binding IA IA_NA 1 {duid}"));
    let line = place.until("removed by the operator");
    assert!(line.contains(&ADDRESS.to_string()), "{line}");
}

#[test]
fn ten_connections_that_never_send_keep_no_client_from_its_leases() {
    if !support::can_run(&[Dhcp6c.program()]) {
        return;
    }
    let mut place = Place::new(Whose::Ours, Whose::Ours);
    let connect = || (0..10).map(|_| TcpStream::connect("[::1]:5547")).collect();
    let idle: Result<Vec<_>, _> = place.site.server.namespace().run(connect);
    let idle = idle.expect("connections");
    place.until("command queue is full. drop the oldest one");
    obtain(&place.site, HOST, Wants::Both, 2);
    place.order("reload");
    place.until("server6_reload: server reloaded");
    drop(idle);
}

#[rstest]
fn the_original_client_obeys(#[values(Whose::Ours, Whose::Original)] command: Whose) {
    if !support::can_run(&[Dhcp6c.program(), ORIGINAL_COMMAND]) {
        return;
    }
    let site = Site::new(Whose::Ours.server(), Dhcp6c.lifetimes()).expect("a site");
    let key_file = site.folder(HOST).expect("a folder").join("dhcp6cctlkey");
    site.write(&key_file, KEY_FILE).expect("a key file");
    let mut session = obtain(&site, HOST, Wants::Address, 1);
    let order = |words: &str| {
        let outcome = run(site.namespace(), command, &key_file, words);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
    };
    let until = |session: &mut Session<'_>, what, count| {
        let right = |assigned: &[Assigned]| assigned.len() == count;
        let assigned = session.until_assigned(&site, what, right);
        assigned.unwrap_or_else(|error| panic!("{error}"));
    };
    order("stop interface eth0");
    until(&mut session, "give its lease back", 0);
    order("-C start interface eth0");
    until(&mut session, "obtain its lease again", 1);
    order("stop");
    until(&mut session, "give its lease back", 0);
    drop(session);

    // One that was reloaded has forgotten what it has, so this is another one.
    let mut session = obtain(&site, HOST, Wants::Address, 1);
    order("reload");
    let said = session.until_said("client6_reload: client reloaded");
    said.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_keeps_a_command_from_being_sent_is_told() {
    if !support::can_run(&[]) {
        return;
    }
    let namespace = Namespace::new().expect("a namespace");
    let folder = temporary_folder().expect("a folder");
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    };
    let (key, empty) = (file("key", KEY_FILE), file("empty", ""));
    let strange = file("strange", "# no key\n");
    let missing = folder.path().join("missing");
    for (key_file, words, said) in [
        (
            &key,
            "-S reload",
            "nobody listens on [::1]:5547: no dhcp6s runs there",
        ),
        (
            &key,
            "reload",
            "nobody listens on [::1]:5546: no dhcp6c runs there",
        ),
        (
            &missing,
            "-S reload",
            "No such file or directory; -k names another key file",
        ),
        (
            &empty,
            "-S reload",
            "it is empty; -k names another key file",
        ),
        (&strange, "-S reload", "failed to decode base64 string"),
        (&key, "-S start interface eth0", "leave out -S"),
        (
            &key,
            "remove binding IA IA_NA 1 00:01",
            "-S commands a server",
        ),
        (&key, "-S reboot", "`reboot` is not a command"),
        (&key, "-C -S reload", "cannot be used with"),
        (&key, "-S -p no-such-service reload", "`no-such-service`"),
        (&key, "-S -a 127.0.0.1 reload", "not an IPv6 address"),
    ] {
        let outcome = run(&namespace, Whose::Ours, key_file, words);
        assert_eq!(outcome.status, Some(1), "{words}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{words}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{words}");
    }
    let help = run(&namespace, Whose::Ours, &key, "--help");
    assert_eq!(help.status, Some(0));
    assert!(help.stdout.contains("remove binding IA IA_NA IAID DUID"));
}
