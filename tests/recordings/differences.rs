//! Where two clients differ, and the table in which each difference has its reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::act::{Act, Kind};
use crate::recording::Recording;
use crate::replay::Replay;

/// Which request, and what is different about it.
pub(crate) type Difference = (String, String);

/// Everything in which our session differs from the recorded client: act by act, each with the one at its
/// place. What our session was never told it cannot have answered.
pub(crate) fn differences(recording: &Recording, ours: &Replay) -> BTreeSet<Difference> {
    let mut found = BTreeSet::new();
    let mut matched = Vec::new();
    for recorded in &recording.exchanges {
        let (place, act) = (recorded.place.to_string(), &recorded.act);
        let is_answer = matches!(act.kind, Kind::Ack | Kind::Pong);
        match ours.done.iter().position(|(done, _)| *done == recorded.place) {
            Some(at) => {
                matched.push((act.kind, at));
                found.extend(unlike(act, &ours.done[at].1).into_iter().map(|what| (place.clone(), what)));
            }
            None if is_answer && !ours.met.contains(&act.subject) => {}
            None => drop(found.insert((place, "not sent".to_owned()))),
        }
    }
    for (place, _) in &ours.done {
        if !recording.exchanges.iter().any(|recorded| recorded.place == *place) {
            found.insert((place.to_string(), "not recorded".to_owned()));
        }
    }
    matched.retain(|(kind, _)| kind.has_order());
    for (n, (kind, at)) in matched.iter().enumerate() {
        for (other, _) in matched[n..].iter().filter(|(_, earlier)| earlier < at) {
            found.insert((other.to_string(), format!("before {kind}")));
        }
    }
    found
}

fn unlike(recorded: &Act, ours: &Act) -> Vec<String> {
    let (recorded, ours) = (&recorded.members, &ours.members);
    let absent = "absent".to_owned();
    // Of a proof that only one of them has, its parts say nothing new.
    let both_prove = recorded.contains_key("proof") && ours.contains_key("proof");
    let counts = |member: &&String| both_prove || !member.starts_with("proof.");
    let differs = |member: &&String| recorded.get(*member) != ours.get(*member);
    let show = |member: &String| {
        let (there, here) = (recorded.get(member), ours.get(member));
        format!("{member}: {} -> {}", there.unwrap_or(&absent), here.unwrap_or(&absent))
    };
    let members = recorded.keys().chain(ours.keys()).collect::<BTreeSet<_>>();
    members.into_iter().filter(counts).filter(differs).map(show).collect()
}

/// One line of the table.
struct Row {
    scenarios: Vec<String>,
    request: String,
    what: String,
    rule: String,
}

/// The table: `scenario, scenario | request | difference | rule | why`.
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn read(text: &str) -> Self {
        let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(rows.map(Row::read).collect())
    }

    /// What is in one of the two and not in the other, as rows of the table.
    pub(crate) fn compare(&self, found: &BTreeMap<&str, BTreeSet<Difference>>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut unlisted: BTreeMap<&Difference, Vec<&str>> = BTreeMap::new();
        for (scenario, differences) in found {
            for difference in differences {
                if !self.0.iter().any(|row| row.is_about(scenario) && row.says(difference)) {
                    unlisted.entry(difference).or_default().push(scenario);
                }
            }
        }
        for ((request, what), scenarios) in unlisted {
            wrong.push(format!("not listed: {} | {request} | {what} | R?? | why", scenarios.join(", ")));
        }
        for row in &self.0 {
            let occurs = |scenario: &str| {
                found.get(scenario).is_some_and(|found| found.iter().any(|difference| row.says(difference)))
            };
            let everywhere = row.scenarios == ["*"];
            let absent = row.scenarios.iter().filter(|scenario| !everywhere && !occurs(scenario));
            for scenario in absent.map(String::as_str) {
                wrong.push(format!("listed, does not occur: {scenario} | {} | {}", row.request, row.what));
            }
            if everywhere && !found.keys().any(|scenario| occurs(scenario)) {
                wrong.push(format!("listed, does not occur: * | {} | {}", row.request, row.what));
            }
        }
        wrong
    }

    /// The rules that are named as reasons.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|row| row.rule.as_str())
    }
}

impl Row {
    fn read(line: &str) -> Self {
        let parts = line.split(" | ").map(str::trim).collect::<Vec<_>>();
        let [scenarios, request, what, rule, why] = parts[..] else { panic!("five columns: {line}") };
        assert!(!why.is_empty(), "without a reason: {line}");
        Self {
            scenarios: scenarios.split(", ").map(str::to_owned).collect(),
            request: request.to_owned(),
            what: what.to_owned(),
            rule: rule.to_owned(),
        }
    }

    fn is_about(&self, scenario: &str) -> bool {
        self.scenarios.iter().any(|listed| listed == "*" || listed == scenario)
    }

    /// A request without its number is each of its kind, `*` any.
    fn says(&self, (request, what): &Difference) -> bool {
        let kind = request.split_once(' ').map_or(request.as_str(), |(kind, _)| kind);
        self.what == *what && (self.request == "*" || self.request == *request || self.request == kind)
    }
}
