//! The client's offer of subprotocols: `cruddur.v1, device.{uuid}, bearer.{access token}`.
//!
//! Browsers can send no other header with a handshake, so device and token travel as subprotocols. Neither is in the
//! URL, which proxies log.

use cruddur::{
    error::{Error, Violation},
    request,
};
use http::{HeaderMap, HeaderValue, header};
use uuid::Uuid;

/// The subprotocol that the function selects.
pub(crate) const PROTOCOL: &str = "cruddur.v1";

/// The offered subprotocols.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    pub(crate) has_protocol: bool,
    devices: Vec<String>,
}

impl Offer {
    /// Takes the offer from the headers. A token in the offer becomes an `Authorization` header.
    pub(crate) fn take(headers: &mut HeaderMap) -> Self {
        let mut offer = Self::default();
        let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect::<Vec<_>>();
        for entry in values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
        {
            let entry = entry.trim();
            if entry == PROTOCOL {
                offer.has_protocol = true;
            } else if let Some(device) = entry.strip_prefix("device.") {
                offer.devices.push(device.to_owned());
            } else if let Some(token) = entry.strip_prefix("bearer.")
                && let Ok(value) = HeaderValue::try_from(format!("Bearer {token}"))
            {
                headers.append(header::AUTHORIZATION, value);
            }
        }
        offer
    }

    /// The device. Fails with [`Violation::DeviceInvalid`] unless exactly one is offered.
    pub(crate) fn device_uuid(&self) -> Result<Uuid, Error> {
        match &*self.devices {
            [device] => Ok(request::device_uuid(device)?),
            _ => Err(Violation::DeviceInvalid.into()),
        }
    }
}
