//! The API of a running stack, called over HTTP.

use http::{Request, Response};
use serde_json::Value;
use simulation::{lambda::Function, people::Api};

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
    /// Sends the request that an API Gateway event describes. `None` without a response within the client's timeout.
    async fn request(&self, _: Function, event: Value) -> Option<Response<String>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let query = text(&event["rawQueryString"]);
        let separator = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{separator}{query}", self.url, text(&event["rawPath"]));
        let mut request =
            Request::builder().method(&*text(&event["requestContext"]["http"]["method"])).uri(url);
        for (name, value) in event["headers"].as_object().into_iter().flatten() {
            request = request.header(name, text(value));
        }
        let request = request.body(Body::from(text(&event["body"]))).unwrap();
        let answer = self.client.request(request).await.ok()?;
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Some(response)
    }
}
