//! With a well-behaved server every state that is not over reaches live or over, whatever is drawn: searched
//! backward from the goals.

use super::Graph;
use satkeeper_core::lifecycle::Phase;

/// The states from which a well-behaved world may fail to reach a goal, and within how many steps the others
/// do. States that were never expanded (a search cut short) are goals of their own.
pub fn stuck(graph: &Graph, expanded: usize) -> (Vec<u32>, u32) {
    let count = graph.states.len();
    let mut ways: Vec<Vec<u32>> = vec![Vec::new(); count];
    let mut left = vec![0_u32; count];
    for edge in graph.edges.iter().filter(|edge| edge.well) {
        ways[edge.to as usize].push(edge.from);
        left[edge.from as usize] += 1;
    }
    let mut steps: Vec<Option<u32>> = (0..count)
        .map(|number| {
            let phase = graph.states[number].phase();
            let goal = matches!(phase, Phase::Live | Phase::Over(_)) || number >= expanded;
            goal.then_some(0)
        })
        .collect();
    let mut queue: Vec<u32> = (0..count as u32).filter(|number| steps[*number as usize].is_some()).collect();
    let mut next = 0;
    while next < queue.len() {
        let to = queue[next];
        next += 1;
        for from in &ways[to as usize] {
            let from = *from as usize;
            left[from] -= 1;
            if left[from] == 0 && steps[from].is_none() {
                steps[from] = steps[to as usize].map(|steps| steps + 1);
                queue.push(from as u32);
            }
        }
    }
    let stuck = (0..count as u32).filter(|number| steps[*number as usize].is_none()).collect();
    (stuck, steps.iter().flatten().max().copied().unwrap_or(0))
}
