//! A second opinion: tshark reads what our dissector has read, and both have to see the same.
//!
//! What is compared are lists, one for each field of the protocol, in the order of the octets. Where they differ, our
//! side knows in which option that is. That nothing is left over in an answer is for the judge to see: tshark breaks off
//! without a word. Where tshark 4.0 is wrong itself is listed in `EXCUSES`, with the reasons.

mod account;
mod tshark;

pub use account::{Account, Item};
pub use tshark::{Statement, question, read};

use std::io;

/// Why there is no second opinion.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no tshark.
    #[error("tshark is not installed; Debian's package tshark has it")]
    Missing,
    /// It does not do what it should.
    #[error("tshark cannot be used: {0}")]
    Failed(String),
    /// The octets cannot be given to it.
    #[error("cannot write a capture for tshark: {0}")]
    Write(#[from] io::Error),
}

/// A complaint of tshark that is no fault of the message.
struct Excuse {
    /// What it says.
    complaint: &'static str,
    /// Whether our side has seen what it stumbles over.
    applies: fn(&Account) -> bool,
}

/// Where tshark 4.0 is wrong.
const EXCUSES: &[Excuse] = &[
    // An Interface-Id is opaque (RFC 9915 §21.18), and agents that send an empty one get it back as it is.
    Excuse {
        complaint: "INTERFACE_ID: malformed option",
        applies: |account| account.holds("interface-id", <[u8]>::is_empty),
    },
    // A DUID is opaque to servers, whatever its type promises (RFC 9915 §11), and a client gets its own back. tshark
    // takes DUIDs of the types that it knows apart.
    Excuse {
        complaint: "DUID: malformed option",
        applies: |account| {
            let odd = |duid: &[u8]| !matches!(duid.len(), 10 | 14 | 18);
            account.holds("client-id", odd)
        },
    },
];

/// What is wrong with a message in the eyes of one of the two: where they differ, and what tshark calls malformed.
#[must_use]
pub fn disagreement(statement: &Statement) -> Option<String> {
    let ours = Account::of(&statement.payload);
    let excused = |complaint: &String| {
        let excuses = EXCUSES.iter().filter(|it| complaint.contains(it.complaint));
        excuses.into_iter().any(|it| (it.applies)(&ours))
    };
    if let Some(complaint) = statement.complaints.iter().find(|it| !excused(it)) {
        return Some(format!("tshark says: {complaint}"));
    }
    ours.items().iter().find_map(|(field, items)| {
        let theirs = statement.values(field);
        first_difference(field, items, theirs)
    })
}

/// Where two lists begin to differ.
fn first_difference(field: &str, ours: &[Item], theirs: &[String]) -> Option<String> {
    for (item, their) in ours.iter().zip(theirs) {
        if item.value != *their {
            let Item { value, place } = item;
            return Some(format!(
                "at {place}, {field} is {value} to us and {their} to tshark"
            ));
        }
    }
    if let Some(Item { value, place }) = ours.get(theirs.len()) {
        return Some(format!(
            "at {place}, {field} is {value} to us and nothing to tshark"
        ));
    }
    let more = theirs.get(ours.len())?;
    let place = ours.last().map_or("the beginning", |it| it.place.as_str());
    Some(format!(
        "behind {place}, {field} is nothing to us and {more} to tshark"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tshark would say if it saw what we see.
    fn statement(payload: &[u8]) -> Statement {
        let account = Account::of(payload);
        let lists = account.items().iter().map(|(field, items)| {
            let values = items.iter().map(|it| it.value.clone()).collect();
            (*field, values)
        });
        Statement {
            frame: 1,
            payload: payload.to_vec(),
            complaints: Vec::new(),
            lists: lists.collect(),
        }
    }

    /// A Reply with a client identifier of 10 octets and an IA_NA 1.
    const REPLY: &[u8] = &[
        7, 0, 0, 5, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0xc1, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0,
        7, 0, 0, 0, 8,
    ];

    #[test]
    fn who_sees_the_same_agrees() {
        assert_eq!(disagreement(&statement(REPLY)), None);
    }

    #[test]
    fn a_difference_says_in_which_option_it_is() {
        let mut other = statement(REPLY);
        other.lists.insert("dhcpv6.iaid.t1", vec!["9".into()]);
        assert_eq!(
            disagreement(&other).as_deref(),
            Some("at option 2 (ia-na), dhcpv6.iaid.t1 is 7 to us and 9 to tshark")
        );
        other.lists.insert("dhcpv6.iaid.t1", Vec::new());
        assert_eq!(
            disagreement(&other).as_deref(),
            Some("at option 2 (ia-na), dhcpv6.iaid.t1 is 7 to us and nothing to tshark")
        );
        let mut more = statement(REPLY);
        more.lists.insert("dhcpv6.status_code", vec!["3".into()]);
        assert_eq!(
            disagreement(&more).as_deref(),
            Some("behind the beginning, dhcpv6.status_code is nothing to us and 3 to tshark")
        );
    }

    #[test]
    fn a_complaint_is_excused_only_where_its_reason_applies() {
        let complaint = "DUID: malformed option";
        let mut usual = statement(REPLY);
        usual.complaints.push(complaint.into());
        assert_eq!(
            disagreement(&usual),
            Some(format!("tshark says: {complaint}"))
        );
        let mut odd = statement(&[7, 0, 0, 5, 0, 1, 0, 5, 0, 1, 7, 7, 7]);
        odd.complaints.push(complaint.into());
        assert_eq!(disagreement(&odd), None);
    }
}
