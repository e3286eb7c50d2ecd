//! System calls, by seccomp: the list of those that a server makes while it serves.
//!
//! All others are answered with ENOSYS, as by a kernel that does not have them, and noted by the kernel's audit. Not
//! with EPERM: a C library that is newer than this list tries new calls and goes on with older ones if they do not
//! exist, while "not permitted" ends it. And the process is not killed: what a library does on a rare path nobody has
//! seen must not take away an operator's DHCP, and whoever misuses the server gets no further for it.
//!
//! The list comes from reading what the server and its libraries do, and from playing the scenarios and tests under it,
//! with the C library of Debian linked statically (in the image) and dynamically: what was refused showed in the
//! kernel's audit. Where two calls do the same, such as `poll` and `ppoll`, both are on it, for other versions of the C
//! library take the other one.

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};
use std::collections::BTreeMap;
use std::io;

/// Calls that may have any arguments.
const FREE: &[libc::c_long] = &[
    // Datagrams and connections.
    libc::SYS_recvmmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    // Files: Landlock says which.
    libc::SYS_openat,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_flock,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_unlinkat,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_dup3,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_ppoll,
    libc::SYS_eventfd2,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    // Memory that holds no program: see below for that.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads and signals.
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Time and chance. The clock is read without a call where the machine allows that.
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
];

/// The same, where the processor's table has calls of old besides.
#[cfg(target_arch = "x86_64")]
const FREE_OF_OLD: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_access,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_dup2,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const FREE_OF_OLD: &[libc::c_long] = &[];

/// Filters the calls of the calling thread and those that it starts. Returns what holds, in words, or why nothing does.
pub(super) fn filter() -> Result<String, String> {
    let processor = std::env::consts::ARCH;
    let unknown = |_| format!("there is no list of system calls for {processor}");
    let target: TargetArch = processor.try_into().map_err(unknown)?;
    let list = list().map_err(|error| error.to_string())?;
    let count = list.len();
    let compile = |rules, otherwise, listed| -> Result<BpfProgram, BackendError> {
        SeccompFilter::new(rules, otherwise, listed, target)?.try_into()
    };
    let nothing = SeccompAction::Errno(libc::ENOSYS as u32);
    let quiet = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let quiet = compile(quiet, SeccompAction::Allow, nothing.clone());
    let allowed = compile(list, nothing, SeccompAction::Allow);
    let compiled = quiet.and_then(|quiet| Ok((quiet, allowed?)));
    let (quiet, allowed) = compiled.map_err(|error| error.to_string())?;
    // What one filter refuses is refused, whatever the other says. This order needs no call that the list lacks.
    let installed =
        install(&quiet, 0).and_then(|()| install(&allowed, libc::SECCOMP_FILTER_FLAG_LOG));
    installed.map_err(|error| error.to_string())?;
    Ok(format!("{count} system calls by seccomp"))
}

/// All calls on the list, and the arguments that some of them must have.
fn list() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let free = FREE.iter().chain(FREE_OF_OLD);
    let mut list: BTreeMap<i64, Vec<SeccompRule>> = free.map(|it| (*it, Vec::new())).collect();
    // Its arguments lie in memory, where no filter can look: the other filter refuses it, unnoted, and the C library
    // takes `clone`.
    list.insert(libc::SYS_clone3, Vec::new());
    let mut allow = |call: libc::c_long, forms: &[&[Argument]]| {
        let forms: Result<_, _> = forms.iter().map(|it| form(it)).collect();
        list.insert(call, forms?);
        Ok::<_, BackendError>(())
    };
    allow(libc::SYS_socket, SOCKETS)?;
    // How the runtime hears of signals.
    allow(
        libc::SYS_socketpair,
        &[&[is(0, libc::AF_UNIX), kind(libc::SOCK_STREAM)]],
    )?;
    // A thread, no process.
    allow(
        libc::SYS_clone,
        &[&[has(0, libc::CLONE_THREAD, libc::CLONE_THREAD)]],
    )?;
    // No memory that is a program.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        allow(call, &[&[has(2, libc::PROT_EXEC, 0)]])?;
    }
    allow(
        libc::SYS_ioctl,
        &[
            &[is(1, SIOCGIFINDEX)],
            &[is(1, SIOCGIFNAME)],
            &[is(1, FIONBIO)],
        ],
    )?;
    // The name of a thread.
    allow(libc::SYS_prctl, &[&[is(0, libc::PR_SET_NAME)]])?;
    // How `abort` ends the process.
    let own = libc::c_int::try_from(std::process::id()).unwrap_or_default();
    allow(libc::SYS_tgkill, &[&[is(0, own)]])?;
    Ok(list)
}

/// The sockets that are opened while serving: port 547 again, the kernel's word on links and addresses, and the syslog
/// or the service manager.
const SOCKETS: &[&[Argument]] = &[
    &[is(0, libc::AF_INET6), kind(libc::SOCK_DGRAM)],
    &[is(0, libc::AF_NETLINK), is(2, libc::NETLINK_ROUTE)],
    &[is(0, libc::AF_UNIX), kind(libc::SOCK_DGRAM)],
    &[is(0, libc::AF_UNIX), kind(libc::SOCK_STREAM)],
];

/// Requests about interfaces, and whether a descriptor waits (linux/sockios.h, asm-generic/ioctls.h).
const SIOCGIFNAME: libc::c_int = 0x8910;
const SIOCGIFINDEX: libc::c_int = 0x8933;
const FIONBIO: libc::c_int = 0x5421;

/// What an argument must be.
#[derive(Clone, Copy)]
struct Argument {
    place: u8,
    mask: u32,
    value: u32,
}

const fn is(place: u8, value: libc::c_int) -> Argument {
    has(place, -1, value)
}

/// The bits of the mask are those of the value.
const fn has(place: u8, mask: libc::c_int, value: libc::c_int) -> Argument {
    Argument {
        place,
        mask: mask.cast_unsigned(),
        value: value.cast_unsigned(),
    }
}

/// The type of a socket, whatever its flags.
const fn kind(value: libc::c_int) -> Argument {
    has(1, 0xf, value)
}

fn form(arguments: &[Argument]) -> Result<SeccompRule, BackendError> {
    let condition = |it: &Argument| {
        let compare = SeccompCmpOp::MaskedEq(it.mask.into());
        // All of these are 32 bits wide to the kernel.
        SeccompCondition::new(it.place, SeccompCmpArgLen::Dword, compare, it.value.into())
    };
    SeccompRule::new(arguments.iter().map(condition).collect::<Result<_, _>>()?)
}

#[expect(
    unsafe_code,
    reason = "the crate that makes filters cannot have refusals noted"
)]
fn install(program: &[sock_filter], flags: libc::c_ulong) -> io::Result<()> {
    // The kernel's structure; both describe an instruction in the same way.
    let mut program: Vec<libc::sock_filter> = program
        .iter()
        .map(|it| libc::sock_filter {
            code: it.code,
            jt: it.jt,
            jf: it.jf,
            k: it.k,
        })
        .collect();
    let described = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, which lives until the call has returned, and changes no memory.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const described,
        )
    };
    match outcome {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
