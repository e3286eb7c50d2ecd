//! Who has a UDP port, as far as the system tells.
//!
//! `/proc/net/udp6` has the numbers of the sockets, and a process is found by them among its descriptors: with root's
//! rights those of all processes of this container or machine can be seen, else those of the same user.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A name for whoever has the port, and what to do about it. Several sockets can have it on interfaces of their own,
/// and which is on which is not told.
pub(super) fn of(port: u16) -> String {
    let sockets = fs::read_to_string("/proc/net/udp6").unwrap_or_default();
    let sockets: BTreeSet<String> = inodes(&sockets, port)
        .map(|it| format!("socket:[{it}]"))
        .collect();
    let holders: Vec<String> = processes(Path::new("/proc"))
        .filter(|pid| *pid != std::process::id() && has_one_of(*pid, &sockets))
        .map(
            |pid| match fs::read_to_string(format!("/proc/{pid}/comm")) {
                Ok(name) => format!("process {pid} ({})", name.trim_end()),
                Err(_) => format!("process {pid}"),
            },
        )
        .collect();
    match holders.as_slice() {
        [] => "another process: end it (`ss -ulpn` of root on the host names it)".to_owned(),
        [holder] => format!("{holder}: end it"),
        several => format!("one of these: {}; end it", several.join(", ")),
    }
}

/// The numbers of the sockets in the kernel's table that have a port.
fn inodes(table: &str, port: u16) -> impl Iterator<Item = &str> {
    let end = format!(":{port:04X}");
    table.lines().filter_map(move |line| {
        let mut words = line.split_whitespace();
        let local = words.nth(1)?;
        // What lies between are: the other end, state, queues, timer, retransmissions, user and timeout.
        local.ends_with(&end).then(|| words.nth(7)).flatten()
    })
}

fn processes(proc: &Path) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|it| it.file_name().to_str()?.parse().ok())
}

fn has_one_of(pid: u32, sockets: &BTreeSet<String>) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut open = descriptors.into_iter().flatten().flatten();
    open.any(|it| {
        let target = fs::read_link(it.path()).ok();
        target.is_some_and(|it| it.to_str().is_some_and(|it| sockets.contains(it)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn the_sockets_of_a_port_are_read_from_the_table() {
        let table = "  sl  local_address   remote_address  st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   10: 00000000000000000000000000000000:0223 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0
   11: 00000000000000000000000000000000:0222 00000000000000000000000000000000:0223 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
   12: 000080FE000000000000000001000000:0223 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000   104        0 4713 2 0000000000000000 0
";
        assert_eq!(inodes(table, 547).collect::<Vec<_>>(), ["4711", "4713"]);
        assert_eq!(inodes("nothing\n\n", 547).count(), 0);
    }

    #[test]
    fn a_process_has_the_sockets_that_it_has_opened() {
        let socket = UdpSocket::bind("[::1]:0").expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        let table = fs::read_to_string("/proc/net/udp6").expect("a table");
        let sockets = |table: &str| {
            inodes(table, port)
                .map(|it| format!("socket:[{it}]"))
                .collect()
        };
        let own = std::process::id();
        assert!(has_one_of(own, &sockets(&table)));
        assert!(processes(Path::new("/proc")).any(|it| it == own));
        assert!(!has_one_of(own, &sockets("")));
    }
}
