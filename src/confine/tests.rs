//! What a thread can do and not do once it is confined. Each test confines a thread of its own: it ends with it.

use super::*;
use crate::lease::{Change, ChangeLog, IaKey, IaKind, LeaseState, Prefix, Timestamp};
use crate::store::{Journal, LeaseStore as _};
use crate::wire::Duid;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;

/// A folder with the files of a server, and one with those of somebody else.
struct Bench {
    _folder: tempfile::TempDir,
    config: PathBuf,
    leases: PathBuf,
    pid: PathBuf,
    foreign: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["etc", "leases", "run", "foreign"] {
            fs::create_dir(path(name)).expect("a folder");
        }
        let bench = Self {
            config: path("etc/dhcp6s.conf"),
            leases: path("leases"),
            pid: path("run/pid"),
            foreign: path("foreign/secret"),
            _folder: folder,
        };
        for file in [&bench.config, &bench.pid, &bench.foreign] {
            fs::write(file, "text").expect("a file");
        }
        bench
    }

    /// Does something in a thread that is confined to what a server with these files needs.
    fn confined<T: Send>(&self, work: impl FnOnce(&Self, Confinement) -> T + Send) -> T {
        let needs = Needs {
            read: vec![self.config.clone()],
            write: vec![self.leases.clone()],
            remove: Some(self.pid.clone()),
        };
        thread::scope(|scope| {
            let thread = scope.spawn(move || work(self, confine(&needs)));
            thread.join().expect("no panic")
        })
    }
}

/// Whether the kernel holds threads to files; where it does not, it says so past the harness, and in CI it has to.
fn is_held(confinement: &Confinement) -> bool {
    let held = confinement.readable.is_some();
    assert!(
        held || std::env::var("CI").as_deref() != Ok("true"),
        "this kernel has no Landlock"
    );
    if !held {
        let _ = io::Write::write_all(&mut io::stderr(), b"NOT RUN: this kernel has no Landlock\n");
    }
    held
}

fn is_denied<T>(outcome: io::Result<T>) -> bool {
    outcome.is_err_and(|it| it.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn files_of_others_are_out_of_reach() {
    Bench::new().confined(|bench, confinement| {
        if !is_held(&confinement) {
            return;
        }
        let foreign = &bench.foreign;
        assert!(is_denied(File::open(foreign)));
        assert!(is_denied(fs::read_dir(foreign.with_file_name("."))));
        assert!(is_denied(OpenOptions::new().write(true).open(foreign)));
        assert!(is_denied(fs::write(foreign.with_file_name("new"), "")));
        assert!(is_denied(fs::remove_file(foreign)));
        for known in ["/etc/passwd", "/proc/self/mem", "/proc/self/environ"] {
            assert!(is_denied(File::open(known)), "{known}");
        }
        // What may be read may not be written, and the other way round.
        assert!(is_denied(
            OpenOptions::new().write(true).open(&bench.config)
        ));
        assert!(is_denied(fs::remove_file(&bench.config)));
        let lease = bench.leases.join("leases");
        fs::write(&lease, "promised").expect("leases can be written");
        assert!(is_denied(File::open(&lease)));
    });
}

#[test]
fn what_a_server_does_with_files_goes_on() {
    let bench = Bench::new();
    let journal = Journal::open(&bench.leases, |_| {});
    let mut journal = journal.expect("a journal");
    let mut log = ChangeLog::default();
    log.push(&lease());
    bench.confined(|bench, _| {
        fs::read(&bench.config).expect("the configuration");
        fs::read(&bench.pid).expect("the pid file");
        fs::remove_file(&bench.pid).expect("the pid file");
        journal.commit(&log).expect("a commit");
        // As when the journal begins another segment, and finds no room.
        let segment = bench.leases.join("leases-00000002.journal");
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&segment);
        let file = file.expect("a segment");
        file.set_len(0).expect("it can be cut");
        file.sync_data().expect("it can be synced");
        fs::remove_file(&segment).expect("it can be removed");
        let folder = File::open(&bench.leases).expect("a folder");
        folder.sync_all().expect("it can be synced");
        // It lets go of its lock.
        drop(journal);
    });
}

/// Any lease.
fn lease() -> Change {
    Change {
        prefix: Prefix::host(Ipv6Addr::LOCALHOST),
        holder: IaKey {
            duid: Duid::new(&[0, 3, 0, 1, 2]).expect("a DUID"),
            kind: IaKind::Na,
            iaid: 1,
        },
        state: LeaseState::Active,
        changed: Timestamp(1),
        preferred_until: Timestamp(20),
        valid_until: Timestamp(30),
    }
}

#[test]
fn no_program_and_no_process_is_started() {
    Bench::new().confined(|_, _| {
        let refused = Command::new("/bin/true").spawn().map(drop);
        let refused = refused.expect_err("no process");
        assert_eq!(refused.raw_os_error(), Some(libc::ENOSYS));
        let program = c"/bin/true";
        assert_eq!(nix::unistd::execv(program, &[program]), Err(Errno::ENOSYS));
        // What a process needs besides: threads.
        assert_eq!(thread::spawn(|| 1).join().expect("a thread"), 1);
    });
}

#[test]
fn calls_that_no_server_makes_are_refused() {
    let refused: &[(&str, libc::c_long, [libc::c_long; 3])] = &[
        (
            "fork",
            libc::SYS_clone,
            [libc::SIGCHLD as libc::c_long, 0, 0],
        ),
        ("execveat", libc::SYS_execveat, [0, 0, 0]),
        (
            "ptrace",
            libc::SYS_ptrace,
            [libc::PTRACE_TRACEME as libc::c_long, 0, 0],
        ),
        ("process_vm_readv", libc::SYS_process_vm_readv, [0, 0, 0]),
        ("mount", libc::SYS_mount, [0, 0, 0]),
        (
            "unshare",
            libc::SYS_unshare,
            [libc::CLONE_NEWUSER.into(), 0, 0],
        ),
        ("setns", libc::SYS_setns, [0, 0, 0]),
        ("chroot", libc::SYS_chroot, [0, 0, 0]),
        ("bpf", libc::SYS_bpf, [0, 0, 0]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [1, 0, 0]),
        ("open_by_handle_at", libc::SYS_open_by_handle_at, [0, 0, 0]),
        ("userfaultfd", libc::SYS_userfaultfd, [0, 0, 0]),
        ("perf_event_open", libc::SYS_perf_event_open, [0, 0, 0]),
        ("keyctl", libc::SYS_keyctl, [0, 0, 0]),
        ("init_module", libc::SYS_init_module, [0, 0, 0]),
        ("memfd_create", libc::SYS_memfd_create, [0, 0, 0]),
        ("kill", libc::SYS_kill, [1, 0, 0]),
        ("tgkill of another", libc::SYS_tgkill, [1, 1, 0]),
        ("setuid", libc::SYS_setuid, [0, 0, 0]),
        ("capset", libc::SYS_capset, [0, 0, 0]),
        ("seccomp", libc::SYS_seccomp, [0, 0, 0]),
        (
            "prctl",
            libc::SYS_prctl,
            [libc::PR_SET_DUMPABLE.into(), 1, 0],
        ),
        (
            "terminals",
            libc::SYS_ioctl,
            [0, libc::TIOCSTI as libc::c_long, 0],
        ),
    ];
    Bench::new().confined(|_, _| {
        for (name, call, [a, b, c]) in refused {
            #[expect(unsafe_code, reason = "the system calls themselves are what is tested")]
            // SAFETY: all of them are refused before the kernel looks at an argument; those that were not would find
            // no valid pointer among these.
            let outcome = unsafe { libc::syscall(*call, *a, *b, *c, 0, 0, 0) };
            assert_eq!((outcome, Errno::last()), (-1, Errno::ENOSYS), "{name}");
        }
    });
}

#[test]
fn memory_never_becomes_a_program() {
    Bench::new().confined(|_, _| {
        let map = |protection: libc::c_int| {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            #[expect(unsafe_code, reason = "the system call itself is what is tested")]
            // SAFETY: a new mapping touches no memory that is in use.
            let mapped =
                unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
            mapped != libc::MAP_FAILED
        };
        assert!(map(libc::PROT_READ | libc::PROT_WRITE));
        assert!(!map(libc::PROT_READ | libc::PROT_EXEC));
    });
}

#[test]
fn sockets_are_those_of_dhcpv6_of_the_kernel_and_of_the_log() {
    Bench::new().confined(|_, _| {
        let open = |family, kind, protocol: Option<SockProtocol>| {
            socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol).map(drop)
        };
        use AddressFamily as Family;
        for (family, kind, protocol) in [
            (Family::Inet6, SockType::Datagram, Some(SockProtocol::Udp)),
            (
                Family::Netlink,
                SockType::Raw,
                Some(SockProtocol::NetlinkRoute),
            ),
            (Family::Unix, SockType::Datagram, None),
            (Family::Unix, SockType::Stream, None),
        ] {
            assert_eq!(open(family, kind, protocol), Ok(()), "{family:?} {kind:?}");
        }
        for (family, kind, protocol) in [
            (Family::Inet6, SockType::Stream, None),
            (Family::Inet6, SockType::Raw, Some(SockProtocol::Udp)),
            (Family::Inet, SockType::Datagram, None),
            (Family::Inet, SockType::Stream, None),
            (Family::Packet, SockType::Raw, None),
            (
                Family::Netlink,
                SockType::Raw,
                Some(SockProtocol::NetlinkAudit),
            ),
            (Family::Vsock, SockType::Stream, None),
        ] {
            let outcome = open(family, kind, protocol);
            assert_eq!(outcome, Err(Errno::ENOSYS), "{family:?} {kind:?}");
        }
        UdpSocket::bind("[::1]:0").expect("datagrams");
    });
}

#[test]
fn a_socket_that_was_opened_before_takes_no_other_port() {
    let before = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None);
    let before = before.expect("a socket");
    let listening = TcpListener::bind("[::1]:0").expect("a port");
    let address = listening.local_addr().expect("an address");
    Bench::new().confined(move |_, confinement| {
        if is_held(&confinement) {
            assert!(is_denied(before.connect(&address.into())));
            let any: SocketAddr = "[::1]:0".parse().expect("an address");
            assert!(is_denied(before.bind(&any.into())));
        }
    });
}

#[test]
fn a_file_is_found_again_where_it_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("a path");
    let path = |name: &str| root.join(name);
    for name in ["mount/..2026", "site/release-1", "site/release-2", "far"] {
        fs::create_dir_all(path(name)).expect("a folder");
    }
    let files = ["mount/..2026/a.conf", "site/release-1/a.conf", "far/a.conf"];
    for name in files {
        fs::write(path(name), "").expect("a file");
    }
    let link = |target: &str, name: &str| symlink(target, path(name)).expect("a link");
    // As Kubernetes mounts a ConfigMap, as releases are switched, and a link to somewhere else.
    link("..2026", "mount/..data");
    link("..data/a.conf", "mount/a.conf");
    link("release-1", "site/current");
    link("../far/a.conf", "mount/far.conf");
    link("loop.conf", "mount/loop.conf");
    let below = |name: &str| -> Vec<PathBuf> {
        let mut found = files::folders(&path(name));
        found.sort();
        found.dedup();
        found
    };
    let named = |names: &[&str]| names.iter().map(|it| path(it)).collect::<Vec<_>>();
    assert_eq!(below("mount/a.conf"), named(&["mount", "mount/..2026"]));
    assert_eq!(
        below("site/current/a.conf"),
        named(&["site", "site/current", "site/release-1"])
    );
    assert_eq!(below("mount/far.conf"), named(&["far", "mount"]));
    assert_eq!(
        below("mount/../far/a.conf"),
        named(&["far", "mount/../far"])
    );
    assert_eq!(below("mount/missing.conf"), named(&["mount"]));
    assert_eq!(below("missing/a.conf"), named(&[]));
    assert_eq!(below("mount/loop.conf"), named(&["mount"]));
    // A link at the top of the tree does not open all of the tree.
    assert!(!files::folders(Path::new("/bin/sh")).contains(&PathBuf::from("/")));
}
