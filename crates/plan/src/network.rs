//! Directed graphs over small numbers: a stable topological order, and what lies on cycles.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The nodes of `0..edges.len()` so that each stands after all that it waits for (`edges[n]` lists what `n`
/// waits for), smaller numbers first where there is a choice. `None` when there is a cycle.
pub(crate) fn topological(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut waiters: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (node, before) in edges.iter().enumerate() {
        for &other in before {
            waiters[other].push(node);
        }
    }
    let mut free: BinaryHeap<Reverse<usize>> = (0..edges.len())
        .filter(|&node| waiting[node] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(Reverse(node)) = free.pop() {
        order.push(node);
        for &waiter in &waiters[node] {
            waiting[waiter] -= 1;
            if waiting[waiter] == 0 {
                free.push(Reverse(waiter));
            }
        }
    }
    (order.len() == edges.len()).then_some(order)
}

/// For each node the number of its strongly connected component, or `None` when it lies on no cycle.
/// Tarjan's algorithm ("Depth-first search and linear graph algorithms", 1972) without recursion, since a
/// chain of resources may be longer than the stack is deep.
pub(crate) fn cycles(edges: &[Vec<usize>]) -> Vec<Option<usize>> {
    const UNSEEN: usize = usize::MAX;
    let count = edges.len();
    let mut index = vec![UNSEEN; count];
    let mut low = vec![0; count];
    let mut on_path = vec![false; count];
    let mut component = vec![None; count];
    let mut path = Vec::new();
    let mut calls: Vec<(usize, usize)> = Vec::new();
    let (mut next_index, mut next_component) = (0, 0);
    for start in 0..count {
        if index[start] != UNSEEN {
            continue;
        }
        calls.push((start, 0));
        while let Some((node, position)) = calls.pop() {
            if position == 0 {
                index[node] = next_index;
                low[node] = next_index;
                next_index += 1;
                path.push(node);
                on_path[node] = true;
            }
            if let Some(&other) = edges[node].get(position) {
                calls.push((node, position + 1));
                if index[other] == UNSEEN {
                    calls.push((other, 0));
                } else if on_path[other] {
                    low[node] = low[node].min(index[other]);
                }
                continue;
            }
            if let Some(&(caller, _)) = calls.last() {
                low[caller] = low[caller].min(low[node]);
            }
            if low[node] == index[node] {
                let from = path.iter().rposition(|&member| member == node).unwrap_or(0);
                let members = path.split_off(from);
                let cyclic = members.len() > 1 || edges[node].contains(&node);
                for &member in &members {
                    on_path[member] = false;
                    component[member] = cyclic.then_some(next_component);
                }
                next_component += usize::from(cyclic);
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_respects_edges_and_prefers_small_numbers() {
        let edges = vec![vec![3], vec![], vec![0, 1], vec![]];
        assert_eq!(topological(&edges), Some(vec![1, 3, 0, 2]));
        assert_eq!(cycles(&edges), vec![None; 4]);
    }

    #[test]
    fn nodes_behind_a_cycle_are_not_on_it() {
        let edges = vec![vec![1], vec![2], vec![1], vec![3], vec![]];
        assert_eq!(topological(&edges), None);
        let found = cycles(&edges);
        assert!(found[1].is_some() && found[1] == found[2]);
        assert!(found[3].is_some() && found[3] != found[1]);
        assert_eq!((found[0], found[4]), (None, None));
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let edges: Vec<Vec<usize>> = (0..200_000)
            .map(|node| (node > 0).then(|| node - 1).into_iter().collect())
            .collect();
        assert!(cycles(&edges).iter().all(Option::is_none));
        assert_eq!(topological(&edges).unwrap().len(), 200_000);
    }
}
