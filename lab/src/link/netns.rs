//! Network namespaces that leave nothing behind.
//!
//! A namespace has a thread of its own that lives in it, and everything that must happen inside happens
//! there: no other thread ever enters, so none can fail to come back. Programs started by that thread are
//! in the namespace with it, and end with it. It has a mount namespace, too: what is mounted inside is
//! seen by these programs alone, and gone when the last of them is.

use std::any::Any;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use netns_rs::NetNs;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::Pid;

use crate::link::owner::{self, Owner};
use crate::link::process::end_all;
use crate::link::{Error, Process, Unavailable, rootless, run_to_end};

/// Where programs reach the machine's log. What they do here is not for that.
const SYSLOG: &str = "/dev/log";

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace of the lab: `lo` is up, addresses are usable at once, and nobody hears what is said to the
/// syslog. When it goes out of scope, so does everything in it.
#[derive(Debug)]
pub struct Namespace {
    path: PathBuf,
    netns: Option<NetNs>,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespace {
    /// Makes a namespace. The first one of a process removes what runs that were killed left behind.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn new() -> Result<Self, Error> {
        static SWEPT: Once = Once::new();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        if !rootless::is_privileged() {
            return Err(Unavailable::Threads.into());
        }
        SWEPT.call_once(owner::sweep);

        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{count}", Owner::this_process().prefix());
        let made = {
            let _making = owner::making();
            NetNs::new(&name)
        };
        let netns = made.map_err(refused)?;
        let path = netns.path().to_owned();
        let mut namespace = Self {
            path,
            netns: Some(netns),
            jobs: None,
            thread: None,
        };
        namespace.inhabit(NetNs::get(&name).map_err(refused)?)?;
        namespace.run(quiet)?;
        if Path::new(SYSLOG).exists() {
            namespace.mount_over(Path::new("/dev/null"), Path::new(SYSLOG))?;
        }
        let mut lo = Command::new("ip");
        lo.args(["link", "set", "lo", "up"]);
        namespace.command(lo)?;
        Ok(namespace)
    }

    fn inhabit(&mut self, netns: NetNs) -> Result<(), Error> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (report, moved_in) = mpsc::channel();
        let body = move || {
            let entered = enter(&netns);
            let inside = entered.is_ok();
            // Whoever asked waits for this, or has given up and is gone.
            let _ = report.send(entered);
            if inside {
                work_off(&queue);
            }
        };
        let thread = thread::Builder::new()
            .name("namespace".into())
            .spawn(body)
            .map_err(|source| Error::system("start a thread", source))?;
        self.jobs = Some(jobs);
        self.thread = Some(thread);
        moved_in
            .recv()
            .unwrap_or_else(|_| Err(Error::system("move to a namespace", Errno::EPERM)))
    }

    /// Where the system shows this namespace; other programs name it by this path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does something inside, while the caller waits.
    ///
    /// # Panics
    /// As `work` does.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (result, answer) = mpsc::channel::<Result<T, Box<dyn Any + Send>>>();
        let job: Job = Box::new(move || {
            let _ = result.send(catch_unwind(AssertUnwindSafe(work)));
        });
        let jobs = self
            .jobs
            .as_ref()
            .expect("jobs are taken until the namespace is dropped");
        jobs.send(job)
            .expect("the thread lives as long as its queue");
        let outcome = answer
            .recv()
            .expect("the thread reports on every job, panics included");
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Runs a program inside to its end and returns what it printed.
    ///
    /// # Errors
    /// It cannot be run, or fails.
    pub fn command(&self, mut command: Command) -> Result<String, Error> {
        owner::mark(&mut command);
        self.run(move || run_to_end(command))
    }

    /// Starts a program inside.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(&self, command: Command) -> Result<Process, Error> {
        self.run(move || Process::spawn(command))
    }

    /// Mounts a file system in memory, of so many bytes, for programs of this namespace only.
    ///
    /// # Errors
    /// The system refuses.
    pub fn mount_memory(&self, folder: &Path, bytes: u64) -> Result<(), Error> {
        let folder = folder.to_owned();
        self.run(move || {
            let options = format!("size={bytes},mode=0755");
            mount(
                Some("dhcp6lab"),
                &folder,
                Some("tmpfs"),
                MsFlags::empty(),
                Some(&*options),
            )
            .map_err(|errno| Error::system(format!("mount on {}", folder.display()), errno))
        })
    }

    /// Shows a file or folder, with what is mounted in it, in another place as well, for programs of this namespace only.
    ///
    /// # Errors
    /// The system refuses.
    pub fn mount_over(&self, what: &Path, place: &Path) -> Result<(), Error> {
        let (what, place) = (what.to_owned(), place.to_owned());
        self.run(move || {
            mount(
                Some(&what),
                &place,
                None::<&str>,
                MsFlags::MS_BIND | MsFlags::MS_REC,
                None::<&str>,
            )
            .map_err(|errno| Error::system(format!("mount on {}", place.display()), errno))
        })
    }

    /// Lets programs of this namespace write in a folder of the machine as if it were theirs: what they write goes to
    /// the folder `changes`, which has to be in memory, and the machine's stays as it is.
    ///
    /// # Errors
    /// The system refuses.
    pub fn keep_apart(&self, folder: &Path, changes: &Path) -> Result<(), Error> {
        let (folder, changes) = (folder.to_owned(), changes.to_owned());
        self.run(move || {
            let (upper, work) = (changes.join("upper"), changes.join("work"));
            let failed = |source| Error::system(format!("keep {} apart", folder.display()), source);
            for it in [&upper, &work] {
                fs::create_dir_all(it).map_err(failed)?;
            }
            let [lower, upper, work] = [&folder, &upper, &work].map(|it| it.display().to_string());
            let layers = format!("lowerdir={lower},upperdir={upper},workdir={work}");
            // Marks on files are trusted ones for root, and those of a user in a user namespace (overlay, kernel 5.11).
            let overlay = |marks: &str| {
                let options = format!("{layers}{marks}");
                let kind = Some("overlay");
                mount(kind, &folder, kind, MsFlags::empty(), Some(&*options))
            };
            overlay("")
                .or_else(|_| overlay(",userxattr"))
                .map_err(|errno| failed(errno.into()))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        end_everything_in(&self.path);
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // Its jobs report their own panics, and it has none of its own.
            let _ = thread.join();
        }
        if let Some(netns) = self.netns.take() {
            let _ = netns.remove();
        }
    }
}

fn refused(source: netns_rs::Error) -> Error {
    if let netns_rs::Error::UnshareError(_) | netns_rs::Error::MountError(..) = source {
        return Unavailable::Refused(source.to_string()).into();
    }
    Error::system("make a network namespace", io::Error::other(source))
}

fn enter(netns: &NetNs) -> Result<(), Error> {
    netns.enter().map_err(refused)?;
    unshare(CloneFlags::CLONE_NEWNS)
        .map_err(|errno| Error::system("make a mount namespace", errno))?;
    // Mounts made in here stay in here; those that go away outside go away in here.
    let flags = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
        .map_err(|errno| Error::system("keep mounts to the namespace", errno))
}

fn work_off(queue: &Receiver<Job>) {
    for job in queue {
        job();
    }
}

/// Before any link is there: no waiting for duplicates of addresses that the lab chose itself, and no
/// looking for routers.
fn quiet() -> Result<(), Error> {
    for (setting, value) in [("accept_dad", "0"), ("accept_ra", "0")] {
        for interface in ["all", "default"] {
            let path = format!("/proc/sys/net/ipv6/conf/{interface}/{setting}");
            fs::write(&path, value)
                .map_err(|source| Error::system(format!("write to {path}"), source))?;
        }
    }
    Ok(())
}

/// Kills whatever programs are still in a namespace, children that outlived the program we started, and
/// waits for their end.
pub(super) fn end_everything_in(namespace: &Path) {
    let Ok(wanted) = fs::metadata(namespace) else {
        return;
    };
    let is_inside = |pid: Pid| {
        let found = fs::metadata(format!("/proc/{pid}/ns/net"));
        found.is_ok_and(|it| (it.dev(), it.ino()) == (wanted.dev(), wanted.ino()))
    };
    end_all(is_inside);
}
