//! How `guardian` prints the replies to its queries.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use serfer_async::Replies;

pub(crate) async fn report(replies: Replies) {
    let answers = replies.collect().await;
    println!("Response from query 'status':");
    for (from, reply) in &answers.replies {
        println!("  From {from}: {}", String::from_utf8_lossy(reply));
    }
    println!("Total Ack: {}, Total Response: {}", answers.acks.len(), answers.replies.len());
}
