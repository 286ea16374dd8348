//! Requests: damage to their rows.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use cli::doctor::{Kind, Mode};
use cruddur::{
    message::send::{NewMessage, Target},
    message_group::uuid_of_pair,
    table::{Key, Partition, RowKind},
    user::{Receiver, settings::MessagesFrom},
};
use serde_json::{Value, json};
use testing::{invariants, world::kind_of};

use super::clinic::Clinic;

#[tokio::test]
async fn a_request_is_repaired_to_what_the_membership_has() {
    type Damage = fn(&mut Vec<Value>);
    fn row(rows: &mut [Value], kind: RowKind) -> &mut Value {
        rows.iter_mut().find(|row| kind_of(row) == Some(kind)).unwrap()
    }
    fn remove(row: &mut Value, name: &str) {
        row.as_object_mut().unwrap().remove(name);
    }
    let damages: [(&str, Damage, &[Kind]); 6] = [
        (
            "the membership shows an acceptance",
            |rows| remove(row(rows, RowKind::Membership), "request_state"),
            &[Kind::RequestDiffers],
        ),
        (
            "the state shows an acceptance",
            |rows| remove(row(rows, RowKind::MemberState), "request_state"),
            &[Kind::RequestDiffers, Kind::InboxRowNotJoined],
        ),
        (
            "the request is to nobody",
            |rows| remove(row(rows, RowKind::Membership), "request_to"),
            &[Kind::MembershipMalformed],
        ),
        (
            "the row lacks its state",
            |rows| remove(row(rows, RowKind::Request), "request_state"),
            &[Kind::InboxRowNotJoined],
        ),
        (
            "the row is in the inbox",
            |rows| {
                let row = row(rows, RowKind::Request);
                let pk = row["pk"]["S"].as_str().unwrap().replace("REQ#", "GRP#");
                row["pk"] = json!({"S": pk});
            },
            &[Kind::InboxRowNotJoined],
        ),
        (
            "the row is in both",
            |rows| {
                let mut second = row(rows, RowKind::Request).clone();
                let pk = second["pk"]["S"].as_str().unwrap().replace("REQ#", "GRP#");
                second["pk"] = json!({"S": pk});
                rows.push(second);
            },
            &[Kind::SecondInboxRow, Kind::InboxRowNotJoined],
        ),
    ];
    for (name, damage, expected) in damages {
        let clinic = Clinic::with_groups(0, 0).await;
        let [stranger, receiver] = [0, 1].map(|user| clinic.users[user].clone());
        let new = NewMessage {
            sender: stranger.clone(),
            target: Target::User {
                receiver: Receiver { user: receiver.clone(), messages_from: MessagesFrom::Requests },
                handle: None,
            },
            text: "do you know me?".parse().unwrap(),
            reply_to: None,
            idempotency_key: None,
        };
        clinic.messages().send(new).await.unwrap();
        clinic.world.deliver_all().await;
        clinic.world.clock.advance(TimeDelta::minutes(5));
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "{name}");

        let mut rows = clinic.world.rows();
        damage(&mut rows);
        for row in clinic.world.rows() {
            clinic.delete(row["pk"]["S"].as_str().unwrap(), row["sk"]["S"].as_str().unwrap());
        }
        for row in &rows {
            clinic.put(row);
        }

        let found = clinic.examine(Mode::Check).await;
        let kinds = found.findings.iter().map(|(finding, _)| finding.kind).collect::<BTreeSet<_>>();
        assert_eq!(kinds, expected.iter().copied().collect(), "{name}: {:?}", found.findings);
        assert_eq!(clinic.examine(Mode::Repair).await.summary.left, 0, "{name}");
        clinic.deliver_changes().await;
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "{name}");
        assert_eq!(invariants::check_logged(&clinic.world.rows()), Vec::<String>::new(), "{name}");
        let group = uuid_of_pair(stranger.uuid, receiver.uuid);
        let membership = clinic.row_at(&Key::Membership(group)).unwrap();
        let partition = match membership.get("request_state") {
            Some(_) => Partition::Requests(receiver.uuid),
            None => Partition::Inbox(receiver.uuid),
        };
        let rows = clinic.world.rows();
        let of_receiver = rows.iter().filter(|row| row["pk"]["S"] == partition.to_string()).count();
        assert_eq!(of_receiver, 1, "{name}");
    }
}
