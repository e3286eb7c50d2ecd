//! What is wrong or unusual in a capture: which message breaks which rule of which RFC.
//!
//! Everything here is worked out from the messages and their times alone. Errors break a rule; peculiarities are
//! allowed, or were, or lie outside of the protocol, and are worth knowing when something does not work.
//!
//! `judge` holds answers of our server to the same RFCs in tests; it knows what was sent. A capture may lack
//! anything, so what cannot be seen in it is not held against anybody here.

mod client;
mod form;
mod leases;
mod relay;
mod rules;
mod server;
#[cfg(test)]
mod tests;
mod timing;

pub use rules::{By, Kind, RULES, Rule};

use std::collections::HashMap;

use crate::conversation::{Conversation, Said};

/// Something that is wrong or unusual.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which rule.
    pub rule: &'static Rule,
    /// The number of the packet, the first one if there are several.
    pub packet: usize,
    /// The numbers of later packets of the same client of which the same is to be said.
    pub again: Vec<usize>,
    /// What there is, in this case.
    pub text: String,
}

/// Everything that is wrong or unusual, in the order of the capture.
#[must_use]
pub fn find(conversations: &[Conversation<'_>]) -> Vec<Finding> {
    let mut report = Report(Vec::new());
    let said = || conversations.iter().flat_map(|it| &it.messages);
    let answered = said().any(|it| it.from_server);
    let asked = said().any(|it| !it.from_server);
    for conversation in conversations {
        for (index, said) in conversation.messages.iter().enumerate() {
            form::check(said, &mut report);
            relay::check(said, &mut report);
            if said.from_server {
                let question = said.answers.and_then(|it| conversation.messages.get(it));
                match question {
                    Some(question) => server::check(question, said, &mut report),
                    None => server::check_unasked(said, asked, &mut report),
                }
            } else {
                client::check(said, &mut report);
            }
            if !said.from_server && answered {
                server::check_answered(conversation, index, &mut report);
            }
        }
        client::check_conversation(conversation, &mut report);
        timing::check(conversation, &mut report);
    }
    leases::check(conversations, &mut report);
    client::check_identities(conversations, &mut report);
    report.once_per_client(conversations)
}

/// What was found so far.
struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, rule: &'static Rule, said: &Said<'_>, text: impl Into<String>) {
        self.0.push(Finding {
            rule,
            packet: said.packet.number,
            again: Vec::new(),
            text: text.into(),
        });
    }

    /// What is to be said of many messages of a client is said once, at the first of them.
    fn once_per_client(mut self, conversations: &[Conversation<'_>]) -> Vec<Finding> {
        self.0.sort_by_key(|it| it.packet);
        let mut client_of = HashMap::new();
        for (client, conversation) in conversations.iter().enumerate() {
            client_of.extend(
                conversation
                    .messages
                    .iter()
                    .map(|it| (it.packet.number, client)),
            );
        }
        let mut first: HashMap<(&str, Option<usize>, String), usize> = HashMap::new();
        let mut findings: Vec<Finding> = Vec::new();
        for finding in self.0 {
            let client = client_of.get(&finding.packet).copied();
            let key = (finding.rule.name, client, finding.text.clone());
            let at = *first.entry(key).or_insert(findings.len());
            match findings.get_mut(at) {
                Some(known) => known.again.push(finding.packet),
                None => findings.push(finding),
            }
        }
        findings
    }
}
