//! Whatever the outcomes and wherever it is killed: in order within a stream, nothing that is there again unless that is
//! said, nothing before its time, nothing too old, and all of it comes to an end.

use proptest::prelude::*;

use super::*;

/// What happens to the next delivery.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Sent,
    Retry(Wait),
    Refused,
    /// Nobody sees how it ends; whether it is there.
    Unknown(bool, Wait),
    NotTried,
    /// We are killed, before or after it is there.
    Killed(bool),
    /// We are killed before anything of the send is durable.
    Lost,
}

/// The sink, and what holds at any time.
struct Sink {
    world: World,
    /// Since when a row is there.
    there: BTreeMap<u64, Time>,
    last: Option<Time>,
}

impl Sink {
    /// What must hold of a send.
    fn look(&self, items: &[Item]) -> Result<(), TestCaseError> {
        let (now, options) = (self.world.now, self.world.options);
        let mut before: Vec<u64> = Vec::new();
        for item in items {
            let Item::Row(change) = item else { continue };
            let (stream, row) = &self.world.rows[&change.row.position];
            prop_assert!(matches!(row.state, State::Planned | State::Sending));
            // All that stands before it in its stream is settled, or goes before it in the same send.
            let open = self.world.load(stream, 0, usize::MAX);
            let open = open.iter().filter(|row| row.position < change.row.position);
            for row in open {
                prop_assert!(
                    before.contains(&row.position),
                    "{} before {}",
                    change.row.position,
                    row.position
                );
            }
            before.push(change.row.position);
            if let Some(since) = self.there.get(&change.row.position) {
                let known = match options.ability {
                    Ability::Idempotent(window) => now.since(*since) <= window,
                    Ability::Probed | Ability::Blind => false,
                };
                let said = options.in_doubt == InDoubt::Resend && change.row.mark == Mark::Resent;
                prop_assert!(known || said, "{} is there", change.row.position);
            }
            prop_assert!(row.not_before <= now, "before its time");
            prop_assert!(options.max_age.is_none_or(|age| now.since(row.born) <= age));
        }
        prop_assert!(items.len() <= options.batch.max(1));
        if options.pace > Duration::ZERO
            && let Some(last) = self.last
        {
            prop_assert!(items.len() == 1 && now.since(last) >= options.pace);
        }
        Ok(())
    }

    /// Carries a send out. `false`: we were killed in it.
    fn send(
        &mut self,
        queues: &mut SinkQueue,
        items: Vec<Item>,
        fates: &mut impl Iterator<Item = Fate>,
    ) -> bool {
        self.last = Some(self.world.now);
        let fates: Vec<Fate> = items.iter().map(|_| fates.next().unwrap_or(Fate::Sent)).collect();
        if fates.iter().any(|fate| matches!(fate, Fate::Lost)) {
            return false;
        }
        let changes: Vec<Change> = items
            .into_iter()
            .filter_map(|item| match item {
                Item::Row(change) => Some(change),
                Item::Passing(_) => None,
            })
            .collect();
        changes.iter().for_each(|change| self.world.store(change));
        for (change, fate) in changes.iter().zip(fates) {
            let at = change.row.position;
            if matches!(fate, Fate::Sent | Fate::Unknown(true, _) | Fate::Killed(true)) {
                self.there.entry(at).or_insert(self.world.now);
            }
            let outcome = match fate {
                Fate::Sent => SendOutcome::Sent(None),
                Fate::Retry(wait) => SendOutcome::Retry(wait, String::new()),
                Fate::Refused => SendOutcome::Failed(String::new()),
                Fate::Unknown(_, wait) => SendOutcome::Unknown(wait, String::new()),
                Fate::NotTried => SendOutcome::NotTried,
                Fate::Killed(_) | Fate::Lost => return false,
            };
            self.world.end(queues, at, outcome);
        }
        true
    }

    /// An honest answer, or none.
    fn answer(&self, at: u64, fate: Fate) -> ProbeAnswer {
        match fate {
            Fate::Unknown(..) | Fate::Refused => ProbeAnswer::Unknown(String::new()),
            _ if self.there.contains_key(&at) => ProbeAnswer::Sent,
            _ => ProbeAnswer::NotSent,
        }
    }
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        Just(Wait::Failed),
        Just(Wait::Down),
        (0u64..5000).prop_map(|s| Wait::Asked(secs(s))),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Sent),
        2 => wait().prop_map(Fate::Retry),
        1 => Just(Fate::Refused),
        2 => (any::<bool>(), wait()).prop_map(|(there, wait)| Fate::Unknown(there, wait)),
        1 => Just(Fate::NotTried),
        2 => any::<bool>().prop_map(Fate::Killed),
        1 => Just(Fate::Lost),
    ]
}

fn any_options() -> impl Strategy<Value = Options> {
    let ability = prop_oneof![
        Just(Ability::Blind),
        Just(Ability::Probed),
        (0u64..200).prop_map(|s| Ability::Idempotent(secs(s))),
    ];
    let in_doubt = prop::sample::select(vec![InDoubt::Resend, InDoubt::Hold, InDoubt::Skip]);
    let max_age = prop::option::weighted(0.3, (1u64..2000).prop_map(secs));
    let pace = prop::option::weighted(0.3, 1u64..3000);
    (ability, in_doubt, 1usize..6, max_age, pace, 1u32..4).prop_map(
        |(ability, in_doubt, batch, max_age, pace, tries)| Options {
            ability,
            in_doubt,
            batch,
            max_age,
            pace: Duration::from_millis(pace.unwrap_or(0)),
            tries,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn in_order_once_in_time_and_to_the_end(
        options in any_options(),
        streams in prop::collection::vec(prop::sample::select(vec!["s", "t", "u"]), 1..12),
        fates in prop::collection::vec(fate(), 0..60),
    ) {
        let world = World::new(options, &streams);
        let mut sink = Sink { world, there: BTreeMap::new(), last: None };
        let mut fates = fates.into_iter();
        let mut queues = sink.world.start();
        let mut steps = 0;
        loop {
            steps += 1;
            prop_assert!(steps < 2000, "it comes to an end");
            match sink.world.next(&mut queues) {
                Step::Send(items) => {
                    sink.look(&items)?;
                    if !sink.send(&mut queues, items, &mut fates) {
                        queues = sink.world.start();
                        sink.last = None;
                    }
                }
                Step::Probe(rows) => for at in rows {
                    let answer = sink.answer(at, fates.next().unwrap_or(Fate::Sent));
                    let change = queues.answered(sink.world.now, at, answer);
                    sink.world.store(&change.expect("it was asked for"));
                },
                Step::Wait(until) => {
                    prop_assert!(until > sink.world.now);
                    sink.world.now = until;
                }
                step => break prop_assert_eq!(step, Step::Idle),
            }
        }
        // What is left stands in a stream that waits for a person.
        let held: Vec<String> = queues.held().map(|(stream, ..)| stream.to_owned()).collect();
        prop_assert!(held.is_empty() || options.in_doubt == InDoubt::Hold);
        for (at, (stream, row)) in &sink.world.rows {
            let settled = !is_open(row.state, row.mark);
            prop_assert!(settled || held.contains(stream), "{:?}", row);
            prop_assert!(row.state != State::Sent || sink.there.contains_key(at), "sent is there");
        }
    }
}
