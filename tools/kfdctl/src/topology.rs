//! `kfdctl topology`: what clients see of the machine, read as a runtime reads it, from the files of the topology.
//!
//! The files are those that a daemon has written into its run directory, or, for a profile, those that it would write.
//! Their names and units are amdkfd's (kfd_topology.c).

use crate::cli::{Topology, run_dir};
use crate::listing::{Column, plain, table};
use crate::output;
use anyhow::{Context, bail};
use kfdd::Config;
use kfdd::control::{Control, Reply, Request};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

/// Where the nodes are, below a run directory.
const NODES: &str = "sys/devices/virtual/kfd/kfd/topology/nodes";

/// HSA_IOLINK_TYPE_XGMI (linux/kfd_sysfs.h); the other kind there is is PCIe.
const XGMI: u64 = 11;

const COLUMNS: &[Column] = &[
    plain("NODE", "/node"),
    plain("KIND", "/kind"),
    plain("TARGET", "/target"),
    plain("NAME", "/name"),
    plain("GPU", "/gpu"),
    plain("MEMORY", "/memory"),
    plain("CORES", "/cores"),
    plain("CUS", "/cus"),
    plain("RENDER", "/render"),
    plain("LINKS", "/to"),
];

#[derive(Debug, Serialize)]
struct Machine {
    /// The name of its profile.
    profile: String,
    /// How many of its nodes are devices.
    gpus: usize,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Cpu,
    Gpu,
}

#[derive(Debug, Serialize)]
struct Node {
    node: u64,
    kind: Kind,
    /// What compilers call its instruction set.
    target: Option<String>,
    name: Option<String>,
    /// The id that ioctls use.
    gpu: Option<u64>,
    memory_bytes: u64,
    cores: Option<u64>,
    cus: Option<u64>,
    /// Its render node.
    render: Option<String>,
    links: Vec<Link>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum LinkKind {
    Pcie,
    Xgmi,
    /// Over PCIe, by way of the CPU.
    P2p,
}

#[derive(Debug, Serialize)]
struct Link {
    to: u64,
    kind: LinkKind,
    weight: u64,
    /// Both in MB/s; 0 is unknown.
    min_bandwidth: u64,
    max_bandwidth: u64,
}

/// `kfdctl topology`.
///
/// # Errors
/// No daemon answers, there is no such profile, or its files are not there to be read.
pub fn topology(asked: &Topology) -> anyhow::Result<ExitCode> {
    let machine = match &asked.profile {
        Some(profile) => {
            let (profile, interface) = (profile.clone(), asked.interface);
            let config = Config { profile, gpus: asked.gpus, interface, ..Config::default() };
            let profile = config.machine()?;
            let tree = kfdd::sysfs::tree(&profile);
            Machine::read(profile.name, |path| tree.text(path).map(str::to_owned))?
        }
        None => {
            let run = run_dir(asked.run_dir.as_ref());
            let version = Control::of(&run).ask(&Request::Version).context(
                "nobody to ask what clients see (with --profile NAME they would see that profile's machine)",
            )?;
            let Reply::Version { profile, .. } = version else {
                bail!("the daemon in {} does not say who it is; is it of another version?", run.display())
            };
            Machine::read(profile, |path| std::fs::read_to_string(run.join(path)).ok())
                .with_context(|| format!("the topology in {}", run.display()))?
        }
    };
    output::print(&if asked.json { serde_json::to_string(&machine)? + "\n" } else { machine.table()? })?;
    Ok(ExitCode::SUCCESS)
}

impl Machine {
    /// Reads the nodes; `text` answers a file's text by its path below the run directory.
    fn read(profile: String, text: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let mut nodes = Vec::new();
        while let Some(gpu) = text(&format!("{NODES}/{}/gpu_id", nodes.len())) {
            let number = nodes.len();
            nodes.push(Node::read(number, &gpu, &text).with_context(|| format!("node {number}"))?);
        }
        if nodes.is_empty() {
            bail!("there are no nodes in {NODES}");
        }
        Ok(Self { profile, gpus: nodes.iter().filter(|node| node.kind == Kind::Gpu).count(), nodes })
    }

    fn table(&self) -> anyhow::Result<String> {
        let mut rows = Vec::new();
        for node in &self.nodes {
            let mut row = serde_json::to_value(node)?;
            row["memory"] = amount(node.memory_bytes).into();
            row["to"] = node.to().into();
            rows.push(row);
        }
        let devices = if self.gpus == 1 { "device" } else { "devices" };
        Ok(format!("{}: {} {devices}\n\n{}", self.profile, self.gpus, table(COLUMNS, &rows)))
    }
}

impl Node {
    fn read(number: usize, gpu: &str, text: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let home = format!("{NODES}/{number}");
        let file = |name: &str| text(&format!("{home}/{name}")).with_context(|| format!("no file {name}"));
        let properties = Properties::of(&file("properties")?);
        let gpu: u64 = gpu.trim().parse().context("gpu_id is no number")?;
        let device = (gpu != 0).then_some(gpu);
        let mut links = Vec::new();
        for (folder, across) in [("io_links", None), ("p2p_links", Some(LinkKind::P2p))] {
            let found = (0..).map_while(|link| text(&format!("{home}/{folder}/{link}/properties")));
            links.extend(found.map(|text| Link::of(&Properties::of(&text), across)));
        }
        links.sort_by_key(|link| (link.kind, link.to));
        let (simds, per_cu) = (properties.get("simd_count"), properties.get("simd_per_cu"));
        Ok(Self {
            node: number as u64,
            kind: if device.is_some() { Kind::Gpu } else { Kind::Cpu },
            target: device.map(|_| target(properties.get("gfx_target_version"))),
            name: Some(file("name")?.trim().to_owned()).filter(|name| !name.is_empty()),
            gpu: device,
            memory_bytes: Properties::of(&file("mem_banks/0/properties")?).get("size_in_bytes"),
            cores: device.is_none().then(|| properties.get("cpu_cores_count")),
            cus: device.and_then(|_| simds.checked_div(per_cu)),
            render: device.map(|_| format!("renderD{}", properties.get("drm_render_minor"))),
            links,
        })
    }

    /// Its links in a few words: the nodes at their other ends, by kind.
    fn to(&self) -> Option<String> {
        let mut ends: BTreeMap<LinkKind, Vec<u64>> = BTreeMap::new();
        for link in &self.links {
            ends.entry(link.kind).or_default().push(link.to);
        }
        let words = ends.iter().map(|(kind, ends)| {
            let kind = match kind {
                LinkKind::Pcie => "pcie",
                LinkKind::Xgmi => "xgmi",
                LinkKind::P2p => "p2p",
            };
            format!("{kind} {}", ranges(ends))
        });
        Some(words.collect::<Vec<_>>().join("  ")).filter(|words| !words.is_empty())
    }
}

impl Link {
    fn of(properties: &Properties, across: Option<LinkKind>) -> Self {
        let own = if properties.get("type") == XGMI { LinkKind::Xgmi } else { LinkKind::Pcie };
        Self {
            to: properties.get("node_to"),
            kind: across.unwrap_or(own),
            weight: properties.get("weight"),
            min_bandwidth: properties.get("min_bandwidth"),
            max_bandwidth: properties.get("max_bandwidth"),
        }
    }
}

/// A file of the topology with a name and a number in each line. One that is not there is 0, as runtimes take it.
struct Properties(BTreeMap<String, u64>);

impl Properties {
    fn of(text: &str) -> Self {
        let pair = |line: &str| {
            let (name, number) = line.split_once(' ')?;
            Some((name.to_owned(), number.trim().parse().ok()?))
        };
        Self(text.lines().filter_map(pair).collect())
    }

    fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// The instruction set of a `gfx_target_version`: 90010 is gfx90a (the stepping is a hexadecimal digit).
fn target(version: u64) -> String {
    format!("gfx{}{}{:x}", version / 10_000, version / 100 % 100, version % 100)
}

/// Bytes as a person reads them.
fn amount(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1024.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

/// Ascending numbers, those in a row as `first-last`.
fn ranges(numbers: &[u64]) -> String {
    let mut text = String::new();
    let mut rest = numbers;
    while let [first, ..] = rest {
        let run = rest.iter().zip(*first..).take_while(|(number, next)| *number == next).count();
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = match run {
            1 => write!(text, "{comma}{first}"),
            _ => write!(text, "{comma}{first}-{}", rest[run - 1]),
        };
        rest = &rest[run..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(profile: &str, gpus: u32) -> Machine {
        let config = Config { profile: profile.to_owned(), gpus: Some(gpus), ..Config::default() };
        let tree = kfdd::sysfs::tree(&config.machine().expect("compiled in"));
        Machine::read(profile.to_owned(), |path| tree.text(path).map(str::to_owned)).expect("a topology")
    }

    #[test]
    fn a_target_is_spelled_as_compilers_spell_it() {
        let spelled = [90000, 90010, 90402, 110_000, 120_001].map(target);
        assert_eq!(spelled, ["gfx900", "gfx90a", "gfx942", "gfx1100", "gfx1201"]);
    }

    #[test]
    fn numbers_in_a_row_are_a_range() {
        assert_eq!(ranges(&[0]), "0");
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3,5,7-8");
        assert_eq!(ranges(&[]), "");
    }

    // Keeps: topology
    #[test]
    fn the_devices_of_a_hive_reach_each_other_by_xgmi_and_the_cpu_by_pcie() {
        let machine = machine("gfx942", 4);
        assert_eq!(machine.gpus, 4);
        let [cpu, first, ..] = &machine.nodes[..] else { panic!("{machine:?}") };
        assert_eq!((cpu.kind, cpu.to().as_deref()), (Kind::Cpu, Some("pcie 1-4")));
        assert!(cpu.cores.is_some_and(|cores| cores > 0) && cpu.memory_bytes > 0 && cpu.cus.is_none());
        assert_eq!((first.kind, first.to().as_deref()), (Kind::Gpu, Some("pcie 0  xgmi 2-4")));
        assert_eq!(first.target.as_deref(), Some("gfx942"));
        assert!(first.render.as_ref().is_some_and(|render| render.starts_with("renderD")));
    }

    // Keeps: topology
    #[test]
    fn every_profile_tells_what_its_devices_are() {
        for name in kfd_core::profile::Profile::names() {
            let profile = kfd_core::profile::Profile::named(name).expect("compiled in");
            let device = &profile.devices[0];
            let machine = machine(name, 1);
            let node = &machine.nodes[1];
            assert_eq!(node.gpu, Some(u64::from(device.gpu_id.0)));
            assert_eq!(node.target.as_deref(), Some(name));
            assert_eq!(node.cus, Some(u64::from(device.compute.cus())));
            assert_eq!(node.memory_bytes, device.vram.bytes.0);
            let text = machine.table().expect("a table");
            assert!(text.starts_with(&format!("{name}: 1 device\n")), "{text}");
        }
    }

    #[test]
    fn a_folder_without_nodes_is_told_of() {
        let error = Machine::read("gfx900".to_owned(), |_| None).expect_err("nothing there").to_string();
        assert!(error.contains("topology/nodes"), "{error}");
    }
}
