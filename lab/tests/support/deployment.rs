//! What the files of `docs/deploy` ask of podman: the options of `podman run`, as the documentation of each kind of file
//! says what its keys mean. A key that is not known here is no key of ours.

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value};

/// A container as `podman run` is told of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// The options, each with its value behind a space.
    pub(crate) options: BTreeSet<String>,
    /// The image.
    pub(crate) image: String,
    /// What is behind the image.
    pub(crate) arguments: Vec<String>,
}

/// Those that are switched on and take no value.
const SWITCHES: [&str; 4] = ["--rm", "--read-only", "--detach", "-d"];

impl Deployment {
    fn new(image: &str, arguments: &[&str]) -> Self {
        Self {
            options: BTreeSet::new(),
            image: image.to_owned(),
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    fn add(&mut self, option: &str) {
        self.options.insert(option.to_owned());
    }

    /// A command line.
    pub(crate) fn of_command(line: &str) -> Self {
        let mut words = line.split_whitespace();
        assert_eq!([words.next(), words.next()], [Some("podman"), Some("run")]);
        let mut options = BTreeSet::new();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                let mut this = Self::new(word, &words.collect::<Vec<_>>());
                this.options = options;
                return this;
            }
            let word = if word == "-v" { "--volume" } else { word };
            options.insert(match word.split_once('=') {
                _ if SWITCHES.contains(&word) => word.to_owned(),
                Some((name, value)) => format!("{name} {value}"),
                None => format!("{word} {}", words.next().expect("a value")),
            });
        }
        panic!("no image: {line}");
    }

    /// The command with which the README serves an interface from a container.
    pub(crate) fn of_readme(readme: &str) -> Self {
        let blocks = crate::handbook::blocks(readme);
        let lines = blocks.iter().flat_map(|it| crate::handbook::lines(it.text));
        let mut lines =
            lines.filter(|it| it.starts_with("podman run") && it.contains("--read-only"));
        Self::of_command(&lines.next().expect("the README runs a container"))
    }

    /// A quadlet, by podman-systemd.unit(5), section "Container units".
    pub(crate) fn of_quadlet(text: &str) -> Self {
        let mut this = Self::new("", &[]);
        for (key, value) in section(text, "Container") {
            match key {
                "Image" => value.clone_into(&mut this.image),
                "Exec" => this.arguments = value.split(' ').map(str::to_owned).collect(),
                "ContainerName" => this.add(&format!("--name {value}")),
                "Network" => this.add(&format!("--network {value}")),
                "DropCapability" => this.add(&format!("--cap-drop {value}")),
                "AddCapability" => this.add(&format!("--cap-add {value}")),
                "Volume" => this.add(&format!("--volume {value}")),
                "HealthCmd" => this.add(&format!("--health-cmd {value}")),
                "ReadOnly" if value == "true" => this.add("--read-only"),
                "NoNewPrivileges" if value == "true" => {
                    this.add("--security-opt no-new-privileges");
                }
                // `container` has podman say itself that the container is ready, as soon as the container says so.
                "Notify" if value == "true" => this.add("--sdnotify container"),
                _ => panic!("unknown: {key}={value}"),
            }
        }
        this
    }

    /// The one service of a compose file, by the Compose specification.
    pub(crate) fn of_compose(text: &str) -> Self {
        let file: Value = serde_yaml::from_str(text).expect("YAML");
        let file = file.as_mapping().expect("keys");
        assert_eq!(keys(file), ["services"]);
        assert_eq!(keys(map(&file["services"])), ["dhcp6s"]);
        let mut this = Self::new("", &[]);
        for (key, value) in map(&file["services"]["dhcp6s"]) {
            match key.as_str().expect("a name") {
                "image" => text_of(value).clone_into(&mut this.image),
                "build" => assert_eq!(value, "../..", "where the Containerfile is"),
                "command" => this.arguments = texts(value),
                "network_mode" => this.add(&format!("--network {}", text_of(value))),
                "user" => this.add(&format!("--user {}", text_of(value))),
                "read_only" => assert!(*value == true && this.options.insert("--read-only".into())),
                "cap_drop" => this.capabilities("drop", value),
                "cap_add" => this.capabilities("add", value),
                "security_opt" => {
                    assert_eq!(texts(value), ["no-new-privileges:true"]);
                    this.add("--security-opt no-new-privileges");
                }
                "volumes" => {
                    for volume in texts(value) {
                        let (from, _) = volume.split_once(':').expect("two sides");
                        assert!(from.starts_with('/'), "{volume}");
                        this.add(&format!("--volume {volume}"));
                    }
                }
                "healthcheck" => {
                    let check = map(value);
                    assert_eq!(keys(check), ["test"]);
                    let words = texts(&check["test"]);
                    let (kind, words) = words.split_first().expect("a kind");
                    assert_eq!(kind, "CMD", "there is no shell");
                    this.add(&format!("--health-cmd {}", words.join(" ")));
                }
                "restart" => assert_eq!(value, "unless-stopped"),
                other => panic!("unknown: {other}"),
            }
        }
        this
    }

    /// The one container of a DaemonSet, whose form `kubectl` has looked at.
    pub(crate) fn of_daemon_set(text: &str) -> Self {
        let file: Value = serde_yaml::from_str(text).expect("YAML");
        let pod = &file["spec"]["template"]["spec"];
        let containers = pod["containers"].as_sequence().expect("containers");
        let [container] = &containers[..] else {
            panic!("{} containers", containers.len());
        };
        let mut this = Self::new(text_of(&container["image"]), &[]);
        this.arguments = texts(&container["args"]);
        if pod["hostNetwork"] == true {
            this.add("--network host");
        }
        let rights = &container["securityContext"];
        if rights["readOnlyRootFilesystem"] == true {
            this.add("--read-only");
        }
        if rights["allowPrivilegeEscalation"] == false {
            this.add("--security-opt no-new-privileges");
        }
        let [user, group] = ["runAsUser", "runAsGroup"].map(|it| rights[it].as_u64());
        if let (Some(user), Some(group)) = (user, group) {
            this.add(&format!("--user {user}:{group}"));
        }
        this.capabilities("drop", &rights["capabilities"]["drop"]);
        this.capabilities("add", &rights["capabilities"]["add"]);
        let volumes = pod["volumes"].as_sequence().expect("volumes");
        for mount in container["volumeMounts"].as_sequence().expect("mounts") {
            let volume = volumes.iter().find(|it| it["name"] == mount["name"]);
            let volume = volume.unwrap_or_else(|| panic!("no such volume: {:?}", mount["name"]));
            let path = text_of(&mount["mountPath"]);
            let mode = if mount["readOnly"] == true { ":ro" } else { "" };
            // What a ConfigMap holds lies in files, as in a folder of the machine.
            let from = volume["hostPath"]["path"].as_str().unwrap_or(path);
            this.add(&format!("--volume {from}:{path}{mode}"));
        }
        this
    }

    fn capabilities(&mut self, how: &str, value: &Value) {
        for capability in texts(value) {
            let capability = capability.replace("ALL", "all");
            self.add(&format!("--cap-{how} {capability}"));
        }
    }
}

/// The keys of one section of a unit file, in their order.
pub(crate) fn section<'a>(text: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let header = format!("[{name}]");
    let lines = text.lines().skip_while(|it| *it != header).skip(1);
    let lines = lines.take_while(|it| !it.starts_with('['));
    let lines = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
    let pairs = lines.map(|it| it.split_once('=').expect("a key"));
    let pairs: Vec<_> = pairs.collect();
    assert!(!pairs.is_empty(), "no section {header}");
    pairs
}

fn map(value: &Value) -> &Mapping {
    value.as_mapping().expect("keys")
}

fn keys(map: &Mapping) -> Vec<&str> {
    map.keys().filter_map(Value::as_str).collect()
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn texts(value: &Value) -> Vec<String> {
    let values = value.as_sequence().expect("a list");
    values.iter().map(|it| text_of(it).to_owned()).collect()
}
