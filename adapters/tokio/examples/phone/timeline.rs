//! Who told what when: the phones side by side, and whether what should happen does.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use satkeeper::Client;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::media::Media;
use crate::phone::{News, Order, Phone};

/// Longest time that a step may take: a renewal comes within the life of a token, 20 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which phone.
#[derive(Clone, Copy)]
pub(crate) struct User(usize);

/// A step that did not happen.
#[derive(Debug)]
pub(crate) struct Missing {
    who: &'static str,
    step: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: this did not happen: {}", self.who, self.step)
    }
}

impl Error for Missing {}

struct Entry {
    name: &'static str,
    client: Client,
    orders: mpsc::UnboundedSender<Order>,
}

/// Prints what is told, with the seconds since its start.
#[derive(Clone, Copy)]
pub(crate) struct Printer {
    began: Instant,
}

impl Printer {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now() }
    }

    pub(crate) fn line(self, who: &str, what: &str) {
        let line = format!("{:6.2}  {who:<6}  {what}", self.began.elapsed().as_secs_f64());
        println!("{}", line.chars().take(80).collect::<String>());
    }
}

pub(crate) struct Timeline {
    printer: Printer,
    phones: Vec<Entry>,
    sender: mpsc::UnboundedSender<(usize, News)>,
    news: mpsc::UnboundedReceiver<(usize, News)>,
    /// Told and printed while somebody waited for something else.
    early: Vec<(usize, News)>,
}

impl Timeline {
    pub(crate) fn new(printer: Printer) -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        Self { printer, phones: Vec::new(), sender, news, early: Vec::new() }
    }

    /// Another phone.
    pub(crate) fn add(
        &mut self,
        name: &'static str,
        client: Client,
        new_media: impl Fn() -> Box<dyn Media> + Send + 'static,
    ) -> User {
        let at = self.phones.len();
        let ((told, mut news), sender) = (mpsc::unbounded_channel(), self.sender.clone());
        tokio::spawn(async move {
            while let Some(news) = news.recv().await
                && sender.send((at, news)).is_ok()
            {}
        });
        let (orders, obeyed) = mpsc::unbounded_channel();
        tokio::spawn(Phone::new(client.clone(), Box::new(new_media), told).run(obeyed));
        self.phones.push(Entry { name, client, orders });
        User(at)
    }

    /// What the script says. What was told before that does not count any more.
    pub(crate) fn note(&mut self, what: &str) {
        while let Ok((at, news)) = self.news.try_recv() {
            self.printer.line(self.phones[at].name, &news.to_string());
        }
        self.early.clear();
        self.printer.line("--", what);
    }

    pub(crate) fn client(&self, user: User) -> &Client {
        &self.phones[user.0].client
    }

    pub(crate) fn order(&self, user: User, order: Order) {
        // A phone whose session is over obeys nobody: what is waited for next does not happen.
        let _ = self.phones[user.0].orders.send(order);
    }

    /// Prints what happens until a phone has told what is `wanted`.
    pub(crate) async fn until(
        &mut self,
        user: User,
        step: &'static str,
        wanted: impl Fn(&News) -> bool,
    ) -> Result<(), Missing> {
        let is_it = |(at, news): &(usize, News)| *at == user.0 && wanted(news);
        if let Some(at) = self.early.iter().position(is_it) {
            self.early.remove(at);
            return Ok(());
        }
        let missing = Missing { who: self.phones[user.0].name, step };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(Some(told)) = timeout(left, self.news.recv()).await else { return Err(missing) };
            self.printer.line(self.phones[told.0].name, &told.1.to_string());
            if is_it(&told) {
                return Ok(());
            }
            if matches!(told.1, News::Failed(_)) {
                return Err(missing);
            }
            self.early.push(told);
        }
    }

    /// Digits from one to the other, until both sides know: what is unanswered when its socket is cut fails.
    pub(crate) async fn digits(&mut self, from: User, digits: &'static str, to: User) -> Result<(), Missing> {
        self.order(from, Order::Digits(digits));
        self.until(from, "the digits sent", |news| matches!(news, News::DigitsSent(sent) if *sent == digits))
            .await?;
        self.until(to, "the digits", |news| matches!(news, News::Digits(heard) if heard == digits)).await
    }

    /// Ends the session of a phone.
    pub(crate) async fn leave(&self, user: User) {
        let entry = &self.phones[user.0];
        let end = entry.client.disconnect().await;
        self.printer.line(entry.name, &format!("session over: {}", end.reason.name()));
    }
}
