//! Media that are heard: the trait's methods, as orders to the engine, which runs beside the phone.

use std::io;

use satkeeper::IceServer;
use tokio::sync::{mpsc, oneshot};

use crate::ear::Ear;
use crate::engine::{Engine, Order, Report};
use crate::media::{Description, Media};
use crate::tone::Sine;

pub(crate) struct Sound {
    /// The engine ends with it.
    orders: Option<mpsc::UnboundedSender<Order>>,
}

impl Sound {
    /// Sends a tone of this frequency, and hears with this ear.
    pub(crate) fn new(hz: u32, ear: Ear, report: Report) -> Self {
        let (orders, obeyed) = mpsc::unbounded_channel();
        tokio::spawn(Engine::new(Sine::new(hz), ear, report).run(obeyed));
        Self { orders: Some(orders) }
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // An engine that has failed has said so.
            let _ = orders.send(order);
        }
    }

    fn describe(
        &self,
        order: impl FnOnce(oneshot::Sender<io::Result<String>>) -> Order,
    ) -> Description<'static> {
        let (done, described) = oneshot::channel();
        self.order(order(done));
        Box::pin(async { described.await.unwrap_or_else(|_| Err(io::Error::other("the engine has ended"))) })
    }
}

impl Media for Sound {
    fn offer(&mut self, servers: Vec<IceServer>) -> Description<'_> {
        self.describe(|done| Order::Offer(servers, done))
    }

    fn answer(&mut self, servers: Vec<IceServer>, offer: String) -> Description<'_> {
        self.describe(|done| Order::Answer(servers, offer, done))
    }

    fn accept(&mut self, answer: &str) {
        self.order(Order::Accept(answer.to_owned()));
    }

    fn hold(&mut self, held: bool) {
        self.order(Order::Hold(held));
    }

    fn close(&mut self) {
        self.orders = None;
    }
}
