//! Readers of `dhcp6s::wire` on any octets, and what was read written again.

use dhcp6s::wire::{
    DomainName, Duid, Ia, IaAddress, IaPrefix, Message, MessageType, OptionCode, Options,
    RelayMessage, Status, Writer,
};

/// Reads the octets as a message, as what relay agents wrapped, and as the value of every option; what can be
/// read has to come out of the writer as it went in.
pub fn wire(octets: &[u8]) {
    let mut message = octets;
    while message.first() == Some(&MessageType::RELAY_FORWARD.0) {
        let Ok(relay) = RelayMessage::read(message) else {
            break;
        };
        same(message, |writer| {
            writer.relay_message(
                relay.message_type,
                relay.hop_count,
                relay.link_address,
                relay.peer_address,
            );
            options(writer, relay.options);
        });
        let Some(inner) = relay.options.first(OptionCode::RELAY_MESSAGE) else {
            break;
        };
        message = inner;
    }
    if let Ok(read) = Message::read(message) {
        same(message, |writer| {
            writer.message(read.message_type, read.transaction_id);
            options(writer, read.options);
        });
        for option in read.options.iter() {
            value(option.value);
        }
    }
    value(octets);
    text(octets);
}

/// What was written has to be these octets.
fn same(octets: &[u8], write: impl FnOnce(&mut Writer<'_>)) {
    let mut out = b"before".to_vec();
    let mut writer = Writer::new(&mut out);
    write(&mut writer);
    let finished = writer.finish();
    assert_eq!(out.strip_prefix(b"before"), Some(octets));
    assert_eq!(finished, Ok(octets.len()));
}

fn options(writer: &mut Writer<'_>, options: Options<'_>) {
    for option in options.iter() {
        writer.option(option.code, option.value);
        assert!(options.has(option.code));
    }
}

/// An option with this value, read as each of those that have a form.
fn value(octets: &[u8]) {
    if octets.len() > usize::from(u16::MAX) {
        return;
    }
    let [high, low] = u16::try_from(octets.len()).unwrap_or(0).to_be_bytes();
    let whole = |code: OptionCode| [&code.0.to_be_bytes()[..], &[high, low], octets].concat();
    if let Ok(ia) = Ia::read(octets) {
        same(&whole(OptionCode::IA_NA), |writer| {
            let open = writer.open_ia(OptionCode::IA_NA, ia.iaid, ia.t1, ia.t2);
            options(writer, ia.options);
            writer.close(open);
        });
        for option in ia.options.iter() {
            let _ = IaAddress::read(option.value);
            let _ = IaPrefix::read(option.value);
        }
    }
    if let Ok(lease) = IaAddress::read(octets)
        && lease.options == Options::default()
    {
        same(&whole(OptionCode::IA_ADDRESS), |writer| {
            writer.ia_address(lease.address, lease.preferred_secs, lease.valid_secs);
        });
    }
    if let Ok(lease) = IaPrefix::read(octets)
        && lease.options == Options::default()
    {
        assert!(lease.length <= 128);
        same(&whole(OptionCode::IA_PREFIX), |writer| {
            writer.ia_prefix(
                lease.prefix,
                lease.length,
                lease.preferred_secs,
                lease.valid_secs,
            );
        });
    }
    if let Ok(status) = Status::read(octets)
        && let Ok(text) = str::from_utf8(status.text)
    {
        same(&whole(OptionCode::STATUS_CODE), |writer| {
            writer.status(status.code, text);
        });
    }
}

/// What people write: the text form of a DUID, and a name.
fn text(octets: &[u8]) {
    let duid = Duid::new(octets);
    assert_eq!(duid.is_some(), (1..=Duid::LEN_MAX).contains(&octets.len()));
    if let Some(duid) = duid {
        assert_eq!(duid.as_bytes(), octets);
        assert_eq!(Duid::parse(&duid.to_string()), Some(duid));
    }
    if let Ok(text) = str::from_utf8(octets) {
        let _ = Duid::parse(text);
        if let Ok(name) = DomainName::encode(text) {
            let wire = name.as_bytes();
            assert!(wire.len() <= DomainName::LEN_MAX && wire.last() == Some(&0));
            assert_eq!(DomainName::encode(&name.to_string()), Ok(name));
        }
    }
}
