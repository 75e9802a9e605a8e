//! How `node` handles its event and its query.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use serfer_async::{Request, UserEvent};

pub(crate) async fn useless(event: UserEvent) {
    let payload = String::from_utf8_lossy(&event.payload);
    let UserEvent { name, ltime, .. } = &event;
    println!("Received user event {name:?} number {ltime} with payload {payload:?}");
}

pub(crate) async fn status(request: Request) {
    let status = "I am OK, thanks for asking";
    if let Err(error) = request.respond(status) {
        return println!("Failed to respond to query 'status': {error}");
    }
    let payload = String::from_utf8_lossy(&request.payload);
    let (name, number) = (&request.name, request.id.ltime());
    println!(
        "query {name:?} number {number} received with payload {payload:?} and the reply was {status:?}"
    );
}
