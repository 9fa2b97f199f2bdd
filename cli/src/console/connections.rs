//! Connections: how they are accepted, how long each may take, and how they end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::connection_slots::{HeldSlot, Slots};
use super::peer::PeerUser;
use super::wire::Wire;
use crate::args::Serve;
use crate::error::CommandError;
use crate::stop;

/// How long a client may take to send a request's head.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
const WRITE_WAIT: Duration = Duration::from_secs(30);
/// How long requests that run are waited for when the program ends.
const END_WAIT: Duration = Duration::from_secs(5);
/// How often it is asked whether to stop.
pub(super) const STOP_STEP: Duration = Duration::from_millis(100);

/// The certificate and its key, where they are given.
pub(super) fn tls(serve: &Serve) -> Result<Option<TlsAcceptor>, CommandError> {
    use pki_types::pem::PemObject;
    use tokio_rustls::rustls::{ServerConfig, crypto, pki_types};
    let (Some(cert), Some(key)) = (&serve.tls_cert, &serve.tls_key) else { return Ok(None) };
    let wrong =
        |path: &Path, why: &dyn std::fmt::Display| CommandError::user(format!("`{}`: {why}", path.display()));
    only_ours(key)?;
    let chain = pki_types::CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| wrong(cert, &e))?;
    let secret = pki_types::PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(key, &e))?;
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|e| wrong(cert, &e))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// A key that others can read is nobody's.
fn only_ours(path: &Path) -> Result<(), CommandError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path)
            .map_err(|e| CommandError::user(format!("`{}`: {e}", path.display())))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(CommandError::user(format!("`{}` can be read by others", path.display()))
                .hint(format!("`chmod 600 {}`", path.display())));
        }
    }
    Ok(())
}

/// Accepts connections until somebody asks to stop, and then waits for what runs.
pub(super) async fn accept(router: Router, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let slots = Arc::new(Slots::default());
    let (end, ended) = watch::channel(());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = asked_to_stop() => break,
        };
        let Ok((stream, peer)) = accepted else {
            // No more files can be opened, or the client has gone: the next one may do better.
            tokio::time::sleep(STOP_STEP).await;
            continue;
        };
        let (router, tls, ended, held) = (router.clone(), tls.clone(), ended.clone(), slots.enter());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(local) = stream.local_addr() else { return };
            // The system's list of connections is read from a file, which takes longer the more there are.
            let looked_up = tokio::task::spawn_blocking(move || PeerUser::of(peer, local));
            let user = tokio::select! {
                user = looked_up => user,
                () = held.slot().is_wanted() => return,
            };
            let Ok(user) = user else { return };
            let of = OfConnection { router: TowerToHyperService::new(router), held, user };
            match tls {
                None => serve_one(stream, of, ended).await,
                Some(tls) => {
                    let shaken = tokio::select! {
                        shaken = tokio::time::timeout(HEAD_WAIT, tls.accept(stream)) => shaken,
                        () = of.held.slot().is_wanted() => return,
                    };
                    if let Ok(Ok(stream)) = shaken {
                        serve_one(stream, of, ended).await;
                    }
                }
            }
        });
    }
    drop(ended);
    let _ = end.send(());
    // All others have dropped their end once their connections are closed.
    let _ = tokio::time::timeout(END_WAIT, end.closed()).await;
}

async fn asked_to_stop() {
    while !stop::is_asked() {
        tokio::time::sleep(STOP_STEP).await;
    }
}

async fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: OfConnection,
    mut ended: watch::Receiver<()>,
) {
    let held = service.held.clone();
    let stream = Wire::new(stream, WRITE_WAIT);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = held.slot().is_wanted() => return,
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    // What was begun is answered; a client that waits for nothing is let go.
    let _ = tokio::time::timeout(END_WAIT, connection).await;
}

/// The routes, for the requests of one connection: each is told which one that is, and whose.
struct OfConnection {
    router: TowerToHyperService<Router>,
    held: HeldSlot,
    user: PeerUser,
}

type Answering = std::pin::Pin<Box<dyn Future<Output = Result<Response, std::convert::Infallible>> + Send>>;

impl Service<hyper::Request<Incoming>> for OfConnection {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = Answering;

    fn call(&self, mut request: hyper::Request<Incoming>) -> Answering {
        // Where a body in chunks ends is not followed, so nothing comes after it.
        let is_last = request.headers().contains_key(header::TRANSFER_ENCODING);
        request.extensions_mut().insert(self.held.clone());
        request.extensions_mut().insert(self.user);
        let answer = self.router.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if is_last {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}
