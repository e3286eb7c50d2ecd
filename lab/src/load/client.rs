//! One client: what it wants, what it waits for, and what it believes that it has.

use std::time::Duration;

use crate::load::message::{Answer, Block, Ia, IaKind, Kind, Writer};

/// A lease that a client believes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which of its IAs it belongs to.
    pub ia: Ia,
    /// The address or prefix.
    pub block: Block,
    /// The second since 1970 that is the last in which it may be used for certain. A client counts from when
    /// an answer comes, and the server from when it decided on it. This counts from when the client asked,
    /// which was before both, in whole seconds as the server does.
    pub until_secs: u64,
}

impl Lease {
    /// Whether it may be used then.
    #[must_use]
    pub fn is_in_force(&self, now: Duration) -> bool {
        self.until_secs >= now.as_secs()
    }
}

/// What an answer changes for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It may use this, for the first time or for longer.
    Granted(Lease),
    /// It may not use this any more.
    Ended(Lease),
    /// It asked to keep this, and has no leave to.
    NotRenewed(Lease),
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is not what the client waits for.
    Ignored,
    /// The client takes the offer, so it has a Request to send.
    Requests,
    /// The client has what it wanted.
    Over,
    /// The server says that it cannot have it.
    Refused,
}

/// What a client sets out to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// To get leases: by four messages, or by two if the server allows it.
    Acquire {
        /// Whether it asks for two.
        rapid_commit: bool,
    },
    /// To know whether its addresses fit the link.
    Confirm,
    /// To keep what it has.
    Renew,
    /// To keep what it has, by whatever server.
    Rebind,
    /// To give back what it has.
    Release,
    /// To say that somebody else uses its addresses.
    Decline,
    /// To get configuration alone.
    Inform,
}

/// What a client waits for an answer to.
#[derive(Debug)]
struct Exchange {
    kind: Kind,
    transaction: u32,
    rapid_commit: bool,
    /// When its message was sent for the first time.
    asked: Option<Duration>,
    /// What the message lists.
    listed: Vec<(Ia, Block)>,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    duid: Vec<u8>,
    ias: Vec<Ia>,
    server: Vec<u8>,
    leases: Vec<Lease>,
    exchange: Option<Exchange>,
}

impl Client {
    /// A client that has nothing and wants these.
    #[must_use]
    pub fn new(duid: Vec<u8>, ias: Vec<Ia>) -> Self {
        Self {
            duid,
            ias,
            server: Vec::new(),
            leases: Vec::new(),
            exchange: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn duid(&self) -> &[u8] {
        &self.duid
    }

    /// Whether it waits for an answer.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.exchange.is_some()
    }

    /// What it may use then.
    pub fn leases(&self, now: Duration) -> impl Iterator<Item = Lease> {
        self.leases
            .iter()
            .copied()
            .filter(move |lease| lease.is_in_force(now))
    }

    /// Sets out to do something; the message is there to be sent.
    pub fn begin(&mut self, intent: Intent, transaction: u32, now: Duration) {
        self.leases.retain(|lease| lease.is_in_force(now));
        let held = || self.leases.iter().map(|lease| (lease.ia, lease.block));
        let addresses = || held().filter(|(ia, _)| ia.kind == IaKind::Na);
        let (kind, listed) = match intent {
            Intent::Acquire { .. } => (Kind::Solicit, Vec::new()),
            Intent::Confirm => (Kind::Confirm, addresses().collect()),
            Intent::Renew => (Kind::Renew, held().collect()),
            Intent::Rebind => (Kind::Rebind, held().collect()),
            Intent::Release => (Kind::Release, held().collect()),
            Intent::Decline => (Kind::Decline, addresses().collect()),
            Intent::Inform => (Kind::InformationRequest, Vec::new()),
        };
        self.exchange = Some(Exchange {
            kind,
            transaction,
            rapid_commit: intent == Intent::Acquire { rapid_commit: true },
            asked: None,
            listed,
        });
    }

    /// Gives up what it waits for.
    pub fn give_up(&mut self) {
        self.exchange = None;
    }

    /// What it waits for an answer to.
    #[must_use]
    pub fn waits_for(&self) -> Option<Kind> {
        self.exchange.as_ref().map(|it| it.kind)
    }

    /// Writes the message that it waits for an answer to, which is about to be sent. Says what the client
    /// may not use any more once it is: what is given back, it may not (RFC 9915 §18.2.7), nor what it declines.
    pub fn send(&mut self, now: Duration, out: &mut Vec<u8>) -> Vec<Lease> {
        let Some(exchange) = &mut self.exchange else {
            out.clear();
            return Vec::new();
        };
        let asked = *exchange.asked.get_or_insert(now);
        let mut writer = Writer::new(out, exchange.kind, exchange.transaction, &self.duid);
        writer.elapsed(now.saturating_sub(asked));
        if exchange.kind.names_server() {
            writer.server(&self.server);
        }
        if exchange.rapid_commit {
            writer.rapid_commit();
        }
        for &ia in &self.ias {
            let listed = exchange.listed.iter().filter(|(of, _)| *of == ia);
            let has_place = match exchange.kind {
                Kind::InformationRequest => false,
                // An IA that lists nothing has no place where leases are what it is about.
                Kind::Confirm | Kind::Release | Kind::Decline => listed.clone().next().is_some(),
                Kind::Solicit | Kind::Request | Kind::Renew | Kind::Rebind => true,
                // Servers say these.
                Kind::Advertise | Kind::Reply => false,
            };
            if has_place {
                writer.ia(ia, listed.map(|(_, block)| *block));
            }
        }
        if matches!(exchange.kind, Kind::Release | Kind::Decline) {
            let given_back = |lease: &mut Lease| exchange.listed.contains(&(lease.ia, lease.block));
            self.leases.extract_if(.., given_back).collect()
        } else {
            Vec::new()
        }
    }

    /// Takes in an answer. If a Request follows, it belongs to the transaction `next`.
    pub fn take(
        &mut self,
        now: Duration,
        answer: &Answer<'_>,
        next: u32,
        changes: &mut Vec<Change>,
    ) -> Step {
        let expected = |exchange: &mut Exchange| {
            let replied = exchange.kind != Kind::Solicit || exchange.rapid_commit;
            answer.client == self.duid
                && exchange.transaction == answer.transaction
                && match answer.is_reply {
                    true => replied && exchange.rapid_commit == answer.rapid_commit,
                    false => exchange.kind == Kind::Solicit,
                }
        };
        let Some(exchange) = self.exchange.take_if(expected) else {
            return Step::Ignored;
        };
        if !answer.is_reply {
            return self.choose(answer, next);
        }
        match exchange.kind {
            Kind::Release | Kind::Decline | Kind::Confirm | Kind::InformationRequest => {
                match answer.refusal() {
                    Some(_) => Step::Refused,
                    None => Step::Over,
                }
            }
            Kind::Solicit
            | Kind::Advertise
            | Kind::Request
            | Kind::Renew
            | Kind::Rebind
            | Kind::Reply => {
                answer.server.clone_into(&mut self.server);
                self.believe(&exchange, now, answer, changes)
            }
        }
    }

    /// Takes what is offered, if anything is.
    fn choose(&mut self, advertise: &Answer<'_>, next: u32) -> Step {
        let offered = advertise
            .leases()
            .filter(|(.., valid_secs)| *valid_secs > 0);
        let listed: Vec<_> = offered.map(|(ia, block, _)| (ia, block)).collect();
        if listed.is_empty() {
            return Step::Refused;
        }
        advertise.server.clone_into(&mut self.server);
        self.exchange = Some(Exchange {
            kind: Kind::Request,
            transaction: next,
            rapid_commit: false,
            asked: None,
            listed,
        });
        Step::Requests
    }

    fn believe(
        &mut self,
        exchange: &Exchange,
        now: Duration,
        reply: &Answer<'_>,
        changes: &mut Vec<Change>,
    ) -> Step {
        let mut step = Step::Refused;
        let asked = exchange.asked.unwrap_or(now).as_secs();
        if matches!(exchange.kind, Kind::Renew | Kind::Rebind) {
            let kept = |lease: &Lease| {
                let mut granted = reply.leases().filter(|(.., valid_secs)| *valid_secs > 0);
                granted.any(|(ia, block, _)| (ia, block) == (lease.ia, lease.block))
            };
            let lost = self.leases.iter().filter(|lease| lease.is_in_force(now));
            changes.extend(lost.filter(|it| !kept(it)).copied().map(Change::NotRenewed));
        }
        for (ia, block, valid_secs) in reply.leases() {
            let lease = Lease {
                ia,
                block,
                until_secs: match valid_secs {
                    // Infinity (RFC 9915 §7.7).
                    u32::MAX => u64::MAX,
                    _ => asked.saturating_add(valid_secs.into()),
                },
            };
            self.leases.retain(|it| (it.ia, it.block) != (ia, block));
            if valid_secs == 0 {
                changes.push(Change::Ended(lease));
            } else {
                step = Step::Over;
                self.leases.push(lease);
                changes.push(Change::Granted(lease));
            }
        }
        step
    }
}
