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
/// The status of a request that the server does not accept.
const BAD_REQUEST: u16 = 400;
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
        let answer = self.0.execute(request).await?;
        if let Some(answer) = naming_the_region(&answer) {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
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

/// Returns an error that names the bucket's region, where only the headers of a redirect do. `object_store` reports a
/// redirect to nowhere without them.
fn naming_the_region(answer: &HttpResponse) -> Option<HttpResponse> {
    let is_bare = answer.status().is_redirection() && !answer.headers().contains_key("location");
    let region = answer.headers().get("x-amz-bucket-region").filter(|_| is_bare)?.to_str().ok()?;
    if !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return None;
    }
    let why = "the bucket is in another region";
    let text = format!(
        "<Error><Code>PermanentRedirect</Code><Message>{why}</Message><Region>{region}</Region></Error>"
    );
    let mut named = HttpResponse::new(HttpResponseBody::from(text.into_bytes()));
    *named.status_mut() = BAD_REQUEST.try_into().ok()?;
    Some(named)
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
    use object_store::HeaderValue;

    use super::*;

    #[test]
    fn a_redirect_to_nowhere_becomes_an_answer_that_names_the_region() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let named = |status: u16, headers: &[(&'static str, &'static str)]| {
            let mut answer = HttpResponse::new(HttpResponseBody::from(Vec::new()));
            *answer.status_mut() = status.try_into().unwrap();
            for (name, value) in headers {
                answer.headers_mut().insert(*name, HeaderValue::from_static(value));
            }
            let answer = naming_the_region(&answer)?;
            assert_eq!(answer.status().as_u16(), 400);
            let text = runtime.block_on(read(answer.into_body(), 1_000, true)).unwrap();
            Some(String::from_utf8(text.to_vec()).unwrap())
        };
        let region = ("x-amz-bucket-region", "eu-west-1");
        let answer = named(301, &[region]).unwrap();
        assert!(answer.contains("<Region>eu-west-1</Region>"), "{answer}");
        assert_eq!(named(301, &[region, ("location", "https://x")]), None);
        assert_eq!(named(200, &[region]), None);
        assert_eq!(named(301, &[]), None);
        assert_eq!(named(301, &[("x-amz-bucket-region", "<x>")]), None);
    }

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
