//! The command line: what the operator asks for, and every default path.
//!
//! The options are those of the original server, clustered and in any order, so that its start scripts work
//! unchanged; long names are our own. Where they differ from it: a usage error exits with 1, not 0; and a
//! relative path is relative to the directory that the server is started in, whether it detaches or not.
//!
//! Not here: what the files hold (`config`, `identity`) and how loud each level is (`logging`).

use crate::config::{self, Config};
use crate::logging::Verbosity;
use crate::unconfigured::{PoolWish, PrefixWish};
use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory as _, Parser};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const CONFIG_FILE: &str = "/etc/wide-dhcpv6/dhcp6s.conf";
const CONTROL_KEY_FILE: &str = "/etc/wide-dhcpv6/dhcp6sctlkey";
const CONTROL_PORT: &str = "5547";
const PID_FILE: &str = "/var/run/dhcp6s.pid";
const DUID_FILE: &str = "/var/lib/dhcpv6/dhcp6s_duid";
/// Each interface has a directory of its own here, for each is served by a process of its own.
const LEASES: &str = "/var/lib/dhcpv6/leases";

const ABOUT: &str = "A DHCPv6 server: addresses, delegated prefixes and options.";

const EXAMPLES: &str = "\
Examples:
  dhcp6s eth0                        serve eth0 in the background, log to syslog
  dhcp6s -f -d eth0                  stay in the foreground and say what happens
  dhcp6s --pool auto eth0            give addresses from the /64 of eth0, without a configuration
  dhcp6s --check --pool auto eth0    say what that does, and how it is written as a configuration
  dhcp6s --check -c ./test.conf      say what is wrong with a configuration, and what it does
  dhcp6s -fD -c ./test.conf eth0     try a configuration, with every detail
  dhcp6s -fd --leases memory eth0    keep no leases over a restart
  dhcp6s --wait eth0 eth1            serve two links, and wait for those that are not there yet

Files:
  dhcp6s.conf    what clients get. With this much, clients get addresses and a DNS server:
                   interface eth0 { address-pool lan 3600 7200; };
                   pool lan { range 2001:db8:1::1000 to 2001:db8:1::1fff; };
                   option domain-name-servers 2001:db8::53;
                 Without the file, clients get the DNS servers and search domains of
                 /etc/resolv.conf, and what --pool and --pd say.
  dhcp6s_duid    the name that clients know the server by. Created at the first start; keep it, and
                 dhcp6s_secret beside it, when the server moves.
  leases/eth0    what was promised to clients on eth0. Nothing is promised before it is there. With
                 --leases DIR it is in DIR, or in DIR/eth0 where several interfaces are served.
  dhcp6sctlkey   the key shared with dhcp6ctl: a secret in base64 on the first line. Without it
                 nobody can command the server, and it opens no port.
                   (umask 077; head -c 16 /dev/urandom | base64 >/etc/wide-dhcpv6/dhcp6sctlkey)
  dhcp6s.pid     the number of the running process.

Signals:
  TERM, INT      end at once; leases stay valid, and the next start knows them.
  HUP            read the configuration again; with a mistake in it, the old one stays in force. A
                 failure is always logged, success with -d.

Links:
  An interface that exists and cannot be served yet is waited for: down, without carrier, without a
  link-local address, or with one that is being checked or belongs to another host. The log says
  for what, and so does `dhcp6ctl health`. One that does not exist ends the start, unless --wait is
  given; later it is waited for in any case. In the background the command returns when the server
  runs, or with --wait-ready when clients can be answered on every interface.

Several interfaces have the configuration in common, and nothing else: each has leases of its own,
so they must not share a pool.

Exit status: 0 when the server was told to end or runs in the background; 1 when it could not start
or had to give up, with the reason on standard error or in the log. With --check, 1 if the
configuration has mistakes, 0 if it has warnings at most.";

/// What the operator asks for.
#[derive(Parser, Clone, PartialEq, Eq, Debug)]
#[command(name = "dhcp6s", version, about = ABOUT, after_help = EXAMPLES)]
#[command(args_override_self = true, max_term_width = 100)]
pub struct Arguments {
    /// The configuration [default: /etc/wide-dhcpv6/dhcp6s.conf, if it exists].
    #[arg(short = 'c', value_name = "FILE")]
    pub config: Option<String>,

    /// Without a configuration: addresses for clients, `auto` to give them from a /64 of each interface.
    #[arg(long, value_name = "auto|FIRST-LAST")]
    pub pool: Option<PoolWish>,

    /// Without a configuration: prefixes for clients, each a part of that one. Each is a /56, or a /64 if
    /// PREFIX is longer than /52, or as long as the number behind the comma says.
    #[arg(long, value_name = "PREFIX/LENGTH[,LENGTH]")]
    pub pd: Option<PrefixWish>,

    /// Log what happens, not only warnings and errors.
    #[arg(short = 'd', overrides_with = "debug")]
    info: bool,

    /// Log every detail. The last of -d and -D counts.
    #[arg(short = 'D', overrides_with = "info")]
    debug: bool,

    /// Stay in the foreground and log to standard error: without -d or -D, only warnings and errors.
    #[arg(short = 'f')]
    pub foreground: bool,

    /// The key of the control channel, which dhcp6ctl has to have too.
    #[arg(short = 'k', value_name = "FILE", default_value = CONTROL_KEY_FILE)]
    pub control_key: PathBuf,

    /// The TCP port of the control channel on ::1, by number or name; 0 lets the system choose.
    #[arg(short = 'p', value_name = "PORT", default_value = CONTROL_PORT)]
    pub control_port: String,

    /// Where the process writes its number.
    #[arg(short = 'P', value_name = "FILE", default_value = PID_FILE)]
    pub pid_file: PathBuf,

    /// A DNS server to announce. Obsolete: write `option domain-name-servers` instead.
    #[arg(short = 'n', value_name = "ADDRESS")]
    pub dns_servers: Vec<Ipv6Addr>,

    /// The directory that leases are kept in, or `memory` to forget them at the end [default:
    /// /var/lib/dhcpv6/leases/INTERFACE].
    #[arg(long, value_name = "DIR|memory", value_parser = leases)]
    leases: Option<Leases>,

    /// The server's DUID.
    #[arg(long, value_name = "FILE", default_value = DUID_FILE)]
    pub duid: PathBuf,

    /// Check the configuration, say what the server would do with it, and end. Needs no privileges.
    #[arg(long)]
    pub check: bool,

    /// Wait for an interface that does not exist, instead of failing.
    #[arg(long)]
    pub wait: bool,

    /// Go to the background only once clients can be answered on every interface.
    #[arg(long, conflicts_with_all = ["foreground", "check"])]
    pub wait_ready: bool,

    /// The interfaces to serve, each on its own; with --check, those to tell about instead of all.
    // None with `check` alone; everything else is given one at least.
    #[arg(value_name = "INTERFACE", required_unless_present = "check", value_parser = interface)]
    pub interfaces: Vec<String>,
}

/// Where leases are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Leases {
    /// In this directory.
    Directory(PathBuf),
    /// In the process alone.
    Memory,
}

impl Leases {
    /// The directory, if there is one.
    #[must_use]
    pub fn directory(self) -> Option<PathBuf> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Memory => None,
        }
    }
}

/// DNS servers stand both on the command line and in the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("-n and `option domain-name-servers` both name DNS servers; remove -n")]
pub struct DnsServersTwice;

/// The octets of the longest name that an interface can have, an alternative one.
const INTERFACE_LEN_MAX: usize = 127;

fn interface(text: &str) -> Result<String, String> {
    let strange = |it: char| it == '/' || it.is_whitespace() || it.is_control();
    if matches!(text, "" | "." | "..") || text.contains(strange) || text.len() > INTERFACE_LEN_MAX {
        let advice = "no interface can have that name; `ip link` shows those that there are";
        return Err(advice.to_owned());
    }
    Ok(text.to_owned())
}

fn leases(text: &str) -> Result<Leases, String> {
    const MEMORY: &str = "memory";
    if text == MEMORY {
        return Ok(Leases::Memory);
    }
    let close = config::nearest(&text.to_ascii_lowercase(), [MEMORY]).is_some();
    if close && !text.contains('/') {
        return Err(format!(
            "did you mean `{MEMORY}`? Write `./{text}` for a directory"
        ));
    }
    Ok(Leases::Directory(text.into()))
}

impl Arguments {
    /// Reads a command line, the program name first.
    ///
    /// # Errors
    /// The exit status, once what there is to say has been printed: help and version succeed.
    pub fn read<T: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = T>,
    ) -> Result<Self, ExitCode> {
        Self::parsed(words).map_err(|error| {
            // Nobody is left to be told that the terminal is gone.
            drop(error.print());
            if error.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            }
        })
    }

    fn parsed<T: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        let arguments = Self::try_parse_from(words).map_err(|mut error| {
            // No value begins with `-`: advice on how to write one that does leads astray.
            error.remove(ContextKind::Suggested);
            error
        })?;
        match arguments.named_twice() {
            None => Ok(arguments),
            Some(name) => Err(Self::command().error(
                ErrorKind::ArgumentConflict,
                format!("the interface {name} is named twice; name each once"),
            )),
        }
    }

    fn named_twice(&self) -> Option<&str> {
        let mut seen = BTreeSet::new();
        let mut names = self.interfaces.iter().map(String::as_str);
        names.find(|name| !seen.insert(*name))
    }

    /// Where the leases of one of the interfaces are kept: where the operator says, or in a directory for this
    /// interface alone.
    #[must_use]
    pub fn leases(&self, interface: &str) -> Leases {
        match &self.leases {
            None => Leases::Directory(Path::new(LEASES).join(interface)),
            Some(Leases::Directory(directory)) if self.interfaces.len() > 1 => {
                Leases::Directory(directory.join(interface))
            }
            Some(told) => told.clone(),
        }
    }

    /// The directory that the operator names for leases, that of all interfaces.
    #[must_use]
    pub fn lease_directory(&self) -> Option<&Path> {
        match &self.leases {
            Some(Leases::Directory(directory)) => Some(directory),
            Some(Leases::Memory) | None => None,
        }
    }

    /// How much is logged.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        match (self.info, self.debug) {
            (_, true) => Verbosity::Debug,
            (true, false) => Verbosity::Info,
            (false, false) => Verbosity::Warnings,
        }
    }

    /// The configuration, whether it exists or not.
    #[must_use]
    pub fn config_file(&self) -> &str {
        self.config.as_deref().unwrap_or(CONFIG_FILE)
    }

    /// What is asked for in place of a configuration, as it is written; empty if nothing is.
    #[must_use]
    pub fn wishes(&self) -> String {
        let pool = self.pool.map(|it| format!("--pool {it}"));
        let pd = self.pd.map(|it| format!("--pd {it}"));
        let wishes: Vec<_> = pool.into_iter().chain(pd).collect();
        wishes.join(" and ")
    }

    /// What about the command line the operator should change although it works.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        (!self.dns_servers.is_empty())
            .then_some("-n is obsoleted; write `option domain-name-servers` in the configuration")
    }

    /// Makes the paths hold whatever the working directory is, for use before it changes.
    ///
    /// # Errors
    /// The working directory cannot be found out.
    pub fn make_absolute(&mut self) -> io::Result<()> {
        if let Some(config) = &mut self.config {
            let absolute = std::path::absolute(&*config)?;
            // Only the working directory can be other than UTF-8; the relative path is the better name then.
            if let Ok(absolute) = absolute.into_os_string().into_string() {
                *config = absolute;
            }
        }
        let mut paths = vec![&mut self.control_key, &mut self.pid_file, &mut self.duid];
        if let Some(Leases::Directory(directory)) = &mut self.leases {
            paths.push(directory);
        }
        for path in paths {
            *path = std::path::absolute(&*path)?;
        }
        Ok(())
    }

    /// Adds the DNS servers of the command line to a configuration, each once.
    ///
    /// # Errors
    /// The configuration has some already.
    pub fn add_dns_servers(&self, config: &mut Config) -> Result<(), DnsServersTwice> {
        let servers = &mut config.options.dns_servers;
        if !self.dns_servers.is_empty() && !servers.is_empty() {
            return Err(DnsServersTwice);
        }
        for address in &self.dns_servers {
            if !servers.contains(address) {
                servers.push(*address);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("dhcp6s").chain(words.split_whitespace()))
    }

    #[test]
    fn the_defaults_are_those_of_the_original_server() {
        let arguments = parse("eth0").expect("arguments");
        assert_eq!(arguments.config_file(), "/etc/wide-dhcpv6/dhcp6s.conf");
        assert_eq!(
            (arguments.config.as_deref(), arguments.wishes()),
            (None, String::new())
        );
        assert_eq!(
            arguments.control_key,
            PathBuf::from("/etc/wide-dhcpv6/dhcp6sctlkey")
        );
        assert_eq!(arguments.control_port, "5547");
        assert_eq!(arguments.pid_file, PathBuf::from("/var/run/dhcp6s.pid"));
        assert_eq!(arguments.duid, PathBuf::from("/var/lib/dhcpv6/dhcp6s_duid"));
        assert_eq!(
            arguments.leases("eth0"),
            Leases::Directory("/var/lib/dhcpv6/leases/eth0".into())
        );
        assert_eq!(arguments.verbosity(), Verbosity::Warnings);
        assert!(!arguments.foreground);
        assert_eq!(arguments.interfaces, ["eth0"]);
        assert_eq!(arguments.warning(), None);
    }

    #[test]
    fn the_line_of_the_start_script_is_understood() {
        let arguments =
            parse("-D -k /dev/null -P /var/run/dhcp6s.eth0.pid eth0").expect("arguments");
        assert_eq!(arguments.verbosity(), Verbosity::Debug);
        assert_eq!(arguments.control_key, PathBuf::from("/dev/null"));
        assert_eq!(
            arguments.pid_file,
            PathBuf::from("/var/run/dhcp6s.eth0.pid")
        );
    }

    #[test]
    fn options_cluster_and_may_follow_the_interface() {
        let arguments = parse("-fdD eth0 -c./x -p 0 -ff").expect("arguments");
        assert!(arguments.foreground);
        assert_eq!(arguments.verbosity(), Verbosity::Debug);
        assert_eq!(arguments.config_file(), "./x");
        assert_eq!(arguments.control_port, "0");
        assert_eq!(parse("-f -- -c").expect("arguments").interfaces, ["-c"]);
    }

    #[test]
    fn of_two_the_last_one_counts() {
        assert_eq!(
            parse("-D -d e").expect("arguments").verbosity(),
            Verbosity::Info
        );
        assert_eq!(
            parse("-dDdDD e").expect("arguments").verbosity(),
            Verbosity::Debug
        );
        let config = parse("-c a -c b e").expect("arguments").config;
        assert_eq!(config.as_deref(), Some("b"));
    }

    #[test]
    fn leases_are_kept_in_a_directory_or_in_memory() {
        assert_eq!(
            parse("--leases memory e").expect("arguments").leases("e"),
            Leases::Memory
        );
        assert_eq!(
            parse("--leases ./memory e").expect("arguments").leases("e"),
            Leases::Directory("./memory".into())
        );
    }

    #[test]
    fn every_interface_has_its_own_leases_unless_the_operator_says_where() {
        let of = |words: &str, name| parse(words).expect("arguments").leases(name);
        let directory = |path: &str| Leases::Directory(path.into());
        assert_ne!(of("eth0 eth1", "eth0"), of("eth0 eth1", "eth1"));
        assert_eq!(of("--leases /l eth0", "eth0"), directory("/l"));
        assert_eq!(of("--leases /l eth1", "eth1"), directory("/l"));
        let several = "--leases /l eth0 eth1";
        assert_eq!(of(several, "eth0"), directory("/l/eth0"));
        assert_eq!(of(several, "eth1"), directory("/l/eth1"));
        assert_eq!(of("--leases memory a b", "b"), Leases::Memory);
    }

    #[test]
    fn a_misspelt_memory_is_not_a_directory() {
        for wrong in ["memroy", "Memory", "memor", "MEMORY"] {
            let error = parse(&format!("--leases {wrong} e")).expect_err("a usage error");
            let advice = format!("did you mean `memory`? Write `./{wrong}` for a directory");
            assert!(error.to_string().contains(&advice), "{error}");
            parse(&format!("--leases ./{wrong} e")).expect("a directory");
        }
        parse("--leases leases e").expect("a directory");
    }

    #[test]
    fn a_usage_error_leads_nobody_astray() {
        let said = |words: &str| {
            let words = std::iter::once("dhcp6s").chain(words.split_whitespace());
            Arguments::parsed(words)
                .expect_err("a usage error")
                .to_string()
        };
        let unknown = said("-z eth0");
        assert!(
            unknown.contains("'-z'") && !unknown.contains("tip"),
            "{unknown}"
        );
    }

    #[test]
    fn what_cannot_be_meant_is_a_usage_error() {
        let contradictory = ["-f --wait-ready a", "--check --wait-ready a", "-f"];
        for wrong in ["", "-x a", "a -c", "a -p", "-n 192.0.2.1 a", "a/b", ".."]
            .into_iter()
            .chain(contradictory)
        {
            let error = parse(wrong).expect_err("a usage error");
            assert!(error.use_stderr(), "{wrong}");
        }
        for help in ["--help", "-h", "--version"] {
            assert!(!parse(help).expect_err("text").use_stderr(), "{help}");
        }
    }

    #[test]
    fn only_a_check_needs_no_interface() {
        let arguments = parse("--check -c x").expect("arguments");
        assert!(arguments.check && arguments.interfaces.is_empty());
        let arguments = parse("--check eth0 eth1").expect("arguments");
        assert_eq!(arguments.interfaces, ["eth0", "eth1"]);
        assert!(!parse("eth0").expect("arguments").check);
    }

    #[test]
    fn several_interfaces_are_named_each_once() {
        let read = |words: &str| Arguments::parsed(words.split(' '));
        let arguments = read("dhcp6s b -f a").expect("arguments");
        assert_eq!(arguments.interfaces, ["b", "a"]);
        let error = read("dhcp6s a b a").expect_err("a usage error").to_string();
        assert!(error.contains("the interface a is named twice"), "{error}");
    }

    #[test]
    fn waiting_is_asked_for() {
        let arguments = parse("--wait --wait-ready a").expect("arguments");
        assert!(arguments.wait && arguments.wait_ready);
        let arguments = parse("-f --wait a").expect("arguments");
        assert!(arguments.wait && !arguments.wait_ready);
    }

    #[test]
    fn dns_servers_of_the_command_line_are_added_once_and_never_mixed() {
        let arguments = parse("-n ::1 -n ::2 -n ::1 eth0").expect("arguments");
        assert!(arguments.warning().is_some());
        let mut config = Config::default();
        assert_eq!(arguments.add_dns_servers(&mut config), Ok(()));
        assert_eq!(config.options.dns_servers.len(), 2);
        assert_eq!(arguments.add_dns_servers(&mut config), Err(DnsServersTwice));
        let plain = parse("eth0").expect("arguments");
        assert_eq!(plain.add_dns_servers(&mut config), Ok(()));
    }

    #[test]
    fn what_to_give_is_said_in_place_of_a_configuration() {
        let arguments = parse("--pool auto --pd 2001:db8:8000::/36 a b").expect("arguments");
        assert_eq!(arguments.pool, Some(PoolWish::Auto));
        assert_eq!(
            arguments.wishes(),
            "--pool auto and --pd 2001:db8:8000::/36,56"
        );
        let error = parse("--pd fe80::/64 a")
            .expect_err("a usage error")
            .to_string();
        assert!(error.contains("neither a global nor"), "{error}");
    }

    #[test]
    fn absolute_paths_stay_as_they_are() {
        let mut arguments = parse("-c a -P /b eth0").expect("arguments");
        arguments.make_absolute().expect("a working directory");
        let config = arguments.config_file();
        assert!(config.starts_with('/') && config.ends_with("/a"));
        assert_eq!(arguments.pid_file, PathBuf::from("/b"));
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
        let help = Arguments::command().render_long_help().to_string();
        assert!(help.contains("Examples:") && help.contains("Signals:"));
        assert!(help.contains(&format!("{LEASES}/INTERFACE")));
        assert!(
            help.contains(&format!("[default: {CONFIG_FILE}, if it exists]")),
            "{help}"
        );
        assert!(EXAMPLES.lines().all(|line| line.len() <= 100));
    }
}
