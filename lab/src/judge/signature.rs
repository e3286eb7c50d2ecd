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
