//! Running futures side by side.

use std::task::Poll;

use futures_lite::future;

/// Runs futures side by side, not more than `limit` at a time. Returns their results in their order.
pub(crate) async fn side_by_side<T>(
    limit: usize,
    futures: impl Iterator<Item: Future<Output = T>>,
) -> Vec<T> {
    let mut futures = futures.map(Box::pin).fuse();
    let mut results = Vec::new();
    let mut running = Vec::new();
    future::poll_fn(|cx| {
        while running.len() < limit
            && let Some(future) = futures.next()
        {
            running.push((results.len(), future));
            results.push(None);
        }
        if running.is_empty() {
            return Poll::Ready(());
        }
        let before = running.len();
        running.retain_mut(|(at, future)| match future.as_mut().poll(cx) {
            Poll::Ready(result) => {
                results[*at] = Some(result);
                false
            }
            Poll::Pending => true,
        });
        if running.len() < before {
            // There is room for more, or this is the end. Other tasks have their turn first.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
    results.into_iter().flatten().collect()
}
