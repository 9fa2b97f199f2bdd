//! What servers answer, up to a limit: `object_store` reads the text of an error and a list whole, however long they are.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService, ReqwestConnector,
};

/// So much of an error is read. Servers explain one in some hundred bytes.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// The longest answer that is not an object: a list of a thousand names has 500 KB.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Connects as `object_store` does, with limits.
#[derive(Debug)]
pub(super) struct Limited;

impl HttpConnector for Limited {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct Client(HttpClient);

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let lists = request.uri().query().is_some_and(|query| query.contains("list-type="));
        let is_object = request.method() == "GET" && !lists;
        let (head, body) = self.0.execute(request).await?.into_parts();
        let body = match (head.status.is_success(), is_object) {
            // An object is read as it is wanted, and its reader knows how much that is.
            (true, true) => body,
            (true, false) => HttpResponseBody::from(read(body, ANSWER_BYTES_MAX, false).await?),
            // What an error begins with says which it is.
            (false, _) => HttpResponseBody::from(read(body, ERROR_BYTES_MAX, true).await?),
        };
        Ok(HttpResponse::from_parts(head, body))
    }
}

/// Reads a body up to a limit; what is longer is cut, or an error.
async fn read(body: HttpResponseBody, bytes_max: usize, cuts: bool) -> Result<Bytes, HttpError> {
    let (mut stream, mut bytes) = (body.bytes_stream(), Vec::new());
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() > bytes_max && cuts {
            bytes.truncate(bytes_max);
            break;
        }
        if bytes.len() > bytes_max {
            let why = std::io::Error::other(format!("the server answered more than {bytes_max} bytes"));
            return Err(HttpError::new(HttpErrorKind::Decode, why));
        }
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_cut_and_a_list_that_does_not_end_is_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = |bytes: usize| HttpResponseBody::from(vec![b'x'; bytes]);
        let read = |bytes, cuts| runtime.block_on(read(body(bytes), 100, cuts));
        assert_eq!(read(100, false).unwrap().len(), 100);
        assert_eq!(read(500, true).unwrap().len(), 100);
        assert!(read(101, false).unwrap_err().to_string().contains("more than 100 bytes"));
    }
}
