//! The one graph: what waits for what, in which order it can go, what waits for itself, and how long it all takes.
//!
//! Nodes are numbers from 0; an edge leads from what waits to what it needs. Every answer is the same for the same
//! edges in the same order, and takes time and memory in proportion to them; none is recursive, since a chain of
//! resources may be longer than a stack is deep.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

/// Nodes and what each needs, with something known of every edge.
#[derive(Debug, Clone)]
pub struct Graph<W = ()> {
    edges: DiGraph<(), W>,
}

/// One edge: `from` needs `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge<'a, W> {
    /// What waits.
    pub from: usize,
    /// What it needs.
    pub to: usize,
    /// What is known of it.
    pub weight: &'a W,
}

/// The longest of the chains that end with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain<T> {
    /// How long it is.
    pub length: T,
    /// The node before the last one; `None` where it is the only one.
    pub before: Option<usize>,
}

impl Graph {
    /// The graph in which `needs[n]` lists what `n` needs.
    pub fn of(needs: &[Vec<usize>]) -> Self {
        let edges = needs.iter().enumerate();
        Self::new(
            needs.len(),
            edges.flat_map(|(from, needed)| needed.iter().map(move |&to| (from, to, ()))),
        )
    }
}

impl<W> Graph<W> {
    /// The nodes `0..count` and these edges: what waits, what it needs, what is known of it. An edge from or to
    /// anything else is none.
    pub fn new(count: usize, edges: impl IntoIterator<Item = (usize, usize, W)>) -> Self {
        let mut graph = DiGraph::with_capacity(count, count);
        for _ in 0..count {
            graph.add_node(());
        }
        let known = |&(from, to, _): &(usize, usize, W)| from < count && to < count;
        let edges: Vec<_> = edges.into_iter().filter(known).collect();
        // Those that were added last come first.
        for (from, to, weight) in edges.into_iter().rev() {
            graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), weight);
        }
        Self { edges: graph }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.edges.node_count()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `node` needs, in the order in which the edges were given.
    pub fn needs(&self, node: usize) -> impl Iterator<Item = usize> {
        self.edges
            .neighbors_directed(NodeIndex::new(node), Outgoing)
            .map(NodeIndex::index)
    }

    /// What is known of the edge from `from` to `to`; of the first of several.
    pub fn weight(&self, from: usize, to: usize) -> Option<&W> {
        let edges = self.edges.edges_directed(NodeIndex::new(from), Outgoing);
        let mut between = edges.filter(|edge| edge.target().index() == to);
        between.next().map(|edge| edge.weight())
    }

    /// All nodes, each after those that it needs, smaller numbers first where there is a choice. `None` when some need
    /// each other in a circle.
    pub fn order(&self) -> Option<Vec<usize>> {
        Some(self.possible_order()).filter(|order| order.len() == self.len())
    }

    /// The same, without those that are in a circle or need one that is.
    pub fn possible_order(&self) -> Vec<usize> {
        let of = NodeIndex::new;
        let count = |node| self.edges.edges_directed(of(node), Outgoing).count();
        let mut missing: Vec<usize> = (0..self.len()).map(count).collect();
        let mut free: BinaryHeap<Reverse<usize>> = (0..self.len())
            .filter(|&node| missing[node] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(Reverse(node)) = free.pop() {
            order.push(node);
            for waiting in self.edges.neighbors_directed(of(node), Incoming) {
                let left = &mut missing[waiting.index()];
                *left -= 1;
                if *left == 0 {
                    free.push(Reverse(waiting.index()));
                }
            }
        }
        order
    }

    /// The nodes in groups, each of which needs only those before it, as early as can be. Without those that are in a
    /// circle or need one that is.
    pub fn layers(&self) -> Vec<Vec<usize>> {
        let depths = self.longest(|_| 0_usize, |depth, _| depth + 1);
        let mut layers: Vec<Vec<usize>> = Vec::new();
        for node in self.possible_order() {
            let depth = depths[node].length;
            if layers.len() <= depth {
                layers.resize_with(depth + 1, Vec::new);
            }
            layers[depth].push(node);
        }
        layers
    }

    /// For each node the number of the circle that it is in (nodes that all need each other, if only by way of
    /// others), or `None`. The circle with the smallest node is number 0.
    pub fn circles(&self) -> Vec<Option<usize>> {
        let mut circles: Vec<Vec<usize>> = kosaraju_scc(&self.edges)
            .into_iter()
            .map(|nodes| nodes.into_iter().map(NodeIndex::index).collect::<Vec<usize>>())
            .filter(|nodes| match nodes.as_slice() {
                [only] => self.needs(*only).any(|needed| needed == *only),
                _ => true,
            })
            .collect();
        circles.sort_unstable_by_key(|nodes| nodes.iter().min().copied());
        let mut number_of = vec![None; self.len()];
        for (number, nodes) in circles.into_iter().enumerate() {
            for node in nodes {
                number_of[node] = Some(number);
            }
        }
        number_of
    }

    /// Of each of the [`circles`](Self::circles) one way around: each node needs the next, and the last the first.
    pub fn ways_around(&self) -> Vec<Vec<usize>> {
        let circles = self.circles();
        let mut seen = BTreeSet::new();
        let mut ways = Vec::new();
        for start in 0..self.len() {
            let Some(circle) = circles[start].filter(|circle| seen.insert(*circle)) else {
                continue;
            };
            let mut way = vec![start];
            let mut place_of = BTreeMap::from([(start, 0)]);
            let mut at = start;
            // Each node of a circle needs another one of it: following these comes back to one sooner or later.
            while let Some(next) = self.needs(at).find(|&next| circles[next] == Some(circle)) {
                if let Some(first) = place_of.get(&next) {
                    ways.push(way.split_off(*first));
                    break;
                }
                place_of.insert(next, way.len());
                way.push(next);
                at = next;
            }
        }
        ways
    }

    /// For each node the longest of the chains of needs that end with it. One that is a chain by itself is `alone`
    /// long; `through` says how long a chain is at `from` by way of an edge, whose `to` ends one of the length that it
    /// is given. Of equal ones the edge that was given first counts. Nodes that are in a circle, or need one that is, are alone.
    pub fn longest<T: PartialOrd + Copy>(
        &self,
        alone: impl Fn(usize) -> T,
        through: impl Fn(T, Edge<'_, W>) -> T,
    ) -> Vec<Chain<T>> {
        let mut chains: Vec<Chain<T>> = (0..self.len())
            .map(|node| Chain {
                length: alone(node),
                before: None,
            })
            .collect();
        for node in self.possible_order() {
            for edge in self.edges.edges_directed(NodeIndex::new(node), Outgoing) {
                let to = edge.target().index();
                let edge = Edge {
                    from: node,
                    to,
                    weight: edge.weight(),
                };
                let length = through(chains[to].length, edge);
                let best = &mut chains[node];
                if length > best.length || (best.before.is_none() && length >= best.length) {
                    *best = Chain {
                        length,
                        before: Some(to),
                    };
                }
            }
        }
        chains
    }

    /// The same graph with every edge the other way round.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.edges.reverse();
        self
    }
}

/// The nodes of the chain that ends with `last`, first to last.
pub fn nodes_of<T>(chains: &[Chain<T>], last: usize) -> Vec<usize> {
    let mut nodes: Vec<usize> = std::iter::successors(Some(last), |&node| chains[node].before).collect();
    nodes.reverse();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_respects_edges_and_prefers_small_numbers() {
        let graph = Graph::of(&[vec![3], vec![], vec![0, 1], vec![]]);
        assert_eq!(graph.order(), Some(vec![1, 3, 0, 2]));
        assert_eq!(graph.layers(), [vec![1, 3], vec![0], vec![2]]);
        assert_eq!(graph.circles(), vec![None; 4]);
        assert!(graph.ways_around().is_empty());
    }

    #[test]
    fn nodes_behind_a_circle_are_not_in_it() {
        let graph = Graph::of(&[vec![1], vec![2], vec![1], vec![3], vec![]]);
        assert_eq!(graph.order(), None);
        assert_eq!(graph.possible_order(), [4]);
        assert_eq!(graph.layers(), [vec![4]]);
        assert_eq!(graph.circles(), [None, Some(0), Some(0), Some(1), None]);
        assert_eq!(graph.ways_around(), [vec![1, 2], vec![3]]);
    }

    #[test]
    fn the_way_around_a_circle_leaves_out_what_only_leads_into_it() {
        // 0 and 1 need each other by way of 2 and 3, and 3 and 4 need each other.
        let graph = Graph::of(&[vec![2], vec![0], vec![3], vec![4, 1], vec![3]]);
        assert_eq!(graph.circles(), vec![Some(0); 5]);
        assert_eq!(graph.ways_around(), [vec![3, 4]]);
    }

    #[test]
    fn an_edge_to_what_is_not_there_is_none() {
        let graph = Graph::of(&[vec![7], vec![0, 0]]);
        assert_eq!(graph.order(), Some(vec![0, 1]));
        assert_eq!(graph.needs(1).collect::<Vec<_>>(), [0, 0]);
        assert!(Graph::of(&[]).is_empty());
    }

    #[test]
    fn the_longest_chain_is_told_with_its_nodes() {
        let edges = [(1, 0, 2), (2, 0, 5), (3, 1, 4), (3, 2, 1), (4, 3, 0)];
        let graph = Graph::new(5, edges);
        let chains = graph.longest(|_| 0, |length, edge| length + edge.weight);
        let lengths: Vec<i32> = chains.iter().map(|chain| chain.length).collect();
        assert_eq!(lengths, [0, 2, 5, 6, 6]);
        // By way of 1 and by way of 2 it is as long: the first edge counts.
        assert_eq!(nodes_of(&chains, 4), [0, 1, 3, 4]);
        let back = graph
            .reversed()
            .longest(|_| 0, |length, edge| length + edge.weight);
        assert_eq!(nodes_of(&back, 0).len(), 4);
        assert_eq!(back[0].length, 6);
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let count = 200_000;
        let edges = (1..count).map(|node| (node, node - 1, ()));
        let graph = Graph::new(count, edges);
        assert!(graph.circles().iter().all(Option::is_none));
        assert_eq!(graph.order().unwrap().len(), count);
        let chains = graph.longest(|_| 1, |length, _| length + 1);
        assert_eq!(chains[count - 1].length, count);
    }
}
