//! `$connect` of the WebSocket API: opens a socket for a device of the caller.

#![warn(missing_docs)]

use chrono::DateTime;
use cruddur::{
    auth::{TokenRefusal, Verifier},
    clock::Clock,
    config::{ConfigError, Lookup},
    connection::{Connections, MAX_USER_AGENT_BYTES, NewConnection},
    dynamodb::CallLimits,
    error::Error,
    event::{ConnectEvent, connect_result},
    invocation, respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lambda_http::{Body, LambdaEvent, Response, aws_lambda_events::apigw::ApiGatewayProxyResponse};

use self::offer::Offer;

mod offer;

/// The route, as API Gateway names it.
pub const ROUTE: &str = "$connect";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller.
    pub users: Users,
    /// Stores the connection.
    pub connections: Connections,
    /// Rejects tokens that are over.
    pub clock: Clock,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            connections: Connections::from_lookup(lookup, CallLimits::WRITE)?,
            clock: Clock::system(),
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.connections.warm_up());
        failures([keys, users, table])
    }
}

/// Answers an event. API Gateway opens the socket if the status is 200, and otherwise answers with the status.
pub async fn handler(app: &App, event: LambdaEvent<ConnectEvent>) -> ApiGatewayProxyResponse {
    let response = respond::answer(ROUTE, serve(app, event.payload)).await;
    connect_result(response)
}

async fn serve(app: &App, event: ConnectEvent) -> Result<Response<Body>, Error> {
    let mut headers = event.headers();
    let offer = Offer::take(&mut headers);
    let token = app.verifier.verify(&headers).await?;
    // The leeway for clocks does not apply here: nothing may be sent after the token's end.
    if token.expires_at <= app.clock.now().timestamp() {
        return Err(Error::Unauthenticated(TokenRefusal::Expired));
    }
    let device_uuid = offer.device_uuid()?;
    let (connection_id, connected_at) =
        event.connection().ok_or_else(|| Error::internal("the event has no connectionId and connectedAt"))?;

    let caller = app.users.uuid_of(&token.sign_in).await?;
    invocation::user(caller);
    let connection = NewConnection {
        device_uuid,
        connection_id,
        connected_at: DateTime::from_timestamp_millis(connected_at).unwrap_or_else(|| app.clock.now()),
        token_expires_at: token.expires_at,
        user_agent: user_agent(&headers),
    };
    let stored = app.connections.open(caller, connection).await?;
    // A sign-out meanwhile has not deleted the connection, and the cache may know nothing of an earlier one.
    if let Err(error) = app.users.current_uuid_of(&token.sign_in).await {
        app.connections.remove(caller, &stored).await?;
        return Err(error);
    }

    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::OK;
    if offer.has_protocol {
        let protocol = HeaderValue::from_static(offer::PROTOCOL);
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

/// The beginning of the `User-Agent`. Only ASCII: other bytes are not text.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT_BYTES).collect()).filter(|text: &String| !text.is_empty())
}
