//! The server's own addresses on an interface, and which of them are in use.

use super::links::{index, name_of};
use crate::unconfigured::OwnAddress;
use std::fs;
use std::io;
use std::net::Ipv6Addr;

/// The addresses of an interface as the system of this process lists them (linux/if_inet6): in a file, because
/// `getifaddrs` does not tell which of them are in use.
///
/// # Errors
/// The system does not tell.
pub fn own(name: &str) -> io::Result<Vec<OwnAddress>> {
    let listed = index(name).and_then(name_of);
    let listed = listed.ok_or(io::ErrorKind::NotFound)?;
    let table = fs::read_to_string("/proc/self/net/if_inet6")?;
    Ok(own_in(&table, &listed))
}

fn own_in(table: &str, name: &str) -> Vec<OwnAddress> {
    /// IFA_F_OPTIMISTIC, IFA_F_DADFAILED, IFA_F_DEPRECATED and IFA_F_TENTATIVE (linux/if_addr.h).
    const NOT_IN_USE: u8 = 0x04 | 0x08 | 0x20 | 0x40;
    const IFA_F_PERMANENT: u8 = 0x80;
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[address, _, length, _, flags, of] = fields.as_slice() else {
            return None;
        };
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let own = OwnAddress {
            address: Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?),
            length: u8::from_str_radix(length, 16).ok()?,
            in_use: flags & NOT_IN_USE == 0,
            permanent: flags & IFA_F_PERMANENT != 0,
        };
        (of == name).then_some(own)
    };
    table.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_use_counts_as_such() {
        let table = "\
fe80000000000000a00000fffe000001 02 40 20 80     eth0
20010db8000100000000000000000001 02 40 00 80     eth0
20010db8000200000000000000000002 02 40 00 00     eth0
20010db8000300000000000000000003 02 40 00 20     eth0
20010db8000400000000000000000004 02 40 00 c0     eth0
20010db8000500000000000000000005 02 40 00 88     eth0
20010db8000600000000000000000006 03 80 00 80    eth01
";
        let found = own_in(table, "eth0");
        let flags: Vec<_> = found.iter().map(|it| (it.in_use, it.permanent)).collect();
        assert_eq!(
            flags,
            [
                (true, true),
                (true, true),
                (true, false),
                (false, false),
                (false, true),
                (false, true),
            ]
        );
        let second = found.get(1).expect("an address");
        assert_eq!(second.address.to_string(), "2001:db8:1::1");
        assert_eq!(second.length, 64);
        assert_eq!(own_in("\nno table\n", "eth0"), []);
    }
}
