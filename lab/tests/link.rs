//! Namespaces leave nothing behind: no program in one, no mount. What the program as a whole leaves behind is for
//! `leftovers`.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

use dhcp6lab::link::{Namespace, owner};
use netns_rs::NetNs;

mod support;

fn sleeper() -> Command {
    let mut sleeper = Command::new("sleep");
    sleeper.arg("1000");
    sleeper
}

fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended; it only waits for its parent to notice.
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

#[test]
fn a_namespace_ends_with_its_scope_and_takes_its_programs_along() {
    if !support::can_run(&[]) {
        return;
    }
    let namespace = Namespace::new().expect("a namespace");
    let path = namespace.path().to_owned();
    let process = namespace.spawn(sleeper()).expect("it starts");
    let pid = process.id();
    // What a program leaves running when it ends is nobody's child here.
    let mut shell = Command::new("sh");
    shell.args(["-c", "sleep 1000 >/dev/null 2>&1 & echo $!"]);
    let orphan = namespace
        .command(shell)
        .expect("it ends")
        .trim()
        .parse()
        .expect("a number");
    assert!(path.exists() && runs(pid) && runs(orphan));
    drop(process);
    drop(namespace);
    assert!(!path.exists());
    assert!(!runs(pid));
    assert!(!runs(orphan));
}

#[test]
fn a_panic_inside_reaches_the_caller_and_the_namespace_still_goes() {
    if !support::can_run(&[]) {
        return;
    }
    let namespace = Namespace::new().expect("a namespace");
    let path = namespace.path().to_owned();
    let panic = catch_unwind(AssertUnwindSafe(|| namespace.run(|| panic!("inside"))));
    assert_eq!(panic.expect_err("a panic").downcast_ref(), Some(&"inside"));
    assert_eq!(
        namespace.run(|| 7),
        7,
        "others can still do something inside"
    );
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _here = namespace;
        panic!("outside");
    }));
    assert!(panic.is_err());
    assert!(!path.exists());
}

#[test]
fn what_is_mounted_inside_is_not_seen_outside() {
    if !support::can_run(&[]) {
        return;
    }
    let namespace = Namespace::new().expect("a namespace");
    let folder = tempfile::tempdir().expect("a folder");
    namespace
        .mount_memory(folder.path(), 1 << 16)
        .expect("a mount");
    let file = folder.path().join("file");
    let inside = file.clone();
    namespace
        .run(move || fs::write(inside, "x"))
        .expect("it can be written to");
    assert!(!file.exists());
    let inside = file.clone();
    let full = namespace.run(move || fs::write(inside, vec![0; 1 << 17]));
    assert_eq!(
        full.expect_err("too much").kind(),
        std::io::ErrorKind::StorageFull
    );
}

#[test]
fn leftovers_of_a_run_that_was_killed_are_removed_and_those_of_the_living_are_not() {
    if !support::can_run(&[]) {
        return;
    }
    let mut dead = sleeper().spawn().expect("it starts");
    dead.kill().and_then(|()| dead.wait()).expect("it ends");
    let leftover = format!("dhcp6lab-{}-1-0", dead.id());
    let foreign = format!("other-{}-1-0", dead.id());
    let path = |name: &str| Path::new("/run/netns").join(name);
    NetNs::new(&leftover).expect("a namespace");
    let folder = std::env::temp_dir().join(&leftover);
    fs::create_dir_all(folder.join("leases")).expect("a folder");
    let other = NetNs::new(&foreign).expect("a namespace");
    let alive = Namespace::new().expect("a namespace");
    owner::sweep();
    assert!(!path(&leftover).exists());
    assert!(!folder.exists());
    assert!(alive.path().exists());
    assert!(path(&foreign).exists());
    other.remove().expect("it can be removed");
}
