//! Repairs while messages are sent and delivered.

use std::{collections::BTreeMap, time::Duration};

use cli::doctor::{Kind, Mode};
use cruddur::table::{Key, Partition, RowKind};
use fastrand::Rng;
use serde_json::json;
use testing::{
    damage::Damage,
    invariants,
    world::{TABLE, stream_record},
};

use super::clinic::Clinic;

const SENDS: usize = 120;

#[tokio::test]
async fn repairs_succeed_while_messages_are_sent_and_delivered_late_twice_and_out_of_order() {
    for seed in 0..2 {
        let mut clinic = Clinic::with_groups(24, 4).await;
        clinic.damage_randomly(seed, 60);
        clinic.world.emulator.set_latency(Duration::from_micros(300));
        let (repaired, acknowledged, ()) =
            tokio::join!(clinic.examine(Mode::Repair), send_all(&clinic), deliver_all_over(&clinic, seed));
        clinic.world.emulator.set_latency(Duration::ZERO);
        assert!(repaired.summary.repaired > 0);
        assert!(acknowledged.len() > SENDS / 2, "seed {seed}: {} sends went through", acknowledged.len());
        // Failed deliveries are repeated; some groups have to be repaired first.
        let _ = clinic.world.deliver(&clinic.world.stream_event()).await;
        clinic.world.clock.advance(chrono::TimeDelta::minutes(2));
        let again = clinic.examine(Mode::Repair).await;
        assert_eq!(again.summary.left, 0, "seed {seed}: {:?}", again.findings);
        clinic.world.deliver_all().await;
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "seed {seed}");
        let rows = clinic.world.rows();
        assert_eq!(invariants::check_logged(&rows), Vec::<String>::new(), "seed {seed}");
        let mut stored = BTreeMap::new();
        for message in invariants::messages(&rows).into_values().flatten() {
            *stored.entry(message.message).or_insert(0) += 1;
        }
        for text in acknowledged {
            assert_eq!(stored.get(&text), Some(&1), "seed {seed}: {text}");
        }
        for (text, count) in stored {
            assert_eq!(count, 1, "seed {seed}: {text}");
        }
    }
}

#[tokio::test]
async fn a_message_sent_while_its_empty_group_is_deleted_gets_its_group_back() {
    let mut clinic = Clinic::with_groups(3, 2).await;
    let done = clinic.damage(3, Damage::EmptyGroup);
    let members = clinic.row(&Key::Membership(done.group).pk(), "MEM").unwrap()["members"]["M"].clone();
    let sender = members.as_object().unwrap().keys().next().unwrap().clone();
    let message = json!({
        "pk": {"S": Partition::Messages(done.group).to_string()},
        "sk": {"S": "2026-11-22T09:36:00.000000Z#01a20297-4dc0-7000-8000-000000000001"},
        "message_uuid": {"S": "01a20297-4dc0-7000-8000-000000000001"},
        "message": {"S": "just in time"},
        "user_uuid": {"S": sender},
        "user_display_name": {"S": "Sender"},
        "user_handle": {"S": "sender"},
    });
    let (emulator, late, mut sent) = (clinic.world.emulator.clone(), message.clone(), false);
    clinic.world.emulator.edit_answers(move |call, _| {
        // A send that read the membership before.
        if !sent && call.operation == "TransactWriteItems" && call.request.to_string().contains("\"Delete\"")
        {
            sent = true;
            let _ = emulator.call("PutItem", json!({"TableName": TABLE, "Item": late}));
        }
    });
    let repaired = clinic.examine(Mode::Repair).await;
    let kinds = repaired.findings.iter().map(|(finding, _)| finding.kind).collect::<Vec<_>>();
    assert_eq!(kinds[..2], [Kind::GroupWithoutMessages, Kind::MembershipMissing]);
    assert_eq!(repaired.summary.left, 0);
    let rows = clinic.world.rows();
    assert!(rows.contains(&message));
    assert_eq!(invariants::check_at_rest(&rows), Vec::<String>::new());
}

/// Sends to existing groups, broken or not. Returns the acknowledged texts.
async fn send_all(clinic: &Clinic) -> Vec<String> {
    let users = &clinic.users;
    let mut acknowledged = Vec::new();
    for number in 0..SENDS {
        let (a, b) = (number % users.len(), (number * 7 + 1) % users.len());
        if (a + b) % 2 == 1 {
            let text = format!("while the doctor works: {number}");
            if clinic.try_to_send(&users[a], &users[b], &text).await.is_ok() {
                acknowledged.push(text);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    acknowledged
}

/// Delivers existing messages repeatedly and out of order while messages are sent.
async fn deliver_all_over(clinic: &Clinic, seed: u64) {
    let mut random = Rng::with_seed(seed);
    for round in 0..8 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut rows = clinic.world.rows();
        rows.retain(|row| RowKind::of_partition(row["pk"]["S"].as_str().unwrap()) == Some(RowKind::Message));
        random.shuffle(&mut rows);
        let some = rows.iter().skip(round % 3).step_by(3);
        let records = some.clone().chain(some).enumerate();
        let records = records.map(|(index, row)| stream_record(row, index + 1)).collect::<Vec<_>>();
        // Broken groups are reported as failed.
        let _ = clinic.world.deliver(&json!({"Records": records})).await;
    }
}
