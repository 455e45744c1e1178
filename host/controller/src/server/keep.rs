//! The journal as a [`Keeper`]: the one place where the listener of events and the journal meet.

use bytes::Bytes;
use herald_core::intake::DedupKey;
use herald_journal::{Appended, Journal};
use jiff::Timestamp;

use super::events::{Keeper, Kept, NotKept};

impl Keeper for Journal {
    async fn keep(&self, key: DedupKey, body: Bytes) -> Result<Kept, NotKept> {
        match self.append(*key.as_bytes(), body, Timestamp::now()).await {
            Ok(Appended::New(_)) => Ok(Kept::New),
            Ok(Appended::Duplicate { until }) => Ok(Kept::Duplicate { until }),
            Err(source) => Err(NotKept::new(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use herald_core::intake::accept;
    use herald_journal::Settings;

    use super::*;

    #[tokio::test]
    async fn the_journal_keeps_an_event_once_and_none_after_its_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let (journal, mut recovered) =
            Journal::open(dir.path(), Settings::default()).await.expect("a new journal");
        let body = Bytes::from_static(b"null");
        let key = accept(&body).expect("an event").key;

        assert_eq!(journal.keep(key, body.clone()).await.expect("it is kept"), Kept::New);
        let again = journal.keep(key, body.clone()).await.expect("it is kept");
        assert!(
            matches!(again, Kept::Duplicate { until } if until > Timestamp::now()),
            "{again:?}"
        );
        assert_eq!(recovered.events.recv().await.expect("it is handed over").body, body);

        let closed = journal.clone();
        journal.close().await;
        assert!(closed.keep(key, body).await.is_err());
    }
}
