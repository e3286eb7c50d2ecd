//! Interfaces as they come, go and change: a server that was started once serves each as soon as it can, and says what it
//! waits for. Every test ends with a client that is answered.

use std::fs;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bench::{Bench, LINK_LOCAL, Server, ip, raise, ready};
use dhcp6lab::link::log::Log;
use dhcp6lab::link::{Namespace, Process, wait};
use dhcp6lab::rig::server::PATIENCE;
use nix::sys::signal::Signal;
use rstest::rstest;

#[path = "support/links.rs"]
mod bench;
#[path = "support/server.rs"]
mod server;
mod support;

/// What happens to a cable while a machine starts, after it is there.
type Deed = fn(&Bench);

const HOST_UP: Deed = |bench| raise(&bench.host, "eth0");
const CLIENTS_UP: Deed = |bench| raise(&bench.clients, "eth0");

#[rstest]
fn in_every_order_of_a_start_the_interface_is_served(
    #[values([HOST_UP, CLIENTS_UP], [CLIENTS_UP, HOST_UP])] deeds: [Deed; 2],
    #[values(0, 1, 2, 3)] before: usize,
) {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    let lay: Deed = |bench| bench.lay("eth0");
    let deeds = [lay, deeds[0], deeds[1]];
    deeds.iter().take(before).for_each(|it| it(&bench));
    let mut server = bench.start("--wait eth0");
    if before == 0 {
        server.says("waiting for eth0: it does not exist");
    }
    deeds.iter().skip(before).for_each(|it| it(&bench));
    server.says("serving on eth0");
    ready(&bench.clients, "eth0");
    bench.serves("eth0");
    server.end();
}

#[test]
fn an_address_that_is_being_checked_or_is_anothers_is_waited_for() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.look_for_duplicates();
    bench.lay("eth0");
    raise(&bench.clients, "eth0");
    ip(
        &bench.clients,
        &format!("addr add {LINK_LOCAL}/64 dev eth0 nodad"),
    );
    let mut server = bench.start("eth0");
    server.says("waiting for eth0: it is down");
    raise(&bench.host, "eth0");
    server.says(&format!(
        "waiting for eth0: its link-local address {LINK_LOCAL} belongs to another host, too"
    ));
    let (status, said, _) = bench.health("");
    assert_eq!(status, Some(1));
    assert!(said.starts_with("eth0: waiting since "), "{said}");
    ip(
        &bench.clients,
        &format!("addr del {LINK_LOCAL}/64 dev eth0"),
    );
    ip(&bench.host, "link set eth0 down");
    server.says("waiting for eth0: it is down");
    raise(&bench.host, "eth0");
    server.says("serving on eth0 now");
    ready(&bench.clients, "eth0");
    bench.serves("eth0");
    assert_eq!(bench.health("eth0").0, Some(0));
    server.end();
    // One that starts while it is being checked.
    let address = format!("{LINK_LOCAL}/64 dev eth0");
    ip(&bench.host, &format!("addr del {address}"));
    ip(&bench.host, &format!("addr add {address}"));
    let mut server = bench.start("eth0");
    server.says("is being checked for duplicates");
    server.says("serving on eth0 now");
    bench.serves("eth0");
    server.end();
}

#[test]
fn whatever_happens_to_an_interface_it_is_served_again() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.connect("eth0");
    let mut server = bench.start("eth0");
    server.says("serving on eth0");
    bench.serves("eth0");
    // Deleted and made again, with another index.
    ip(&bench.host, "link del eth0");
    server.says("waiting for eth0: it does not exist");
    bench.connect("eth0");
    server.says("serving on eth0 now");
    bench.serves("eth0");
    // Renamed: it is the same one.
    ip(&bench.host, "link set eth0 name lan0");
    server.says("eth0 is called lan0 now");
    bench.serves("eth0");
    ip(&bench.host, "link set lan0 name eth0");
    server.says("eth0 is called eth0 now");
    // In another namespace and back.
    let away = Namespace::new().expect("a namespace");
    let there = away
        .path()
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    ip(&bench.host, &format!("link set eth0 netns {there}"));
    server.says("waiting for eth0: it does not exist");
    ip(
        &away,
        &format!("link set eth0 netns {}", server.process.id()),
    );
    raise(&bench.host, "eth0");
    server.says("serving on eth0 now");
    bench.serves("eth0");
    // No carrier, for the other end is down.
    ip(&bench.clients, "link set eth0 down");
    server.says("waiting for eth0: it has no carrier");
    raise(&bench.clients, "eth0");
    server.says("serving on eth0 now");
    ready(&bench.clients, "eth0");
    bench.serves("eth0");
    // Without IPv6 for a while: by a setting, and by an MTU that is too small for it.
    let disable = |text: &'static str| {
        let path = "/proc/sys/net/ipv6/conf/eth0/disable_ipv6";
        bench
            .host
            .run(move || fs::write(path, text).expect("a setting"));
    };
    disable("1");
    server.says("waiting for eth0: IPv6 is disabled on it");
    disable("0");
    server.says("serving on eth0 now");
    bench.serves("eth0");
    ip(&bench.host, "link set eth0 mtu 1000");
    server.says("waiting for eth0: it has no IPv6");
    ip(&bench.host, "link set eth0 mtu 1500");
    raise(&bench.host, "eth0");
    server.says("serving on eth0 now");
    bench.serves("eth0");
    server.end();
}

/// A Solicit of a client with that DUID for one address.
fn solicit(client: u8) -> Vec<u8> {
    let mut octets = vec![1, 0, 0, client];
    octets.extend([0, 1, 0, 5, 0, 3, 0, 1, client]);
    octets.extend([0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    octets
}

/// Whether an answer offers an address that begins with these octets.
fn offers(answer: &[u8], prefix: &[u8]) -> bool {
    answer.windows(prefix.len()).any(|it| it == prefix)
}

const TWO: &str = "interface eth0 { address-pool a 600; };
pool a { range 2001:db8:a::10 to 2001:db8:a::ff; };
interface eth1 { address-pool b 600; };
pool b { range 2001:db8:b::10 to 2001:db8:b::ff; };
";

#[test]
fn of_two_interfaces_each_is_served_on_its_own() {
    let Some(bench) = Bench::new() else { return };
    bench.configure(TWO);
    bench.connect("eth0");
    let mut server = bench.start("--wait eth0 eth1");
    server.says("serving on eth0");
    server.says("waiting for eth1: it does not exist");
    bench.serves("eth0");
    let (status, said, _) = bench.health("");
    assert_eq!(status, Some(1));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(
        lines[0].starts_with("eth0: ready since ") && lines[0].ends_with("1 answered, 0 dropped"),
        "{said}"
    );
    assert!(
        lines[1].contains(": it does not exist; 0 answered"),
        "{said}"
    );
    assert_eq!(bench.health("eth0").0, Some(0));
    bench.connect("eth1");
    server.says("serving on eth1 now");
    assert!(offers(
        &bench.ask("eth0", &solicit(1)),
        &[0x20, 1, 0x0d, 0xb8, 0, 0x0a]
    ));
    assert!(offers(
        &bench.ask("eth1", &solicit(1)),
        &[0x20, 1, 0x0d, 0xb8, 0, 0x0b]
    ));
    assert_eq!(bench.health("").0, Some(0));
    for interface in ["eth0", "eth1"] {
        assert!(bench.path("leases").join(interface).is_dir(), "{interface}");
    }
    // One in trouble is no trouble for the other.
    ip(&bench.host, "link del eth0");
    server.says("waiting for eth0: it does not exist");
    bench.serves("eth1");
    // A reload is for both.
    bench.configure(&(TWO.to_owned() + "option domain-name-servers 2001:db8::53;"));
    server.process.signal(Signal::SIGHUP).expect("it is there");
    server.says("server reloaded");
    let dns = [0, 23, 0, 16, 0x20, 1, 0x0d, 0xb8];
    assert!(offers(
        &bench.ask("eth1", &[11, 0, 0, 9, 0, 6, 0, 2, 0, 23]),
        &dns
    ));
    // What would give one address twice is not taken over.
    bench.configure(&TWO.replace("address-pool b", "address-pool a"));
    server.process.signal(Signal::SIGHUP).expect("it is there");
    server.says("both give `pool a`");
    server.says("failed to reload configuration file");
    assert!(offers(
        &bench.ask("eth1", &solicit(2)),
        &[0x20, 1, 0x0d, 0xb8, 0, 0x0b]
    ));
    server.end();
}

/// Tables are separate, and what a configuration moves from one interface to another is in one of them.
#[test]
fn what_a_client_of_one_interface_holds_is_not_given_on_another() {
    let Some(bench) = Bench::new() else { return };
    let config = |eth0, eth1| {
        format!(
            "interface eth0 {{ address-pool {eth0} 600; allow rapid-commit; }};
             interface eth1 {{ address-pool {eth1} 600; allow rapid-commit; }};
             pool a {{ range 2001:db8:a::10 to 2001:db8:a::10; }};
             pool b {{ range 2001:db8:b::10 to 2001:db8:b::10; }};"
        )
    };
    let commit = |client| [&solicit(client)[..], &[0, 14, 0, 0]].concat();
    let held = [0x20, 1, 0x0d, 0xb8, 0, 0x0a];
    bench.configure(&config("a", "b"));
    bench.connect("eth0");
    bench.connect("eth1");
    let mut server = bench.start("eth0 eth1");
    server.says("serving on eth0");
    server.says("serving on eth1");
    assert!(offers(&bench.ask("eth0", &commit(1)), &held));
    bench.configure(&config("b", "a"));
    server.process.signal(Signal::SIGHUP).expect("it is there");
    server.says("server reloaded");
    assert!(!offers(&bench.ask("eth1", &commit(2)), &held));
    server.end();
    let mut server = bench.start("eth0 eth1");
    server.says("serving on eth0");
    server.says("serving on eth1");
    assert!(!offers(&bench.ask("eth1", &commit(3)), &held));
    server.end();
}

#[test]
fn groups_that_were_lost_in_a_moment_are_joined_again() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.connect("eth0");
    let mut server = bench.start("eth0");
    server.says("serving on eth0");
    // All of it is over before the server hears of it, and the interface is then as it was.
    server.process.signal(Signal::SIGSTOP).expect("it is there");
    for change in ["mtu 1000", "mtu 1500", "down", "up"] {
        ip(&bench.host, &format!("link set eth0 {change}"));
    }
    ready(&bench.host, "eth0");
    let joined = || {
        let groups = bench
            .host
            .run(|| fs::read_to_string("/proc/thread-self/net/igmp6"));
        let groups = groups.expect("a list");
        let mut of_eth0 = groups.lines().filter(|it| it.contains(" eth0 "));
        of_eth0.any(|it| it.contains("ff020000000000000000000000010002"))
    };
    assert!(!joined(), "it has lost them");
    server.process.signal(Signal::SIGCONT).expect("it is there");
    let deadline = Instant::now() + PATIENCE;
    while !joined() {
        assert!(Instant::now() < deadline, "they are not joined again");
        std::thread::yield_now();
    }
    bench.serves("eth0");
    server.end();
}

#[test]
fn a_port_that_somebody_else_had_is_taken_when_it_is_free() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.connect("eth0");
    let other = bench.host.run(|| std::net::UdpSocket::bind("[::]:547"));
    let mut server = bench.start("--wait eth1");
    server.says("waiting for eth1: it does not exist");
    bench.connect("eth1");
    server.says("is taken");
    drop(other.expect("the port"));
    server.says("serving on eth1 now");
    bench.serves("eth1");
    server.end();
}

#[test]
fn without_a_server_health_is_a_failure() {
    let Some(bench) = Bench::new() else { return };
    let (status, said, complaint) = bench.health("");
    assert_eq!((status, said.as_str()), (Some(1), ""));
    assert_eq!(
        complaint,
        "dhcp6ctl: no server runs in this network namespace\n"
    );
    let (status, said, _) = bench.health("eth0");
    let nobody = "eth0: no server of this network namespace serves it\n";
    assert_eq!((status, said.as_str()), (Some(1), nobody));
}

#[test]
fn a_service_manager_hears_when_a_link_can_be_served_and_what_is_waited_for() {
    use std::os::unix::net::UnixDatagram;
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.lay("eth0");
    let manager = UnixDatagram::bind(bench.path("notify")).expect("a socket");
    manager.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let hear = || {
        let mut heard = [0; 1000];
        let len = manager.recv(&mut heard).expect("a word");
        String::from_utf8_lossy(&heard[..len]).into_owned()
    };
    let mut command = bench.command("-f eth0");
    command.env("NOTIFY_SOCKET", bench.path("notify"));
    let mut process = bench.host.spawn(command).expect("it starts");
    let log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
    assert_eq!(hear(), "STATUS=waiting for eth0: it is down");
    raise(&bench.host, "eth0");
    raise(&bench.clients, "eth0");
    let mut last = hear();
    while !last.contains("READY=1") {
        last = hear();
    }
    assert_eq!(last, "READY=1\nSTATUS=serving eth0");
    ready(&bench.clients, "eth0");
    bench.serves("eth0");
    Server { process, log }.end();
    assert_eq!(hear(), "STOPPING=1\nSTATUS=ending");
}

#[test]
fn with_wait_ready_the_command_returns_when_every_link_can_be_served() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.connect("eth0");
    let command = bench.command("--wait --wait-ready eth0 eth1");
    let mut launcher = bench.host.spawn(command).expect("it starts");
    let mut said = Log::new(launcher.take_stderr().expect("a pipe")).expect("a log");
    let reason = said.until(
        "waiting for eth1: it does not exist",
        Instant::now() + PATIENCE,
    );
    assert!(reason.expect("lines").is_some(), "{}", said.tail());
    bench.serves("eth0");
    // As long as one is missing it does not return.
    assert_eq!(launcher.wait(Instant::now()).expect("a status"), None);
    bench.connect("eth1");
    let status = launcher.wait(Instant::now() + PATIENCE).expect("a status");
    assert!(status.is_some_and(|it| it.success()), "{status:?}");
    bench.serves("eth1");
    let pid = fs::read_to_string(bench.path("pid")).expect("a pid file");
    let server = nix::unistd::Pid::from_raw(pid.trim().parse().expect("a number"));
    nix::sys::signal::kill(server, Signal::SIGTERM).expect("it runs");
}

/// How often the threads of a process have been given a processor.
fn switches(process: &Process) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.id())).expect("threads");
    let of = |path: PathBuf| {
        let status = fs::read_to_string(path.join("status")).expect("a status");
        let lines = status.lines().filter(|it| it.contains("ctxt_switches"));
        let counts = lines.filter_map(|it| it.split_whitespace().nth(1)?.parse::<u64>().ok());
        counts.sum::<u64>()
    };
    tasks.map(|it| of(it.expect("a thread").path())).sum()
}

#[test]
fn while_nothing_happens_a_server_does_nothing() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.connect("eth0");
    // One that serves and one that waits, in one process.
    let mut server = bench.start("--wait eth0 eth1");
    server.says("waiting for eth1: it does not exist");
    bench.serves("eth0");
    // Whatever the machine still had to tell of its links has been told by then.
    let quiet = |log: &Log, secs| {
        let until = Instant::now() + Duration::from_secs(secs);
        while Instant::now() < until {
            wait(&[log.as_fd()], until).expect("a pipe");
        }
    };
    quiet(&server.log, 2);
    let before = switches(&server.process);
    quiet(&server.log, 3);
    assert_eq!(switches(&server.process), before);
    bench.serves("eth0");
    server.end();
}

#[test]
fn what_the_kernel_had_no_room_to_tell_is_asked_for() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.connect("eth0");
    ip(&bench.host, "link add eth9 type veth peer name eth8");
    let mut server = bench.start("eth0");
    server.says("serving on eth0");
    // While it cannot listen, far more happens than can wait to be told; among it, that the interface is another one.
    server.process.signal(Signal::SIGSTOP).expect("it is there");
    let flood: String = (0..4000)
        .map(|it| format!("addr add 2001:db8:9::{it:x}/128 dev eth9 nodad\n"))
        .collect();
    fs::write(bench.path("flood"), flood).expect("a file");
    let batch = format!("-batch {}", bench.path("flood").display());
    ip(&bench.host, &batch);
    ip(&bench.host, "link del eth0");
    bench.connect("eth0");
    server.process.signal(Signal::SIGCONT).expect("it is there");
    server.says("serving on eth0 now");
    bench.serves("eth0");
    server.end();
}

#[test]
fn a_bridged_container_is_told_that_nothing_arrives() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    bench.connect("eth0");
    const SAID: &str = "start the container with --net=host";
    let start = |in_pod: bool| {
        let mut command = bench.command("-f -d eth0");
        if in_pod {
            command.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
        }
        let mut process = bench.host.spawn(command).expect("it starts");
        let log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
        Server { process, log }
    };
    // This machine may be a container itself.
    let marks = ["/run/.containerenv", "/.dockerenv"];
    let marked = marks.iter().any(|it| std::path::Path::new(it).exists());
    // On the network of a host there may be such an interface, too; it has no address of an engine there.
    for (address, in_pod) in [(false, true), (true, false), (true, true)] {
        let told = address && (in_pod || marked);
        if address {
            ip(&bench.host, "addr replace 10.88.0.2/16 dev eth0");
        }
        let mut server = start(in_pod);
        server.says("serving on eth0");
        assert_eq!(
            server.log.tail().contains(SAID),
            told,
            "{}",
            server.log.tail()
        );
        // It goes on: others behind the bridge can be served.
        bench.serves("eth0");
        server.end();
    }
}

#[test]
fn what_cannot_be_meant_is_refused_in_one_line() {
    let Some(bench) = Bench::new() else { return };
    bench.configure(&TWO.replace("address-pool b", "address-pool a"));
    bench.connect("eth0");
    bench.connect("eth1");
    ip(&bench.host, "link property add dev eth0 altname uplink");
    let refused = |words: &str| {
        let (status, _, said) = bench.output(bench.command(words));
        assert_eq!(status, Some(1), "{words}: {said}");
        said
    };
    let said = refused("-f eth0 eth7");
    assert_eq!(
        said,
        "dhcp6s: interface eth7 does not exist; there are: eth0, eth1, lo\n"
    );
    assert!(refused("-f eth0 eth1").contains("dhcp6s.conf:3:31: error: `interface eth0` and"));
    let twice = "dhcp6s: eth0 and uplink are names of one interface; name it once\n";
    assert!(refused("-f eth0 uplink").ends_with(twice));
    assert!(refused("-f eth0 eth0").contains("the interface eth0 is named twice"));
    assert!(refused("-f --wait-ready eth0").contains("--wait-ready"));
    // Leases of one interface are not forgotten when there are two.
    bench.configure(TWO);
    let mut server = bench.start("uplink");
    server.says("serving on uplink");
    bench.serves("eth0");
    server.end();
    let said = refused("-f eth0 eth1");
    assert!(
        said.lines().count() == 1 && said.contains("holds the leases of one interface"),
        "{said}"
    );
}
