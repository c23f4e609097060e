//! The simulation at a size that every `cargo test` can afford; the whole of it is `simulate` in release.

use satkeeper_simulation::{Allowed, FleetPlan, Plan, fleet, run, rush};

/// Sessions of a day. `.ci/run` does a million session-hours with the release build.
const SESSIONS: u64 = 240;

fn plan(seed: u64, hours: u64, allowed: Allowed) -> Plan {
    Plan { seed, hours, allowed }
}

#[test]
fn invariants_hold_and_the_same_seed_gives_the_same_digest() {
    // proves R4, R11, R12, R13, R14, R15, R16, R18, R19, R20, R21, R22, R23, R25, R27, R28, R29, R30
    let plan = plan(1, 24, Allowed::ALL);
    let whole = run(&plan, 0..SESSIONS).unwrap_or_else(|finding| panic!("{finding}"));
    // In another order, in parts: each session is by itself, and so is its share of the digest.
    let mut parts = run(&plan, (0..SESSIONS / 8).rev()).unwrap_or_else(|finding| panic!("{finding}"));
    parts.add(&run(&plan, SESSIONS / 8..SESSIONS / 4).unwrap_or_else(|finding| panic!("{finding}")));
    let again = run(&plan, 0..SESSIONS / 4).unwrap_or_else(|finding| panic!("{finding}"));
    assert_eq!((parts.digest, parts.inputs), (again.digest, again.inputs));
    assert_ne!(whole.digest, again.digest);
}

#[test]
fn without_faults_nothing_is_lost() {
    // proves R16, R25
    let report = run(&plan(2, 24, Allowed::NONE), 0..100).unwrap_or_else(|finding| panic!("{finding}"));
    for (name, times) in report.tally.iter() {
        let lost = [
            "every credential was refused",
            "a session was given up after its patience",
            "a first mint failed",
        ];
        assert!(!lost.contains(&name) || times == 0, "{times} times: {name}");
    }
}

#[test]
fn a_fleet_survives_an_hours_outage() {
    // proves R18.6, R25.8
    let rush = rush(1, 200).unwrap_or_else(|what| panic!("{what}"));
    assert_eq!(rush.survivors, 200);
    // Four requests for each session's return. Who is not served asks each 5 to 10 s, and goes on at once when somebody
    // answers (R18): they come back within five seconds, none of which may have more than its share and a quarter.
    assert!(rush.after <= 200, "{} requests in the worst second", rush.after);
}

#[test]
fn a_fleet_loses_nobody_and_its_load_is_spread() {
    // proves R14, R16, R25
    let plan = FleetPlan { check: true, hours: 6, ..FleetPlan::day(200) };
    let by_the_hour = fleet(&plan).unwrap_or_else(|what| panic!("{what}"));
    let by_the_second = fleet(&FleetPlan { slice: 1_000, ..plan }).unwrap_or_else(|what| panic!("{what}"));
    assert_eq!(by_the_hour.digest, by_the_second.digest);
    assert_eq!((by_the_hour.lost, by_the_hour.live), (0, 200));
    // They were all minted in one second; a renewal is two requests, and is due every 13 minutes or so.
    let (highest, mean) = by_the_hour.load(300);
    assert!((0.4..0.6).contains(&mean) && highest <= 12, "{highest}, mean {mean}");
}

#[test]
fn faults_are_known_by_name() {
    assert_eq!(Allowed::named("none"), Ok(Allowed::NONE));
    assert!(Allowed::named("drop,sleep").is_ok());
    assert!(Allowed::named("drop,nap").is_err_and(|message| message.contains("half-open")));
}
