//! Configurations from any octets.

use super::compose::{Message, SERVER};
use super::engine::{arrival, link};
use dhcp6s::config::{Config, Lifetimes, Look, Severity, Sources, load, render, utc};
use dhcp6s::engine::{DropReason, Engine, Outbox};
use dhcp6s::lease::{LeaseTable, Secret, Timestamp};
use dhcp6s::wire::{Duid, MessageType};
use std::io;

/// Ends a file; the next one begins.
const END: u8 = 0;

/// Reads the octets as files: the first is `F`, and those behind it, apart by zeros, are called `1`, `2` and
/// so on and can be included. What is refused is refused with a reason on one line; what is accepted can be
/// served by.
pub fn config(octets: &[u8]) {
    let files: Vec<_> = octets.split(|&octet| octet == END).collect();
    let read = |path: &str| {
        let number = if path == "F" { Ok(0) } else { path.parse() };
        let file = number.ok().and_then(|number: usize| files.get(number));
        file.map(|text| text.to_vec())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    let sources = Sources {
        read: &read,
        interface_exists: &|name| name == "eth0",
        addresses_of: &|_| Some(Vec::new()),
        now: utc(Timestamp(0)),
    };
    let (loaded, diagnostics) = match load("F", &sources) {
        Ok(loaded) => (Some(loaded.config), loaded.warnings),
        Err(diagnostics) => (None, diagnostics),
    };
    let errors = diagnostics
        .iter()
        .filter(|it| it.severity == Severity::Error);
    assert_eq!(errors.count() == 0, loaded.is_some());
    assert!(diagnostics.len() <= 302, "{}", diagnostics.len());
    let shown = render(&diagnostics, Look::Plain);
    assert!(shown.chars().all(|it| it == '\n' || !it.is_control()));
    assert!(shown.lines().all(|it| it.chars().count() < 1000));
    for diagnostic in &diagnostics {
        let file = read(&diagnostic.file).unwrap_or_default();
        let line = diagnostic.to_string();
        assert!(line.lines().count() == 1 && line.len() < 1000, "{line:?}");
        assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= file.len());
        let lines = file.iter().filter(|&&octet| octet == b'\n').count() + 1;
        assert!(diagnostic.line <= lines && diagnostic.column <= file.len() + 1);
    }
    if let Some(config) = loaded {
        check(&config);
        serve(config);
    }
}

fn check(config: &Config) {
    let fits = |it: Lifetimes| assert!(it.preferred_secs <= it.valid_secs);
    let hosts = &config.hosts;
    let uses = hosts.iter().filter_map(|it| it.pool);
    for pool_use in uses.chain(config.interfaces.iter().filter_map(|it| it.pool)) {
        assert!(pool_use.pool < config.pools.len());
        fits(pool_use.lifetimes);
    }
    for key_use in hosts.iter().filter_map(|it| it.key) {
        assert!(key_use.key < config.keys.len());
    }
    for pool in &config.pools {
        assert!(pool.first <= pool.last);
    }
    for reservation in hosts
        .iter()
        .flat_map(|it| it.prefixes.iter().chain(&it.addresses))
    {
        fits(reservation.lifetimes);
        assert!(!reservation.prefix.address().is_multicast());
    }
}

/// A server that has this configuration answers.
fn serve(config: Config) {
    let small = config.options.dns_servers.len() < 1000 && config.hosts.len() < 1000;
    let client = config.hosts.iter().find_map(|it| it.duid);
    let client = client.filter(|it| it.as_bytes().len() >= Duid::WIRE_LEN_MIN);
    let duid = client.map_or_else(|| vec![0, 3, 0, 1, 9], |it| it.as_bytes().to_vec());
    let server = Duid::new(&SERVER).expect("a DUID");
    let mut engine = Engine::new(
        server,
        &Secret::new([7; 32]),
        config,
        link(0),
        LeaseTable::default(),
    );
    let mut outbox = Outbox::default();
    for message_type in [MessageType::SOLICIT, MessageType::INFORMATION_REQUEST] {
        let mut message = Message::new(message_type.0, [1, 2, 3]);
        message.option(1, &duid);
        if message_type == MessageType::SOLICIT {
            message.ia(3, 1, &[]);
            message.ia(25, 1, &[]);
        }
        let verdict = engine.handle(Timestamp(1000), &arrival(message.octets()), &mut outbox);
        let answered = matches!(verdict, Ok(MessageType::ADVERTISE | MessageType::REPLY));
        assert!(
            answered || verdict == Err(DropReason::AnswerTooLarge) && !small,
            "{verdict:?}"
        );
    }
}
