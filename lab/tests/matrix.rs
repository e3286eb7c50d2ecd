//! Ours and other servers: a part of the scenarios is played with each that is installed. Ours passes, and whatever one
//! of the others does wrong has its cause in `lab/peers.yaml`. The whole is `cargo lab matrix`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dhcp6lab::matrix::{Server, Verdicts, survey};
use dhcp6lab::peer;
use dhcp6lab::rig::product::Product;
use dhcp6lab::rig::server::Program;
use dhcp6lab::scenario::Scenario;
use dhcp6lab::suite;

#[path = "support/server.rs"]
mod server;
mod support;

/// One of so many scenarios of each topic is played, beginning with the first.
const PART: usize = 3;
/// How many at the same time.
const JOBS: usize = 4;

fn scenarios() -> Vec<(PathBuf, Scenario)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut topics: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in suite::scenarios(&root).expect("readable scenarios") {
        let topic = path.parent().expect("a folder").to_owned();
        topics.entry(topic).or_default().push(path);
    }
    let part = topics
        .into_values()
        .flat_map(|paths| paths.into_iter().step_by(PART));
    let load = |path: PathBuf| {
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        (path, scenario)
    };
    part.map(load).collect()
}

#[test]
fn what_other_servers_do_wrong_is_explained() {
    if !support::can_run(&[]) {
        return;
    }
    let others = Product::ALL.into_iter().filter(|it| *it != Product::Dhcp6s);
    let ours = (
        Server::new(Product::Dhcp6s, None),
        Program::Binary(server::path()),
    );
    let others = others.filter_map(|product| match peer::installed(product) {
        Ok(program) => Some((Server::new(product, None), program)),
        Err(missing) => {
            support::has(Err(missing));
            None
        }
    });
    let servers: Vec<(Server, Program)> = std::iter::once(ours).chain(others).collect();
    let verdicts = Verdicts::known().unwrap_or_else(|error| panic!("{error}"));
    let matrix = survey(&scenarios(), &servers, &verdicts, JOBS, || ());
    let unexplained: Vec<String> = matrix
        .unexplained()
        .into_iter()
        .map(|(scenario, product, failures)| {
            format!(
                "{} in {scenario}:\n    {}",
                product.word(),
                failures.join("\n    ")
            )
        })
        .collect();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    let stale = verdicts.stale(&matrix, false);
    assert!(stale.is_empty(), "lab/peers.yaml: {}", stale.join("\n"));
}

#[test]
fn any_command_line_that_reads_our_language_is_a_server() {
    if !support::can_run(&[]) {
        return;
    }
    let text = "\
why: It is a test.
rfc: [\"9915 §18.3.2\"]
config: |
  interface eth0 { address-pool lan 3600 7200; };
  pool lan { range 2001:db8:1::10 to 2001:db8:1::10; };
clients: { first: {}, second: {} }
steps:
  - exchange: { from: first, ia_na: { iaid: 1 } }
  - crash: server
  - reload:
      config: |
        interface eth0 { address-pool lan 600 1200; };
        pool lan { range 2001:db8:1::10 to 2001:db8:1::10; };
  - send: { from: first, renew: { ia_na: { iaid: 1 } } }
  - expect: { reply: { ia_na: { iaid: 1, leases: { lease: \"2001:db8:1::10\", valid: 1200 } } } }
";
    let scenario =
        Scenario::parse(Path::new("a.yaml"), text).unwrap_or_else(|error| panic!("{error}"));
    let program = server::path();
    let program = program.display();
    let line =
        format!("{program} -f -c {{config}} --duid {{duid}} --leases {{leases}} {{interface}}");
    assert_eq!(peer::obstacle(&scenario, Product::Command), None);
    let played =
        peer::play(&scenario, Program::Command(line)).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        played.failures.is_empty(),
        "{:?}\n{}",
        played.failures,
        played.text()
    );
}
