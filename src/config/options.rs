//! The `option` statements: what may accompany any answer.
//!
//! Statements of one option are appended in file order. What could not be sent is refused here: a name that
//! has no wire form, and a list that does not fit into one option. The values of a misspelt option are looked
//! at one by one and not held against those of the option that was probably meant.

use super::ast::{
    AddressOption, NameOption, Number, OptionStatement, OptionValue, Statement, Text, Word,
};
use super::diagnostic::{Report, quoted};
use super::model::Options;
use super::resolve::address;
use crate::wire::DomainName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// The most octets of an option's value: its length field has 16 bits (RFC 9915 §21.1).
const OPTION_LEN_MAX: usize = 65_535;
/// The limits of `refreshtime` in seconds (RFC 9915 §21.23: IRT_MINIMUM).
const REFRESH_TIME_SECS_MIN: u64 = 600;

/// What the `option` statements say together.
pub(super) fn resolve(statements: &[Statement], report: &mut Report) -> Options {
    let mut gathered = Gathered {
        report,
        options: Options::default(),
        addresses: BTreeSet::new(),
        texts: BTreeSet::new(),
        names: BTreeSet::new(),
        refresh_time: false,
        lengths: BTreeMap::new(),
    };
    for statement in statements {
        if let Statement::Option(option) = statement {
            gathered.add(option);
        }
    }
    gathered.options
}

struct Gathered<'a> {
    report: &'a mut Report,
    options: Options,
    addresses: BTreeSet<(AddressOption, Ipv6Addr)>,
    texts: BTreeSet<(NameOption, &'a [u8])>,
    names: BTreeSet<(NameOption, Vec<u8>)>,
    /// Whether there was a refresh time.
    refresh_time: bool,
    /// The octets of each option so far.
    lengths: BTreeMap<OptionId, usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum OptionId {
    Addresses(AddressOption),
    Names(NameOption),
}

impl<'a> Gathered<'a> {
    fn add(&mut self, statement: &'a OptionStatement) {
        match &statement.value {
            OptionValue::Addresses(option, words) => {
                for word in words {
                    self.add_address(statement, *option, word);
                }
            }
            OptionValue::Name(option, text) => self.add_name(statement, *option, text),
            OptionValue::RefreshTime(number) => self.set_refresh_time(statement, *number),
        }
    }

    fn add_address(&mut self, statement: &OptionStatement, option: AddressOption, word: &Word) {
        let Some(value) = address(self.report, word) else {
            return;
        };
        if statement.guessed {
            return;
        }
        if !self.addresses.insert((option, value)) {
            let found = format!("`{}` has {value} already", statement.keyword);
            self.report.error(word.span, found, "remove one of the two");
            return;
        }
        self.grow(
            statement,
            OptionId::Addresses(option),
            size_of::<Ipv6Addr>(),
        );
        let list = match option {
            AddressOption::Dns => &mut self.options.dns_servers,
            AddressOption::Ntp => &mut self.options.ntp_servers,
            AddressOption::Sip => &mut self.options.sip_addresses,
            AddressOption::Nis => &mut self.options.nis_servers,
            AddressOption::Nisp => &mut self.options.nisp_servers,
            AddressOption::Bcmcs => &mut self.options.bcmcs_addresses,
        };
        list.push(value);
    }

    fn add_name(&mut self, statement: &OptionStatement, option: NameOption, text: &'a Text) {
        let shown = quoted(&text.octets);
        if !statement.guessed && !self.texts.insert((option, text.octets.as_slice())) {
            let found = format!("`{}` has {shown} already", statement.keyword);
            self.report.error(text.span, found, "remove one of the two");
            return;
        }
        if text.octets.is_empty() {
            let found = format!("`{}` is without a name", statement.keyword);
            self.report
                .warning(text.span, found, "the statement adds nothing");
            return;
        }
        let name = match DomainName::encode(&String::from_utf8_lossy(&text.octets)) {
            Ok(name) => name,
            Err(error) => {
                let found = format!("{shown} is not a domain name: {error}");
                self.report
                    .error(text.span, found, "write labels joined by dots");
                return;
            }
        };
        if statement.guessed {
            return;
        }
        if !self.names.insert((option, name.as_bytes().to_vec())) {
            let found = format!(
                "`{}` has {shown} already in another spelling",
                statement.keyword
            );
            self.report.warning(text.span, found, "it is sent once");
            return;
        }
        self.grow(statement, OptionId::Names(option), name.as_bytes().len());
        let list = match option {
            NameOption::Domain => &mut self.options.domain_list,
            NameOption::Sip => &mut self.options.sip_names,
            NameOption::Bcmcs => &mut self.options.bcmcs_names,
            NameOption::Nis => &mut self.options.nis_domains,
            NameOption::Nisp => &mut self.options.nisp_domains,
        };
        list.push(name);
    }

    /// Counts the octets of an option and reports the statement that makes it too long.
    fn grow(&mut self, statement: &OptionStatement, option: OptionId, octets: usize) {
        let length = self.lengths.entry(option).or_default();
        let before = *length;
        *length += octets;
        if before <= OPTION_LEN_MAX && *length > OPTION_LEN_MAX {
            let found = format!(
                "`{}` is longer than {OPTION_LEN_MAX} octets",
                statement.keyword
            );
            self.report
                .error(statement.span, found, "remove some of its values");
        }
    }

    fn set_refresh_time(&mut self, statement: &OptionStatement, number: Number) {
        if !statement.guessed && std::mem::replace(&mut self.refresh_time, true) {
            let found = "`refreshtime` is given again";
            self.report
                .warning(statement.span, found, "the first one counts");
            return;
        }
        if number.value < REFRESH_TIME_SECS_MIN {
            let found = format!("a refresh time of {} is too short", number.value);
            let remedy = format!("write at least {REFRESH_TIME_SECS_MIN}");
            self.report.error(number.span, found, remedy);
            return;
        }
        let Ok(secs) = u32::try_from(number.value) else {
            let found = format!("a refresh time of {} is too long", number.value);
            self.report
                .error(number.span, found, format!("write at most {}", u32::MAX));
            return;
        };
        if !statement.guessed {
            self.options.refresh_time_secs = Some(secs);
        }
    }
}
