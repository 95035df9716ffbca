//! The graph of a stack, for drawing programs. An arrow points from a resource to what it needs: solid where
//! that has to work, dashed where it only has to exist.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use infra_core::{ResourceAddress, Strength};
use serde::Serialize;

use crate::json;

/// How a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphFormat {
    /// Graphviz: `infra graph … | dot -Tsvg` (<https://graphviz.org/doc/info/lang.html>).
    Dot,
    /// Mermaid, as Markdown on GitHub and GitLab shows it (<https://mermaid.js.org/syntax/flowchart.html>).
    Mermaid,
    /// One JSON line with nodes and edges.
    Json,
}

/// Writes the graph of some resources and what each needs, such as
/// `stack.resources.iter().map(|(address, resource)| (address, &resource.dependencies))`.
///
/// # Errors
/// When `out` fails.
pub fn write_graph<'a>(
    out: &mut dyn io::Write,
    resources: impl IntoIterator<Item = (&'a ResourceAddress, &'a BTreeMap<ResourceAddress, Strength>)>,
    format: GraphFormat,
) -> io::Result<()> {
    let mut nodes = BTreeSet::new();
    let mut edges = BTreeMap::new();
    for (address, dependencies) in resources {
        nodes.insert(address);
        for (needed, strength) in dependencies {
            nodes.insert(needed);
            edges.insert((address, needed), *strength);
        }
    }
    match format {
        GraphFormat::Dot => write_dot(out, &nodes, &edges),
        GraphFormat::Mermaid => write_mermaid(out, &nodes, &edges),
        GraphFormat::Json => {
            let edges = edges.iter().map(|((from, needs), strength)| Edge {
                from,
                needs,
                strength: *strength,
            });
            json::write(
                out,
                "graph",
                Graph {
                    nodes: nodes.iter().copied().collect(),
                    edges: edges.collect(),
                },
            )
        }
    }
}

type Nodes<'a> = BTreeSet<&'a ResourceAddress>;
type Edges<'a> = BTreeMap<(&'a ResourceAddress, &'a ResourceAddress), Strength>;

#[derive(Serialize)]
struct Graph<'a> {
    nodes: Vec<&'a ResourceAddress>,
    edges: Vec<Edge<'a>>,
}

#[derive(Serialize)]
struct Edge<'a> {
    from: &'a ResourceAddress,
    needs: &'a ResourceAddress,
    strength: Strength,
}

fn write_dot(out: &mut dyn io::Write, nodes: &Nodes<'_>, edges: &Edges<'_>) -> io::Result<()> {
    let quoted = |address: &ResourceAddress| {
        let text = address.to_string().replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{text}\"")
    };
    writeln!(out, "digraph stack {{")?;
    writeln!(out, "  rankdir = BT;")?;
    writeln!(out, "  node [shape = box];")?;
    for node in nodes {
        writeln!(out, "  {};", quoted(node))?;
    }
    for ((from, needs), strength) in edges {
        let style = match strength {
            Strength::Ready => "",
            Strength::Exists => " [style = dashed]",
        };
        writeln!(out, "  {} -> {}{style};", quoted(from), quoted(needs))?;
    }
    writeln!(out, "}}")
}

fn write_mermaid(out: &mut dyn io::Write, nodes: &Nodes<'_>, edges: &Edges<'_>) -> io::Result<()> {
    let numbers: BTreeMap<&ResourceAddress, usize> = nodes
        .iter()
        .enumerate()
        .map(|(number, address)| (*address, number))
        .collect();
    writeln!(out, "flowchart BT")?;
    for (address, number) in &numbers {
        // Entities keep quotes, brackets and the like from being read as Mermaid's own.
        let mut label = String::new();
        for character in address.to_string().chars() {
            match character {
                '"' => label.push_str("#quot;"),
                '#' => label.push_str("#35;"),
                '<' => label.push_str("#lt;"),
                '>' => label.push_str("#gt;"),
                other if crate::line::is_wild(other) => label.push(' '),
                other => label.push(other),
            }
        }
        writeln!(out, "  n{number}[\"{label}\"]")?;
    }
    for ((from, needs), strength) in edges {
        let arrow = match strength {
            Strength::Ready => "-->",
            Strength::Exists => "-.->",
        };
        writeln!(out, "  n{} {arrow} n{}", numbers[from], numbers[needs])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(format: GraphFormat) -> String {
        let address = |text: &str| text.parse::<ResourceAddress>().unwrap();
        let resources = BTreeMap::from([
            (address("ec2.vpc.main"), BTreeMap::new()),
            (
                address("ec2.subnet.private[\"a \\\"b\\\" <#>\"]"),
                BTreeMap::from([(address("ec2.vpc.main"), Strength::Exists)]),
            ),
            (
                address("ecs.service.app"),
                BTreeMap::from([
                    (
                        address("ec2.subnet.private[\"a \\\"b\\\" <#>\"]"),
                        Strength::Ready,
                    ),
                    (address("iam.role.elsewhere"), Strength::Exists),
                ]),
            ),
        ]);
        let mut out = Vec::new();
        write_graph(&mut out, &resources, format).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_graph_in_each_format() {
        insta::assert_snapshot!(drawn(GraphFormat::Dot));
        insta::assert_snapshot!(drawn(GraphFormat::Mermaid));
        insta::assert_snapshot!(drawn(GraphFormat::Json));
    }
}
