//! The `dhcp6lab` program.

fn main() {
    let server = dhcp6lab::program::server().expect("s");
    dhcp6lab::demo::run(server, &mut std::io::stdout()).expect("d");
}
