//! The bucket for uploaded code.
//!
//! The name contains the account, so that anybody could have created the bucket. Each request therefore names the
//! expected owner.

use anyhow::{Result, bail};
use http::{HeaderValue, Method, Request, StatusCode};

use crate::{
    advice::advised,
    aws_calls::{Calls, S3},
    output::printable,
};

/// A bucket, which may not exist.
#[derive(Debug)]
pub(crate) struct Bucket<'a> {
    calls: &'a Calls,
    pub(crate) name: String,
    account: HeaderValue,
    region: String,
    url: String,
}

impl<'a> Bucket<'a> {
    /// The bucket with a name, or that of this command in the account and region.
    pub(crate) fn new(calls: &'a Calls, account: &str, region: &str, name: Option<&str>) -> Result<Self> {
        let own = || format!("cruddur-deploy-{account}-{region}");
        let name = name.map_or_else(own, str::to_owned);
        let url = calls.bucket_url(&name);
        Ok(Self { calls, name, account: account.parse()?, region: region.to_owned(), url })
    }

    /// The URL of an object, which CloudFormation reads with the caller's permissions.
    pub(crate) fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.url)
    }

    /// Returns whether the bucket exists and belongs to the account.
    pub(crate) async fn exists(&self) -> Result<bool> {
        match self.send(Method::HEAD, "", Vec::new()).await? {
            (StatusCode::OK, _) => Ok(true),
            (StatusCode::NOT_FOUND, _) => Ok(false),
            (StatusCode::FORBIDDEN, _) => Err(advised(
                format!("bucket {} denied access", self.name),
                "it may belong to another account; use another one with --bucket, or grant s3:ListBucket",
            )),
            (status, text) => Err(self.unexpected("HEAD", status, &text)),
        }
    }

    /// Creates the bucket. New buckets are private and encrypted.
    pub(crate) async fn create(&self) -> Result<()> {
        let body = if self.region == "us-east-1" {
            String::new()
        } else {
            format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{}\
                 </LocationConstraint></CreateBucketConfiguration>",
                self.region
            )
        };
        match self.send(Method::PUT, "", body.into_bytes()).await? {
            (StatusCode::OK, _) => Ok(()),
            (status, text) => Err(self.unexpected("CreateBucket", status, &text)),
        }
    }

    pub(crate) async fn has(&self, key: &str) -> Result<bool> {
        match self.send(Method::HEAD, key, Vec::new()).await? {
            (StatusCode::OK, _) => Ok(true),
            // Without s3:ListBucket, S3 answers 403 for a missing object.
            (StatusCode::NOT_FOUND | StatusCode::FORBIDDEN, _) => Ok(false),
            (status, text) => Err(self.unexpected("HeadObject", status, &text)),
        }
    }

    pub(crate) async fn put(&self, key: &str, content: Vec<u8>) -> Result<()> {
        match self.send(Method::PUT, key, content).await? {
            (StatusCode::OK, _) => Ok(()),
            (status, text) => Err(self.unexpected("PutObject", status, &text)),
        }
    }

    /// Returns whether an object's key starts with `prefix`.
    pub(crate) async fn has_any(&self, prefix: &str) -> Result<bool> {
        Ok(!keys(&self.list(prefix).await?).is_empty())
    }

    /// The first page of a list of objects, in XML.
    async fn list(&self, prefix: &str) -> Result<String> {
        let query = format!("?list-type=2&prefix={}", prefix.replace('/', "%2F"));
        match self.send(Method::GET, &query, Vec::new()).await? {
            (StatusCode::OK, text) => Ok(text),
            (status, text) => Err(self.unexpected("ListObjectsV2", status, &text)),
        }
    }

    /// Deletes the objects whose keys start with `prefix`. Returns their number.
    pub(crate) async fn delete_all(&self, prefix: &str) -> Result<usize> {
        let mut deleted = 0;
        loop {
            let text = self.list(prefix).await?;
            let keys = keys(&text);
            if keys.is_empty() {
                return Ok(deleted);
            }
            for key in keys {
                match self.send(Method::DELETE, key, Vec::new()).await? {
                    (StatusCode::NO_CONTENT | StatusCode::OK, _) => deleted += 1,
                    (status, text) => return Err(self.unexpected("DeleteObject", status, &text)),
                }
            }
        }
    }

    /// Deletes the bucket if it is empty. Returns whether it was.
    pub(crate) async fn delete_if_empty(&self) -> Result<bool> {
        match self.send(Method::DELETE, "", Vec::new()).await? {
            (StatusCode::NO_CONTENT | StatusCode::OK, _) => Ok(true),
            (StatusCode::CONFLICT, _) => Ok(false),
            (status, text) => Err(self.unexpected("DeleteBucket", status, &text)),
        }
    }

    async fn send(&self, method: Method, key: &str, body: Vec<u8>) -> Result<(StatusCode, String)> {
        let url = if key.is_empty() { self.url.clone() } else { self.url_of(key) };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        request.headers_mut().insert("x-amz-expected-bucket-owner", self.account.clone());
        match self.calls.send(S3, &url, &request).await {
            Ok(answer) => Ok(answer),
            Err(error) => bail!("bucket {}: {error:#}", self.name),
        }
    }

    fn unexpected(&self, action: &str, status: StatusCode, text: &str) -> anyhow::Error {
        let message = between(text, "<Message>", "</Message>").next().unwrap_or("no reason given");
        let error = format!("bucket {}: {action} failed with {status} ({})", self.name, printable(message));
        match status {
            StatusCode::FORBIDDEN => advised(error, format!("grant s3:{action} on it, or use --bucket")),
            _ => anyhow::Error::msg(error),
        }
    }
}

/// The keys in a list of objects. Keys of this command have no characters that XML escapes.
fn keys(list: &str) -> Vec<&str> {
    between(list, "<Key>", "</Key>").collect()
}

fn between<'t>(text: &'t str, start: &'static str, end: &'static str) -> impl Iterator<Item = &'t str> {
    text.split(start).skip(1).filter_map(move |rest| Some(rest.split_once(end)?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_a_list() {
        let list = "<ListBucketResult><Contents><Key>stack/a-1.zip</Key><Size>1</Size></Contents>\
                    <Contents><Key>stack/template-2.yaml</Key></Contents></ListBucketResult>";
        assert_eq!(keys(list), ["stack/a-1.zip", "stack/template-2.yaml"]);
        assert!(keys("<ListBucketResult/>").is_empty());
    }
}
