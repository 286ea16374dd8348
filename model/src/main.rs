//! tmp
use std::time::Instant;
use model::{Commits, checker::{check,check_only}, sends::{self, Send, Target, Sends}, moves::{Algorithm, Bounds, Moves}};
const fn s(sender: char, has_key: bool, target: Target) -> Send { Send { sender, has_key, target } }
const H: Target = Target::Handle;
const G: Target = Target::Group;
static CASES: [&[Send]; 6] = [
  &[s('A', true, H), s('B', false, H)],
  &[s('A', false, H), s('B', true, G)],
  &[s('A', true, H), s('B', true, H)],
  &[s('A', false, H), s('A', false, H), s('B', false, H)],
  &[s('A', true, H), s('B', false, H), s('A', false, G)],
  &[s('A', true, H), s('B', true, H), s('B', false, G)],
];
fn main() {
    let a: Vec<u8> = std::env::args().skip(2).map(|x| x.parse().unwrap()).collect();
    let t = Instant::now();
    if std::env::args().nth(1).unwrap() == "s" {
    let commits = if a[4]==1 {Commits::PieceByPiece} else {Commits::AtOnce};
    use sends::Algorithm as X;
    let bounds = sends::Bounds { sends: CASES[a[0] as usize], requests: a[1], clock: a[2], faults: a[3], commits };
    let algorithm = [X::AsDesigned, X::WithoutIdempotencyRow, X::WithNewUuidOnRetry, X::LostAnswerTakenForFailure, X::WithoutUuidInKey, X::WithoutMembershipLock, X::WithoutSuccessor, X::MembershipJudgedFirst, X::OwnMembershipTakenForAnother, X::WithoutWaitingForAllRows][a[5] as usize];
    let m = Sends { bounds, algorithm };
    use sends::Property as P;
    let all = [P::Kept, P::Readable, P::RefusedIsNotStored, P::NotRefused, P::Once, P::EqualAnswers, P::NothingOverwritten, P::Ordered, P::OpenedOnce];
    let r = if a.len() > 6 { check_only(&m, &a[6..].iter().map(|i| all[*i as usize]).collect::<Vec<_>>()) } else { check(&m) };
    println!("{bounds:?} {algorithm:?} states {} transitions {} depth {} in {:?}", r.states, r.transitions, r.depth, t.elapsed());
    if let Some(v) = r.violation { println!("{v}"); }
    return;
    }
    let bounds = Bounds { members: a[0] as usize, messages: a[1], invocations: a[2] as usize, faults: a[3], tries: a[4], commits: if a[5]==1 {Commits::PieceByPiece} else {Commits::AtOnce}, listing: a[6]==1 };
    let algorithm = [Algorithm::AsDesigned, Algorithm::WithoutMaximum, Algorithm::WithoutMaximumOfBatch, Algorithm::WithoutGuard, Algorithm::WithoutMemberList, Algorithm::DescendingLocate, Algorithm::WithoutDrop, Algorithm::OldSystem][a[7] as usize];
    let r = check(&Moves { bounds, algorithm });
    println!("{bounds:?} {algorithm:?} states {} transitions {} depth {} in {:?}", r.states, r.transitions, r.depth, t.elapsed());
    if let Some(v) = r.violation { println!("{v}"); }
}
