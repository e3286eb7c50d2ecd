//! Links without root: a user namespace in which this user is root, with a network of its own.
//!
//! What is made in it is seen by nobody else, and the kernel removes it with the last process that is in it, however
//! that ends. A process enters on its own while it has one thread only ([`ensure`]), or a child does so on its way to
//! becoming a program ([`send_into`]).

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{getegid, geteuid, write};

use crate::link::{Unavailable, owner};

/// The bits of CAP_NET_ADMIN and CAP_SYS_ADMIN (linux/capability.h).
const NEEDED: u64 = 1 << 12 | 1 << 21;

/// Whether this thread may make namespaces, links and mounts.
#[must_use]
pub fn is_privileged() -> bool {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    holds(&status, NEEDED)
}

/// Whether the effective capabilities in a status file of `/proc` include these.
fn holds(status: &str, needed: u64) -> bool {
    let mut lines = status.lines();
    let effective = lines.find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
    effective.is_some_and(|it| it & needed == needed)
}

/// Whether this process has one thread only, which the kernel demands of whoever moves.
#[must_use]
pub fn is_alone() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

/// Whether this process is in such a namespace: then there is one user only, and no device can be opened that this
/// user could not open before.
#[must_use]
pub fn is_confined() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().nth(2) == Some("1")
}

/// Moves this process unless it is privileged already, and says so on standard error. That takes a process with one
/// thread, so whoever starts some calls this before; what it returns the first time, it returns each time.
///
/// # Errors
/// User namespaces are forbidden here, and the text says by what; or there are several threads.
pub fn ensure() -> Result<(), Unavailable> {
    static MOVED: OnceLock<Result<(), Unavailable>> = OnceLock::new();
    if is_privileged() {
        return Ok(());
    }
    MOVED.get_or_init(move_there).clone()
}

fn move_there() -> Result<(), Unavailable> {
    if !is_alone() {
        return Err(Unavailable::Threads);
    }
    // From in there, what earlier ones left running in theirs can be neither recognised nor ended.
    owner::sweep();
    Entry::new().take().map_err(forbidden)?;
    // Without standard error there is nobody to tell.
    let _ = writeln!(
        io::stderr(),
        "dhcp6lab: not root: links are made in a user namespace"
    );
    Ok(())
}

/// Has a program run in such a namespace. If that is forbidden, it does not start: see [`forbidden`].
#[expect(unsafe_code, reason = "the child moves before it becomes the program")]
pub fn send_into(command: &mut Command) {
    let entry = Entry::new();
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. `take` makes system calls with texts
    // that are ready, and turning an errno into an `io::Error` neither allocates nor locks.
    unsafe {
        command.pre_exec(move || Ok(entry.take()?));
    }
}

/// Everything that it takes, ready before a fork.
struct Entry {
    users: String,
    groups: String,
}

impl Entry {
    fn new() -> Self {
        Self {
            users: format!("0 {} 1", geteuid()),
            groups: format!("0 {} 1", getegid()),
        }
    }

    fn take(&self) -> nix::Result<()> {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)?;
        // Without this, nobody but root may say which group is which (user_namespaces(7)).
        tell("/proc/self/setgroups", "deny")?;
        tell("/proc/self/uid_map", &self.users)?;
        tell("/proc/self/gid_map", &self.groups)?;
        let apart = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
        mount(None::<&str>, "/", None::<&str>, apart, None::<&str>)?;
        // Namespaces get their names in /run/netns, which is root's outside.
        let options = Some("mode=0755");
        mount(
            Some("dhcp6lab"),
            "/run",
            Some("tmpfs"),
            MsFlags::empty(),
            options,
        )
    }
}

fn tell(path: &str, text: &str) -> nix::Result<()> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(&file, text.as_bytes()).map(drop)
}

/// What keeps this user from entering, given what the system said.
#[must_use]
pub fn forbidden(errno: Errno) -> Unavailable {
    let read = |path: &str| fs::read_to_string(path).ok();
    Unavailable::UserNamespaces(reason(errno, read))
}

/// The same for a program that did not start.
#[must_use]
pub fn not_started(error: &io::Error) -> Unavailable {
    forbidden(
        error
            .raw_os_error()
            .map_or(Errno::UnknownErrno, Errno::from_raw),
    )
}

/// The settings that forbid it, and how each is lifted.
fn reason(errno: Errno, read: impl Fn(&str) -> Option<String>) -> String {
    let is = |path: &str, value: &str| read(path).is_some_and(|it| it.trim() == value);
    if is("/proc/sys/user/max_user_namespaces", "0") {
        return "the sysctl user.max_user_namespaces is 0: raise it".to_owned();
    }
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return "the sysctl kernel.unprivileged_userns_clone is 0: set it to 1".to_owned();
    }
    if is(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        return "AppArmor forbids it (the sysctl kernel.apparmor_restrict_unprivileged_userns is 1): set that to 0, \
                or give this program a profile that allows `userns`"
            .to_owned();
    }
    let status = read("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let filtered = lines.any(|line| {
        line.strip_prefix("Seccomp:")
            .is_some_and(|it| it.trim() == "2")
    });
    let said = io::Error::from(errno);
    if filtered {
        return format!(
            "{said}; a system call filter is in force, as in a container: there, allow `unshare` and `mount`, for \
             example with --security-opt seccomp=unconfined"
        );
    }
    said.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: &[(&'static str, &'static str)]) -> String {
        reason(Errno::EPERM, |path| {
            let found = settings.iter().find(|(name, _)| path.ends_with(name));
            found.map(|(_, value)| format!("{value}\n"))
        })
    }

    #[test]
    fn the_setting_that_forbids_it_is_named() {
        for (setting, value) in [
            ("user/max_user_namespaces", "0"),
            ("kernel/unprivileged_userns_clone", "0"),
            ("kernel/apparmor_restrict_unprivileged_userns", "1"),
        ] {
            let named = setting.replace('/', ".");
            let text = with(&[(setting, value)]);
            assert!(text.contains(&named), "{text}");
        }
    }

    #[test]
    fn settings_that_allow_it_are_not_blamed() {
        let text = with(&[
            ("user/max_user_namespaces", "96364"),
            ("kernel/unprivileged_userns_clone", "1"),
            ("kernel/apparmor_restrict_unprivileged_userns", "0"),
            ("self/status", "Seccomp:\t0"),
        ]);
        assert_eq!(text, io::Error::from(Errno::EPERM).to_string());
        let text = with(&[("self/status", "Name:\tx\nSeccomp:\t2")]);
        assert!(text.contains("seccomp=unconfined"), "{text}");
    }

    #[test]
    fn both_capabilities_are_needed() {
        let status = |capabilities: &str| format!("Name:\tx\nCapEff:\t{capabilities}\n");
        assert!(holds(&status("000001ffffffffff"), NEEDED));
        assert!(holds(&status("0000000000201000"), NEEDED));
        assert!(!holds(&status("0000000000001000"), NEEDED));
        assert!(!holds(&status("0000000000000000"), NEEDED));
        assert!(!holds("", NEEDED));
    }
}
