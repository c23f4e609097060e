//! The catalogue proves something: a naive client does not get by in it, and one that does nothing nowhere.

use satkeeper_judge::catalogue::rows;
use satkeeper_judge::run::{Machine, Plan, Size, run};

/// Three lives of each row, a herd, and the same on one core as on two.
#[test]
fn naive_and_absent_clients_are_found_out() {
    let mut plan = Plan {
        rows: rows(),
        machines: vec![Machine::Naive, Machine::Absent],
        size: Size::Sessions(3),
        seed: 1,
        threads: 2,
    };
    let cells = run(&plan);
    let broken = |machine: Machine| -> Vec<u8> {
        let cells = cells.iter().filter(|cell| cell.machine == machine.name() && cell.score.broken > 0);
        cells.map(|cell| cell.row.number).collect()
    };
    let naive = broken(Machine::Naive);
    assert!(naive.len() >= 15, "the naive client breaks these rows only: {naive:?}");
    let absent = broken(Machine::Absent);
    for row in rows().iter().filter(|row| !row.ends) {
        assert!(
            absent.contains(&row.number),
            "row {} is satisfied by a client that never connects",
            row.number
        );
    }

    plan.threads = 1;
    plan.rows.truncate(8);
    for (again, once) in run(&plan).iter().zip(&cells) {
        assert_eq!(again.score, once.score, "row {} of {}", again.row.number, again.machine);
    }
}
