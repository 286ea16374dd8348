//! The API of a running stack, called over HTTP.

use http::{Request, Response};
use simulation::people::Api;

use crate::conversation::{Client, client::Body};

/// An API at a URL. Cheap to clone.
#[derive(Clone)]
pub(super) struct HttpApi {
    client: Client,
    url: String,
}

impl HttpApi {
    pub(super) fn new(client: Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }
}

impl Api for HttpApi {
    /// `None` without a response within the client's timeout.
    async fn request(&self, request: Request<String>) -> Option<Response<String>> {
        let mut request = request.map(Body::from);
        *request.uri_mut() = format!("{}{}", self.url, request.uri()).parse().unwrap();
        let answer = self.client.request(request).await.ok()?;
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Some(response)
    }
}
