//! What the authentication of an answer must be like (RFC 3315 §21.4.4.2, §21.4.4.5).

use crate::authentication::{AUTHENTICATION, Signed, is_newer};
use crate::dissect;
use crate::rig::Datagram;
use crate::scenario::Client;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const INFORMATION_REQUEST: u8 = 11;

/// What is wrong with the authentication of an answer to what a client sent; nothing, if the list is empty.
/// `heard` is the type of the last answer that had one, and what its replay detection field said.
#[must_use]
pub fn faults(
    client: &Client,
    sent: &Datagram,
    answer: &Datagram,
    heard: &mut Option<(u8, u64)>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let (question, tree) = (
        dissect::message(&sent.payload),
        dissect::message(&answer.payload),
    );
    let (question, core) = (question.core(), tree.core());
    let is_there = core.options.first(AUTHENTICATION).is_some();
    let signed = Signed::read(&answer.payload);
    let key = client.key.as_ref();
    let asked = question.options.first(AUTHENTICATION).is_some();
    match (key, &signed) {
        (Some(key), Some(signed)) => {
            if !signed.is_by(key) {
                faults.push("it is not signed with the client's key".to_owned());
            }
            if !signed.is_last {
                faults.push("an option stands behind the signature".to_owned());
            }
            let now = (core.message_type, signed.replay);
            if let Some(last) = heard.replace(now) {
                // Of several Advertise messages a client takes one.
                let twin = now == last && now.0 == ADVERTISE;
                if !twin && !is_newer(now.1, last.1) {
                    faults.push(format!("it counts {:#x} after {:#x}", now.1, last.1));
                }
            }
        }
        (Some(key), None) => {
            let proved = Signed::read(&sent.payload).is_some_and(|it| it.is_by(key));
            let may_be_plain = [SOLICIT, INFORMATION_REQUEST].contains(&question.message_type);
            if proved && !may_be_plain {
                faults.push("a signed message is answered without a signature".to_owned());
            }
        }
        (None, _) => {}
    }
    if is_there && (key.is_none() || !asked || signed.is_none()) {
        faults.push("nobody can use its authentication".to_owned());
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::{Key, Secret, mac};

    fn client(secret: Option<&str>) -> Client {
        Client {
            name: "first".into(),
            duid: vec![0, 3, 0, 1, 2],
            address: "fe80::c1".parse().expect("an address"),
            key: secret.map(|secret| Key {
                realm: "r".into(),
                id: 1,
                secret: Secret(secret.into()),
            }),
            order: Vec::new(),
            model: None,
            link: None,
        }
    }

    /// A message that counts so far, signed with the right secret.
    fn signed(message_type: u8, replay: u64) -> Vec<u8> {
        let mut octets = vec![message_type, 0, 0, 1, 0, 11, 0, 32, 2, 1, 0];
        octets.extend(replay.to_be_bytes());
        octets.extend(*b"r\0\0\0\x01");
        octets.extend([0; 16]);
        let made = mac(b"right", &octets);
        let end = octets.len();
        octets[end - 16..].copy_from_slice(&made);
        octets
    }

    fn datagram(payload: Vec<u8>) -> Datagram {
        let at = "[fe80::c1]:546".parse().expect("an address");
        Datagram {
            source: at,
            destination: at,
            payload,
        }
    }

    /// The faults of an answer to a message of a client with that secret that has heard so far.
    fn judged(
        secret: Option<&str>,
        question: Vec<u8>,
        answer: Vec<u8>,
        heard: Option<(u8, u64)>,
    ) -> Vec<String> {
        let (question, answer, mut heard) = (datagram(question), datagram(answer), heard);
        faults(&client(secret), &question, &answer, &mut heard)
    }

    const PLAIN: [u8; 4] = [7, 0, 0, 1];

    #[test]
    fn a_signature_is_made_with_the_clients_key_and_ends_the_message() {
        let request = || signed(3, 1);
        let good = |answer| judged(Some("right"), request(), answer, None);
        assert_eq!(good(signed(7, 5)), [""; 0]);
        assert_eq!(
            judged(Some("other"), request(), signed(7, 5), None),
            ["it is not signed with the client's key"]
        );
        let mut longer = signed(7, 5);
        longer.extend([0, 14, 0, 0]);
        assert_eq!(good(longer).len(), 2);
        assert_eq!(
            good(PLAIN.to_vec()),
            ["a signed message is answered without a signature"]
        );
    }

    #[test]
    fn answers_count_on() {
        let judged = |answer, heard| judged(Some("right"), signed(3, 1), answer, Some(heard));
        assert_eq!(judged(signed(7, 5), (2, 4)), [""; 0]);
        assert_eq!(judged(signed(2, 5), (2, 5)), [""; 0]);
        assert_eq!(judged(signed(7, 5), (2, 5)), ["it counts 0x5 after 0x5"]);
        assert_eq!(judged(signed(2, 4), (2, 5)), ["it counts 0x4 after 0x5"]);
    }

    #[test]
    fn who_asks_for_no_authentication_gets_none() {
        let nobody = ["nobody can use its authentication"];
        assert_eq!(judged(None, signed(3, 1), signed(7, 5), None), nobody);
        let plain = || PLAIN.to_vec();
        assert_eq!(judged(Some("right"), plain(), signed(7, 5), None), nobody);
        assert_eq!(judged(Some("right"), plain(), plain(), None), [""; 0]);
    }
}
