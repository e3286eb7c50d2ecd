//! See `dhcp6s_fuzz::wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dhcp6s_fuzz::wire(octets));
