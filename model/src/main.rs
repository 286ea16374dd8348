//! tmp
use std::time::Instant;
use model::{checker::check, moves::{Algorithm, Bounds, Commits, Moves}};
fn main() {
    let a: Vec<u8> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let bounds = Bounds { members: a[0] as usize, messages: a[1], invocations: a[2] as usize, faults: a[3], tries: a[4], commits: if a[5]==1 {Commits::PieceByPiece} else {Commits::AtOnce}, listing: a[6]==1 };
    let algorithm = [Algorithm::AsDesigned, Algorithm::WithoutMaximum, Algorithm::WithoutMaximumOfBatch, Algorithm::WithoutGuard, Algorithm::WithoutMemberList, Algorithm::DescendingLocate, Algorithm::WithoutDrop, Algorithm::OldSystem][a[7] as usize];
    let t = Instant::now();
    let r = check(&Moves { bounds, algorithm });
    println!("{bounds:?} {algorithm:?} states {} transitions {} depth {} in {:?}", r.states, r.transitions, r.depth, t.elapsed());
    if let Some(v) = r.violation { println!("{v}"); }
}
