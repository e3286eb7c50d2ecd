//! See `dhcp6s_fuzz::control`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dhcp6s_fuzz::control(octets));
